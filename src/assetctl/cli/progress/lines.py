"""Progress where no terminal is: a line per change of state, and while waiting at most one each 10 s."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetctl.cli.progress.in_hand import JobsInHand, Rate
from assetctl.cli.progress.labels import (
    BACK_LABEL,
    away_label,
    job_label,
    scenes_label,
    transfer_label,
    turn_label,
    verify_label,
)
from assetctl.events import (
    CacheTroubled,
    CancelAsked,
    Event,
    JobAdopted,
    JobEnded,
    JobProgressed,
    JobSubmitted,
    OutcomeAwaited,
    ScenesRead,
    ServiceAway,
    ServiceBack,
    TransferProgressed,
    TurnAwaited,
    VerifyProgressed,
    WaitingForLock,
)
from assetctl.units import human_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from assetctl.clock import Clock

_LINE_EVERY_S = 10.0
_WORDS = 60


class Lines:
    """Says what changes at once, and what only goes on rarely; of several jobs in one line."""

    def __init__(self, say: Callable[[str], None], clock: Clock) -> None:
        self._say = say
        self._clock = clock
        self._started_s = clock.elapsed_s()
        self._last_said_s = self._started_s
        self._states: dict[str | None, str] = {}
        self._jobs = JobsInHand()
        self._rates: dict[str | None, Rate] = {}

    def __call__(self, event: Event) -> None:
        """`event` is shown, if it is one to show."""
        self._jobs.note(event)
        match event:
            case JobProgressed():
                self._progress(event)
            case TransferProgressed():
                self._transfer(event)
            case VerifyProgressed():
                # Most caches are read before the first line is due; the summary says it all then.
                self._now_and_then(f"verifying: {verify_label(event)}")
            case ScenesRead():
                self._now_and_then(scenes_label(event))
            case WaitingForLock():
                self._change(event.key, "lock", f"waiting {human_duration(event.waited_s)} for {event.owner}")
            case _:
                if (sentence := _sentence(event)) is not None:
                    self._states.pop(event.key, None)
                    self._speak(sentence)

    def close(self) -> None:
        """Nothing to clean up."""

    def _progress(self, event: JobProgressed) -> None:
        gone_s = self._clock.elapsed_s() - self._started_s if event.elapsed_s is None else event.elapsed_s
        share = "" if event.fraction is None else f" {event.fraction:.0%}"
        label = job_label(event, room=_WORDS)
        # The state itself always stands there: it is what a script looks for.
        words = label if label.startswith(event.state) else f"{event.state}: {label}"
        if share:
            words = words.replace(event.state, event.state + share, 1)
        sentence = f"{event.generator} job {event.job_id}: {words}, {human_duration(gone_s)}"
        self._change(event.key, event.state, sentence)

    def _transfer(self, event: TransferProgressed) -> None:
        rate = self._rates.setdefault(event.key, Rate())
        rate.note(event.received_bytes, self._clock.elapsed_s())
        label = transfer_label(event.received_bytes, event.total_bytes, rate.bytes_per_s)
        if self._jobs.knows(event.key):
            self._change(event.key, "downloading", f"downloading {label}")
        else:
            # Of a library's files there may be thousands, each here in no time.
            self._now_and_then(f"downloading {label}")

    def _change(self, key: str | None, state: str, sentence: str) -> None:
        if self._states.get(key) != state:
            self._states[key] = state
            self._speak(sentence)
        else:
            summary = self._jobs.summary()
            gone = human_duration(self._clock.elapsed_s() - self._started_s)
            self._now_and_then(sentence if summary is None else f"{summary}, {gone}")

    def _now_and_then(self, sentence: str) -> None:
        if self._clock.elapsed_s() - self._last_said_s >= _LINE_EVERY_S:
            self._speak(sentence)

    def _speak(self, sentence: str) -> None:
        self._last_said_s = self._clock.elapsed_s()
        self._say(sentence)


def _sentence(event: Event) -> str | None:
    sentence: str | None = None
    match event:
        case JobSubmitted():
            sentence = f"{event.generator} job {event.job_id}: submitted"
        case JobAdopted():
            sentence = f"{event.generator} job {event.job_id}: already under way, waiting for it"
        case JobEnded():
            sentence = f"{event.generator} job {event.job_id}: {event.state}"
        case CancelAsked():
            sentence = f"{event.generator} job {event.job_id}: asked to stop, still {event.state}"
        case OutcomeAwaited():
            wait = human_duration(round(event.ask_again_in_s))
            sentence = f"{event.generator}: the answer to an order got lost, asking again in {wait}"
        case TurnAwaited():
            sentence = f"{event.generator}: {turn_label(event)}"
        case ServiceAway():
            sentence = away_label(event)
        case ServiceBack():
            sentence = BACK_LABEL
        case CacheTroubled():
            sentence = event.detail
        case _:
            pass
    return sentence
