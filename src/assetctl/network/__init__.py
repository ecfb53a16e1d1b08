"""The one factory of HTTP clients: where they may connect to, how they prove who is there, what they never do.

Nothing here knows what is asked or answered. `pixsim/` and `transfer/` speak through what `new_client` gives; a test
of theirs may hand in a transport of its own.
"""

from assetctl.network.addresses import Resolver, is_loopback, is_public
from assetctl.network.client import new_client, ssl_context
from assetctl.network.origins import Origin, accepted, address

__all__ = ["Origin", "Resolver", "accepted", "address", "is_loopback", "is_public", "new_client", "ssl_context"]
