"""Who calls: keys to callers, each believed for a moment, so that a till's every call doesn't ask the database."""

import time
from collections import OrderedDict
from hashlib import sha256

from app.domain.rejections import unauthenticated
from app.flows.ports_customers import Reads
from app.flows.requests import Caller

KEY_SECONDS = 2.0  # How long a revoked key may still be believed; half of what operators are promised.
KEYS_MAX = 10_000  # A chain's tills, at some 300 bytes each.


class Callers:
    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    async def of(self, key: str) -> Caller:
        """Raises `Rejected(UNAUTHENTICATED)` for unknown and revoked keys alike."""
        digest = sha256(key.encode()).digest()
        known = self._known.get(digest)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        asked_at = time.monotonic()
        caller = await self._reads.caller(digest)
        if caller is None:
            self._known.pop(digest, None)
            raise unauthenticated()
        self._known[digest] = (asked_at + KEY_SECONDS, caller)
        self._known.move_to_end(digest)
        if len(self._known) > KEYS_MAX:
            self._known.popitem(last=False)
        return caller
