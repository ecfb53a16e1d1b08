"""A job from its order to its end: the row's shape, the refusals, what may be done to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from service import orders
from service.harness import LookAlike
from service.orders import ended, order, stored, wait_for
from service.scripts import Script, steps_of

if TYPE_CHECKING:
    import httpx

    from service.harness import Account

JOBS = "/api/v1/generations"
FIELDS = [
    *("id", "user", "workspace", "operation_type", "provider_id", "canonical_params", "latest_submission_payload"),
    *("latest_submission_provider_job_id", "inputs", "reproducible_hash", "prompt_version_id", "final_prompt"),
    *("prompt_config", "prompt_source_type", "status", "priority", "scheduled_at", "started_at", "completed_at"),
    *("error_message", "error_code", "retry_count", "deferred_action", "attempt_count", "wait_reason"),
    *("parent_generation", "asset", "account", "account_email", "name", "description", "created_at", "updated_at"),
]


def made(api: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = api.post(JOBS, json=order(**{"force_new": True, **changes}))
    assert answer.status_code == 201, answer.text
    return answer.json()


def refused(api: httpx.Client, **changes: Any) -> tuple[int, str]:
    answer = api.post(JOBS, json=order(**{"force_new": True, **changes}))
    return answer.status_code, answer.json()["message"]


def test_new_row_has_the_recorded_shape_and_no_more_than_a_create_tells(api: httpx.Client, user: Account):
    job = made(api)

    assert list(job) == FIELDS
    assert (job["status"], job["user"]) == ("pending", {"type": "user", "id": user.id, "meta": None})
    assert (job["attempt_count"], job["wait_reason"], job["account_email"]) == (None, None, None)
    assert list(job["canonical_params"]) == [
        *("duration", "content_rating", "pacing", "prompt", "scene_context", "player_context", "social_context")
    ]
    assert job["canonical_params"]["scene_context"]["to_scene"] == {
        "id": "scene-b",
        **dict.fromkeys(("mood", "summary", "location", "emotionalState")),
    }


def test_read_row_tells_what_was_submitted(api: httpx.Client, server: LookAlike):
    server.script(duration_s=30.0)

    job = ended(api, made(api)["id"], "processing")

    assert (job["attempt_count"], job["account"]) == (1, {"type": "account", "id": 1, "meta": None})
    assert job["latest_submission_payload"] == {"prompt": "two people talk in a park", "duration": 3.0}
    assert job["account_email"] == "accountless+pixverse@pixsim.local"


def test_knobs_and_inputs_become_canonical(api: httpx.Client, server: LookAlike, user: Account):
    picture = server.add_asset(user, "image")["id"]
    asked = {"pacing": "slow", "mood_from": "tense", "pixverse": {"model": "v6", "colour": "red"}}

    job = made(
        api,
        operation="image_to_video",
        style=asked,
        assets=[{"asset": {"type": "asset", "id": picture}, "role": "main_character"}],
    )

    params = job["canonical_params"]
    assert (params["model"], params["pacing"], "colour" in params) == ("v6", "slow", False)
    (composed,) = params["composition_assets"]
    assert (composed["asset"], composed["media_type"]) == (f"asset:{picture}", "image")
    assert composed["role_concept"]["id"] == composed["role"] == "entities:main_character"
    assert job["inputs"] == [
        {
            "role": "entities:main_character",
            "sequence_order": 0,
            "asset": f"asset:{picture}",
            "meta": {"composition": {"role": "entities:main_character", "tags": []}},
        }
    ]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"prompt": ""}, "text_to_video operation requires a non-empty 'prompt'"),
        (
            {"operation": "image_to_video"},
            "IMAGE_TO_VIDEO operation requires 'composition_assets' list with at least 1 entry",
        ),
        ({"provider_id": "nope"}, "Provider 'nope' not found or not registered"),
        (
            {"provider_id": "remaker"},
            "Provider 'remaker' does not support operation 'text_to_video'. Supported operations: ['image_to_image']",
        ),
        (
            {"operation": "video_transition", "assets": [{"asset": 1}, {"asset": 2}]},
            "VIDEO_TRANSITION operation requires exactly 1 prompts for 2 images",
        ),
    ],
)
def test_clients_mistake_comes_back_as_500(api: httpx.Client, changes: dict[str, Any], why: str):
    assert refused(api, **changes) == (500, f"Failed to create generation: {why}")


def test_wrong_shape_is_422_that_names_the_fields(api: httpx.Client):
    empty = api.post(JOBS, json={}).json()
    unknown = api.post(JOBS, json=order(operation="npc_response")).json()
    broken = api.post(JOBS, content=b"{nope").json()

    assert [field["loc"] for field in empty["fields"]] == [["body", "config"], ["body", "provider_id"]]
    assert (empty["code"], empty["detail"]) == ("validation_error", "One or more fields failed validation")
    assert unknown["fields"][0]["loc"] == ["body", "config", "generationType"]
    assert unknown["fields"][0]["msg"].startswith("Value error, Invalid generation_type 'npc_response'.")
    assert broken["fields"] == [{"loc": ["body", 1], "msg": "JSON decode error", "type": "json_invalid"}]


def test_daily_quota_is_500(api: httpx.Client, server: LookAlike, user: Account):
    server.change_user(user, max_daily_jobs=0)

    words = "Failed to create generation: Daily job limit exceeded (0). Resets at midnight UTC."
    assert refused(api) == (500, words)


def test_twenty_first_create_of_a_minute_is_429_without_retry_after(api: httpx.Client, server: LookAlike):
    server.configure(create_limit=20)

    statuses = [api.post(JOBS, json=order(prompt="")).status_code for _ in range(20)]
    last = api.post(JOBS, json=order())

    assert set(statuses) == {500}
    assert (last.status_code, last.json()["code"]) == (429, "http_429")
    assert re.fullmatch(r"Rate limit exceeded\. Try again in [1-6]?\d seconds\.", last.json()["message"])
    assert "retry-after" not in last.headers


def test_failed_job_turns_back_to_pending_with_its_error(api: httpx.Client, server: LookAlike):
    server.script(outcomes=["failed:provider_generic", "completed"], retry_s=600.0)
    number = made(api)["id"]

    failed = ended(api, number, "failed")
    server.move_job(number, {"after_s": 0.0, "to": "pending"})
    waiting = ended(api, number, "pending")
    server.move_job(number, {"after_s": 0.0, "to": "processing"}, {"after_s": 0.0, "to": "completed"})
    done = ended(api, number)

    assert failed["error_code"] == waiting["error_code"] == "provider_generic"
    assert waiting["retry_count"] == 1
    assert (done["error_code"], done["error_message"], done["attempt_count"]) == (None, None, 2)
    assert len([charge for charge in server.charges() if charge["generation_id"] == number]) == 1


def test_outcomes_become_steps_with_a_return_to_pending_between_them():
    steps = steps_of(Script(outcomes=("failed:provider_timeout", "failed", "completed"), derive_s=0.1))

    assert [step["to"] for step in steps] == [
        *("processing", "failed", "pending", "processing", "failed", "pending"),
        *("processing", "completed", "ingested", "derived"),
    ]
    assert [step["code"] for step in steps if step["to"] == "failed"] == ["provider_timeout", "provider_generic"]
    assert [step["to"] for step in steps_of(Script(outcomes=("cancelled",)))] == ["processing", "cancelled"]
    assert steps_of(Script(outcomes=("waits",))) == []
    with pytest.raises(ValueError, match="unheard_of"):
        steps_of(Script(outcomes=("unheard_of",)))


def test_flaky_job_completes_in_the_end(api: httpx.Client, server: LookAlike):
    server.script(outcomes=["failed:provider_generic", "failed:content_filtered", "completed"])

    job = ended(api, made(api)["id"])

    assert (job["retry_count"], job["attempt_count"]) == (2, 3)


def test_last_failure_stays(api: httpx.Client, server: LookAlike):
    server.script(outcomes=["failed:content_prompt_rejected"])

    job = ended(api, made(api)["id"], "failed")

    assert (job["error_code"], job["asset"]) == ("content_prompt_rejected", None)
    retried = api.post(f"{JOBS}/{job['id']}/retry").json()
    assert (retried["status"], retried["error_message"], retried["error_code"]) == (
        *("pending", None),
        "content_prompt_rejected",
    )
    assert ended(api, job["id"])["retry_count"] == 1


def test_vendor_fails_what_it_cannot_do(api: httpx.Client):
    too_long = made(api, prompt="x" * 2049)["id"]
    unknown = made(api, style={"pixverse": {"quality": "8k"}})["id"]
    missing = made(api, operation="image_to_video", assets=[{"asset": "asset:999999"}])["id"]

    codes = [ended(api, number, "failed")["error_code"] for number in (too_long, unknown, missing)]

    assert codes == ["param_too_long", "param_invalid", "param_asset_unresolvable"]


def test_waiting_job_tells_why_and_is_cancelled_at_once_without_a_charge(api: httpx.Client, server: LookAlike):
    server.script(outcomes=["waits"], wait_reason="account_capacity_wait")
    number = made(api)["id"]

    waiting = api.get(f"{JOBS}/{number}").json()
    cancelled = api.post(f"{JOBS}/{number}/cancel").json()

    assert waiting["wait_reason"] == "account_capacity_wait"
    assert (cancelled["status"], cancelled["started_at"]) == ("cancelled", None)
    assert number not in {charge["generation_id"] for charge in server.charges()}


def test_job_that_no_account_has_room_for_waits_for_its_turn():
    with LookAlike(capacity=2, create_limit=None) as server:
        server.script(outcomes=["hang"])
        headers = {"authorization": f"Bearer {server.user().token}"}
        bodies = [order(force_new=True, priority=priority) for priority in (5, 5, 5, 5, 0)]
        first, second, third, fourth, urgent = [
            orders.post(server.url + JOBS, json=body, headers=headers).json()["id"] for body in bodies
        ]
        jobs = wait_for(lambda: told_to_wait(server.jobs(), 3))
        assert [job["status"] for job in jobs] == ["processing", "processing", "pending", "pending", "pending"]
        orders.post(f"{server.url}{JOBS}/{third}/cancel", headers=headers)
        server.restart()
        # The most urgent first, then the oldest; what was cancelled takes nobody's turn.
        for ends, begins in ((first, urgent), (second, fourth)):
            server.move_job(ends, {"after_s": 0.0, "to": "completed"})
            running = wait_for(lambda ends=ends: running_without(server.jobs(), ends))
            assert begins in running
        assert [charge["generation_id"] for charge in server.charges()] == [first, second, urgent, fourth]


def running_without(jobs: list[dict[str, Any]], ended: int) -> list[int]:
    """The jobs that run, once two of them do and `ended` is none of them."""
    running = [job["id"] for job in jobs if job["status"] == "processing"]
    return running if len(running) == 2 and ended not in running else []


def told_to_wait(jobs: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The jobs, once so many of them wait for an account."""
    waiting = [job for job in jobs if job["wait_reason"] == "account_capacity_wait"]
    return jobs if len(waiting) == count else []


