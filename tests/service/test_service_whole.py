"""The look-alike from end to end: a job's way to its file, what is counted, what outlives a kill."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from service import faults, orders
from service.harness import LookAlike
from service.orders import ended, order, stored

if TYPE_CHECKING:
    from service.harness import Account


def test_job_ends_as_a_file_whose_bytes_are_those_it_says(api: httpx.Client):
    job = api.post("/api/v1/generations", json=order(force_new=True)).json()

    asset = stored(api, job["id"])
    file = api.get(asset["file_url"])

    assert job["status"] == "pending"
    assert (file.status_code, file.headers["content-type"]) == (200, "video/mp4")
    assert hashlib.sha256(file.content).hexdigest() == asset["sha256"]
    assert len(file.content) == asset["file_size_bytes"]


def test_each_started_job_is_one_charge_that_names_its_nonce(api: httpx.Client, server: LookAlike, user: Account):
    for scene in ("nonce-1", "nonce-2"):
        ended(api, api.post("/api/v1/generations", json=order(scene=scene)).json()["id"])

    assert [charge["nonce"] for charge in server.charges() if charge["user_id"] == user.id] == ["nonce-1", "nonce-2"]


def test_killed_server_comes_back_on_its_port_with_all_it_knew():
    with LookAlike() as server:
        user = server.user()
        server.script(match={"scene": "long"}, outcomes=["hang"])
        server.fault("GET /ready", faults.answers(503))
        with httpx.Client(verify=False, base_url=server.url, headers={"authorization": f"Bearer {user.token}"}) as api:
            long = ended(api, api.post("/api/v1/generations", json=order(scene="long")).json()["id"], "processing")
            gone = server.add_asset(user)["id"]
            api.delete(f"/api/v1/assets/{gone}")
            tags = server.add_asset(user, tags=["scene:kept"])["tags"]
            short = api.post("/api/v1/generations", json=order(scene="short")).json()
            server.restart()

            assert api.get(f"/api/v1/generations/{long['id']}").json() == long
            assert api.get(f"/api/v1/assets/{gone}").status_code == 404
            assert api.get(f"/api/v1/assets/{gone + 1}").json()["tags"] == tags
            assert stored(api, short["id"])["source_generation_id"] == short["id"]
            assert api.post("/api/v1/generations", json=order(scene="short")).json()["id"] == short["id"]
            assert [charge["nonce"] for charge in server.charges()] == ["long", "short"]
            assert [api.get("/ready").status_code for _ in range(2)] == [503, 200]


def test_server_ends_with_its_harness():
    with LookAlike() as server:
        pid = server.pid
        url = server.url

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(httpx.ConnectError):
        orders.get(url)


def test_server_by_hand_says_where_it_is():
    program = [sys.executable, "-m", "tests.service", "--user", "me:a secret word", "--until-stdin-ends"]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(program, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = json.loads(process.stdout.readline())
        headers = {"authorization": f"Bearer {said['token']}"}
        me = orders.get(said["url"] + "/api/v1/users/me", headers=headers).json()
        process.communicate(timeout=30)
    shutil.rmtree(said["folder"])

    assert me["username"] == "me"
    assert process.returncode == 0


def test_token_is_seen_where_it_should_not_be(api: httpx.Client, server: LookAlike, user: Account):
    asset = server.add_asset(user, placed="remote")

    api.get("/health", params={"token": user.token})
    refused = api.get(asset["file_url"])
    orders.get(asset["file_url"]).raise_for_status()

    places = [(sighting["host"], sighting["place"]) for sighting in server.sightings(user.token)]
    assert places == [("api", "url"), ("vendor", "header authorization")]
    assert refused.status_code == 400


def test_requests_are_counted_by_route_and_in_tenths_of_a_second(api: httpx.Client, server: LookAlike):
    before = len(server.requests("GET /ready"))

    for _ in range(3):
        api.get("/ready")

    assert len(server.requests("GET /ready")) == before + 3
    assert 1 <= server.peak_per_100ms("GET /ready") <= before + 3


def test_secret_is_seen_in_a_body_and_in_any_other_header(api: httpx.Client, server: LookAlike, user: Account):
    server.watch("sentinel-4711")

    api.post("/api/v1/assets/search", json={"q": user.token})
    api.post("/api/v1/auth/introspect", json={"token": user.token})
    api.get("/ready", headers={"x-api-key": "sentinel-4711"})

    assert [sighting["place"] for sighting in server.sightings(user.token)] == ["body"]
    assert [sighting["place"] for sighting in server.sightings("sentinel-4711")] == ["header x-api-key"]


def test_levers_of_many_assets_and_of_the_past(api: httpx.Client, server: LookAlike, user: Account):
    numbers = server.add_assets(user, 3, "image", size_bytes=5_000)
    old = server.add_asset(user, created_at="2020-01-01T00:00:00+00:00", content=b"no media", mime_type="video/webm")

    assets = {asset["id"]: asset for asset in server.assets()}
    assert len({assets[number]["sha256"] for number in numbers}) == 3
    assert {assets[number]["file_size_bytes"] for number in numbers} == {5_000}
    assert old["created_at"] == "2020-01-01T00:00:00Z"
    assert api.get(old["file_url"]).content == b"no media"
