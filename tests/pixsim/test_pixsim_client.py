from __future__ import annotations

import pytest
from raw_server import answer, complaint

pytestmark = pytest.mark.anyio
GENERATION = {
    "id": 5,
    "status": "pending",
    "operation_type": "text_to_video",
    "provider_id": "standin",
    "canonical_params": {},
}


async def test_created_generation_comes_back_as_ours(server, connect):
    server.script = [answer(201, GENERATION)]
    client = await connect(server.url)

    made = await client.create_generation({"config": {}})

    assert (made.id, made.status) == (5, "pending")
    assert server.requests[0].line == "POST /api/v1/generations HTTP/1.1"
    assert server.requests[0].document == {"config": {}}


async def test_missing_generation_is_none(server, connect):
    server.script = [complaint(404, "Generation with id 9 not found", "not_found")]
    client = await connect(server.url)

    assert await client.generation(9) is None
