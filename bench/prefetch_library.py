"""How fast a chapter comes out of a backend's library; the `library` of `prefetch.py`.

Small pictures at the look-alike of the tests, in a process of its own, fetched by a whole `assetctl prefetch`. In turn
with it the same files are fetched and stored as the download bench does, from the same server: the reference. The
seconds of both are those of the downloads, without the start of Python and without the plan.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT = Path(__file__).with_name("backend_client.py")
SIZE_BYTES = 50_000
SCENE_SIZE = 20
TARGET_RATIO = 0.8
LONGEST_S = 600


def library(count: int, runs: int) -> Iterator[dict[str, Any]]:
    """The medians over `runs` of a chapter of `count` pictures, and of the reference."""
    with LookAlike(create_limit=None) as server, tempfile.TemporaryDirectory() as scratch:
        user = server.user("designer")
        for number in range(count):
            server.add_asset(user, "image", size_bytes=SIZE_BYTES, tags=tags_of(number))
        chapter = Path(scratch, "chapter.jsonl")
        chapter.write_text("".join(json.dumps(row_of(number)) + "\n" for number in range(count)), "utf-8")
        references, ours = [], []
        for _ in range(runs + 1):
            references.append(fetched(server, user.token, Path(scratch)))
            ours.append(prefetched(server, user.token, chapter, count))
    # The first round warms up.
    del references[0], ours[0]
    rate, reference_rate = (count / statistics.median(one["seconds"] for one in some) for some in (ours, references))
    yield {
        "chapter": "library",
        "assets": count,
        "runs": runs,
        "files_per_s": _rounded(rate),
        "reference_files_per_s": _rounded(reference_rate),
        "times_reference": _rounded(rate / reference_rate),
        "target_times_reference": TARGET_RATIO,
        "cpu_ms_per_asset": _median(ours, "cpu_s", 1000 / count),
        "reference_cpu_ms_per_asset": _median(references, "cpu_s", 1000 / count),
        "rss_mb": _median(ours, "rss_mb", 1),
        "reference_rss_mb": _median(references, "rss_mb", 1),
        "requests_per_asset": _median(ours, "requests", 1 / count),
        "load": round(os.getloadavg()[0], 1),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _median(rounds: list[dict[str, Any]], name: str, factor: float) -> float:
    return round(statistics.median(one[name] for one in rounds) * factor, 2)


def tags_of(number: int) -> list[str]:
    """What the server says the picture `number` is for."""
    row = row_of(number)
    return [f"scene:{row['scene']}", f"choice:{row['choice']}"]


def row_of(number: int) -> dict[str, object]:
    """Row `number` of the chapter."""
    return {
        "scene": f"scene_{number // SCENE_SIZE}",
        "choice": f"choice_{number % SCENE_SIZE}",
        "type": "image",
        "allow_generation": False,
    }


def fetched(server: LookAlike, token: str, scratch: Path) -> dict[str, Any]:
    """One round of the download bench's `stored`."""
    listed = scratch / "list"
    lines = [f"{server.url}{row['file_url']} {row['sha256']}\n" for row in server.assets()]
    listed.write_text("".join(lines), "utf-8")
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        words = [sys.executable, str(CLIENT), "stored", str(listed), folder, f"Authorization: Bearer {token}"]
        os.sync()
        said = subprocess.run(words, check=True, stdout=subprocess.PIPE, timeout=LONGEST_S)
    return json.loads(said.stdout)


def prefetched(server: LookAlike, token: str, chapter: Path, count: int) -> dict[str, Any]:
    """One `assetctl prefetch` into a data directory of its own; the seconds are those its summary tells."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ASSETCTL_", "XDG_"))},
        "ASSETCTL_BACKEND__URL": server.url,
        "ASSETCTL_TOKEN": token,
    }
    before = len(server.requests())
    with tempfile.TemporaryDirectory(dir=chapter.parent) as folder:
        os.sync()
        words = ["--data-dir", f"{folder}/data", "prefetch", str(chapter), "--json", "--progress", "none"]
        process = subprocess.Popen(
            [sys.executable, "-m", "assetctl.cli.main", *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        told = (process.stdout.read() if process.stdout else b"").splitlines()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        summary = json.loads(told[-1])
    if process.returncode or summary["outcomes"]["library"] != count:
        raise SystemExit(f"the chapter is not what it should be: {summary}")
    return {
        "seconds": summary["seconds"],
        "cpu_s": used.ru_utime + used.ru_stime,
        "rss_mb": used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10),
        "requests": len(server.requests()) - before,
    }
