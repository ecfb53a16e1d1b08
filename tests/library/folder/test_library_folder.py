"""The folder library from outside: files and sidecars in, candidates with reasons out."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from assetctl.errors import IntegrityError, LibraryError
from assetctl.library.base import Given, Standing
from assetctl.library.folder.index import SHELF_FRESH_S, FolderIndex
from assetctl.library.folder.library import FolderLibrary
from assetctl.models import AssetRequest, AssetType, MediaInfo

pytestmark = pytest.mark.anyio

CONFESS = AssetRequest(scene_id="romance_5", choice_id="confess")
A_DAY_LATER = datetime.now(UTC) + timedelta(days=1)


class FakeClock:
    """Far enough from every file's time for all of them to be settled, unless told otherwise."""

    def __init__(self, now=A_DAY_LATER):
        self.moment = now
        self.seconds = 0.0

    def now(self):
        return self.moment

    def elapsed_s(self):
        return self.seconds


class FakeProbe:
    """Knows the lengths of files by name, and which are broken; counts the looks."""

    def __init__(self, **lengths):
        self.lengths = lengths
        self.asked = []

    def __call__(self, path, asset_type):
        self.asked.append(path.name)
        length = self.lengths.get(path.stem)
        if length == "broken":
            raise IntegrityError(f"`{path.name}` is no playable {asset_type}", why="it is cut off")
        return MediaInfo("video/mp4", duration_s=length)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "assets"
    folder.mkdir()
    return folder


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def library(root, clock):
    return FolderLibrary(root, snapshot=None, clock=clock, probe=FakeProbe())


def put(root, name, content=b"media", sidecar=None):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if sidecar is not None:
        path.with_name(f"{path.name}.toml").write_text(sidecar)
    return path


def ids(candidates):
    return [candidate.asset.asset_id for candidate in candidates if candidate.matches]


def refusals(candidates):
    return {candidate.asset.asset_id: candidate.refusal for candidate in candidates if not candidate.matches}


async def test_a_file_named_after_scene_and_choice_is_found(root, library):
    path = put(root, "romance_5/confess.mp4")
    (candidate,) = await library.search(CONFESS)
    asset = candidate.asset
    assert candidate.matches
    assert (asset.asset_id, asset.asset_type, asset.size_bytes) == ("romance_5/confess.mp4", AssetType.VIDEO, 5)
    assert asset.fingerprint == f"5:{path.stat().st_mtime_ns}"
    assert asset.url == path.as_uri()
    assert asset.origin is not None
    assert asset.origin.provider == "library:folder"
    assert await library.get("romance_5/confess.mp4") == asset


async def test_it_says_what_it_is(library):
    assert (library.name, library.needs_network, library.recheck_after_s) == ("folder", False, 0.0)


async def test_scene_and_choice_files_do_not_answer_for_each_other(root, library):
    put(root, "romance_5.mp4")
    put(root, "romance_5/confess.mp4")
    assert ids(await library.search(CONFESS)) == ["romance_5/confess.mp4"]
    told = await library.search(AssetRequest(scene_id="romance_5"))
    assert ids(told) == ["romance_5.mp4"]
    assert refusals(told) == {"romance_5/confess.mp4": "made for the choice `confess`, asked for none"}


async def test_a_sidecar_with_context_replaces_the_name_entirely(root, library):
    put(root, "romance_5/confess.mp4", sidecar='character = "mia"')
    assert ids(await library.search(CONFESS)) == []
    assert ids(await library.search(AssetRequest(character_id="mia"))) == ["romance_5/confess.mp4"]


async def test_a_sidecar_without_context_only_adds(root, library):
    put(root, "romance_5/confess.mp4", sidecar='style = "anime"\nid = "c1"')
    (candidate,) = await library.search(CONFESS)
    assert candidate.asset.asset_id == "c1"
    assert candidate.asset.style == "anime"


async def test_a_deep_file_needs_a_sidecar(root, library):
    put(root, "a/b/c.mp4")
    put(root, "a/b/d.mp4", sidecar='scene = "romance_5"\nchoice = "confess"')
    assert ids(await library.search(CONFESS)) == ["a/b/d.mp4"]
    assert await library.get("a/b/c.mp4") is None
    assert (await library.get("a/b/d.mp4")) is not None


async def test_an_asset_is_got_by_its_id_and_by_its_path(root, library):
    put(root, "a/b.mp4", sidecar='id = "first"')
    by_id, by_path = await library.get("first"), await library.get("a/b.mp4")
    assert by_id.asset_id == "first"
    assert by_path.asset_id == "a/b.mp4"
    assert by_id.fingerprint == by_path.fingerprint


