"""The look-alike from end to end: a job's way to its file, what is counted, what outlives a kill."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import httpx

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


def test_killed_server_comes_back_on_its_port_with_its_jobs_and_tokens():
    with LookAlike() as server:
        user = server.user()
        server.script(duration_s=0.4)
        with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {user.token}"}) as api:
            job = api.post("/api/v1/generations", json=order()).json()
            ended(api, job["id"], "processing")
            server.restart()

            assert stored(api, job["id"])["source_generation_id"] == job["id"]
            assert len(server.charges()) == 1


def test_token_is_seen_where_it_should_not_be(api: httpx.Client, server: LookAlike, user: Account):
    asset = server.add_asset(user, placed="remote")

    api.get("/health", params={"token": user.token})
    refused = api.get(asset["file_url"])
    httpx.get(asset["file_url"]).raise_for_status()

    places = [(sighting["host"], sighting["place"]) for sighting in server.sightings(user.token)]
    assert places == [("api", "url"), ("vendor", "header authorization")]
    assert refused.status_code == 400


def test_requests_are_counted_by_route_and_in_tenths_of_a_second(api: httpx.Client, server: LookAlike):
    before = len(server.requests("GET /ready"))

    for _ in range(3):
        api.get("/ready")

    assert len(server.requests("GET /ready")) == before + 3
    assert 1 <= server.peak_per_100ms("GET /ready") <= 3
