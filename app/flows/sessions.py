"""Whose session it is: tokens to callers, each believed for a moment, as keys are (`app.flows.callers`).

A session ends by signing out, by the person being disabled, half an hour after it was last used, and twelve hours after
it began. The process that ended it knows at once, the others after `SESSION_SECONDS`.
"""

import re
import time
from collections import OrderedDict
from datetime import timedelta
from hashlib import sha256

from app.domain.rejections import unauthenticated
from app.flows.ports_people import Session, SessionReads
from app.flows.requests import Caller

SESSION_SECONDS = 2.0  # How long an ended one may still be believed; half of what operators are promised.
SESSIONS_MAX = 1_000  # People of a chain's head office, at some 300 bytes each.
IDLE = timedelta(minutes=30)  # When it was last used is noted once a minute, so it may end a minute early.
LASTS = timedelta(hours=12)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits in base64url.


def digest_of(token: str) -> bytes:
    """How a token is stored: 256 random bits need no slow hash."""
    return sha256(token.encode()).digest()


class Sessions:
    def __init__(self, reads: SessionReads) -> None:
        self._reads = reads
        self._known: OrderedDict[bytes, tuple[float, Session]] = OrderedDict()

    async def caller(self, token: str) -> Caller:
        """Raises `Rejected(UNAUTHENTICATED)` for what is no session, and for ended ones alike."""
        session = await self.session(token)
        return Caller(key_id=session.person, role=session.role)

    async def session(self, token: str) -> Session:
        """Raises `Rejected(UNAUTHENTICATED)`."""
        if not _TOKEN.fullmatch(token):
            raise unauthenticated()
        digest = digest_of(token)
        known = self._known.get(digest)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        asked_at = time.monotonic()
        session = await self._reads.session(digest, idle=IDLE)
        if session is None:
            self._known.pop(digest, None)
            raise unauthenticated()
        self._known[digest] = (asked_at + SESSION_SECONDS, session)
        self._known.move_to_end(digest)
        if len(self._known) > SESSIONS_MAX:
            self._known.popitem(last=False)
        return session

    def forget(self, person: str) -> None:
        """Ask the database at the next call of each of the person's sessions."""
        for digest in [digest for digest, (_, session) in self._known.items() if session.person == person]:
            del self._known[digest]

    async def end(self, token: str) -> None:
        """Signed out when this returns, here at once."""
        digest = digest_of(token)
        await self._reads.end_session(digest)
        self._known.pop(digest, None)
