"""Which addresses may be reached: the public internet, and what the operator names."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NOT_PUBLIC = tuple(
    ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments (RFC 6890), which older Pythons call global in part
        "192.88.99.0/24",  # the anycast of 6to4 relays, withdrawn
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4: the relay would carry it to the IPv4 address inside
        "3fff::/20",  # documentation
    )
)
_UNICAST = ip_network("2000::/3")
"""All of IPv6 that is given out; whatever else there is, is local, reserved or a translation."""
_NAT64 = ip_network("64:ff9b::/96")

_METADATA = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",  # 169.254.169.254 of AWS, Google, Azure and others
        "fe80::/10",
        "168.63.129.16/32",  # Azure's host, on an address that looks public
        "100.100.100.200/32",  # Alibaba
        "fd00:ec2::/32",  # AWS over IPv6
    )
)
"""Where clouds hand credentials to whoever asks. No wide network such as 0.0.0.0/0 opens these: they have to
be named."""


def is_reachable(text: str, allowed: Sequence[Network] = ()) -> bool:
    """Whether a connection to this address (as `getaddrinfo` writes it) may be opened."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return all(_may_reach(face, allowed) for face in _faces(address))


def _faces(address: Address) -> tuple[Address, ...]:
    """The address and every IPv4 address that a router would make of it."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.scope_id is not None:
        address = IPv6Address(int(address))
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64 or int(address) >> 32 == 0:
        return (address, IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour is not None:
        return (address, address.sixtofour)
    if address.teredo is not None:
        return (address, *address.teredo)
    return (address,)


def _may_reach(address: Address, allowed: Sequence[Network]) -> bool:
    for metadata in _METADATA:
        if address in metadata:
            return any(address in network and _lies_in(network, metadata) for network in allowed)
    return _is_public(address) or any(address in network for network in allowed)


def _lies_in(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and inner.prefixlen >= outer.prefixlen


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return address in _NAT64  # the IPv4 address inside is looked at on its own
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NOT_PUBLIC)
    )
