"""One storyboard job as a folder: its order, how far it is, and how it ended.

    order.json      what to render; there from the moment the folder has its name
    starts.json     how often a renderer was started
    progress.json   how far the present renderer is; may be lost
    cancel          somebody wants it to stop
    result.<ext>    the finished file
    outcome.json    how it ended; written once, after the result, by whoever holds the renderer's lock
    renderer.lock   held by the process that renders; starter.lock by the one that decides to start it
    renderer.log    what a renderer said before it died

Every file is whole or not there. Nothing here renders or starts a process.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from assetctl import documents, filesystem
from assetctl.errors import AssetctlError, JobFailed
from assetctl.generation.base import JobState, JobStatus
from assetctl.text import safe

if TYPE_CHECKING:
    from pathlib import Path

    from assetctl.generation.base import GenerationOrder
    from assetctl.models import AssetRequest

POLL_AFTER_S: Final = 0.1
_ORDER_SCHEMA: Final = "assetctl.storyboard-order/1"
_LOG_TAIL_BYTES: Final = 2000
_REASON_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended. The fields of a file are set for `succeeded` alone; `finished_at` is an ISO 8601 text."""

    state: JobState
    finished_at: str
    message: str | None = None
    file_name: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    generation_time_ms: int | None = None


def write_order(folder: Path, order: GenerationOrder, idempotency_key: str) -> None:
    """`folder`, new and private, holds the order and is on the disk.

    Raises:
        CacheError: it could not be written.
    """
    document = {
        "schema": _ORDER_SCHEMA,
        "idempotency_key": idempotency_key,
        "key": order.key,
        "request": documents.request_document(order.request),
    }
    filesystem.make_private_folder(folder)
    filesystem.make_private_folder(folder / "partial", inside=folder)
    path = folder / "order.json"
    filesystem.write_new(path, _encoded(document))
    filesystem.seal(path)
    filesystem.sync_folder(folder)


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1).encode()


class Job:
    """What the folder of one job says. Safe to use from any process; only atomic changes are made."""

    def __init__(self, folder: Path) -> None:
        """Look at `folder`; it need not exist."""
        self.folder: Final = folder
        self.partial: Final = folder / "partial"
        self.renderer_lock: Final = folder / "renderer.lock"
        self.starter_lock: Final = folder / "starter.lock"
        self.log: Final = folder / "renderer.log"
        self._cancel: Final = folder / "cancel"

    @property
    def exists(self) -> bool:
        """Whether there is such a job."""
        return _is_there(self.folder / "order.json")

    def order(self) -> tuple[AssetRequest, str]:
        """The request to render for, and its key.

        Raises:
            JobFailed: the order cannot be read.
        """
        document = self._read("order.json")
        try:
            return documents.request_from_document(document["request"]), str(document["key"])
        except (KeyError, TypeError, AttributeError, AssetctlError) as error:
            raise JobFailed("the order of a storyboard cannot be read", why=f"{error}") from error

    def outcome(self) -> Outcome | None:
        """How it ended; None while it goes on, and when the record is damaged, for rendering again costs nothing."""
        document = self._read("outcome.json")
        try:
            fields: Any = {**document, "state": JobState(document["state"])}
            return Outcome(**fields)
        except (KeyError, TypeError, ValueError):
            return None

    def finish(self, outcome: Outcome) -> None:
        """The job has ended so, for good. The caller holds the renderer's lock.

        Raises:
            CacheError: it could not be written.
        """
        self._write("outcome.json", asdict(outcome), durably=True)

    def progress(self) -> JobStatus:
        """How far it is while it goes on."""
        document = self._read("progress.json")
        fraction, phase = document.get("fraction"), document.get("phase")
        if not isinstance(fraction, int | float) or not 0 <= fraction <= 1:
            return JobStatus(JobState.QUEUED, 0.0, "starting", POLL_AFTER_S)
        return JobStatus(JobState.RUNNING, float(fraction), safe(str(phase), max_length=80), POLL_AFTER_S)

    def tell_progress(self, fraction: float, phase: str, pid: int) -> None:
        """Others see that the renderer `pid` is so far; `fraction` is 0 to 1.

        Raises:
            CacheError: it could not be written.
        """
        self._write("progress.json", {"fraction": round(fraction, 4), "phase": phase, "pid": pid}, durably=False)

    def starts(self) -> int:
        """How often a renderer was started."""
        count = self._read("starts.json").get("count")
        return count if isinstance(count, int) else 0

    def count_start(self) -> None:
        """One more renderer is started; known after a power cut. The caller holds the starter's lock.

        Raises:
            CacheError: it could not be written.
        """
        self._write("starts.json", {"count": self.starts() + 1}, durably=True)

    def ask_to_cancel(self) -> None:
        """Its renderer stops at the next frame, and no new one is started.

        Raises:
            CacheError: it could not be written.
        """
        with filesystem.translated(self._cancel):
            self._cancel.touch(mode=0o600)

    def is_cancel_wanted(self) -> bool:
        """Whether somebody asked it to stop."""
        return _is_there(self._cancel)

    def last_words(self) -> str:
        """The end of what its renderers said when they died, on one safe line; "" when they said nothing."""
        with filesystem.translated(self.log):
            try:
                with self.log.open("rb") as file:
                    file.seek(max(0, self.log.stat().st_size - _LOG_TAIL_BYTES))
                    text = file.read(_LOG_TAIL_BYTES).decode(errors="replace").strip()
            except FileNotFoundError:
                return ""
        return safe(text[-_REASON_LENGTH:])

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            document: Any = json.loads(_content(path))
        except ValueError:
            return {}
        return cast("dict[str, Any]", document) if isinstance(document, dict) else {}

    def _write(self, name: str, document: dict[str, Any], *, durably: bool) -> None:
        temporary = filesystem.temporary_path(self.partial, ".json")
        filesystem.write_new(temporary, _encoded(document))
        if durably:
            filesystem.seal(temporary)
        filesystem.publish(temporary, self.folder / name)
        if durably:
            filesystem.sync_folder(self.folder)


def _is_there(path: Path) -> bool:
    with filesystem.translated(path):
        return path.exists()


def _content(path: Path) -> bytes:
    with filesystem.translated(path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return b""
