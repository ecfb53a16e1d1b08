"""How long a chapter takes to be planned, and how much memory: `uv run python bench/prefetch.py`.

A chapter that is all cached, of two sizes, planned by whole processes; each line of output is a JSON object. Targets: a
hundred thousand assets in 3 s and 250 MB, and at ten times as many no more than 1.3 times the time for each and 1.2
times the memory.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cache_data import write_index

from assetctl.cache.entries import CacheEntry, complete
from assetctl.cache.entries import EntryDraft as Draft
from assetctl.documents import request_from_document
from assetctl.keys import request_key
from assetctl.models import AssetRequest, AssetType, MediaInfo, Origin, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 1, 1, tzinfo=UTC)
SCENE_SIZE = 100
TARGET_S, TARGET_MB = 3.0, 250.0
TIME_RATIO, MEMORY_RATIO = 1.3, 1.2


def row_of(number: int) -> dict[str, object]:
    """Row `number` of the chapter."""
    return {
        "scene": f"scene_{number // SCENE_SIZE}",
        "choice": f"choice_{number % SCENE_SIZE}",
        "prompt": f"Two friends on a bench under a lantern, take {number}",
        "style": "anime",
        "duration_s": 5,
    }


def request_of(number: int) -> AssetRequest:
    """What row `number` asks for, with the settings in force where it demands nothing."""
    row = row_of(number)
    fields = {"scene_id": row.pop("scene"), "choice_id": row.pop("choice"), **row, "generator": "storyboard"}
    return request_from_document(fields)


def entries(count: int, blobs: Path, *, stand_ins: bool) -> Iterator[CacheEntry]:
    """The cached answer of every row, each with a file of its own."""
    draft = Draft(
        key="0" * 64,
        suffix=".mp4",
        asset_id="",
        asset_type=AssetType.VIDEO,
        request=AssetRequest(scene_id="a"),
        origin=Origin("generator:storyboard", created_at=START, generator="storyboard"),
        source=Source.GENERATED,
        media=MediaInfo("video/mp4", duration_s=5.0, width=1280, height=720),
        stand_in=stand_ins,
    )
    example = complete(draft, sha256="0" * 64, size_bytes=1, created_at=START)
    for number in range(count):
        digest = hashlib.sha256(b"%d" % number).hexdigest()
        shard = blobs / digest[:2]
        shard.mkdir(mode=0o700, parents=True, exist_ok=True)
        (shard / f"{digest}.mp4").touch(0o400)
        request = request_of(number)
        yield replace(example, key=request_key(request), request=request, sha256=digest, asset_id=f"sb-{number}")


def make(folder: Path, count: int, *, stand_ins: bool) -> None:
    """In `folder` a chapter of `count` assets and a data directory that has them all."""
    with (folder / "chapter.jsonl").open("w") as file:
        for number in range(count):
            file.write(json.dumps(row_of(number)) + "\n")
    data = folder / "data"
    data.mkdir(mode=0o700)
    blobs = data / "cache" / "v1" / "blobs"
    (folder / "blobs").mkdir(mode=0o700)
    write_index(data / "cache", entries(count, folder / "blobs", stand_ins=stand_ins))
    (folder / "blobs").rename(blobs)


def planned(folder: Path, count: int) -> tuple[float, float, float]:
    """The seconds by the wall and of the processor, and the megabytes, that one whole process takes to plan it all."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ASSETCTL_", "XDG_"))}
    command = [sys.executable, "-m", "assetctl.cli.main", "--data-dir", "data", "prefetch", "chapter.jsonl"]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--plan", "--json"], cwd=folder, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    told = json.loads(process.stdout.read() if process.stdout else "")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode or told["takes"]["here"] != count:
        raise SystemExit(f"the plan is not what it should be: {told['takes']}")
    # Kilobytes on Linux, bytes on macOS (getrusage(2)).
    megabytes = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return seconds, usage.ru_utime + usage.ru_stime, megabytes


def measured(count: int, runs: int, *, stand_ins: bool) -> dict[str, object]:
    """The medians over `runs` plans of a chapter of `count`."""
    folder = Path(tempfile.mkdtemp())
    try:
        # In a process of its own: what a child takes at most is counted from the size of whoever started it.
        words = ["--make", str(folder), "--sizes", str(count), *(["--stand-ins"] if stand_ins else [])]
        subprocess.run([sys.executable, __file__, *words], check=True)
        planned(folder, count)
        taken = [planned(folder, count) for _ in range(runs)]
    finally:
        shutil.rmtree(folder)
    seconds, processor_s, megabytes = (statistics.median(values) for values in zip(*taken, strict=True))
    return {
        "chapter": "stand-ins" if stand_ins else "answers",
        "assets": count,
        "runs": runs,
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor_s, 2),
        "processor_us_per_asset": round(processor_s / count * 1e6, 1),
        "rss_mb": round(megabytes, 1),
    }


def _figure(line: dict[str, object], name: str) -> float:
    return float(str(line[name]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Planning a chapter that is all cached.")
    parser.add_argument("--sizes", default="100000,1000000", help="assets of the small and of the large chapter")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--make", type=Path, help="only make a chapter of that size in this folder")
    parser.add_argument("--stand-ins", action="store_true", help="with --make: all of it was made by a stand-in")
    given = parser.parse_args()
    if given.make is not None:
        make(given.make, int(given.sizes), stand_ins=given.stand_ins)
        return
    small, *larger = [int(size) for size in given.sizes.split(",")]
    first = measured(small, given.runs, stand_ins=False)
    print(json.dumps({**first, "target_seconds": TARGET_S, "target_rss_mb": TARGET_MB}), flush=True)
    print(json.dumps(measured(small, given.runs, stand_ins=True)), flush=True)
    for size in larger:
        line = measured(size, given.runs, stand_ins=False)
        ratios = {
            # Of the processor: on a machine that does other things too, the wall tells of those.
            "times_us": round(_figure(line, "processor_us_per_asset") / _figure(first, "processor_us_per_asset"), 2),
            "times_rss": round(_figure(line, "rss_mb") / _figure(first, "rss_mb"), 2),
        }
        targets = {"target_times_us": TIME_RATIO, "target_times_rss": MEMORY_RATIO}
        print(json.dumps({**line, **ratios, **targets}), flush=True)


if __name__ == "__main__":
    main()
