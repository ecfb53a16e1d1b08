"""Redirects are followed where we go; the token goes to the backend alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from transfer_samples import SMALL, TOKEN, FileServer, digest, remote

from assetctl.errors import (
    AddressRefused,
    ServiceError,
    ServiceUnreachable,
)
from assetctl.models import AssetType
from assetctl.transfer import RemoteFile
from byte_server import always, plain, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assetctl.transfer import Downloads

    Build = Callable[..., Downloads]

pytestmark = pytest.mark.anyio


async def test_token_goes_to_the_backend_alone(build: Build, tmp_path: Path):
    with serving(FileServer(SMALL)) as other:
        with serving(always(plain(b"", "307 Temporary Redirect", Location=f"{other.url}/x"))) as home:
            downloads = build(home.url)
            assert (await downloads.fetch(remote(home.url), tmp_path / "a")).hashed.sha256 == digest(SMALL)
            assert home.saw(TOKEN)
            await downloads.fetch(remote(other.url), tmp_path / "b")
        assert len(other.asked) == 2
        assert not other.saw(TOKEN)


async def test_token_is_not_sent_home_by_who_stands_outside(build: Build, tmp_path: Path):
    files = FileServer(SMALL)
    with serving(files) as home:
        bounce = always(plain(b"", "302 Found", Location=f"{home.url}/somewhere"))
        with serving(bounce) as other:
            files.faults = [always(plain(b"", "302 Found", Location=f"{other.url}/x"))]
            await build(home.url).fetch(remote(home.url), tmp_path / "a")
        first, second = home.asked
        assert "authorization" in first.headers
        assert "authorization" not in second.headers


async def test_redirects_are_followed_five_times(build: Build, tmp_path: Path):
    for hops, is_had in ((5, True), (6, False)):
        redirects = [always(plain(b"", "302 Found", Location=f"../{number}#x")) for number in range(hops)]
        with serving(FileServer(SMALL, *redirects)) as server:
            downloads = build(server.url)
            if is_had:
                await downloads.fetch(remote(server.url), tmp_path / "a")
                assert server.asked[-1].target == "/4"
            else:
                with pytest.raises(ServiceError, match="more than 5"):
                    await downloads.fetch(remote(server.url), tmp_path / "b")
            assert len(server.asked) == 6


BAD_TARGETS = [
    "ftp://127.0.0.1/x",
    "file:///etc/passwd",
    "http://media.example/x",
    "https://10.0.0.7/x",
    "https://169.254.169.254/latest",
    "https://user:hunter2@127.0.0.1/x",
    "https://[::ffff:10.0.0.1]/",
    "https://127.0.0.1:99999999/",
]


@pytest.mark.parametrize("target", BAD_TARGETS)
async def test_redirect_to_where_we_do_not_go_is_refused(build: Build, tmp_path: Path, target: str):
    with serving(always(plain(b"", "302 Found", Location=target))) as server:
        with pytest.raises(AddressRefused) as caught:
            await build(server.url).fetch(remote(server.url), tmp_path / "a")
        assert len(server.asked) == 1
    assert "hunter2" not in f"{caught.value} {caught.value.why} {caught.value.hint}"


async def test_redirect_to_nowhere_is_trouble(build: Build, tmp_path: Path):
    with serving(always(plain(b"", "302 Found"))) as server, pytest.raises(ServiceError, match="nowhere"):
        await build(server.url).fetch(remote(server.url), tmp_path / "a")


@pytest.mark.parametrize(
    "url", ["pixverse:123", "", "https://10.0.0.7/x", "https://u:hunter2@media.example/x", "http://media.example/x"]
)
async def test_address_we_do_not_go_to_is_refused(build: Build, tmp_path: Path, url: str):
    with pytest.raises(AddressRefused) as caught:
        await build("https://api.example").fetch(RemoteFile(url, AssetType.VIDEO), tmp_path / "a")
    assert "hunter2" not in f"{caught.value} {caught.value.why} {caught.value.hint}"


async def test_name_that_leads_into_a_private_network_is_refused(build: Build, tmp_path: Path):
    async def resolver(_host: str, _port: int) -> list[str]:
        return ["192.168.1.7"]

    downloads = build("http://127.0.0.1:8001", resolver=resolver)
    with pytest.raises(AddressRefused):
        await downloads.fetch(RemoteFile("https://media.example/x", AssetType.VIDEO), tmp_path / "a")


async def test_redirect_from_https_to_plain_http_is_refused(build: Build, tmp_path: Path, authority: tuple[Path, Path]):
    ca_file, pair = authority
    with (
        serving(FileServer(SMALL)) as plain_one,
        serving(always(plain(b"", "302 Found", Location=plain_one.url)), certificate=pair) as secure,
    ):
        downloads = build(secure.url, ca_file=ca_file)
        with pytest.raises(AddressRefused, match="from https"):
            await downloads.fetch(remote(secure.url), tmp_path / "a")
        assert plain_one.connections == 0


async def test_certificate_nobody_vouches_for_is_not_tried_again(
    build: Build, tmp_path: Path, authority: tuple[Path, Path]
):
    with serving(FileServer(SMALL), certificate=authority[1]) as server:
        downloads = build(server.url)
        with pytest.raises(ServiceUnreachable, match="did not send") as caught:
            await downloads.fetch(remote(server.url), tmp_path / "a")
    assert "certificate" in (caught.value.why or "")
    assert server.connections == 1


async def test_proxy_that_refuses_is_said(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with serving(always(plain(b"", "403 Forbidden"), keep=False)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        downloads = build("https://api.example")
        with pytest.raises(ServiceUnreachable) as caught:
            await downloads.fetch(RemoteFile("https://media.example/x", AssetType.VIDEO), tmp_path / "a")
    assert "proxy" in (caught.value.why or "")