def test_duration_is_drawn_from_the_prompt():
    script = Script(duration_s=1.0, longest_s=3.0)
    drawn = [script.for_prompt(prompt).duration_s for prompt in ("a", "b", "a")]
    assert drawn[0] == drawn[2] != drawn[1]
    assert all(1.0 <= each <= 3.0 for each in drawn)
    assert Script(duration_s=1.0).for_prompt("a").duration_s == 1.0


def test_running_job_says_it_goes_on_when_cancelled_and_completes(api: httpx.Client, server: LookAlike):
    server.script(outcomes=["hang"])
    number = ended(api, made(api)["id"], "processing")["id"]

    answer = api.post(f"{JOBS}/{number}/cancel").json()
    server.move_job(number, {"after_s": 0.0, "to": "completed"})
    done = ended(api, number)
    again = api.post(f"{JOBS}/{number}/cancel")

    assert (answer["status"], answer["deferred_action"]) == ("processing", "cancel")
    assert done["deferred_action"] is None
    assert (again.status_code, again.json()["message"]) == (409, "Generation already completed")


def test_running_job_may_be_scripted_to_heed_a_cancel(api: httpx.Client, server: LookAlike):
    server.script(outcomes=["hang"], cancel="honoured")
    number = ended(api, made(api)["id"], "processing")["id"]
    api.post(f"{JOBS}/{number}/cancel")
    server.move_job(number, {"after_s": 0.0, "to": "completed"})

    assert ended(api, number, "cancelled", "completed")["status"] == "cancelled"


