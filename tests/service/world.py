"""Everything the look-alike is made of, in one place that all rooms are handed."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from service import providers
from service.faults import Fault, Faults
from service.ledger import Ledger
from service.links import stored_key
from service.scripts import Script, matches
from service.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from service.course import Course
    from service.sockets import Sockets


@dataclass
class Options:
    """What may be set at run time; as it stands here, it is as the real server is.

    `dedup`: `honest` (as told), `racy` (a row is seen only `settle_s` after it was made) or `silent` (never reused, and
    missing from the list of jobs). `link_life_s`: vendor and store links are signed and die. `clock_skew_s`: how far
    the server's clock is ahead. `game_assets`: it answers requests of games. `capacity`: so many jobs run at once, the
    others wait for an account. None as a limit: there is none.
    """

    dedup: str = "honest"
    settle_s: float = 1.0
    capacity: int | None = None
    create_limit: int | None = 20
    create_window_s: float = 60.0
    login_limit: int | None = 5
    login_window_s: float = 60.0
    token_life_s: float = 30 * 86400.0
    clock_skew_s: float = 0.0
    link_life_s: float | None = None
    sockets_speak: bool = True
    sockets_open: bool = True
    vendor_checks_tokens: bool = True
    similar_images: bool = False
    game_assets: bool = False
    retry_cap: int = 10
    providers: list[dict[str, Any]] = field(default_factory=providers.known)


@dataclass
class World:
    """The whole server. `course` and `sockets` are put in when the event loop runs."""

    folder: Path
    api_url: str = ""
    vendor_url: str = ""
    options: Options = field(default_factory=Options)
    faults: Faults = field(default_factory=Faults)
    windows: dict[str, tuple[float, int]] = field(default_factory=lambda: defaultdict(lambda: (0.0, 0)))

    course: Course = field(init=False)
    sockets: Sockets = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(self.folder)
        self.ledger = Ledger(self.folder)
        self.options = Options(**{**asdict(self.options), **self.store.values.get("options", {})})
        self.faults.armed = [Fault(**document) for document in self.store.values.get("faults", [])]
        self.keys = {stored_key(asset): asset.id for asset in self.store.assets.values()}
        self.vendor_files = {asset.provider_asset_id: asset.id for asset in self.store.assets.values()}
        self.tokens = {session.token: session for session in self.store.sessions.values()}
        for secret in self.store.values.get("watched", []):
            self.ledger.watch(secret)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.options.clock_skew_s)

    def configure(self, **changes: Any) -> None:
        """The named options are these, now and after a restart."""
        self.options = Options(**{**asdict(self.options), **changes})
        self.store.keep("options", self.store.values.get("options", {}) | changes)

    def arm(self, fault: Fault) -> None:
        self.faults.armed.append(fault)
        self.keep_faults()

    def keep_faults(self) -> None:
        self.store.keep("faults", [fault.document() for fault in self.faults.armed])

    def watch(self, secret: str) -> None:
        """This secret is looked for in all that comes, now and after a restart."""
        self.ledger.watch(secret)
        self.store.keep("watched", [*self.store.values.get("watched", []), secret])

    def seconds_to_wait(self, key: str, limit: int | None, window_s: float) -> float | None:
        """Counts one attempt in its fixed window. None: it is within the limit."""
        if limit is None:
            return None
        began, count = self.windows[key]
        now = time.monotonic()
        if now - began >= window_s:
            began, count = now, 0
        self.windows[key] = (began, count + 1)
        return None if count < limit else window_s - (now - began)

    def script_for(self, job: dict[str, Any]) -> Script | None:
        """The youngest script that fits a new job, used up by one; None if none does."""
        scripts: list[dict[str, Any]] = self.store.values.get("scripts", [])
        for index in reversed(range(len(scripts))):
            entry = scripts[index]
            if matches(entry["match"], job):
                if entry["times"] is not None:
                    left = {**entry, "times": entry["times"] - 1}
                    scripts = [*scripts[:index], *([left] if left["times"] else []), *scripts[index + 1 :]]
                    self.store.keep("scripts", scripts)
                return Script.of(entry["script"])
        return None
