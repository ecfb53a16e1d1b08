"""Nested manifests, scenes with choices: TOML and JSON of the same shape.

They are read whole, so they are bounded; what is larger belongs into JSON Lines or CSV. A field may stand in
`defaults`, a scene or a choice, and the innermost counts; `parameters` are put together name by name.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NoReturn, cast

from assetctl.prefetch.manifest.fields import NESTED_FIELDS, SHORT_NAMES, unknown_field_hint
from assetctl.prefetch.manifest.findings import Problem, Row, problem_of
from assetctl.prefetch.manifest.places import json_lines, toml_lines
from assetctl.prefetch.manifest.resolving import field_mistake
from assetctl.prefetch.manifest.source import Format
from assetctl.vocabulary import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from assetctl.prefetch.manifest.places import Path

MAX_NESTED_BYTES: Final = 16 << 20
_TOP: Final = ("chapter", "defaults", "scenes", "$schema")  # the last one is for editors
_CHAPTER: Final = ("id", "title")
_NOUNS: Final[Mapping[str | int, str]] = {"scenes": "scene", "choices": "choice"}
_AT: Final = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class NestedManifest:
    """A manifest that was read whole; `table` is None where it is none, and `problems` say why."""

    format: Format
    text: str
    table: Mapping[str, Any] | None
    problems: tuple[Problem, ...] = ()

    def lines(self, wanted: Collection[Path]) -> dict[Path, int]:
        """The line of each path in `wanted`, or of the nearest that is around it."""
        return (toml_lines if self.format is Format.TOML else json_lines)(self.text, wanted)

    @property
    def is_one_line(self) -> bool:
        """Whether all of it stands on one line, as programs write it."""
        return "\n" not in self.text.strip()

    def named(self, path: Path) -> str | None:
        """The scene and the choice that `path` leads into: by their ids, else by their numbers, from 1 on."""
        table: Any = self.table
        names: list[str] = []
        for key, index in zip(path[::2], path[1::2], strict=False):
            noun = _NOUNS.get(key)
            if noun is None or not isinstance(index, int):
                break
            table = table[key][index]
            own = (_table(table) or {}).get("id")
            names.append(f"{noun} `{own}`" if isinstance(own, str) else f"{noun} {index + 1:,}")
        return ", ".join(names) or None

    def chapter(self) -> tuple[str | None, str | None]:
        """The id and the title of the chapter, as far as they are texts."""
        chapter = _table((self.table or {}).get("chapter")) or {}
        found = [chapter.get(name) for name in _CHAPTER]
        first, second = (one if isinstance(one, str) else None for one in found)
        return first, second


def read_nested(file: BinaryIO, format_: Format) -> NestedManifest:
    """What `file` says, which is read from where it stands; a file that cannot be read has one fatal problem."""
    content = file.read(MAX_NESTED_BYTES + 1)
    if not content.strip():
        # Whoever asked for the rows says that there are none.
        return NestedManifest(format_, "", None)
    if len(content) > MAX_NESTED_BYTES:
        why = f"a {format_.upper()} manifest may have {MAX_NESTED_BYTES:,} bytes"
        return _unread(format_, Problem(None, None, "it is too large", why, _SMALLER, is_fatal=True))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _unread(format_, Problem(line, None, "it is not UTF-8", hint="save it as UTF-8", is_fatal=True))
    return _parsed_toml(text) if format_ is Format.TOML else _parsed_json(text)


_SMALLER: Final = "write it as JSON Lines or CSV, which may be of any length"


def _unread(format_: Format, problem: Problem) -> NestedManifest:
    return NestedManifest(format_, "", None, (problem,))


def _parsed_toml(text: str) -> NestedManifest:
    try:
        return NestedManifest(Format.TOML, text, tomllib.loads(text))
    except RecursionError:
        return _unread(Format.TOML, Problem(None, None, "it is not TOML", "it is nested too deeply", is_fatal=True))
    except ValueError as error:
        at = _AT.search(str(error))
        why = str(error)[: at.start()] if at else "a number in it has too many digits"
        line = int(at[1]) if at and at[1] else text.count("\n") + 1 if at else None
        return _unread(Format.TOML, Problem(line, None, "it is not TOML", why, _TOML_HINT, is_fatal=True))


_TOML_HINT: Final = 'texts need quotes: id = "romance_5"; https://toml.io explains the rest'


def _parsed_json(text: str) -> NestedManifest:
    repeated: list[str] = []
    try:
        found = json.loads(text, object_pairs_hook=lambda pairs: _object(pairs, repeated), parse_constant=_no_number)
    except RecursionError:
        return _unread(Format.JSON, Problem(None, None, "it is not JSON", "it is nested too deeply", is_fatal=True))
    except json.JSONDecodeError as error:
        return _unread(Format.JSON, Problem(error.lineno, None, "it is not JSON", error.msg, is_fatal=True))
    except ValueError as error:
        return _unread(Format.JSON, Problem(None, None, "it is not JSON", str(error), is_fatal=True))
    problems = tuple(Problem((), name, f"`{name}` is given twice in one object") for name in repeated)
    if not isinstance(found, dict):
        why = "a manifest is an object with `scenes`"
        return _unread(Format.JSON, Problem(1, None, "it is not a manifest", why, is_fatal=True))
    return NestedManifest(Format.JSON, text, cast("dict[str, Any]", found), problems)


def _object(pairs: list[tuple[str, Any]], repeated: list[str]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated.extend(sorted({name for name in names if names.count(name) > 1}))
    return found


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"`{constant}` is no number")


def nested_rows(manifest: NestedManifest) -> Iterator[Row | Problem]:
    """Every asset of the manifest in its order, and every mistake in its shape."""
    yield from manifest.problems
    if manifest.table is None:
        return
    walk = _Walk()
    yield from walk.top(manifest.table)


@dataclass(slots=True)
class _Level:
    """What a table adds to the requests below it, under full names; `problems` are those of its names."""

    fields: dict[str, Any]
    problems: list[Problem] = field(default_factory=list[Problem])


class _Walk:
    """One walk through the tables."""

    def top(self, table: Mapping[str, Any]) -> Iterator[Row | Problem]:
        yield from _unknown(table, _TOP, (), "a manifest has no `{}`")
        yield from _chapter_problems(table.get("chapter", {}))
        defaults = _level(table.get("defaults", {}), ("defaults",), names=())
        yield from defaults.problems
        scenes = table.get("scenes")
        if scenes is None:
            yield Problem((), "scenes", "the manifest has no scenes", hint="a scene begins with a line `[[scenes]]`")
        elif not isinstance(scenes, list):
            yield Problem(("scenes",), "scenes", "`scenes` must be a list", hint="a scene is a table `[[scenes]]`")
        else:
            for index, scene in enumerate(cast("list[Any]", scenes)):
                yield from self._scene(scene, ("scenes", index), defaults.fields)

    def _scene(self, scene: Any, path: Path, inherited: Mapping[str, Any]) -> Iterator[Row | Problem]:
        level = _level(scene, path, names=("id", "choices"))
        own, problems = _own_id(scene, path, "scene")
        yield from (*level.problems, *problems)
        fields = _inherited(inherited, level.fields) | {"scene_id": own}
        choices = (_table(scene) or {}).get("choices")
        if choices is not None and not isinstance(choices, list):
            yield Problem((*path, "choices"), "choices", "`choices` must be a list",
                          hint="a choice is a table `[[scenes.choices]]`")  # fmt: skip
        elif choices:
            for index, choice in enumerate(cast("list[Any]", choices)):
                yield from self._choice(choice, (*path, "choices", index), fields, is_sound=own is not None)
        elif own is not None:
            yield Row(path, fields)

    def _choice(
        self, choice: Any, path: Path, inherited: Mapping[str, Any], *, is_sound: bool
    ) -> Iterator[Row | Problem]:
        level = _level(choice, path, names=("id",))
        own, problems = _own_id(choice, path, "choice")
        yield from (*level.problems, *problems)
        if is_sound and own is not None:
            yield Row(path, _inherited(inherited, level.fields) | {"choice_id": own})


def _table(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _unknown(table: Mapping[str, Any], known: Collection[str], path: Path, what: str) -> Iterator[Problem]:
    for name in table:
        if name not in known:
            hint = nearest_hint(name, list(known))
            yield Problem((*path, name), name, what.format(name), hint=hint)


def _chapter_problems(chapter: Any) -> Iterator[Problem]:
    table = _table(chapter)
    if table is None:
        yield Problem(("chapter",), "chapter", "`chapter` must be a table")
        return
    yield from _unknown(table, _CHAPTER, ("chapter",), "a chapter has no `{}`")
    for name in _CHAPTER:
        if name in table and not isinstance(table[name], str):
            yield Problem(("chapter", name), name, f"`{name}` must be text", why=f"it is `{table[name]!r:.80}`")


def _level(value: Any, path: Path, *, names: Collection[str]) -> _Level:
    """The request fields of the table `value`; `names` are what else it may have."""
    table = _table(value)
    shown = str(path[-1] if isinstance(path[-1], str) else path[-2])
    if table is None:
        return _Level({}, [Problem(path, None, f"this in `{shown}` must be a table", why=f"it is `{value!r:.80}`")])
    level = _Level({})
    for name, given in table.items():
        if name in names:
            continue
        full = SHORT_NAMES.get(name, name)
        if name not in NESTED_FIELDS:
            hint = unknown_field_hint(name, NESTED_FIELDS | set(names))
            level.problems.append(Problem((*path, name), name, f"there is no field `{name}` in `{shown}`", hint=hint))
        elif full in level.fields:
            level.problems.append(Problem((*path, name), name, f"`{name}` is given twice", f"`{full}` is the same"))
        elif (error := field_mistake(full, given)) is not None:
            # Told once where it stands, and not handed down to be told again for every choice.
            level.problems.append(problem_of(error, (*path, name), name))
        else:
            level.fields[full] = given
    return level


def _own_id(value: Any, path: Path, noun: str) -> tuple[str | None, list[Problem]]:
    table = _table(value)
    if table is None:
        return None, []  # told already
    own = table.get("id")
    if own is None:
        return None, [Problem(path, "id", f"a {noun} has no id", hint='every one needs a line such as id = "confess"')]
    if not isinstance(own, str):
        why = f"it is `{own!r:.80}`"
        return None, [Problem((*path, "id"), "id", f"the id of a {noun} must be text", why, f'id = "{own!s:.40}"')]
    return own, []


def _inherited(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**outer, **inner}
    if "parameters" in outer and "parameters" in inner:
        general, special = _table(outer["parameters"]), _table(inner["parameters"])
        if general is not None and special is not None:
            merged["parameters"] = {**general, **special}
    return merged
