"""Statistics in the text format that monitoring reads.

After the OpenMetrics specification 1.0, section "Text format": names end in their unit, counters in `_total`, label
values are escaped, and the text ends in `# EOF`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from assetctl import filesystem
from assetctl.cache.usage.statistics import seconds
from assetctl.models import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal
    from pathlib import Path

    from assetctl.cache.usage.statistics import Statistics
    from assetctl.cache.usage.tallies import Usage

READABLE_FILE: Final = 0o644

Sample = tuple[dict[str, str], "int | float | Decimal"]

_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def openmetrics(statistics: Statistics) -> str:
    """`statistics` as an OpenMetrics text. What nobody knows has no sample."""
    totals, ever = statistics.totals, statistics.usage.ever
    families = (
        _family("assetctl_cache_entries", "gauge", None, "Entries in the cache.", [({}, totals.count)]),
        _family("assetctl_cache_pinned_entries", "gauge", None, "Pinned entries.", [({}, totals.pinned_count)]),
        _family("assetctl_cache_paid_entries", "gauge", None, "Entries paid for.", [({}, totals.paid_count)]),
        _family("assetctl_cache_logical_bytes", "gauge", "bytes", "Sum of all sizes.", [({}, totals.logical_bytes)]),
        _family(
            "assetctl_cache_physical_bytes",
            "gauge",
            "bytes",
            "Bytes on disk, shared ones once.",
            [({}, totals.size_bytes)],
        ),
        *_dimensions(statistics),
        *_usage(ever),
    )
    return "".join(line for family in families for line in family) + "# EOF\n"


def _dimensions(statistics: Statistics) -> Iterator[Iterator[str]]:
    for name, dimension in statistics.dimensions.items():
        groups = [({name: group.value or ""}, group) for group in dimension.groups]
        yield _family(
            f"assetctl_cache_{name}_entries",
            "gauge",
            None,
            f"Entries by {name}, the largest by bytes.",
            [(labels, group.entries) for labels, group in groups],
        )
        yield _family(
            f"assetctl_cache_{name}_bytes",
            "gauge",
            "bytes",
            f"Logical bytes by {name}, the largest.",
            [(labels, group.size_bytes) for labels, group in groups],
        )


def _usage(ever: Usage) -> Iterator[Iterator[str]]:
    requests: list[Sample] = [
        ({"source": source.value, "provider": provider}, tally.requests)
        for (source, provider), tally in sorted(ever.answered.items())
    ]
    yield _family("assetctl_requests", "counter", None, "Requests answered, by how.", requests)
    yield _family(
        "assetctl_request_bytes",
        "counter",
        "bytes",
        "Bytes handed out, by how they came.",
        [({"source": source.value}, _bytes(ever, source)) for source in Source],
    )
    saved, spent = seconds(ever.hits), seconds(ever.generated)
    yield _family("assetctl_saved_seconds", "counter", "seconds", "Making time that hits saved.", _known(saved))
    yield _family("assetctl_generation_seconds", "counter", "seconds", "Making time spent.", _known(spent))
    for name, help_text, money in (
        ("assetctl_saved_money", "Money that hits saved.", ever.hits.money),
        ("assetctl_spent_money", "Money that generating cost.", ever.generated.money),
    ):
        samples: list[Sample] = [({"currency": currency}, amount) for currency, amount in sorted(money.items())]
        yield _family(name, "counter", None, help_text, samples)


def _bytes(usage: Usage, source: Source) -> int:
    return sum(tally.size_bytes for (how, _), tally in usage.answered.items() if how is source)


def _known(value: float | None) -> list[Sample]:
    return [] if value is None else [({}, value)]


def _family(name: str, kind: str, unit: str | None, help_text: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# TYPE {name} {kind}\n"
    if unit is not None:
        yield f"# UNIT {name} {unit}\n"
    yield f"# HELP {name} {help_text}\n"
    suffix = "_total" if kind == "counter" else ""
    for labels, value in samples:
        stated = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        # Never 1E+3 for a decimal; a whole number stays one.
        number = str(value) if isinstance(value, int) else f"{value:f}"
        yield f"{name}{suffix}{f'{{{stated}}}' if stated else ''} {number}\n"


def _escaped(text: str) -> str:
    # Half characters, which a name out of JSON may hold, have no form in UTF-8.
    return text.encode(errors="replace").decode().translate(_ESCAPES)


def write_openmetrics(path: Path, statistics: Statistics) -> None:
    """`path` holds `openmetrics(statistics)`, at once and whole, for every user to read.

    Raises:
        CacheError: it could not be written; what was there still is.
    """
    temporary = filesystem.temporary_path(path.parent, ".tmp")
    filesystem.write_new(temporary, openmetrics(statistics).encode())
    try:
        with filesystem.translated(path):
            # Who collects metrics is another user as a rule.
            temporary.chmod(READABLE_FILE)
        filesystem.publish(temporary, path)
    except BaseException:
        filesystem.remove(temporary)
        raise
