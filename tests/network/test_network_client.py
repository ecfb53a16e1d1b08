"""The client goes only where it may, verifies who is there, follows nobody and keeps nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
import httpcore
import httpx
import pytest

from assetctl.errors import AddressRefused, ConfigError
from assetctl.network import Origin, new_client
from assetctl.network.client import _Transport
from byte_server import always, make_authority, plain, serving

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.anyio


class Names:
    """A resolver of the test's own; `asked` tells which names it was asked for."""

    def __init__(self, **addresses: Sequence[Sequence[str]]) -> None:
        """Each name has a list of answers, the last of them given for ever."""
        self._answers = {name.replace("_", "."): list(answers) for name, answers in addresses.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        assert port
        self.asked.append(host)
        answers = self._answers.get(host)
        if answers is None:
            raise OSError(f"no such name: {host}")
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_authority(tmp_path_factory.mktemp("authority"))


OK = always(plain(b"fine"))
#: Never waited for: nothing here is too slow.
TIMEOUT_S = 60


async def test_request_says_who_asks_and_wants_bytes_as_they_are():
    with serving(OK) as server:
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S) as client:
            answer = await client.get(server.url)
    assert answer.text == "fine"
    headers = server.asked[0].headers
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"].startswith("assetctl/0")


async def test_connection_is_used_again(monkeypatch: pytest.MonkeyPatch):
    # Not given up because a loaded machine took its time between two requests.
    monkeypatch.setattr("assetctl.network.client._KEEP_IDLE_S", 3600.0)
    with serving(OK) as server:
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S) as client:
            for _ in range(3):
                await client.get(server.url)
    assert server.connections == 1


async def test_redirect_is_handed_back():
    with serving(always(plain(b"", "307 Temporary Redirect", Location="/elsewhere"))) as server:
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S) as client:
            answer = await client.get(server.url)
    assert answer.status_code == 307
    assert len(server.asked) == 1


async def test_cookies_are_not_kept():
    with serving(always(plain(b"", Set_Cookie="session=secret; Path=/"))) as server:
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S) as client:
            await client.get(server.url)
            await client.get(server.url)
    assert "cookie" not in server.asked[1].headers


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
async def test_nothing_of_a_request_is_logged(caplog: pytest.LogCaptureFixture, level: int):
    caplog.set_level(level)
    with serving(OK) as server:
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S) as client:
            await client.get(f"{server.url}/?token=secret", headers={"Authorization": "Bearer secret"})
    assert [record for record in caplog.records if record.name.startswith("http")] == []
    assert "secret" not in caplog.text


async def test_plain_http_to_another_machine_is_refused_before_anything_is_asked():
    names = Names(media_example=[["93.184.216.34"]])
    async with new_client(home=None, timeout_s=TIMEOUT_S, resolver=names) as client:
        with pytest.raises(AddressRefused, match="plain http"):
            await client.get("http://media.example/clip.mp4")
    assert names.asked == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::ffff:127.0.0.1]:{port}/"]
)
async def test_this_machine_is_refused_when_the_backend_is_elsewhere(url: str):
    with serving(OK) as server:
        names = Names(localhost=[["127.0.0.1"]], api_example=[["93.184.216.34"]])
        home = Origin.of("https://api.example")
        async with new_client(home=home, timeout_s=TIMEOUT_S, resolver=names) as client:
            with pytest.raises(AddressRefused):
                await client.get(url.format(port=server.port))
    assert server.connections == 0


async def test_other_doors_of_the_backends_machine_are_open():
    with serving(OK) as server, serving(OK) as store:
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S) as client:
            assert (await client.get(store.url)).text == "fine"


async def test_localhost_that_leads_elsewhere_is_refused():
    names = Names(localhost=[["93.184.216.34"]])
    async with new_client(home=Origin.of("http://localhost:8001"), timeout_s=TIMEOUT_S, resolver=names) as client:
        with pytest.raises(AddressRefused):
            await client.get("http://localhost:8001/")


