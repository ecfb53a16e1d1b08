"""`assetctl request`, line by line of the contract."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli_harness import DEADLINE_S, INSTANT, write_sound

from assetctl.cli import delivery
from assetctl.cli.delivery import open_in_player

if TYPE_CHECKING:
    from cli_harness import Tool

SMALL = ("--duration", "0.5", "--param", "fps=4", "--param", "width=64", "--param", "height=64")


def test_the_path_is_all_that_stands_on_stdout(tool: Tool) -> None:
    ran = tool(*INSTANT)
    assert ran.code == 0
    assert ran.path.is_absolute()
    assert ran.path.read_bytes().startswith(b"RIFF")


def test_the_same_request_again_is_answered_from_the_cache_and_orders_nothing(tool: Tool) -> None:
    first, again = tool(*INSTANT), tool(*INSTANT)
    assert again.path == first.path
    assert again.err == ""
    assert tool.calls("submit") == ["submit"]


def test_a_storyboard_is_rendered_by_default(tool: Tool) -> None:
    ran = tool("request", "--scene", "romance_5", "--choice", "confess", *SMALL, "--json")
    document = ran.document
    assert (document["source"], document["type"], document["mime_type"]) == ("generated", "video", "video/mp4")
    assert (document["width"], document["height"], document["duration_s"]) == (64, 64, 0.5)
    assert document["origin"]["provider"] == "generator:storyboard"


def test_the_document_has_every_field_of_the_contract_and_nulls_for_what_is_unknown(tool: Tool) -> None:
    document = tool(*INSTANT, "--json").document
    assert document["schema"] == "assetctl.asset/1"
    assert set(document) == {
        *("schema", "asset_id", "url", "path", "type", "source", "origin", "request", "key", "sha256", "size_bytes"),
        *("mime_type", "duration_s", "width", "height", "generation_time_ms", "cost", "warnings", "attempts"),
    }
    assert set(document["origin"]) == {"provider", "generator", "model", "job_id", "created_at"}
    assert [document[name] for name in ("url", "width", "cost", "generation_time_ms")] == [None] * 4
    assert len(document["key"]) == len(document["sha256"]) == 64
    assert document["origin"]["created_at"].endswith("Z")
    assert [attempt["outcome"] for attempt in document["attempts"]] == ["miss", "miss", "miss", "hit"]


def test_source_says_how_it_came_now_and_origin_where_it_was_made(tool: Tool) -> None:
    made = tool(*INSTANT, "--json").document
    cached = tool(*INSTANT, "--json").document
    assert (made["source"], cached["source"]) == ("generated", "cached")
    assert made["origin"] == cached["origin"]


def test_a_file_in_the_library_is_the_answer(tool: Tool) -> None:
    tool(*INSTANT)
    tool.put_sound("park.wav")
    document = tool(*INSTANT, "--fresh", "--json").document
    assert (document["source"], document["asset_id"]) == ("pre_made", "park.wav")


@pytest.mark.parametrize("flag", ["--fresh", "--no-prefer-cached"])
def test_fresh_passes_over_the_cache(tool: Tool, flag: str) -> None:
    tool(*INSTANT)
    assert tool(*INSTANT, flag, "--json").document["source"] == "generated"
    assert len(tool.calls("submit")) == 2


@pytest.mark.parametrize("spelling", ["generate-always", "generate_always"])
def test_generate_always_makes_a_new_one_whatever_exists(tool: Tool, spelling: str) -> None:
    tool.put_sound("park.wav")
    assert tool(*INSTANT, "--strategy", spelling, "--json").document["source"] == "generated"


def test_pre_made_only_never_orders(tool: Tool) -> None:
    ran = tool(*INSTANT, "--strategy", "pre-made-only", "--json")
    assert ran.code == 5
    assert tool.calls() == []


def test_a_placeholder_is_delivered_with_a_warning_and_code_5(tool: Tool) -> None:
    ran = tool(*INSTANT, "--no-generate")
    assert ran.code == 5
    assert ran.path.exists()
    assert ran.err.startswith("warning: ")
    again = tool(*INSTANT, "--no-generate", "--json")
    assert (again.code, again.document["source"]) == (5, "placeholder")
    assert tool("cache", "ls", "--json").document == []


def test_no_placeholder_and_no_generation_is_not_available(tool: Tool) -> None:
    ran = tool(*INSTANT, "--no-generate", "--no-placeholder")
    assert (ran.code, ran.out) == (7, "")
    assert "--no-generate" in ran.err


def test_offline_leaves_a_generator_out_that_needs_the_network(tool: Tool) -> None:
    remote = (*INSTANT[:-1], "remote", "--no-placeholder")
    assert tool("--offline", *remote).code == 7
    assert tool(*remote, "--offline").code == 7
    assert tool.calls("submit") == []
    assert tool(*remote).code == 0


@pytest.mark.parametrize("wait", [("--detach",), ("--max-wait", "0"), ("--max-wait", "20ms")])
def test_reaching_the_longest_wait_leaves_the_job_running_and_asking_again_adopts_it(
    tool: Tool, wait: tuple[str, ...]
) -> None:
    slow = (*INSTANT[:-1], "slow")
    waited = tool(*slow, *wait, "--json")
    assert (waited.code, waited.out) == (4, "")
    assert waited.error["code"] == "job_pending"
    tool.release()
    collected = tool(*slow, "--json")
    assert collected.code == 0
    assert collected.document["origin"]["job_id"] == waited.error["job_id"]
    assert tool.calls("submit") == ["submit"]
    assert [order["state"] for order in tool.orders()] == ["closed"]


def test_a_wait_is_read_with_its_unit(tool: Tool) -> None:
    assert tool(*INSTANT, "--max-wait", "1m").code == 0
    assert tool(*INSTANT, "--max-wait", "soon").code == 2


def test_a_job_that_fails_gives_a_placeholder_and_says_so(tool: Tool) -> None:
    ran = tool(*INSTANT[:-1], "failing")
    assert ran.code == 5
    assert "could not make this asset" in ran.err


def test_reuse_per_player_is_not_shared_between_players(tool: Tool) -> None:
    shared = (*INSTANT, "--reuse", "per-player", "--json")
    one = tool(*shared, "--player", "ada").document
    two = tool(*shared, "--player", "bob").document
    assert one["key"] != two["key"]
    assert tool(*shared, "--player", "ada").document["source"] == "cached"


def test_reuse_always_makes_it_anew_each_time(tool: Tool) -> None:
    for _ in range(2):
        assert tool(*INSTANT, "--reuse", "always", "--json").document["source"] == "generated"


def test_seed_style_and_parameters_are_part_of_what_was_asked(tool: Tool) -> None:
    words = ("--seed", "7", "--style", "semi_realistic", "--param", "loudness=11")
    request = tool(*INSTANT, *words, "--json").document["request"]
    assert (request["seed"], request["style"], request["parameters"]) == (7, "semi-realistic", {"loudness": 11})


def test_trouble_in_the_library_stops_the_request_unless_it_may_generate_all_the_same(tool: Tool) -> None:
    tool.settings('[library]\npath = "nowhere"\n')
    stopped = tool(*INSTANT)
    assert stopped.code == 1
    assert tool.calls() == []
    went_on = tool(*INSTANT, "--generate-on-trouble")
    assert went_on.code == 0
    assert went_on.err.count("warning: ") == 1


def test_verbose_tells_who_was_asked(tool: Tool) -> None:
    for words in (("-v", *INSTANT, "--fresh"), (*INSTANT, "--fresh", "--verbose")):
        assert "library:folder: miss" in tool(*words).err


def test_verbose_tells_of_a_failed_request_who_was_asked(tool: Tool) -> None:
    ran = tool(*INSTANT, "--no-generate", "--no-placeholder", "-v")
    assert "asked: generator: skipped generation is not allowed" in ran.err


def test_quiet_prints_data_only(tool: Tool) -> None:
    for words in (("-q", *INSTANT, "--fresh"), (*INSTANT, "--quiet", "--fresh")):
        ran = tool(*words)
        assert (ran.code, ran.err) == (0, "")
        assert ran.path.exists()


def test_dry_run_tells_the_plan_and_does_nothing(tool: Tool) -> None:
    ran = tool(*INSTANT, "--dry-run")
    assert ran.code == 0
    assert ran.out.startswith("would be generated")
    assert tool.calls("submit") == []
    assert tool(*INSTANT, "--dry-run", "--json").document["decision"]["would"] == "generate"


def test_dry_run_of_what_nobody_has_says_so(tool: Tool) -> None:
    ran = tool(*INSTANT, "--dry-run", "--no-generate", "--no-placeholder")
    assert ran.out == "nobody would deliver this asset\n"


def test_output_to_a_file_is_a_copy_of_its_own(tool: Tool) -> None:
    ran = tool(*INSTANT, "--output", "clips/park.wav")
    assert ran.path == tool.work / "clips" / "park.wav"
    blob = tool(*INSTANT).path
    assert ran.path.read_bytes() == blob.read_bytes()
    ran.path.write_bytes(b"changed")
    assert blob.read_bytes() != b"changed"


def test_output_to_a_folder_is_named_after_scene_and_choice(tool: Tool) -> None:
    (tool.work / "there").mkdir()
    assert tool(*INSTANT, "-o", "there").path == tool.work / "there" / "park.wav"
    ran = tool(*INSTANT, "--choice", "go now", "-o", "new/")
    assert ran.path == tool.work / "new" / "park--go now.wav"


def test_output_of_a_request_without_context_is_named_by_its_digest(tool: Tool) -> None:
    words = ("request", "--prompt", "rain", "--type", "audio", "--generator", "instant")
    document = tool(*words, "-o", "new/", "--json").document
    assert document["output"] == str(tool.work / "new" / f"asset-{document['sha256'][:12]}.wav")


def test_an_output_name_that_would_hide_or_be_a_device_is_changed(tool: Tool) -> None:
    words = ("request", "--scene", "CON", "--type", "audio", "--generator", "instant", "-o", "new/")
    assert tool(*words).path.name == "_CON.wav"


def test_output_replaces_what_was_there_in_one_step(tool: Tool) -> None:
    target = tool.work / "old.wav"
    target.write_bytes(b"old")
    assert tool(*INSTANT, "-o", str(target)).code == 0
    assert target.read_bytes().startswith(b"RIFF")
    assert [path.name for path in tool.work.iterdir()] == ["old.wav"]


def test_output_dash_streams_the_bytes_and_nothing_else(tool: Tool) -> None:
    blob = tool(*INSTANT).path.read_bytes()
    assert tool(*INSTANT, "--output", "-").raw == blob
    assert tool.process(*INSTANT, "--output", "-").raw == blob


@pytest.mark.parametrize("other", ["--json", "--preview"])
def test_two_that_want_stdout_for_themselves_are_refused(tool: Tool, other: str) -> None:
    ran = tool(*INSTANT, "--output", "-", other)
    assert ran.code == 2
    assert tool.calls() == []


def test_output_below_a_file_is_a_clear_error_and_the_asset_is_kept(tool: Tool) -> None:
    (tool.work / "file").write_text("")
    ran = tool(*INSTANT, "-o", "file/park.wav")
    assert (ran.code, ran.out) == (1, "")
    assert "file" in ran.err
    assert tool(*INSTANT, "--json").document["source"] == "cached"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a place where nobody may write")
def test_output_to_a_place_where_nobody_may_write_is_a_clear_error(tool: Tool) -> None:
    ran = tool(*INSTANT, "-o", "/proc/park.wav")
    assert ran.code == 1
    assert ran.err.splitlines()[-1].startswith(("  why: ", "  next: "))


def test_preview_prints_nothing_where_no_terminal_would_show_it(tool: Tool) -> None:
    ran = tool(*INSTANT, "--preview")
    assert ran.code == 0
    assert "\x1b" not in ran.out + ran.err


def test_open_asks_the_desktop_to_open_the_verified_file(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = _fake_opener(tool, monkeypatch, exit_code=0)
    path = tool(*INSTANT, "--open").path
    assert opened.read_text().splitlines() == [str(path)]


def test_a_desktop_that_refuses_is_told_after_the_path_was_printed(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_opener(tool, monkeypatch, exit_code=4)
    ran = tool(*INSTANT, "--open")
    assert ran.code == 1
    assert ran.path.exists()
    assert f"open it yourself: {ran.path}" in ran.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows opens files by itself")
def test_a_machine_without_a_desktop_says_so(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tool.work))
    assert "could not be opened" in tool(*INSTANT, "--open").err


def test_the_only_argument_is_a_dash(tool: Tool) -> None:
    ran = tool("request", "romance_5")
    assert ran.code == 2
    assert "assetctl request --scene romance_5" in ran.err


def _fake_opener(tool: Tool, monkeypatch: pytest.MonkeyPatch, *, exit_code: int) -> Path:
    if sys.platform == "win32":
        pytest.skip("Windows opens files by itself")
    log = tool.home / "opened"
    for name in ("xdg-open", "open"):
        program = tool.home / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "$1" >> "{log}"\nexit {exit_code}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.home / 'bin'}{os.pathsep}{os.environ['PATH']}")
    # On a busy machine a program may take longer to refuse than a person would wait.
    monkeypatch.setattr(delivery, "open_in_player", partial(open_in_player, refuses_within_s=DEADLINE_S))
    return log


def test_a_library_file_that_is_replaced_is_seen_at_once(tool: Tool) -> None:
    path = tool.put_sound("park.wav")
    first = tool(*INSTANT, "--json").document
    write_sound(path)
    os.utime(path, ns=(1, 1))
    second = tool(*INSTANT, "--json").document
    assert first["sha256"] != second["sha256"]
    assert second["source"] == "pre_made"


def test_a_library_file_that_is_removed_is_no_answer_any_more(tool: Tool) -> None:
    tool.put_sound("park.wav")
    tool(*INSTANT)
    shutil.rmtree(tool.work / "assets")
    assert tool(*INSTANT, "--json").document["source"] == "generated"


def test_a_player_that_stays_open_is_not_waited_for(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tool.home / "closed"
    _fake_opener(tool, monkeypatch, exit_code=0)
    for program in (tool.home / "bin").iterdir():
        program.write_text(f'#!/bin/sh\nuntil [ -e "{closed}" ]; do sleep 0.1; done\n')
    try:
        open_in_player(tool.work, refuses_within_s=0.1)
    finally:
        closed.touch()


def test_a_dry_run_of_a_batch_is_refused_before_anything_is_ordered(tool: Tool) -> None:
    ran = tool("request", "-", "--dry-run")
    assert ran.code == 2
    assert "`request -` has no `--dry-run`" in ran.err
    assert tool.orders() == []


# --- what it is made from ---------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" + b"IEND\xaeB`\x82"


def test_inputs_are_kept_with_the_order_and_told_by_explain(tool: Tool) -> None:
    (tool.work / "lantern.png").write_bytes(PNG)
    given = ("--image", "lantern.png", "--asset-ref", "hero=12", "--no-tag")
    asset = tool.process(*INSTANT, *given, "--json")
    assert asset.code == 0, asset.err
    digest = hashlib.sha256(PNG).hexdigest()
    picture, hero = asset.document["request"]["inputs"]
    assert (picture["type"], picture["path"], picture["sha256"]) == ("image", str(tool.work / "lantern.png"), digest)
    assert (hero["role"], hero["asset_id"]) == ("hero", "12")
    assert asset.document["request"]["tag"] is False
    (order,) = tool.orders()
    assert json.loads(order["request"]) == asset.document["request"]
    plan = tool.process("explain", *INSTANT[1:], *given, "--json").document
    assert plan["key"] == asset.document["key"]
    assert plan["key_parts"]["inputs"] == [{"type": "image", "sha256": digest}, {"role": "hero", "asset_id": "12"}]
    assert digest in tool.process("explain", *INSTANT[1:], *given).out


def test_other_bytes_are_another_request_and_a_copy_is_none(tool: Tool) -> None:
    (tool.work / "one.png").write_bytes(PNG)
    (tool.work / "copy.png").write_bytes(PNG)
    (tool.work / "two.png").write_bytes(PNG.replace(b"pixels", b"Pixels"))
    one, copy, two = (
        tool.process(*INSTANT, "--image", name, "--json").document for name in ("one.png", "copy.png", "two.png")
    )
    assert copy["source"] == "cached"
    assert copy["key"] == one["key"] != two["key"]
    assert two["source"] == "generated"


def test_lines_may_have_inputs(tool: Tool) -> None:
    (tool.work / "lantern.png").write_bytes(PNG)
    line = json.dumps({"inputs": [{"path": "lantern.png"}, {"url": "https://example.com/a.png", "type": "image"}]})
    ran = tool.process(*INSTANT, "-", stdin=line.encode())
    assert ran.code == 0, ran.err
    picture, address = ran.document["request"]["inputs"]
    assert picture["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert address["url"] == "https://example.com/a.png"
