"""What a stored asset of the server is to a request: the common rule, and what only the server's assets need.

Pure decisions. Tags are lower case, ids need not be: an id and the tag made of it are the same. What we made ourselves
says by a tag for which request; it answers that one, or one with the same prompt that demands nothing more.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from assetctl.errors import LibraryError
from assetctl.library.base import Candidate, LibraryAsset
from assetctl.library.matching import MAX_REFUSED_TOLD, judge, rank
from assetctl.library.pixsim.facts import LIBRARY
from assetctl.models import AssetType, Origin, Reuse, Style
from assetctl.pixsim.links import is_on_its_way, is_placeholder, links, shown
from assetctl.pixsim.tags import CONTEXT, KEY, STYLE, NoSlug, key_slug, names_in, slug

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from assetctl.models import AssetRequest
    from assetctl.network import Origin as ServerOrigin
    from assetctl.pixsim.records import StoredAsset

MAX_TAGS_KEPT: Final = 100
"""How many tags of an asset are kept to rank it by; those that say what it is for are always read."""

_BROKEN: Final = "broken"
_CONTENT: Final = "content"
_FLAGGED: Final = "flagged"
_NO_PROMPT: Final = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who judges: the user with `user_id` at the server `origin`, at the moment `now`."""

    origin: ServerOrigin
    user_id: int
    now: datetime


def fault(stored: StoredAsset) -> str | None:
    """Why `stored` never answers a request, whatever it is for; None when it may."""
    if stored.is_archived:
        return "is archived"
    if stored.signal_override == _BROKEN:
        return "is marked as broken"
    if stored.provider_status == _FLAGGED:
        return "was flagged by its provider"
    if stored.asset_kind not in (None, _CONTENT):
        return f"is no content but a `{stored.asset_kind}`"
    if is_placeholder(stored.remote_url) or is_placeholder(stored.file_url):
        return "is a placeholder of its provider"
    return None


def fingerprint_of(stored: StoredAsset) -> str:
    """What changes when other bytes stand behind the id, or when it begins or ends to be fit as an answer."""
    made = "" if stored.created_at is None else stored.created_at.isoformat()
    return "|".join((made, stored.sha256 or "", fault(stored) or ""))


def is_same(then: str, now: str) -> bool:
    """Whether two fingerprints can be of the same bytes: a hash is known only some time after the asset is."""
    if then.count("|") != now.count("|"):
        return False
    made, sha256, fitness = then.split("|")
    made_now, sha256_now, fitness_now = now.split("|")
    return made == made_now and fitness == fitness_now and (sha256 == sha256_now or not sha256 or not sha256_now)


def described(stored: StoredAsset, origin: ServerOrigin) -> LibraryAsset | None:
    """`stored` as a library's asset; None when it is of no type that we know.

    A part of the context that its tags name twice counts as not stated: nobody can tell which is meant.
    """
    try:
        asset_type = AssetType(stored.media_type)
    except ValueError:
        return None
    found = links(stored, origin)
    is_made = is_generated(stored)
    return LibraryAsset(
        asset_id=str(stored.id),
        asset_type=asset_type,
        fingerprint=fingerprint_of(stored),
        # Whatever was generated has a prompt; one that is not told is none that a request could have.
        prompt=(stored.prompt or _NO_PROMPT) if is_made else stored.prompt,
        description=stored.description,
        style=_style(stored),
        duration_s=stored.duration_s,
        tags=frozenset(sorted(stored.tags)[:MAX_TAGS_KEPT]),
        size_bytes=stored.size_bytes,
        url=shown(found[0].address) if found else None,
        origin=Origin(
            provider=f"library:{LIBRARY}",
            created_at=stored.created_at,
            generator=LIBRARY if is_made else None,
            model=stored.model,
            job_id=None if stored.source_generation_id is None else str(stored.source_generation_id),
        ),
        **{field: names[0] for field, names in _context(stored).items() if len(names) == 1},
    )


def is_generated(stored: StoredAsset) -> bool:
    """Whether a job made `stored`, ours or another's."""
    return stored.source_generation_id is not None or bool(names_in(KEY, stored.tags))


def judged(assets: Iterable[StoredAsset], request: AssetRequest, key: str, reader: Reader) -> list[Candidate]:
    """The candidates for `request`, whose key is `key`, in the order of `Candidate`; what has no known type is none.

    What was made for this very request comes first.
    """
    own: list[Candidate] = []
    sound: list[LibraryAsset] = []
    refused: list[Candidate] = []
    troubles: dict[str, LibraryError] = {}
    for stored in assets:
        asset = described(stored, reader.origin)
        if asset is None:
            continue
        asset = as_asked(asset, stored, request)
        if (refusal := _refusal(stored, request, key, reader)) is not None:
            refused.append(Candidate(asset, refusal))
            continue
        if asset.url is None and not is_on_its_way(stored, reader.now):
            troubles[asset.asset_id] = _no_file(asset)
        if _is_for(stored, key):
            own.append(_made_for(asset, request))
        else:
            sound.append(asset)
    ordered = [*own, *rank(sound, request)]
    told = [_troubled(candidate, troubles) for candidate in ordered]
    matching = [candidate for candidate in told if candidate.matches]
    rest = [candidate for candidate in told if not candidate.matches]
    return [*matching, *rest, *refused][: len(matching) + MAX_REFUSED_TOLD]


