"""A plan written to a file, and held to: what was planned is what is done, or it is told what has changed.

JSON Lines: a head that says which chapter, a line for each item in the order of the manifest, and an end that says how
many there were, so that a cut file is no plan.
"""

from __future__ import annotations

import json
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from assetctl import filesystem
from assetctl.errors import ManifestError, SpendRefused
from assetctl.keys import canonical_form
from assetctl.prefetch.deeds import Deed, Only, Selection
from assetctl.prefetch.manifest.lines import bounded_lines
from assetctl.prefetch.manifest.source import Format
from assetctl.prefetch.plan_changes import PlanChanges
from assetctl.prefetch.scenes.chapter import Order
from assetctl.units import counted

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from assetctl.prefetch.walking import Planned

PLAN_SCHEMA: Final = "assetctl.prefetch_plan/1"
#: What of a request in canonical form is no part of what is asked for at a moment.
_NOT_ASKED: Final = frozenset({"recipe", "scene_id", "choice_id"})


@dataclass(frozen=True, slots=True)
class PlanHead:
    """Which chapter was planned: the absolute path of its manifest, `-`, or its address in the backend.

    `order` counts for one of the backend.
    """

    manifest: str
    format: Format
    selection: Selection
    order: Order = Order.CHAPTER


@contextmanager
def writing_plan(path: Path, head: PlanHead) -> Generator[PlanWriter]:
    """Within the block, a writer; when it ends well, `path` is the whole plan, and otherwise what it was.

    Raises:
        CacheError: it cannot be written.
    """
    partial = filesystem.temporary_path(path.absolute().parent, ".plan")
    with _refused(path):
        descriptor = filesystem.create(partial)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor is no path
            writer = PlanWriter(file, path)
            writer.begin(head)
            yield writer
            writer.end()
        with _refused(path):
            filesystem.hand_out(partial, path)
    finally:
        filesystem.remove(partial)


@contextmanager
def _refused(path: Path) -> Generator[None]:
    """What the system refuses within the block is told of the plan at `path`."""
    hint = "name a file in a folder that is there and has room: --plan-out FILE"
    with filesystem.retold(f"the plan `{path}` cannot be written", hint=hint), filesystem.translated(path):
        yield


