"""What an answer means for the file that was asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from assetctl.errors import (
    IntegrityError,
    LinkExpired,
    NotAllowed,
    RateLimited,
    ServiceError,
    ServiceFault,
    ServiceUnreachable,
)
from assetctl.models import AssetType
from assetctl.network import Origin
from assetctl.transfer.answers import Asked, Body, Head, body_of, retry_after_s
from assetctl.transfer.remote import RemoteFile
from assetctl.transfer.retries import Again

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOME = Origin("https", "api.example", 443)
FILE = RemoteFile("https://api.example/clip.mp4", AssetType.VIDEO)
WHOLE = Asked()
REST = Asked(offset=100, etag='"a"', total_bytes=300)


def judged(
    status: int, headers: dict[str, str], *, asked: Asked = WHOLE, file: RemoteFile = FILE, is_own: bool = False
) -> Body:
    return body_of(Head(status, headers, HOME, is_own), asked, file, now=NOW)


def test_whole_file_says_how_long_it_is():
    headers = {"content-length": "300", "etag": '"a"', "last-modified": "then", "content-type": "video/mp4"}
    assert judged(200, headers) == Body(0, 300, '"a"', "then")


def test_weak_etag_is_none():
    assert judged(200, {"content-length": "300", "etag": 'W/"a"'}).etag is None


@pytest.mark.parametrize("etag", ["a", '"a', "", '"a"b"', "W/a"])
def test_what_is_no_etag_is_none(etag: str):
    assert judged(200, {"content-length": "300", "etag": etag}).etag is None


def test_chunked_file_has_no_length_even_if_one_is_stated():
    assert judged(200, {"transfer-encoding": "chunked", "content-length": "300"}).total_bytes is None


def test_rest_of_the_file_is_the_rest_that_was_asked_for():
    headers = {"content-range": "bytes 100-299/300", "content-length": "200", "etag": '"a"'}
    assert judged(206, headers, asked=REST) == Body(100, 300, '"a"', None)


def test_rest_of_a_file_of_unknown_length_ends_where_it_says():
    assert judged(206, {"content-range": "bytes 100-299/*"}, asked=Asked(100)).total_bytes == 300


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-range": "nonsense"},
        {"content-range": "bytes 0-299/300"},
        {"content-range": "bytes 50-299/300"},
        {"content-range": "bytes 101-299/300"},
        {"content-range": "bytes 100-99/300"},
        {"content-range": "bytes 100-199/300"},
        {"content-range": "bytes 100-299/300", "content-length": "199"},
        {"content-range": "bytes 100-299/300", "etag": '"b"'},
        {"content-range": "bytes 100-399/400"},
        {"content-range": "bytes */300"},
    ],
)
def test_part_that_was_not_asked_for_is_asked_for_anew(headers: dict[str, str]):
    with pytest.raises(Again) as caught:
        judged(206, headers, asked=REST)
    assert caught.value.anew


def test_part_that_nobody_asked_for_is_refused():
    with pytest.raises(Again):
        judged(206, {"content-range": "bytes 0-299/300"})


def test_rest_that_cannot_be_had_is_asked_for_anew():
    with pytest.raises(Again) as caught:
        judged(416, {"content-range": "bytes */50"}, asked=REST)
    assert caught.value.anew


def test_unsatisfiable_answer_to_no_range_is_trouble():
    with pytest.raises(ServiceError):
        judged(416, {})


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (202, ServiceError),
        (429, RateLimited),
        *[(status, ServiceFault) for status in (408, 425, 500)],
        *[(status, ServiceUnreachable) for status in (502, 503, 504)],
    ],
)
def test_server_that_is_busy_is_asked_again(status: int, error: type[ServiceError]):
    with pytest.raises(Again) as caught:
        judged(status, {"retry-after": "7"})
    assert caught.value.wait_s == 7.0
    assert not caught.value.anew
    assert type(caught.value.error) is error


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_link_that_leads_nowhere_is_an_error_of_its_own(status: int):
    with pytest.raises(LinkExpired):
        judged(status, {})


@pytest.mark.parametrize(("status", "error"), [(401, NotAllowed), (403, NotAllowed), (404, LinkExpired)])
def test_backend_that_refuses_us_is_not_an_expired_link(status: int, error: type[ServiceError]):
    with pytest.raises(error):
        judged(status, {}, is_own=True)


@pytest.mark.parametrize("status", [100, 201, 203, 204, 205, 226, 300, 304, 400, 402, 405, 451, 501, 507])
def test_every_other_status_carries_no_file(status: int):
    with pytest.raises(ServiceError):
        judged(status, {"content-length": "300"})


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP, identity", "x"])
def test_encoded_file_is_refused(encoding: str):
    with pytest.raises(ServiceError, match="refused"):
        judged(200, {"content-encoding": encoding, "content-length": "300"})


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_identity_is_no_encoding(encoding: str):
    assert judged(200, {"content-encoding": encoding, "content-length": "300"}).total_bytes == 300


@pytest.mark.parametrize(
    "kind",
    ["text/html", "text/plain; charset=utf-8", "application/json", "Application/Problem+JSON", "application/xml",
     "multipart/byteranges; boundary=x"],
)  # fmt: skip
def test_page_is_no_film(kind: str):
    with pytest.raises(ServiceError, match="no video"):
        judged(200, {"content-type": kind, "content-length": "300"})


def test_model_may_be_text():
    model = RemoteFile(FILE.url, AssetType.MODEL_3D)
    assert judged(200, {"content-type": "application/json", "content-length": "300"}, file=model).total_bytes == 300
    with pytest.raises(ServiceError):
        judged(200, {"content-type": "text/html", "content-length": "300"}, file=model)


def test_other_length_than_described_is_another_file():
    file = RemoteFile(FILE.url, AssetType.VIDEO, size_bytes=299)
    with pytest.raises(IntegrityError) as caught:
        judged(200, {"content-length": "300"}, file=file)
    assert "300" in (caught.value.why or "")


def test_file_that_is_larger_than_any_is_not_begun():
    with pytest.raises(IntegrityError, match="larger"):
        judged(200, {"content-length": str((4 << 30) + 1)})


@pytest.mark.parametrize(
    "file", [RemoteFile(FILE.url, AssetType.VIDEO, "a" * 64), RemoteFile(FILE.url, AssetType.VIDEO, None, 9)]
)
def test_body_that_ends_when_the_connection_does_needs_something_to_be_compared_with(file: RemoteFile):
    assert judged(200, {}, file=file).total_bytes is None
    with pytest.raises(ServiceError, match="part of it"):
        judged(200, {})
    assert judged(200, {"transfer-encoding": "chunked"}).total_bytes is None


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, 999_999_999.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:01:00 GMT"}, 60.0),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:01:00 GMT", "date": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:01:00"}, None),
    ],
)
def test_wait_is_read_as_seconds_or_as_a_date(headers: dict[str, str], wait_s: float | None):
    assert retry_after_s(headers, NOW) == wait_s


def test_link_is_not_shown():
    assert "signature" not in repr(RemoteFile("https://cdn.example/a?signature=x", AssetType.VIDEO))


def test_identity_is_that_of_the_place_and_not_of_the_signature():
    one = RemoteFile("https://cdn.example/a?signature=x", AssetType.VIDEO)
    other = RemoteFile("https://cdn.example/a?signature=y", AssetType.VIDEO)
    elsewhere = RemoteFile("https://cdn.example/b?signature=x", AssetType.VIDEO)
    assert one.identity == other.identity != elsewhere.identity