def as_asked(asset: LibraryAsset, stored: StoredAsset, request: AssetRequest) -> LibraryAsset:
    """`asset` with its context in the words of `request` where its tags say the same.

    An asset may be tagged for several scenes, or several choices: then it is for each of them. With several of both
    nobody knows which belong together, and it is for none.
    """
    names = _context(stored)
    several = [field for field, found in names.items() if len(found) > 1]
    asked: dict[str, str] = {}
    for field, found in names.items():
        wanted = getattr(request, field)
        is_clear = len(found) == 1 or len(several) == 1
        if wanted is not None and is_clear and _name_of(field, wanted) in found:
            asked[field] = wanted
        elif len(found) > 1:
            asked[field] = ", ".join(found)
    return replace(asset, **asked)


def _context(stored: StoredAsset) -> dict[str, tuple[str, ...]]:
    named = {field: names_in(namespace, stored.tags) for field, namespace in CONTEXT.items()}
    return {field: names for field, names in named.items() if names}


def _name_of(field: str, wanted: str) -> str | None:
    with suppress(NoSlug):
        return slug(CONTEXT[field], wanted).partition(":")[2]
    return None


def _style(stored: StoredAsset) -> Style | None:
    known = [Style(name) for name in names_in(STYLE, stored.tags) if name in frozenset(Style)]
    return known[0] if len(known) == 1 else None


def _is_for(stored: StoredAsset, key: str) -> bool:
    return key_slug(key) in stored.tags


def _refusal(stored: StoredAsset, request: AssetRequest, key: str, reader: Reader) -> str | None:
    """Why `stored` is no answer although its tags may say so; None when that is for the common rule to say."""
    if (why := fault(stored)) is not None:
        return why
    if stored.user_id != reader.user_id:
        return "belongs to another user"
    return _reluctance(stored, request, key) if names_in(KEY, stored.tags) else None


def _reluctance(stored: StoredAsset, request: AssetRequest, key: str) -> str | None:
    """Why `stored`, which we had made for some request, does not answer this one whatever the prompt."""
    if request.reuse is Reuse.ALWAYS:
        return "was generated before, and reuse `always` makes a new one each time"
    demands = [] if _is_for(stored, key) else _demands(request)
    return f"was generated for another request, and this one demands {' and '.join(demands)}" if demands else None


def _demands(request: AssetRequest) -> list[str]:
    """What in `request` may be otherwise in an asset that was generated for another one, and would not show."""
    demanded: Mapping[str, bool] = {
        "its seed": request.seed is not None,
        "its model": request.model is not None,
        "its parameters": bool(request.parameters),
        "its inputs": bool(request.inputs),
        f"one for its {'player' if request.reuse is Reuse.PER_PLAYER else 'playthrough'}": (
            request.reuse is not Reuse.ONCE
        ),
    }
    return [name for name, is_demanded in demanded.items() if is_demanded]


def _made_for(asset: LibraryAsset, request: AssetRequest) -> Candidate:
    """The verdict on what our tag says was made for `request`: its prompt, style and length are what was asked for.

    The context counts: somebody may have moved it to another moment by hand. What has none is found by its key alone.
    """
    stated = {field: getattr(asset, field) for field in CONTEXT}
    context = {} if any(stated.values()) else {field: getattr(request, field) for field in CONTEXT}
    asked = {"prompt": request.prompt, "style": request.style, "duration_s": request.duration_s}
    verdict = judge(replace(asset, **context, **asked), request)
    if not verdict.matches:
        return replace(verdict, asset=asset)
    return Candidate(asset, None, ("was generated for this very request",))


def _troubled(candidate: Candidate, troubles: Mapping[str, LibraryError]) -> Candidate:
    """`candidate`, refused when its file is not to be had: that is no "no match"."""
    trouble = troubles.get(candidate.asset.asset_id)
    if trouble is None or not candidate.matches:
        return candidate
    return Candidate(candidate.asset, trouble.what, trouble=trouble)


def _no_file(asset: LibraryAsset) -> LibraryError:
    return LibraryError(f"the backend has no file of its asset `{asset.asset_id}`", hint="look at it in PixSim7")
