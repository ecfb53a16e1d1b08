"""Settings in, a ready stack out: the one place that knows which class stands behind which Protocol.

It is also the one place of late imports: each part is built and loaded when it is first used, so that an answer from
the cache never pays for the generator, the media libraries or a backend.
"""

from assetctl.wiring.backend import backend_origin
from assetctl.wiring.data_folder import DataFolder
from assetctl.wiring.stack import Stack, open_stack
from assetctl.wiring.surroundings import Surroundings

__all__ = ["DataFolder", "Stack", "Surroundings", "backend_origin", "open_stack"]
