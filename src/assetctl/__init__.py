"""Ask for the asset of a scene, get a verified file; never wait or pay for the same thing twice.

The names listed in `__all__` are the public surface; each is loaded when it is first used, so that the command line
starts without them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assetctl import errors
    from assetctl.errors import AssetctlError
    from assetctl.events import AssetEventBus
    from assetctl.generation.base import Generator
    from assetctl.library.base import Library
    from assetctl.models import Asset, AssetRequest, AssetType, Reuse, Source, Strategy, Style
    from assetctl.providers.base import AssetProvider
    from assetctl.service import AssetService
    from assetctl.wiring import open_stack

__all__ = [
    "Asset",
    "AssetEventBus",
    "AssetProvider",
    "AssetRequest",
    "AssetService",
    "AssetType",
    "AssetctlError",
    "Generator",
    "Library",
    "Reuse",
    "Source",
    "Strategy",
    "Style",
    "errors",
    "open_stack",
]

_HOMES = {
    "Asset": "models",
    "AssetEventBus": "events",
    "AssetProvider": "providers.base",
    "AssetRequest": "models",
    "AssetService": "service",
    "AssetType": "models",
    "AssetctlError": "errors",
    "Generator": "generation.base",
    "Library": "library.base",
    "Reuse": "models",
    "Source": "models",
    "Strategy": "models",
    "Style": "models",
    "open_stack": "wiring",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `assetctl` has no attribute `{name}`")
    return getattr(importlib.import_module(f"assetctl.{_HOMES[name]}"), name)
