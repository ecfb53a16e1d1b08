"""`assetctl cache show`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assetctl.cache.entries import entry_document
from assetctl.cli.cache_options import only_one
from assetctl.cli.options import Json
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.documents import request_document, timestamp
from assetctl.units import counted, human_age, human_duration, human_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from assetctl.cache.entries import CacheEntry
    from assetctl.cache.index.index import Whereabouts
    from assetctl.cli.output import Printer
    from assetctl.wiring import Stack


@takes(state=shared_options)
def show_entry(
    key_prefixes: Annotated[
        list[str], typer.Argument(metavar="KEY-PREFIX...", help="How keys or digests begin, each of one entry.")
    ],
    as_json: Json = False,
    *,
    state: CliState,
) -> int:
    """All that is known of an entry, or of several. Exit code 7 when there is none."""
    printer = printer_for(state, as_json=as_json)
    if len(key_prefixes) > 1:
        printer = replace(printer, indent=None)

    async def work(stack: Stack) -> None:
        for number, prefix in enumerate(key_prefixes):
            if number and not (as_json or state.quiet):
                printer.line("")
            await _show(stack, only_one(await stack.cache.find_by_prefix(prefix), prefix), printer)

    with_stack(state, printer, work)
    return 0


async def _show(stack: Stack, entry: CacheEntry, printer: Printer) -> None:
    place = await stack.cache.whereabouts(entry)
    now = stack.clock.now()
    if printer.as_json:
        printer.document(_document(entry, place, now))
    elif printer.quiet:
        printer.line(entry.key)
    else:
        for name, value in _facts(entry, place, now):
            printer.line(f"{name:<14}{value}")


def _document(entry: CacheEntry, place: Whereabouts, now: datetime) -> dict[str, Any]:
    return {
        **entry_document(entry),
        "verified_at": timestamp(entry.verified_at),
        "current": entry.is_current(now),
        "path": str(place.path),
        "present": place.is_present,
        "entries_sharing_bytes": place.uses,
    }


def _facts(entry: CacheEntry, place: Whereabouts, now: datetime) -> Iterator[tuple[str, str]]:
    yield "key", entry.key
    for name, value in request_document(entry.request).items():
        # The defaults of policy are no part of what was asked for.
        if value not in (None, {}) and not isinstance(value, bool) and name not in ("strategy", "max_wait_s"):
            yield name, str(value)
    yield "asset", entry.asset_id
    yield from _origin(entry)
    yield from _file(entry, place)
    yield from _times(entry, now)
    yield "pinned", "yes" if entry.pinned else "no"
    yield "paid", "yes" if entry.paid else "no"
    yield "cost", "unknown" if entry.cost is None else f"{entry.cost.amount} {entry.cost.currency}"


def _origin(entry: CacheEntry) -> Iterator[tuple[str, str]]:
    origin = entry.origin
    yield "from", origin.provider + (" (stand-in)" if entry.stand_in else "")
    for name, value in (("model", origin.model), ("job", origin.job_id), ("url", entry.url)):
        if value is not None:
            yield name, value
    if entry.generation_time_ms is not None:
        yield "making took", human_duration(entry.generation_time_ms / 1000)


def _file(entry: CacheEntry, place: Whereabouts) -> Iterator[tuple[str, str]]:
    media = entry.media
    looks = [media.mime_type]
    if media.width is not None and media.height is not None:
        looks.append(f"{media.width}x{media.height}")
    if media.duration_s is not None:
        looks.append(human_duration(media.duration_s))
    yield "file", ", ".join(looks)
    shared = f", shared by {counted(place.uses, 'entry', 'entries')}" if place.uses > 1 else ""
    yield "size", f"{human_size(entry.size_bytes)} ({entry.size_bytes:,} bytes){shared}"
    yield "sha256", entry.sha256
    yield "path", str(place.path) + ("" if place.is_present else " (missing)")


def _times(entry: CacheEntry, now: datetime) -> Iterator[tuple[str, str]]:
    for name, moment in (
        ("stored", entry.created_at),
        ("used", entry.last_used_at),
        ("source asked", entry.checked_at),
        ("verified", entry.verified_at),
    ):
        yield name, "never" if moment is None else f"{timestamp(moment)} ({human_age((now - moment).total_seconds())})"
    if entry.expires_at is None:
        yield "expires", "never"
    else:
        yield "expires", f"{timestamp(entry.expires_at)}{'' if entry.is_current(now) else ' (expired)'}"
