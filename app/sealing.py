"""AES-256-GCM as all here is sealed: a nonce of 96 random bits, then the text, bound to whose it is. A leaf."""

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


def seal(cipher: AESGCM, data: bytes, *, bound_to: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, data, bound_to)


def unseal(cipher: AESGCM, sealed: bytes, *, bound_to: bytes) -> bytes:
    """Raises `InvalidTag`: by another key, for another, or changed."""
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
