"""Orders whose file is here although nobody closed them: a run was killed in that moment.

Their assets are here, so no run asks for them any more. They are closed after the next one, and their generator is told
what they are for.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from assetctl.errors import AssetctlError
from assetctl.generation.orders import OrderState

if TYPE_CHECKING:
    from collections.abc import Callable

    from assetctl.generation.base import Generator
    from assetctl.generation.journal import Journal
    from assetctl.generation.orders import Order
    from assetctl.providers.following import JobFollower

_HERE: Final = (OrderState.DOWNLOADED, OrderState.PUBLISHED)
_log = logging.getLogger(__name__)


async def close_stored(
    journal: Journal, follower: JobFollower, generator_of: Callable[[Order], Generator]
) -> tuple[str, ...]:
    """Every order whose file was fetched is closed, as far as that is possible now; what went wrong, in sentences.

    Raises:
        JournalError: the journal can't be read.
    """
    warnings: list[str] = []
    for order in await journal.orders(open_only=True):
        if order.state not in _HERE:
            continue
        try:
            arrival = await follower.resume(generator_of(order), order, 0.0)
        except AssetctlError as error:
            # The asset is here whatever becomes of its order, which `jobs resume` tells of.
            _log.info("the order `%s` could not be closed: %s", order.order_id, error.what)
        else:
            warnings += arrival.warnings
    return tuple(warnings)