def test_paused_job_moves_only_when_resumed(api: httpx.Client, server: LookAlike):
    server.script(queue_s=600.0)
    number = made(api)["id"]

    paused = api.post(f"{JOBS}/{number}/pause").json()
    too_early = api.post(f"{JOBS}/{number}/retry")
    again = api.post(f"{JOBS}/{number}/pause").json()
    resumed = api.post(f"{JOBS}/{number}/resume").json()
    server.move_job(number, {"after_s": 0.0, "to": "processing"}, {"after_s": 0.0, "to": "completed"})

    assert (paused["status"], again["status"], resumed["status"]) == ("paused", "paused", "pending")
    assert too_early.json()["message"] == "Can only retry failed or cancelled generations, not paused"
    assert ended(api, number)["asset"]
    assert api.post(f"{JOBS}/{number}/resume").status_code == 409
    assert api.post(f"{JOBS}/{number}/pause").status_code == 409


def test_quarantined_job_stands_still_until_it_is_resumed(api: httpx.Client, server: LookAlike):
    server.script(outcomes=["paused"])
    job = ended(api, made(api)["id"], "paused")

    assert job["error_code"] == "provider_concurrent_limit_quarantine"
    api.post(f"{JOBS}/{job['id']}/resume")
    assert ended(api, job["id"])["status"] == "completed"


