"""What goes into a generation is read once, known by its bytes, and refused before anybody is asked."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from assetctl.errors import InvalidRequest
from assetctl.keys import request_key
from assetctl.media import inputs
from assetctl.media.inputs import mime_type_of_input, with_digest, with_digests
from assetctl.models import AssetInput, AssetRequest, AssetType

IMAGE, VIDEO = AssetType.IMAGE, AssetType.VIDEO
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" + b"IEND\xaeB`\x82"
MP4 = (24).to_bytes(4) + b"ftypisom" + bytes(12)
WAV = b"RIFF" + (4).to_bytes(4, "little") + b"WAVE"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "lantern.png"
    path.write_bytes(PNG)
    return path


def refused(given: AssetInput) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        with_digest(given)
    assert caught.value.exit_code == 2
    assert caught.value.why
    assert caught.value.hint
    return caught.value


def test_file_is_known_by_its_bytes_its_type_and_its_absolute_path(picture: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(picture.parent)
    read = with_digest(AssetInput(path=Path("lantern.png")))
    assert read == AssetInput(IMAGE, path=picture, sha256=hashlib.sha256(PNG).hexdigest())


def test_same_bytes_elsewhere_are_the_same_request(picture: Path, tmp_path: Path):
    other = tmp_path / "copy.png"
    other.write_bytes(PNG)
    one, two = (with_digests(AssetRequest(inputs=(AssetInput(path=path),))) for path in (picture, other))
    assert request_key(one) == request_key(two)
    other.write_bytes(PNG.replace(b"pixels", b"Pixels"))
    three = with_digests(AssetRequest(inputs=(AssetInput(path=other),)))
    assert request_key(three) != request_key(one)


def test_what_has_a_digest_is_not_read_again():
    given = AssetInput(IMAGE, path=Path("/nowhere.png"), sha256="ab" * 32)
    assert with_digest(given) == given


@pytest.mark.parametrize("given", [AssetInput(asset_id="12"), AssetInput(url="https://example.com/a.png")])
def test_what_is_no_file_stays_as_it_is(given: AssetInput):
    assert with_digest(given) == given


def test_large_file_is_hashed_whole(tmp_path: Path):
    data = PNG[:20] + os.urandom(3 * 1024 * 1024) + PNG[-8:]
    path = tmp_path / "large.png"
    path.write_bytes(data)
    assert with_digest(AssetInput(path=path)).sha256 == hashlib.sha256(data).hexdigest()


def test_missing_file_is_refused_with_its_path(tmp_path: Path):
    error = refused(AssetInput(IMAGE, path=tmp_path / "gone.png"))
    assert "gone.png" in error.what
    assert error.why == "No such file or directory"


@pytest.mark.parametrize("name", ["folder", "a\x00b"])
def test_what_is_no_file_by_nature_is_refused(tmp_path: Path, name: str):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidRequest) as caught:
        with_digest(AssetInput(IMAGE, path=tmp_path / name))
    assert caught.value.why


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes are POSIX")
def test_pipe_is_refused_and_holds_nobody(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.png")
    assert refused(AssetInput(IMAGE, path=tmp_path / "pipe.png")).why == "it is no file"


@pytest.mark.parametrize(
    ("data", "wanted", "what"),
    [
        (b"", None, "neither an image nor a video"),
        (b"just words", IMAGE, "neither an image nor a video"),
        (WAV, None, "neither an image nor a video"),
        (PNG, VIDEO, "is no video"),
        (MP4, IMAGE, "is no image"),
        (PNG[:-8], IMAGE, "is not whole"),
        (MP4[:-4], None, "is not whole"),
    ],
)
def test_what_is_no_usable_media_is_refused(tmp_path: Path, data: bytes, wanted: AssetType | None, what: str):
    path = tmp_path / "given"
    path.write_bytes(data)
    assert what in refused(AssetInput(wanted, path=path)).what


@pytest.mark.parametrize(("asset_type", "data"), [(IMAGE, PNG), (VIDEO, MP4)])
def test_file_beyond_the_limit_of_its_type_is_refused_unread(
    tmp_path: Path, asset_type: AssetType, data: bytes, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "huge"
    path.write_bytes(data)
    monkeypatch.setattr(inputs, "MAX_INPUT_BYTES", dict.fromkeys((IMAGE, VIDEO), len(data) - 1))
    error = refused(AssetInput(asset_type, path=path))
    assert "too large" in error.what
    assert f"{len(data)} B" in (error.why or "")
    monkeypatch.setattr(inputs, "MAX_INPUT_BYTES", dict.fromkeys((IMAGE, VIDEO), len(data)))
    assert with_digest(AssetInput(asset_type, path=path)).sha256


def test_media_type_is_told_of_bytes_that_are_still_the_same(picture: Path, tmp_path: Path):
    assert mime_type_of_input(with_digest(AssetInput(path=picture))) == "image/png"
    clip = tmp_path / "clip"
    clip.write_bytes(MP4)
    assert mime_type_of_input(with_digest(AssetInput(path=clip))) == "video/mp4"


def test_bytes_that_changed_since_are_refused(picture: Path):
    read = with_digest(AssetInput(path=picture))
    picture.write_bytes(PNG.replace(b"pixels", b"Pixels"))
    with pytest.raises(InvalidRequest, match="not the file any more"):
        mime_type_of_input(read)
    with pytest.raises(InvalidRequest, match="not the file any more"):
        mime_type_of_input(replace(read, sha256="ab" * 32))
