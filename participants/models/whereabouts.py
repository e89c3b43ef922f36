"""From where somebody acts, as far as the history is to know it: the network, never the whole address.

A whole address is personal data that would have to go again after days. The network tells a stolen password used
from another country, and an attack, as well.
"""

from contextvars import ContextVar
from ipaddress import ip_address, ip_network

_BITS = {4: 24, 6: 48}

client_address: ContextVar[str] = ContextVar("rollcall_client_address", default="")
"""Of the request that is being answered; blank outside of one. Cut short where an event is written: most requests
write none."""


def find_network() -> str:
    """192.0.2.0/24, 2001:db8:1::/48; blank where there is no address."""
    try:
        address = ip_address(client_address.get())
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ip_network(f"{address}/{_BITS[address.version]}", strict=False))
