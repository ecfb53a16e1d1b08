"""Assets: their shape, search with its oddities, tags, uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.samples import sample

if TYPE_CHECKING:
    import httpx

    from service.harness import Account, LookAlike

ASSETS = "/api/v1/assets"
FIELDS = [
    *("id", "user_id", "sha256", "media_type", "provider_id", "provider_asset_id", "model", "source_generation_id"),
    *("operation_type", "reproducible_hash", "input_assets_key", "prompt_version_id", "prompt_family_id", "gen_seed"),
    *("stored_key", "thumbnail_key", "preview_key", "remote_url", "thumbnail_url", "preview_url", "local_path"),
    *("file_url", "sync_status", "is_archived", "file_size_bytes", "duration_sec", "width", "height", "mime_type"),
    *("prompt", "description", "tags", "provider_status", "provider_removal_failed", "recovered", "signal_score"),
    *("signal_override", "signal_suspicious", "asset_kind", "upload_method", "upload_context", "provider_uploads"),
    *("last_upload_status_by_provider", "version_family_id", "version_number", "parent_asset_id", "version_message"),
    *("has_generation_context", "has_children", "artificial_extend", "created_at"),
]


def found(api: httpx.Client, **body: Any) -> list[int]:
    answer = api.post(f"{ASSETS}/search", json=body)
    assert answer.status_code == 200, answer.text
    return [asset["id"] for asset in answer.json()["assets"]]


@pytest.fixture
def shelf(server: LookAlike, user: Account) -> list[int]:
    """Park (image), confess and refuse (videos), ending (video): oldest first."""
    scene = "scene:romance_5"
    return [
        server.add_asset(user, kind, tags=tags)["id"]
        for kind, tags in (
            ("image", [scene, "loc:park"]),
            ("video", [scene, "choice:confess", "loc:park"]),
            ("video", [scene, "choice:refuse"]),
            ("video", ["scene:ending_2"]),
        )
    ]


def test_asset_has_the_recorded_shape(server: LookAlike, user: Account):
    asset = server.add_asset(user, "video", tags=["scene:park"], duration_s=4.0)

    assert list(asset) == FIELDS
    assert asset["stored_key"] == f"u/{user.id}/content/{asset['sha256'][:2]}/{asset['sha256']}.mp4"
    assert (asset["provider_status"], asset["sync_status"], asset["remote_url"]) == ("local_only", "downloaded", None)
    assert asset["duration_sec"] == 4.0
    (tag,) = asset["tags"]
    assert list(tag) == ["id", "slug", "namespace", "name", "display_name", "source"]
    assert (tag["namespace"], tag["name"], tag["source"]) == ("scene", "park", "manual")


def test_foreign_unknown_and_ill_named_assets(api: httpx.Client, server: LookAlike):
    foreign = server.add_asset(server.user("stranger"), "video")["id"]

    seen, file = api.get(f"{ASSETS}/{foreign}"), api.get(f"{ASSETS}/{foreign}/file")

    assert (seen.status_code, seen.json()["message"]) == (500, "Failed to get asset: Cannot access other users' assets")
    assert file.json()["message"] == "Failed to serve file: Cannot access other users' assets"
    assert api.get(f"{ASSETS}/999999").json()["message"] == "Asset not found"
    assert api.get(f"{ASSETS}/abc").json()["fields"][0]["type"] == "int_parsing"
    assert api.get(f"{ASSETS}/search").status_code == 422
    assert api.post(f"{ASSETS}/bulk/get", json={"asset_ids": [foreign]}).status_code == 400


def test_bulk_skips_what_is_unknown(api: httpx.Client, shelf: list[int]):
    assets = api.post(f"{ASSETS}/bulk/get", json={"asset_ids": [shelf[1], 999999, shelf[0]]}).json()

    assert [asset["id"] for asset in assets] == [shelf[1], shelf[0]]


def test_list_of_tags_means_any_unless_all_is_said(api: httpx.Client, shelf: list[int]):
    park, confess, refuse, _ = shelf
    both = ["scene:romance_5", "choice:confess"]

    assert found(api, tag="scene:romance_5") == [refuse, confess, park]
    assert found(api, tag=both) == [refuse, confess, park]
    assert found(api, tag=both, filters={"tag__mode": "all"}) == [confess]
    assert found(api, tag="choice:confess,choice:refuse") == [refuse, confess]
    assert found(api, tag="Scene:romance_5") == []


def test_media_type_counts_only_among_the_filters(api: httpx.Client, shelf: list[int]):
    park, confess, refuse, ending = shelf

    assert found(api, filters={"media_type": "video"}, tag="loc:park") == [confess]
    assert found(api, media_type="video", tag="loc:park") == [confess, park]
    assert found(api, filters={"tag__all": ["choice:confess"]}) == [ending, refuse, confess, park]
    assert found(api, nonsense=1) == [ending, refuse, confess, park]


def test_pages_follow_the_cursor_and_a_bad_one_is_ignored(api: httpx.Client, shelf: list[int]):
    park, confess, refuse, ending = shelf

    first = api.post(f"{ASSETS}/search", json={"limit": 2}).json()
    second = api.post(f"{ASSETS}/search", json={"limit": 2, "cursor": first["next_cursor"]}).json()
    third = api.post(f"{ASSETS}/search", json={"limit": 2, "cursor": second["next_cursor"]}).json()

    assert [asset["id"] for asset in first["assets"] + second["assets"]] == [ending, refuse, confess, park]
    assert first["next_cursor"].endswith(f"+00:00|{refuse}")
    assert (second["total"], third["assets"], third["next_cursor"]) == (4, [], None)
    assert found(api, limit=2, cursor="garbage") == [ending, refuse]
    assert found(api, limit=2, offset=2) == [confess, park]


def test_cursor_pages_wrongly_in_ascending_order(api: httpx.Client, shelf: list[int]):
    first = api.post(f"{ASSETS}/search", json={"limit": 2, "sort_dir": "asc"}).json()
    second = found(api, limit=2, sort_dir="asc", cursor=first["next_cursor"])

    assert [asset["id"] for asset in first["assets"]] == shelf[:2]
    assert second == shelf[:1]


def test_limit_of_a_search_is_a_hundred(api: httpx.Client):
    answer = api.post(f"{ASSETS}/search", json={"limit": 100000})

    assert answer.json()["fields"] == [
        {
            "loc": ["body", "limit"],
            "msg": "Input should be less than or equal to 100",
            "type": "less_than_equal",
        }
    ]


def test_archived_and_other_kinds_are_hidden_and_text_is_searched(api: httpx.Client, server: LookAlike, user: Account):
    plain = server.add_asset(user, description="A quiet lake")["id"]
    archived = server.add_asset(user)["id"]
    mask = server.add_asset(user, asset_kind="mask")["id"]
    api.patch(f"{ASSETS}/{archived}/archive", json={"archived": True})

    assert found(api) == [plain]
    assert found(api, include_archived=True) == [archived, plain]
    assert found(api, archived_only=True) == [archived]
    assert found(api, filters={"asset_kind": None}) == [mask, plain]
    assert found(api, q="QUIET") == [plain]
    assert found(api, q="loud") == []
    assert found(api, asset_ids=[plain]) == [plain]


def test_audio_and_models_are_found_too(api: httpx.Client, server: LookAlike, user: Account):
    audio, model = server.add_asset(user, "audio"), server.add_asset(user, "3d_model")

    assert found(api, filters={"media_type": ["audio", "3d_model"]}) == [model["id"], audio["id"]]
    assert (audio["mime_type"], model["mime_type"]) == ("audio/wav", "model/gltf-binary")


def test_tags_are_lowered_added_once_and_taken_away(api: httpx.Client, server: LookAlike, user: Account):
    number = server.add_asset(user)["id"]

    api.post(f"{ASSETS}/{number}/tags/assign", json={"add": ["Loc:Big Park", "scene:x", "scene:x"]})
    answer = api.post(f"{ASSETS}/{number}/tags/assign", json={"remove": ["scene:x"]}).json()
    refused = api.post(f"{ASSETS}/{number}/tags/assign", json={"add": ["plainword"]})

    assert [tag["slug"] for tag in answer["tags"]] == ["loc:big park"]
    words = "Invalid namespaced ID: 'plainword'. Expected 'namespace:name' with a non-empty namespace."
    assert (refused.status_code, refused.json()["message"]) == (400, f"Invalid slug format: {words}")
    listed = api.get("/api/v1/tags", params={"namespace": "loc"}).json()
    assert "loc:big park" in [tag["slug"] for tag in listed["tags"]]


def upload(api: httpx.Client, content: bytes, kind: str = "image/png", **form: str) -> httpx.Response:
    return api.post(f"{ASSETS}/upload", files={"file": ("a.png", content, kind)}, data=form)


def test_upload_into_the_library_is_stored_once(api: httpx.Client):
    content, _ = sample("image", seed="upload")

    first = upload(api, content, save_target="library").json()
    again = upload(api, content, save_target="library").json()

    assert list(first) == [
        *("provider_id", "media_type", "external_url", "provider_asset_id", "asset_id", "note", "versioning_status")
    ]
    assert first["note"] == "Saved to library (backend storage only)."
    assert (again["asset_id"], again["note"]) == (first["asset_id"], "Deduplicated by sha256, already on local")
    assert api.get(first["external_url"]).content == content
    sha256 = api.get(f"{ASSETS}/{first['asset_id']}").json()["sha256"]
    assert api.post(f"{ASSETS}/check-by-hash", json={"sha256": sha256}).json()["asset_id"] == first["asset_id"]


def test_merely_similar_image_may_give_another_asset(api: httpx.Client, server: LookAlike):
    server.configure(similar_images=True)
    first = upload(api, sample("image", seed="one")[0], save_target="library").json()

    second = upload(api, sample("image", seed="two")[0], save_target="library").json()

    assert (second["asset_id"], second["note"]) == (first["asset_id"], "Deduplicated by phash, already on local")


def test_upload_needs_a_target_and_a_picture_or_clip(api: httpx.Client):
    no_provider, sound = upload(api, b"x"), upload(api, b"x", "audio/wav", save_target="library")

    assert no_provider.json()["message"] == "provider_id is required when save_target='provider'"
    assert (sound.status_code, sound.json()["message"]) == (400, "Unsupported content type: audio/wav")
    assert api.post(f"{ASSETS}/upload", content=b"x").status_code == 400


def test_deleted_asset_is_gone(api: httpx.Client, server: LookAlike, user: Account):
    number = server.add_asset(user)["id"]
    other = server.add_asset(user)["id"]

    deleted = api.delete(f"{ASSETS}/{number}")
    server.remove_asset(other)

    assert deleted.status_code == 204
    assert [api.get(f"{ASSETS}/{gone}").status_code for gone in (number, other)] == [404, 404]
