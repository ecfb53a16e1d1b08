"""When a library asset is good enough for a request, and which of several is best.

Pure decisions without I/O, the same for every library. A pre-made asset takes the place of a paid one, so whatever is
not clearly right is no match: nothing here guesses.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from assetctl.library.base import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from assetctl.library.base import LibraryAsset
    from assetctl.models import AssetRequest, AssetType

DURATION_TOLERANCE: Final = 0.20
"""How far a stated duration may be from the asked one, as a share of the asked one."""

MAX_REFUSED_TOLD: Final = 20
"""How many refused candidates `rank` tells of; a library of thousands would bury the reason that matters."""

_CONTEXT: Final = ("scene", "choice", "character", "location")
_ROUNDING: Final = 1e-9
_WORD: Final = re.compile(r"[^\W_]{3,}")

_Context = tuple[str | None, str | None, str | None, str | None]
_Moment = tuple["AssetType", str | None, str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A request with its text in canonical form, so that ten thousand assets do not pay for it."""

    request: AssetRequest
    context: _Context
    prompt: str | None
    words: frozenset[str]

    @property
    def has_context(self) -> bool:
        return any(self.context)


def judge(asset: LibraryAsset, request: AssetRequest) -> Candidate:
    """`asset` with every reason why it is no match for `request`, or with what ranks it when it is one.

    The type and the context (scene, choice, character, location) must be exactly as asked: an asset made for a choice
    does not answer a request without one, nor the other way round. A stated style, duration or prompt may not
    contradict the request. A request that has nothing but a prompt is answered only by an asset without any context
    that states this very prompt.
    """
    return _judged(asset, _wanted(request))


def rank(assets: Iterable[LibraryAsset], request: AssetRequest) -> list[Candidate]:
    """Every match, best first, then at most `MAX_REFUSED_TOLD` refused candidates, nearest first.

    Best is: the very prompt is stated, the asked style is stated, the stated duration is nearest, most words in common
    with the prompt, first by id. Near is: the same scene, or one single difference. The order of `assets` is irrelevant
    as long as no two share id and fingerprint.
    """
    wanted = _wanted(request)
    matching: list[LibraryAsset] = []
    near: list[tuple[int, bool, str, str, Candidate]] = []
    for asset in assets:
        first_two = list(islice(_differences(asset, wanted), 2))
        if not first_two:
            matching.append(asset)
        elif len(first_two) == 1 or _is_same_scene(asset, wanted):
            near.append(_nearness(asset, wanted))
    matching.sort(key=lambda asset: _merit(asset, wanted))
    near.sort(key=lambda entry: entry[:-1])
    return [*(_judged(asset, wanted) for asset in matching), *(entry[-1] for entry in near[:MAX_REFUSED_TOLD])]


class Moments:
    """What assets were made for, their types and contexts: to find at once the few that may match a request."""

    def __init__(self, assets: Iterable[LibraryAsset]) -> None:
        """Know `assets`."""
        self._assets: defaultdict[_Moment, list[LibraryAsset]] = defaultdict(list)
        for asset in assets:
            self._assets[_moment(asset)].append(asset)

    def made_for(self, request: AssetRequest) -> Sequence[LibraryAsset]:
        """The assets of the very type and context of `request`; no other matches it."""
        return self._assets.get(_moment(request), ()) if self._assets else ()


def _moment(made: LibraryAsset | AssetRequest) -> _Moment:
    context = (made.scene_id, made.choice_id, made.character_id, made.location_id)
    scene, choice, character, location = map(_canonical, context)
    return made.asset_type, scene, choice, character, location


def _wanted(request: AssetRequest) -> _Wanted:
    context = (request.scene_id, request.choice_id, request.character_id, request.location_id)
    prompt = _canonical(request.prompt)
    scene, choice, character, location = map(_canonical, context)
    return _Wanted(request, (scene, choice, character, location), prompt, _words(prompt or ""))


def _canonical(text: str | None) -> str | None:
    # The same form as in a request key (keys.py): what makes equal keys must not be told apart here.
    return None if text is None else unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip() or None


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def _judged(asset: LibraryAsset, wanted: _Wanted) -> Candidate:
    refusal = "; ".join(_differences(asset, wanted))
    return Candidate(asset, refusal) if refusal else Candidate(asset, None, tuple(_notes(asset, wanted)))


