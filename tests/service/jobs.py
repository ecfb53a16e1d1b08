"""Generations as the API writes them, and what may be done to one that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from service.accounts import json_object, signed_in
from service.replies import Refused, invalid, json_reply, moment, no_content
from service.scripts import Script

if TYPE_CHECKING:
    from service.messages import Request, Response
    from service.rows import Generation
    from service.world import World

STATUSES: Final = ("pending", "processing", "paused", "completed", "failed", "cancelled")
_ENDED: Final = frozenset({"completed", "failed", "cancelled"})


def job_document(job: Generation, *, in_full: bool = False) -> dict[str, Any]:
    """GenerationResponse, all fields, in the real order; some are filled in only when one or a list is read."""
    submitted = in_full and job.attempt_count > 0 and job.account_id is not None
    payload = {"prompt": job.final_prompt, "duration": job.canonical_params.get("duration")} if submitted else None
    return {
        "id": job.id,
        "user": _ref("user", job.user_id),
        "workspace": None,
        "operation_type": job.operation_type,
        "provider_id": job.provider_id,
        "canonical_params": job.canonical_params,
        "latest_submission_payload": payload,
        "latest_submission_provider_job_id": job.provider_job_id if in_full else None,
        "inputs": job.inputs,
        "reproducible_hash": job.reproducible_hash,
        "prompt_version_id": job.prompt_version_id,
        "final_prompt": job.final_prompt,
        "prompt_config": None,
        "prompt_source_type": None,
        "status": job.status,
        "priority": job.priority,
        "scheduled_at": moment(job.scheduled_at),
        "started_at": moment(job.started_at),
        "completed_at": moment(job.completed_at),
        "error_message": job.error_message,
        "error_code": job.error_code,
        "retry_count": job.retry_count,
        "deferred_action": job.deferred_action,
        "attempt_count": job.attempt_count if in_full else None,
        "wait_reason": job.wait_reason if in_full and job.status == "pending" else None,
        "parent_generation": None,
        "asset": _ref("asset", job.asset_id),
        "account": _ref("account", job.account_id),
        "account_email": f"accountless+{job.provider_id}@pixsim.local" if submitted else None,
        "name": job.name,
        "description": job.description,
        "created_at": moment(job.created_at),
        "updated_at": moment(job.updated_at),
    }


def _ref(kind: str, number: int | None) -> dict[str, Any] | None:
    return {"type": kind, "id": number, "meta": None} if number is not None else None


def get(world: World, request: Request, number: str) -> Response:
    return json_reply(job_document(_owned(world, request, number, "get"), in_full=True))


def listed(world: World, request: Request) -> Response:
    user = signed_in(world, request)
    limit, offset = _number(request, "limit", 50, 1, 200), _number(request, "offset", 0, 0, None)
    status, operation = request.query.get("status"), request.query.get("operation_type")
    if status is not None and status not in STATUSES:
        words = ", ".join(f"'{name}'" for name in STATUSES[:-1]) + f" or '{STATUSES[-1]}'"
        raise invalid((["query", "status"], f"Input should be {words}", "enum"))
    rows = [
        job
        for job in world.store.generations.values()
        if (user.is_admin or job.user_id == user.id)
        and job.is_listed
        and (status is None or job.status == status)
        and (operation is None or job.operation_type == operation)
    ]
    rows.sort(key=lambda job: (job.priority, -job.created_at.timestamp(), -job.id))
    page = [job_document(job, in_full=True) for job in rows[offset : offset + limit]]
    return json_reply({"generations": page, "total": len(rows), "limit": limit, "offset": offset})


def cancel(world: World, request: Request, number: str) -> Response:
    """At once while it waits; while it runs, only noted, and said to be still running."""
    job = _changed(world, request, number)
    if job.status in _ENDED:
        raise Refused(409, f"Generation already {job.status}")
    if job.status == "processing":
        job.deferred_action, job.updated_at = "cancel", world.now()
        world.store.save(job)
    else:
        world.course.stop(job)
        job.updated_at = world.now()
        world.course.end(job, "cancelled")
        world.store.save(job)
    return json_reply(job_document(job))


def pause(world: World, request: Request, number: str) -> Response:
    job = _changed(world, request, number)
    if job.status in _ENDED:
        raise Refused(409, f"Cannot pause a {job.status} generation")
    if job.status == "processing":
        job.deferred_action = "pause"
    elif job.status == "pending":
        world.course.stop(job)
        job.status, job.due_at = "paused", None
        world.course.tell(job, "job:paused", error=None, error_code=None)
    world.store.save(job)
    return json_reply(job_document(job))


def resume(world: World, request: Request, number: str) -> Response:
    job = _changed(world, request, number)
    if job.status != "paused":
        raise Refused(409, f"Cannot resume a {job.status} generation")
    job.status = "pending"
    world.course.tell(job, "job:resumed")
    if job.steps:
        world.course.go_on(job)
    else:
        world.course.begin(job, Script.of({**job.script, "outcomes": ["completed"], "steps": None}))
    return json_reply(job_document(job))


def retry(world: World, request: Request, number: str) -> Response:
    job = _changed(world, request, number)
    if job.status not in {"failed", "cancelled"}:
        raise Refused(400, f"Can only retry failed or cancelled generations, not {job.status}")
    if job.retry_count >= world.options.retry_cap:
        raise Refused(400, f"Maximum retries ({world.options.retry_cap}) exceeded for generation {job.id}")
    job.status, job.started_at, job.completed_at, job.error_message = "pending", None, None, None
    job.retry_count += 1
    job.updated_at = world.now()
    world.course.begin(job, Script.of({**job.script, "outcomes": ["completed"], "steps": None}))
    return json_reply(job_document(job))


def delete(world: World, request: Request, number: str) -> Response:
    job = _changed(world, request, number)
    if job.status not in _ENDED:
        raise Refused(400, f"Cannot delete a {job.status} generation")
    if job.asset_id is not None:
        words = f'Key (id)=({job.id}) is still referenced from table "assets".'
        raise Refused(500, f"Failed to delete generation: (IntegrityError) DETAIL:  {words}")
    world.store.remove(job)
    return no_content()


def validate(world: World, request: Request) -> Response:
    signed_in(world, request)
    json_object(request)
    return json_reply({"valid": True, "errors": [], "warnings": [], "suggestions": []})


def _changed(world: World, request: Request, number: str) -> Generation:
    user = signed_in(world, request)
    job = _row(world, number)
    if job.user_id != user.id and not user.is_admin:
        raise Refused(409, "Cannot modify other users' generations")
    return job


def _owned(world: World, request: Request, number: str, verb: str) -> Generation:
    user = signed_in(world, request)
    job = _row(world, number)
    if job.user_id != user.id and not user.is_admin:
        raise Refused(500, f"Failed to {verb} generation: Cannot access other users' generations")
    return job


def _row(world: World, number: str) -> Generation:
    job = world.store.generations.get(int(number))
    if job is None:
        raise Refused(404, f"Generation with id {number} not found")
    return job


def _number(request: Request, name: str, default: int, least: int, most: int | None) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    return checked_number(["query", name], text, least, most)


def checked_number(where: list[str | int], value: Any, least: int, most: int | None) -> int:
    """The value as an integer within its bounds.

    Raises:
        Refused: 422, in the words of the framework.
    """
    try:
        number = int(value)
    except (TypeError, ValueError) as error:
        words = "Input should be a valid integer, unable to parse string as an integer"
        raise invalid((where, words, "int_parsing")) from error
    if number < least:
        raise invalid((where, f"Input should be greater than or equal to {least}", "greater_than_equal"))
    if most is not None and number > most:
        raise invalid((where, f"Input should be less than or equal to {most}", "less_than_equal"))
    return number
