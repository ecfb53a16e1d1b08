"""The progress bar on a terminal, drawn by Rich."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TextIO

from rich.progress import BarColumn, ProgressColumn, TextColumn
from rich.table import Column
from rich.text import Text

from assetctl.cli.progress.drawing import BAR_COLUMNS, FEWEST_COLUMNS, Share, ShortLine, columns_of, console_on
from assetctl.cli.progress.in_hand import JobsInHand, Rate
from assetctl.cli.progress.labels import (
    job_label,
    planning_label,
    scenes_label,
    transfer_label,
    turn_label,
    verify_label,
)
from assetctl.events import (
    CancelAsked,
    Event,
    ItemsPlanned,
    JobAdopted,
    JobEnded,
    JobFileArrived,
    JobProgressed,
    JobSubmitted,
    OutcomeAwaited,
    ScenesRead,
    TransferProgressed,
    TurnAwaited,
    VerifyProgressed,
    WaitingForLock,
)
from assetctl.text import safe
from assetctl.units import human_duration

if TYPE_CHECKING:
    from rich.progress import Task

    from assetctl.clock import Clock

_WHOLE = 1000
_SHARE_AND_TIME_COLUMNS = len(" 100% 0:00:00")
_LONGEST_DESCRIPTION = 60


class _Elapsed(ProgressColumn):
    """How long it has taken: a job since it was ordered, anything else since it was first shown."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(table_column=Column(no_wrap=True))
        self._clock = clock

    def render(self, task: Task) -> Text:
        gone_s = max(0.0, self._clock.elapsed_s() - task.fields["began_s"])
        return Text(str(timedelta(seconds=int(gone_s))), style="progress.elapsed")


class ProgressBar:
    """One line that shows what is waited for, how far it is and how long it has taken."""

    def __init__(self, stream: TextIO | None, *, clock: Clock, jobs: JobsInHand | None = None) -> None:
        """Draw on `stream` from now on; where `jobs` are several, the line speaks of all of them."""
        self._clock = clock
        self._jobs = jobs or JobsInHand()
        self._rates: dict[str | None, Rate] = {}
        self._shown_since_s = clock.elapsed_s()
        console = console_on(stream)
        columns: list[ProgressColumn] = [
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            Share(),
            _Elapsed(clock),
        ]
        self._taken = _SHARE_AND_TIME_COLUMNS
        if console.width >= FEWEST_COLUMNS:
            self._taken += BAR_COLUMNS + 1
            columns.insert(1, BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=BAR_COLUMNS)))
        self._progress = ShortLine(*columns, console=console, transient=True, expand=True, get_time=clock.elapsed_s)
        self._progress.start()
        self._task = self._progress.add_task("asking", total=None, began_s=self._shown_since_s)

    def show(self, event: Event) -> None:
        """The line says what `event` says."""
        summary = self._jobs.summary()
        if summary is not None:
            self._update(summary, None)
            return
        match event:
            case JobProgressed():
                self._show_job(event)
            case TransferProgressed():
                self._show_transfer(event)
            case VerifyProgressed():
                share = min(1.0, event.read_bytes / event.total_bytes) if event.total_bytes else None
                self._update(verify_label(event), share)
            case ScenesRead():
                self._update(scenes_label(event), event.scenes / event.known_scenes)
            case ItemsPlanned():
                self._update(planning_label(event), None)
            case _:
                if (words := _words(event)) is not None:
                    self._update(words, None)

    def _show_job(self, event: JobProgressed) -> None:
        began_s = None if event.elapsed_s is None else self._clock.elapsed_s() - event.elapsed_s
        room = self._room - len(event.generator) - 2
        self._update(f"{event.generator}: {job_label(event, room=room)}", event.fraction, began_s=began_s)

    def _show_transfer(self, event: TransferProgressed) -> None:
        rate = self._rates.setdefault(event.key, Rate())
        rate.note(event.received_bytes, self._clock.elapsed_s())
        share = min(1.0, event.received_bytes / event.total_bytes) if event.total_bytes else None
        label = transfer_label(event.received_bytes, event.total_bytes, rate.bytes_per_s)
        self._update(f"downloading {label}", share)

    def stop(self) -> None:
        """The line is taken away."""
        self._progress.stop()

    @property
    def _room(self) -> int:
        # Cut to this by us, because Rich would cut the share and the time as much as the words.
        return max(1, min(columns_of(self._progress.console) - self._taken, _LONGEST_DESCRIPTION))

    def _update(self, description: str, fraction: float | None, *, began_s: float | None = None) -> None:
        total = None if fraction is None else _WHOLE
        completed = 0 if fraction is None else fraction * _WHOLE
        since_s = self._shown_since_s if began_s is None else began_s
        words = safe(description, max_length=self._room)
        self._progress.update(self._task, description=words, total=total, completed=completed, began_s=since_s)


def _words(event: Event) -> str | None:
    """What stands before a bar that knows no share; None where the line stays as it is."""
    words: str | None = None
    match event:
        case JobSubmitted():
            words = f"{event.generator}: queued"
        case JobAdopted():
            words = f"{event.generator}: joining job"
        case JobEnded():
            words = f"{event.generator}: {'fetching' if event.state == 'succeeded' else event.state}"
        case JobFileArrived():
            words = f"{event.generator}: verifying"
        case CancelAsked():
            words = f"{event.generator}: stopping"
        case OutcomeAwaited():
            words = f"{event.generator}: answer lost, asking again in {human_duration(round(event.ask_again_in_s))}"
        case TurnAwaited():
            words = f"{event.generator}: {turn_label(event)}"
        case WaitingForLock():
            words = f"waiting for {event.owner}"
        case _:
            pass
    return words
