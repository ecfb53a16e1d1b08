"""Finds generators by name: those that packages declare under the entry point group `assetctl.generators`.

A plug-in is loaded when it is asked for by name, never before. One that does not load is reported and hurts nobody
who did not ask for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final, Protocol

from assetctl.errors import GeneratorUnknown
from assetctl.vocabulary import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from assetctl.cache.lookups import Lookups
    from assetctl.clock import Clock
    from assetctl.generation.base import Generator
    from assetctl.pixsim.client import PixsimClient
    from assetctl.pixsim.socket import EventSocket

ENTRY_POINT_GROUP: Final = "assetctl.generators"


@dataclass(frozen=True, slots=True)
class GeneratorContext:
    """What a generator is made with. `data_dir` is a folder of assetctl's own; a generator uses one named after it.

    `pixsim` gives the client of the backend and `pixsim_events` its events, each opened when first asked for; they
    are None where no backend is configured. `default_provider` is who is meant where a request doesn't say. `lookups`
    remember for a while what it costs nothing to ask again; `tell` hears what is worth a detail.
    """

    data_dir: Path
    clock: Clock
    pixsim: Callable[[], PixsimClient] | None = None
    pixsim_events: Callable[[], EventSocket] | None = None
    default_provider: str | None = None
    lookups: Callable[[], Lookups] | None = None
    tell: Callable[[str], None] | None = None


class GeneratorFactory(Protocol):
    """What an entry point names: a class or function that makes a generator."""

    def __call__(self, context: GeneratorContext) -> Generator:
        """A ready generator; no network, no spending."""
        ...


@dataclass(frozen=True, slots=True)
class GeneratorListing:
    """One declared generator: loaded, or why it is not. Exactly one of `generator` and `problem` is set."""

    name: str
    generator: Generator | None
    problem: str | None


def declared_factories() -> dict[str, Callable[[], GeneratorFactory]]:
    """Loaders of all installed generators by name; the first declaration of a name wins."""
    loaders: dict[str, Callable[[], GeneratorFactory]] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        loaders.setdefault(point.name, _loader(point))
    return loaders


def _loader(point: EntryPoint) -> Callable[[], GeneratorFactory]:
    return point.load


class GeneratorRegistry:
    """Registers, gets and lists generators; each is made at most once."""

    def __init__(
        self, context: GeneratorContext, factories: Mapping[str, Callable[[], GeneratorFactory]] | None = None
    ) -> None:
        """Know `factories`, by default every installed one; none is looked for or loaded yet."""
        self._context = context
        self._given = factories
        self._made: dict[str, Generator] = {}

    @cached_property
    def _factories(self) -> Mapping[str, Callable[[], GeneratorFactory]]:
        return declared_factories() if self._given is None else self._given

    def register(self, generator: Generator) -> None:
        """`generator` answers to its name from now on, before any installed one."""
        self._made[generator.name] = generator

    def get(self, name: str) -> Generator:
        """The generator of that name.

        Raises:
            GeneratorUnknown: there is none (the nearest is suggested), or it does not load.
        """
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def require_declared(self, name: str) -> None:
        """Something of that name is there, whether or not it loads.

        Raises:
            GeneratorUnknown: nothing is; the nearest is suggested.
        """
        if name not in self._made and name not in self._factories:
            known = sorted({*self._factories, *self._made})
            raise GeneratorUnknown(
                f"there is no generator `{name}`", hint=f"{nearest_hint(name, known)} (`assetctl generators ls`)"
            )

    def list(self) -> list[GeneratorListing]:
        """Every known generator by name, loaded; a broken one with its problem."""
        return [self._listing(name) for name in sorted({*self._factories, *self._made})]

    def _listing(self, name: str) -> GeneratorListing:
        try:
            return GeneratorListing(name, self.get(name), None)
        except GeneratorUnknown as error:
            return GeneratorListing(name, None, error.why or error.what)

    def _make(self, name: str) -> Generator:
        self.require_declared(name)
        try:
            return self._factories[name]()(self._context)
        except Exception as error:  # a plug-in may raise whatever it likes while it is loaded
            raise GeneratorUnknown(
                f"the generator `{name}` doesn't load",
                why=f"{type(error).__name__}: {error}",
                hint="reinstall the package that brings it, or choose another (`assetctl generators ls`)",
            ) from error
