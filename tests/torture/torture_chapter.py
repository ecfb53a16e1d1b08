"""A chapter at a look-alike of the backend, made by real `assetctl prefetch` processes, and what holds after it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from cli_harness import Ran, Tool

    from service.harness import Account, LookAlike

_CHOICES: Final = 4
_LONGEST_RUN_S: Final = 600.0
_OUTPUT: Final = "clips"
_JOB_S: Final = 0.1


@dataclass
class Chapter:
    """`items` clips of a player who has an account of their own; copies of them are wanted as well."""

    tool: Tool
    server: LookAlike
    account: Account
    items: int

    @classmethod
    def begun(cls, tool: Tool, server: LookAlike, items: int) -> Chapter:
        """One that nobody has worked on yet; the account may order as much as it likes."""
        chapter = cls(tool, server, server.user(max_daily_jobs=None), items)
        rows = [
            {"scene": f"scene_{number // _CHOICES}", "choice": f"choice_{number % _CHOICES}", "prompt": f"no {number}"}
            for number in range(items)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tool.work / "chapter.jsonl").write_text(text, encoding="utf-8")
        return chapter

    @property
    def variables(self) -> dict[str, str]:
        """What a process has to know."""
        return {
            "ASSETCTL_BACKEND__URL": self.server.url,
            "ASSETCTL_BACKEND__ORDERS_PER_MINUTE": "0",
            "ASSETCTL_TOKEN": self.account.token,
            "ASSETCTL_LIBRARY__KIND": "folder",
        }

    def start(self, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        """A run, begun."""
        command = ("prefetch", "chapter.jsonl", "--yes", "--output", _OUTPUT, *words)
        return self.tool.spawn(*command, env=self.variables | variables)

    def finish(self, process: subprocess.Popen[bytes]) -> Ran:
        """What a run came to; the token was said nowhere."""
        ran = self.tool.finish(process, within_s=_LONGEST_RUN_S)
        assert self.account.token not in ran.out + ran.err
        assert "Traceback" not in ran.err
        return ran

    def run(self, *words: str, **variables: str) -> Ran:
        """What a whole run came to."""
        return self.finish(self.start(*words, **variables))

    @property
    def last(self) -> str:
        """The prompt of the last clip."""
        return f"no {self.items - 1}"

    def hold(self, outcome: str, prompt: str = "", *, after: int = 0) -> None:
        """A run can't end until `let_go`: new jobs of `prompt`, but the first `after`, end with `hang` or `waits`."""
        self.server.script(match={"prompt": prompt}, outcomes=[outcome])
        if after:
            self.server.script(match={"prompt": prompt}, duration_s=_JOB_S, times=after)

    def let_go(self) -> None:
        """What was held is made, and new jobs take a moment."""
        self.server.clear_scripts()
        self.server.script(duration_s=_JOB_S)
        self.server.end_jobs()

    def log_in_again(self) -> None:
        """Later runs have another token."""
        self.account = replace(self.account, token=self.server.token(self.account))

    def charges(self) -> list[str]:
        """What was charged for, once for each time."""
        return [charge["prompt"] for charge in self.server.charges() if charge["user_id"] == self.account.id]

    def faults(self) -> dict[str, list[Any]]:
        """What is not as it must be once the chapter is made: empty lists, where all is well."""
        ran = self.run("--only", "all", "--json")
        *_, summary = lines = [json.loads(line) for line in ran.out.splitlines()]
        made = {asset["sha256"] for asset in self.server.assets()}
        # Hashed by the run, and hashed here once more: the copies too.
        copies = {hashlib.sha256(path.read_bytes()).hexdigest() for path in self._copies()}
        return {
            "not_here": [line for line in lines if line["event"] == "item" and line["outcome"] != "here"],
            "missing": list(range(summary["outcomes"]["here"], self.items)),
            "paid_twice": [prompt for prompt, count in Counter(self.charges()).items() if count > 1],
            "unpaid": list(range(len(self.charges()), self.items)),
            "copies_missing": list(range(len(copies), self.items)),
            "copies_of_nothing": sorted(copies - made),
            "orders_left_open": [order for order in self.tool.orders() if order["state"] not in ("closed", "refused")],
            "strays": [path for path in self._strays() if path.is_file()],
            "secrets_seen": self.server.sightings(),
        }

    def _copies(self) -> list[Path]:
        return [path for path in (self.tool.work / _OUTPUT).iterdir() if not path.name.startswith(".")]

    def _strays(self) -> list[Path]:
        return [path for path in self.tool.data.rglob("*") if path.parent.name in ("partial", "prefetch")]
