"""Faults: each one as a client meets it, and whether the deed was done."""

from __future__ import annotations

import gzip
import json
import socket
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from service import faults, orders
from service.orders import order, wait_for

if TYPE_CHECKING:
    from service.harness import Account, LookAlike

CREATE = "POST /api/v1/generations"
READY = "GET /ready"


def jobs_of(server: LookAlike, user: Account) -> list[dict[str, Any]]:
    return [job for job in server.jobs() if job["user"]["id"] == user.id]


@pytest.mark.parametrize(
    ("spec", "lost"),
    [
        (faults.lost_before(), (httpx.RemoteProtocolError, 0)),
        (faults.lost_after(), (httpx.RemoteProtocolError, 1)),
        (faults.reset("before"), (httpx.ReadError, 0)),
        (faults.reset("after"), (httpx.ReadError, 1)),
        (faults.cut_head(), (httpx.RemoteProtocolError, 1)),
        (faults.cut_off(10), (httpx.RemoteProtocolError, 1)),
        (faults.cut_off(10, end="reset"), (httpx.ReadError, 1)),
        (faults.wrong_length(5), (httpx.RemoteProtocolError, 1)),
    ],
)
def test_answer_is_lost_before_or_after_the_deed(
    api: httpx.Client, server: LookAlike, user: Account, spec: dict[str, Any], lost: tuple[type[Exception], int]
):
    error, done = lost
    server.fault(CREATE, spec)

    with pytest.raises(error):
        api.post("/api/v1/generations", json=order(scene=f"lost {spec}"))

    assert wait_for(lambda: len(jobs_of(server, user)) == done)
    assert api.post("/api/v1/generations", json=order(scene="well")).status_code == 201


@pytest.mark.parametrize(("when", "done"), [("before", 0), ("after", 1)])
def test_answer_never_comes_before_or_after_the_deed(
    api: httpx.Client, server: LookAlike, user: Account, when: str, done: int
):
    server.fault(CREATE, faults.silence(when))

    with pytest.raises(httpx.ReadTimeout):
        api.post("/api/v1/generations", json=order(scene=f"silent {when}"), timeout=httpx.Timeout(60, read=0.5))

    assert wait_for(lambda: len(jobs_of(server, user)) == done)
    assert api.post("/api/v1/generations", json=order(scene="well")).status_code == 201


def test_lost_order_may_be_made_only_a_while_later(api: httpx.Client, server: LookAlike, user: Account):
    server.fault(CREATE, faults.lost_while(0.3))

    with pytest.raises(httpx.RemoteProtocolError):
        api.post("/api/v1/generations", json=order(scene="while"))

    (job,) = wait_for(lambda: jobs_of(server, user))
    lost_at = server.requests(CREATE)[-1]["at"]
    assert datetime.fromisoformat(job["created_at"]).timestamp() - lost_at >= 0.25


def test_error_may_stand_in_the_place_of_the_deed_or_of_its_answer(api: httpx.Client, server: LookAlike, user: Account):
    server.fault(CREATE, faults.answers(502, when="before"), times=2)
    server.fault(CREATE, faults.answers(504, when="after"))

    statuses = [api.post("/api/v1/generations", json=order(scene="5xx")).status_code for _ in range(3)]

    assert statuses == [502, 502, 504]
    assert len(jobs_of(server, user)) == 1


def test_fault_may_wait_for_its_turn_and_last_for_ever(api: httpx.Client, server: LookAlike):
    server.fault(READY, faults.answers(401, "no", code="unauthorized"), skip=1, times=None)

    assert [api.get("/ready").status_code for _ in range(3)] == [200, 401, 401]
    assert server.clear_faults() == 1
    assert api.get("/ready").status_code == 200


def test_connection_may_end_before_anything_is_said(server: LookAlike):
    server.fault("connect", faults.reset())

    with pytest.raises(httpx.TransportError):
        orders.get(server.url + "/ready")
    assert orders.get(server.url + "/ready").status_code == 200


def test_slow_answer_comes(api: httpx.Client, server: LookAlike):
    server.fault(READY, faults.slow(0.2))
    began = time.monotonic()

    assert api.get("/ready").status_code == 200
    assert time.monotonic() - began >= 0.2


def test_drip_brings_everything_in_the_end(api: httpx.Client, server: LookAlike):
    server.fault(READY, faults.drip(20, 0.05))
    began = time.monotonic()

    assert api.get("/ready").json()["status"] == "ready"
    assert time.monotonic() - began >= 0.2


def test_body_without_length_passes_as_whole_though_it_is_cut(api: httpx.Client, server: LookAlike):
    server.fault(READY, faults.cut_off(10, framing="close"))

    answer = api.get("/ready")

    assert (len(answer.content), "content-length" in answer.headers) == (10, False)


