"""What all parts of one running assetctl have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assetctl.wiring.data_folder import DataFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from assetctl.clock import Clock
    from assetctl.events import AssetEventBus
    from assetctl.settings import Settings


def tell_nobody(_: str) -> None:
    """Leave it unsaid."""


class Surroundings:
    """What parts are built for, and how; nothing in it changes."""

    def __init__(
        self,
        settings: Settings,
        *,
        events: AssetEventBus,
        clock: Clock,
        offline: bool = False,
        refresh: bool = False,
        tell: Callable[[str], None] = tell_nobody,
        run_id: str | None = None,
    ) -> None:
        """Build as `settings` want it, tell `events`, go by `clock`.

        With `offline` nothing on the network is asked, with `refresh` no remembered answer of a library is believed.
        `tell` hears of trouble that is worth a detail and stops nothing. Those with the same `run_id`, also in other
        processes, share the limit of new generations; None is a run of its own.
        """
        self.settings = settings
        self.data = DataFolder(settings.data_dir)
        self.events = events
        self.clock = clock
        self.offline = offline
        self.refresh = refresh
        self.tell = tell
        self.run_id = run_id
