"""The server's bytes turned into our records: the only place that knows its field names.

Unknown fields are ignored, unknown words kept, times without an offset taken as UTC. What cannot be used is refused as
`Unreadable`, without repeating it: an answer may hold a secret. Pydantic stops here.
"""

from assetctl.pixsim.wire.assets import asset, asset_page, assets, uploaded_id
from assetctl.pixsim.wire.game import scene, scene_entries, world
from assetctl.pixsim.wire.generations import game_answer, generation, generation_of_event, generation_page
from assetctl.pixsim.wire.providers import providers
from assetctl.pixsim.wire.reading import MAX_VALUES, Unreadable
from assetctl.pixsim.wire.server import complaint, login, token_facts, version

__all__ = [
    "MAX_VALUES",
    "Unreadable",
    "asset",
    "asset_page",
    "assets",
    "complaint",
    "game_answer",
    "generation",
    "generation_of_event",
    "generation_page",
    "login",
    "providers",
    "scene",
    "scene_entries",
    "token_facts",
    "uploaded_id",
    "version",
    "world",
]
