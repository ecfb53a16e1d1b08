"""The token in no output: each failure of a backend, at each verbosity, as a process of its own would print it."""

from __future__ import annotations

import socket
import ssl
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

sys.path.insert(0, str(Path(__file__).parents[1] / "pixsim"))

from raw_server import HANG_UP, Cut, Flood, RawServer, answer, complaint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli_harness import Ran, Tool

TOKEN = "eyJhbGciOi.sentinel-4711.c2VudGluZWw"
PASSWORD = "sentinel-4711-password"
SECRETS = ("sentinel-4711", TOKEN, PASSWORD)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
#: The least and the most that is told; what lies between tells a part of the most.
VERBOSITIES = [("-q",), ("--debug", "-v")]

FAILURES = {
    "hang up": HANG_UP,
    "cut": Cut(HEAD + b"900\r\n\r\n{"),
    "no http": Cut(b"hello?\r\n\r\n"),
    "header bomb": Cut(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 50_000),
    "html": answer(200, raw=b"<html>not me</html>"),
    "list": answer(200, []),
    "100 MB of JSON": Flood(HEAD + b"100000000\r\n\r\n", b'[{"a":1},' + b" " * 999_991, 100),
    "deep JSON": answer(200, raw=b"[" * 150_000),
    "many values": answer(200, raw=b"[" + b"0," * 3_000_000 + b"0]"),
    "gzip": answer(200, raw=b"\x1f\x8b", headers=[("content-encoding", "gzip")]),
    "redirect away": answer(307, headers=[("location", "https://example.com/?token=" + TOKEN)]),
    "redirect nowhere": answer(302, headers=[("location", f"javascript:{TOKEN}")]),
    "revoked, repeating": complaint(401, f"Invalid token: Bearer {TOKEN}", "unauthorized"),
    "forbidden": complaint(403, f"no {TOKEN}", "forbidden"),
    "limited": complaint(429, "Rate limit exceeded. Try again in 250 seconds.", "http_429"),
    "limited by a proxy": answer(429, raw=b"", headers=[("retry-after", "299")]),
    "broken": complaint(500, f"Traceback: Authorization: Bearer {TOKEN}"),
    "broken, no JSON": answer(500, raw=f"<pre>Bearer {TOKEN}</pre>".encode()),
    "bad gateway": answer(502, raw=TOKEN.encode()),
    "unavailable": answer(503, raw=TOKEN.encode(), headers=[("retry-after", "250")]),
    "refused, repeating": complaint(422, f"Value error: {TOKEN}", "validation_error"),
}


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSETCTL_TOKEN", TOKEN)
    monkeypatch.setenv("ASSETCTL_BACKEND__TIMEOUT_S", "60")


@pytest.fixture
def secret_free(tool: Tool) -> Iterator:
    """Runs `auth status` at a verbosity; the secret is looked for in all it printed and left behind."""

    def run(*verbosity: str) -> Ran:
        ran = tool(*verbosity, "auth", "status", "--json")
        for secret in SECRETS:
            assert secret not in ran.out + ran.err
            for file in tool.data.rglob("*"):
                assert not file.is_file() or secret.encode() not in file.read_bytes()
        return ran

    return run


@pytest.mark.parametrize("verbosity", VERBOSITIES, ids=" ".join)
@pytest.mark.parametrize("failure", FAILURES)
def test_failing_backend_is_told_in_three_parts_without_the_token(secret_free, monkeypatch, failure, verbosity):
    with RawServer([FAILURES[failure]]) as server:
        monkeypatch.setenv("ASSETCTL_BACKEND__URL", server.url)
        ran = secret_free(*verbosity)

    assert ran.code in (1, 2, 3, 9)
    assert ran.error["message"]
    assert ran.error["hint"] or ran.error["why"]
    assert ("Traceback (most recent call last)" in ran.err) is ("--debug" in verbosity)


