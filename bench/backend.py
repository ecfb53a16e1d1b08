"""What comes from a backend, and how fast: `uv run python bench/backend.py download|jobs` (Linux; takes minutes).

`jobs` tells how soon a job's file is here and how often the server was asked. `download` fetches large files and many
small ones, 16 at a time, each way in turn so that a busy moment of the machine meets all of them alike. One JSON object
a line: medians, and the ratios of MB/s to the programs measured beside it; one that is not installed is named and left
out. `curl` and `aria2c` verify nothing and leave their files to the system to write; `curl, synced` waits until they
are on the disk, as a store must. Figures of a server that costs next to nothing, in a process of its own; with
`--look-alike` of the one that tests use.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))

from backend_jobs import jobs  # noqa: E402 - as below

from service.harness import LookAlike  # noqa: E402 - the path to it is set above
from service.samples import sample  # noqa: E402 - as above

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

CLIENT = Path(__file__).with_name("backend_client.py")
SERVER = Path(__file__).with_name("backend_server.py")
CONCURRENCY = 16
LONGEST_S = 600
TARGETS = {"large": {"curl": 0.6}, "small": {"aria2c": 1.0}}


@dataclass(frozen=True)
class Load:
    """What is fetched: `urls`, each with the digest of its bytes, `size_bytes` altogether."""

    name: str
    urls: list[tuple[str, str]]
    size_bytes: int
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Round:
    """One way of fetching it all, once."""

    seconds: float
    cpu_s: float
    rss_mb: float | None = None


def curl(load: Load, folder: Path) -> Round:
    """`curl --parallel`, from a list."""
    config = folder / "list"
    lines = [f'url = "{url}"\noutput = "{folder / str(number)}"\n' for number, (url, _) in enumerate(load.urls)]
    config.write_text("".join(lines), "utf-8")
    headers = [part for header in load.headers for part in ("-H", header)]
    limit = ["--parallel", "--parallel-max", str(CONCURRENCY)]
    return timed(["curl", "--silent", "--fail", *limit, *headers, "-K", str(config)])


def curl_synced(load: Load, folder: Path) -> Round:
    """`curl --parallel`, and each file synced afterwards."""
    fetched = curl(load, folder)
    started, used = time.perf_counter(), time.process_time()
    for number in range(len(load.urls)):
        descriptor = os.open(folder / str(number), os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    seconds = fetched.seconds + time.perf_counter() - started
    return Round(seconds, fetched.cpu_s + time.process_time() - used)


def aria2c(load: Load, folder: Path) -> Round:
    """`aria2c`, one connection a file, from a list."""
    config = folder / "list"
    config.write_text("".join(f"{url}\n  out={number}\n" for number, (url, _) in enumerate(load.urls)), "utf-8")
    headers = [f"--header={header}" for header in load.headers]
    limit = [f"-j{CONCURRENCY}", "-x1", "-s1", "--file-allocation=none"]
    return timed(["aria2c", "--quiet", "--no-conf", *limit, *headers, f"-d{folder}", f"-i{config}"])


def ours(how: str) -> Callable[[Load, Path], Round]:
    """`backend_client.py`, which counts by itself from where Python is loaded."""

    def fetched(load: Load, folder: Path) -> Round:
        listed = folder / "list"
        listed.write_text("".join(f"{url} {digest}\n" for url, digest in load.urls), "utf-8")
        command = [sys.executable, str(CLIENT), how, str(listed), str(folder), *load.headers]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=LONGEST_S)
        return Round(**json.loads(said.stdout))

    return fetched


WAYS: dict[str, Callable[[Load, Path], Round]] = {
    "curl": curl,
    "curl, synced": curl_synced,
    "aria2c": aria2c,
    "httpx as it comes": ours("httpx"),
    "assetctl, verified": ours("verified"),
    "assetctl, verified and stored": ours("stored"),
}
OTHERS = (curl, curl_synced, aria2c)


def timed(command: list[str]) -> Round:
    """How long `command` took; it must succeed."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command[:1])
    return Round(seconds, used.ru_utime + used.ru_stime)


