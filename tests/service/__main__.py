"""`python -m tests.service --port 8000 --user me:secret-word`: the look-alike by hand, until it is interrupted."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # Its modules are called `service.…` wherever they are imported from.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from service.program import main

    main()
