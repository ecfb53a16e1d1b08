"""Running a command's work in a loop."""

from __future__ import annotations

from assetctl import eventloop
from assetctl.cli.running import run
from assetctl.events import AssetEventBus


class Large:
    """Takes long to write out."""

    times_written = 0

    def __repr__(self) -> str:
        Large.times_written += 1
        return "all of it"


def test_result_of_the_work_is_never_written_out_as_text():
    result = Large()

    async def work() -> Large:
        await eventloop.started()
        return result

    assert run(work, AssetEventBus()) is result
    assert Large.times_written == 0
