"""What can go wrong between us and the backend, stage by stage, and what may be said of it.

A fault strikes `once`, `twice` or as long as the first ask lasts (`stays`); after that the server is well again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from service import faults

SEARCH: Final = "POST /api/v1/assets/search"
PROVIDERS: Final = "GET /api/v1/providers"
CREATE: Final = "POST /api/v1/generations"
STATUS: Final = "GET /api/v1/generations/[0-9]*"
ASSET: Final = "GET /api/v1/assets/[0-9]*"
FILE: Final = "GET /api/v1/media/*"
VENDOR: Final = "vendor GET *"
TAGS: Final = "POST /api/v1/assets/[0-9]*/tags/assign"

PHASES: Final = {"once": 1, "twice": 2, "stays": None}
_UNREACHABLE: Final = ("service_unreachable",)
_FAILED: Final = ("service_failed",)
_UNKNOWN: Final = ("outcome_unknown",)
_NOT_ALLOWED: Final = ("not_allowed",)
_REFUSED: Final = ("job_failed",)
_EXHAUSTED: Final = ("account_exhausted",)
#: How long silence is borne, and what a loaded machine may take for any other answer meanwhile.
_SILENT_S: Final = 3.0
#: A fault that the server's own words and codes can't be told from a lasting one.
_BOOM: Final = {"message": "boom", "code": "internal_error"}


@dataclass(frozen=True)
class Trouble:
    """One fault of one stage. `told` are the codes that the first ask may end with when it doesn't deliver.

    `heals`: struck once, the first ask delivers all the same. `stops`: struck for good, it doesn't. `is_free`: a first
    ask that doesn't deliver cost nothing and left no job. `words` stand in what is told. `is_slow`: it takes seconds.
    """

    route: str
    fault: dict[str, Any]
    told: tuple[str, ...] = ()
    heals: bool = False
    stops: bool = True
    is_free: bool = False
    words: str = ""
    timeout_s: float = 60.0
    is_slow: bool = False
    script: dict[str, Any] = field(default_factory=dict)


def _search() -> dict[str, Trouble]:
    def one(fault: dict[str, Any], told: tuple[str, ...], **facts: Any) -> Trouble:
        return Trouble(SEARCH, fault, told, is_free=True, **facts)

    return {
        "search lost": one(faults.lost_before(), _UNREACHABLE, heals=True),
        "search reset": one(faults.reset(), _UNREACHABLE, heals=True),
        "search silent": one(faults.silence(), _UNREACHABLE, heals=True, timeout_s=_SILENT_S),
        "search 500": one(faults.answers(500, **_BOOM), _FAILED, heals=True, words="boom"),
        "search 429": one(
            faults.answers(429, "Rate limit exceeded. Try again in 1 seconds."), ("rate_limited",), heals=True
        ),
        "search 401": one(
            faults.answers(401, "Token expired", code="unauthorized"), _NOT_ALLOWED, words="Token expired"
        ),
        "search 403": one(faults.answers(403, "no", code="forbidden"), _NOT_ALLOWED),
        "search is a page": one(faults.text("<html>"), _FAILED),
        "search is 100 MB": one(faults.big_json(), _FAILED, words="longer than 16 MB"),
        "search is deep": one(faults.deep_json(), _FAILED),
        "search is a bomb": one(faults.bomb(), _FAILED, words="compressed"),
        "search is cut": one(faults.cut_off(20), _UNREACHABLE, heals=True),
        "search leads away": one(faults.moved("https://example.com/"), _FAILED, words="redirects a POST"),
    }


def _providers() -> dict[str, Trouble]:
    def one(fault: dict[str, Any], told: tuple[str, ...], **facts: Any) -> Trouble:
        return Trouble(PROVIDERS, fault, told, is_free=True, **facts)

    return {
        "providers lost": one(faults.lost_after(), _UNREACHABLE, heals=True),
        "providers 502": one(faults.answers(502), _UNREACHABLE, heals=True),
        "providers are a page": one(faults.text("<html>"), _FAILED),
        "providers are zipped": one(faults.zipped(), _FAILED, words="compressed"),
    }


def _create() -> dict[str, Trouble]:
    def unknown(fault: dict[str, Any], **facts: Any) -> Trouble:
        return Trouble(CREATE, fault, _UNKNOWN, heals=True, **facts)

    def refused(fault: dict[str, Any], told: tuple[str, ...] = _REFUSED, **facts: Any) -> Trouble:
        return Trouble(CREATE, fault, told, is_free=True, **facts)

    return {
        "order lost before": unknown(faults.lost_before()),
        "order lost after": unknown(faults.lost_after(), stops=False),
        "order lost while it arrives": unknown(faults.lost_while(0.2), stops=False),
        "order reset before": unknown(faults.reset()),
        "order reset after": unknown(faults.reset("after"), stops=False),
        "order answered by half a head": unknown(faults.cut_head(), stops=False),
        "order answered in part": unknown(faults.cut_off(30), stops=False),
        "order never answered": unknown(faults.silence("after"), stops=False, timeout_s=_SILENT_S),
        "order 500 before": unknown(faults.answers(500, **_BOOM)),
        "order 500 after": unknown(faults.answers(500, **_BOOM, when="after"), stops=False),
        "order 502 after": unknown(faults.answers(502, when="after"), stops=False),
        "order 503 before": unknown(faults.answers(503)),
        "order answered by a page": unknown(faults.text("<html>") | {"when": "after"}, stops=False),
        "order answered by 100 MB": unknown(faults.big_json() | {"when": "after"}, stops=False),
        "order answered deep": unknown(faults.deep_json(), stops=True),
        "order answered zipped": unknown(faults.zipped(), stops=False),
        "order 429": Trouble(
            CREATE,
            faults.answers(429, "Rate limit exceeded. Try again in 1 seconds.", code="http_429"),
            ("rate_limited",),
            heals=True,
            is_free=True,
        ),
        "order 401": refused(faults.answers(401, "Token expired", code="unauthorized"), _NOT_ALLOWED),
        "order 403": refused(faults.answers(403, "no", code="forbidden"), _NOT_ALLOWED),
        "order 422": refused(faults.answers(422, "prompt too long", code="validation_error"), words="too long"),
        "order 400 for money": refused(
            faults.answers(400, "No account with sufficient credits", code="http_400"), _EXHAUSTED, words="add credits"
        ),
        "order refused by a 500": refused(
            faults.answers(500, "Daily job limit exceeded (5)", code="internal_error"), _EXHAUSTED, words="midnight"
        ),
        "order led away": refused(faults.moved("https://example.com/"), _FAILED),
    }


def _job() -> dict[str, Trouble]:
    def status(fault: dict[str, Any], told: tuple[str, ...], **facts: Any) -> Trouble:
        return Trouble(STATUS, fault, told, **facts)

    return {
        "job reset": status(faults.reset(), _UNREACHABLE, heals=True),
        "job 500": status(faults.answers(500, **_BOOM), _FAILED, heals=True),
        "job 401": status(faults.answers(401, "Token revoked", code="unauthorized"), _NOT_ALLOWED),
        "job is a page": status(faults.text("<html>"), _FAILED),
        "job is 100 MB": status(faults.big_json(), _FAILED),
        "job is unknown": status(
            faults.answers(404, "Generation not found", code="not_found"), ("job_failed",), words="--forget"
        ),
        "asset lost": Trouble(ASSET, faults.lost_after(), _UNREACHABLE, heals=True),
        "asset 503": Trouble(ASSET, faults.answers(503), _UNREACHABLE, heals=True),
        "asset is a page": Trouble(ASSET, faults.text("<html>"), _FAILED),
        "asset is gone": Trouble(
            ASSET, faults.answers(404, "Asset not found", code="not_found"), ("job_failed",), words="--forget"
        ),
    }


def _file() -> dict[str, Trouble]:
    remote = {"place": "remote", "ingest_s": 0.0}

    def one(fault: dict[str, Any], told: tuple[str, ...], **facts: Any) -> Trouble:
        return Trouble(FILE, fault, told, **facts)

    def vendor(fault: dict[str, Any], told: tuple[str, ...], **facts: Any) -> Trouble:
        return Trouble(VENDOR, fault, told, script=remote, **facts)

    return {
        "file cut off": one(faults.cut_off(500), _UNREACHABLE, heals=True),
        "file reset": one(faults.cut_off(500, end="reset"), _UNREACHABLE, heals=True),
        "file dripping": one(faults.drip(20, 0.1), _UNREACHABLE, heals=True, is_slow=True),
        "file silent": one(faults.silence(), _UNREACHABLE, heals=True, timeout_s=_SILENT_S),
        "file too short": one(faults.wrong_length(-200), ("integrity",)),
        "file too long": one(faults.wrong_length(200), ("integrity",)),
        "file of a wrong type": one(faults.wrong_type("text/html"), _FAILED, words="text/html"),
        "file damaged": one(faults.damaged(), ("integrity",)),
        "file zipped": one(faults.zipped(), _FAILED, words="encoded"),
        "file later": one(faults.answers(202, "queued"), _UNREACHABLE + _FAILED, heals=True),
        "file 503": one(faults.answers(503), _UNREACHABLE, heals=True),
        "file at a private address": one(faults.moved("http://10.0.0.1/x"), ("address_refused",)),
        "file in a loop": one(faults.moved("/api/v1/media/u/1/loop"), ("service_failed", "not_allowed")),
        "file not given": one(faults.expired(), _NOT_ALLOWED),
        "vendor lost": vendor(faults.lost_after(), _UNREACHABLE, heals=True),
        "vendor cut off": vendor(faults.cut_off(500), _UNREACHABLE, heals=True),
        "vendor gives a page": vendor(faults.text("<html>"), _FAILED, words="text/html"),
        "vendor link expired": vendor(faults.expired(), ("link_expired",), heals=True),
    }


def _tags() -> dict[str, Trouble]:
    return {
        "tags 500": Trouble(TAGS, faults.answers(500, **_BOOM), heals=True, stops=False),
        "tags lost": Trouble(TAGS, faults.lost_after(), heals=True, stops=False),
        "tags are a page": Trouble(TAGS, faults.text("<html>"), heals=True, stops=False),
    }


TROUBLES: Final[dict[str, Trouble]] = {**_search(), **_providers(), **_create(), **_job(), **_file(), **_tags()}
