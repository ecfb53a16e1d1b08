"""A headless Chromium, asked over its DevTools protocol; on loopback alone, ended by its process id."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--remote-debugging-port=0",
)  # fmt: skip
_LISTENS = re.compile(r"DevTools listening on (ws://127\.0\.0\.1:\d+/\S+)\n")
_LIMIT_S = 120.0


def find() -> str | None:
    """The browser of this machine, None when there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def browsing(program: str) -> Iterator[Browser]:
    """Within the block, a browser with one page."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        # Root may start no sandbox.
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        # In a file: a pipe that nobody reads any more would stop a browser that complains a lot.
        said = Path(home) / "said"
        with said.open("wb") as stderr:
            process = subprocess.Popen(
                [program, *_OPTIONS, *sandbox, f"--user-data-dir={home}", "about:blank"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=os.environ | {"HOME": home},
            )
        try:
            address = _address(process, said)
            with connect(address, max_size=64 << 20, open_timeout=_LIMIT_S, ping_interval=None) as socket:
                yield Browser(socket)
        finally:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], said: Path) -> str:
    deadline_s = time.monotonic() + _LIMIT_S
    while (found := _LISTENS.search(said.read_text(errors="replace"))) is None:
        assert process.poll() is None, "the browser did not start"
        assert time.monotonic() < deadline_s, "the browser says nothing"
        time.sleep(0.05)
    return found[1]


class Browser:
    """One page of a browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self.events: list[dict[str, Any]] = []
        self._number = 0
        self._session: str | None = None
        self._socket = socket
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What the browser answers; what it tells meanwhile is kept in `events`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            told = json.loads(self._socket.recv(timeout=_LIMIT_S))
            if told.get("id") == self._number:
                assert "error" not in told, told["error"]
                return told["result"]
            self.events.append(told)

    def open(self, path: Path) -> None:
        """The page at `path` is loaded."""
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(json.loads(self._socket.recv(timeout=_LIMIT_S)))

    def value(self, expression: str) -> Any:
        """What `expression` comes to in the page; a promise is waited for."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def resize(self, width: int, height: int) -> None:
        """The page is shown in a window of that size."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, *, dark: bool = False, printed: bool = False) -> None:
        """The page is shown to somebody who likes it dark, or on paper."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", media="print" if printed else "", features=features)

    def press(self, key: str) -> None:
        """A key is pressed and let go."""
        code = {"Tab": 9, "ArrowRight": 39, "ArrowLeft": 37}[key]
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)
