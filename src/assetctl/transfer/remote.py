"""What is fetched, what came of it, and how much of anything is too much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

import httpx

from assetctl.models import AssetType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assetctl.filesystem import HashedFile

Recognise: TypeAlias = Callable[[bytes, AssetType], str | None]
"""Says of the first `HEAD_BYTES` of a file what is wrong with them for its type, None when nothing is."""

HEAD_BYTES: Final = 4096

MAX_BYTES: Final[Mapping[AssetType, int]] = MappingProxyType(
    {
        AssetType.VIDEO: 4 << 30,
        AssetType.IMAGE: 256 << 20,
        AssetType.AUDIO: 512 << 20,
        AssetType.MODEL_3D: 2 << 30,
    }
)
"""What no file of a type is larger than; a server that sends more is not believed."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file somewhere else. `sha256` (lower-case hex) and `size_bytes` are None where nobody states them."""

    url: str
    asset_type: AssetType
    sha256: str | None = None
    size_bytes: int | None = None

    def __repr__(self) -> str:
        """Without the address: the signature of a link is a key to the file."""
        return f"RemoteFile({self.asset_type.value}, sha256={self.sha256}, size_bytes={self.size_bytes})"

    @property
    def identity(self) -> str:
        """The same for two links to the same place, however they are signed; gives neither away."""
        url = httpx.URL(self.url)
        return sha256(f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that came whole, `hashed` on its way. It is the caller's now, and not yet synced."""

    path: Path
    hashed: HashedFile


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """How long a transfer may take, pauses and repeats included, and how slow it may be over `window_s`."""

    deadline_s: float = 1800.0
    min_bytes_per_s: float = 4096.0
    window_s: float = 30.0
