"""The one factory of HTTP clients: where they may connect to, how they prove who is there, what they never do.

Nothing here knows what is asked or answered. `pixsim/` and `transfer/` speak through what `new_client` gives; a test
of theirs may hand in a transport of its own.
"""

from assetctl.network.addresses import Resolver
from assetctl.network.client import new_client, ssl_context
from assetctl.network.origins import Origin, accepted, address

__all__ = ["Origin", "Resolver", "accepted", "address", "new_client", "ssl_context"]
