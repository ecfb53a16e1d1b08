"""Logins between runs: where tokens lie, what files are refused, and that keyrings may fail in any way."""

from __future__ import annotations

import json
import os
import pickle
import stat
import threading
from datetime import UTC, datetime

import pytest

from assetctl.errors import CacheError, ConfigError, NotAllowed
from assetctl.network import Origin
from assetctl.pixsim import keyrings
from assetctl.pixsim.keyrings import KeyringTrouble
from assetctl.pixsim.logins import LoginStore, Place
from assetctl.secret import Secret

HOME = Origin.of("https://assets.example.com")
OTHER = Origin.of("https://assets.example.com:8443")
TOKEN = Secret("sentinel-token")
UNTIL = datetime(2026, 12, 22, tzinfo=UTC)


class FakeKeyring:
    """Keeps secrets, or fails as told."""

    name = "fake keyring"

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.trouble: KeyringTrouble | None = None

    def get(self, name: str) -> str | None:
        self._check()
        return self.secrets.get(name)

    def put(self, name: str, secret: str) -> None:
        self._check()
        self.secrets[name] = secret

    def remove(self, name: str) -> None:
        self._check()
        self.secrets.pop(name, None)

    def _check(self) -> None:
        if self.trouble is not None:
            raise self.trouble


@pytest.fixture
def keyring() -> FakeKeyring:
    return FakeKeyring()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data" / "logins.json"


@pytest.fixture
def with_keyring(file, keyring) -> LoginStore:
    return LoginStore(file, open_keyring=lambda: keyring)


@pytest.fixture
def bare(file) -> LoginStore:
    return LoginStore(file, open_keyring=lambda: None)


def test_token_goes_into_the_keyring_and_not_into_the_file(with_keyring, keyring, file):
    assert with_keyring.put(HOME, TOKEN, user="tester", expires_at=UNTIL) is Place.KEYRING

    kept = with_keyring.get(HOME)
    assert (kept.token, kept.place, kept.user, kept.expires_at) == (TOKEN, Place.KEYRING, "tester", UNTIL)
    assert keyring.secrets == {"https://assets.example.com": "sentinel-token"}
    assert "sentinel" not in file.read_text("utf-8")
    assert with_keyring.keyring_name() == "fake keyring"


def test_without_a_keyring_the_file_is_for_its_owner_alone(bare, file):
    before = os.umask(0)
    try:
        assert bare.put(HOME, TOKEN, user="tester", expires_at=UNTIL) is Place.FILE
    finally:
        os.umask(before)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    kept = bare.get(HOME)
    assert (kept.token, kept.place, kept.user) == (TOKEN, Place.FILE, "tester")
    assert bare.keyring_name() is None


def test_token_of_one_server_is_not_another_ones(bare, with_keyring):
    for store in (bare, with_keyring):
        store.put(HOME, TOKEN, user=None, expires_at=None)
        assert store.get(OTHER) is None
        assert store.get(Origin.of("http://assets.example.com")) is None


def test_token_in_the_file_never_waits_for_a_keyring(bare, file):
    bare.put(HOME, TOKEN, user=None, expires_at=None)

    def opened():
        raise AssertionError("a keyring was opened")

    assert LoginStore(file, open_keyring=opened).get(HOME).token == TOKEN


def test_keyring_that_fails_to_keep_leaves_it_to_the_file(with_keyring, keyring):
    keyring.trouble = KeyringTrouble("locked")
    assert with_keyring.put(HOME, TOKEN, user=None, expires_at=None) is Place.FILE
    assert with_keyring.get(HOME).token == TOKEN


def test_locked_keyring_is_told_and_no_crash(with_keyring, keyring):
    with_keyring.put(HOME, TOKEN, user=None, expires_at=None)
    keyring.trouble = KeyringTrouble("fake keyring refused (KeyringLocked)")
    for work in (with_keyring.get, with_keyring.remove):
        with pytest.raises(NotAllowed, match="can't be taken from the keyring") as caught:
            work(HOME)
        assert "KeyringLocked" in caught.value.why


def test_lost_file_costs_no_login_of_the_keyring(with_keyring, file):
    with_keyring.put(HOME, TOKEN, user="tester", expires_at=UNTIL)
    file.unlink()
    assert (with_keyring.get(HOME).token, with_keyring.get(HOME).user) == (TOKEN, None)


def test_what_somebody_else_put_into_the_keyring_is_no_token(with_keyring, keyring):
    keyring.secrets["https://assets.example.com"] = "two words"
    assert with_keyring.get(HOME) is None


@pytest.mark.parametrize("kind", ["bare", "with_keyring"])
def test_removed_login_is_gone_and_the_others_stay(request, kind):
    store = request.getfixturevalue(kind)
    store.put(HOME, TOKEN, user=None, expires_at=None)
    store.put(OTHER, Secret("other"), user=None, expires_at=None)

    assert store.remove(HOME)
    assert not store.remove(HOME)
    assert store.get(HOME) is None
    assert store.get(OTHER).token.reveal() == "other"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_file_that_others_can_read_is_refused(bare, file, mode):
    bare.put(HOME, TOKEN, user=None, expires_at=None)
    file.chmod(mode)
    with pytest.raises(ConfigError, match="can't be used") as caught:
        bare.get(HOME)
    assert "chmod 600" in caught.value.hint
    assert "sentinel" not in f"{caught.value.what}{caught.value.why}{caught.value.hint}"


