from __future__ import annotations

import anyio
import pytest

from assetctl.network import Origin
from assetctl.pixsim.logins import LoginStore
from assetctl.pixsim.session import HandedIn, KeptSession
from assetctl.secret import Secret

pytestmark = pytest.mark.anyio
HOME = Origin.of("https://assets.example.com")
OLD, NEW = Secret("old"), Secret("new")


@pytest.fixture
def store(tmp_path) -> LoginStore:
    return LoginStore(tmp_path / "data" / "logins.json", open_keyring=lambda: None)


def keep(store: LoginStore, token: Secret) -> None:
    store.put(HOME, token, user=None, expires_at=None)


async def test_token_that_was_handed_in_has_no_other(store):
    keep(store, NEW)
    session = HandedIn(OLD, hint="set it anew")
    assert await session.token() == OLD
    assert await session.renewed(OLD) is None
    assert session.hint == "set it anew"


async def test_kept_token_is_read_once(store):
    keep(store, OLD)
    session = KeptSession(HOME, store)
    assert await session.token() == OLD
    store.file.unlink()
    assert await session.token() == OLD


async def test_without_a_login_there_is_no_token(store):
    assert await KeptSession(HOME, store).token() is None


async def test_login_of_another_process_is_found_after_a_rejection(store):
    keep(store, OLD)
    session = KeptSession(HOME, store)
    await session.token()
    keep(store, NEW)
    assert await session.renewed(OLD) == NEW
    assert await session.token() == NEW


async def test_rejected_token_that_is_still_kept_is_not_given_again(store):
    keep(store, OLD)
    session = KeptSession(HOME, store)
    await session.token()
    assert await session.renewed(OLD) is None


async def test_many_rejections_of_one_token_lead_to_one_new_login(store):
    keep(store, OLD)
    logins = 0

    async def log_in() -> Secret:
        nonlocal logins
        logins += 1
        await anyio.lowlevel.checkpoint()
        return NEW

    session = KeptSession(HOME, store, log_in=log_in)
    await session.token()
    found: list[Secret | None] = []

    async def renew() -> None:
        found.append(await session.renewed(OLD))

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(renew)
    assert (found, logins) == ([NEW] * 8, 1)


async def test_logging_in_anew_happens_at_most_once(store):
    keep(store, OLD)
    made = [NEW, Secret("newer")]

    async def log_in() -> Secret | None:
        return made.pop(0)

    session = KeptSession(HOME, store, log_in=log_in)
    assert await session.renewed(OLD) == NEW
    assert await session.renewed(NEW) == OLD  # what is kept may be another process's
    assert await session.renewed(OLD) is None
    assert len(made) == 1
