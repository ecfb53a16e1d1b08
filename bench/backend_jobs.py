"""How soon a job's file is here, and how often the backend is asked meanwhile; the `jobs` of `backend.py`.

The backend is the look-alike of the tests, in a process of its own; every request is a whole `assetctl request`. With
the socket and without it; medians over the rounds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from service import faults
from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORT_S = 2.0
LONG_S = 60.0
LATE_S = 0.3
MOST_REQUESTS = 8
SOCKETS = "GET /api/v1/ws/*"


def request(server: LookAlike, token: str, folder: Path, scene: str) -> dict[str, Any]:
    """The asset document of one request, by a user of its own."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ASSETCTL_", "XDG_"))},
        "HOME": str(folder),
        "ASSETCTL_DATA_DIR": str(folder / scene),
        "ASSETCTL_BACKEND__URL": server.url,
        "ASSETCTL_TOKEN": token,
    }
    words = ["request", "--scene", scene, "--prompt", scene, "--max-wait", "5m", "--json", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "assetctl.cli.main", *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr.decode(errors="replace"))
    return json.loads(done.stdout)


def late_s(server: LookAlike, document: dict[str, Any]) -> float:
    """Seconds from the end of the job to its file in the cache; both clocks are this machine's."""
    job = next(job for job in server.jobs() if str(job["id"]) == document["origin"]["job_id"])
    ended = datetime.fromisoformat(job["completed_at"])
    # A rename changes the file's own record, and nothing does after it.
    return Path(document["path"]).stat().st_ctime - ended.timestamp()


def one_after_the_other(server: LookAlike, token: str, folder: Path, *, rounds: int, name: str) -> dict[str, Any]:
    """How late the files of short jobs are."""
    server.script(duration_s=SHORT_S)
    late, whole = [], []
    for number in range(rounds):
        started = time.perf_counter()
        document = request(server, token, folder, f"{name}-{number}")
        whole.append(time.perf_counter() - started)
        late.append(late_s(server, document))
    return {
        "what": f"{SHORT_S:g} s job {name}",
        "rounds": rounds,
        "late_s": round(statistics.median(late), 3),
        "latest_s": round(max(late), 3),
        "command_s": round(statistics.median(whole), 3),
    }


def long_job(server: LookAlike, token: str, folder: Path, name: str) -> dict[str, Any]:
    """How many requests a long job takes, all of them counted."""
    before = len(server.requests())
    document = request(server, token, folder, name)
    asked = [record["route"] for record in server.requests()[before:]]
    return {"what": f"{LONG_S:g} s job {name}", "requests": len(asked), "late_s": round(late_s(server, document), 3)}


def jobs(rounds: int, *, minute: bool) -> Iterator[dict[str, Any]]:
    """A line for each measurement, with the socket and without it side by side; with `minute` also a long job."""
    with ThreadPoolExecutor() as pool:
        waits = [pool.submit(measured, rounds, minute=minute, with_socket=with_socket) for with_socket in (True, False)]
        for wait in waits:
            yield from wait.result()


def measured(rounds: int, *, minute: bool, with_socket: bool) -> list[dict[str, Any]]:
    """The figures at a server of its own, whose socket can be reached or not."""
    name = "with the socket" if with_socket else "without it"
    with tempfile.TemporaryDirectory() as folder, LookAlike(create_limit=None) as server:
        token = server.user().token
        if not with_socket:
            server.fault(SOCKETS, faults.answers(503), times=None)
        lines = [one_after_the_other(server, token, Path(folder), rounds=rounds, name=name)]
        if minute:
            server.script(duration_s=LONG_S)
            lines.append(long_job(server, token, Path(folder), f"{name} long"))
    return lines