def test_file_of_another_user_is_refused(bare, monkeypatch):
    bare.put(HOME, TOKEN, user=None, expires_at=None)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(ConfigError) as caught:
        bare.get(HOME)
    assert caught.value.why == "it belongs to another user"


def test_link_is_not_followed(bare, file, tmp_path):
    bare.put(HOME, TOKEN, user=None, expires_at=None)
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError) as caught:
        bare.get(HOME)
    assert caught.value.why == "it is a link"


def test_folder_in_its_place_is_refused(bare, file):
    file.mkdir(parents=True)
    with pytest.raises(ConfigError, match="can't be used"):
        bare.get(HOME)


def test_folder_that_strangers_may_write_to_gets_no_token(bare, file):
    file.parent.mkdir(mode=0o777)
    file.parent.chmod(0o777)
    with pytest.raises(CacheError):
        bare.put(HOME, TOKEN, user=None, expires_at=None)
    assert not file.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"schema": "assetctl.logins/2", "logins": {}}',
        b'{"schema": "assetctl.logins/1", "logins": []}',
        b'{"schema": "assetctl.logins/1", "logins": {"https://assets.example.com": "sentinel"}}',
        b'{"schema": "assetctl.logins/1", "logins": {"https://assets.example.com": {"token": "senti\\nnel"}}}',
        b'{"schema": "assetctl.logins/1", "logins": {"https://assets.example.com": {"token": 7}}}',
        b'{"schema": "assetctl.logins/1", "logins": {"https://assets.example.com": {"user": 7}}}',
        b'{"schema": "assetctl.logins/1", "logins": {"https://assets.example.com": {"expires_at": "sentinel"}}}',
        b"[" * 100_000,
        b"x" * 2_000_000,
    ],
    ids=range(13),
)
def test_garbled_file_is_refused_and_not_repeated(bare, file, content):
    file.parent.mkdir(mode=0o700)
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="can't be used") as caught:
        bare.get(HOME)
    assert "auth login" in caught.value.hint
    assert "senti" not in f"{caught.value.why}"


def test_logins_at_the_same_time_all_stay(file):
    origins = [Origin.of(f"https://host{number}.example.com") for number in range(6)]

    def keep(origin: Origin) -> None:
        LoginStore(file, open_keyring=lambda: None).put(origin, TOKEN, user=None, expires_at=None)

    threads = [threading.Thread(target=keep, args=(origin,)) for origin in origins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(json.loads(file.read_text("utf-8"))["logins"]) == 6
    assert list(file.parent.glob("*.login")) == []


def test_kept_login_shows_no_token_and_is_not_pickled(bare):
    bare.put(HOME, TOKEN, user="tester", expires_at=None)
    kept = bare.get(HOME)
    assert "sentinel" not in repr(kept)
    with pytest.raises(TypeError):
        pickle.dumps(kept)


# The system's keyring


class Backend:
    """A plug-in of the keyring library, as odd as told."""

    name = "odd keyring"
    priority = 5

    def __init__(self, **oddities: object) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        for name, value in oddities.items():
            setattr(self, name, value)

    def get_password(self, service, name):
        return self.kept.get((service, name))

    def set_password(self, service, name, secret):
        self.kept[service, name] = secret

    def delete_password(self, service, name):
        del self.kept[service, name]


@pytest.fixture
def use(monkeypatch):
    def used(backend):
        monkeypatch.setattr("keyring.get_keyring", backend if callable(backend) else lambda: backend)
        return keyrings.system_keyring()

    return used


def raises(error):
    def raised(*_):
        raise error

    return raised


def test_sound_keyring_keeps_and_gives_up(use):
    found = use(Backend())
    found.put("https://a", "secret")
    assert (found.name, found.get("https://a")) == ("odd keyring", "secret")
    found.remove("https://a")
    found.remove("https://a")
    assert found.get("https://a") is None


@pytest.mark.parametrize("backend", [Backend(priority=0), Backend(priority=0.5), raises(RuntimeError("no bus"))])
def test_stand_ins_and_broken_plug_ins_are_no_keyring(use, backend):
    assert use(backend) is None


def test_server_without_a_keyring_has_none(monkeypatch):
    import keyring  # noqa: PLC0415 - only this test needs the library itself
    from keyring.backends.fail import Keyring  # noqa: PLC0415 - as above

    monkeypatch.setattr(keyring, "get_keyring", Keyring)
    assert keyrings.system_keyring() is None


@pytest.mark.parametrize(
    "oddity",
    [
        {"set_password": raises(Exception("secret is too long"))},
        {"set_password": lambda *_: None},
        {"get_password": raises(OSError("secret"))},
    ],
    ids=["raises", "forgets", "cannot read"],
)
def test_keyring_that_does_not_keep_says_so_without_the_secret(use, oddity):
    found = use(Backend(**oddity))
    with pytest.raises(KeyringTrouble) as caught:
        found.put("https://a", "secret")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
