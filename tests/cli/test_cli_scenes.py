"""Chapters that stand in the backend, as commands see them: planned, made, applied, written down, and refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli_harness import Tool

    from service.harness import Account


@pytest.fixture(scope="module")
def server() -> Iterator[LookAlike]:
    with LookAlike(create_limit=None) as server:
        yield server


names = iter(f"author_{number}" for number in range(1000))


@pytest.fixture
def user(server: LookAlike, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Somebody with a token, whose commands talk to the server."""
    del tool
    account = server.user(next(names))
    monkeypatch.setenv("ASSETCTL_BACKEND__URL", server.url)
    monkeypatch.setenv("ASSETCTL_TOKEN", account.token)
    yield account
    server.clear_faults()
    assert not server.sightings()


def node(number: int, label: str, asset_id: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "asset_id": asset_id, "label": label, **more}


def edge(number: int, source: int, target: int, label: str = "", weight: float = 1.0) -> dict[str, Any]:
    return {"id": number, "from_node_id": source, "to_node_id": target, "choice_label": label, "weight": weight}


GONE = 999_999


@pytest.fixture
def date(server: LookAlike, user: Account) -> int:
    """A world with one scene of two choices, `confess` with a clip that is there and the likelier `wait` without."""
    clip = server.add_asset(user)["id"]
    server.worlds([{"id": 3, "owner_user_id": user.id, "name": "Town"}])
    nodes = [node(11, "Bench", clip), node(12, "Kiss", clip), node(13, "Alone", GONE)]
    edges = [edge(21, 11, 12, "Confess"), edge(22, 11, 13, "Wait", weight=3.0), edge(23, 13, 11)]
    scene = {"id": 5, "world_id": 3, "title": "First date", "entry_node_id": 11, "nodes": nodes, "edges": edges}
    server.scenes([scene])
    return clip


def test_a_scene_is_planned_with_the_clips_that_it_names(server: LookAlike, tool: Tool, date: int) -> None:
    del date
    ran = tool.process("prefetch", "--from-scene", "5", "--plan", "--json")
    assert ran.code == 0, ran.err
    plan = ran.document
    assert (plan["manifest"], plan["chapter"]) == ("scene 5", {"id": "scene:5", "title": "First date"})
    assert (plan["items"], plan["takes"]["library"], plan["takes"]["generate"]) == (2, 1, 1)
    assert [scene["scene_id"] for scene in plan["scenes"]] == ["5"]
    assert not server.requests("POST /api/v1/generations")
    assert tool.orders() == []
