"""Generations, and the events that tell of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from assetctl.pixsim.records import GameAnswer, Generation, GenerationPage
from assetctl.pixsim.wire.reading import MANY, Count, Id, Moment, Reference, Wire, read, referred_id, without_none


class _GenerationWire(Wire):
    id: Id
    status: str
    operation_type: str
    provider_id: str
    canonical_params: dict[str, Any] | None = None
    inputs: Annotated[tuple[dict[str, Any], ...], *MANY, BeforeValidator(without_none)] = ()
    name: str | None = None
    user: Reference = None
    asset: Reference = None
    created_at: Moment = None
    started_at: Moment = None
    completed_at: Moment = None
    error_code: str | None = None
    error_message: str | None = None
    wait_reason: str | None = None
    deferred_action: str | None = None
    final_prompt: str | None = None
    retry_count: int | None = None

    def record(self) -> Generation:
        renamed = {"user", "asset", "canonical_params", "inputs", "retry_count"}
        return Generation(
            **{name: value for name, value in self if name not in renamed},
            canonical_params=self.canonical_params or {},
            inputs=self.inputs,
            user_id=self.user,
            asset_id=self.asset,
            retry_count=self.retry_count or 0,
        )


class _GenerationsWire(Wire):
    generations: Annotated[list[_GenerationWire], *MANY]
    total: Count = None


class _GameAnswerWire(Wire):
    asset_id: Annotated[Id, BeforeValidator(referred_id)]
    source: str | None = None
    generation_time_ms: Count = None


class _EventDataWire(Wire):
    generation_id: Id | None = None
    source_generation_id: Id | None = None


class _EventWire(Wire):
    type: str
    generation_id: Id | None = None
    data: _EventDataWire | None = None


def generation(data: bytes) -> Generation:
    """The generation that `data` tells of; all of these raise `Unreadable` when it tells of something else."""
    return read(_GenerationWire, data).record()


def generation_page(data: bytes) -> GenerationPage:
    """A page of generations."""
    page = read(_GenerationsWire, data)
    return GenerationPage(tuple(each.record() for each in page.generations), page.total)


def game_answer(data: bytes) -> GameAnswer:
    """The asset for a moment of a game."""
    told = read(_GameAnswerWire, data)
    return GameAnswer(told.asset_id, told.source, told.generation_time_ms)


def generation_of_event(data: bytes) -> int | None:
    """The generation that an event of the socket is about; None when it is about something else, or just the order."""
    told = read(_EventWire, data)
    about = told.data or _EventDataWire()
    ids = (told.generation_id, about.generation_id, about.source_generation_id)
    return None if told.type == "job:created" else next((each for each in ids if each is not None), None)
