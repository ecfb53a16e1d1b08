"""Writing reports: hurried by the first who wants to leave, left at once with the loop."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
import typer
from cli_harness import wait_until

from assetctl.cli.chapter import report_writing
from assetctl.cli.chapter.report_facts import exit_code_of, told_end
from assetctl.cli.chapter.report_writing import Hurry, hurried, look_up
from assetctl.cli.output import BrokenOutput
from assetctl.errors import ManifestError, StorageFull, StorageUnusable
from assetctl.prefetch.deeds import Deed
from assetctl.prefetch.report.gathering import Gathering
from assetctl.prefetch.report.kinds import ReportKind
from assetctl.prefetch.report.target import Target
from report_samples import asset, facts_of, item, planned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from assetctl.models import Asset

pytestmark = pytest.mark.anyio


@pytest.fixture
def gathering(tmp_path: Path) -> Iterator[Gathering]:
    made = Gathering(tmp_path / "scratch")
    for number in range(7):
        made.plan(planned(item(number, "a", str(number)), Deed.HERE))
    yield made
    made.close()


class Shelf:
    """Has everything, and remembers how much it was asked for at a time."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def holdings(self, keys: Sequence[str]) -> Mapping[str, Asset]:
        self.asked.append(len(keys))
        return {key: asset(item(int(key, 16), "a")) for key in keys}


async def test_what_was_here_is_looked_up_some_at_a_time(gathering: Gathering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_writing, "_KEYS_AT_ONCE", 3)
    shelf = Shelf()
    await look_up(gathering, shelf.holdings, Hurry())
    assert shelf.asked == [3, 3, 1]
    assert all(entry.asset for entry in gathering.entries())


async def test_in_a_hurry_only_the_first_are_looked_up(gathering: Gathering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_writing, "_KEYS_IN_A_HURRY", 2)
    shelf, hurry = Shelf(), Hurry()
    hurry.begin()
    await look_up(gathering, shelf.holdings, hurry)
    assert shelf.asked == [2]


async def test_who_is_cancelled_meanwhile_is_in_a_hurry_and_is_cancelled_at_the_end() -> None:
    stopped: list[str] = []
    begun, may_end, done = anyio.Event(), anyio.Event(), anyio.Event()

    async def work(hurry: Hurry) -> None:
        with hurry.stopping(lambda: stopped.append("pictures")):
            assert not hurry
            begun.set()
            await may_end.wait()
            assert hurry
        done.set()

    # As a signal does it: the task itself is cancelled, not a scope around it.
    writing = asyncio.create_task(hurried(work, from_the_start=False))
    with anyio.fail_after(60):
        await begun.wait()
        writing.cancel()
        while not stopped:
            await anyio.lowlevel.checkpoint()
        assert not writing.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
    assert done.is_set()
    assert stopped == ["pictures"]


async def test_a_hurry_from_the_start_stops_what_is_begun_in_it_at_once_and_goes_on_under_cancellation() -> None:
    stopped: list[str] = []

    async def work(hurry: Hurry) -> None:
        with hurry.stopping(lambda: stopped.append("pictures")):
            await anyio.lowlevel.checkpoint()
        stopped.append("done")

    with anyio.CancelScope() as scope:
        scope.cancel()
        await hurried(work, from_the_start=True)
    assert stopped == ["pictures", "done"]


async def test_what_work_raises_comes_out() -> None:
    async def work(_: Hurry) -> None:
        raise ZeroDivisionError

    with pytest.raises(BaseExceptionGroup) as caught:
        await hurried(work, from_the_start=False)
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)


async def test_a_report_nobody_waits_for_any_more_is_given_up(
    gathering: Gathering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reports").mkdir()
    begun, go_on = threading.Event(), threading.Event()

    def slow(*_: Any) -> Iterator[str]:
        begun.set()
        yield "a"
        go_on.wait(60)
        yield "b"
        yield "c"

    monkeypatch.setattr(report_writing, "json_report", slow)
    target = Target(tmp_path / "reports" / "report.json", ReportKind.JSON)
    writing = asyncio.create_task(report_writing.write(target, facts_of(gathering), gathering, None, Hurry()))  # type: ignore[arg-type]
    while not begun.is_set():
        await anyio.lowlevel.checkpoint()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    go_on.set()
    wait_until(lambda: not list((tmp_path / "reports").iterdir()))


def test_whatever_ended_a_run_is_told_in_words() -> None:
    full = StorageFull("no room")
    assert told_end(BaseExceptionGroup("", [BaseExceptionGroup("", [full])])) is full
    assert told_end(BrokenOutput()).what == "nobody read its output any more"
    assert told_end(KeyboardInterrupt()).what == "it was interrupted"
    assert told_end(asyncio.CancelledError()).exit_code == 130
    assert told_end(typer.Abort()).what == "it was interrupted"
    assert told_end(ZeroDivisionError()).what == "it ended unexpectedly"


def test_what_ended_a_run_gives_the_exit_code_of_the_command() -> None:
    assert exit_code_of(BaseExceptionGroup("", [StorageUnusable("no folder")])) == StorageUnusable.exit_code
    assert exit_code_of(ManifestError("changed")) == 2
    assert exit_code_of(BrokenOutput()) == 141
    assert exit_code_of(ZeroDivisionError()) == 1
    assert exit_code_of(asyncio.CancelledError()) == exit_code_of(typer.Abort()) == 130


def test_money_is_told_by_currency_and_what_is_unknown_beside_it(gathering: Gathering) -> None:
    spent = {"USD": Decimal("1.20"), "EUR": Decimal(3)}
    assert facts_of(gathering, spent=spent, unpriced=2).spent_text() == "3 EUR and 1.20 USD and an unknown amount for 2"
    assert facts_of(gathering, spent={}).spent_text() == "nothing"