@pytest.mark.parametrize("asset_id", ["nothing", "no/such.mp4", "../assets/a.mp4", "a.mp4.toml", ""])
async def test_what_is_not_there_is_none(root, library, asset_id):
    put(root, "a.mp4", sidecar="")
    assert await library.get(asset_id) is None
    assert await library.standing(asset_id, "5:1") is Standing.GONE


async def test_an_ambiguous_id_gives_nobody_and_search_still_works(root, library):
    put(root, "romance_5/confess.mp4", sidecar='id = "same"')
    put(root, "romance_5/wait.mp4", sidecar='id = "same"')
    with pytest.raises(LibraryError) as caught:
        await library.get("same")
    assert caught.value.why == "it stands in the sidecars of `romance_5/confess.mp4` and `romance_5/wait.mp4`"
    with pytest.raises(LibraryError):
        await library.standing("same", "5:1")
    told = await library.search(CONFESS)
    assert ids(told) == ["romance_5/confess.mp4"]
    async with library.open(told[0].asset, root) as path:
        assert path == root / "romance_5" / "confess.mp4"
    assert await library.problems() == ("the id `same` is given to `romance_5/confess.mp4` and `romance_5/wait.mp4`",)


async def test_a_broken_sidecar_is_told_and_its_file_is_no_match(root, library):
    put(root, "romance_5/confess.mp4", sidecar='chioce = "x"')
    put(root, "romance_5/wait.mp4")
    told = await library.search(CONFESS)
    reason = "the sidecar `romance_5/confess.mp4.toml` has no field `chioce`: line 1"
    assert ids(told) == []
    assert next(iter(refusals(told).items())) == ("romance_5/confess.mp4", reason)
    assert await library.problems() == (reason,)
    assert ids(await library.search(AssetRequest(scene_id="romance_5", choice_id="wait"))) == ["romance_5/wait.mp4"]
    with pytest.raises(LibraryError):
        await library.get("romance_5/confess.mp4")


async def test_orphan_and_unparsable_sidecars_are_problems(root, library):
    put(root, "gone.mp4.toml", b"")
    put(root, "a.mp4", sidecar="= ")
    problems = await library.problems()
    assert problems[0].startswith("the sidecar `a.mp4.toml` is no TOML: ")
    assert problems[1:] == ("the sidecar `gone.mp4.toml` describes a file that is not there",)


async def test_a_linked_sidecar_is_refused(root, library):
    put(root, "a.mp4")
    put(root, "other.toml", b"")
    (root / "a.mp4.toml").symlink_to("other.toml")
    with pytest.raises(LibraryError) as caught:
        await library.get("a.mp4")
    assert "not a link" in (caught.value.why or "")


async def test_a_file_with_the_longest_name_needs_no_sidecar(root, library):
    name = "x" * 251 + ".mp4"
    put(root, name)
    assert (await library.get(name)).asset_id == name


async def test_a_link_out_of_the_library_is_refused_with_a_sentence(root, library, tmp_path):
    secret = put(tmp_path, "secret.mp4")
    (root / "romance_5").mkdir()
    (root / "romance_5" / "confess.mp4").symlink_to(secret)
    told = await library.search(CONFESS)
    assert refusals(told) == {
        "romance_5/confess.mp4": "the library file `romance_5/confess.mp4` is refused: "
        "it is a link that leads out of the library"
    }
    with pytest.raises(LibraryError):
        await library.get("romance_5/confess.mp4")
    with pytest.raises(LibraryError):
        async with library.open(told[0].asset, tmp_path / "target"):
            pytest.fail("a file from outside was handed out")


async def test_open_gives_the_librarys_own_file(root, library, tmp_path):
    path = put(root, "romance_5/confess.mp4", sidecar='id = "c1"')
    (candidate,) = await library.search(CONFESS)
    async with library.open(candidate.asset, tmp_path / "target") as opened:
        assert opened == path
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (lambda path: path.write_bytes(b"another"), "replaced a moment ago"),
        (lambda path: path.unlink(), "is gone"),
    ],
)
async def test_open_refuses_a_file_that_is_not_the_found_one(root, library, tmp_path, deed, words):
    path = put(root, "romance_5/confess.mp4")
    (candidate,) = await library.search(CONFESS)
    deed(path)
    with pytest.raises(LibraryError, match=words):
        async with library.open(candidate.asset, tmp_path / "target"):
            pytest.fail("it was handed out")


async def test_open_refuses_an_empty_file(root, library, tmp_path):
    put(root, "romance_5/confess.mp4", b"")
    (candidate,) = await library.search(CONFESS)
    with pytest.raises(LibraryError, match="is empty"):
        async with library.open(candidate.asset, tmp_path / "target"):
            pytest.fail("it was handed out")


