"""An origin is scheme, host and port as a connection would have them; what may not be spoken to has none."""

from __future__ import annotations

import pytest

from assetctl.errors import AddressRefused
from assetctl.network import Origin, accepted, address


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.example/a?b#c", Origin("https", "api.example", 443)),
        ("HTTPS://API.Example:443", Origin("https", "api.example", 443)),
        ("https://api.example.:8443/", Origin("https", "api.example", 8443)),
        ("http://127.0.0.1:8001/x", Origin("http", "127.0.0.1", 8001)),
        ("http://localhost", Origin("http", "localhost", 80)),
        ("http://[::1]:8001", Origin("http", "::1", 8001)),
        ("https://bücher.example", Origin("https", "xn--bcher-kva.example", 443)),
    ],
)
def test_origin_is_scheme_host_and_port(url: str, origin: Origin):
    assert Origin.of(url) == origin
    assert Origin.of(str(origin)) == origin


NONE = ["pixverse:123", "ftp://media.example/x", "file:///etc/passwd", "//media.example/x", "https://", "", "https://./",
        "https://media.example:99999999/", "https://media.exa\nmple/"]  # fmt: skip


@pytest.mark.parametrize("url", NONE)
def test_what_http_cannot_reach_has_no_origin(url: str):
    with pytest.raises(ValueError, match="starts with http"):
        Origin.of(url)


@pytest.mark.parametrize(
    "url",
    [
        *NONE,
        "https://user:hunter2@media.example/",
        "https://hunter2@media.example/",
        "http://media.example/",
        "http://10.0.0.1/",
        "http://127.0.0.1.media.example/",
        "http://localhost.media.example/",
    ],
)
def test_what_may_not_be_spoken_to_is_refused_and_not_repeated(url: str):
    with pytest.raises(AddressRefused) as caught:
        accepted(url)
    assert "hunter2" not in f"{caught.value} {caught.value.why} {caught.value.hint}"


@pytest.mark.parametrize("url", ["https://media.example/x?y", "http://127.0.0.1:8001/x", "http://game.localhost/"])
def test_what_may_be_spoken_to_is_accepted(url: str):
    assert accepted(url) == Origin.of(url)


def test_usual_port_is_not_written():
    assert str(Origin("https", "api.example", 443)) == "https://api.example"
    assert str(Origin("http", "::1", 8001)) == "http://[::1]:8001"


def test_address_is_parsed_or_refused_and_not_repeated():
    assert address("https://media.example/a b").path == "/a b"
    with pytest.raises(AddressRefused) as caught:
        address("https://media.exa\nhunter2/")
    assert "hunter2" not in f"{caught.value} {caught.value.why}"