def test_job_is_completed_before_its_file_is_there(api: httpx.Client, server: LookAlike):
    server.script(ingest_s=600.0)
    job = ended(api, made(api)["id"])
    path = f"/api/v1/assets/{job['asset']['id']}"

    early = api.get(path).json()
    no_file = api.get(f"{path}/file")
    server.move_job(job["id"], {"after_s": 0.0, "to": "ingested"})
    late = stored(api, job["id"])

    assert (early["sync_status"], early["sha256"], early["file_size_bytes"]) == ("remote", None, None)
    assert early["stored_key"] is None
    assert early["file_url"].startswith(server.vendor_url + "/out/")
    assert no_file.json()["message"] == "Asset has no local file (sync_status is REMOTE)"
    assert late["file_url"] == f"/api/v1/media/{late['stored_key']}"
    assert late["remote_url"] == early["file_url"]


def test_job_may_complete_with_nothing_or_with_an_asset_without_address(api: httpx.Client, server: LookAlike):
    server.script(asset=False, match={"prompt": "nothing"})
    server.script(place="none", ingest_s=None, match={"prompt": "nowhere"})

    nothing = ended(api, made(api, prompt="nothing")["id"])
    nowhere = ended(api, made(api, prompt="nowhere")["id"])

    assert nothing["asset"] is None
    assert api.get(f"/api/v1/assets/{nowhere['asset']['id']}").json()["file_url"] is None


def test_explicit_steps_replace_the_course(api: httpx.Client, server: LookAlike):
    server.script(steps=[{"after_s": 0.0, "to": "processing"}, {"after_s": 0.0, "to": "cancelled"}])

    assert ended(api, made(api)["id"], "cancelled")["attempt_count"] == 1


def test_script_is_used_up(api: httpx.Client, server: LookAlike):
    server.script(outcomes=["failed:provider_auth"], times=1)

    ends = [ended(api, made(api)["id"], "failed", "completed")["status"] for _ in range(2)]

    assert ends == ["failed", "completed"]