@pytest.mark.parametrize("asset_id", ["romance_5/confess.mp4", "c1"])
async def test_standing_sees_a_replaced_and_a_removed_file_at_once(root, library, asset_id):
    path = put(root, "romance_5/confess.mp4", sidecar='id = "c1"')
    asset = await library.get(asset_id)
    assert await library.standing(asset_id, asset.fingerprint) is Standing.SAME
    path.write_bytes(b"the final clip")
    assert await library.standing(asset_id, asset.fingerprint) is Standing.CHANGED
    path.unlink()
    assert await library.standing(asset_id, asset.fingerprint) is Standing.GONE


async def test_standing_and_get_by_path_list_no_folder(root, library, monkeypatch):
    put(root, "romance_5/confess.mp4")

    def listing(path):
        pytest.fail(f"`{path}` was listed")

    monkeypatch.setattr(os, "scandir", listing)
    asset = await library.get("romance_5/confess.mp4")
    assert await library.standing(asset.asset_id, asset.fingerprint) is Standing.SAME


async def test_a_missing_folder_is_an_empty_library(tmp_path, clock):
    library = FolderLibrary(tmp_path / "none", snapshot=None, clock=clock, probe=FakeProbe())
    assert await library.search(CONFESS) == []
    assert await library.get("a.mp4") is None
    assert await library.get("a") is None
    assert await library.standing("a.mp4", "1:1") is Standing.GONE
    assert await library.problems() == ()


async def test_a_folder_that_must_exist_or_is_a_file_is_trouble(tmp_path, clock):
    (tmp_path / "file").touch()
    missing = FolderLibrary(tmp_path / "none", snapshot=None, clock=clock, probe=FakeProbe(), must_exist=True)
    a_file = FolderLibrary(tmp_path / "file", snapshot=None, clock=clock, probe=FakeProbe())
    for library in (missing, a_file):
        with pytest.raises(LibraryError):
            await library.search(CONFESS)
        with pytest.raises(LibraryError):
            await library.get("a.mp4")
        with pytest.raises(LibraryError):
            await library.standing("a.mp4", "1:1")


async def test_an_unreadable_matching_file_is_trouble_and_no_miss(root, library):
    (root / "romance_5").mkdir()
    (root / "romance_5" / "confess.mp4").symlink_to("confess.mp4")
    with pytest.raises(LibraryError):
        await library.search(CONFESS)


async def test_a_file_removed_since_the_listing_is_no_candidate(root, library):
    path = put(root, "romance_5/confess.mp4")
    assert len(await library.search(CONFESS)) == 1
    path.unlink()
    assert await library.search(CONFESS) == []


async def test_searches_close_together_share_one_listing(root, library, clock):
    assert await library.search(CONFESS) == []
    put(root, "romance_5/confess.mp4")
    clock.seconds = 0.9
    assert await library.search(CONFESS) == []
    clock.seconds = 1.1
    assert ids(await library.search(CONFESS)) == ["romance_5/confess.mp4"]


TAKES = {"one": 5.2, "two": 9.0, "three": "broken", "four": None}
FIVE_SECONDS = AssetRequest(scene_id="s", duration_s=5.0)


async def test_lengths_are_taken_from_matching_files_only_when_asked_for(root, clock):
    probe = FakeProbe(**TAKES)
    library = FolderLibrary(root, snapshot=None, clock=clock, probe=probe)
    for name in TAKES:
        put(root, f"takes/of/{name}.mp4", sidecar='scene = "s"')
    put(root, "takes/of/stated.mp4", sidecar='scene = "s"\nduration_s = 5')
    put(root, "other/wait.mp4")
    assert len(ids(await library.search(AssetRequest(scene_id="s")))) == 5
    assert probe.asked == []
    told = await library.search(FIVE_SECONDS)
    assert ids(told) == ["takes/of/stated.mp4", "takes/of/one.mp4", "takes/of/four.mp4"]
    assert refusals(told) == {
        "takes/of/two.mp4": "lasts 9 s, asked for 5 s give or take 20%",
        "takes/of/three.mp4": "`three.mp4` is no playable video: it is cut off",
    }
    assert sorted(probe.asked) == ["four.mp4", "one.mp4", "three.mp4", "two.mp4"]


async def test_a_still_image_has_no_length_to_look_up(root, clock):
    probe = FakeProbe()
    library = FolderLibrary(root, snapshot=None, clock=clock, probe=probe)
    put(root, "s.png")
    request = AssetRequest(scene_id="s", duration_s=5.0, asset_type=AssetType.IMAGE)
    assert ids(await library.search(request)) == ["s.png"]
    assert probe.asked == []


