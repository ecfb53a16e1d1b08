"""T13: a server or a project that means harm: nothing raw on the terminal, nothing outside, no token abroad."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from torture_buyer import Wish
from torture_report import Report
from torture_scripts import CREATE, FILE, PROVIDERS, SEARCH, STATUS

from assetctl.text import file_name
from service import faults
from service.harness import LookAlike

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from cli_harness import MAIN, Tool, is_clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli_harness import Ran

    from service.harness import Account

_EXTRA_MB = 64
HOSTILE = {
    "escape codes": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "C1": "\x9b31m\x90payload\x9c",
    "bidi": "\u202egnp.exe\u2066x\u200f",
    "markup": "[bold red]x[/] [/nothing] [link=http://x]y[/link]",
    "NUL": "a\x00b",
    "lines": "one\r\ntwo\n\x0b\x0cthree\u2028four",
    "64 KB": "x" * 65_000 + "\x1b[2J",
    "separators": "../../etc/passwd\\..\\x",
}


@pytest.fixture(scope="module")
def server() -> Iterator[LookAlike]:
    with LookAlike(create_limit=None) as server:
        yield server


_names = iter(f"person_{number}" for number in range(10_000))


@pytest.fixture
def account(server: LookAlike) -> Iterator[Account]:
    yield server.user(next(_names))
    server.clear_faults()
    server.clear_scripts()


@pytest.fixture
def tool(
    server: LookAlike, account: Account, clean_environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tool]:
    """The command line of somebody with a token for the server."""
    monkeypatch.setenv("ASSETCTL_BACKEND__URL", server.url)
    monkeypatch.setenv("ASSETCTL_TOKEN", account.token)
    made = Tool(home=clean_environment, work=tmp_path / "work", data=tmp_path / "data")
    yield made
    made.close()


def is_fit(ran: Ran, token: str) -> bool:
    """Whether nothing that was printed steers a terminal or gives the token away."""
    said = ran.out + ran.err
    return is_clean(said) and not set(said) & set("\r\x0b\x0c\u2028\x90\x9c") and token not in said


def asked(scene: str, *words: str) -> tuple[str, ...]:
    return ("request", "--scene", scene, "--prompt", "p", "--no-placeholder", "--max-wait", "20s", *words)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_of_a_server_reaches_no_terminal(server: LookAlike, account: Account, tool: Tool, kind: str):
    text = HOSTILE[kind]
    told = {"status": 422, "body": json.dumps({"code": "validation_error", "message": text + "\ud800"})}
    problems: list[str] = []
    printed = 0

    def check(place: str, *words: str, codes: tuple[int, ...]) -> None:
        nonlocal printed
        for options in ((), ("--json",)):
            ran = tool(*words, *options)
            printed += 1
            if ran.code not in codes or not is_fit(ran, account.token):
                problems.append(f"{place} {options}: {ran.code}, {ran.err[-300:]!r}")

    with Report("T13") as report:
        for route, codes in ((SEARCH, (1, 2)), (PROVIDERS, (1, 2)), (CREATE, (1,))):
            server.fault(route, told, times=None)
            check(route, *asked("refused"), codes=codes)
            server.clear_faults()
        server.script(outcomes=["failed:content_prompt_rejected"], error_message=text)
        check("failed job", *asked("failed"), codes=(1,))
        server.script(outcomes=["paused"], error_message=text)
        check("paused job", *asked("paused"), codes=(4,))
        check("list of jobs", "jobs", "ls", codes=(0,))
        server.script(outcomes=["waits"], wait_reason=text)
        check("waiting job", *asked("waiting", "--max-wait", "0s", "--progress", "lines"), codes=(4,))
        words = {"prompt": text, "description": text, "model": text, "provider_id": text, "mime_type": text}
        own = server.add_asset(account, "audio", tags=("scene:park",), overrides=words)["id"]
        check("asset", "get", str(own), codes=(0, 1, 8))
        check("near asset", "explain", "--scene", "park", "--choice", "wait", "--type", "audio", codes=(0,))
        status = {"status": 200, "body": json.dumps({"id": 1, "status": text, "operation_type": text})}
        server.clear_scripts()
        server.fault(STATUS, status, times=None)
        check("word for a job", *asked("word", "--max-wait", "0s", "--progress", "lines"), codes=(1, 4))
        report.tell(part="text", kind=kind, printed=printed)
        report.all_zero(problems=problems, sightings=server.sightings(account.token))


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals as here are POSIX")
def test_hostile_text_does_not_leave_its_line_on_a_real_terminal(server: LookAlike, tool: Tool):
    import pty  # noqa: PLC0415 - exists on Unix alone

    server.script(
        outcomes=["failed:content_prompt_rejected"], error_message="\x1b[2J\x1b[H" + "".join(HOSTILE.values())[:900]
    )
    own, other = pty.openpty()
    environment = {**tool.environment(), "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [*MAIN, *asked("terminal")], cwd=tool.work, env=environment, stdin=other, stdout=other, stderr=other
    )
    os.close(other)
    seen = b""
    with suppress(OSError):
        while piece := os.read(own, 4096):
            seen += piece
    os.close(own)
    with Report("T13") as report:
        report.tell(part="terminal", exit_code=process.wait(60), bytes=len(seen))
        assert process.returncode == 1
        assert b"[bold red]x" in seen or b"\\x1b" in seen
        bad = [
            code for code in (b"\x1b[2J", b"\x1b]0;", b"\x9b31m", b"\x00", b"\x07", "\u202e".encode()) if code in seen
        ]
        report.all_zero(raw=bad)


ADDRESSES = {
    "file": "file:///etc/passwd",
    "ftp": "ftp://127.0.0.1/x.wav",
    "data": "data:audio/wav;base64,AAAA",
    "script": "javascript:alert(1)",
    "metadata service": "http://169.254.169.254/latest/meta-data",
    "plain http abroad": "http://example.com/x.wav",
}


def test_hostile_addresses_are_not_gone_to(server: LookAlike, account: Account, tool: Tool):
    problems: list[str] = []
    with Report("T13") as report:
        for name, address in ADDRESSES.items():
            links = {"file_url": address, "remote_url": address, "stored_key": None, "sha256": None}
            own = server.add_asset(account, "audio", overrides=links)["id"]
            ran = tool("get", str(own), "--output", str(tool.work / "out.wav"), "--json")
            if ran.code not in (1, 7, 9) or not is_fit(ran, account.token) or (tool.work / "out.wav").exists():
                problems.append(f"{name}: {ran.code} {ran.out}{ran.err}")
            stored = server.add_asset(account, "audio")["id"]
            server.fault(FILE, faults.moved(address.replace("\x1b", "%1b")), times=None)
            ran = tool("get", str(stored), "--output", str(tool.work / "out.wav"), "--json")
            server.clear_faults()
            if ran.code not in (1, 9) or not is_fit(ran, account.token) or (tool.work / "out.wav").exists():
                problems.append(f"redirect to {name}: {ran.code} {ran.out}{ran.err}")
        elsewhere = server.add_asset(account, "audio", placed="archived")["id"]
        ran = tool("get", str(elsewhere), "--json")
        assert ran.code == 0, ran.err
        report.tell(part="addresses", addresses=len(ADDRESSES) * 2, left_the_house=1)
        report.all_zero(problems=problems, sightings=server.sightings())


LABELS = [
    "..", ".", "../../x", "/etc/passwd", "C:\\x", "con", "NUL.txt", "aux", "com1", "-rf", ".hidden", "a/b", "a\x00b",
    "\u202egnp", "\x1b[2J", "x" * 5000, "é" * 300, "a\nb", " ", "", "...", "a ", "a.", "~", "$HOME", "`id`", "\ud800",
]  # fmt: skip


def test_hostile_names_stay_in_their_folder(tmp_path: Path):
    folder = tmp_path / "out"
    folder.mkdir()
    problems = []
    with Report("T13") as report:
        for label in (*LABELS, *(a + b for a in LABELS[:12] for b in LABELS[:16])):
            name = file_name(label, ".mp4")
            path = folder / name
            path.write_bytes(b"x")
            if path.resolve().parent != folder.resolve() or len(name.encode()) > 120 or name[0] in ".-":
                problems.append(label)
        report.tell(part="names", names=len(LABELS) + 12 * 16)
        report.all_zero(
            problems=problems, outside=[each for each in tmp_path.iterdir() if each.name not in ("out", "home", "work")]
        )


SETTINGS = {
    "data_dir": "data_dir = 'elsewhere'\n",
    "backend.url": "[backend]\nurl = '{url}'\n",
    "backend.token": "[backend]\ntoken = 'theirs'\n",
    "backend.ca_file": "[backend]\nca_file = 'theirs.pem'\n",
    "cache.shared": "[cache]\nshared = '/srv/theirs'\n",
}


def test_project_file_of_a_stranger_gets_no_token_and_moves_no_data(
    server: LookAlike, account: Account, tool: Tool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("ASSETCTL_BACKEND__URL")
    problems = []
    with Report("T13") as report:
        before = len(server.requests())
        for name, text in SETTINGS.items():
            tool.settings(text.replace("{url}", server.url)).chmod(0o600)
            for words in (asked("stolen"), ("get", "1"), ("auth", "status"), ("jobs", "ls")):
                ran = tool(*words)
                if ran.code != 2 or "config trust" not in ran.err or not is_fit(ran, account.token):
                    problems.append(f"{name} {words[0]}: {ran.code} {ran.err}")
        report.tell(part="project files", tried=len(SETTINGS) * 4)
        report.all_zero(
            problems=problems, requests=len(server.requests()) - before, moved=int((tool.work / "elsewhere").exists())
        )


SECRETIVE: dict[str, tuple[str, dict[str, Any]]] = {
    f"{stage} {name}": (route, fault)
    for stage, route in (
        ("search", SEARCH),
        ("providers", PROVIDERS),
        ("order", CREATE),
        ("job", STATUS),
        ("file", FILE),
    )
    for name, fault in {
        "401": faults.answers(401, "bad TOKEN", code="unauthorized"),
        "403": faults.answers(403, "no TOKEN", code="forbidden"),
        "422": faults.answers(422, "TOKEN is wrong", code="validation_error"),
        "page": faults.text("<html>Bearer TOKEN</html>"),
        "away": faults.moved("https://127.0.0.1:1/?token=TOKEN"),
        "headers": faults.wrong_type("text/html; TOKEN"),
        "zipped": faults.zipped(),
    }.items()
}


@pytest.mark.parametrize("verbosity", [("-q",), ("--debug", "-v")], ids=" ".join)
def test_token_is_shown_in_no_failure_of_a_request(
    server: LookAlike, account: Account, tool: Tool, verbosity: tuple[str, ...]
):
    problems, failed = [], 0
    with Report("T13") as report:
        for number, (name, (route, fault)) in enumerate(SECRETIVE.items()):
            server.fault(route, json.loads(json.dumps(fault).replace("TOKEN", account.token)), times=None)
            ran = tool(*verbosity, *asked(f"secret_{number}"))
            failed += ran.code != 0
            server.clear_faults()
            written = any(
                account.token.encode() in path.read_bytes() for path in tool.data.rglob("*") if path.is_file()
            )
            if account.token in ran.out + ran.err or written:
                problems.append(name)
        report.tell(part="sentinel", verbosity=" ".join(verbosity), failures=failed)
        report.all_zero(problems=problems, sightings=server.sightings(account.token))
        assert failed > 25


BOMBS = {
    "100 MB of JSON": (STATUS, faults.big_json()),
    "deep JSON": (CREATE, faults.deep_json(1_000_000)),
    "zipped twice": (SEARCH, faults.bomb()),
    "100 MB instead of a file": (FILE, faults.big_json()),
    "zipped file": (FILE, faults.bomb()),
}
_PROGRAM = (
    "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__');"
    "print([l for l in open('/proc/self/status') if l.startswith('VmHWM')][0].split()[1])"
)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from Linux")
def test_bombs_at_any_stage_cost_little_memory(server: LookAlike, account: Account, quick_folder: Path):
    here = Path(__file__).parent

    def peak_mb(name: str) -> tuple[str, int]:
        (quick_folder / name).mkdir()
        wish = Wish(str(quick_folder / name), server.url, account.token, name.replace(" ", "_"), max_wait_s=5.0)
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(here / "torture_buyer.py"), wish.text],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])},
            capture_output=True, text=True, timeout=240, check=True,
        )  # fmt: skip
        told, peak = done.stdout.splitlines()
        return json.loads(told)["code"], int(peak) // 1024

    with Report("T13") as report:
        _, usual = peak_mb("nothing")
        extra: dict[str, int] = {}
        for name, (route, fault) in BOMBS.items():
            server.fault(route, fault, times=None)
            code, peak = peak_mb(name)
            server.clear_faults()
            assert code != "delivered", name
            extra[name] = peak - usual
        report.tell(part="bombs", usual_mb=usual, extra_mb=extra)
        report.all_zero(too_much=[name for name, more in extra.items() if more > _EXTRA_MB])
