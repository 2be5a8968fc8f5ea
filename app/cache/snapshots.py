"""Hot customers in Redis: for quotes, look-ups and balances; never believed for a redemption.

A value is a hash of two fields, the customer's revision and a signed body; a script refuses an older revision over a
newer one. Keys carry the database's own identity, so a restored database never meets snapshots newer than itself.
Whatever is wrong with a value - missing, of another type, another customer's, not signed by us - is a miss.

Redis may be slow, empty, full or gone. Every call has CALL_SECONDS; after FAULTS_MAX faults in a row a breaker keeps
away for REST_SECONDS. Values live TTL_SECONDS, so even one that could not be replaced is no older than the contract
allows a balance to be.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from hmac import compare_digest
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import NoScriptError, RedisError

from app.cache.codec import from_body, to_body
from app.flows.ledger_port import Patron

CALL_SECONDS = 0.05  # Five of Redis's slow answers; a till never waits longer for what the database knows as well.
FAULTS_MAX = 3
REST_SECONDS = 1.0
TTL_SECONDS = 30
CONNECTIONS_MAX = 8
_SIGNATURE_BYTES = 16

T = TypeVar("T")

# KEYS: one a customer. ARGV: seconds to live, then revision and body for each key. Equal revisions may replace each
# other: they differ only in what was read along.
_PUT = """
for i, key in ipairs(KEYS) do
  local there = redis.pcall('HGET', key, 'r')
  if type(there) == 'table' and there.err then redis.call('DEL', key) there = false end
  if not there or not tonumber(there) or tonumber(there) <= tonumber(ARGV[2 * i]) then
    redis.call('HSET', key, 'r', ARGV[2 * i], 'b', ARGV[2 * i + 1])
    redis.call('EXPIRE', key, ARGV[1])
  end
end
return 1
"""


class CacheWatch(Protocol):
    """Counts what the cache does."""

    def cache_hit(self, kind: str) -> None: ...
    def cache_miss(self, kind: str) -> None: ...
    def cache_fault(self, kind: str, error: BaseException) -> None: ...


class RedisSnapshots:
    """The port `Snapshots`. `identity` names the database as it is now."""

    def __init__(self, url: str, *, key: bytes, identity: Callable[[], str], watch: CacheWatch) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS_MAX,
            timeout=CALL_SECONDS,
            socket_timeout=CALL_SECONDS,
            socket_connect_timeout=CALL_SECONDS,
            protocol=3,
        )
        self._redis = Redis(connection_pool=pool)
        self._key = key
        self._identity = identity
        self._watch = watch
        self._put_script = self._redis.register_script(_PUT)
        self._faults = 0
        self._rests_until = 0.0

    async def close(self) -> None:
        await self._redis.aclose(close_connection_pool=True)

    async def put(self, patrons: Sequence[Patron]) -> None:
        if not patrons:
            return
        arguments: list[Any] = [TTL_SECONDS]
        for patron in patrons:
            body = to_body(patron)
            arguments += [patron.book.revision, self._sign(body) + body]
        keys = [self._customer_key(patron.book.customer_id) for patron in patrons]
        await self._try(lambda: self._put_script(keys=keys, args=arguments), None)

    async def get(self, customer_id: UUID) -> Patron | None:
        key = self._customer_key(customer_id)
        stored = await self._try(lambda: cast("Awaitable[bytes | None]", self._redis.hget(key, "b")), None)
        patron = self._read(stored, customer_id) if stored else None
        if patron is None:
            if stored:
                await self._try(lambda: self._redis.delete(key), None)
            self._watch.cache_miss("customer")
        else:
            self._watch.cache_hit("customer")
        return patron

    async def owner(self, digest: bytes) -> UUID | None:
        key = self._owner_key(digest)
        stored = await self._try(lambda: cast("Awaitable[bytes | None]", self._redis.get(key)), None)
        if not stored or len(stored) != 16 + _SIGNATURE_BYTES:
            return None
        owner = stored[:16]
        return UUID(bytes=owner) if compare_digest(stored[16:], self._sign(digest + owner)) else None

    async def put_owner(self, digest: bytes, customer_id: UUID) -> None:
        value = customer_id.bytes + self._sign(digest + customer_id.bytes)
        await self._try(lambda: self._redis.set(self._owner_key(digest), value, ex=TTL_SECONDS), None)

    async def drop(self, digests: Sequence[bytes]) -> None:
        keys = [self._owner_key(digest) for digest in digests]
        if keys:
            await self._try(lambda: self._redis.delete(*keys), None)

    async def is_well(self) -> bool:
        return await self._try(self._redis.ping, False) is not False

    def _customer_key(self, customer_id: UUID) -> str:
        return f"kopilka:{self._identity()}:c:{customer_id.hex}"

    def _owner_key(self, digest: bytes) -> str:
        return f"kopilka:{self._identity()}:i:{digest.hex()}"

    def _sign(self, body: bytes) -> bytes:
        return blake2b(body, key=self._key, digest_size=_SIGNATURE_BYTES).digest()

    def _read(self, stored: bytes, customer_id: UUID) -> Patron | None:
        signature, body = stored[:_SIGNATURE_BYTES], stored[_SIGNATURE_BYTES:]
        if not compare_digest(signature, self._sign(body)):
            return None
        patron = from_body(body)
        return patron if patron.book.customer_id == customer_id else None

    async def _try(self, call: Callable[[], Awaitable[T]], otherwise: T) -> T:
        if time.monotonic() < self._rests_until:
            return otherwise
        try:
            async with asyncio.timeout(CALL_SECONDS * 2):
                answer = await call()
        except (RedisError, OSError, TimeoutError) as error:
            self._note_fault(error)
            return otherwise
        self._faults = 0
        return answer

    def _note_fault(self, error: BaseException) -> None:
        self._watch.cache_fault("call", error)
        if isinstance(error, NoScriptError):
            return
        self._faults += 1
        if self._faults >= FAULTS_MAX:
            self._faults = 0
            self._rests_until = time.monotonic() + REST_SECONDS
