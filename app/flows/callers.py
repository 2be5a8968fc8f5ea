"""Who calls: keys to callers, each believed for a moment, so that a till's every call doesn't ask the database.

What hasn't a key's form costs no statement. When a key was used is noted where the database is asked about it anyway,
and written for all keys of the process together, at most once in `USES_SECONDS`.
"""

import asyncio
import time
from collections import OrderedDict
from hashlib import sha256

from app.domain.key_text import KeyEnv, may_be_key
from app.domain.rejections import unauthenticated
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.flows.ports_keys import CallerReads
from app.flows.requests import Caller

KEY_SECONDS = 2.0  # How long a revoked key may still be believed; half of what operators are promised.
KEYS_MAX = 10_000  # A chain's tills, at some 300 bytes each.
USES_SECONDS = 60.0  # As exact as a last use is shown.


class Callers:
    def __init__(self, reads: CallerReads, *, env: KeyEnv = KeyEnv.LIVE) -> None:
        self._reads = reads
        self._env = env
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()
        self._used: dict[str, float] = {}  # Key id to when, in seconds of `time.monotonic`; not written yet.
        self._writing: asyncio.Task[None] | None = None

    async def of(self, key: str) -> Caller:
        """Raises `Rejected(UNAUTHENTICATED)` for what is no key, and for unknown and revoked ones alike."""
        digest = sha256(key.encode()).digest()
        known = self._known.get(digest)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        if not may_be_key(key, env=self._env):
            raise unauthenticated()
        asked_at = time.monotonic()
        caller = await self._reads.caller(digest)
        if caller is None:
            self._known.pop(digest, None)
            raise unauthenticated()
        self._known[digest] = (asked_at + KEY_SECONDS, caller)
        self._known.move_to_end(digest)
        if len(self._known) > KEYS_MAX:
            self._known.popitem(last=False)
        self._note_use(caller.key_id, at=asked_at)
        return caller

    async def drain(self) -> None:
        """Write what is noted; what can't be written is let go, since it only says when."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        await self._write_uses()

    def _note_use(self, key_id: str, *, at: float) -> None:
        self._used[key_id] = at
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_uses_later())

    async def _write_uses_later(self) -> None:
        await asyncio.sleep(USES_SECONDS)
        await self._write_uses()

    async def _write_uses(self) -> None:
        used, self._used = self._used, {}
        if not used:
            return
        now = time.monotonic()
        try:
            await self._reads.note_uses({key_id: now - at for key_id, at in used.items()})
        except (Conflict, DatabaseBusy, DatabaseGone):
            self._used = used | self._used  # The next use starts the next try.
        except asyncio.CancelledError:
            self._used = used | self._used
            raise
