"""`LookAlike`: the look-alike server as a process of its own, for tests and benchmarks.

    with LookAlike() as server:
        token = server.user("designer").token
        server.script(duration_s=0.2, outcomes=["failed:provider_generic", "completed"])
        server.fault("POST /api/v1/generations", faults.lost_after())
        …
        assert len(server.charges()) == 1

Everything it is told outlives `restart()`. What it saw is read from its ledger, dead or alive. One thread pulls its
levers; any number of processes may speak to `url`.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from service.ledger import FILE, digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_STARTS_WITHIN_S: Final = 60.0
_ANSWERS_WITHIN_S: Final = 60.0
_PASSWORD: Final = "correct horse battery staple"
_TO_THE_END: Final = tuple({"after_s": 0.0, "to": status} for status in ("processing", "completed", "ingested"))
# Elsewhere nobody may listen at a port that another process holds.
_HOLDS_PORTS: Final = sys.platform == "linux"


@dataclass(frozen=True)
class Account:
    """Somebody who may use the server; `token` was given without a login, so no login is counted."""

    id: int
    username: str
    password: str
    token: str


class LookAlike:
    """The server, from `with` on. Options are those of `world.Options`, set before anyone can ask."""

    def __init__(self, folder: Path | None = None, **options: Any) -> None:
        self._own = None if folder else tempfile.TemporaryDirectory(prefix="look-alike-")
        self.folder = folder or Path(self._own.name if self._own else "")
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._held: list[socket.socket] = []
        self._ports = [0, 0, 0]
        self._line: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        self.start()
        if self._options:
            self.configure(**self._options)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        while self._held:
            self._held.pop().close()
        if self._own:
            self._own.cleanup()

    @property
    def url(self) -> str:
        """Where the API is, without a trailing slash."""
        return f"http://127.0.0.1:{self._ports[0]}"

    @property
    def vendor_url(self) -> str:
        """Where finished files and archived ones are given away."""
        return f"http://127.0.0.1:{self._ports[1]}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """It answers, on the ports it had before if it had any."""
        if _HOLDS_PORTS and not self._held:
            self._held = [_held_port() for _ in self._ports]
            self._ports = [held.getsockname()[1] for held in self._held]
        names = ("--port", "--vendor-port", "--control-port")
        ports = [word for name, port in zip(names, self._ports, strict=True) for word in (name, str(port))]
        program = [sys.executable, "-m", "service", "--folder", str(self.folder), *ports, "--until-stdin-ends"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _STARTS_WITHIN_S)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self.kill()
            raise RuntimeError("the look-alike server did not start")
        self._ports = json.loads(line)["ports"]

    def kill(self) -> None:
        """It is dead, at once and without a chance to tidy up. Again: nothing happens."""
        if self._line:
            self._line.close()
            self._line = None
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process = None

    def restart(self, down_s: float = 0.0) -> None:
        """Killed, and back on the same ports with all it knew; jobs catch up with what they missed."""
        self.kill()
        time.sleep(down_s)
        self.start()

    def user(self, username: str = "designer", password: str = _PASSWORD, **facts: Any) -> Account:
        """A new user, with a token. `facts`: `role="admin"`, `max_daily_jobs=…`, `is_active=False`."""
        made = self._pull("user", username=username, password=password, **facts)
        return Account(made["id"], username, password, made["token"])

    def token(self, user: Account, life_s: float | None = None) -> str:
        """Another token of this user."""
        return self._pull("token", user_id=user.id, life_s=life_s)

    def change_user(self, user: Account, **changes: Any) -> None:
        self._pull("change_user", user_id=user.id, **changes)

    def revoke(self, token: str) -> None:
        self._pull("revoke", token=token)

    def revoke_all(self) -> None:
        """Every token given so far is worth nothing: 401 from now on, until somebody logs in."""
        self._pull("revoke_all")

    def expire(self, token: str) -> None:
        self._pull("expire", token=token)

    def configure(self, **options: Any) -> dict[str, Any]:
        """All of `world.Options`, after these were changed."""
        return self._pull("configure", **options)

    def script(self, *, match: dict[str, Any] | None = None, times: int | None = None, **script: Any) -> None:
        """New jobs that `match` run so; see `scripts.Script`. Of several scripts that match, the youngest counts.

        `match` may hold `prompt` and `name` (a part of it), `operation`, `provider`, `user` (its name), and `scene`
        (`to_scene.id`).
        """
        self._pull("script", script=script, match=match or {}, times=times)

    def clear_scripts(self) -> None:
        """New jobs run the plain course again."""
        self._pull("clear_scripts")

    def fault(self, route: str, spec: dict[str, Any], *, times: int | None = 1, skip: int = 0) -> None:
        """The next `times` requests like `route` are hit, after `skip` that are not; None: all of them.

        `spec` comes from a function of `faults`; two can be joined with `|`. For `route` see there, too.
        """
        self._pull("fault", route=route, times=times, skip=skip, **spec)

    def clear_faults(self) -> int:
        """How many faults were still waiting to strike."""
        return self._pull("clear_faults")

    def add_asset(
        self,
        user: Account,
        media_type: str = "video",
        *,
        tags: Sequence[str] = (),
        content: bytes | None = None,
        size_bytes: int = 0,
        duration_s: float = 5.0,
        **facts: Any,
    ) -> dict[str, Any]:
        """An asset that is there, as the API would show it. `facts`: fields of `rows.Asset`, above all `placed`."""
        file = _file(content, size_bytes, duration_s, facts)
        return self._pull("asset", user_id=user.id, media_type=media_type, file=file, tags=list(tags), **facts)

    def add_assets(self, user: Account, count: int, media_type: str = "video", *, size_bytes: int = 0) -> list[int]:
        """The ids of many assets, each with other bytes."""
        return self._pull("asset", user_id=user.id, media_type=media_type, file={"size_bytes": size_bytes}, count=count)

    def change_asset(self, asset_id: int, **changes: Any) -> dict[str, Any]:
        return self._pull("change_asset", asset_id=asset_id, **changes)

    def change_job(self, job_id: int, **changes: Any) -> dict[str, Any]:
        return self._pull("change_job", job_id=job_id, **changes)

    def move_job(self, job_id: int, *steps: dict[str, Any]) -> dict[str, Any]:
        """These steps happen to the job instead of its own; each has `after_s` and `to`, see `scripts.steps_of`."""
        return self._pull("move_job", job_id=job_id, steps=list(steps))

    def end_jobs(self) -> None:
        """Every job that waits or runs is made now, whatever its script was."""
        for job in self.jobs():
            if job["status"] in {"pending", "processing"}:
                self.move_job(job["id"], *_TO_THE_END)

    def remove_job(self, job_id: int) -> None:
        """The server has forgotten this job."""
        self._pull("remove_job", job_id=job_id)

    def remove_asset(self, asset_id: int) -> None:
        self._pull("remove_asset", asset_id=asset_id)

    def replace_file(self, asset_id: int, content: bytes) -> None:
        """The same address gives other bytes from now on, under another ETag; the asset still tells of the old ones."""
        self._pull("replace_file", asset_id=asset_id, content=base64.b64encode(content).decode())

    def scenes(self, scenes: list[dict[str, Any]]) -> None:
        """These are all scenes there are, as rows of tables: see `gamedata`; nodes and edges stand inside them."""
        self._pull("scenes", scenes=scenes)

    def worlds(self, worlds: list[dict[str, Any]]) -> None:
        """These are all worlds there are: `id`, `owner_user_id`, `name`, `locations` with their `hotspots`."""
        self._pull("worlds", worlds=worlds)

    def jobs(self) -> list[dict[str, Any]]:
        """All generations of all users, as the API would show them, in the order they were made."""
        return self._pull("jobs")

    def assets(self) -> list[dict[str, Any]]:
        return self._pull("assets")

    def say(self, message: Any) -> int:
        """Every socket gets this message, a text as it stands; how many there were."""
        return self._pull("say", message=message)

    def sockets(self) -> int:
        """How many sockets are open."""
        return self._pull("sockets")

    def drop_sockets(self) -> int:
        return self._pull("drop_sockets")

    def watch(self, secret: str) -> None:
        """This secret is looked for as tokens and passwords of its own are."""
        self._pull("watch", secret=secret)

    def charges(self) -> list[dict[str, Any]]:
        """One for each generation that was begun: its id, user, name, prompt, and `nonce` (its `to_scene.id`)."""
        return self._records("charge")

    def requests(self, route: str = "*", *, host: str = "api") -> list[dict[str, Any]]:
        """What came, in order, with its `status`; 0: it got no answer. `route` is a pattern of `METHOD path`."""
        return [
            record
            for record in self._records("request")
            if record["host"] == host and fnmatchcase(record["route"], route)
        ]

    def peak_per_100ms(self, route: str = "*", *, host: str = "api") -> int:
        """The most requests that came within any tenth of a second."""
        moments = sorted(record["at"] for record in self.requests(route, host=host))
        return max((bisect_right(moments, at + 0.1) - index for index, at in enumerate(moments)), default=0)

    def sightings(self, secret: str | None = None) -> list[dict[str, Any]]:
        """Where a secret was seen that should not be there: in an address, a body, a header, at another host.

        None: any of those watched, which are all passwords and tokens.
        """
        digest = digest_of(secret) if secret else None
        return [record for record in self._records("sighting") if digest in {None, record["secret"]}]

    def _records(self, what: str) -> list[dict[str, Any]]:
        ledger = self.folder / FILE
        text = ledger.read_bytes() if ledger.exists() else b""
        # What stands behind the last line's end is being written.
        lines = text[: text.rfind(b"\n") + 1].splitlines()
        return [record for record in map(json.loads, lines) if record["what"] == what]

    def _pull(self, lever: str, **arguments: Any) -> Any:
        if self._line is None:
            self._line = http.client.HTTPConnection("127.0.0.1", self._ports[2], timeout=_ANSWERS_WITHIN_S)
        self._line.request("POST", f"/{lever}", json.dumps(arguments))
        reply = self._line.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise ValueError(f"{lever}: {text.decode()}")
        return json.loads(text)


def _held_port() -> socket.socket:
    """A free port that nobody is given as long as this is open, though a server that is told of it may listen there.

    So it stays the server's while that one is down: another process that asks for any port gets another.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def _file(content: bytes | None, size_bytes: int, duration_s: float, facts: dict[str, Any]) -> dict[str, Any]:
    file: dict[str, Any] = {"size_bytes": size_bytes, "duration_s": duration_s}
    if content is not None:
        file["content"] = base64.b64encode(content).decode()
    if "mime_type" in facts:
        file["mime_type"] = facts.pop("mime_type")
    return file
