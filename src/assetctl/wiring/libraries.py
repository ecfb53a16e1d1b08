"""Which library of pre-made assets is asked, and through what: a folder, or a backend whose answers are remembered."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from assetctl.wiring.probing import probe

if TYPE_CHECKING:
    from assetctl.library.base import Library
    from assetctl.library.folder.library import FolderLibrary
    from assetctl.wiring.backend import Backend
    from assetctl.wiring.storage import Storage
    from assetctl.wiring.surroundings import Surroundings


class Libraries:
    """The libraries that settings may choose from, each built when it is first used."""

    def __init__(self, surroundings: Surroundings, *, storage: Storage, backend: Backend) -> None:
        """Build nothing yet; what `backend` answers is remembered in `storage`."""
        self._settings = surroundings.settings
        self._data = surroundings.data
        self._clock = surroundings.clock
        self._offline = surroundings.offline
        self._refresh = surroundings.refresh
        self._storage = storage
        self._backend = backend

    @cached_property
    def chosen(self) -> Library:
        """The one that the settings choose, near or far; offline, a far one only says that it is not asked."""
        if self._settings.library.kind == "folder":
            return self.folder
        from assetctl.library.pixsim.facts import LIBRARY, RECHECK_AFTER_S
        from assetctl.library.remote import RemoteLibrary

        recheck_after_s = 0.0 if self._refresh else RECHECK_AFTER_S
        return RemoteLibrary(
            LIBRARY, recheck_after_s=recheck_after_s, build=self._server_library, offline=self._offline
        )

    def _server_library(self) -> Library:
        from assetctl.library.pixsim.files import FileFetcher
        from assetctl.library.pixsim.library import PixsimLibrary

        files = FileFetcher(self._backend.fetch_for_nobody, origin=self._backend.origin, clock=self._clock)
        return self.remembered(PixsimLibrary(self._backend.client, files=files, clock=self._clock))

    def remembered(self, library: Library) -> Library:
        """`library`, which takes the network, asked less often."""
        from assetctl.library.remembered import RememberedLibrary

        return RememberedLibrary(library, self._storage.lookups, scope=self._backend.scope, refresh=self._refresh)

    @cached_property
    def folder(self) -> FolderLibrary:
        """The library that is a folder."""
        from assetctl.library.folder.library import FolderLibrary

        return FolderLibrary(
            self._settings.library.path,
            snapshot=self._data.library_snapshot,
            clock=self._clock,
            probe=probe,
            must_exist=self._settings.origins["library.path"] != "default",
        )
