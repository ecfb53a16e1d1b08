"""An origin is scheme, host and port as a connection would have them; what may not be spoken to has none."""

from __future__ import annotations

import pytest

from assetctl.errors import AddressRefused
from assetctl.network import Origin


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


@pytest.mark.parametrize(
    "url",
    [
        "pixverse:123",
        "ftp://media.example/x",
        "file:///etc/passwd",
        "//media.example/x",
        "https://",
        "",
        "https://media.example:99999999/",
        "https://media.exa\nmple/",
        "https://user:hunter2@media.example/",
        "https://token@media.example/",
        "http://media.example/",
        "http://10.0.0.1/",
        "http://127.0.0.1.media.example/",
        "http://localhost.media.example/",
    ],
)
def test_what_may_not_be_spoken_to_has_no_origin(url: str):
    with pytest.raises(AddressRefused) as caught:
        Origin.of(url)
    assert "hunter2" not in f"{caught.value} {caught.value.why} {caught.value.hint}"


def test_usual_port_is_not_written():
    assert str(Origin("https", "api.example", 443)) == "https://api.example"
    assert str(Origin("http", "::1", 8001)) == "http://[::1]:8001"
