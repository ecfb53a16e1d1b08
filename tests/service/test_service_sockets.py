"""The event sockets: open to all, telling everything, repeating nothing."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from typing import TYPE_CHECKING, Any, Self

import pytest

from service import faults
from service.orders import ended, order, wait_for

if TYPE_CHECKING:
    import httpx

    from service.harness import Account, LookAlike


class Listener:
    """One client of a socket, by hand."""

    def __init__(self, server: LookAlike, path: str = "/api/v1/ws/generations") -> None:
        host, port = server.url.removeprefix("http://").split(":")
        self._line = socket.create_connection((host, int(port)), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self._line.sendall(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self._file = self._line.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        while self._file.readline().strip():
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._line.close()

    def send(self, payload: bytes, kind: int = 1) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        self._line.sendall(struct.pack(">BB", 0x80 | kind, 0x80 | len(payload)) + mask + masked)

    def frame(self) -> tuple[int, bytes]:
        first, size = self._file.read(2)
        if size == 126:
            size = int.from_bytes(self._file.read(2), "big")
        elif size == 127:
            size = int.from_bytes(self._file.read(8), "big")
        return first & 15, self._file.read(size)

    def message(self) -> Any:
        text = self.frame()[1].decode()
        return json.loads(text) if text.startswith("{") else text

    def until(self, kind: str, job_id: int) -> list[dict[str, Any]]:
        """All messages of a job up to the first of this kind."""
        heard: list[dict[str, Any]] = []
        while not heard or heard[-1]["type"] != kind:
            message = self.message()
            about = message.get("data") or {}
            if about.get("generation_id") == job_id:
                heard.append(message)
        return heard


@pytest.mark.parametrize(
    ("name", "greeting"),
    [
        ("generations", "Connected to generation updates"),
        ("events?token=whatever", "Connected to event stream"),
        ("jobs", "Connected to jobs feed"),
    ],
)
def test_anyone_is_greeted(server: LookAlike, name: str, greeting: str):
    with Listener(server, f"/api/v1/ws/{name}") as listener:
        assert listener.status == 101
        assert listener.message() == {
            "type": "connected",
            **dict.fromkeys(("payload", "data", "error")),
            "message": greeting,
            "user_id": 1,
        }


def test_path_without_prefix_is_refused(server: LookAlike):
    with Listener(server, "/ws/generations") as listener:
        assert listener.status == 403


def test_a_fault_strikes_a_handshake_like_any_request(server: LookAlike):
    server.fault("GET /api/v1/ws/*", faults.answers(503))
    for status in (503, 101):
        with Listener(server) as listener:
            assert listener.status == status


def test_ping_as_text_is_answered_as_text_and_the_rest_ignored(server: LookAlike):
    # What jobs of other tests come to is not told in between.
    server.configure(sockets_speak=False)
    with Listener(server) as listener:
        listener.message()
        listener.send(b'{"type":"subscribe"}')
        listener.send(b"ping")
        assert listener.message() == "pong"
        listener.send(b"here?", kind=9)
        assert listener.frame() == (10, b"here?")
        listener.send(struct.pack(">H", 1000), kind=8)
        assert listener.frame() == (8, struct.pack(">H", 1000))


def test_job_is_told_to_strangers_without_progress_or_asset_address(
    api: httpx.Client, server: LookAlike, user: Account
):
    with Listener(server) as listener:
        job = api.post("/api/v1/generations", json=order(force_new=True, prompt="for all ears")).json()
        heard = listener.until("job:completed", job["id"])

    assert [message["type"] for message in heard] == ["job:created", "job:started", "asset:created", "job:completed"]
    created, started, asset, completed = heard
    assert (created["status"], created["data"]["params"]["prompt"]) == (None, "for all ears")
    assert started["data"] == {
        "job_id": job["id"],
        "generation_id": job["id"],
        "status": "processing",
        "user_id": user.id,
    }
    assert set(completed["data"]) == {"job_id", "generation_id", "user_id", "status"}
    assert asset["data"]["asset_id"] == asset["asset_id"]


def test_failure_is_told_and_the_return_to_pending_is_not(api: httpx.Client, server: LookAlike):
    server.script(outcomes=["failed:content_filtered", "completed"])
    with Listener(server) as listener:
        job = api.post("/api/v1/generations", json=order(force_new=True)).json()
        heard = listener.until("job:completed", job["id"])

    kinds = [message["type"] for message in heard]
    assert kinds == ["job:created", "job:started", "job:failed", "job:started", "asset:created", "job:completed"]
    assert (heard[2]["data"]["error_code"], heard[2]["status"]) == ("content_filtered", "failed")


def test_ingestion_is_told(api: httpx.Client, server: LookAlike):
    server.script(derive_s=0.01)
    with Listener(server) as listener:
        job = api.post("/api/v1/generations", json=order(force_new=True)).json()
        heard: list[str] = []
        while len(heard) < 2:
            about = listener.message().get("data") or {}
            if about.get("source_generation_id") == job["id"]:
                heard.append(about["reason"])

    assert heard == ["ingestion_completed", "derivatives_completed"]


def test_socket_may_be_silent_dropped_refused_or_fed_by_hand(api: httpx.Client, server: LookAlike):
    server.configure(sockets_speak=False)
    with Listener(server) as listener:
        listener.message()
        ended(api, api.post("/api/v1/generations", json=order(force_new=True)).json()["id"])
        wait_for(lambda: server.say({"type": "unheard_of"}))
        server.say("x" * 70_000)

        assert listener.message() == {"type": "unheard_of"}
        assert len(listener.message()) == 70_000
        assert server.drop_sockets() >= 1
        with pytest.raises((ConnectionError, ValueError)):
            listener.frame()
    server.configure(sockets_open=False)
    with Listener(server) as refused:
        assert refused.status == 403
    assert wait_for(lambda: server.sockets() == 0)
