"""The progress of a run: a bar with a line for each active item on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from assetctl.cli.chapter.words import item_name
from assetctl.cli.pipelines import MOST_ANNOTATIONS
from assetctl.cli.progress.labels import BACK_LABEL, away_label
from assetctl.events import Event, ServiceAway, ServiceBack, TurnAwaited
from assetctl.models import AttemptOutcome
from assetctl.prefetch.results import Outcome
from assetctl.prefetch.running import Listener
from assetctl.units import human_duration

if TYPE_CHECKING:
    from assetctl.cli.output import Printer
    from assetctl.cli.pipelines import Pipeline
    from assetctl.clock import Clock
    from assetctl.prefetch.manifest.findings import Item
    from assetctl.prefetch.results import Result

_LINE_EVERY_S: Final = 10.0
_FEWEST_FOR_A_GUESS: Final = 3


class RunProgress(Listener):
    """Counts what happens in a run, and guesses how long it still takes.

    `least_s` is how long all of it takes at least, as far as that is known before. Where `is_log`, nobody watches, and
    what became of each item can be looked up later.
    """

    is_log = False

    def __init__(self, total: int, clock: Clock) -> None:
        """Count to `total`."""
        self.total = total
        self.done = 0
        self.failed = 0
        self.least_s = 0.0
        self.active: dict[str, Item] = {}
        self._is_ordering = True
        self._waiting: set[str] = set()
        self._clock = clock
        self._started_s = clock.elapsed_s()

    def began(self, item: Item) -> None:
        """`item` is active."""
        self.active[item.key] = item

    def ended(self, result: Result) -> None:
        """One less is left."""
        self.active.pop(result.item.key, None)
        self._waiting.discard(result.item.key)
        self.done += 1
        self.failed += result.outcome in (Outcome.FAILED, Outcome.UNKNOWN)

    def orders_end(self) -> None:
        """Nothing more is ordered."""
        self._is_ordering = False

    def pass_time(self) -> None:
        """Some time went by, whether anything happened or not."""

    def heard(self, event: Event) -> None:
        """`event` happened to something that the run works on, or needs."""
        match event:
            case ServiceAway():
                self.say(away_label(event))
            case ServiceBack():
                self.say(BACK_LABEL)
            case TurnAwaited(key=str(key)) if key in self.active:
                self._waiting.add(key)
            case Event(key=str(key)):
                self._waiting.discard(key)
            case _:
                pass

    @property
    def left_s(self) -> float | None:
        """How long the rest takes if it goes on like this, and no less than was known; None while nobody can tell."""
        if not self.done or self.done < min(_FEWEST_FOR_A_GUESS, self.total):
            return None
        gone_s = self._clock.elapsed_s() - self._started_s
        known_s = self.least_s - gone_s
        if self._only_waits:
            # Nothing goes on: how it went before says nothing.
            return known_s if known_s > 0 else None
        return max(known_s, gone_s / self.done * (self.total - self.done))

    @property
    def _only_waits(self) -> bool:
        """Whether all that is active waits for a turn to order."""
        return bool(self.active) and len(self._waiting) == len(self.active)

    def sentence(self) -> str:
        """How far it is, in one line."""
        parts = [f"{self.done:,} of {self.total:,}"]
        if self.active:
            doing = "waiting for a turn to order" if self._only_waits else "under way"
            parts.append(f"{len(self.active):,} {doing}")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        if not self._is_ordering:
            parts.append("nothing more is ordered")
        left_s = self.left_s
        if left_s is not None and self.done < self.total:
            parts.append(f"about {human_duration(max(1, round(left_s)))} left")
        return ", ".join(parts)

    def counts(self) -> dict[str, Any]:
        """How far it is, for JSON; `waiting_for_turn` are of those under way, `left_s` is None when nobody can tell."""
        return {
            "done": self.done,
            "total": self.total,
            "failed": self.failed,
            "under_way": len(self.active),
            "waiting_for_turn": len(self._waiting),
            "is_ordering": self._is_ordering,
            "left_s": None if self.left_s is None else round(self.left_s, 1),
        }

    def say(self, text: str) -> None:
        """`text` is told beside the progress."""

    def fail(self, result: Result, reason: str) -> None:
        """What went wrong with an item is told beside the progress."""
        self.say(f"{item_name(result.item)}: {reason}")

    def close(self) -> None:
        """Nothing is left on the screen."""


class LineProgress(RunProgress):
    """Tells how far it is once each ten seconds."""

    def __init__(self, total: int, clock: Clock, printer: Printer) -> None:
        """Tell the stderr of `printer`."""
        super().__init__(total, clock)
        self._printer = printer
        self._said_s = clock.elapsed_s()

    def began(self, item: Item) -> None:
        """`item` is active."""
        super().began(item)
        self._say_rarely()

    def ended(self, result: Result) -> None:
        """One less is left."""
        super().ended(result)
        self._say_rarely()

    def heard(self, event: Event) -> None:
        """Jobs that are looked at are a sign of life, also while none of them ends."""
        super().heard(event)
        self._say_rarely()

    def pass_time(self) -> None:
        """Whoever only waits is no less alive."""
        self._say_rarely()

    def say(self, text: str) -> None:
        """`text` is told."""
        self._printer.note(text)

    def _say_rarely(self) -> None:
        now_s = self._clock.elapsed_s()
        if now_s - self._said_s >= _LINE_EVERY_S and self.done < self.total:
            self._said_s = now_s
            self._printer.note(self.sentence())


class FoldedProgress(LineProgress):
    """Folds its lines away in the log of a CI job, and shows the first failures beside the job."""

    is_log = True

    def __init__(self, total: int, clock: Clock, printer: Printer, pipeline: Pipeline, title: str) -> None:
        """Tell the stderr of `printer`, folded under `title` as `pipeline` does it."""
        super().__init__(total, clock, printer)
        self._pipeline = pipeline
        self._failures: list[tuple[Result, str]] = []
        self._is_open = True
        printer.mark(pipeline.opening(title, clock.now()))

    def fail(self, result: Result, reason: str) -> None:
        """What went wrong with an item is told, and kept for the end."""
        super().fail(result, reason)
        if len(self._failures) < MOST_ANNOTATIONS:
            self._failures.append((result, reason))

    def close(self) -> None:
        """What comes now is not folded away; the failures are shown."""
        if not self._is_open:
            return
        self._is_open = False
        self._printer.mark(self._pipeline.closing(self._clock.now()))
        for result, reason in self._failures:
            # A job that goes on is collected by the next run; all else that is told went wrong.
            is_error = result.outcome is not Outcome.PENDING
            self._printer.mark(self._pipeline.annotation(item_name(result.item), reason, is_error=is_error))


class Quiet(RunProgress):
    """Shows no progress, and tells the rest."""

    def __init__(self, total: int, clock: Clock, printer: Printer) -> None:
        """Tell the stderr of `printer`."""
        super().__init__(total, clock)
        self._printer = printer

    def say(self, text: str) -> None:
        """`text` is told."""
        self._printer.note(text)


class JsonProgress(Quiet):
    """Tells how far it is as a JSON line, with each result and once each ten seconds."""

    def __init__(self, total: int, clock: Clock, printer: Printer) -> None:
        """Tell the stderr of `printer`."""
        super().__init__(total, clock, printer)
        self._said_s = clock.elapsed_s()

    def ended(self, result: Result) -> None:
        """One less is left."""
        super().ended(result)
        self._tell()

    def orders_end(self) -> None:
        """Nothing more is ordered."""
        super().orders_end()
        self._tell()

    def pass_time(self) -> None:
        """Nothing else may have happened for long."""
        if self._clock.elapsed_s() - self._said_s >= _LINE_EVERY_S:
            self._tell()

    def _tell(self) -> None:
        self._said_s = self._clock.elapsed_s()
        self._printer.event({"event": "RunProgressed", **self.counts()})


def failure_reason(result: Result) -> str:
    """What went wrong with an item, in one line, also where a placeholder stands in its place."""
    error, asset = result.error, result.asset
    if error is not None:
        return error.sentence
    told = [one.detail for one in asset.attempts if one.outcome is AttemptOutcome.ERROR] if asset else []
    return f"{told[-1] if told else result.outcome.value}; a placeholder stands in its place"
