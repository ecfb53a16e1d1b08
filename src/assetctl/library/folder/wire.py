"""Reads what a library folder says in bytes: sidecars, and what was remembered of them.

The only place that decides what may stand in one. A name we do not know or a value of the wrong kind is refused with
file and line: a misspelt `chioce` must not quietly make an asset of the whole scene. Pydantic stops here; it is loaded
with the first sidecar, so this module is imported late (`index.py`, `snapshot_file.py`).
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from assetctl.errors import LibraryError
from assetctl.library.folder.naming import asset_type_by_name
from assetctl.library.folder.sidecar import Sidecar
from assetctl.library.folder.snapshot import SNAPSHOT_SCHEMA, Snapshot
from assetctl.models import Style
from assetctl.vocabulary import nearest_hint

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_SIDECAR_BYTES: Final = 64 * 1024


def _spelled_as_style(value: object) -> object:
    return value.strip().lower().replace("_", "-") if isinstance(value, str) else value


_Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
_Prose = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
_Seconds = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
_StyleWord = Annotated[Style, BeforeValidator(_spelled_as_style)]


class _SidecarFields(BaseModel):
    """A sidecar as it is written; the fields of `Sidecar`."""

    model_config = ConfigDict(extra="forbid")

    id: _Label | None = None
    scene: _Label | None = None
    choice: _Label | None = None
    character: _Label | None = None
    location: _Label | None = None
    prompt: _Prose | None = None
    description: _Prose | None = None
    style: _StyleWord | None = None
    duration_s: _Seconds | None = None
    tags: frozenset[_Label] = frozenset()

    def sidecar(self) -> Sidecar:
        """Ours."""
        return Sidecar(**{name: getattr(self, name) for name in SIDECAR_FIELDS})


SIDECAR_FIELDS: Final = frozenset(_SidecarFields.model_fields)


class _SnapshotFields(BaseModel):
    """A snapshot as it is written; the fields of `Snapshot`."""

    root: str
    sidecars: dict[str, tuple[int, int, _SidecarFields]]
    durations: dict[str, tuple[int, int, float | None]]
    schema_: Literal["assetctl.library-snapshot/1"] = Field(alias="schema")


def parse_snapshot(content: bytes) -> Snapshot:
    """The snapshot that `snapshot_bytes` wrote.

    Raises:
        ValueError: it wrote something else.
    """
    read = _SnapshotFields.model_validate_json(content)
    sidecars = {path: (size, mtime, fields.sidecar()) for path, (size, mtime, fields) in read.sidecars.items()}
    return Snapshot(read.root, sidecars, read.durations)


def snapshot_bytes(snapshot: Snapshot) -> bytes:
    """`snapshot` as JSON."""
    written = {path: (size, mtime, _stated(sidecar)) for path, (size, mtime, sidecar) in snapshot.sidecars.items()}
    document = {
        "schema": SNAPSHOT_SCHEMA,
        "root": snapshot.root,
        "sidecars": written,
        "durations": snapshot.durations,
    }
    return json.dumps(document).encode()


def _stated(sidecar: Sidecar) -> dict[str, Any]:
    values = {name: getattr(sidecar, name) for name in SIDECAR_FIELDS}
    stated = {name: value for name, value in values.items() if value is not None}
    return stated | {"tags": sorted(sidecar.tags)}


def parse_sidecar(content: bytes, path: str) -> Sidecar:
    """The sidecar that `content` is; `path` is how errors call it.

    Raises:
        LibraryError: it is too long, no TOML, or states something that a sidecar cannot; the line is named where known.
    """
    if len(content) > MAX_SIDECAR_BYTES:
        raise LibraryError(f"the sidecar `{path}` is too long", why=f"it has more than {MAX_SIDECAR_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise LibraryError(f"the sidecar `{path}` is not UTF-8 text", hint="save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise LibraryError(f"the sidecar `{path}` is no TOML", why=str(error)) from error
    return _checked(document, text, path)


def _checked(document: dict[str, Any], text: str, path: str) -> Sidecar:
    for name in document:
        if name not in SIDECAR_FIELDS:
            what = f"the sidecar `{path}` has no field `{name:.80}`"
            raise LibraryError(what, why=_line_of(name, text), hint=nearest_hint(name, SIDECAR_FIELDS))
    try:
        sidecar = _SidecarFields.model_validate(document).sidecar()
    except ValidationError as error:
        raise _wrong_value(error.errors(include_url=False, include_input=False)[0], text, path) from error
    if sidecar.id is not None and asset_type_by_name(sidecar.id.rpartition("/")[2]) is not None:
        what = f"the sidecar `{path}` gives the id `{sidecar.id}`, which looks like the path of a file"
        raise LibraryError(what, why=_line_of("id", text), hint="leave the suffix out of the id")
    return sidecar


def _wrong_value(details: ErrorDetails, text: str, path: str) -> LibraryError:
    name = str(details["loc"][0])
    where = _line_of(name, text)
    reason = details["msg"][:1].lower() + details["msg"][1:]
    return LibraryError(f"the sidecar `{path}` has an unusable `{name}`", why=f"{where}: {reason}" if where else reason)


def _line_of(name: str, text: str) -> str | None:
    """`line 3` for the first line that gives `name` a value or a table; None when it is spelled in another way."""
    pattern = re.compile(rf"""\s*\[*\s*["']?{re.escape(name)}["']?\s*[=.\]]""")
    numbers = (number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line))
    number = next(numbers, None)
    return None if number is None else f"line {number}"