def test_chunked_body_that_breaks_off_is_noticed(api: httpx.Client, server: LookAlike):
    server.fault(READY, faults.cut_off(10, framing="chunked"))

    with pytest.raises(httpx.RemoteProtocolError):
        api.get("/ready")


def test_shorter_length_cuts_a_file(api: httpx.Client, server: LookAlike, user: Account):
    asset = server.add_asset(user)
    server.fault("GET /api/v1/media/*", faults.wrong_length(-8))

    assert len(api.get(asset["file_url"]).content) == asset["file_size_bytes"] - 8


def test_file_may_come_with_the_wrong_type_damaged_zipped_or_whole(api: httpx.Client, server: LookAlike, user: Account):
    asset = server.add_asset(user)
    media = "GET /api/v1/media/*"
    good = api.get(asset["file_url"]).content
    for spec in (
        faults.wrong_type("text/html"),
        faults.damaged(),
        faults.zipped(),
        faults.without_ranges(),
        faults.with_headers({"etag": None}),
    ):
        server.fault(media, spec)

    wrong, damaged, zipped, whole, untagged = (
        api.get(asset["file_url"], headers={"range": "bytes=0-9"} if at == 3 else {}) for at in range(5)
    )

    assert wrong.headers["content-type"] == "text/html"
    assert (len(damaged.content), damaged.content != good) == (len(good), True)
    assert (zipped.headers["content-encoding"], zipped.content == good) == ("gzip", True)
    assert (whole.status_code, whole.content == good) == (200, True)
    assert "etag" not in untagged.headers


def test_answers_that_are_no_json_too_deep_or_too_big(api: httpx.Client, server: LookAlike):
    for spec in (faults.text("<html>"), faults.deep_json(100_000), faults.big_json(2_000_000), faults.bomb(1_000_000)):
        server.fault(READY, spec)

    text, deep, big = (api.get("/ready") for _ in range(3))
    with api.stream("GET", "/ready") as packed:
        raw = b"".join(packed.iter_raw())

    assert (text.headers["content-type"], text.text) == ("text/html", "<html>")
    with pytest.raises(RecursionError):
        json.loads(deep.content)
    assert (len(big.content), list(big.json())) == (2_000_000, ["assets"])
    assert len(raw) < 1000
    assert len(gzip.decompress(gzip.decompress(raw))) == 1_000_000


def test_link_may_expire_and_address_may_move(api: httpx.Client, server: LookAlike, user: Account):
    asset = server.add_asset(user, placed="remote")
    server.fault("vendor GET /out/*", faults.expired(410))
    server.fault(READY, faults.moved("http://127.0.0.1:1/elsewhere"))

    assert orders.get(asset["file_url"]).status_code == 410
    assert api.get("/ready").headers["location"] == "http://127.0.0.1:1/elsewhere"


def test_lost_request_is_counted_without_a_status(api: httpx.Client, server: LookAlike):
    server.fault("GET /health", faults.lost_before())

    with pytest.raises(httpx.RemoteProtocolError):
        api.get("/health")
    api.get("/health")

    assert [request["status"] for request in server.requests("GET /health")][-2:] == [0, 200]


def test_what_is_no_http_ends_the_connection(server: LookAlike):
    host, port = server.url.removeprefix("http://").split(":")
    for nonsense in (b"hello\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=60) as line:
            line.sendall(nonsense)
            assert line.recv(100) == b""
    assert orders.get(server.url + "/ready").status_code == 200


def test_client_that_leaves_in_mid_file_harms_nobody(server: LookAlike, user: Account):
    asset = server.add_asset(user, size_bytes=20_000_000)
    host, port = server.url.removeprefix("http://").split(":")
    head = f"GET {asset['file_url']} HTTP/1.1\r\nauthorization: Bearer {user.token}\r\n\r\n".encode()
    for _ in range(5):
        with socket.create_connection((host, int(port)), timeout=60) as line:
            line.sendall(head)
            assert line.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")

    assert orders.get(server.url + "/ready").status_code == 200


def test_chunked_and_expected_bodies_are_read(api: httpx.Client):
    body = json.dumps(order(scene="chunked")).encode()

    chunked = api.post("/api/v1/generations", content=iter([body[:20], body[20:]]))
    expected = api.post("/api/v1/generations", content=body, headers={"expect": "100-continue"})

    assert (chunked.status_code, expected.status_code) == (201, 201)


def test_misspelt_lever_is_an_error(server: LookAlike):
    with pytest.raises(ValueError, match="TypeError"):
        server.fault(READY, {"whn": "before"})
    with pytest.raises(ValueError, match="TypeError"):
        server.script(durations_s=1)
