"""A look-alike for each test, somebody who may use it, and a client that speaks plainly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.harness import Account


@pytest.fixture(scope="module")
def running() -> Iterator[LookAlike]:
    with LookAlike(create_limit=None, login_limit=None) as server:
        yield server


@pytest.fixture
def server(running: LookAlike) -> Iterator[LookAlike]:
    """The module's server: what a test arms and changes is undone after it, what it made stays."""
    before = running.configure()
    yield running
    running.clear_faults()
    running.configure(**before)
    running.clear_scripts()


_COUNT = iter(range(10**6))


@pytest.fixture
def user(server: LookAlike) -> Account:
    return server.user(f"designer_{next(_COUNT)}")


@pytest.fixture
def api(server: LookAlike, user: Account) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {user.token}"}
    # Loading certificates takes longer than most tests, and nothing here speaks TLS.
    with httpx.Client(base_url=server.url, headers=headers, timeout=60, verify=False) as client:
        yield client
