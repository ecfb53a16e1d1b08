"""`assetctl doctor`: is this installation sound, and what to mend if not."""

from __future__ import annotations

import platform
import shutil
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from assetctl import filesystem
from assetctl.cache.index.filters import EntryFilter
from assetctl.cli.options import Json
from assetctl.cli.output import Printer
from assetctl.cli.session import printer_for, with_stack
from assetctl.cli.state import CliState, command_app, shared_options, takes
from assetctl.errors import AssetctlError, CacheError
from assetctl.eventloop import in_thread
from assetctl.units import counted, human_duration, human_size

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from assetctl.wiring import Stack

#: By so much two clocks may differ before what they say of each other's deeds misleads.
_MAX_SKEW_S: Final = 30.0

app = command_app()


class Health(StrEnum):
    """How a check went. A warning is no failure: everything works, something could be better."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `hint` says what to do, None when nothing is to be done."""

    check: str
    health: Health
    detail: str
    hint: str | None = None


@app.command(epilog="Example: assetctl doctor --json")
@takes(state=shared_options)
def doctor(as_json: Json = False, *, state: CliState) -> int:
    """Check settings, disk, cache, journal, library, generators and backend. Exit code 1 when something is broken."""
    printer = printer_for(state, as_json=as_json)
    findings = _findings(state, printer)
    if as_json:
        printer.document([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            printer.line(f"{finding.health:8} {finding.check:10} {finding.detail}")
            if finding.hint:
                printer.line(f"{'':19} next: {finding.hint}")
    return 1 if any(finding.health is Health.FAILED for finding in findings) else 0


def _findings(state: CliState, printer: Printer) -> list[Finding]:
    found = [Finding("python", Health.OK, f"{platform.python_version()} on {platform.platform()}")]
    try:
        return found + with_stack(state, printer, _examined)
    except CacheError as error:
        return [*found, _trouble("disk", error)]
    except AssetctlError as error:
        return [*found, _trouble("settings", error)]


async def _examined(stack: Stack) -> list[Finding]:
    checks: dict[str, Callable[[Stack], Awaitable[list[Finding]]]] = {
        "settings": _settings,
        "disk": _disk,
        "cache": _cache,
        "shared": _shared,
        "journal": _journal,
        "library": _library,
        "generators": _generators,
        "backend": _backend,
        "login": _login,
        "orders": _orders,
    }
    findings: list[Finding] = []
    for name, check in checks.items():
        try:
            findings += await check(stack)
        except AssetctlError as error:
            findings.append(_trouble(name, error))
    return findings


def _trouble(check: str, error: AssetctlError) -> Finding:
    return Finding(check, Health.FAILED, error.sentence, error.hint)


async def _settings(stack: Stack) -> list[Finding]:
    changed = sorted({origin for origin in stack.settings.origins.values() if origin != "default"})
    return [Finding("settings", Health.OK, "from " + ", ".join(changed) if changed else "all at their defaults")]


async def _disk(stack: Stack) -> list[Finding]:
    folder = stack.settings.data_dir
    filesystem.require_local(folder, "the cache's index and the journal")
    filesystem.make_private_folder(folder)
    kind = filesystem.kind_of(folder).name
    with filesystem.translated(folder):
        free = shutil.disk_usage(folder).free
    if free < stack.settings.cache.min_free_bytes:
        hint = "make room: assetctl cache ls --sort size"
        wanted = human_size(stack.settings.cache.min_free_bytes)
        return [Finding("disk", Health.WARNING, f"{human_size(free)} free at {folder}, {wanted} wanted", hint)]
    return [Finding("disk", Health.OK, f"{human_size(free)} free at {folder} ({kind})")]


async def _cache(stack: Stack) -> list[Finding]:
    totals = await stack.cache.totals(EntryFilter())
    return [
        Finding("cache", Health.OK, f"{counted(totals.count, 'entry', 'entries')}, {human_size(totals.size_bytes)}")
    ]


async def _shared(stack: Stack) -> list[Finding]:
    folder = stack.settings.cache.shared
    if folder is None:
        return []
    filesystem.check_shared_folder(folder)
    return [Finding("shared", Health.OK, f"{folder} ({filesystem.kind_of(folder).name})")]


async def _journal(stack: Stack) -> list[Finding]:
    orders = await stack.jobs.journal.orders(open_only=True)
    if not orders:
        return [Finding("journal", Health.OK, "no job is open")]
    return [
        Finding("journal", Health.WARNING, f"{counted(len(orders), 'job is', 'jobs are')} open", "assetctl jobs resume")
    ]


async def _library(stack: Stack) -> list[Finding]:
    return await (_folder(stack) if stack.settings.library.kind == "folder" else _server(stack))


async def _server(stack: Stack) -> list[Finding]:
    place = str(stack.backend.origin)
    if stack.is_offline:
        return [Finding("library", Health.OK, f"{place} (not asked offline)")]
    facts = await stack.backend.client.introspect()
    if not facts.is_active:
        return [Finding("library", Health.FAILED, f"{place} doesn't take the login any more", "assetctl auth login")]
    return [Finding("library", Health.OK, f"{place}, as {facts.user or 'somebody without a name'}")]


async def _folder(stack: Stack) -> list[Finding]:
    path = stack.settings.library.path
    problems = await stack.libraries.folder.problems()
    if not problems:
        if path.exists():
            return [Finding("library", Health.OK, str(path))]
        return [
            Finding("library", Health.OK, f"{path} (not there yet)", "put files named <scene>/<choice>.mp4 into it")
        ]
    return [Finding("library", Health.WARNING, problem, f"mend it in {path}") for problem in problems]


async def _generators(stack: Stack) -> list[Finding]:
    return [
        Finding("generator", Health.OK, f"{listing.name} is ready")
        if listing.problem is None
        else Finding(
            "generator", Health.WARNING, f"{listing.name}: {listing.problem}", "reinstall the package it is in"
        )
        for listing in stack.jobs.registry.list()
    ]


async def _backend(stack: Stack) -> list[Finding]:
    if stack.settings.backend.url is None or stack.is_offline:
        return []
    before = stack.clock.now()
    version = await stack.backend.client.version()
    # Its clock was read somewhere between asking and hearing.
    middle = before + (stack.clock.now() - before) / 2
    skew_s = 0.0 if version.server_time is None else (version.server_time - middle).total_seconds()
    detail = f"{stack.backend.origin} answers (API {version.api_version or 'of no stated version'})"
    if abs(skew_s) > _MAX_SKEW_S:
        ahead = "ahead of" if skew_s > 0 else "behind"
        skew = human_duration(abs(skew_s))
        hint = "set both clocks by a time server"
        return [Finding("backend", Health.WARNING, f"{detail}, its clock is {skew} {ahead} ours", hint)]
    return [Finding("backend", Health.OK, detail)]


async def _login(stack: Stack) -> list[Finding]:
    if stack.settings.backend.url is None:
        return []
    standing = await stack.backend.account.standing(verify=not stack.is_offline)
    until = "" if standing.expires_at is None else f", until {standing.expires_at:%Y-%m-%d}"
    keyring = await in_thread(stack.backend.logins.keyring_name)
    return [
        Finding("login", Health.OK, f"{standing.user or 'a user'}, token in {standing.kept_in}{until}"),
        Finding("keyring", Health.OK, keyring or "none to rely on; tokens are kept in a file for you alone"),
    ]


async def _orders(stack: Stack) -> list[Finding]:
    if stack.settings.backend.url is None:
        return []
    configured = stack.settings.backend.orders_per_minute
    learned = await stack.backend.turns.learned()
    if learned is None:
        return [Finding("orders", Health.OK, f"{configured} a minute" if configured else "as many as there are")]
    return [
        Finding(
            "orders",
            Health.WARNING,
            f"the backend took {learned} in a minute lately and refused one more; others may use the same login",
            f"if it always takes fewer: backend.orders_per_minute = {learned}",
        )
    ]