async def test_a_length_is_looked_up_once_until_the_file_changes(root, clock, tmp_path):
    snapshot, path = tmp_path / "snapshot.json", put(root, "s.mp4")
    probe = FakeProbe(s=5.0)
    for _ in range(2):
        library = FolderLibrary(root, snapshot=snapshot, clock=clock, probe=probe)
        assert ids(await library.search(FIVE_SECONDS)) == ["s.mp4"]
    assert probe.asked == ["s.mp4"]
    path.write_bytes(b"a longer clip")
    probe.lengths = {"s": 9.0}
    assert ids(await library.search(FIVE_SECONDS)) == []


async def test_a_length_read_from_a_fresh_file_is_not_remembered(root, tmp_path):
    path = put(root, "s.mp4")
    probe = FakeProbe(s=5.0)
    clock = FakeClock(now=datetime.fromtimestamp(path.stat().st_mtime, UTC))
    library = FolderLibrary(root, snapshot=tmp_path / "snapshot.json", clock=clock, probe=probe)
    await library.search(FIVE_SECONDS)
    await library.search(FIVE_SECONDS)
    assert probe.asked == ["s.mp4", "s.mp4"]
    assert not (tmp_path / "snapshot.json").exists()


async def searched_anew(root, snapshot, clock, request=CONFESS):
    return await FolderLibrary(root, snapshot=snapshot, clock=clock, probe=FakeProbe()).search(request)


