"""Which addresses are public and which are this machine's, whatever they are dressed as."""

from __future__ import annotations

import pytest

from assetctl.hosts import is_loopback, is_public


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_address_is_public(address: str):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "192.0.2.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "2002:0a00:0001::",
        "media.example",
        "",
    ],
)
def test_private_address_is_not_public_in_any_dress(address: str):
    assert not is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST.", "game.localhost", "::ffff:127.0.0.1"]
)
def test_this_machine_is_known_by_its_names(host: str):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost.example", "0.0.0.0", "", "127.1", "notlocalhost"])
def test_other_machines_are_not_this_one(host: str):
    assert not is_loopback(host)
