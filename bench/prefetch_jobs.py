"""How long a chapter of jobs takes, and what it costs the backend: `uv run python bench/prefetch_jobs.py` (a minute).

A thousand jobs of half a second to five at a backend that runs 64 at once: the look-alike of the tests, in a process of
its own. The wall is compared with the list schedule of the same durations in the order in which they were ordered. One
JSON object, with its targets beside it. The backend takes any number of orders, unless `--orders-per-minute` says how
many; then no minute may have more.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from service.harness import LookAlike
from service.scripts import Script

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WINDOW_S = 60.0
TARGETS = {
    "times_lower_bound": 1.05,
    "requests_per_job": 4,
    "peak_per_100ms": 50,
    "polls_per_job": 20,
    "cpu_ms_per_job": 20,
}
_LOOKS = ("GET /api/v1/generations", "GET /api/v1/generations/#")


@dataclass(frozen=True)
class Load:
    """What is asked for: so many jobs, of which so many run at once, and how many the client waits for."""

    jobs: int
    at_once: int
    concurrency: int
    shortest_s: float
    longest_s: float
    with_tags: bool
    orders_per_minute: int | None

    def prompts(self) -> Iterable[str]:
        """One for each job."""
        return (f"Two friends on a bench under a lantern, take {number}" for number in range(self.jobs))


def lower_bound_s(durations_s: Sequence[float], machines: int) -> float:
    """When the last job ends if each starts as soon as a machine is free, in this order."""
    free_s = [0.0] * machines
    for duration_s in durations_s:
        heapq.heapreplace(free_s, free_s[0] + duration_s)
    return max(free_s)


def most_within(moments: Iterable[float], span_s: float) -> int:
    """The most of `moments` that lie within any `span_s`."""
    ordered = sorted(moments)
    return max((bisect_right(ordered, at + span_s) - index for index, at in enumerate(ordered)), default=0)


def kind_of(route: str) -> str:
    """The route without what differs from job to job."""
    return re.sub(r"/\d+(?=/|$)", "/#", re.sub(r"/media/.*", "/media/#", route))


def run(load: Load, server: LookAlike, folder: Path) -> dict[str, float]:
    """What the whole command took; every asset is there."""
    user = server.user(max_daily_jobs=None)
    rows = ({"scene": f"scene_{number}", "prompt": prompt} for number, prompt in enumerate(load.prompts()))
    (folder / "chapter.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ASSETCTL_", "XDG_", "PYTHON"))},
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        "HOME": str(folder),
        "ASSETCTL_BACKEND__URL": server.url,
        "ASSETCTL_BACKEND__ORDERS_PER_MINUTE": str(load.orders_per_minute or 0),
        "ASSETCTL_TOKEN": user.token,
        "ASSETCTL_GENERATION__TAG": str(load.with_tags).lower(),
    }
    command = [sys.executable, "-m", "assetctl.cli.main", "--data-dir", "data", "prefetch", "chapter.jsonl"]
    limits = ["--max-generations", str(load.jobs), "--concurrency", str(load.concurrency)]
    # What Python compiles once on a machine is nobody's cost; planning loads most of it.
    subprocess.run([*command, "--plan", "-q"], cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    with (folder / "told").open("w+b") as told:
        started = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--yes", "--json", *limits],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=told,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        *_, summary = told.read().splitlines() or [b'{"outcomes": {"generated": 0}}']
    made = json.loads(summary)["outcomes"]["generated"]
    if process.returncode or made != load.jobs:
        raise SystemExit(f"{made} of {load.jobs} were made")
    cpu_s = usage.ru_utime + usage.ru_stime
    # Kilobytes on Linux, bytes on macOS (getrusage(2)).
    megabytes = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return {"seconds": seconds, "cpu_s": cpu_s, "cpu_ms_per_job": cpu_s / load.jobs * 1000, "rss_mb": megabytes}


def bound_s(load: Load, server: LookAlike) -> float:
    """The list schedule of what was ordered, in its order."""
    script = Script(duration_s=load.shortest_s, longest_s=load.longest_s)
    durations_s = [script.for_prompt(job["final_prompt"]).duration_s for job in server.jobs()]
    return lower_bound_s(durations_s, load.at_once)


def asked(load: Load, server: LookAlike) -> dict[str, object]:
    """What the server was asked, and how often; those of the plan beforehand are among it."""
    kinds = Counter(kind_of(record["route"]) for record in server.requests())
    orders = [record["at"] for record in server.requests("POST /api/v1/generations")]
    return {
        "requests_per_job": round(kinds.total() / load.jobs, 2),
        "polls_per_job": round(sum(kinds[look] for look in _LOOKS) / load.jobs, 2),
        "peak_per_100ms": server.peak_per_100ms(),
        "orders_in_60_s": most_within(orders, WINDOW_S),
        "orders_per_minute": load.orders_per_minute,
        "requests": dict(sorted(kinds.items())),
        "charges": len(server.charges()),
    }


def measured(load: Load) -> dict[str, object]:
    """All figures of one run."""
    with tempfile.TemporaryDirectory() as folder, LookAlike() as server:
        server.configure(capacity=load.at_once, create_limit=load.orders_per_minute)
        server.script(duration_s=load.shortest_s, longest_s=load.longest_s)
        taken = run(load, server, Path(folder))
        least_s = bound_s(load, server)
        return {
            "jobs": load.jobs,
            "at_once": load.at_once,
            "concurrency": load.concurrency,
            **{name: round(value, 2) for name, value in taken.items()},
            "lower_bound_s": round(least_s, 2),
            "times_lower_bound": round(taken["seconds"] / least_s, 3),
            **asked(load, server),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A chapter of jobs at a backend that runs some of them at once.")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=64, help="jobs that the backend runs at once (default: 64)")
    parser.add_argument("--concurrency", type=int, help="jobs that the client waits for (default: three times as many)")
    parser.add_argument("--seconds", default="0.5-5", help="how long a job runs, shortest and longest (default: 0.5-5)")
    parser.add_argument("--orders-per-minute", type=int, help="what the backend takes (default: without a limit)")
    parser.add_argument("--no-tags", action="store_true", help="the assets are not tagged at the backend")
    given = parser.parse_args()
    concurrency = given.concurrency or 3 * given.at_once
    shortest_s, longest_s = (float(text) for text in given.seconds.split("-"))
    load = Load(
        given.jobs,
        given.at_once,
        concurrency,
        shortest_s,
        longest_s,
        with_tags=not given.no_tags,
        orders_per_minute=given.orders_per_minute,
    )
    print(json.dumps({**measured(load), "targets": TARGETS}))


if __name__ == "__main__":
    main()
