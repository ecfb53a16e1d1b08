"""What a decoder says is believed as little as the file that it decodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from assetctl.media.decoder import Decoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

WORKER = """
import json, sys
def main():
    for line in sys.stdin:
        size = json.loads(line)["size"]
        print(json.dumps(dict(size=size)), end=chr(10) + abs(size) * "x", flush=True)
"""


@pytest.fixture
def decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Decoder]:
    (tmp_path / "honest_worker.py").write_text(WORKER)
    monkeypatch.syspath_prepend(tmp_path)
    decoder = Decoder("honest_worker")
    yield decoder
    decoder.end()


def ask(decoder: Decoder, size: int) -> bytes | str | None:
    def data_of(facts: Mapping[str, Any], data: bytes) -> bytes:
        assert facts == {"size": size}
        return data

    return decoder.answer({"size": size}, data_of, limit_s=120.0, max_bytes=10)


def test_one_process_answers_one_after_the_other(decoder: Decoder) -> None:
    assert [ask(decoder, size) for size in (3, 0, 10)] == [b"xxx", b"", b"x" * 10]


@pytest.mark.parametrize("size", [11, -1])
def test_no_more_is_read_than_was_allowed(decoder: Decoder, size: int) -> None:
    assert ask(decoder, size) is None