def _nearness(asset: LibraryAsset, wanted: _Wanted) -> tuple[int, bool, str, str, Candidate]:
    differences = list(_differences(asset, wanted))
    candidate = Candidate(asset, "; ".join(differences))
    return len(differences), not _is_same_scene(asset, wanted), asset.asset_id, asset.fingerprint, candidate


def _is_same_scene(asset: LibraryAsset, wanted: _Wanted) -> bool:
    scene = wanted.context[0]
    return scene is not None and _canonical(asset.scene_id) == scene


def _differences(asset: LibraryAsset, wanted: _Wanted) -> Iterator[str]:
    request = wanted.request
    if asset.asset_type is not request.asset_type:
        yield f"is of the type `{asset.asset_type}`, asked for `{request.asset_type}`"
    made_for = (asset.scene_id, asset.choice_id, asset.character_id, asset.location_id)
    for name, made, asked in zip(_CONTEXT, made_for, wanted.context, strict=True):
        if made != asked and _canonical(made) != asked:
            yield f"made for {_named(name, made)}, asked for {'none' if asked is None else f'`{asked}`'}"
    yield from _prompt_differences(asset, wanted)
    if request.style is not None and asset.style is not None and asset.style is not request.style:
        yield f"its style is `{asset.style}`, asked for `{request.style}`"
    if request.duration_s is not None and asset.duration_s is not None:
        yield from _duration_differences(asset.duration_s, request.duration_s)


def _named(name: str, made: str | None) -> str:
    return f"no {name}" if made is None else f"the {name} `{made}`"


def _prompt_differences(asset: LibraryAsset, wanted: _Wanted) -> Iterator[str]:
    if asset.prompt is not None and wanted.prompt is not None:
        if _canonical(asset.prompt) != wanted.prompt:
            yield "generated from another prompt"
    elif not wanted.has_context:
        if wanted.prompt is None:
            yield "the request names neither a context nor a prompt"
        else:
            yield "does not state the prompt it was generated from, and the request names nothing else"


def _duration_differences(stated_s: float, asked_s: float) -> Iterator[str]:
    if not abs(stated_s - asked_s) <= asked_s * DURATION_TOLERANCE + _ROUNDING:
        yield f"lasts {stated_s:.4g} s, asked for {asked_s:.4g} s give or take {DURATION_TOLERANCE:.0%}"


def _merit(asset: LibraryAsset, wanted: _Wanted) -> tuple[bool, bool, float, int, str, str]:
    return (
        not _states_prompt(asset, wanted),
        wanted.request.style is not None and asset.style is None,
        _distance(asset, wanted),
        -len(_common_words(asset, wanted)),
        asset.asset_id,
        asset.fingerprint,
    )


def _states_prompt(asset: LibraryAsset, wanted: _Wanted) -> bool:
    # Of a match; one that states another prompt is none.
    return asset.prompt is not None and wanted.prompt is not None


def _distance(asset: LibraryAsset, wanted: _Wanted) -> float:
    """Seconds between the stated and the asked duration; without end when one was asked for and none is stated."""
    asked_s = wanted.request.duration_s
    if asked_s is None:
        return 0.0
    return math.inf if asset.duration_s is None else abs(asset.duration_s - asked_s)


def _common_words(asset: LibraryAsset, wanted: _Wanted) -> frozenset[str]:
    if not wanted.words:
        return wanted.words
    return wanted.words & _words(" ".join((_canonical(asset.description) or "", *sorted(asset.tags))))


def _notes(asset: LibraryAsset, wanted: _Wanted) -> Iterator[str]:
    request = wanted.request
    if wanted.prompt is not None:
        yield "states this very prompt" if asset.prompt is not None else "states no prompt it was generated from"
    if request.style is not None:
        yield "states no style" if asset.style is None else f"states the style `{asset.style}`"
    if request.duration_s is not None:
        yield "states no duration" if asset.duration_s is None else f"lasts {asset.duration_s:.4g} s"
    common = sorted(_common_words(asset, wanted))
    if common:
        yield f"in common with the prompt: {', '.join(common)}"
