"""Where a request comes from: the other end of the connection, or whom trusted proxies on the way name.

Each proxy adds to `X-Forwarded-For` whom it has taken the request from, so the header is believed from its right end,
as far as whoever added to it is trusted: the first who isn't, is where the request comes from, and what stands left of
it is only what they say. A hop that can't be read ends the way at whoever wrote it. `Forwarded`, `X-Real-IP` and their
kind are read nowhere: a proxy that writes one of these headers lets the others of its callers through.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
Pairs = Sequence[tuple[bytes, bytes]]

HEADER = b"x-forwarded-for"


class TrustedProxies:
    """`networks`: whose word is taken. Addresses are text, "" where the other end has none (a Unix socket's)."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)

    def trusts(self, address: str) -> bool:
        read = _read(address)
        return read is not None and any(read in network for network in self._networks)

    def origin(self, peer: str, pairs: Pairs) -> str:
        """The address that a request comes from, by the connection's other end and its headers."""
        if not self._networks or not self.trusts(peer):
            return peer
        address = peer
        for hop in reversed(_hops(pairs)):
            read = _read(_without_port(hop))
            if read is None:
                break
            address = str(read)
            if not self.trusts(address):
                break
        return address


def _hops(pairs: Pairs) -> list[str]:
    """Of all headers of the name, in their order: together they are one list."""
    return b",".join(value for name, value in pairs if name == HEADER).decode("latin-1").split(",")


def _without_port(hop: str) -> str:
    """The address of `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`."""
    hop = hop.strip()
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    address, _, port = hop.partition(":")
    return address if port.isdigit() else hop


def _read(address: str) -> IPv4Address | IPv6Address | None:
    """In one spelling, without a zone, which only its own machine knows."""
    try:
        read = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(read, IPv6Address) and read.ipv4_mapped is not None:
        return read.ipv4_mapped
    return read
