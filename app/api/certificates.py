"""Keys bound to a client certificate, which a trusted proxy has checked and forwards (RFC 9440, `Client-Cert`).

The header counts only in requests whose connection is a trusted proxy's, which must remove it from what its own callers
send. Whom that proxy names as the one before it (`proxies`) counts for nothing here.
"""

import base64
import binascii
from hashlib import sha256
from hmac import compare_digest

from app.api.proxies import Pairs, TrustedProxies
from app.domain.rejections import unauthenticated

HEADER = b"client-cert"


class ClientCertificates:
    """`proxies`: whose header is believed."""

    def __init__(self, proxies: TrustedProxies) -> None:
        self._proxies = proxies

    def check(self, wanted: bytes, *, address: str, pairs: Pairs) -> None:
        """Whether a request on a connection from this address comes with the certificate of this SHA-256.

        Raises:
            Rejected: `unauthenticated`.
        """
        values = [value for name, value in pairs if name == HEADER]
        if len(values) != 1 or not self._proxies.trusts(address):
            raise unauthenticated()
        certificate = _certificate(values[0])
        if certificate is None or not compare_digest(sha256(certificate).digest(), wanted):
            raise unauthenticated()


def _certificate(value: bytes) -> bytes | None:
    """The DER bytes of a header's value, a byte sequence of RFC 8941: `:base64:`."""
    value = value.strip()
    if len(value) < 2 or not value.startswith(b":") or not value.endswith(b":"):
        return None
    try:
        return base64.b64decode(value[1:-1], validate=True)
    except binascii.Error:
        return None
