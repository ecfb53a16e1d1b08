"""What the cache does at a thousand and at a million entries: `uv run python bench/cache.py` (POSIX; takes minutes).

One JSON object a line: a median, the median of what it stands beside in the same run (taken in turn, so that a busy
moment meets both), their ratio, its target, and the peak memory of the process. Nothing in here reaches a network. This
process stays small and leaves work to others of its own kind, because a child inherits its parent's peak.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

DEEDS = Path(__file__).with_name("cache_deeds.py")
LOOKUPS = 1000
BLOBS_TO_VERIFY = 100
SMALL_BLOB_BYTES = 4096
STORED_AT_ONCE = (8, 32)
LONGEST_S = 900
#: How many entries, one for each second, lie between two slices that are cleared: as the ages of a slice are those
#: that its entries have when the command looks, it lies further on the longer the command takes to start.
ENTRIES_BETWEEN_SLICES = 60
RSS_MB = 120
RSS_UNITS_PER_MB = 1024 if sys.platform == "linux" else 1024 * 1024
PRUNE = ("--max-unused", "36500d", "--dry-run", "--json")
COMMANDS = {
    "ls --scene": ("ls", "--scene", "scene_1", "--limit", "50", "--json"),
    "stats": ("stats", "--json"),
    "ls --sort size": ("ls", "--sort", "size", "--limit", "20"),
}


@dataclass(frozen=True)
class Outcome:
    """How one process went; what it said is in `output`."""

    seconds: float
    rss_mb: float
    output: Path

    def answer(self) -> dict[str, Any]:
        """The JSON it printed."""
        return json.loads(self.output.read_bytes())


@dataclass
class Bench:
    """All measurements, in one temporary folder."""

    folder: Path
    runs: int
    sizes: list[int]
    files: int
    megabytes: int
    start_s: float = 0
    peaks: dict[str, float] = field(default_factory=dict)
    values: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def run(self, command: Sequence[str], data: Path) -> Outcome:
        """The process of `command`, which succeeded."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ASSETCTL_", "XDG_", "PYTHON", "COV"))
        } | {"HOME": str(self.folder), "NO_COLOR": "1", "ASSETCTL_DATA_DIR": str(data)}
        output, errors = self.folder / "output", self.folder / "errors"
        with output.open("wb") as out, errors.open("wb") as err:
            started = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
            timer = threading.Timer(LONGEST_S, process.kill)
            timer.daemon = True
            timer.start()
            try:
                # Not `process.wait`: only this tells the memory of this one child.
                _, status, usage = os.wait4(process.pid, 0)
            except BaseException:
                process.kill()
                raise
            finally:
                timer.cancel()
            taken = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{list(command)} ended with {process.returncode}: {errors.read_text()[-2000:]}")
        return Outcome(taken, usage.ru_maxrss / RSS_UNITS_PER_MB, output)

    def deed(self, name: str, data: Path, *arguments: object) -> Outcome:
        """The process of one deed."""
        return self.run([sys.executable, str(DEEDS), name, str(data), *map(str, arguments)], data)

    def assetctl(self, data: Path, *arguments: str) -> Outcome:
        """The process of a cache command."""
        return self.run([sys.executable, "-m", "assetctl.cli.main", "cache", *arguments], data)

    def add(self, name: str, value: float, outcome: Outcome | None = None) -> None:
        """One more value of `name`."""
        self.values[name].append(value)
        if outcome is not None:
            self.peaks[name] = max(self.peaks.get(name, 0), outcome.rss_mb)

    def line(
        self,
        name: str,
        unit: str,
        beside: str | None = None,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        """Print the row of `name`; a target is one of the ratio, or of the value where it stands alone."""
        value = statistics.median(self.values[name])
        row: dict[str, object] = {"row": name, "runs": len(self.values[name]), "median": _rounded(value), "unit": unit}
        row |= {"from": _rounded(min(self.values[name])), "to": _rounded(max(self.values[name]))}
        judged = value
        if beside is not None:
            other = statistics.median(self.values[beside])
            judged = value / other
            row |= {"beside": beside, "beside_median": _rounded(other), "ratio": _rounded(judged)}
        # As it is told, so that nobody finds a figure on the wrong side of its target.
        judged = _rounded(judged)
        if at_most is not None:
            row |= {"at_most": at_most, "met": judged <= at_most}
        if at_least is not None:
            row |= {"at_least": at_least, "met": judged >= at_least}
        if name in self.peaks:
            row["rss_mb"] = _rounded(self.peaks[name])
        print(json.dumps(row), flush=True)

    def data(self, entries: int) -> Path:
        """The data directory of the cache of so many entries."""
        return self.folder / f"of-{entries}"

    def make(self) -> None:
        """All caches; the largest has the files that `clear` will remove."""
        for entries in self.sizes:
            files = _cleared(self.runs, self.files) if entries == self.sizes[-1] else 0
            made = self.deed("make", self.data(entries), entries, min(entries, max(files, LOOKUPS))).answer()
            self.start_s = made["start_s"]
            sizes = {name: _rounded(made[name]) for name in ("index_bytes", "seconds")}
            print(json.dumps({"made": entries} | sizes), flush=True)

    def lookups(self) -> None:
        """Lookups in the smallest and the largest, beside a bare SELECT."""
        ends = (self.sizes[0], self.sizes[-1])
        for _ in range(self.runs):
            for entries in ends:
                outcome = self.deed("lookup", self.data(entries), min(LOOKUPS, self.sizes[0]))
                for way, value in outcome.answer().items():
                    self.add(f"{way} of {entries:,}", value, outcome)
        few, many = (f"{entries:,}" for entries in ends)
        self.line(f"lookup of {many}", "us", f"lookup of {few}", at_most=1.3)
        self.line(f"lookup of {many}", "us", f"select of {many}", at_most=3)
        self.line(f"index of {many}", "us", f"select of {many}")
        self.line(f"thread of {many}", "us", f"select of {many}")

    def commands(self) -> None:
        """Whole commands in every size, beside the smallest."""
        for number in range(-1, self.runs):
            for name, arguments in COMMANDS.items():
                for entries in self.sizes:
                    outcome = self.assetctl(self.data(entries), *arguments)
                    if number >= 0:  # the first round warms up
                        self.add(f"{name} of {entries:,}", outcome.seconds * 1000, outcome)
        for name in COMMANDS:
            for entries in self.sizes[1:]:
                self.line(f"{name} of {entries:,}", "ms", f"{name} of {self.sizes[0]:,}", at_most=1.5)

    def prune(self) -> None:
        """In which time it is decided what goes, of a hundredth and of a tenth too much, alone and as a command."""
        data = self.data(self.sizes[-1])
        for share, what in ((0.99, "1 % over"), (0.9, "10 % over")):
            for _ in range(self.runs):
                outcome = self.deed("decide", data, share)
                answer = outcome.answer()
                self.add(f"prune decides, {what}", answer["seconds"], outcome)
                self.add(f"prune goes, {what}", answer["entries"])
                outcome = self.assetctl(data, "prune", "--max-size", str(answer["max_size"]), *PRUNE)
                self.add(f"prune --dry-run, {what}", outcome.seconds, outcome)
            self.line(f"prune goes, {what}", "entries")
            self.line(f"prune decides, {what}", "s", at_most=1)
            self.line(f"prune --dry-run, {what}", "s")

    def clear(self) -> None:
        """Clearing a slice of the largest, into the trash and for good, beside `rm` of as many files."""
        data, plain = self.data(self.sizes[-1]), self.folder / "plain"
        blobs = data / "cache" / "v1" / "blobs"
        for number in range(2 * self.runs):
            name, options = ("clear --now", ("--now",)) if number % 2 else ("clear", ())
            age = time.time() - self.start_s - number * (self.files + ENTRIES_BETWEEN_SLICES)
            span = ("--filter", f"age<={age:.3f}s", "--filter", f"age>{age - self.files:.3f}s")
            before = _count(blobs)
            os.sync()
            outcome = self.assetctl(data, "clear", *span, "--include-paid", "--yes", *options)
            gone = before - _count(blobs)
            self.add(f"{name}: files", gone)
            self.add(name, gone / outcome.seconds, outcome)
            self.deed("plain_files", plain, gone)
            self.add("rm", gone / self.run(["rm", "-r", str(plain)], data).seconds)
        for name in ("clear", "clear --now"):
            self.line(f"{name}: files", "files")
            self.line(name, "files/s", "rm", at_least=0.5)

    def stores(self) -> None:
        """Storing small blobs, one by one and several at once as a batch does, beside a plain loop.

        The folders go at the end: for seconds, a file system passes over the numbers of files that were just removed.
        """
        ways = {"write, fsync, rename": ("plain_store",), "store, one by one": ("store",)}
        ways |= {f"store, {count} at once": ("store", count) for count in STORED_AT_ONCE}
        for number in range(self.runs):
            for name, (deed, *at_once) in ways.items():
                folder = self.folder / f"{name}-{number}"
                outcome = self.deed(deed, folder, self.files, SMALL_BLOB_BYTES, *at_once)
                self.add(name, self.files / outcome.answer()["seconds"], outcome)
        for name in list(ways)[1:]:
            self.line(name, "files/s", "write, fsync, rename", at_least=0.6)

    def verify(self) -> None:
        """Verifying, beside `sha256sum` and `hashlib` over the same files; all find them in memory."""
        data = self.folder / "verified"
        self.deed("store", data, BLOBS_TO_VERIFY, self.megabytes * 10**6 // BLOBS_TO_VERIFY)
        files = [str(path) for path in (data / "cache" / "v1" / "blobs").glob("*/*") if path.suffix != ".json"]
        for number in range(-1, self.runs):
            outcome = self.assetctl(data, "verify", "--json")
            read = outcome.answer()["read_bytes"] / 1e6
            taken = self.run(["sha256sum", *files], data).seconds
            # Where `sha256sum` does without the processor's own instructions, it is beaten too easily.
            hashed = self.deed("plain_hashes", data / "cache" / "v1" / "blobs").answer()["seconds"]
            if number >= 0:
                self.add("verify", read / outcome.seconds, outcome)
                self.add("sha256sum", read / taken)
                self.add("hashlib", read / hashed)
        self.line("verify", "MB/s", "sha256sum", at_least=0.8)
        self.line("verify", "MB/s", "hashlib")

    def memory(self) -> None:
        """The largest process of all but those that made the data, and this one, below which nothing can be seen."""
        name = max(self.peaks, key=self.peaks.__getitem__)
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / RSS_UNITS_PER_MB
        self.add(f"peak memory: {name}", self.peaks[name])
        self.add("peak memory: the bench itself", own)
        self.line(f"peak memory: {name}", "MB", at_most=RSS_MB)
        self.line("peak memory: the bench itself", "MB")


def _cleared(runs: int, files: int) -> int:
    """How many entries the slices that are cleared take up: each of `files`, into the trash and for good."""
    return 2 * runs * (files + ENTRIES_BETWEEN_SLICES)


def _count(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What the cache does at a thousand and at a million entries.")
    parser.add_argument("--runs", type=int, default=5, help="how often everything is measured (default: 5)")
    parser.add_argument("--sizes", default="1000,100000,1000000", help="entries of the caches, rising, with commas")
    parser.add_argument("--files", type=int, default=10_000, help="how many to clear and to store (default: 10000)")
    parser.add_argument("--megabytes", type=int, default=1000, help="how much to verify (default: 1000)")
    given = parser.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    if len(sizes) < 2 or sizes[-1] < _cleared(given.runs, given.files) or sizes[0] < 100:
        parser.error("two sizes at least, of 100 entries or more, the last with all the files that are cleared")
    folder = Path(tempfile.mkdtemp(prefix="assetctl-bench-"))
    try:
        bench = Bench(folder, given.runs, sizes, given.files, given.megabytes)
        bench.make()
        for part in (bench.lookups, bench.commands, bench.prune, bench.stores, bench.verify, bench.clear, bench.memory):
            part()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
