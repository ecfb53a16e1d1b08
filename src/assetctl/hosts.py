"""What the name or address of a machine means by itself, nobody asked: this machine, a private net, anybody's."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6052: IPv4 addresses behind a translator.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, can only mean this machine (RFC 6761, section 6.3, for the names)."""
    address = address_of(host)
    if address is not None:
        return plain_of(address).is_loopback
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def is_public(address: str) -> bool:
    """Whether `address` is one that anybody may reach; private, link-local, metadata and reserved ones are not."""
    parsed = address_of(address)
    if parsed is None:
        return False
    plain = plain_of(parsed)
    return plain.is_global and not plain.is_multicast


def address_of(text: str) -> Address | None:
    """The address that `text` is, its zone left out; None when it is a name or nothing."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def plain_of(address: Address) -> Address:
    """Where `address` leads: to the IPv4 address that an IPv6 one may carry, else to itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
