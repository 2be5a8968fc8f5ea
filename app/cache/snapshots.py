"""Hot customers in Redis: for quotes, look-ups and balances; never believed for a redemption.

A value is a hash of two fields, the customer's revision and a signed body; a script refuses an older revision over a
newer one. A reader that finds nothing leaves a mark, and may fill in what it reads as long as the mark is there:
neither a slow reader nor a cache that was emptied meanwhile brings back what was true before a write.
Keys carry the database's own identity, so a restored database never meets snapshots newer than itself. Whatever is
wrong with a value - missing, of another type, another customer's, not signed by us - is a miss.

What happens while Redis fails is in `app.cache.guard`. Values live TTL_SECONDS, so even one that could not be replaced
is no older than the contract allows a balance to be; one that a full Redis has no room to replace is deleted.
"""

from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from hmac import compare_digest
from secrets import token_hex
from typing import Any, cast
from uuid import UUID

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError

from app.cache.codec import from_body, to_body
from app.cache.guard import CALL_SECONDS, CacheWatch, GuardedRedis
from app.flows.ledger_port import Patron
from app.flows.ports import Seen

TTL_SECONDS = 30
MARK_SECONDS = 5  # Longer than any read of the database may take.
CONNECTIONS_MAX = 8
_SIGNATURE_BYTES = 16