@contextmanager
def plain_server(large: int, small: int, scratch: Path) -> Generator[list[Load]]:
    """Within the block, files at a server that costs next to nothing."""
    import hashlib  # noqa: PLC0415 - for this one

    folder = scratch / "served"
    folder.mkdir()
    loads: list[tuple[str, list[tuple[str, str]], int]] = []
    for name, kind, count, size in (("large", "video", large, 8 << 20), ("small", "image", small, 50_000)):
        named, total = [], 0
        for number in range(count):
            data, mime_type = sample(kind, seed=f"{name}{number}", size_bytes=size)
            path = folder / f"{name}{number}.{mime_type.partition('/')[2]}"
            path.write_bytes(data)
            named.append((path.name, hashlib.sha256(data).hexdigest()))
            total += len(data)
        loads.append((name, named, total))
    process = subprocess.Popen([sys.executable, str(SERVER), str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        port = int((process.stdout or sys.stdin).readline())
        yield [
            Load(name, [(f"http://127.0.0.1:{port}/{file}", digest) for file, digest in named], total)
            for name, named, total in loads
        ]
    finally:
        process.kill()
        process.communicate()


@contextmanager
def look_alike(large: int, small: int, _: Path) -> Generator[list[Load]]:
    """Within the block, stored assets of a backend as tests know it; who fetches them must say who asks."""
    with LookAlike() as server:
        user = server.user("designer")
        server.add_assets(user, large, "video", size_bytes=8 << 20)
        server.add_assets(user, small, "image", size_bytes=50_000)
        rows = server.assets()
        loads = []
        for name, kind in (("large", "video"), ("small", "image")):
            own = [row for row in rows if row["media_type"] == kind]
            urls = [(f"{server.url}{row['file_url']}", row["sha256"]) for row in own]
            size = sum(row["file_size_bytes"] for row in own)
            loads.append(Load(name, urls, size, (f"Authorization: Bearer {user.token}",)))
        yield loads


def measured(load: Load, runs: int, scratch: Path) -> dict[str, list[Round]]:
    """Every way's rounds; the first of each warms up and is not among them."""
    installed = {name: way for name, way in WAYS.items() if way not in OTHERS or shutil.which(name.split(",")[0])}
    rounds: dict[str, list[Round]] = {name: [] for name in installed}
    for number in range(-1, runs):
        for name, way in installed.items():
            folder = scratch / "fetched"
            folder.mkdir(mode=0o700)
            os.sync()  # what the one before left to be written is not the next one's to pay
            taken = way(load, folder)
            shutil.rmtree(folder)
            if number >= 0:
                rounds[name].append(taken)
    return rounds


def lines(load: Load, rounds: dict[str, list[Round]]) -> Iterable[dict[str, object]]:
    """An object per way."""
    medians = {name: statistics.median(one.seconds for one in taken) for name, taken in rounds.items()}
    for name in WAYS:
        if name not in medians:
            yield {"load": load.name, "way": name, "missing": "it is not installed"}
            continue
        taken, seconds = rounds[name], medians[name]
        rss = [one.rss_mb for one in taken if one.rss_mb is not None]
        yield {
            "load": load.name,
            "way": name,
            "runs": len(taken),
            "seconds": round(seconds, 3),
            "mb_per_s": _rounded(load.size_bytes / seconds / 1e6),
            "files_per_s": _rounded(len(load.urls) / seconds),
            "cpu_s": round(statistics.median(one.cpu_s for one in taken), 3),
            **({"peak_rss_mb": round(max(rss))} if rss else {}),
            **{
                f"times_{other.replace(', ', '_')}": round(medians[other] / seconds, 2)
                for other, way in WAYS.items()
                if way in OTHERS and other in medians
            },
            **({"targets": TARGETS[load.name]} if name == "assetctl, verified and stored" else {}),
        }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What comes from a backend, and how fast.")
    parser.add_argument("what", choices=["download", "jobs"])
    parser.add_argument("--runs", type=int, default=5, help="rounds that count; a download has one more to warm up")
    parser.add_argument("--minute", action="store_true", help="jobs: also one that takes a minute")
    parser.add_argument("--large", type=int, default=64, help="files of 8 MB (default: 64)")
    parser.add_argument("--small", type=int, default=2000, help="files of 50 KB (default: 2000)")
    parser.add_argument("--look-alike", action="store_true", help="fetch from the look-alike that tests use")
    options = parser.parse_args()
    if options.what == "jobs":
        for line in jobs(options.runs, minute=options.minute):
            print(json.dumps(line), flush=True)
        return
    scratch = Path(tempfile.mkdtemp())
    serving = look_alike if options.look_alike else plain_server
    try:
        with serving(options.large, options.small, scratch) as loads:
            for load in loads:
                for line in lines(load, measured(load, options.runs, scratch)):
                    print(json.dumps(line), flush=True)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
