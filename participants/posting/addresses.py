"""Which addresses are the world's, and which are this network's own. Pure."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_TRANSLATED = IPv6Network("64:ff9b::/96")
"""NAT64: the last 32 bits are the IPv4 address that is reached."""


def is_public(text: str) -> bool:
    """Whether this address, as ``getaddrinfo`` writes it, is the public internet's. False if unreadable."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    # An address that carries another is as public as that one: the way there ends where it says.
    leads_to = _unwrap(address) or (address,)
    return all(each.is_global and not each.is_multicast and not each.is_reserved for each in leads_to)


def _unwrap(address: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address leads to."""
    if not isinstance(address, IPv6Address):
        return ()
    found = [address.ipv4_mapped, address.sixtofour]
    if address.teredo:
        found.extend(address.teredo)
    if address in _TRANSLATED:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(each for each in found if each is not None)
