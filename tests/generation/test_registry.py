"""Generators are found by name and loaded when asked for; a broken one hurts nobody else."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from assetctl.errors import GeneratorUnknown
from assetctl.generation.registry import GeneratorContext, GeneratorRegistry, declared_factories
from fakes import FakeClock
from shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assetctl.generation.registry import GeneratorFactory


@pytest.fixture
def context(tmp_path: Path) -> GeneratorContext:
    return GeneratorContext(data_dir=tmp_path, clock=FakeClock())


class Shelf:
    """Loaders that count how often they are used."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def fine(self, name: str) -> Callable[[], GeneratorFactory]:
        def load() -> GeneratorFactory:
            self.loaded.append(name)
            return lambda context: Shop(context.data_dir / name, name=name)

        return load

    def broken(self, error: Exception) -> Callable[[], GeneratorFactory]:
        def load() -> GeneratorFactory:
            raise error

        return load


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def test_generator_is_loaded_once_and_only_when_asked(context: GeneratorContext, shelf: Shelf):
    registry = GeneratorRegistry(context, factories={"shop": shelf.fine("shop"), "other": shelf.fine("other")})
    assert shelf.loaded == []
    assert registry.get("shop").name == "shop"
    assert registry.get("shop") is registry.get("shop")
    assert shelf.loaded == ["shop"]


def test_unknown_generator_suggests_the_nearest(context: GeneratorContext, shelf: Shelf):
    registry = GeneratorRegistry(context, factories={"storyboard": shelf.fine("storyboard")})
    with pytest.raises(GeneratorUnknown, match="no generator `storybord`") as caught:
        registry.get("storybord")
    assert caught.value.hint == "did you mean `storyboard`? (`assetctl generators ls`)"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("error", [ImportError("no such library"), SyntaxError("bad"), ValueError("odd")])
def test_generator_that_does_not_load_is_told_with_its_reason(
    context: GeneratorContext, shelf: Shelf, error: Exception
):
    registry = GeneratorRegistry(context, factories={"bad": shelf.broken(error)})
    with pytest.raises(GeneratorUnknown, match="doesn't load") as caught:
        registry.get("bad")
    assert type(error).__name__ in (caught.value.why or "")
    assert caught.value.__cause__ is error


def test_list_shows_the_broken_beside_the_sound(context: GeneratorContext, shelf: Shelf):
    registry = GeneratorRegistry(
        context, factories={"shop": shelf.fine("shop"), "bad": shelf.broken(ImportError("no such library"))}
    )
    bad, shop = registry.list()
    assert (bad.name, bad.generator, bad.problem) == ("bad", None, "ImportError: no such library")
    assert (shop.name, shop.problem) == ("shop", None)
    assert shop.generator is registry.get("shop")


def test_registered_generator_wins_over_an_installed_one(context: GeneratorContext, shelf: Shelf, tmp_path: Path):
    registry = GeneratorRegistry(context, factories={"shop": shelf.fine("shop")})
    mine = Shop(tmp_path / "mine", name="shop")
    registry.register(mine)
    assert registry.get("shop") is mine
    assert [listing.name for listing in registry.list()] == ["shop"]
    assert shelf.loaded == []


def test_installed_generators_are_found_without_being_loaded(context: GeneratorContext):
    assert "storyboard" in declared_factories()
    assert GeneratorRegistry(context).get("storyboard").name == "storyboard"


def install(folder: Path, package: str, points: dict[str, str], code: str) -> None:
    (folder / f"{package}.py").write_text(textwrap.dedent(code))
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = "".join(f"{name} = {target}\n" for name, target in points.items())
    (info / "entry_points.txt").write_text(f"[assetctl.generators]\n{lines}")


def test_plug_in_is_found_by_its_entry_point(
    context: GeneratorContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    code = """
        class Painter:
            name = "painter"
            def __init__(self, context): self.folder = context.data_dir
    """
    install(tmp_path, "painter_plugin", {"painter": "painter_plugin:Painter", "gone": "painter_plugin:Gone"}, code)
    monkeypatch.syspath_prepend(tmp_path)
    registry = GeneratorRegistry(context)
    assert registry.get("painter").name == "painter"
    problems = {listing.name: listing.problem for listing in registry.list()}
    assert problems["painter"] is None
    assert "Gone" in (problems["gone"] or "")
    assert problems["storyboard"] is None
