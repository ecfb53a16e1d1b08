"""Chapters that stand in the backend, as commands see them: planned, made, applied, written down, and refused."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import LEAVES_WITHIN_S, is_clean, wait_until

from service import faults
from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli_harness import Ran, Tool

    from service.harness import Account


@pytest.fixture(scope="module")
def server() -> Iterator[LookAlike]:
    with LookAlike(create_limit=None) as server:
        yield server


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


CHOICES = ["bench.wait", "bench.confess"]


def items(ran: Ran) -> list[dict[str, Any]]:
    assert ran.code in (0, 4, 5), ran.err
    return [line for line in map(json.loads, ran.out.splitlines()) if line["event"] == "item"]


def planned(path: Path) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, path.read_text().splitlines()) if "key" in line]


def test_a_scene_is_planned_with_the_clips_that_it_names(server: LookAlike, tool: Tool, date: int) -> None:
    del date
    ran = tool.process("prefetch", "--from-scene", "5", "--plan", "--json")
    assert ran.code == 0, ran.err
    plan = ran.document
    assert (plan["manifest"], plan["chapter"]) == ("scene 5", {"id": "scene:5", "title": "First date"})
    assert (plan["items"], plan["takes"]["library"], plan["takes"]["generate"]) == (2, 1, 1)
    assert [scene["scene_id"] for scene in plan["scenes"]] == ["5"]
    assert server.charges() == []
    assert tool.orders() == []


def test_a_scene_is_made_once_the_clips_that_are_there_for_nothing(server: LookAlike, tool: Tool, date: int) -> None:
    server.script(duration_s=0.05)
    charged = len(server.charges())
    made = {item["choice_id"]: item for item in items(tool("prefetch", "--from-scene", "5", "--json"))}
    assert sorted(made) == sorted(CHOICES)
    assert (made["bench.confess"]["outcome"], made["bench.confess"]["asset"]["asset_id"]) == ("library", str(date))
    assert (made["bench.wait"]["outcome"], made["bench.wait"]["id"]) == ("generated", "22")
    assert [charge["prompt"] for charge in server.charges()[charged:]] == ["First date. Wait. Alone"]
    again = tool("prefetch", "--from-scene", "5")
    assert (again.code, again.out.split(";")[0]) == (0, "2 assets: 2 here before")
    assert len(server.charges()) == charged + 1
    assert tool("get", str(date)).code == 0


def test_what_was_made_is_the_answer_to_the_same_request(server: LookAlike, tool: Tool, date: int) -> None:
    del date
    server.script(duration_s=0.05)
    made = items(tool("prefetch", "--from-scene", "5", "--json"))
    charged = len(server.charges())
    for item in made:
        asked = item["asset"]["request"]
        words = ("--scene", asked["scene_id"], "--choice", asked["choice_id"], "--prompt", asked["prompt"])
        ran = tool("request", *words, "--json")
        assert (ran.code, ran.document["source"], ran.document["key"]) == (0, "cached", item["key"])
    assert len(server.charges()) == charged


def test_a_scene_that_was_saved_anew_is_still_here(server: LookAlike, tool: Tool, date: int) -> None:
    server.script(duration_s=0.05)
    assert tool("prefetch", "--from-scene", "5").code == 0
    charged = len(server.charges())
    nodes = [node(91, "Bench", date), node(92, "Kiss", date), node(93, "Alone", GONE)]
    edges = [edge(81, 91, 92, "Confess"), edge(82, 91, 93, "Wait"), edge(83, 93, 91)]
    server.scenes(
        [{"id": 5, "world_id": 3, "title": "First date", "entry_node_id": 91, "nodes": nodes, "edges": edges}]
    )
    ran = tool("prefetch", "--from-scene", "5")
    assert (ran.code, ran.out.split(";")[0]) == (0, "2 assets: 2 here before")
    assert len(server.charges()) == charged


def test_another_clip_of_the_author_is_fetched_in_place_of_the_old(
    server: LookAlike, user: Account, tool: Tool, date: int
) -> None:
    one = [node(11, "Bench", date), node(12, "Kiss", date)]
    scene = {"id": 5, "title": "Date", "entry_node_id": 11, "nodes": one, "edges": [edge(21, 11, 12, "Confess")]}
    server.scenes([scene])
    charged = len(server.charges())
    (first,) = items(tool("prefetch", "--from-scene", "5", "--json"))
    other = server.add_asset(user)["id"]
    server.scenes([scene | {"nodes": [node(11, "Bench", date), node(12, "Kiss", other)]}])
    plan = tool("prefetch", "--from-scene", "5", "--plan", "--json").document
    assert (plan["takes"]["library"], plan["takes"]["here"]) == (1, 0)
    (second,) = items(tool("prefetch", "--from-scene", "5", "--json"))
    assert [first["asset"]["asset_id"], second["asset"]["asset_id"]] == [str(date), str(other)]
    assert first["key"] == second["key"]
    assert len(server.charges()) == charged


def test_a_clip_of_somebody_else_is_trouble_of_its_own_and_buys_nothing(
    server: LookAlike, user: Account, another: Account, tool: Tool
) -> None:
    theirs, own = server.add_asset(another)["id"], server.add_asset(user)["id"]
    nodes = [node(11, "Bench", own), node(12, "Kiss", theirs), node(13, "Alone", own)]
    edges = [edge(21, 11, 12, "Confess"), edge(22, 11, 13, "Wait")]
    server.scenes([{"id": 5, "title": "Ours", "entry_node_id": 11, "nodes": nodes, "edges": edges}])
    charged = len(server.charges())
    plan = tool("prefetch", "--from-scene", "5", "--plan", "--json").document
    assert (plan["takes"]["trouble"], plan["takes"]["library"]) == (1, 1)
    made = {item["choice_id"]: item for item in items(tool("prefetch", "--from-scene", "5", "--json"))}
    assert (made["bench.wait"]["outcome"], made["bench.confess"]["outcome"]) == ("library", "failed")
    assert made["bench.confess"]["error"]["code"] == "not_allowed"
    assert len(server.charges()) == charged


def test_the_order_is_that_of_the_branches_or_what_is_likely(server: LookAlike, user: Account, tool: Tool) -> None:
    server.worlds([{"id": 3, "owner_user_id": user.id, "name": "Town"}])
    nodes = [node(number, "", GONE) for number in (1, 2, 3, 4)]
    edges = [edge(1, 1, 2, "seldom"), edge(2, 1, 3, "often", 9.0), edge(3, 3, 4, "then")]
    server.scenes([{"id": 5, "world_id": 3, "entry_node_id": 1, "nodes": nodes, "edges": edges}])
    for order, expected in (("chapter", ["often", "seldom", "then"]), ("likely", ["often", "then", "seldom"])):
        path = tool.work / f"{order}.jsonl"
        assert tool("prefetch", "--from-world", "3", "--order", order, "--plan-out", str(path)).code == 0
        assert [line["choice_id"] for line in planned(path)] == expected


def test_a_plan_of_a_scene_is_applied_to_it_in_its_order(server: LookAlike, tool: Tool, date: int) -> None:
    del date
    server.script(duration_s=0.05)
    assert tool("prefetch", "--from-scene", "5", "--order", "likely", "--plan-out", "plan.jsonl").code == 0
    head = json.loads((tool.work / "plan.jsonl").read_text().splitlines()[0])
    assert (head["manifest"], head["order"]) == ("scene:5", "likely")
    ran = tool("prefetch", "--apply", "plan.jsonl")
    assert (ran.code, ran.out.split(";")[0]) == (0, "2 assets: 1 from the library, 1 generated")


def test_a_plan_of_a_scene_that_was_changed_is_not_applied(server: LookAlike, tool: Tool, date: int) -> None:
    assert tool("prefetch", "--from-scene", "5", "--plan-out", "plan.jsonl").code == 0
    charged = len(server.charges())
    one = [node(11, "Bench", date), node(12, "Fight", GONE)]
    server.scenes(
        [{"id": 5, "title": "Date", "entry_node_id": 11, "nodes": one, "edges": [edge(21, 11, 12, "Confess")]}]
    )
    ran = tool("prefetch", "--apply", "plan.jsonl")
    assert (ran.code, len(server.charges())) == (6, charged)
    assert "doesn't hold any more" in ran.err


def test_coverage_and_availability_are_told_of_scenes_too(server: LookAlike, tool: Tool, date: int) -> None:
    del server
    ran = tool("coverage", "--from-scene", "5", "--json", "--min", "60")
    assert (ran.code, ran.document["states"]["library"], ran.document["states"]["missing"]) == (5, 1, 1)
    told = tool("coverage", "--from-scene", "5", "--min", "60").err
    assert "`assetctl prefetch --from-scene 5` makes what is missing" in told
    ran = tool("available", "--from-world", "3", "--json")
    assert ran.code == 7
    assert [(one["asset_id"], one["would"]) for one in ran.document] == [(None, "generate"), (str(date), "download")]


def test_many_clips_are_looked_up_in_few_requests(server: LookAlike, user: Account, tool: Tool) -> None:
    clips = server.add_assets(user, 150)
    nodes = [node(number, f"n{number}", clip) for number, clip in enumerate(clips, start=1)]
    edges = [edge(number, 1, number, "go") for number in range(1, 151)]
    server.scenes([{"id": 5, "entry_node_id": 1, "nodes": nodes, "edges": edges}])
    before = len(server.requests())
    plan = tool("prefetch", "--from-scene", "5", "--plan", "--json").document
    assert (plan["items"], plan["takes"]["library"]) == (150, 150)
    assert len(server.requests()) - before < 20, [r["route"] for r in server.requests()[before:]]


def test_an_exported_manifest_takes_what_the_scene_takes(server: LookAlike, tool: Tool, date: int) -> None:
    exported = tool("manifest", "export", "--from-scene", "5")
    assert exported.code == 0
    assert f'asset = "{date}"' in exported.out
    (tool.work / "chapter.toml").write_text(exported.out, encoding="utf-8")
    assert tool("manifest", "check", "chapter.toml").err == "no problem: 2 assets in 1 scene\n"
    of_file = tool("prefetch", "chapter.toml", "--plan", "--json").document
    of_scene = tool("prefetch", "--from-scene", "5", "--plan", "--json").document
    assert of_file | {"manifest": "scene 5"} == of_scene
    server.script(duration_s=0.05)
    assert tool("prefetch", "--from-scene", "5").code == 0
    assert tool("prefetch", "chapter.toml").out.startswith("2 assets: 2 here before")
    (tool.work / "chapter.json").write_text(tool("manifest", "export", "--from-scene", "5", "--json").out)
    assert tool("prefetch", "chapter.json").out.startswith("2 assets: 2 here before")


@pytest.mark.usefixtures("date")
def test_the_scenes_are_checked_as_what_their_export_would_be(tool: Tool) -> None:
    ran = tool("manifest", "check", "--from-scene", "5")
    assert (ran.code, ran.out, ran.err) == (0, "", "no problem: 2 assets in 1 scene\n")
    document = tool("manifest", "check", "--from-world", "3", "--json").document
    assert (document["file"], document["items"], document["problems"]) == ("world 3", 2, [])


def test_what_is_wrong_with_the_scenes_is_told_by_the_check(server: LookAlike, user: Account, tool: Tool) -> None:
    del user
    said = {"meta": {"assetctl": {"type": "smell", "promt": "x"}}}
    server.scenes([{"id": 5, "entry_node_id": 1, "nodes": [node(1, "a", GONE, **said)], "edges": []}])
    ran = tool("manifest", "check", "--from-scene", "5")
    assert ran.code == 2
    assert "scene 5: node 1: `smell` is no type" in ran.out
    assert "scene 5: node 1: `promt` can't be said there\n" in ran.out
    problems = tool("manifest", "check", "--from-scene", "5", "--json").document["problems"]
    assert [problem["within"] for problem in problems] == ["node 1"] * 2


@pytest.fixture
def town(server: LookAlike, user: Account) -> range:
    """The ids of the scenes of the world 3."""
    server.worlds([{"id": 3, "owner_user_id": user.id, "name": "Town"}])
    ids = range(1, 31)
    nodes = {id_: [node(id_, "a", GONE)] for id_ in ids}
    server.scenes([{"id": id_, "world_id": 3, "entry_node_id": id_, "nodes": nodes[id_], "edges": []} for id_ in ids])
    return ids


@pytest.mark.parametrize("words", [("prefetch", "--plan"), ("coverage",), ("manifest", "export")])
def test_how_far_the_reading_of_many_scenes_is_is_told(tool: Tool, town: range, words: tuple[str, ...]) -> None:
    ran = tool(*words, "--from-world", "3", "--progress", "json")
    told = [json.loads(line) for line in ran.err.splitlines() if '"ScenesRead"' in line]
    assert [event["scenes"] for event in told] == [*town, len(town)]
    assert {event["known_scenes"] for event in told} == {len(town)}


@pytest.mark.usefixtures("town")
def test_a_bar_is_shown_while_a_chapter_to_prefetch_is_read(tool: Tool) -> None:
    ran = tool("prefetch", "--from-world", "3", "--plan", "--progress", "bar", env={"FORCE_COLOR": "1"})
    assert "reading scenes: " in ran.err


def test_an_exported_manifest_is_exact_in_a_log_that_obeys(server: LookAlike, user: Account, tool: Tool) -> None:
    del user
    title = "##[error]x"
    server.scenes([{"id": 5, "title": title, "entry_node_id": 1, "nodes": [node(1, "a", GONE)], "edges": []}])
    exported = tool("manifest", "export", "--from-scene", "5", env={"GITHUB_ACTIONS": "true"})
    assert f'title = "{title}"' in exported.out.splitlines()


def test_what_is_odd_about_scenes_is_told_beside_the_plan(server: LookAlike, user: Account, tool: Tool) -> None:
    del user
    nodes = [node(1, "", GONE), node(2, "", GONE), node(9, "", GONE)]
    server.scenes(
        [{"id": 5, "entry_node_id": 1, "nodes": nodes, "edges": [edge(1, 1, 2, "go"), edge(2, 9, 1, "lost")]}]
    )
    ran = tool("prefetch", "--from-scene", "5", "--plan", "--json")
    assert (ran.code, ran.document["items"]) == (0, 1)
    assert "scene 5: left out, 1 node that no way leads to: scene 5\n" in ran.err


def test_texts_of_scenes_steer_no_terminal(server: LookAlike, user: Account, tool: Tool) -> None:
    del user
    evil = "\x1b[31m[bold]evil\u202e\x07" + "x" * 20_000
    one = {"id": 5, "title": evil, "entry_node_id": 1, "nodes": [node(1, evil, GONE)], "edges": [edge(1, 1, 1, evil)]}
    server.scenes([one])
    for words in (("prefetch", "--plan"), ("coverage",), ("available",), ("manifest", "export")):
        ran = tool(*words, "--from-scene", "5")
        assert is_clean(ran.out + ran.err), words
        assert "31m" in ran.out, words


def test_an_author_who_asks_for_what_cannot_be_is_named_with_the_place(
    server: LookAlike, user: Account, tool: Tool
) -> None:
    del user
    one = node(1, "", GONE, meta={"assetctl": {"inputs": [{"path": "/etc/passwd"}]}})
    server.scenes([{"id": 5, "entry_node_id": 1, "nodes": [one]}])
    ran = tool("prefetch", "--from-scene", "5", "--plan")
    assert (ran.code, ran.out) == (2, "")
    assert "scene 5: node 1: `inputs` can't be said there" in ran.err


def test_folders_have_no_assets_of_the_backend(server: LookAlike, tool: Tool, date: int) -> None:
    del server, date
    tool.settings('[library]\nkind = "folder"\npath = "assets"\n')
    (tool.work / "assets").mkdir()
    ran = tool("manifest", "export", "--from-scene", "5")
    assert "asset =" not in ran.out
    assert "the library is a folder, so the clips that scenes name are not looked for" in ran.err


# Refused


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("prefetch", "chapter.toml", "--from-scene", "5"), "`--from-scene 5` takes the place of a manifest"),
        (("prefetch", "--format", "csv", "--from-world", "5"), "`--from-world 5` takes the place of a manifest"),
        (("prefetch", "--from-scene", "5", "--from-world", "3"), "can't be mixed"),
        (("prefetch", "chapter.toml", "--order", "likely"), "`--order` needs `--from-scene` or `--from-world`"),
        (("prefetch",), "nothing says which chapter"),
        (("coverage",), "nothing says which chapter"),
        (("manifest", "check"), "nothing says which chapter"),
        (("manifest", "check", "chapter.toml", "--from-scene", "5"), "takes the place of a manifest"),
        (("coverage", "-", "--from-scene", "5"), "takes the place of a manifest"),
        (("available", "17", "--from-scene", "5"), "can't be mixed"),
        (("available", "--scene", "x", "--from-scene", "5"), "can't be mixed"),
        (("available", "--manifest", "x.toml", "--from-scene", "5"), "takes the place of a manifest"),
        (("manifest", "export"), "nothing says which scenes"),
        (("prefetch", "--from-scene", "-1"), "--from-scene"),
        (("prefetch", "--from-scene", "five"), "--from-scene"),
        (("prefetch", "--from-scene", "5", "--order", "random"), "`random` is no order"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(tool: Tool, words: tuple[str, ...], told: str) -> None:
    ran = tool(*words)
    assert (ran.code, ran.out) == (2, "")
    assert told in " ".join(ran.err.replace("│", " ").split())


def test_without_a_backend_there_are_no_scenes(tool: Tool) -> None:
    ran = tool("prefetch", "--from-scene", "5", "--plan")
    assert (ran.code, ran.out) == (2, "")
    assert "no backend is set" in ran.err


def test_without_a_login_there_are_no_scenes(server: LookAlike, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSETCTL_BACKEND__URL", server.url)
    ran = tool("prefetch", "--from-scene", "5", "--plan")
    assert (ran.code, ran.out) == (3, "")
    assert "assetctl auth login" in ran.err


def test_offline_there_are_no_scenes_and_nothing_is_asked(server: LookAlike, tool: Tool, date: int) -> None:
    del date
    before = len(server.requests())
    ran = tool("prefetch", "--from-scene", "5", "--plan", "--offline")
    assert (ran.code, ran.out) == (7, "")
    assert "assetctl manifest export" in ran.err
    assert len(server.requests()) == before


@pytest.mark.parametrize("words", [("--from-scene", "404"), ("--from-world", "404")])
def test_what_is_not_there_is_no_chapter(user: Account, tool: Tool, words: tuple[str, str]) -> None:
    del user
    ran = tool("prefetch", *words, "--plan")
    assert (ran.code, ran.out) == (2, "")
    assert "404" in ran.err


def test_a_world_of_another_is_none_of_ours_but_its_scenes_can_be_read(
    another: Account, tool: Tool, date: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    del date
    monkeypatch.setenv("ASSETCTL_TOKEN", another.token)
    ran = tool("prefetch", "--from-world", "3", "--plan")
    assert (ran.code, "you have no world 3" in ran.err, "--from-scene ID" in ran.err) == (2, True, True)
    ran = tool("manifest", "export", "--from-scene", "5")
    assert ran.code == 0
    assert "world 3 is another's, and its weights can't be read" in ran.err


def test_a_scene_without_a_start_is_refused(server: LookAlike, user: Account, tool: Tool) -> None:
    del user
    server.scenes([{"id": 5, "entry_node_id": None}])
    ran = tool("prefetch", "--from-scene", "5", "--plan")
    assert (ran.code, "it has no start" in ran.err) == (2, True)


TROUBLES = {
    "failing server": (faults.answers(500, "boom", code="internal_error"), 1),
    "expired login": (faults.answers(401, "Token expired", code="unauthorized"), 3),
    "no answer": (faults.lost_before(), 9),
    "a page of a proxy": (faults.text("<html>"), 1),
    "half a scene": (faults.text('{"id": "5"}'), 1),
}


@pytest.mark.usefixtures("date")
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("route", ["GET /api/v1/game/scenes/5", "GET /api/v1/game/worlds/3/project/export"])
def test_trouble_of_the_backend_is_told_and_buys_nothing(
    server: LookAlike, tool: Tool, route: str, trouble: str
) -> None:
    fault, code = TROUBLES[trouble]
    charged = len(server.charges())
    server.fault(route, fault, times=None)
    ran = tool("prefetch", "--from-world", "3", "--yes")
    assert (ran.code, ran.out) == (code, "")
    assert len(server.charges()) == charged
    assert tool.orders() == []


def test_a_world_that_is_too_large_is_told_and_its_scenes_are_read_without_weights(
    server: LookAlike, user: Account, tool: Tool
) -> None:
    server.worlds([{"id": 3, "owner_user_id": user.id, "name": "Town", "meta": {"x": "x" * (17 << 20)}}])
    server.scenes([{"id": 5, "world_id": 3, "entry_node_id": 1, "nodes": [node(1, "", GONE)]}])
    ran = tool("prefetch", "--from-world", "3", "--plan")
    assert (ran.code, "longer than 16 MB" in ran.err) == (1, True)
    ran = tool("prefetch", "--from-scene", "5", "--plan")
    assert (ran.code, "choices count alike" in ran.err) == (0, True)


@pytest.mark.skipif(sys.platform == "win32", reason="signals as here are POSIX")
@pytest.mark.usefixtures("date")
def test_reading_scenes_can_be_interrupted(server: LookAlike, tool: Tool) -> None:
    server.fault("GET /api/v1/game/scenes/5", faults.slow(60.0))
    listed = len(server.requests("GET /api/v1/game/scenes/"))
    process = tool.spawn("prefetch", "--from-world", "3", "--plan")
    wait_until(lambda: len(server.requests("GET /api/v1/game/scenes/")) > listed)
    process.send_signal(signal.SIGINT)
    ran = tool.finish(process, within_s=LEAVES_WITHIN_S)
    assert (ran.code, ran.out) == (130, "")
    assert "Traceback" not in ran.err
