"""Which project files the user trusts: by absolute path and content, so that a change asks again.

The list lies in the user's config directory, never where a project could put it. It gives rights only; losing it costs
a question.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

from assetctl.errors import ConfigError

_FILE: Final = "trusted.json"
_SCHEMA: Final = "assetctl.trust/1"


def is_trusted(file: Path, sha256: str, config_dir: Path) -> bool:
    """Whether the user trusted `file` when its content had this SHA-256.

    Raises:
        ConfigError: the list cannot be read.
    """
    return _read(config_dir / _FILE).get(str(file.resolve())) == sha256


def remember(file: Path, sha256: str, config_dir: Path) -> None:
    """The user trusts `file` with this content; stored atomically, readable by the user alone.

    Raises:
        ConfigError: the list cannot be read or written.
    """
    trusted = _read(config_dir / _FILE) | {str(file.resolve()): sha256}
    content = json.dumps({"schema": _SCHEMA, "trusted": trusted}, indent=2, sort_keys=True)
    try:
        config_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _replace(config_dir / _FILE, content)
    except OSError as error:
        raise ConfigError(f"the trust cannot be stored in `{config_dir}`", why=error.strerror) from error


def _read(path: Path) -> dict[str, str]:
    try:
        document: Any = json.loads(path.read_bytes())
        trusted = document["trusted"] if document["schema"] == _SCHEMA else None
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"the list of trusted files `{path}` cannot be read", why=error.strerror) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _garbled(path) from error
    if not isinstance(trusted, dict):
        raise _garbled(path)
    return cast("dict[str, str]", trusted)


def _garbled(path: Path) -> ConfigError:
    return ConfigError(
        f"`{path}` is no list of trusted files that this version understands",
        hint="remove it and run `assetctl config trust` again where you need it",
    )


def _replace(path: Path, content: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 by its own promise
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
