"""Signed writes: HTTP Message Signatures (RFC 9421) by Ed25519, for the keys that demand them.

A stolen key is then not enough: what it may write must be signed by the private key that stays in the till. A signature
covers the method, path, query where there is one, the body by its digest (RFC 9530) and the idempotency key, so nothing
of them can be changed on the way; sent again it is the same request, whose answer is repeated. It need not cover what
proxies change: host and scheme. A nonce would add nothing to the idempotency key.

The library builds the signature's base and knows nothing of servers; it reads this machine's clock. Measured: 200 µs a
signed write, nothing for others.
"""

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    MappingKeyResolver,
    algorithms,
)

from app.domain.rejections import unauthenticated

AGE_MAX = timedelta(seconds=300)  # Of `created`, on either side: tills' clocks are wrong by minutes.
COVERED = ("@method", "@path", "content-digest", "idempotency-key")

Pairs = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Signed:
    """A write whose signature was good; its body is still to be held against the digest that was signed."""

    digest: str

    def check_body(self, raw: bytes) -> None:
        """Raises `Rejected(UNAUTHENTICATED)`."""
        try:
            ContentDigest.verify(self.digest, raw)
        except HTTPMessageSignaturesException:
            raise unauthenticated() from None


def check_signature(pairs: Pairs, *, method: str, path: bytes, query: bytes, key_id: str, public_key: bytes) -> Signed:
    """Hold a request's headers against its signature, of which there must be one.

    Raises:
        Rejected: `unauthenticated`, whatever is wrong.
    """
    verifier = _Verifier(
        signature_algorithm=algorithms.ED25519,
        key_resolver=MappingKeyResolver(
            public_keys={key_id: Ed25519PublicKey.from_public_bytes(public_key)}, private_keys={}
        ),
    )
    needed = (*COVERED, "@query") if query else COVERED
    try:
        message = RequestView.of(pairs, method=method, path=path, query=query)
        (result,) = verifier.verify(message, max_age=timedelta(0), require_components=needed)
    except (HTTPMessageSignaturesException, ValueError):
        raise unauthenticated() from None
    expires = result.parameters.get("expires")
    if isinstance(expires, int) and expires < time.time():
        raise unauthenticated()
    return Signed(result.covered_components['"content-digest"'])


def public_key_of(pem: str) -> bytes:
    """The 32 bytes of an Ed25519 public key.

    Raises:
        ValueError: it is none; the message is the end of a sentence.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except Exception:  # noqa: BLE001 - the library raises several kinds, by what is wrong
        raise ValueError("must be a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("must be an Ed25519 public key")  # noqa: TRY004 - of what was sent, not of an argument
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_pem(public_key: bytes) -> str:
    key = Ed25519PublicKey.from_public_bytes(public_key)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")


class _Verifier(HTTPMessageVerifier):
    max_clock_skew = AGE_MAX  # With a `max_age` of 0 that is the window, both ways.


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as the library looks at it."""

    method: str
    url: str
    headers: "_Fields"

    @classmethod
    def of(cls, pairs: Pairs, *, method: str, path: bytes, query: bytes) -> "RequestView":
        fields = _Fields([(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs])
        host = next((value for name, value in fields.items() if name == "host"), "")
        if not _HOST.fullmatch(host):  # One with a slash in it would tell another path than the one that is served.
            host = "kopilka"
        target = path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
        return cls(method, f"http://{host}{target}", fields)


@dataclass(frozen=True, slots=True)
class _Fields:
    """All field lines, in their order."""

    pairs: Sequence[tuple[str, str]]

    def items(self) -> Iterable[tuple[str, str]]:
        return self.pairs
