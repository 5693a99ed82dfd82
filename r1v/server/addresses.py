"""Which network addresses a server may connect to on a client's behalf.

Enters: an address. Leaves: why it is refused, or nothing. Always holds: an address passes only if IANA's
registries of special-purpose addresses call it globally reachable, whichever of them this version of Python
knows; an IPv6 address that leads to an IPv4 address passes only if that one does.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Addresses at which clouds serve metadata, although they look public.
_METADATA = tuple(map(ipaddress.ip_address, ("168.63.129.16", "100.100.100.200", "192.0.0.192")))

# https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast.
_SPECIAL_4 = tuple(map(ipaddress.IPv4Network, (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
)))  # fmt: skip

# https://www.iana.org/assignments/iana-ipv6-special-registry: nothing outside global unicast is reachable
# from everywhere, nor are these parts of it. 6to4 (2002::/16) is private to Python from 3.12.4 on only.
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def refuse_address(address: Address, allowed: Iterable[Network] = ()) -> str | None:
    """Why a connection to an address is refused, or None if it is allowed. allowed: networks that are exempt
    from the refusal."""
    for inner in _embedded(address):
        if any(inner in network for network in allowed):
            continue
        if inner in _METADATA:
            return f"{inner} is an address of cloud metadata"
        if inner.is_loopback:
            return f"{inner} is a loopback address"
        if inner.is_link_local:
            return f"{inner} is a link-local address"
        if inner.is_private:
            return f"{inner} is a private address"
        if not _is_global(inner):
            return f"{inner} is not a public address"
    return None


def _is_global(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _SPECIAL_4)
    return address in _UNICAST_6 and not any(address in network for network in _SPECIAL_6)


def _embedded(address: Address) -> list[Address]:
    """The addresses to check: the address and the IPv4 addresses embedded in it (6to4, Teredo), or the IPv4
    address alone where the other one only stands for it (mapped, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    inner: list[Address] = [] if address.sixtofour is None else [address.sixtofour]
    return [*inner, *(address.teredo or ()), address]
