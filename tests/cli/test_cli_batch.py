"""`request -`: JSON Lines in, JSON Lines out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from cli_harness import DEADLINE_S, wait_until

if TYPE_CHECKING:
    from cli_harness import Ran, Tool

BATCH = ("request", "-", "--type", "audio", "--generator", "instant")


def lines(*documents: Any) -> str:
    return "".join(one + "\n" if isinstance(one, str) else json.dumps(one) + "\n" for one in documents)


def answers(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.out.splitlines()]


def test_answers_come_in_the_order_of_the_questions_with_the_callers_id(tool: Tool) -> None:
    questions = [{"id": number, "scene_id": f"s{number}"} for number in range(20)]
    ran = tool(*BATCH, stdin=lines(*questions))
    assert ran.code == 0
    assert [answer["id"] for answer in answers(ran)] == list(range(20))
    assert [answer["request"]["scene_id"] for answer in answers(ran)] == [f"s{number}" for number in range(20)]


def test_an_id_is_given_back_as_it_came_and_only_if_it_came(tool: Tool) -> None:
    ran = tool(
        *BATCH, stdin=lines({"id": {"a": [1]}, "scene_id": "a"}, {"scene_id": "a"}, {"id": None, "scene_id": "a"})
    )
    assert [answer.get("id", "none") for answer in answers(ran)] == [{"a": [1]}, "none", None]


def test_a_bad_line_costs_only_itself(tool: Tool) -> None:
    bad = ["not json", "[1]", '"text"', "{", lines({"id": 7, "scene": "a"}).strip(), '{"scene_id": 5}', "[" * 20_000]
    ran = tool(*BATCH, stdin=lines({"scene_id": "a"}, *bad, {"scene_id": "b"}))
    got = answers(ran)
    assert [one["schema"] for one in got] == [
        "assetctl.asset/1",
        *["assetctl.error/1"] * len(bad),
        "assetctl.asset/1",
    ]
    assert got[5]["id"] == 7
    assert "scene_id" in got[5]["hint"]
    assert ran.code == 2


def test_options_are_the_defaults_of_every_line(tool: Tool) -> None:
    ran = tool(
        *BATCH, "--scene", "park", "--seed", "3", stdin=lines({"choice_id": "go"}, {"scene_id": "lake", "seed": 4})
    )
    first, second = (answer["request"] for answer in answers(ran))
    assert (first["scene_id"], first["choice_id"], first["seed"], first["type"]) == ("park", "go", 3, "audio")
    assert (second["scene_id"], second["seed"]) == ("lake", 4)


def test_every_request_option_that_is_no_default_reaches_the_lines(tool: Tool) -> None:
    ran = tool(*BATCH, "--no-generate", "--no-placeholder", "--fresh", stdin=lines({"scene_id": "a"}))
    assert answers(ran)[0]["code"] == "not_available"
    assert ran.code == 7


def test_the_code_is_shared_or_1(tool: Tool) -> None:
    pending = {"scene_id": "a", "generator": "slow", "max_wait_s": 0}
    refused = {"scene_id": "b", "generator": "forbidden"}
    fine = {"scene_id": "c"}
    placeholder = {"scene_id": "d", "allow_generation": False}
    assert tool(*BATCH, stdin=lines(fine, pending)).code == 4
    assert tool(*BATCH, stdin=lines(pending, refused)).code == 1
    assert tool(*BATCH, stdin=lines(fine, placeholder)).code == 5
    assert tool(*BATCH, stdin="").code == 0


def test_empty_lines_are_passed_over(tool: Tool) -> None:
    assert len(answers(tool(*BATCH, stdin="\n\n" + lines({"scene_id": "a"}) + "  \n"))) == 1


def test_equal_lines_are_made_once(tool: Tool) -> None:
    ran = tool(*BATCH, stdin=lines(*[{"scene_id": "a"}] * 10))
    assert len({answer["path"] for answer in answers(ran)}) == 1
    assert len(tool.calls("submit")) == 1


def test_a_line_of_more_than_a_megabyte_is_refused_and_the_rest_goes_on(tool: Tool) -> None:
    huge = json.dumps({"scene_id": "a", "prompt": "x" * (1 << 21)})
    got = answers(tool(*BATCH, stdin=lines(huge, {"id": "last", "scene_id": "b"})))
    assert {one["code"] for one in got[:-1]} == {"invalid_request"}
    assert (got[-1]["id"], got[-1]["schema"]) == ("last", "assetctl.asset/1")


def test_bytes_that_are_no_text_are_a_bad_line(tool: Tool) -> None:
    ran = tool.process(*BATCH, stdin=b'\xff\xfe\n{"scene_id": "a"}\n')
    assert [one["schema"] for one in answers(ran)] == ["assetctl.error/1", "assetctl.asset/1"]


@pytest.mark.parametrize("words", [("--output", "x"), ("--open",), ("--preview",)])
def test_a_batch_prints_documents_only(tool: Tool, words: tuple[str, ...]) -> None:
    assert tool(*BATCH, *words, stdin="").code == 2


def test_an_answer_leaves_as_soon_as_those_before_it_have(tool: Tool) -> None:
    process = tool.spawn(*BATCH, "-q", stdin=-1)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(lines({"id": 1, "scene_id": "a"}).encode())
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["id"] == 1
    process.stdin.write(lines({"id": 2, "scene_id": "b", "generator": "slow"}, {"id": 3, "scene_id": "c"}).encode())
    process.stdin.flush()
    # The third is made while the second is waited for, and told after it.
    wait_until(lambda: len([order for order in tool.orders() if order["state"] == "closed"]) == 2)
    tool.release()
    ran = tool.finish(process)
    assert [answer["id"] for answer in answers(ran)] == [2, 3]
    assert ran.code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="pipes as here are POSIX")
def test_a_reader_that_goes_away_ends_the_batch_quietly(tool: Tool) -> None:
    read, write = os.pipe()
    os.close(read)
    process = tool.spawn(*BATCH, "-q", stdin=subprocess.PIPE, stdout=write)
    os.close(write)
    assert process.stdin is not None
    process.stdin.write(lines({"scene_id": "a"}).encode())
    process.stdin.flush()
    # stdin stays open: more could come, and nobody waits for it.
    assert process.wait(timeout=DEADLINE_S) == 141
    assert tool.finish(process).err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors as here are POSIX")
def test_a_closed_stdin_is_a_clear_error(tool: Tool) -> None:
    ran = tool.process(*BATCH, "--json", preexec_fn=lambda: os.close(0))
    assert (ran.code, ran.error["why"]) == (2, "stdin is closed")


def test_hostile_text_in_a_line_comes_back_escaped(tool: Tool) -> None:
    ran = tool(*BATCH, stdin=lines({"id": "\x1b[31m\u202e", "scene_id": "\x1b"}))
    assert ran.out.isascii()
    assert "\x1b" not in ran.out
    assert answers(ran)[0]["id"] == "\x1b[31m\u202e"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes as here are POSIX")
def test_a_reader_that_is_gone_while_answers_queue_up_ends_the_batch_quietly(tool: Tool) -> None:
    read, write = os.pipe()
    os.close(read)
    process = tool.spawn(*BATCH, stdin=subprocess.PIPE, stdout=write)
    os.close(write)
    assert process.stdin is not None
    questions = [{"scene_id": f"s{number}"} for number in range(30)]
    process.stdin.write(lines({"scene_id": "first", "generator": "slow"}, *questions).encode())
    process.stdin.flush()
    # The first answer is held back, and behind it the queue is full.
    wait_until(lambda: tool.calls("status") and len(tool.orders()) >= 9)
    tool.release()
    ran = tool.finish(process)
    assert (ran.code, ran.out) == (141, "")
    assert "Traceback" not in ran.err
