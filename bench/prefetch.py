"""How fast chapters are: `uv run python bench/prefetch.py plan|library`. Each line of output is a JSON object.

`plan`: a chapter that is all cached, of two sizes and in two formats, planned by whole processes; medians. Targets: a
hundred thousand assets in 3 s and 250 MB, and at ten times as many no more than 1.3 times the time for each and 1.2
times the memory. `library`: 2,000 small assets out of a backend's library, at 0.8 times the rate of the same downloads
measured beside them.
"""

from __future__ import annotations

import argparse
import csv
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
from prefetch_library import library

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
    with (folder / "chapter.jsonl").open("w") as lines, (folder / "chapter.csv").open("w", newline="") as cells:
        table = csv.writer(cells)
        table.writerow(row_of(0))
        for number in range(count):
            lines.write(json.dumps(row_of(number)) + "\n")
            table.writerow(row_of(number).values())
    data = folder / "data"
    data.mkdir(mode=0o700)
    blobs = data / "cache" / "v1" / "blobs"
    (folder / "blobs").mkdir(mode=0o700)
    write_index(data / "cache", entries(count, folder / "blobs", stand_ins=stand_ins))
    (folder / "blobs").rename(blobs)


def planned(folder: Path, count: int, form: str) -> tuple[float, float, float]:
    """The seconds by the wall and of the processor, and the megabytes, that one whole process takes to plan it all."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ASSETCTL_", "XDG_", "PYTHON"))},
        # What Python compiles once on a machine is nobody's cost: the round that warms up does.
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }
    command = [sys.executable, "-m", "assetctl.cli.main", "--data-dir", "data", "prefetch", f"chapter.{form}"]
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


def measured(count: int, runs: int, *, stand_ins: bool = False) -> Iterator[dict[str, object]]:
    """The medians over `runs` plans of a chapter of `count`, a line for each format."""
    folder = Path(tempfile.mkdtemp())
    try:
        # In a process of its own: what a child takes at most is counted from the size of whoever started it.
        words = ["plan", "--make", str(folder), "--sizes", str(count), *(["--stand-ins"] if stand_ins else [])]
        subprocess.run([sys.executable, __file__, *words], check=True)
        for form in ("jsonl",) if stand_ins else ("jsonl", "csv"):
            planned(folder, count, form)
            taken = [planned(folder, count, form) for _ in range(runs)]
            yield line_of(taken, count, chapter=f"{'stand-ins' if stand_ins else 'answers'}, {form}")
    finally:
        shutil.rmtree(folder)


def line_of(taken: list[tuple[float, float, float]], count: int, *, chapter: str) -> dict[str, object]:
    """The medians of the plans `taken`, and how busy the machine was: where it is, the wall tells of others too."""
    seconds, processor_s, megabytes = (statistics.median(values) for values in zip(*taken, strict=True))
    return {
        "chapter": chapter,
        "assets": count,
        "runs": len(taken),
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor_s, 2),
        "processor_us_per_asset": round(processor_s / count * 1e6, 1),
        "rss_mb": round(megabytes, 1),
        "load": round(os.getloadavg()[0], 1),
    }


def plans(sizes: list[int], runs: int) -> Iterator[dict[str, object]]:
    """A line for each chapter, the first size beside the targets, the others beside the first."""
    small, *larger = sizes
    first: dict[object, dict[str, object]] = {}
    for line in measured(small, runs):
        first[line["chapter"]] = line
        yield {**line, "target_seconds": TARGET_S, "target_rss_mb": TARGET_MB}
    yield from measured(small, runs, stand_ins=True)
    for size in larger:
        for line in measured(size, runs):
            times = {name: _times(line, first[line["chapter"]], name) for name in ("processor_us_per_asset", "rss_mb")}
            yield {
                **line,
                # Of the processor: on a machine that does other things too, the wall tells of those.
                "times_us": times["processor_us_per_asset"],
                "target_times_us": TIME_RATIO,
                "times_rss": times["rss_mb"],
                "target_times_rss": MEMORY_RATIO,
            }


def _times(line: dict[str, object], first: dict[str, object], name: str) -> float:
    return round(float(str(line[name])) / float(str(first[name])), 2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast chapters are.")
    parser.add_argument("what", choices=["plan", "library"])
    parser.add_argument("--runs", type=int, default=3, help="rounds that count; one more warms up")
    parser.add_argument("--sizes", default="100000,1000000", help="plan: assets of the small and of the large chapter")
    parser.add_argument("--assets", type=int, default=2000, help="library: how many there are (default: 2000)")
    parser.add_argument("--make", type=Path, help="plan: only make a chapter of that size in this folder")
    parser.add_argument("--stand-ins", action="store_true", help="with --make: all of it was made by a stand-in")
    given = parser.parse_args()
    if given.make is not None:
        make(given.make, int(given.sizes), stand_ins=given.stand_ins)
        return
    sizes = [int(size) for size in given.sizes.split(",")]
    for line in library(given.assets, given.runs) if given.what == "library" else plans(sizes, given.runs):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
