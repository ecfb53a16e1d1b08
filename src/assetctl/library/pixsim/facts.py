"""What is known of a PixSim7 server's library before anything of it is loaded."""

from __future__ import annotations

from typing import Final

LIBRARY: Final = "pixsim"
RECHECK_AFTER_S: Final = 86_400.0
"""How long a cached copy is served before the server is asked about it again."""