async def test_name_that_changes_its_mind_is_judged_when_it_is_connected_to(authority: tuple[Path, Path]):
    ca_file, pair = authority
    names = Names(media_example=[["127.0.0.1"], ["10.0.0.7"]], api_example=[["127.0.0.1"]])
    with serving(always(plain(b"fine", Connection="close"), keep=False), certificate=pair) as server:
        url = f"https://media.example:{server.port}/"
        home = Origin.of("https://api.example")
        async with new_client(home=home, timeout_s=TIMEOUT_S, resolver=names, ca_file=ca_file) as client:
            assert (await client.get(url)).text == "fine"
            with pytest.raises(AddressRefused):
                await client.get(url)
    assert server.connections == 1


async def test_address_is_resolved_once_and_connected_to_as_it_was_judged(
    authority: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    # Rebinding: a second look at the name would find a private address. There must be no second look.
    ca_file, pair = authority
    with serving(OK, certificate=pair) as server:
        names = Names(media_example=[["8.8.8.8"], ["127.0.0.1"]])
        connected: list[str] = []

        async def connect(_self: object, host: str, *_rest: object) -> httpcore.AsyncNetworkStream:
            connected.append(host)
            raise httpcore.ConnectError("this test has no way out")

        monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
        async with new_client(home=None, timeout_s=TIMEOUT_S, resolver=names, ca_file=ca_file) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"https://media.example:{server.port}/")
    assert connected == ["8.8.8.8"]
    assert names.asked == ["media.example"]


async def test_private_addresses_of_a_name_are_left_out(monkeypatch: pytest.MonkeyPatch):
    connected: list[str] = []

    async def connect(_self: object, host: str, *_rest: object) -> httpcore.AsyncNetworkStream:
        connected.append(host)
        raise httpcore.ConnectError("nobody there")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    names = Names(media_example=[["10.0.0.7", "8.8.8.8", "169.254.169.254", "2606:4700::1111", "fe80::1%eth0"]])
    async with new_client(home=None, timeout_s=TIMEOUT_S, resolver=names) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("https://media.example/")
    assert connected == ["8.8.8.8", "2606:4700::1111"]


async def test_second_address_is_tried_when_the_first_does_not_answer(authority: tuple[Path, Path]):
    ca_file, pair = authority
    names = Names(media_example=[["127.0.0.2", "127.0.0.1"]])
    with serving(OK, certificate=pair) as server:
        home = Origin("https", "media.example", server.port)
        async with new_client(home=home, timeout_s=TIMEOUT_S, resolver=names, ca_file=ca_file) as client:
            assert (await client.get(str(home))).text == "fine"


async def test_connecting_ends_with_the_timeout(monkeypatch: pytest.MonkeyPatch):
    async def connect(_self: object, *_: object) -> httpcore.AsyncNetworkStream:
        await anyio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    for addresses in (["8.8.8.8"], ["8.8.8.8", "8.8.4.4"]):
        names = Names(media_example=[addresses])
        async with new_client(home=None, timeout_s=0.05, resolver=names) as client:
            with pytest.raises(httpx.ConnectTimeout):
                await client.get("https://media.example/")


async def test_name_nobody_knows_is_a_failed_connection():
    async with new_client(home=None, timeout_s=TIMEOUT_S, resolver=Names()) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("https://media.example/")


async def test_own_authority_is_believed_and_an_unknown_one_is_not(authority: tuple[Path, Path]):
    ca_file, pair = authority
    with serving(OK, certificate=pair) as server:
        home = Origin.of(server.url)
        async with new_client(home=home, timeout_s=TIMEOUT_S, ca_file=ca_file) as client:
            assert (await client.get(server.url)).text == "fine"
        async with new_client(home=home, timeout_s=TIMEOUT_S) as client:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.get(server.url)
    assert len(server.asked) == 1


