"""The look-alike's own levers, on a port that no product speaks to: `POST /<lever>` with its arguments as JSON."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from service.accounts import json_object, new_token, new_user, revoke
from service.faults import Fault
from service.jobs import job_document
from service.messages import BadRequest, Response, head_of, read_request
from service.replies import Refused, json_reply
from service.scripts import Script
from service.shelf import asset_document, keep_asset, put_asset

if TYPE_CHECKING:
    from service.world import World


class Control:
    """One method for each lever; what it gives back is the answer."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await read_request(reader, writer, "control"):
                try:
                    lever = getattr(self, "pull_" + request.path.removeprefix("/"))
                    reply = json_reply(lever(**json_object(request)))
                except (Refused, AttributeError, KeyError, TypeError, ValueError) as error:
                    reply = Response(400, f"{type(error).__name__}: {error}".encode())
                writer.write(head_of(reply.status, [("content-length", str(reply.length))]) + reply.content())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, BadRequest):
            pass
        finally:
            writer.close()

    def pull_user(self, username: str, password: str, **facts: Any) -> dict[str, Any]:
        user = new_user(self._world, username, password, **_moments(facts))
        return {"id": user.id, "token": new_token(self._world, user)}

    def pull_token(self, user_id: int, life_s: float | None = None) -> str:
        return new_token(self._world, self._world.store.users[user_id], life_s)

    def pull_change_user(self, user_id: int, **changes: Any) -> None:
        user = self._world.store.users[user_id]
        for name, value in _moments(changes).items():
            setattr(user, name, value)
        self._world.store.save(user)

    def pull_revoke(self, token: str) -> None:
        revoke(self._world, self._world.tokens[token])

    def pull_revoke_all(self) -> None:
        for session in self._world.tokens.values():
            revoke(self._world, session)

    def pull_expire(self, token: str) -> None:
        session = self._world.tokens[token]
        session.expires_at = self._world.now() - timedelta(seconds=1)
        self._world.store.save(session)

    def pull_watch(self, secret: str) -> None:
        self._world.watch(secret)

    def pull_configure(self, **changes: Any) -> dict[str, Any]:
        self._world.configure(**changes)
        return asdict(self._world.options)

    def pull_script(self, script: dict[str, Any], match: dict[str, Any], times: int | None = None) -> None:
        entry = {"match": match, "times": times, "script": Script.of(script).document()}
        self._world.store.keep("scripts", [*self._world.store.values.get("scripts", []), entry])

    def pull_clear_scripts(self) -> None:
        self._world.store.keep("scripts", [])

    def pull_fault(self, **spec: Any) -> None:
        self._world.arm(Fault(**spec))

    def pull_clear_faults(self) -> int:
        """How many were still armed."""
        count = len(self._world.faults.armed)
        self._world.faults.armed.clear()
        self._world.keep_faults()
        return count

    def pull_asset(self, user_id: int, media_type: str, file: dict[str, Any], count: int = 1, **facts: Any) -> Any:
        """The ids; of a single one, its whole document."""
        made = [
            put_asset(self._world, user_id=user_id, media_type=media_type, file=file, **_moments(facts))
            for _ in range(count)
        ]
        return asset_document(self._world, made[0]) if count == 1 else [asset.id for asset in made]

    def pull_change_asset(self, asset_id: int, **changes: Any) -> dict[str, Any]:
        asset = self._world.store.assets[asset_id]
        for name, value in _moments(changes).items():
            setattr(asset, name, value)
        keep_asset(self._world, asset)
        return asset_document(self._world, asset)

    def pull_assets(self) -> list[dict[str, Any]]:
        return [asset_document(self._world, asset) for asset in self._world.store.assets.values()]

    def pull_jobs(self) -> list[dict[str, Any]]:
        return [job_document(job, in_full=True) for job in self._world.store.generations.values()]

    def pull_change_job(self, job_id: int, **changes: Any) -> dict[str, Any]:
        job = self._world.store.generations[job_id]
        for name, value in _moments(changes).items():
            setattr(job, name, value)
        self._world.store.save(job)
        return job_document(job, in_full=True)

    def pull_move_job(self, job_id: int, steps: list[dict[str, Any]]) -> dict[str, Any]:
        """From here on these steps happen to the job, instead of its own."""
        job = self._world.store.generations[job_id]
        job.steps = steps
        self._world.course.go_on(job)
        return job_document(job, in_full=True)

    def pull_remove_job(self, job_id: int) -> None:
        job = self._world.store.generations[job_id]
        self._world.course.stop(job)
        self._world.store.remove(job)

    def pull_remove_asset(self, asset_id: int) -> None:
        self._world.store.remove(self._world.store.assets[asset_id])

    def pull_replace_file(self, asset_id: int, content: str) -> None:
        name = self._world.store.assets[asset_id].file
        (self._world.store.files / name).write_bytes(base64.b64decode(content))

    def pull_scenes(self, scenes: list[dict[str, Any]]) -> None:
        self._world.store.keep("scenes", scenes)

    def pull_worlds(self, worlds: list[dict[str, Any]]) -> None:
        self._world.store.keep("worlds", worlds)

    def pull_say(self, message: Any) -> int:
        """How many sockets were told; a text is sent as it stands."""
        self._world.sockets.send(message)
        return len(self._world.sockets.open)

    def pull_sockets(self) -> int:
        return len(self._world.sockets.open)

    def pull_drop_sockets(self) -> int:
        return self._world.sockets.drop()


def _moments(facts: dict[str, Any]) -> dict[str, Any]:
    """Times come as texts and are times in the rows."""
    return {
        name: datetime.fromisoformat(value) if name.endswith("_at") and isinstance(value, str) else value
        for name, value in facts.items()
    }