def test_list_is_sorted_by_priority_then_youngest_first_and_paged(api: httpx.Client):
    numbers = [made(api, priority=priority)["id"] for priority in (5, 9, 5, 0)]

    page = api.get(JOBS, params={"limit": 3, "offset": 1}).json()

    assert [job["id"] for job in page["generations"]] == [numbers[2], numbers[0], numbers[1]]
    assert (page["total"], page["limit"], page["offset"]) == (4, 3, 1)
    assert api.get(JOBS, params={"status": "failed"}).json()["total"] == 0
    assert api.get(JOBS, params={"status": "bogus"}).json()["fields"][0]["type"] == "enum"
    assert api.get(JOBS, params={"limit": 201}).status_code == 422


def test_foreign_unknown_and_ill_named_jobs(api: httpx.Client, server: LookAlike):
    stranger = server.user("stranger")
    foreign = orders.post(
        server.url + JOBS, json=order(force_new=True), headers={"authorization": f"Bearer {stranger.token}"}
    ).json()["id"]

    seen = api.get(f"{JOBS}/{foreign}")
    unknown = api.get(f"{JOBS}/999999")

    words = "Failed to get generation: Cannot access other users' generations"
    assert (seen.status_code, seen.json()["message"]) == (500, words)
    assert api.post(f"{JOBS}/{foreign}/cancel").status_code == 409
    assert (unknown.status_code, unknown.json()["message"]) == (404, "Generation with id 999999 not found")
    assert api.get(f"{JOBS}/abc").json()["message"] == "Not Found"
    assert all(job["id"] != foreign for job in api.get(JOBS).json()["generations"])


def test_row_with_an_asset_cannot_be_deleted(api: httpx.Client, server: LookAlike):
    done = ended(api, made(api)["id"])["id"]
    server.script(outcomes=["failed:provider_auth"])
    failed = ended(api, made(api)["id"], "failed")["id"]

    assert api.delete(f"{JOBS}/{done}").status_code == 500
    assert api.delete(f"{JOBS}/{failed}").status_code == 204
    assert api.get(f"{JOBS}/{failed}").status_code == 404


def test_error_catalogue_tells_what_is_retried(api: httpx.Client):
    codes = {entry["code"]: entry for entry in api.get(f"{JOBS}/error-catalog").json()["codes"]}

    assert codes["provider_generic"]["effective_retryable"]
    assert not codes["param_invalid"]["effective_retryable"]


def test_job_can_be_moved_changed_and_forgotten_by_hand(api: httpx.Client, server: LookAlike):
    server.script(outcomes=["hang"])
    number = ended(api, made(api)["id"], "processing")["id"]

    server.move_job(number, {"after_s": 0.0, "to": "failed", "code": "provider_timeout", "message": "too long"})
    failed = ended(api, number, "failed")
    server.change_job(number, status="unheard_of")
    changed = wait_for(lambda: api.get(f"{JOBS}/{number}").json()["status"] == "unheard_of")
    server.remove_job(number)

    assert (failed["error_code"], changed) == ("provider_timeout", True)
    assert api.get(f"{JOBS}/{number}").status_code == 404


def test_running_job_only_notes_that_it_shall_pause(api: httpx.Client, server: LookAlike):
    server.script(outcomes=["hang"])
    number = ended(api, made(api)["id"], "processing")["id"]

    answer = api.post(f"{JOBS}/{number}/pause").json()

    assert (answer["status"], answer["deferred_action"]) == ("processing", "pause")
    assert api.delete(f"{JOBS}/{number}").status_code == 400


def test_retries_have_a_cap(api: httpx.Client, server: LookAlike):
    server.configure(retry_cap=0)
    server.script(outcomes=["failed:provider_auth"])
    number = ended(api, made(api)["id"], "failed")["id"]

    assert api.post(f"{JOBS}/{number}/retry").json()["message"].startswith("Maximum retries (0) exceeded")


def test_validation_promises_nothing(api: httpx.Client):
    assert api.post(f"{JOBS}/validate", json=order(prompt="")).json()["valid"] is True


def test_asset_may_differ_from_its_truth(api: httpx.Client, server: LookAlike):
    server.script(file={"media_type": "image"}, asset_overrides={"provider_status": "flagged", "surprise": 1})

    asset = stored(api, made(api)["id"])

    assert (asset["media_type"], asset["mime_type"]) == ("image", "image/png")
    assert (asset["provider_status"], asset["surprise"]) == ("flagged", 1)
