"""Customers' own keys, wrapped by a master key of the keyring.

A wrapped key is a nonce and AES-256-GCM's text, 60 bytes. Where the keyring has several master keys, 4 bytes stand
before it that name the one; with a single one there is nothing to tell apart, and none are written, as in releases
before. One without a name is tried with each: the text tells which master key is the right one.
"""

import hashlib
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.keyring import KEY_BYTES, Keyring
from app.sealing import NONCE_BYTES, seal, unseal

ID_BYTES = 4
PLAIN_BYTES = NONCE_BYTES + KEY_BYTES + 16  # Without a name.
NAMED_BYTES = ID_BYTES + PLAIN_BYTES


class UnknownMaster(Exception):
    """No master key of the keyring opens this."""


def master_id(master: bytes) -> bytes:
    """Names a master key without telling anything of it."""
    return hashlib.sha256(b"id of a master key\n" + master).digest()[:ID_BYTES]


class MasterKeys:
    """The keyring's master keys: the first wraps, all unwrap."""

    def __init__(self, keyring: Keyring) -> None:
        self._ciphers = {master_id(each): AESGCM(each) for each in (keyring.master, *keyring.other_masters)}
        self.id, self._first = next(iter(self._ciphers.items()))
        self._name = self.id if keyring.other_masters else b""

    def wrap(self, key: bytes, customer_id: UUID) -> bytes:
        return self._name + seal(self._first, key, bound_to=customer_id.bytes)

    def unwrap(self, wrapped: bytes, customer_id: UUID) -> bytes:
        """Raises UnknownMaster."""
        if len(wrapped) == NAMED_BYTES:
            tried = [cipher for name, cipher in self._ciphers.items() if name == wrapped[:ID_BYTES]]
        else:
            tried = list(self._ciphers.values())
        for cipher in tried:
            try:
                return unseal(cipher, wrapped[-PLAIN_BYTES:], bound_to=customer_id.bytes)
            except InvalidTag:
                continue
        raise UnknownMaster(f"the key of customer {customer_id} was wrapped by a master key that the keyring lacks")

    def rewrap(self, wrapped: bytes, customer_id: UUID) -> bytes:
        """The same key, wrapped by the first master key. Raises UnknownMaster."""
        return self.wrap(self.unwrap(wrapped, customer_id), customer_id)