class PlanWriter:
    """Writes the lines of one plan."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        """Write to `file`, which will be `path`."""
        self._file = file
        self._path = path
        self._count = 0

    def begin(self, head: PlanHead) -> None:
        """The head is written."""
        self._write({
            "schema": PLAN_SCHEMA,
            "manifest": head.manifest,
            "format": head.format.value,
            "only": head.selection.only.value,
            "scene": head.selection.scene,
            "order": head.order.value,
        })  # fmt: skip

    def add(self, planned: Planned) -> None:
        """One more item is written."""
        self._count += 1
        self._write(_line_of(planned))

    def end(self) -> None:
        """The end is written."""
        self._write({"items": self._count})

    def _write(self, document: dict[str, Any]) -> None:
        with _refused(self._path):
            self._file.write(json.dumps(document).encode() + b"\n")


def _line_of(planned: Planned) -> dict[str, Any]:
    request, availability = planned.item.request, None if planned.decision is None else planned.decision.availability
    line: dict[str, Any] = {
        "key": planned.item.key,
        "deed": planned.deed.value,
        "scene_id": request.scene_id,
        "choice_id": request.choice_id,
    }
    if planned.deed is not Deed.HERE:
        form = canonical_form(request)
        line["asked"] = {name: _fingerprint(part) for name, part in form.items() if name not in _NOT_ASKED}
    if planned.deed is Deed.MAKE and availability is not None:
        high = None if availability.estimate is None else availability.estimate.cost_high
        price = None if high is None or not availability.is_paid else f"{high.amount} {high.currency}"
        line |= {"generator": availability.generator, "is_paid": availability.is_paid, "price": price}
    return line


def _fingerprint(part: object) -> int:
    """A few bytes that tell one value from another: a plan need not repeat a prompt to say that it changed."""
    return zlib.crc32(json.dumps(part, sort_keys=True).encode())


def read_head(path: Path) -> PlanHead:
    """What the plan at `path` is of.

    Raises:
        ManifestError: it is no plan.
    """
    with _opened(path) as file:
        head = next(_lines(file, path), None)
    if head is None or head.get("schema") != PLAN_SCHEMA or not isinstance(head.get("scene"), str | None):
        raise _no_plan(path)
    try:
        selection = Selection(Only(head["only"]), cast("str | None", head["scene"]))
        order = Order(head.get("order", Order.CHAPTER))
        return PlanHead(str(head["manifest"]), Format(head["format"]), selection, order)
    except (KeyError, ValueError) as error:
        raise _no_plan(path) from error


class PlanCheck:
    """Compares what is planned now with a plan of before, item by item, in order."""

    def __init__(self, path: Path) -> None:
        """Compare with the plan at `path`.

        Raises:
            ManifestError: it is no plan.
        """
        self._path = path
        self._file = _opened(path)
        self._lines = _lines(self._file, path)
        next(self._lines, None)
        self._changes = PlanChanges()
        self._read = 0
        self._is_at_end = False

    def close(self) -> None:
        """The plan is closed."""
        self._file.close()

    def add(self, planned: Planned) -> None:
        """One more item is compared.

        Raises:
            ManifestError: the plan is not whole.
        """
        self._changes.add(self._next(), _line_of(planned))

    def _next(self) -> dict[str, Any] | None:
        """The next item that was planned, None when there is no more.

        Raises:
            ManifestError: the plan has no end, or not as many items as that says; a cut one is told as that.
        """
        if self._is_at_end:
            return None
        line = next(self._lines, None)
        if line is None:
            raise _cut_off(self._path, f"it has no end after its first {counted(self._read, 'asset', 'assets')}")
        is_end = "key" not in line
        if is_end and line.get("items") != self._read:
            raise _cut_off(self._path, f"it has {self._read:,} of its {line.get('items')} assets")
        if not is_end and not isinstance(line["key"], str):
            raise _no_plan(self._path)
        self._is_at_end = is_end
        self._read += not self._is_at_end
        return None if self._is_at_end else line

    def require_unchanged(self) -> None:
        """Return when everything is as it was planned, or done meanwhile.

        Raises:
            SpendRefused: it isn't; says what changed.
            ManifestError: the plan is not whole.
        """
        changes = self._changes
        while (line := self._next()) is not None:
            changes.add(line, None)
        changes.end()
        if changes.count:
            told = "; ".join(changes.told)
            more = changes.count - len(changes.told)
            raise SpendRefused(
                f"the plan `{self._path}` doesn't hold any more, and nothing was done",
                why=f"{told}; and {more:,} more" if more else told,
                hint="plan anew with --plan-out, or prefetch without --apply",
            )


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        hint = "`assetctl prefetch MANIFEST --plan-out FILE` makes one"
        raise ManifestError(f"the plan `{path}` cannot be read", why=error.strerror, hint=hint) from error


def _lines(file: BinaryIO, path: Path) -> Iterator[dict[str, Any]]:
    for _, line in bounded_lines(file):
        try:
            found = json.loads(line or b"")
        except (ValueError, RecursionError) as error:
            if line is not None and line.startswith(b"{") and not line.endswith(b"\n"):
                raise _cut_off(path, "its last line is not whole") from error
            raise _no_plan(path) from error
        if not isinstance(found, dict):
            raise _no_plan(path)
        yield cast("dict[str, Any]", found)


def _cut_off(path: Path, why: str) -> ManifestError:
    hint = f"plan anew: `assetctl prefetch MANIFEST --plan-out {path}`"
    return ManifestError(f"the plan `{path}` is cut off", why=why, hint=hint)


def _no_plan(path: Path) -> ManifestError:
    return ManifestError(
        f"`{path}` is no plan of a chapter", hint="`assetctl prefetch MANIFEST --plan-out FILE` makes one"
    )
