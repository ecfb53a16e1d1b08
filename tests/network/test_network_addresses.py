"""Names become addresses."""

from __future__ import annotations

import pytest

from assetctl.network.addresses import resolve


@pytest.mark.anyio
async def test_name_of_this_machine_has_its_addresses():
    assert set(await resolve("localhost", 80)) <= {"127.0.0.1", "::1"}
