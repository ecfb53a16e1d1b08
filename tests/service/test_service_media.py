"""Bytes: ranges and conditions, tokens, the vendor's host, samples that play."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from assetctl.media.probe import probe
from assetctl.models import AssetType
from service import orders
from service.samples import sample

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from service.harness import Account, LookAlike


@pytest.fixture
def clip(server: LookAlike, user: Account) -> dict[str, Any]:
    return server.add_asset(user, size_bytes=300_000)


def get(api: httpx.Client, clip: dict[str, Any], **headers: str) -> httpx.Response:
    return api.get(clip["file_url"], headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_whole_file_comes_with_a_tag_that_is_no_digest(api: httpx.Client, clip: dict[str, Any]):
    file = get(api, clip)

    assert file.status_code == 200
    assert len(file.content) == int(file.headers["content-length"]) == clip["file_size_bytes"] == 300_000
    assert file.headers["etag"].strip('"') not in clip["sha256"]
    assert file.headers["content-disposition"] == f'attachment; filename="{clip["sha256"]}.mp4"'
    assert "cache-control" not in file.headers


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("bytes=0-99", "bytes 0-99/300000"),
        ("bytes=-50", "bytes 299950-299999/300000"),
        ("bytes=299990-", "bytes 299990-299999/300000"),
        ("bytes=299990-999999", "bytes 299990-299999/300000"),
    ],
)
def test_range_gives_its_part(api: httpx.Client, clip: dict[str, Any], asked: str, told: str):
    part = get(api, clip, range=asked)

    assert (part.status_code, part.headers["content-range"]) == (206, told)
    first, last = (int(number) for number in told.split()[1].partition("/")[0].split("-"))
    assert part.content == get(api, clip).content[first : last + 1]


def test_range_beyond_the_end_is_416_and_nonsense_400(api: httpx.Client, clip: dict[str, Any]):
    beyond, nonsense = get(api, clip, range="bytes=99999999-"), get(api, clip, range="lines=1-2")

    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */300000")
    assert (beyond.headers["content-length"], beyond.headers["content-type"]) == ("0", "text/plain; charset=utf-8")
    assert nonsense.status_code == get(api, clip, range="bytes=a-b").status_code == 400


def test_if_range_holds_for_its_own_tag_alone(api: httpx.Client, clip: dict[str, Any]):
    tag = get(api, clip).headers["etag"]

    same = get(api, clip, range="bytes=0-9", if_range=tag)
    other = get(api, clip, range="bytes=0-9", if_range='"another"')

    assert (same.status_code, other.status_code, len(other.content)) == (206, 200, 300_000)


def test_if_none_match_is_not_looked_at(api: httpx.Client, clip: dict[str, Any]):
    assert get(api, clip, if_none_match=get(api, clip).headers["etag"]).status_code == 200


def test_many_ranges_come_as_parts(api: httpx.Client, clip: dict[str, Any]):
    parts = get(api, clip, range="bytes=0-9,20-29")

    assert parts.status_code == 206
    assert parts.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert parts.content.count(b"Content-Range: bytes") == 2


def test_head_of_media_says_nothing_and_of_a_file_is_refused(api: httpx.Client, clip: dict[str, Any]):
    media, file = api.head(clip["file_url"]), api.head(f"/api/v1/assets/{clip['id']}/file")

    assert (media.status_code, media.headers["content-length"], "etag" in media.headers) == (200, "0", False)
    assert file.status_code == 405


def test_media_takes_a_token_in_the_address_and_a_file_does_not(server: LookAlike, user: Account, clip: dict[str, Any]):
    media = orders.get(server.url + clip["file_url"], params={"token": user.token})
    file = orders.get(f"{server.url}/api/v1/assets/{clip['id']}/file", params={"token": user.token})
    none = orders.get(server.url + clip["file_url"])

    assert (media.status_code, file.status_code) == (200, 401)
    assert none.json()["message"] == "Missing authorization"


def test_media_of_others_is_403_even_for_an_admin(api: httpx.Client, server: LookAlike, clip: dict[str, Any]):
    admin = server.user("boss", role="admin")
    headers = {"authorization": f"Bearer {admin.token}"}

    assert orders.get(f"{server.url}/api/v1/assets/{clip['id']}", headers=headers).status_code == 200
    assert orders.get(server.url + clip["file_url"], headers=headers).json()["message"] == "Access denied"
    assert api.get(f"/api/v1/media/u/{clip['user_id']}/content/aa/none.mp4").json()["message"] == "File not found"


def test_missing_thumbnail_is_202_with_json(api: httpx.Client, server: LookAlike, clip: dict[str, Any]):
    sha256, owner = clip["sha256"], clip["user_id"]
    address = f"/api/v1/media/u/{owner}/thumbnails/{sha256[:2]}/{sha256}.jpg"

    missing = api.get(address)
    changed = server.change_asset(clip["id"], has_thumbnail=True)

    assert (missing.status_code, missing.json()["code"]) == (202, "http_202")
    assert changed["thumbnail_url"] == address
    assert api.get(address).content.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("placed", "answered"),
    [
        ("stored", ("/api/v1/media/", 200)),
        ("local", ("/api/v1/assets/", 200)),
        ("remote", ("http://127.0.0.1:", 400)),
        ("lost", ("/api/v1/media/", 404)),
        ("away", ("/api/v1/media/", 503)),
        ("archived", ("/api/v1/media/", 307)),
    ],
)
def test_file_is_where_it_was_placed(
    api: httpx.Client, server: LookAlike, user: Account, placed: str, answered: tuple[str, int]
):
    file_url, status = answered
    asset = server.add_asset(user, placed=placed)

    assert asset["file_url"].startswith(file_url)
    assert api.get(asset["file_url"]).status_code == status


def test_asset_may_have_no_address_or_one_that_is_none_of_the_web(server: LookAlike, user: Account):
    assert server.add_asset(user, placed="none")["file_url"] is None
    assert server.add_asset(user, placed="opaque", provider_id="pixverse")["file_url"].startswith("pixverse:")


def test_archived_file_is_at_another_host_that_wants_no_token(api: httpx.Client, server: LookAlike, user: Account):
    asset = server.add_asset(user, placed="archived")

    location = api.get(asset["file_url"]).headers["location"]
    file = orders.get(location, headers={"range": "bytes=0-3"})

    assert location.startswith(server.vendor_url + "/store/")
    assert (file.status_code, len(file.content), "x-request-id" in file.headers) == (206, 4, False)
    assert orders.get(location, headers={"authorization": "Bearer x"}).status_code == 400


def test_signed_link_dies_and_a_fresh_one_opens(api: httpx.Client, server: LookAlike, user: Account):
    server.configure(link_life_s=-1.0)
    number = server.add_asset(user, placed="remote")["id"]
    dead = api.get(f"/api/v1/assets/{number}").json()["file_url"]
    server.configure(link_life_s=60.0)
    alive = api.get(f"/api/v1/assets/{number}").json()["file_url"]

    refused = orders.get(dead)

    assert (refused.status_code, b"Request has expired" in refused.content) == (403, True)
    assert orders.get(alive).status_code == 200
    assert orders.get(alive.replace("Signature=", "Signature=0")).status_code == 403
    assert orders.get(server.vendor_url + "/out/none.mp4").status_code == 404


def test_replaced_file_has_another_tag(api: httpx.Client, server: LookAlike, clip: dict[str, Any]):
    before = get(api, clip)

    server.replace_file(clip["id"], before.content[:-1] + b"!" + b"longer")

    after = get(api, clip, range="bytes=10-", if_range=before.headers["etag"])
    assert (after.status_code, after.headers["etag"] != before.headers["etag"]) == (200, True)


@pytest.mark.parametrize("size_bytes", [0, 123_456])
@pytest.mark.parametrize("asset_type", list(AssetType))
def test_sample_is_playable_media(tmp_path: Path, asset_type: AssetType, size_bytes: int):
    media_type = "3d_model" if asset_type is AssetType.MODEL_3D else asset_type.value
    content, mime_type = sample(media_type, seed="a", duration_s=2.5, size_bytes=size_bytes)
    path = tmp_path / "sample"
    path.write_bytes(content)

    info = probe(path, asset_type)

    assert info.mime_type == mime_type
    assert info.duration_s in {None, 2.5}
    assert len(content) >= size_bytes
    assert sample(media_type, seed="b", duration_s=2.5, size_bytes=size_bytes)[0] != content


def test_sample_has_the_size_asked_for():
    assert len(sample("video", seed="a", size_bytes=8_000_000)[0]) == 8_000_000
    assert len(sample("image", seed="a", size_bytes=50_000)[0]) == 50_000
