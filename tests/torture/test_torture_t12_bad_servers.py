"""T12: whatever a server does to us, an asset is charged once, its bytes are right, its server is not stormed.

Each fault strikes at its stage in three phases; then the same thing is asked for again until it is there.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import anyio
import pytest
from torture_buyer import HIDES_S, Told, Wish
from torture_report import Report
from torture_scripts import PHASES, TAGS, TROUBLES, Trouble

from service.harness import LookAlike

if TYPE_CHECKING:
    from pathlib import Path

    from service.harness import Account

pytestmark = pytest.mark.anyio

_LANES: Final = 3
#: What a run of a thousand jobs may do.
_MOST_PER_100MS: Final = 50
_ASKS: Final = 5
EXIT_CODES: Final = {
    "delivered": 0,
    "service_unreachable": 9,
    "service_failed": 1,
    "rate_limited": 1,
    "not_allowed": 3,
    "job_failed": 1,
    "account_exhausted": 1,
    "outcome_unknown": 10,
    "job_pending": 4,
    "address_refused": 1,
    "link_expired": 1,
    "integrity": 8,
}


@dataclass
class Case:
    """One fault in one phase: who asks for what, and what came of it."""

    name: str
    phase: str
    server: LookAlike
    account: Account
    wish: Wish
    told: list[Told] = field(default_factory=list)

    @property
    def trouble(self) -> Trouble:
        return TROUBLES[self.name]

    async def ask(self) -> Told:
        self.told.append(await self.wish.ask())
        return self.told[-1]

    def charges(self) -> int:
        return sum(charge["user_id"] == self.account.id for charge in self.server.charges())

    def jobs(self) -> int:
        return sum(f'in {self.wish.scene}"' in json.dumps(job) for job in self.server.jobs())

    def known_bytes(self) -> set[str]:
        return {asset["sha256"] or "" for asset in self.server.assets() if asset["user_id"] == self.account.id}

    async def run(self) -> list[str]:
        """What is wrong with how it went."""
        trouble, server = self.trouble, self.server
        server.clear_scripts()
        server.script(**{"duration_s": 0.05, **trouble.script})
        server.fault(trouble.route, trouble.fault, times=PHASES[self.phase])
        first = await self.ask()
        server.clear_faults()
        problems = self._first_problems(first)
        while not self.told[-1].is_delivered and len(self.told) < _ASKS:
            await self.ask()
        return [f"{self.name}, {self.phase}: {problem}" for problem in problems + self._last_problems()]

    def _first_problems(self, first: Told) -> list[str]:
        trouble = self.trouble
        wrong = {
            f"it was not healed but told as {first.code}: {first.text}": (
                self.phase == "once" and trouble.heals and not first.is_delivered
            ),
            "it was delivered in spite of it": first.is_delivered
            and ((self.phase == "once" and not trouble.heals) or (self.phase == "stays" and trouble.stops)),
            "no warning tells of it": trouble.route == TAGS and self.phase == "stays" and not first.warnings,
        }
        if not first.is_delivered:
            wrong |= {
                f"it was told as {first.code}": first.code not in (*trouble.told, "job_pending"),
                f"it does not say `{trouble.words}` but: {first.text}": trouble.words not in first.text,
                "a free refusal left a job": trouble.is_free and self.jobs() > 0,
            }
        return [problem for problem, is_so in wrong.items() if is_so]

    def _last_problems(self) -> list[str]:
        last, token = self.told[-1], self.account.token
        wrong = {
            f"it never came: {last.text}": not last.is_delivered,
            f"{self.charges()} charges, {self.jobs()} jobs": (self.charges(), self.jobs()) != (1, 1),
            "other bytes were delivered": last.is_delivered and not self._is_right(last),
        }
        for told in self.told:
            wrong |= {
                f"{told.code} exits with {told.exit_code}": told.exit_code != EXIT_CODES[told.code],
                f"{told.code} has no reason or no hint: {told.text}": not (told.has_reason and told.has_hint),
                f"{told.code} shows the token": token in told.text + "".join(told.warnings),
            }
        wrong["the token was written down"] = any(
            token.encode() in path.read_bytes() for path in self.wish.data.rglob("*") if path.is_file()
        )
        return [problem for problem, is_so in wrong.items() if is_so]

    def _is_right(self, last: Told) -> bool:
        # What never came to the server's own store has no digest there.
        return last.sha256 in self.known_bytes() or "place" in self.trouble.script


async def _lane(
    server: LookAlike, names: list[str], phase: str, folder: Path, seed: int
) -> tuple[list[Case], list[str], int]:
    """The cases, their problems, and the most requests per 100 ms of one asker in trouble."""
    cases: list[Case] = []
    problems: list[str] = []
    for name in names:
        place = folder / f"{seed}-{len(cases)}"
        place.mkdir()
        account = server.user(f"person_{len(cases)}")
        wish = Wish(
            str(place), server.url, account.token, f"scene_{seed}_{len(cases)}",
            timeout_s=TROUBLES[name].timeout_s, max_wait_s=50.0 if phase == "stays" else 300.0,
        )  # fmt: skip
        cases.append(Case(name, phase, server, account, wish))
        problems += await cases[-1].run()
    return cases, problems, server.peak_per_100ms()


async def _calm_peak(server: LookAlike, folder: Path) -> int:
    """The most requests per 100 ms while nothing is wrong."""
    before = len(server.requests())
    for number in range(3):
        (folder / f"calm-{number}").mkdir()
        token = server.user(f"calm_{number}").token
        told = await Wish(str(folder / f"calm-{number}"), server.url, token, f"calm_{number}").ask()
        assert told.is_delivered, told
    assert len(server.requests()) > before
    return server.peak_per_100ms()


@pytest.mark.parametrize("phase", PHASES)
async def test_every_fault_costs_one_charge_and_no_wrong_byte(
    quick_folder: Path, phase: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    names = [name for name, trouble in TROUBLES.items() if phase == "once" or not trouble.is_slow]
    outcomes: list[tuple[list[Case], list[str], int]] = []
    with Report("T12") as report, ExitStack() as stack:
        servers = [
            stack.enter_context(LookAlike(create_limit=None, dedup=dedup, settle_s=HIDES_S))
            for dedup in ("honest", "racy", "honest")[:_LANES]
        ]
        calm = max([await _calm_peak(server, _made(quick_folder / f"calm-{n}")) for n, server in enumerate(servers)])

        async def work(number: int) -> None:
            chosen = names[number::_LANES]
            outcomes.append(await _lane(servers[number], chosen, phase, quick_folder, number))

        async with anyio.create_task_group() as tasks:
            for number in range(_LANES):
                tasks.start_soon(work, number)
        cases = [case for lane in outcomes for case in lane[0]]
        codes = Counter(case.told[0].code for case in cases)
        peak = max(lane[2] for lane in outcomes)
        sightings = [seen for server in servers for seen in server.sightings()]
        logged = [case.name for case in cases if case.account.token in caplog.text]
        report.tell(phase=phase, faults=len(cases), first_asks=dict(codes), asks=sum(len(case.told) for case in cases))
        report.tell(charges=sum(case.charges() for case in cases), peak_per_100ms=peak, calm_per_100ms=calm)
        report.all_zero(problems=[problem for lane in outcomes for problem in lane[1]])
        report.all_zero(sightings=sightings, logged=logged)
        assert len(cases) == len(names)
        # Waits pass ten times as fast here, so this is ten times as strict as it sounds. A calm ask takes so few
        # requests that twice as many leave no room for a retry; half of what a thousand jobs may do bounds it too.
        assert peak <= max(2 * calm, _MOST_PER_100MS // 2)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
