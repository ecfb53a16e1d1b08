"""Progress on stderr: lines and JSON where no terminal is, and nothing that isn't true."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

import pyte
import pytest
from cli_harness import INSTANT, is_clean, wait_until

from assetctl.cli.output import Printer
from assetctl.cli.progress.bar import ProgressBar
from assetctl.cli.progress.lines import Lines
from assetctl.cli.progress.showing import LazyBar, showing_progress
from assetctl.cli.state import ProgressMode
from assetctl.events import (
    AssetEventBus,
    AssetGenerated,
    AssetRequested,
    CancelAsked,
    Event,
    ItemsPlanned,
    JobAdopted,
    JobCollected,
    JobEnded,
    JobFileArrived,
    JobProgressed,
    JobSubmitted,
    OutcomeAwaited,
    ScenesRead,
    TransferProgressed,
    TurnAwaited,
    WaitingForLock,
)
from assetctl.models import AssetRequest, Estimate

if TYPE_CHECKING:
    from cli_harness import Tool

HOSTILE = "\x1b[2J[red]x[/] [/]\u202e"


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def elapsed_s(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        self.at_s += seconds


class Screen(io.StringIO):
    """A terminal of so many columns, as a person would see it: a bar draws from a thread of its own, frame by frame."""

    def __init__(self, columns: int = 80) -> None:
        super().__init__()
        self.pyte = pyte.Screen(columns, 5)
        self._stream = pyte.Stream(self.pyte)
        self._between_frames = Lock()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._between_frames:
            self._stream.feed(text.replace("\n", "\r\n"))
            return super().write(text)

    @property
    def lines(self) -> list[str]:
        with self._between_frames:
            return [line.rstrip() for line in self.pyte.display]

    @property
    def line(self) -> str:
        with self._between_frames:
            return self.pyte.display[self.pyte.cursor.y].rstrip()


def progressed(fraction: float | None, state: str = "running", message: str | None = None) -> JobProgressed:
    return JobProgressed("k", "slow", "j1", state, fraction, message)


def said(events: list[tuple[float, Event]]) -> list[str]:
    clock, heard = Clock(), []
    lines = Lines(heard.append, clock)
    for at_s, event in events:
        clock.at_s = 100 + at_s
        lines(event)
    lines.close()
    return heard


def test_a_line_per_change_of_state_and_one_each_ten_seconds() -> None:
    assert said(
        [
            (0, JobSubmitted("k", "slow", "j1", Estimate())),
            (0, progressed(None, "queued")),
            (1, progressed(0.1)),
            (2, progressed(0.2)),
            (10.9, progressed(0.3)),
            (11, progressed(0.4)),
            (12, progressed(0.5)),
            (13, JobEnded("k", "slow", "j1", "succeeded")),
        ]
    ) == [
        "slow job j1: submitted",
        "slow job j1: queued, 0s",
        "slow job j1: running 10%, 1s",
        "slow job j1: running 40%, 11s",
        "slow job j1: succeeded",
    ]


def test_a_wait_for_another_process_is_told_rarely() -> None:
    heard = said([(at, WaitingForLock("k", "process 7", at)) for at in (1.0, 2.0, 11.5)])
    assert heard == ["waiting 1s for process 7", "waiting 12s for process 7"]


def test_an_adopted_job_is_told() -> None:
    assert said([(0, JobAdopted("k", "slow", "j1"))]) == ["slow job j1: already under way, waiting for it"]


def test_what_is_no_progress_is_no_line() -> None:
    assert said([(0, AssetRequested("k", AssetRequest())), (0, TransferProgressed("k", 1, 2))]) == []


def test_the_bar_says_a_share_only_when_the_generator_does() -> None:
    screen, clock = Screen(), Clock()
    bar = ProgressBar(screen, clock=clock)
    bar.show(JobSubmitted("k", "slow", "j1", Estimate()))
    bar.show(progressed(None))
    bar._progress.refresh()
    assert "%" not in screen.line
    for fraction, shown in ((0.0, " 0%"), (0.427, " 43%"), (1.0, "100%")):
        clock.at_s += 30
        bar.show(progressed(fraction))
        bar._progress.refresh()
        assert screen.line.startswith("slow: running")
        assert shown in screen.line
    assert screen.line.endswith("0:01:30")
    bar.stop()
    assert (screen.line, screen.pyte.cursor.x, screen.pyte.cursor.hidden) == ("", 0, False)


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (JobSubmitted("k", "slow", "j1", Estimate()), "slow: queued"),
        (JobAdopted("k", "slow", "j1"), "slow: joining job"),
        (JobEnded("k", "slow", "j1", "succeeded"), "slow: fetching"),
        (JobFileArrived("k", "slow", "j1"), "slow: verifying"),
        (CancelAsked("k", "slow", "j1", "running"), "slow: stopping"),
        (OutcomeAwaited("k", "slow", 20.4), "slow: answer lost, asking again in 20s"),
        (TurnAwaited("k", "slow", 20), "slow: waiting for its turn, 20 orders a minute"),
        (progressed(None, "queued", "all accounts are busy"), "slow: queued: all accounts are busy"),
        (replace(progressed(None), typical_s=40.3), "slow: running, typical 40s"),
        (replace(progressed(None, message="drawing"), typical_s=40.3), "slow: drawing, typical 40s"),
        (replace(progressed(None, "queued"), typical_s=40.3), "slow: queued "),
        (TransferProgressed("k", 500_000, 1_000_000), "downloading 500 kB of 1 MB"),
        (TransferProgressed("k", 500_000, None), "downloading 500 kB"),
        (WaitingForLock("k", "process 7 on here", 1.0), "waiting for process 7 on here"),
        (progressed(0.5, message="drawing"), "slow: drawing"),
        (progressed(0.5, message=HOSTILE), r"slow: \x1b[2J[red]x[/]"),
    ],
)
def test_the_bar_says_what_is_waited_for(event: Event, shown: str) -> None:
    screen = Screen()
    bar = ProgressBar(screen, clock=Clock())
    bar.show(event)
    bar._progress.refresh()
    assert shown in screen.line
    bar.stop()


def test_the_bar_passes_over_what_is_no_progress() -> None:
    screen = Screen()
    bar = ProgressBar(screen, clock=Clock())
    bar.show(AssetRequested("k", AssetRequest()))
    bar._progress.refresh()
    assert screen.line.startswith("asking")
    bar.stop()


@pytest.mark.parametrize("columns", [20, 39, 40, 60])
def test_the_bar_stays_on_one_line_however_narrow(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = Screen(columns)
    bar = ProgressBar(screen, clock=Clock())
    bar.show(progressed(0.5, message="a long word about what it does now and then"))
    bar._progress.refresh()
    assert "50%" in screen.line
    first, *others = screen.lines
    assert first
    assert not any(others)
    bar.stop()
    assert not any(screen.lines)


def test_a_bar_without_a_stream_draws_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar(None, clock=Clock())
    bar.show(progressed(0.5))
    bar.stop()
    assert capsys.readouterr() == ("", "")


def test_the_bar_is_gone_before_the_path_is_printed() -> None:
    screen, events = Screen(), AssetEventBus()
    with showing_progress(events, Printer(stderr=screen), ProgressMode.BAR, clock=Clock()):
        events.publish(AssetRequested("k", AssetRequest()))
        assert screen.getvalue() == ""
        events.publish(progressed(0.5))
        assert screen.getvalue() != ""
        events.publish(AssetGenerated("k", None))  # type: ignore[arg-type]
        assert screen.line == ""
    assert screen.line == ""


@pytest.mark.parametrize(
    ("terminal", "quiet", "wanted"), [(True, False, "bar"), (False, False, "lines"), (True, True, "none")]
)
def test_auto_is_a_bar_on_a_terminal_and_lines_elsewhere(terminal: bool, quiet: bool, wanted: str) -> None:  # noqa: FBT001 - a table
    stream: io.StringIO = Screen() if terminal else io.StringIO()
    events = AssetEventBus()
    with showing_progress(events, Printer(stderr=stream, quiet=quiet), ProgressMode.AUTO, clock=Clock()):
        events.publish(progressed(0.5))
    kind = "bar" if "\x1b" in stream.getvalue() else "lines" if stream.getvalue() else "none"
    assert kind == wanted


def test_the_bar_shows_how_long_a_job_has_taken_whoever_ordered_it() -> None:
    screen, clock = Screen(), Clock()
    bar = ProgressBar(screen, clock=clock)
    clock.at_s += 5
    bar.show(replace(progressed(None), elapsed_s=3600.0))
    bar._progress.refresh()
    assert screen.line.endswith("1:00:00")
    bar.stop()


def test_what_is_typical_gives_way_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "48")
    screen = Screen(48)
    bar = ProgressBar(screen, clock=Clock())
    bar.show(replace(progressed(None, message="a long word about it"), typical_s=40.0))
    bar._progress.refresh()
    assert screen.line.startswith("slow: a long word")
    assert "typical" not in screen.line
    bar.stop()


def test_the_bar_tells_rate_and_rest_of_a_download_without_what_was_there_before() -> None:
    screen, clock = Screen(), Clock()
    bar = ProgressBar(screen, clock=clock)
    bar.show(TransferProgressed("k", 4_000_000, 10_000_000))
    clock.at_s += 2
    bar.show(TransferProgressed("k", 6_000_000, 10_000_000))
    bar._progress.refresh()
    assert "downloading 6 MB of 10 MB, 1 MB/s, 4s left" in screen.line
    assert "60%" in screen.line
    clock.at_s += 60
    bar.show(TransferProgressed("k", 6_000_000, 10_000_000))
    bar._progress.refresh()
    assert "MB/s" not in screen.line
    bar.stop()


def test_the_bar_speaks_of_several_jobs_at_once() -> None:
    screen, clock, printer = Screen(), Clock(), Printer(stderr=Screen())
    bar = LazyBar(replace(printer, stderr=screen), clock)
    events: list[Event] = [JobSubmitted(str(n), "slow", f"j{n}", Estimate()) for n in range(3)]
    for event in [*events, JobProgressed("1", "slow", "j1", "running", 0.5, None)]:
        bar(event)
    bar._bar._progress.refresh()
    assert screen.line.startswith("3 jobs: 2 queued, 1 running")
    assert "%" not in screen.line
    bar(JobEnded("0", "slow", "j0", "failed"))
    bar(JobCollected("2", "slow", "j2"))
    assert screen.line == ""
    bar(JobProgressed("1", "slow", "j1", "running", 0.75, None))
    bar._bar._progress.refresh()
    assert screen.line.startswith("slow: running")
    assert "75%" in screen.line
    bar.close()


def test_the_bar_tells_how_many_scenes_were_read_and_is_gone_with_the_last() -> None:
    screen = Screen()
    bar = LazyBar(Printer(stderr=screen), Clock())
    bar(ScenesRead(None, 150, 200, is_all=False))
    bar._bar._progress.refresh()
    assert screen.line.startswith("reading scenes: 150 of 200")
    assert "75%" in screen.line
    bar(ScenesRead(None, 200, 200, is_all=True))
    assert screen.line == ""


def test_the_bar_tells_how_much_was_planned_once_that_takes_longer_than_a_moment() -> None:
    screen, clock = Screen(), Clock()
    bar = LazyBar(Printer(stderr=screen), clock)
    clock.at_s += 0.4
    bar(ItemsPlanned(None, 2_000, is_all=False))
    assert bar._bar is None
    clock.at_s += 0.2
    bar(ItemsPlanned(None, 42_000, is_all=False))
    bar._bar._progress.refresh()
    assert screen.line.startswith("planning: 42,000 assets")
    bar(ItemsPlanned(None, 44_000, is_all=True))
    assert screen.line == ""


def test_lines_say_nothing_of_how_much_was_planned() -> None:
    assert said([(at_s, ItemsPlanned(None, at_s, is_all=False)) for at_s in (1, 11, 22)]) == []


def test_lines_tell_each_ten_seconds_how_many_scenes_were_read() -> None:
    assert said([(at_s, ScenesRead(None, at_s, 200, is_all=False)) for at_s in (1, 9, 11, 20, 22)]) == [
        "reading scenes: 11 of 200",
        "reading scenes: 22 of 200",
    ]


def test_whatever_is_printed_takes_the_bar_away_first() -> None:
    screen, events = Screen(), AssetEventBus()
    printer = Printer(stderr=screen)
    with showing_progress(events, printer, ProgressMode.BAR, clock=Clock()):
        events.publish(progressed(0.5))
        assert screen.line != ""
        replace(printer, indent=None).warning("look")
        assert screen.lines[:2] == ["warning: look", ""]
        events.publish(progressed(0.6))
        assert screen.line != ""
    assert printer.curtains == []


def test_lines_tell_the_reason_of_a_wait_and_what_is_typical() -> None:
    heard = said(
        [
            (0, replace(progressed(None, "queued", "all accounts are busy"), elapsed_s=65.0)),
            (1, replace(progressed(None, message="drawing"), elapsed_s=66.0, typical_s=40.0)),
            (2, replace(progressed(0.5), elapsed_s=67.0)),
            (12, replace(progressed(0.5), elapsed_s=77.0, typical_s=40.0)),
            (22, replace(progressed(None), elapsed_s=87.0, typical_s=40.0)),
        ]
    )
    assert heard == [
        "slow job j1: queued: all accounts are busy, 1m 5s",
        "slow job j1: running: drawing, typical 40s, 1m 6s",
        "slow job j1: running 50%, 1m 17s",
        "slow job j1: running, typical 40s, 1m 27s",
    ]


def test_lines_about_several_jobs_are_no_more_than_about_one() -> None:
    looks = [(at, JobProgressed(str(n), "slow", f"j{n}", "running", None, None)) for at in range(25) for n in range(4)]
    heard = said(looks)
    assert len(heard) == 4 + 2
    assert heard[4:] == ["4 jobs: 4 running, 10s", "4 jobs: 4 running, 20s"]


def test_lines_tell_of_the_download_of_a_job_and_only_of_long_ones_of_a_library() -> None:
    transfers = [TransferProgressed(key, size, 10_000_000) for size in (0, 1_000_000) for key in ("k", "library")]
    assert said([(0, progressed(None)), *((1, event) for event in transfers)])[1:] == ["downloading 0 B of 10 MB"]
    assert said([(0, transfers[1]), (12, transfers[3])]) == ["downloading 1 MB of 10 MB, 83.3 kB/s, 1m 48s left"]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (CancelAsked("k", "slow", "j1", "running"), "slow job j1: asked to stop, still running"),
        (OutcomeAwaited("k", "slow", 20.4), "slow: the answer to an order got lost, asking again in 20s"),
        (TurnAwaited("k", "slow", 20), "slow: waiting for its turn, 20 orders a minute"),
        (TurnAwaited("k", "slow", None), "slow: waiting for its turn"),
    ],
)
def test_lines_tell_what_else_is_waited_for(event: Event, line: str) -> None:
    assert said([(0, event)]) == [line]


def test_lines_go_to_a_pipe(tool: Tool) -> None:
    ran = tool.process(*INSTANT)
    assert [line.split(": ")[1] for line in ran.err.splitlines()] == ["submitted", "succeeded"]
    assert "\x1b" not in ran.err


def test_json_progress_is_a_document_per_event(tool: Tool) -> None:
    ran = tool("--progress", "json", *INSTANT)
    events = [json.loads(line) for line in ran.err.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "AssetRequested"
    assert [kind for kind in kinds if "Job" in kind] == [
        "JobSubmitted",
        "JobEnded",
        "JobFileArrived",
        "JobCollected",
    ]
    assert kinds[-1] == "AssetGenerated"
    assert events[-1]["asset"]["schema"] == "assetctl.asset/1"
    assert events[0]["request"]["scene_id"] == "park"


def test_json_progress_escapes_foreign_text(tool: Tool) -> None:
    tool.say("says", HOSTILE)
    ran = tool(*INSTANT[:-1], "slow", "--max-wait", "10ms", "--progress", "json")
    assert is_clean(ran.err)
    assert json.loads(ran.err.splitlines()[-4])["event"]


def test_no_progress_is_silence(tool: Tool) -> None:
    assert tool(*INSTANT, "--progress", "none").err == ""


def test_a_bar_in_a_file_leaves_no_escape_codes(tool: Tool) -> None:
    ran = tool(*INSTANT, "--progress", "bar")
    assert ran.code == 0
    assert "\x1b" not in ran.err


def test_a_second_asker_hears_whose_job_it_waits_for(tool: Tool) -> None:
    slow = (*INSTANT[:-1], "slow")
    first = tool.spawn(*slow)
    wait_until(lambda: tool.calls("status"))
    second = tool.spawn(*slow)
    wait_until(lambda: len(tool.calls("status")) > 3)
    tool.release()
    ran = [tool.finish(process) for process in (first, second)]
    assert {one.code for one in ran} == {0}
    assert "submitted" in ran[0].err
    assert ran[0].path == ran[1].path