# KEYS: one a customer. ARGV: seconds to live, then revision and body for each key. Equal revisions may replace each
# other: they differ only in what was read along. The answer is how many there was no room for.
_PUT = """
local refused = 0
for i, key in ipairs(KEYS) do
  local there = redis.pcall('HGET', key, 'r')
  if type(there) == 'table' and there.err then redis.call('DEL', key) there = false end
  if not there or not tonumber(there) or tonumber(there) <= tonumber(ARGV[2 * i]) then
    local put = redis.pcall('HSET', key, 'r', ARGV[2 * i], 'b', ARGV[2 * i + 1])
    if type(put) == 'table' and put.err then
      redis.call('DEL', key)
      refused = refused + 1
    else
      redis.call('HDEL', key, 'm')
      redis.call('EXPIRE', key, ARGV[1])
    end
  end
end
return refused
"""
# ARGV: a mark to leave where there is nothing, seconds for which it stands. The answer: revision, body, mark.
_GET = """
local there = redis.pcall('HMGET', KEYS[1], 'r', 'b')
if not there.err and there[1] and there[2] then return {there[1], there[2], there[1]} end
redis.call('DEL', KEYS[1])
local marked = redis.pcall('HSET', KEYS[1], 'm', ARGV[1])
if type(marked) == 'table' and marked.err then return {false, false, false} end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return {false, false, ARGV[1]}
"""
# ARGV: the mark (or the revision) that was seen, seconds to live, revision, body. A reader was slow where somebody has
# written since, or where the place was emptied: what it read may be older than what was there.
_FILL = """
local there = redis.pcall('HMGET', KEYS[1], 'r', 'm')
if there.err or (there[1] ~= ARGV[1] and there[2] ~= ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'r', ARGV[3], 'b', ARGV[4])
redis.call('HDEL', KEYS[1], 'm')
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


class RedisSnapshots:
    """The port `Snapshots`. `identity` names the database as it is now."""

    def __init__(self, url: str, *, key: bytes, identity: Callable[[], str], watch: CacheWatch) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS_MAX,
            timeout=CALL_SECONDS,
            socket_timeout=CALL_SECONDS,
            socket_connect_timeout=CALL_SECONDS,
            retry=Retry(NoBackoff(), 0),
            protocol=3,
        )
        redis = Redis(connection_pool=pool)
        self._redis = GuardedRedis(redis, ttl_seconds=TTL_SECONDS, watch=watch)
        self._put_script = redis.register_script(_PUT)
        self._get_script = redis.register_script(_GET)
        self._fill_script = redis.register_script(_FILL)
        self._key = key
        self._identity = identity
        self._watch = watch

    async def close(self) -> None:
        await self._redis.close()

    async def put(self, patrons: Sequence[Patron]) -> None:
        if not patrons:
            return
        arguments: list[Any] = [TTL_SECONDS]
        for patron in patrons:
            body = to_body(patron)
            arguments += [patron.book.revision, self._sign(body) + body]
        keys = [self._customer_key(patron.book.customer_id) for patron in patrons]

        async def run(_: Redis) -> None:
            if refused := await self._put_script(keys=keys, args=arguments):
                self._watch.cache_fault("put", OutOfMemoryError(f"no room for {refused} of {len(keys)}"))

        await self._redis.tell(keys, run)

    async def get(self, customer_id: UUID) -> Seen:
        key, own_mark = self._customer_key(customer_id), f"m{token_hex(8)}"

        async def run(_: Redis) -> list[bytes | None]:
            found: list[bytes | None] = await self._get_script(keys=[key], args=[own_mark, MARK_SECONDS])
            return found

        nothing: list[bytes | None] = [None, None, None]
        revision, stored, mark = await self._redis.ask(run, nothing)
        if not stored:
            self._watch.cache_miss("customer")
            return Seen(None, mark.decode() if mark else "")
        patron = self._read(stored, customer_id, revision=revision)
        if patron is None:
            await self.forget([customer_id])
            self._watch.cache_miss("customer")
            return Seen(None, "")
        self._watch.cache_hit("customer")
        return Seen(patron, str(patron.book.revision))

    async def fill(self, patron: Patron, *, mark: str) -> None:
        if not mark:
            return
        body = to_body(patron)
        key, value = self._customer_key(patron.book.customer_id), self._sign(body) + body
        arguments: list[Any] = [mark, TTL_SECONDS, patron.book.revision, value]
        await self._redis.ask(lambda _: self._fill_script(keys=[key], args=arguments), None)

    async def forget(self, customer_ids: Sequence[UUID]) -> None:
        if keys := [self._customer_key(customer_id) for customer_id in customer_ids]:
            await self._redis.tell(keys, lambda redis: redis.delete(*keys))

    async def owner(self, digest: bytes) -> UUID | None:
        key = self._owner_key(digest)
        stored = await self._redis.ask(lambda redis: cast("Awaitable[bytes | None]", redis.get(key)), None, keys=[key])
        if not stored:
            return None
        owner = stored[:16]
        if len(owner) == 16 and compare_digest(stored[16:], self._sign(digest + owner)):
            return UUID(bytes=owner)
        await self._redis.tell([key], lambda redis: redis.delete(key))
        return None

    async def put_owner(self, digest: bytes, customer_id: UUID) -> None:
        key, value = self._owner_key(digest), customer_id.bytes + self._sign(digest + customer_id.bytes)
        await self._redis.ask(lambda redis: redis.set(key, value, ex=TTL_SECONDS, nx=True), None)

    async def drop(self, digests: Sequence[bytes]) -> None:
        keys = [self._owner_key(digest) for digest in digests]

        async def run(redis: Redis) -> None:
            # Nothing, for a moment: a reader under way could fill a gap with the owner it found before.
            async with redis.pipeline(transaction=True) as at_once:
                for key in keys:
                    at_once.set(key, b"", ex=MARK_SECONDS)
                await at_once.execute()

        if keys:
            await self._redis.tell(keys, run)

    async def is_well(self) -> bool:
        """Whether it takes a value: one that is full answers, and is of no use."""
        key = f"kopilka:{self._identity()}:well"
        return bool(await self._redis.ask(lambda redis: redis.set(key, b"1", ex=TTL_SECONDS), None))

    def _customer_key(self, customer_id: UUID) -> str:
        return f"kopilka:{self._identity()}:c:{customer_id.hex}"

    def _owner_key(self, digest: bytes) -> str:
        return f"kopilka:{self._identity()}:i:{digest.hex()}"

    def _sign(self, body: bytes) -> bytes:
        return blake2b(body, key=self._key, digest_size=_SIGNATURE_BYTES).digest()

    def _read(self, stored: bytes, customer_id: UUID, *, revision: bytes | None) -> Patron | None:
        signature, body = stored[:_SIGNATURE_BYTES], stored[_SIGNATURE_BYTES:]
        if not compare_digest(signature, self._sign(body)):
            return None
        try:
            patron = from_body(body)
        except (KeyError, TypeError, ValueError):  # Signed by another release of ours, in another shape.
            return None
        book = patron.book
        return patron if book.customer_id == customer_id and revision == b"%d" % book.revision else None
