"""The file of a finished job: which asset it is, and where its bytes are.

The server says that a job is complete about a second before the file is in its own store. The stored copy neither
expires nor changes and has a digest, so it is waited for a little; then the vendor's link has to do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from assetctl.errors import JobFailed
from assetctl.generation.base import GeneratedFile
from assetctl.pixsim.links import is_on_its_way, links

if TYPE_CHECKING:
    from assetctl.clock import Clock
    from assetctl.generation.base import Hints
    from assetctl.network import Origin
    from assetctl.pixsim.records import Generation, StoredAsset

_PAUSES_S: Final = (0.1, 0.3, 0.6, 1.0, 1.0)
#: While the server is heard, it says itself when it has stored the file.
_HINTED_PAUSES_S: Final = (1.0, 1.0, 1.0)
_REFUSED: Final = {"provider_status": "flagged", "signal_override": "broken"}


class Assets(Protocol):
    """Where assets are read."""

    @property
    def origin(self) -> Origin:
        """Whose server it is."""
        ...

    async def asset(self, asset_id: int) -> StoredAsset | None:
        """The asset as it is now; None when there is none of that id.

        Raises:
            ServiceError: the server could not be asked.
        """
        ...


async def file_of(assets: Assets, row: Generation, clock: Clock, hints: Hints | None = None) -> GeneratedFile:
    """The file of the job of `row`, with what the server states of it; asked again, it gives a fresh link.

    `hints` shorten the wait for the server's own copy.

    Raises:
        JobFailed: there is no asset, or no file of it that may be used.
        ServiceError: the server could not be asked.
    """
    job_id = str(row.id)
    if row.asset_id is None:
        raise _failed(job_id, f"the job `{row.id}` has no asset", f"the backend calls it `{row.status:.40}`")
    file = file_at(await usable_asset(assets, row.asset_id, job_id, clock, hints), assets.origin, job_id)
    return replace(
        file,
        created_at=file.created_at or row.completed_at,
        model=file.model or _model_of(row),
        generation_time_ms=_duration_ms(row),
    )


async def usable_asset(
    assets: Assets, asset_id: int, job_id: str, clock: Clock, hints: Hints | None = None
) -> StoredAsset:
    """The asset that a job made, its own copy waited for a little.

    Raises:
        JobFailed: there is none, or the server itself says that it can't be used.
        ServiceError: the server could not be asked.
    """
    stored = await assets.asset(asset_id)
    pauses_s = _PAUSES_S if hints is None or not hints.is_live else _HINTED_PAUSES_S
    for pause_s in pauses_s:
        if stored is None or not _is_worth_waiting(stored, assets.origin, clock):
            break
        if hints is None:
            await clock.sleep(pause_s)
        else:
            await hints.wait(job_id, pause_s)
        stored = await assets.asset(asset_id)
    if stored is None:
        raise _failed(job_id, f"the asset `{asset_id}` is gone", "somebody deleted it at the backend")
    for field, word in _REFUSED.items():
        if getattr(stored, field) == word:
            raise _failed(job_id, f"the asset `{stored.id}` can't be used", f"the backend calls it {word}")
    return stored


def file_at(stored: StoredAsset, origin: Origin, job_id: str) -> GeneratedFile:
    """The file of `stored`, with what the server states of it.

    Raises:
        JobFailed: it has none that may be used.
    """
    found = links(stored, origin)
    if not found:
        raise _failed(job_id, f"the asset `{stored.id}` has no file that can be fetched", _without_file(stored, origin))
    return GeneratedFile(
        asset_id=str(stored.id),
        url=found[0].address,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        created_at=stored.created_at,
        model=stored.model,
    )


def _is_worth_waiting(stored: StoredAsset, origin: Origin, clock: Clock) -> bool:
    return is_on_its_way(stored, clock.now()) and not any(link.is_own for link in links(stored, origin))


def _without_file(stored: StoredAsset, origin: Origin) -> str:
    if stored.file_url is None and stored.remote_url is None:
        return "the backend states no address for it"
    return f"`{origin}` has no copy, and the vendor's address is none or shows a placeholder"


def _model_of(row: Generation) -> str | None:
    model = row.canonical_params.get("model")
    return model if isinstance(model, str) else None


def _duration_ms(row: Generation) -> int | None:
    if row.started_at is None or row.completed_at is None or row.completed_at < row.started_at:
        return None
    return round((row.completed_at - row.started_at).total_seconds() * 1000)


def _failed(job_id: str, what: str, why: str) -> JobFailed:
    return JobFailed(what, why=why, job_id=job_id)