def test_wrong_port_is_unreachable(secret_free, monkeypatch):
    # A port that nobody listens at, and that nobody else is given meanwhile.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv("ASSETCTL_BACKEND__URL", f"http://127.0.0.1:{held.getsockname()[1]}")
        assert secret_free("--debug").code == 9


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{TOKEN}@127.0.0.1",
        "http://example.com",
        f"https://127.0.0.1/{TOKEN}",
        f"https://127.0.0.1?{TOKEN}",
        "nonsense",
    ],
)
def test_wrong_address_is_a_matter_of_settings(secret_free, monkeypatch, url):
    monkeypatch.setenv("ASSETCTL_BACKEND__URL", url)
    assert secret_free("--debug", "-v").code == 2


@pytest.fixture
def authority(tmp_path):
    """An authority nobody knows, its certificate in a file, and a server with a certificate of it."""
    made = trustme.CA()
    file = tmp_path / "ca.pem"
    made.cert_pem.write_to_path(str(file))
    with ExitStack() as stack:

        def serving(name: str) -> RawServer:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            made.issue_cert(name).configure_cert(context)
            facts = {"active": True, "claims": {"sub": "1", "username": "tester"}}
            return stack.enter_context(RawServer([answer(200, facts)], tls=context))

        yield file, serving


def test_unknown_authority_is_not_trusted_and_gets_nothing(secret_free, monkeypatch, authority):
    _, serving = authority
    server = serving("127.0.0.1")
    monkeypatch.setenv("ASSETCTL_BACKEND__URL", server.url)
    ran = secret_free("--debug", "-v")
    assert (ran.code, "certificate is not trusted" in ran.error["why"]) == (9, True)
    assert "backend.ca_file" in ran.error["hint"]
    assert server.requests == []


def test_own_authority_is_trusted_when_it_is_named(secret_free, monkeypatch, authority):
    file, serving = authority
    monkeypatch.setenv("ASSETCTL_BACKEND__URL", serving("127.0.0.1").url)
    monkeypatch.setenv("ASSETCTL_BACKEND__CA_FILE", str(file))
    ran = secret_free()
    assert (ran.code, ran.document["user"]) == (0, "tester")


def test_certificate_of_another_name_is_not_trusted(secret_free, monkeypatch, authority):
    file, serving = authority
    server = serving("assets.example.com")
    monkeypatch.setenv("ASSETCTL_BACKEND__URL", server.url)
    monkeypatch.setenv("ASSETCTL_BACKEND__CA_FILE", str(file))
    assert secret_free("--debug").code == 9
    assert server.requests == []


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_unusable_authority_is_a_matter_of_settings(secret_free, monkeypatch, tmp_path, content):
    file = tmp_path / "bad.pem"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("ASSETCTL_BACKEND__URL", "https://127.0.0.1:9")
    monkeypatch.setenv("ASSETCTL_BACKEND__CA_FILE", str(file))
    ran = secret_free("--debug")
    assert ran.code == 2
    assert "backend.ca_file" in ran.error["hint"]


def test_proxy_of_the_environment_never_sees_what_is_on_this_machine(secret_free, monkeypatch):
    facts = {"active": True, "claims": {"sub": "1", "username": "tester"}}
    with RawServer([answer(200, facts)]) as server, RawServer([answer(502, raw=b"proxy")]) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("ASSETCTL_BACKEND__URL", server.url)
        assert secret_free().code == 0
        assert proxy.requests == []


@pytest.mark.parametrize("verbosity", VERBOSITIES, ids=" ".join)
@pytest.mark.parametrize(
    "said",
    [
        complaint(401, f"wrong: {PASSWORD}", "unauthorized"),
        complaint(422, f"Value error: {PASSWORD}", "validation_error"),
        complaint(500, PASSWORD),
        HANG_UP,
        answer(200, {"access_token": f"{TOKEN} with spaces"}),
    ],
    ids=range(5),
)
def test_failed_login_shows_neither_password_nor_token(tool, monkeypatch, said, verbosity):
    monkeypatch.delenv("ASSETCTL_TOKEN")
    with RawServer([said]) as server:
        monkeypatch.setenv("ASSETCTL_BACKEND__URL", server.url)
        ran = tool(*verbosity, "auth", "login", "--user", "me", "--password-stdin", stdin=PASSWORD)
    assert ran.code in (1, 2, 3, 9)
    assert all(secret not in ran.out + ran.err for secret in SECRETS)
    assert len(server.requests) == 1