async def test_certificate_of_another_name_is_not_believed(authority: tuple[Path, Path]):
    ca_file, pair = authority
    names = Names(other_example=[["127.0.0.1"]])
    with serving(OK, certificate=pair) as server:
        home = Origin("https", "other.example", server.port)
        async with new_client(home=home, timeout_s=TIMEOUT_S, ca_file=ca_file, resolver=names) as client:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.get(str(home))
    assert server.asked == []


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_authority_that_cannot_be_read_is_a_wrong_setting(tmp_path: Path, content: str | None):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    async with new_client(home=None, timeout_s=TIMEOUT_S, ca_file=file) as client:
        with pytest.raises(ConfigError) as caught:
            await client.get("https://media.example/")
    assert "backend.ca_file" in (caught.value.hint or "")


async def test_https_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch):
    with serving(always(plain(b"", "403 Forbidden"), keep=False)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with new_client(home=None, timeout_s=TIMEOUT_S) as client:
            with pytest.raises(httpx.ProxyError):
                await client.get("https://media.example/clip.mp4")
    assert proxy.asked[0].method == "CONNECT"
    assert proxy.asked[0].target == "media.example:443"


async def test_this_machine_is_never_asked_through_a_proxy():
    with serving(always(b"")) as proxy, serving(OK) as server:
        proxies = {"http": proxy.url, "https": proxy.url, "all": proxy.url}
        async with new_client(home=Origin.of(server.url), timeout_s=TIMEOUT_S, proxies=proxies) as client:
            assert (await client.get(server.url)).text == "fine"
    assert proxy.connections == 0


async def test_this_machine_is_not_asked_through_a_proxy_over_tls_either(authority: tuple[Path, Path]):
    ca_file, pair = authority
    with serving(always(b"")) as proxy, serving(OK, certificate=pair) as server:
        proxies = {"https": proxy.url}
        async with new_client(
            home=Origin.of(server.url), timeout_s=TIMEOUT_S, ca_file=ca_file, proxies=proxies
        ) as client:
            assert (await client.get(server.url)).text == "fine"
    assert proxy.connections == 0


async def test_hosts_the_environment_exempts_are_asked_straight(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "media.example")
    with serving(always(b"")) as proxy:
        async with new_client(home=None, timeout_s=TIMEOUT_S, proxies={"https": proxy.url}, resolver=Names()) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("https://media.example/")
    assert proxy.connections == 0


async def test_private_address_is_not_asked_for_through_a_proxy_either():
    with serving(always(b"")) as proxy:
        async with new_client(home=None, timeout_s=TIMEOUT_S, proxies={"https": proxy.url}) as client:
            with pytest.raises(AddressRefused):
                await client.get("https://10.0.0.7/")
    assert proxy.connections == 0


@pytest.mark.parametrize(
    "proxy", ["ftp://user:secret@proxy.example", "socks5://user:secret@proxy.example", "http://:x:y"]
)
async def test_unusable_proxy_is_a_wrong_setting_and_its_password_is_not_repeated(proxy: str):
    async with new_client(home=None, timeout_s=TIMEOUT_S, proxies={"all": proxy}) as client:
        with pytest.raises(ConfigError) as caught:
            await client.get("https://media.example/")
    told = f"{caught.value.what} {caught.value.why} {caught.value.hint} {caught.value!r}"
    assert "secret" not in told


async def test_transport_of_a_test_speaks_instead():
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text="mine"))
    async with new_client(home=None, timeout_s=TIMEOUT_S, transport=transport) as client:
        assert (await client.get("http://anywhere.example")).text == "mine"


async def test_closing_before_use_opens_nothing():
    client = new_client(home=None, timeout_s=TIMEOUT_S)
    await client.aclose()
    assert isinstance(client._transport, _Transport)
    assert not {"_direct", "_proxied"} & set(client._transport.__dict__)
