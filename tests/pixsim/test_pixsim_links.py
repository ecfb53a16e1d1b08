"""Which address of a stored asset is tried, and which never."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from assetctl.network import Origin
from assetctl.pixsim.links import FRESH_S, is_on_its_way, links, shown
from assetctl.pixsim.records import StoredAsset
from fakes import NOW

SERVER = Origin.of("http://127.0.0.1:8001")
VENDOR = "https://media.vendor.example/web/ori/clip.mp4?Signature=secret"
STORED = StoredAsset(7, "video", user_id=1, stored_key="u/1/a.mp4", file_url="/api/v1/media/u/1/a.mp4", created_at=NOW)


def test_the_servers_copy_comes_before_the_vendors() -> None:
    own = "http://127.0.0.1:8001/api/v1/media/u/1/a.mp4"
    assert links(replace(STORED, remote_url=VENDOR), SERVER) == ((own, True), (VENDOR, False))
    assert links(replace(STORED, file_url=VENDOR, remote_url=own), SERVER) == ((own, True), (VENDOR, False))


def test_a_vendors_address_that_is_told_twice_is_tried_once() -> None:
    assert links(replace(STORED, file_url=VENDOR, remote_url=VENDOR), SERVER) == ((VENDOR, False),)


@pytest.mark.parametrize(
    "address", [None, "", "pixverse:123", "ftp://vendor/clip.mp4", "file:///etc/passwd", "http://["]
)
def test_what_is_no_address_of_the_web_is_never_tried(address: str | None) -> None:
    assert links(replace(STORED, file_url=None, remote_url=address), SERVER) == ()
    if address and ":" in address:
        assert links(replace(STORED, file_url=address), SERVER) == ()


def test_a_relative_vendor_address_is_none() -> None:
    assert links(replace(STORED, file_url=None, remote_url="/web/ori/clip.mp4"), SERVER) == ()


@pytest.mark.parametrize(
    "address",
    [
        "https://media.pixverse.ai/pixverse-preview/mp4/media/default.mp4",
        "https://media.pixverse.ai/pixverse%2Fjpg%2Fmedia%2FDefault.jpg?x=1",
    ],
)
def test_what_a_vendor_shows_for_what_it_withholds_is_no_file(address: str) -> None:
    assert links(replace(STORED, file_url=address, remote_url=address), SERVER) == ()


def test_a_shown_address_has_no_signature_and_no_password() -> None:
    assert shown("https://ann:secret@vendor.example:8443/a?b#c") == "https://vendor.example:8443/a"
    assert shown(VENDOR) == "https://media.vendor.example/web/ori/clip.mp4"


@pytest.mark.parametrize(
    ("changes", "age_s", "is_coming"),
    [
        ({"sync_status": "remote"}, 1, True),
        ({"sync_status": "remote"}, -60, True),
        ({"sync_status": "remote"}, FRESH_S, False),
        ({"sync_status": "downloading"}, 86_400, True),
        ({"sync_status": "error"}, 1, False),
        ({"sync_status": "downloaded", "stored_key": "u/1/a.mp4"}, 1, False),
        ({"sync_status": "remote", "created_at": None}, 1, False),
    ],
)
def test_only_a_young_asset_may_still_be_on_its_way(
    changes: dict[str, object], age_s: float, *, is_coming: bool
) -> None:
    stored = replace(STORED, **({"stored_key": None} | changes))
    assert is_on_its_way(stored, NOW + timedelta(seconds=age_s)) is is_coming
