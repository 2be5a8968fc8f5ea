"""Keyed hashes of identifiers, and personal data sealed under a key of each customer's own.

AES-256-GCM with random 96-bit nonces; the customer's id is bound in as associated data, so a sealed profile opens for
no other customer. The customer's key is wrapped by the master key: destroying the wrapped key is erasing the customer,
also from backups. Losing the keyring loses all personal data, never the ledger.
"""

import os
from dataclasses import fields
from datetime import date
from hashlib import blake2b
from hmac import digest as hmac_digest
from typing import Any
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.domain.identifiers import Identifier
from app.flows.ledger_port import Sealed
from app.flows.ports import Person
from app.keyring import Keyring

_NONCE_BYTES = 12
_NOBODY = Person()
_FIELDS = frozenset(field.name for field in fields(Person))


class KeyringVault:
    """The port `Vault` on the service's keyring."""

    def __init__(self, keyring: Keyring) -> None:
        self._lookup = keyring.lookup
        self._signing = keyring.signing
        self._draws = keyring.draws
        self._master = AESGCM(keyring.master)

    def digest(self, identifier: Identifier) -> bytes:
        return hmac_digest(self._lookup, f"{identifier.kind.value}:v1:{identifier.value}".encode(), "sha256")

    def open(self, customer_id: UUID, sealed: Sealed) -> Person:
        if sealed.wrapped_key is None or sealed.sealed is None:
            return _NOBODY
        key = _open(self._master, sealed.wrapped_key, customer_id)
        return _person(orjson.loads(_open(AESGCM(key), sealed.sealed, customer_id)))

    def seal(self, customer_id: UUID, person: Person, *, wrapped_key: bytes | None) -> Sealed:
        if wrapped_key is None:
            key = AESGCM.generate_key(256)
            wrapped_key = _seal(self._master, key, customer_id)
        else:
            key = _open(self._master, wrapped_key, customer_id)
        return Sealed(wrapped_key, _seal(AESGCM(key), orjson.dumps(person), customer_id))

    def sign(self, text: bytes) -> bytes:
        return blake2b(text, key=self._signing, digest_size=16).digest()

    def draw_secret(self, name: str) -> bytes:
        return hmac_digest(self._draws, name.encode(), "sha256")


def _seal(cipher: AESGCM, data: bytes, customer_id: UUID) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, data, customer_id.bytes)


def _open(cipher: AESGCM, sealed: bytes, customer_id: UUID) -> bytes:
    return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], customer_id.bytes)


def _person(stored: dict[str, Any]) -> Person:
    values = {name: value for name, value in stored.items() if name in _FIELDS}
    values["birthday"] = date.fromisoformat(values["birthday"]) if values.get("birthday") else None
    values["cards"] = tuple(values.get("cards") or ())
    values["consents"] = tuple(values.get("consents") or ())
    return Person(**values)