async def test_unchanged_sidecars_are_not_read_again(root, clock, tmp_path):
    snapshot = tmp_path / "snapshot.json"
    put(root, "a.mp4", sidecar='scene = "romance_5"\nchoice = "confess"')
    sidecar = root / "a.mp4.toml"
    status = sidecar.stat()
    first = await searched_anew(root, snapshot, clock)
    assert ids(first) == ["a.mp4"]
    # Other words of the same size and time: only a look into the file could tell.
    sidecar.write_text('scene = "romance_6"\nchoice = "confess"')
    os.utime(sidecar, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert await searched_anew(root, snapshot, clock) == first
    os.utime(sidecar, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert ids(await searched_anew(root, snapshot, clock)) == []


async def test_what_is_gone_is_forgotten(root, clock, tmp_path):
    snapshot = tmp_path / "snapshot.json"
    library = FolderLibrary(root, snapshot=snapshot, clock=clock, probe=FakeProbe(s=5.0))
    put(root, "s.mp4", sidecar="")
    await library.search(FIVE_SECONDS)
    assert "s.mp4" in snapshot.read_text()
    (root / "s.mp4").unlink()
    (root / "s.mp4.toml").unlink()
    await searched_anew(root, snapshot, clock)
    assert "s.mp4" not in snapshot.read_text()


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"root": 5}', b"\x00" * 100])
async def test_a_damaged_snapshot_is_rebuilt(root, clock, tmp_path, damage):
    snapshot = tmp_path / "snapshot.json"
    put(root, "a.mp4", sidecar='scene = "romance_5"\nchoice = "confess"')
    first = await searched_anew(root, snapshot, clock)
    sound = snapshot.read_bytes()
    snapshot.write_bytes(damage)
    assert await searched_anew(root, snapshot, clock) == first
    assert snapshot.read_bytes() == sound


async def test_paths_in_a_snapshot_are_never_followed(root, clock, tmp_path):
    snapshot, secret = tmp_path / "snapshot.json", put(tmp_path, "secret.mp4")
    put(root, "a.mp4", sidecar="")
    await searched_anew(root, snapshot, clock)
    planted = snapshot.read_text().replace("a.mp4.toml", "../secret.mp4.toml")
    assert planted.count("../secret") == 1
    snapshot.write_text(planted)
    told = await searched_anew(root, snapshot, clock, AssetRequest(scene_id="secret"))
    assert str(secret) not in str(told)
    assert ids(told) == []


async def test_a_snapshot_that_cannot_be_written_costs_nothing(root, clock, tmp_path):
    (tmp_path / "file").touch()
    put(root, "romance_5/confess.mp4", sidecar="")
    assert ids(await searched_anew(root, tmp_path / "file" / "s.json", clock)) == ["romance_5/confess.mp4"]


async def test_a_sidecar_that_cannot_be_read_is_trouble(root, clock):
    index = FolderIndex(root, snapshot=None, clock=clock, must_exist=False)
    (root / "loop").symlink_to("loop")
    with pytest.raises(LibraryError):
        index.sidecar("loop/a.mp4")
    (root / "a.mp4.toml").symlink_to("nothing")
    with pytest.raises(LibraryError):
        index.sidecar("a.mp4")
    with pytest.raises(LibraryError):
        index._read("removed-since-it-was-listed.mp4.toml")


OPENED_MEDIA = """
import sys, anyio
from pathlib import Path
from assetctl.clock import SystemClock
from assetctl.library.folder.library import FolderLibrary
from assetctl.models import AssetRequest

library = FolderLibrary(Path(sys.argv[1]), snapshot=None, clock=SystemClock(), probe=None)
opened = []
sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event == "open" else None)
told = anyio.run(library.search, AssetRequest(scene_id="scene_7", choice_id="choice_3"))
print(told[0].asset.asset_id, told[0].matches, [path for path in opened if sys.argv[1] in path])
"""


def test_a_large_library_is_searched_without_opening_its_files(root):
    for number in range(1000):
        put(root, f"scene_{number // 10}/choice_{number % 10}.mp4")
    assert printed(OPENED_MEDIA, str(root)) == "scene_7/choice_3.mp4 True []"


def printed(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout.strip()


def test_the_import_loads_no_media_or_network_library():
    heavy = "{'av', 'PIL', 'httpx', 'typer', 'rich'}"
    assert printed(f"import sys, assetctl.library.folder.library; print(sorted({heavy} & set(sys.modules)))") == "[]"


async def test_many_searches_give_what_each_gives_and_list_the_folder_once(root, library, clock):
    for name in ("romance_5/confess.mp4", "romance_5/confess.webm", "romance_5.mp4", "by_sidecar.mp4", "broken.mp4"):
        put(root, name)
    (root / "by_sidecar.mp4.toml").write_text('scene = "other"\n')
    (root / "broken.mp4.toml").write_text("scene =")
    requests = [
        CONFESS,
        replace(CONFESS, duration_s=5.0),
        AssetRequest(scene_id="romance_5"),
        replace(CONFESS, asset_type=AssetType.IMAGE),
        AssetRequest(scene_id="other"),
        AssetRequest(scene_id="broken"),
        AssetRequest(prompt="a lantern"),
        CONFESS,
    ]
    together = await library.search_all(requests)
    for request, found in zip(requests, together, strict=True):
        alone = await library.search(request)
        assert [one for one in alone if one.matches or one.trouble] == list(found)
    assert [len(found) for found in together] == [2, 2, 1, 0, 1, 1, 0, 2]
    put(root, "romance_6.mp4")
    assert await library.search_all([AssetRequest(scene_id="romance_6")]) == [[]]
    clock.seconds += SHELF_FRESH_S + 1
    ((found,),) = await library.search_all([AssetRequest(scene_id="romance_6")])
    assert found.matches


async def test_a_file_that_cannot_be_looked_at_is_its_own_requests_trouble(root, library):
    put(root, "a.mp4")
    put(root, "b.mp4")
    await library.search(CONFESS)
    (root / "b.mp4").unlink()
    (root / "b.mp4").symlink_to(root / "b.mp4")
    looped, found = await library.search_all([AssetRequest(scene_id="b"), AssetRequest(scene_id="a")])
    assert found[0].matches
    assert isinstance(looped, LibraryError)
    with pytest.raises(LibraryError):
        await library.search(AssetRequest(scene_id="b"))


async def test_an_empty_folder_matches_nothing(library):
    assert await library.search_all([CONFESS, AssetRequest(prompt="a lantern")]) == [[], []]
    assert await library.search_all([]) == []


async def test_a_folder_that_cannot_be_read_is_trouble_and_no_miss(tmp_path, clock):
    library = FolderLibrary(tmp_path / "none", snapshot=None, clock=clock, probe=FakeProbe(), must_exist=True)
    with pytest.raises(LibraryError, match="not there"):
        await library.search_all([CONFESS])


async def test_many_are_stood_behind_as_each_is(root, library):
    for name in ("same.mp4", "changed.mp4", "gone.mp4", "one.mp4", "two.mp4"):
        put(root, name)
    for name in ("one", "two"):
        (root / f"{name}.mp4.toml").write_text('id = "both"\n')
    given = [Given(asset.asset_id, asset.fingerprint) for name in ("same", "changed", "gone")
             if (asset := await library.get(f"{name}.mp4"))]  # fmt: skip
    put(root, "changed.mp4", b"other bytes")
    (root / "gone.mp4").unlink()
    *known, several = await library.standings([*given, Given("both", "")])
    assert known == [Standing.SAME, Standing.CHANGED, Standing.GONE]
    assert isinstance(several, LibraryError)
