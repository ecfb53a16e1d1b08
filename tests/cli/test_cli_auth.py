"""`assetctl auth` against the look-alike: in, out, who, and the secrets nowhere but where they belong."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pexpect
import pytest
from cli_harness import DEADLINE_S, MAIN

from service.harness import LookAlike

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli_harness import Tool

_COUNT = iter(range(10**6))


@pytest.fixture(scope="module")
def running() -> Iterator[LookAlike]:
    with LookAlike(login_limit=None) as server:
        yield server


@pytest.fixture
def server(running: LookAlike, monkeypatch: pytest.MonkeyPatch) -> Iterator[LookAlike]:
    monkeypatch.setenv("ASSETCTL_BACKEND__URL", running.url)
    yield running
    running.clear_faults()


@pytest.fixture
def user(server: LookAlike):
    return server.user(f"auth_{next(_COUNT)}")


@pytest.fixture
def logged_in(tool: Tool, user):
    ran = tool("auth", "login", "--user", user.username, "--password-stdin", stdin=user.password + "\n")
    assert ran.code == 0, ran.err
    return user


def test_login_keeps_the_token_in_a_file_for_the_owner_and_says_so_once(tool, server, user):
    ran = tool("auth", "login", "--user", user.username, "--password-stdin", stdin=user.password + "\n")

    assert (ran.code, ran.out) == (0, "")
    file = tool.data / "logins.json"
    assert ran.err.count(str(file)) == 1
    assert f"logged in as {user.username}, good until 20" in ran.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert user.password not in ran.err
    assert not server.sightings(user.password)


def test_login_by_mail_address_works(tool, server, user):
    del server
    mail = f"{user.username}@example.com"
    ran = tool("auth", "login", "--user", mail, "--password-stdin", stdin=user.password)
    assert ran.code == 0, ran.err


def test_status_says_who_where_and_until_when(tool, server, logged_in):
    ran = tool("auth", "status", "--json")
    assert ran.code == 0, ran.err
    document = ran.document
    assert document.pop("expires_at").endswith("Z")
    assert document == {
        "schema": "assetctl.auth/1",
        "backend": server.url,
        "logged_in": True,
        "user": logged_in.username,
        "kept_in": "file",
        "verified": True,
    }
    assert f"user: {logged_in.username}" in tool("auth", "status").out


@pytest.mark.usefixtures("server")
def test_without_a_login_status_ends_with_3_and_says_how_to_get_one(tool):
    ran = tool("auth", "status", "--json")
    assert ran.code == 3
    assert (ran.document["logged_in"], ran.document["user"]) == (False, None)
    assert (ran.error["code"], ran.error["hint"]) == ("not_allowed", "assetctl auth login")


def test_revoked_token_is_not_logged_in(tool, server, logged_in):
    del logged_in
    server.revoke_all()
    ran = tool("auth", "status", "--json")
    assert (ran.code, ran.document["logged_in"]) == (3, False)
    assert "any more" in ran.error["why"]


def test_status_offline_asks_nobody(tool, server, logged_in):
    before = len(server.requests())
    ran = tool("--offline", "auth", "status", "--json")
    assert (ran.code, ran.document["verified"], ran.document["user"]) == (0, None, logged_in.username)
    assert len(server.requests()) == before


def test_token_from_the_environment_goes_first_and_is_never_kept(tool, server, user, monkeypatch):
    del server
    monkeypatch.setenv("ASSETCTL_TOKEN", user.token)
    ran = tool("auth", "status", "--json")
    assert (ran.code, ran.document["kept_in"], ran.document["user"]) == (0, "env ASSETCTL_TOKEN", user.username)
    assert not (tool.data / "logins.json").exists()
    for words in (("login", "--user", "x", "--password-stdin"), ("logout",)):
        refused = tool("auth", *words, stdin="x")
        assert (refused.code, "env ASSETCTL_TOKEN" in refused.err) == (2, True)


def test_token_is_taken_from_stdin_after_the_server_said_whose_it_is(tool, server, user):
    del server
    ran = tool("auth", "login", "--with-token", stdin=user.token + "\n")
    assert (ran.code, user.username in ran.err) == (0, True)
    assert tool("auth", "status", "--json").document["user"] == user.username


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("token", "code"),
    [("not-a-token-of-yours", 3), ("two words", 2), ("", 2), ("x" * 20_000, 2), ("lin\u00e9", 2)],
    ids=["unknown", "spaces", "empty", "long", "letters"],
)
def test_bad_token_is_refused_and_not_kept(tool, token, code):
    ran = tool("auth", "login", "--with-token", stdin=token)
    assert ran.code == code
    assert not token or token not in ran.err
    assert not (tool.data / "logins.json").exists()


def test_wrong_password_ends_with_3(tool, server, user):
    del server
    ran = tool("auth", "login", "--user", user.username, "--password-stdin", stdin="wrong-sentinel")
    assert ran.code == 3
    assert "does not know this name and password" in ran.err
    assert "wrong-sentinel" not in ran.err


def test_login_limit_is_told_and_not_fought(tool, server, user):
    server.configure(login_limit=0)
    try:
        before = len(server.requests("POST /api/v1/auth/login"))
        ran = tool("auth", "login", "--user", user.username, "--password-stdin", stdin=user.password)
        assert ran.code == 1
        assert "no more requests" in ran.err
        assert len(server.requests("POST /api/v1/auth/login")) == before + 1
    finally:
        server.configure(login_limit=None)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--user", "me"),
        ("--password-stdin",),
        ("--user", "  ", "--password-stdin"),
        ("--with-token", "--user", "me"),
        ("--with-token", "--password-stdin"),
    ],
)
def test_without_somebody_to_ask_what_is_missing_is_named(tool, words):
    ran = tool("auth", "login", *words, stdin="x")
    assert ran.code == 2
    assert "next:" in ran.err


def test_logout_ends_it_at_the_server_and_here(tool, server, logged_in):
    del logged_in
    token = next(iter(json.loads((tool.data / "logins.json").read_text("utf-8"))["logins"].values()))["token"]

    assert tool("auth", "logout").code == 0

    assert "logins.json" in {path.name for path in tool.data.iterdir()}
    assert token not in (tool.data / "logins.json").read_text("utf-8")
    assert server.requests("POST /api/v1/auth/logout")[-1]["status"] == 204
    assert tool("auth", "status").code == 3
    assert tool("auth", "logout").code == 3


def test_logout_of_a_token_that_is_no_longer_good_works(tool, server, logged_in):
    del logged_in
    server.revoke_all()
    assert tool("auth", "logout").code == 0


def test_logout_without_the_server_keeps_the_login_unless_it_is_local(tool, server, logged_in):
    del logged_in
    server.fault("POST /api/v1/auth/logout", {"when": "before", "end": "close"}, times=None)
    assert tool("auth", "logout").code == 9
    assert tool("--offline", "auth", "logout").code == 7
    assert tool("auth", "status").code == 0
    assert tool("auth", "logout", "--local").code == 0
    assert tool("auth", "status").code == 3


@pytest.mark.parametrize("words", [("status",), ("login", "--with-token"), ("logout",)])
def test_without_a_backend_each_says_so(tool, words):
    ran = tool("auth", *words, stdin="x")
    assert ran.code == 2
    assert "no backend is set" in ran.err


def test_token_stays_with_the_server_it_was_given_by(tool, server, logged_in, monkeypatch):
    del logged_in
    monkeypatch.setenv("ASSETCTL_BACKEND__URL", server.url.replace("127.0.0.1", "localhost"))
    assert tool("auth", "status").code == 3


def test_project_file_cannot_lead_the_token_elsewhere(tool, server, logged_in, monkeypatch):
    with LookAlike() as other:
        monkeypatch.delenv("ASSETCTL_BACKEND__URL")
        (tool.work / "assetctl.toml").write_text(f'[backend]\nurl = "{other.url}"\n', "utf-8")
        assert tool("auth", "status").code == 2
        monkeypatch.setenv("ASSETCTL_BACKEND__URL", server.url)
        assert tool("auth", "status").code == 2
        assert other.requests() == []
        assert not other.sightings(logged_in.token)


def test_doctor_knows_the_backend_and_the_login(tool, server, logged_in):
    checks = {finding["check"]: finding for finding in tool("doctor", "--json").document}
    assert (checks["backend"]["health"], server.url in checks["backend"]["detail"]) == ("ok", True)
    assert logged_in.username in checks["login"]["detail"]
    assert "none to rely on" in checks["keyring"]["detail"]


def test_doctor_tells_a_clock_that_is_wrong(tool, server, logged_in):
    del logged_in
    server.configure(clock_skew_s=3600)
    try:
        checks = {finding["check"]: finding for finding in tool("doctor", "--json").document}
    finally:
        server.configure(clock_skew_s=0)
    assert checks["backend"]["health"] == "warning"
    assert "ahead of ours" in checks["backend"]["detail"]


@pytest.mark.usefixtures("server")
def test_doctor_tells_that_nobody_is_logged_in(tool):
    ran = tool("doctor", "--json")
    checks = {finding["check"]: finding for finding in ran.document}
    assert (ran.code, checks["login"]["health"], checks["login"]["hint"]) == (1, "failed", "assetctl auth login")


def test_on_a_terminal_name_and_password_are_asked_for_and_the_password_stays_unseen(tool, server, user):
    del server
    child = pexpect.spawn(
        MAIN[0], [*MAIN[1:], "auth", "login"], cwd=str(tool.work), env=tool.environment(), timeout=DEADLINE_S
    )
    try:
        child.expect("User name or e-mail")
        child.sendline(user.username)
        child.expect("Password")
        child.waitnoecho()
        child.sendline(user.password)
        child.expect(pexpect.EOF)
        assert b"logged in as " + user.username.encode() in child.before
        assert user.password.encode() not in child.before
    finally:
        child.close()
    assert child.exitstatus == 0
    assert tool("auth", "status", "--json").document["user"] == user.username


def test_no_input_asks_nobody_on_a_terminal(tool, server):
    del server
    child = pexpect.spawn(
        MAIN[0],
        [*MAIN[1:], "--no-input", "auth", "login"],
        cwd=str(tool.work),
        env=tool.environment(),
        timeout=DEADLINE_S,
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2
