"""Ways to run the command line: in this process, as a process, and on a terminal.

Nothing here sleeps for a fixed time: what has to happen first is waited for, under a deadline.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
import wave
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from assetctl.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PLUGIN = Path(__file__).parent / "plugin"
#: Nothing takes so long; a busy machine may need most of a minute for a dozen processes at once.
DEADLINE_S = 200.0
#: How long a process may take to leave after a signal. Promised are 2 s (C8), and the torture tests tell the figure; on
#: a loaded machine more is no fault of ours, and what is waited for in these tests lasts much longer.
LEAVES_WITHIN_S = 45.0
MAIN = (sys.executable, "-m", "assetctl.cli.main")
#: The cheapest request that is really made: half a second of audio at a generator without a process of its own.
INSTANT = ("request", "--scene", "park", "--type", "audio", "--generator", "instant")


@dataclass(frozen=True)
class Ran:
    """What one run came to."""

    code: int
    out: str
    err: str
    raw: bytes = b""

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        return json.loads(self.err.splitlines()[-1])

    @property
    def path(self) -> Path:
        (line,) = self.out.splitlines()
        return Path(line)


@dataclass
class Tool:
    """The command line with its data in `data`, its working directory in `work` and its home in `home`."""

    home: Path
    work: Path
    data: Path
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __call__(self, *words: str, stdin: str | bytes | None = None, env: Mapping[str, str] | None = None) -> Ran:
        """Run in this process."""
        result = CliRunner().invoke(app, ["--data-dir", str(self.data), *words], input=stdin, env=env)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr, result.stdout_bytes)

    def environment(self, extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """What a process gets: `extra` over the rest; None takes a variable away."""
        variables: dict[str, str | None] = {
            **os.environ,
            "PYTHONPATH": str(PLUGIN),
            "ASSETCTL_DATA_DIR": str(self.data),
            "PYTHONWARNINGS": "error",
            # Some of these may write a few bytes at most: a cut byte-code file would spoil every later process.
            "PYTHONDONTWRITEBYTECODE": "1",
            **(extra or {}),
        }
        return {name: value for name, value in variables.items() if value is not None}

    def process(
        self, *words: str, stdin: bytes | None = None, env: Mapping[str, str | None] | None = None, **extra: Any
    ) -> Ran:
        """Run as a process, to its end."""
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **extra}
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        done = subprocess.run(
            [*MAIN, *words],
            cwd=self.work,
            env=self.environment(env),
            timeout=DEADLINE_S,
            check=False,
            **given,
            **options,
        )
        out, err = done.stdout or b"", done.stderr or b""
        return Ran(done.returncode, out.decode(errors="replace"), err.decode(errors="replace"), out)

    def spawn(self, *words: str, env: Mapping[str, str] | None = None, **extra: Any) -> subprocess.Popen[bytes]:
        """Start a process that is killed at the end of the test, if it still runs then."""
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            **extra,
        }
        process = subprocess.Popen([*MAIN, *words], cwd=self.work, env=self.environment(env), **options)
        self._processes.append(process)
        return process

    def finish(self, process: subprocess.Popen[bytes], *, within_s: float = DEADLINE_S) -> Ran:
        out, err = (said or b"" for said in process.communicate(timeout=within_s))
        return Ran(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"), out)

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def orders(self) -> list[dict[str, Any]]:
        """The rows of the journal, oldest first."""
        path = self.data / "journal.sqlite3"
        if not path.exists():
            return []
        # Whoever writes it at that moment is waited for.
        with closing(sqlite3.connect(path, timeout=DEADLINE_S)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM orders ORDER BY created_at, rowid")]

    def alter(self, statement: str) -> None:
        """The journal is changed as no command would."""
        with closing(sqlite3.connect(self.data / "journal.sqlite3", timeout=DEADLINE_S)) as connection:
            connection.execute(statement)
            connection.commit()

    def calls(self, what: str | None = None) -> list[str]:
        """What the scripted generators were called for, in order."""
        path = self.data / "scripted" / "calls"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        words = [line.split()[0] for line in lines]
        return words if what is None else [word for word in words if word == what]

    def release(self) -> None:
        """The slow generator's jobs are done."""
        self.say("release", "")

    def say(self, name: str, text: str) -> None:
        """The file `name` that the slow generator looks at holds `text`."""
        folder = self.data / "scripted"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # In one step: the generator may read it at any moment.
        (folder / f"{name}.new").write_text(text, encoding="utf-8")
        (folder / f"{name}.new").replace(folder / name)

    def keys(self, *words: str) -> list[str]:
        """The keys that `cache ls` lists, asked with these words."""
        return self("cache", "ls", "-q", *words).out.split()

    def put_sound(self, name: str, sidecar: str | None = None, *, folder: str = "assets") -> Path:
        """A playable sound lies in the library as `name`."""
        path = self.work / folder / name
        write_sound(path)
        if sidecar is not None:
            path.with_name(path.name + ".toml").write_text(sidecar, encoding="utf-8")
        return path

    def settings(self, text: str) -> Path:
        """A project file with this `text` is in effect."""
        path = self.work / "assetctl.toml"
        path.write_text(text, encoding="utf-8")
        return path


def write_sound(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(os.urandom(4000))


def wait_until(condition: Callable[[], object], *, within_s: float = DEADLINE_S) -> None:
    """Return when `condition` holds; fail when it doesn't in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.01)


def is_clean(text: str) -> bool:
    """Whether nothing in `text` could steer a terminal."""
    return not any(character in text for character in "\x1b\x9b\x07\x00\u202e\u2066\u200f")
