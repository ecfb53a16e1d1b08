"""What came of a file so far, and the small record by which a later process may go on with it.

They lie beside the target, `.part` and `.resume`. Bytes of before a power cut were never synced: without a known
digest nobody could tell whether they are still what they were, so they are only gone on with within the same boot.
Blocking; one transfer at a time per target, which its caller sees to.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, cast

from assetctl import filesystem
from assetctl.transfer.answers import Asked
from assetctl.transfer.remote import Downloaded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from assetctl.filesystem import GrowingFile, Step
    from assetctl.transfer.answers import Body
    from assetctl.transfer.remote import RemoteFile

_MAX_RECORD: Final = 65_536
# A file that comes in one piece is not gone on with.
_WORTH_A_NOTE: Final = 1 << 20
_NO_FILE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO})


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a file that is on its way, or, with a `sha256`, that came whole."""

    identity: str
    boot: str
    etag: str | None = None
    last_modified: str | None = None
    total_bytes: int | None = None
    sha256: str | None = None


class Partial:
    """The bytes of `file` on their way to `target`."""

    def __init__(self, file: RemoteFile, target: Path, *, keep: bool, step: Step = filesystem.no_step) -> None:
        """Touch nothing yet. With `keep`, what came stays for a later process when this one fails."""
        self._file = file
        self.target = target
        self._keep = keep
        self._step = step
        self._part = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.resume")
        self._record = Record(file.identity if keep else "", filesystem.current_writer().boot if keep else "")
        self._growing: GrowingFile | None = None

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.target.parent

    @property
    def size_bytes(self) -> int:
        """How much there is."""
        return 0 if self._growing is None else self._growing.size_bytes

    @property
    def sha256(self) -> str:
        """Of what there is."""
        return self._opened().sha256

    @property
    def asked(self) -> Asked:
        """What to ask for: the rest where going on is safe, else the whole."""
        record = self._record
        if not self.size_bytes or (record.etag is None and self._file.sha256 is None):
            return Asked()
        return Asked(self.size_bytes, record.etag, record.total_bytes)

    def open(self) -> Downloaded | None:
        """The file if an earlier process got all of it; None, and what it got of it is gone on with if that is safe.

        Raises:
            CacheError: it could not be read.
        """
        record = self._noted()
        if (done := self._whole(record)) is not None or record is None:
            return done
        is_ours = (record.identity, record.boot) == (self._record.identity, self._record.boot)
        if self._file.sha256 is None and (record.etag is None or not is_ours):
            return None
        self._growing = filesystem.GrowingFile.continued(self._part, step=self._step)
        if is_ours:
            self._record = record
        # Killed after the last byte.
        if self.size_bytes and self.size_bytes == record.total_bytes and self.is_as_described:
            return self.finish()
        return None

    @property
    def is_as_described(self) -> bool:
        """Whether what there is has the digest that is known, if one is."""
        return self._file.sha256 in (None, self.sha256)

    def is_ready_for(self, body: Body) -> bool:
        """Whether the bytes of `body` may come without `begin`: nothing is here yet, and nothing is to be kept."""
        return not self._keep and not self.size_bytes and not body.offset and _is_small(body)

    def begin(self, body: Body) -> None:
        """The bytes of `body` may come: what is here is what precedes them, and a later process will know.

        Raises:
            CacheError: it could not be written.
        """
        if body.offset != self.size_bytes:
            self.restart()
        self._record = Record(self._record.identity, self._record.boot, body.etag, body.last_modified, body.total_bytes)
        if self._keep and not _is_small(body):
            self._write_note(self._record)

    def append(self, pieces: Sequence[bytes]) -> None:
        """`pieces` follow what there is.

        Raises:
            CacheError: they could not be written.
        """
        self._opened().append(pieces)

    def restart(self) -> None:
        """Nothing of it is there any more; the next bytes are the first."""
        self.close()
        filesystem.remove(self._part, step=self._step)
        self._growing = None

    def finish(self) -> Downloaded:
        """The file, whole at its target; the caller has seen to its being all of it.

        Raises:
            CacheError: it could not be put there.
        """
        hashed = self._opened().finish()
        if self._keep:
            # Whoever is killed before the file is stored finds it again without asking for it.
            self._write_note(Record(self._record.identity, self._record.boot, sha256=hashed.sha256))
        filesystem.move(self._part, self.target, step=self._step)
        return Downloaded(self.target, hashed)

    def discard(self) -> None:
        """Nothing is left of it, nor of the record."""
        self.restart()
        filesystem.remove(self._note, step=self._step)

    def close(self) -> None:
        """No file is open; what came stays."""
        if self._growing is not None:
            self._growing.close()

    def abandon(self) -> None:
        """What came stays for a later process if it was to be kept, and is gone if not."""
        self.close()
        if not self._keep:
            self.discard()

    def _opened(self) -> GrowingFile:
        if self._growing is None:
            self._growing = filesystem.GrowingFile.new(self._part, step=self._step)
        return self._growing

    def _whole(self, record: Record | None) -> Downloaded | None:
        noted = record.sha256 if record is not None and record.identity == self._record.identity else None
        wanted = self._file.sha256 or noted
        if wanted is None:
            return None
        descriptor = _opened(self.target)
        if descriptor is None:
            return None
        try:
            with filesystem.translated(self.target):
                hashed = filesystem.hash_descriptor(descriptor)
        finally:
            os.close(descriptor)
        return Downloaded(self.target, hashed) if hashed.sha256 == wanted else None

    def _noted(self) -> Record | None:
        descriptor = _opened(self._note)
        if descriptor is None:
            return None
        with filesystem.translated(self._note), os.fdopen(descriptor, "rb") as file:
            text = file.read(_MAX_RECORD)
        try:
            return _record_of(json.loads(text))
        except (ValueError, RecursionError):
            return None

    def _write_note(self, record: Record) -> None:
        temporary = filesystem.temporary_path(self._note.parent, ".resume")
        filesystem.write_new(temporary, json.dumps(asdict(record)).encode(), step=self._step)
        filesystem.move(temporary, self._note, step=self._step)


def _is_small(body: Body) -> bool:
    return body.total_bytes is not None and body.total_bytes <= _WORTH_A_NOTE


def _opened(path: Path) -> int | None:
    """A descriptor to read the regular file `path`, None when there is none."""
    with filesystem.translated(path):
        try:
            return filesystem.open_below(path.parent, path.name)
        except OSError as error:
            if error.errno in _NO_FILE:
                return None
            raise


def _record_of(known: object) -> Record | None:
    """What was noted, None when it is anything else than what `_write_note` writes."""
    if not isinstance(known, dict):
        return None
    values = cast("dict[str, object]", known)
    texts = [values.get(name) for name in ("identity", "boot", "etag", "last_modified", "sha256")]
    total = values.get("total_bytes")
    if not all(text is None or isinstance(text, str) for text in texts) or not isinstance(total, int | None):
        return None
    identity, boot, etag, last_modified, sha256 = cast("list[str | None]", texts)
    return None if identity is None or boot is None else Record(identity, boot, etag, last_modified, total, sha256)
