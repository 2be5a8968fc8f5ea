"""What stays on this machine, and so is read by nobody on the way. A leaf: it imports nothing of ours."""

from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit


def is_here(host: str) -> bool:
    """Whether a host, by its name or address as text, is this machine itself; "" is nobody."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def is_private(url: str) -> bool:
    """Whether nobody on the way can read or change what is said there: https, or this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_here(host)))
