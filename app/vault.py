"""Keyed hashes of identifiers, and personal data sealed under a key of each customer's own.

AES-256-GCM with random 96-bit nonces; the customer's id is bound in as associated data, so a sealed profile opens for
no other customer. The customer's key is wrapped by the master key: destroying the wrapped key is erasing the customer,
also from backups. Losing the keyring loses all personal data, never the ledger.

Offline allowances are signed here too, since their key is one of the keyring's.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import blake2b, sha256
from hmac import digest as hmac_digest
from typing import Any
from uuid import UUID

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.domain.allowances import Allowance
from app.domain.identifiers import Identifier
from app.flows.ledger_port import Sealed
from app.flows.ports import Person
from app.keyring import Keyring
from app.sealing import seal, unseal
from app.wrapped_keys import MasterKeys

_NOBODY = Person()
_SECRET = b"app secret\n"  # Under the same key as the profile, but neither opens as the other.
_EDDSA = "EdDSA"
_ISSUER = "kopilka"
_AUDIENCE = "offline"  # No token of another kind passes for an allowance.
_CLAIMS = ["iss", "aud", "sub", "jti", "wallet", "units", "iat", "exp"]


class KeyringAllowances:
    """The port `AllowanceKeys`: JSON Web Tokens signed with Ed25519 (RFC 7519, RFC 8037), and the public key as a JWK
    whose `kid` is its thumbprint (RFC 7638).
    """

    def __init__(self, keyring: Keyring) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(keyring.allowance_seed)
        self._public = self._private.public_key()
        x = urlsafe_b64encode(self._public.public_bytes_raw()).rstrip(b"=").decode()
        thumbprint = sha256(b'{"crv":"Ed25519","kty":"OKP","x":"%b"}' % x.encode()).digest()
        kid = urlsafe_b64encode(thumbprint).rstrip(b"=").decode()
        self._headers = {"kid": kid}
        self._jwk = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": _EDDSA}

    def sign(self, allowance: Allowance) -> str:
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(allowance.customer),
            "jti": str(allowance.id),
            "wallet": allowance.wallet,
            "units": allowance.units,
            "iat": int(allowance.since.timestamp()),
            "exp": int(allowance.until.timestamp()),
        }
        return jwt.encode(claims, self._private, algorithm=_EDDSA, headers=self._headers)

    def read(self, token: str) -> Allowance | None:
        try:
            claims = jwt.decode(
                token,
                self._public,
                algorithms=[_EDDSA],
                audience=_AUDIENCE,
                issuer=_ISSUER,
                # Receipts come in when the allowance may be over: it had to be good when they were made.
                options={"verify_exp": False, "verify_iat": False, "require": _CLAIMS},
            )
            return Allowance(
                id=UUID(claims["jti"]),
                customer=UUID(claims["sub"]),
                wallet=claims["wallet"],
                units=claims["units"],
                since=datetime.fromtimestamp(claims["iat"], UTC),
                until=datetime.fromtimestamp(claims["exp"], UTC),
            )
        except (jwt.InvalidTokenError, ValueError):
            return None

    def public(self) -> Sequence[Mapping[str, str]]:
        return (self._jwk,)


class KeyringVault:
    """The port `Vault` on the service's keyring."""

    def __init__(self, keyring: Keyring) -> None:
        self._lookup = keyring.lookup
        self._signing = keyring.signing
        self._requests = keyring.requests
        self._draws = keyring.draws
        self._masters = MasterKeys(keyring)

    def digest(self, identifier: Identifier) -> bytes:
        return hmac_digest(self._lookup, f"{identifier.kind.value}:v1:{identifier.value}".encode(), "sha256")

    def open(self, customer_id: UUID, sealed: Sealed) -> Person:
        if sealed.wrapped_key is None or sealed.sealed is None:
            return _NOBODY
        key = self._masters.unwrap(sealed.wrapped_key, customer_id)
        return _person(orjson.loads(unseal(AESGCM(key), sealed.sealed, bound_to=customer_id.bytes)))

    def seal(self, customer_id: UUID, person: Person, *, wrapped_key: bytes | None) -> Sealed:
        if wrapped_key is None:
            key = AESGCM.generate_key(256)
            wrapped_key = self._masters.wrap(key, customer_id)
        else:
            key = self._masters.unwrap(wrapped_key, customer_id)
        return Sealed(wrapped_key, seal(AESGCM(key), orjson.dumps(person), bound_to=customer_id.bytes))

    def seal_secret(self, customer_id: UUID, secret: bytes, *, wrapped_key: bytes) -> bytes:
        key = self._masters.unwrap(wrapped_key, customer_id)
        return seal(AESGCM(key), secret, bound_to=_SECRET + customer_id.bytes)

    def open_secret(self, customer_id: UUID, sealed: Sealed) -> bytes | None:
        if sealed.wrapped_key is None or sealed.sealed is None:
            return None
        key = self._masters.unwrap(sealed.wrapped_key, customer_id)
        return unseal(AESGCM(key), sealed.sealed, bound_to=_SECRET + customer_id.bytes)

    def sign(self, text: bytes) -> bytes:
        return blake2b(text, key=self._signing, digest_size=16).digest()

    def keyed(self, fingerprint: bytes) -> bytes:
        return blake2b(fingerprint, key=self._requests, digest_size=16).digest()

    def draw_secret(self, name: str) -> bytes:
        return hmac_digest(self._draws, name.encode(), "sha256")


def _person(stored: dict[str, Any]) -> Person:
    """What isn't there is missing, and what a later release has added is passed over."""
    birthday = stored.get("birthday")
    return Person(
        phone=stored.get("phone"),
        cards=tuple(stored.get("cards") or ()),
        external_id=stored.get("external_id"),
        name=stored.get("name"),
        birthday=date.fromisoformat(birthday) if birthday else None,
        email=stored.get("email"),
        consents=tuple(stored.get("consents") or ()),
    )
