"""Keys bound to a client certificate, which a trusted proxy has checked and forwards (RFC 9440, `Client-Cert`).

The header counts only in requests that come from a trusted proxy's address, which must remove it from what its own
callers send. No other header says anything of where a request comes from: `Forwarded`, `X-Forwarded-For` and their kind
are read nowhere.
"""

import base64
import binascii
from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from app.domain.rejections import unauthenticated

Network = IPv4Network | IPv6Network
Pairs = Sequence[tuple[bytes, bytes]]

HEADER = b"client-cert"


class ClientCertificates:
    """`proxies`: whose header is believed."""

    def __init__(self, proxies: Sequence[Network] = ()) -> None:
        self._proxies = tuple(proxies)

    def check(self, wanted: bytes, *, address: str, pairs: Pairs) -> None:
        """Whether a request from this address comes with the certificate of this SHA-256.

        Raises:
            Rejected: `unauthenticated`.
        """
        values = [value for name, value in pairs if name == HEADER]
        if len(values) != 1 or not self._trusts(address):
            raise unauthenticated()
        certificate = _certificate(values[0])
        if certificate is None or not compare_digest(sha256(certificate).digest(), wanted):
            raise unauthenticated()

    def _trusts(self, address: str) -> bool:
        try:
            peer = ip_address(address)
        except ValueError:  # A Unix socket's end has none.
            return False
        if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        return any(peer in network for network in self._proxies)


def _certificate(value: bytes) -> bytes | None:
    """The DER bytes of a header's value, a byte sequence of RFC 8941: `:base64:`."""
    value = value.strip()
    if len(value) < 2 or not value.startswith(b":") or not value.endswith(b":"):
        return None
    try:
        return base64.b64decode(value[1:-1], validate=True)
    except binascii.Error:
        return None
