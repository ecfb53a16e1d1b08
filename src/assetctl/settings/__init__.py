"""Settings: option, environment, project file, user file, default; each value typed and with its origin.

The environment, the working directory and the user's directories are read here and nowhere below. A settings file of a
project is a stranger's: it may not set where credentials go unless the user trusted it. Importing this costs little;
TOML and pydantic are loaded only when there is something to check (`loading.py`).
"""

from assetctl.secret import Secret
from assetctl.settings.known import KnownSetting, example_toml, known_settings
from assetctl.settings.layers import PROCESS_VARIABLES, UserDirs, file_locations, user_dirs
from assetctl.settings.loading import check, debug_wanted, load, trust
from assetctl.settings.values import Settings, shown_value

__all__ = [
    "PROCESS_VARIABLES",
    "KnownSetting",
    "Secret",
    "Settings",
    "UserDirs",
    "check",
    "debug_wanted",
    "example_toml",
    "file_locations",
    "known_settings",
    "load",
    "shown_value",
    "trust",
    "user_dirs",
]
