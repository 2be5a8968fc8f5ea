"""Passwords of people as argon2id hashes (RFC 9106), and the sealed secrets of their one-time codes (RFC 6238).

A hash takes 46 MiB and some 40 ms of a processor, by OWASP's first recommendation: one at a time in a process, so that
guesses can take no more from the tills than a part of one processor, and few may wait.
"""

import asyncio
import os
from base64 import b32encode
from datetime import datetime
from urllib.parse import quote

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.domain.one_time_codes import SECRET_BYTES, matching_step
from app.domain.rejections import Rejected, Rejection
from app.sealing import seal, unseal

TIME_COST, MEMORY_KIB, LANES = 1, 47_104, 1
WAITING_MAX = 16  # Less than a second's work.
ISSUER = "Kopilka"

_NOBODYS_SECRET = bytes(SECRET_BYTES)


class Argon2Passwords:
    """The port `Passwords`."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def is_right(self, password: str, against: str | None) -> bool:
        if self._waiting >= WAITING_MAX:
            raise Rejected(Rejection.OVERLOADED, "Too many people are signing in.")
        self._waiting += 1
        try:
            if self._nobodys is None:
                self._nobodys = await self.hash(os.urandom(16).hex())
            async with self._turn:
                return await asyncio.to_thread(self._verify, against or self._nobodys, password) and against is not None
        finally:
            self._waiting -= 1

    def _verify(self, against: str, password: str) -> bool:
        try:
            return self._hasher.verify(against, password)
        except (VerificationError, InvalidHashError):
            return False


class SealedCodes:
    """The port `Codes`: AES-256-GCM under the keyring's key, bound to the person's id."""

    def __init__(self, key: bytes) -> None:
        self._key = AESGCM(key)

    def fresh(self, person_id: str, *, login: str) -> tuple[bytes, str]:
        secret = os.urandom(SECRET_BYTES)
        sealed = seal(self._key, secret, bound_to=person_id.encode())
        return sealed, f"otpauth://totp/{ISSUER}:{quote(login)}?secret={b32encode(secret).decode()}&issuer={ISSUER}"

    def step_of(self, code: str, *, sealed: bytes | None, person_id: str | None, now: datetime) -> int | None:
        secret = self._opened(sealed, person_id)
        step = matching_step(secret or _NOBODYS_SECRET, code, at=now)
        return None if secret is None else step

    def _opened(self, sealed: bytes | None, person_id: str | None) -> bytes | None:
        if sealed is None or person_id is None:
            return None
        try:
            return unseal(self._key, sealed, bound_to=person_id.encode())
        except InvalidTag:  # Another keyring's.
            return None
