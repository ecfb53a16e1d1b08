"""How a fresh interpreter of ours is started: for a renderer that outlives its asker, for a decoder that may die.

It gets the same places to import from and nothing else that steers an interpreter: no environment, no site of a user,
no folder it happens to stand in.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

# A checkout, a zip or a plug-in folder is found where the asker found it; -I keeps everything else out.
_BOOT: Final = (
    "import importlib, json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "getattr(importlib.import_module(sys.argv[2]), 'main')(*sys.argv[3:])"
)


def command(module: str, *arguments: str) -> list[str]:
    """The command line of an interpreter that calls `main` of `module`, which is one of ours, with `arguments`."""
    places = json.dumps([str(Path(entry).absolute()) for entry in sys.path])
    return [sys.executable, "-I", "-c", _BOOT, places, module, *arguments]
