"""Hot customers in Redis: for quotes, look-ups and balances; never believed for a redemption.

A value has the customer's revision and a signed body; a script refuses an older revision over a newer one. A reader
that finds nothing leaves a mark, and may fill in what it reads as long as the mark is there; a writer replaces what is
there, and brings nobody in. So nobody slow brings back what was true before a write, even where the cache was emptied
meanwhile, and who is never read takes no room.
What readers ask in one tick of the event loop, or while another call of theirs is under way, is one call of Redis
(`app.flows.together`): most of what a look at the cache costs is the call. There is no second cache in the process:
it couldn't know what another process has written since, and a quote sees every write that was answered before (where
its writer could tell Redis).
Keys carry the database's own identity, so a restored database never meets snapshots newer than itself. Whatever is
wrong with a value - missing, of another type, another customer's, not signed by us - is a miss.

What happens while Redis fails is in `app.cache.guard`. Values live TTL_SECONDS, so even one that could not be replaced
is no older than the contract allows a balance to be; one that a full Redis has no room to replace is deleted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from hmac import compare_digest
from secrets import token_hex
from typing import Any
from uuid import UUID

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError

from app.cache import scripts
from app.cache.codec import from_body, to_body
from app.cache.guard import CALL_SECONDS, CacheWatch, GuardedRedis
from app.cache.line import Line, LuaScript
from app.flows.ledger_port import Patron
from app.flows.ports import Seen
from app.flows.together import Together

TTL_SECONDS = 30
MARK_SECONDS = 5  # Longer than any read of the database may take.
CONNECTIONS_MAX = 8
KEYS_MAX = 256  # A call: some 200 KB of answers, and as many tills as ever ask within a millisecond.
_ID_BYTES, _SIGNATURE_BYTES = 32, 16  # An owner's id is in hexadecimal: the script makes a key of it as it is.
_MARK_BYTES = 17
NOTHING = Seen(None, "")


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a reader wants to fill in; of those with one mark any will do: what was written since is beside the mark."""

    customer_id: UUID
    mark: str
    patron: Patron = field(compare=False)


def _new_mark() -> str:
    """Neither a revision nor as long as an owner: what stands in an empty place of either kind."""
    return f"m{token_hex(8)}"


def _is_mark(stored: bytes) -> bool:
    return len(stored) == _MARK_BYTES and stored.startswith(b"m")


def _marked(mark: bytes | None) -> Seen:
    """What is no mark of ours gets nobody in, and raises nothing."""
    return Seen(None, mark.decode("ascii", "replace")) if mark else NOTHING


class _Untold(Exception):
    """Redis did not answer."""


class RedisSnapshots:
    """The port `Snapshots`. `identity` names the database as it is now."""

    def __init__(self, url: str, *, key: bytes, identity: Callable[[], str], watch: CacheWatch) -> None:
        common: dict[str, Any] = {
            "socket_connect_timeout": CALL_SECONDS,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 3,
        }
        pool = BlockingConnectionPool.from_url(
            url, max_connections=CONNECTIONS_MAX, timeout=CALL_SECONDS, socket_timeout=CALL_SECONDS, **common
        )
        self._redis = GuardedRedis(Redis(connection_pool=pool), ttl_seconds=TTL_SECONDS + MARK_SECONDS, watch=watch)
        # No time-outs of their own: the guard has one around the whole call.
        lines = ConnectionPool.from_url(url, **common)
        self._reads, self._writes = Line(lines), Line(lines)
        self._bodies = Together(self._read_bodies, most=KEYS_MAX, patience=_Untold)
        self._found = Together(self._read_owned, most=KEYS_MAX, patience=_Untold)
        self._fills = Together(self._fill_in, most=KEYS_MAX)
        self._new_owners = Together(self._put_owners, most=KEYS_MAX)
        self._key = key
        self._identity = identity
        self._watch = watch

    async def close(self) -> None:
        await self._redis.close()
        await self._reads.close()
        await self._writes.close()

    async def put(self, patrons: Sequence[Patron]) -> None:
        if not patrons:
            return
        arguments: list[Any] = [TTL_SECONDS]
        for patron in patrons:
            body = to_body(patron)
            arguments += [patron.book.revision, self._sign(body) + body]
        keys = [self._customer_key(patron.book.customer_id) for patron in patrons]

        async def run(_: Redis) -> None:
            if refused := await self._writes.run(scripts.PUT, keys, arguments):
                self._watch.cache_fault("put", OutOfMemoryError(f"no room for {refused} of {len(keys)}"))

        await self._redis.tell(keys, run)

    async def get(self, customer_id: UUID) -> Seen:
        try:
            revision, stored = await self._bodies.ask(customer_id) or (None, None)
        except _Untold:
            revision, stored = None, None
        return await self._seen(customer_id, revision, stored)

    async def _seen(self, customer_id: UUID, revision: bytes | None, stored: bytes | None) -> Seen:
        if revision is None:
            self._watch.cache_miss("customer")
            return _marked(stored)
        patron = self._read(stored or b"", customer_id, revision=revision)
        if patron is None:
            await self.forget([customer_id])
            self._watch.cache_miss("customer")
            return NOTHING
        self._watch.cache_hit("customer")
        return Seen(patron, revision.decode())

    async def _read_bodies(self, ids: Sequence[UUID]) -> Mapping[UUID, tuple[bytes | None, bytes | None]]:
        """Revision and body by customer; no revision, and the mark (if one could be left), where there is nothing."""
        keys = [self._customer_key(customer_id) for customer_id in ids]
        told = await self._ask(scripts.GET, keys, [_new_mark(), MARK_SECONDS])
        return dict(zip(ids, zip(told[::2], told[1::2], strict=True), strict=True))

    async def fill(self, patron: Patron, *, mark: str) -> None:
        if mark:
            await self._fills.ask(_Reading(patron.book.customer_id, mark, patron))

    async def _fill_in(self, readings: Sequence[_Reading]) -> Mapping[_Reading, None]:
        arguments: list[Any] = [TTL_SECONDS]
        for reading in readings:
            body = to_body(reading.patron)
            arguments += [reading.mark, reading.patron.book.revision, self._sign(body) + body]
        keys = [self._customer_key(reading.customer_id) for reading in readings]
        await self._redis.ask(lambda _: self._reads.run(scripts.FILL, keys, arguments), None)
        return {}

    async def forget(self, customer_ids: Sequence[UUID]) -> None:
        if keys := [self._customer_key(customer_id) for customer_id in customer_ids]:
            await self._redis.tell(keys, lambda redis: redis.delete(*keys))

    async def find(self, digest: bytes) -> tuple[UUID | None, Seen]:
        try:
            stored, revision, body = await self._found.ask(digest) or (None, None, None)
        except _Untold:
            stored = revision = body = None
        if not stored:
            return None, NOTHING
        if _is_mark(stored):
            return None, _marked(stored)
        owner, signature = stored[:_ID_BYTES], stored[_ID_BYTES:]
        if len(owner) == _ID_BYTES and compare_digest(signature, self._sign(digest + owner)):
            customer_id = UUID(owner.decode())
            return customer_id, await self._seen(customer_id, revision, body)
        await self.drop([digest])
        return None, NOTHING

    async def _read_owned(
        self, digests: Sequence[bytes]
    ) -> Mapping[bytes, tuple[bytes | None, bytes | None, bytes | None]]:
        """By digest the owner as it is stored, or the mark; then as `_read_bodies` of that customer."""
        keys = [self._owner_key(digest) for digest in digests]
        told = await self._ask(scripts.FIND, keys, [_new_mark(), MARK_SECONDS, self._customers()])
        return dict(zip(digests, zip(told[::3], told[1::3], told[2::3], strict=True), strict=True))

    async def put_owner(self, digest: bytes, customer_id: UUID, *, mark: str) -> None:
        if mark:
            await self._new_owners.ask((digest, mark, customer_id))

    async def _put_owners(self, found: Sequence[tuple[bytes, str, UUID]]) -> Mapping[tuple[bytes, str, UUID], None]:
        keys = [self._owner_key(digest) for digest, _, _ in found]
        arguments: list[Any] = [TTL_SECONDS]
        for digest, mark, customer_id in found:
            owner = customer_id.hex.encode()
            arguments += [mark, owner + self._sign(digest + owner)]
        await self._redis.ask(lambda _: self._reads.run(scripts.PUT_OWNERS, keys, arguments), None)
        return {}

    async def drop(self, digests: Sequence[bytes]) -> None:
        if keys := [self._owner_key(digest) for digest in digests]:
            await self._redis.tell(keys, lambda redis: redis.delete(*keys))

    async def is_well(self) -> bool:
        """Whether it takes a value: one that is full answers, and is of no use."""
        key = f"kopilka:{self._identity()}:well"
        return bool(await self._redis.ask(lambda redis: redis.set(key, b"1", ex=TTL_SECONDS), None))

    async def _ask(self, script: LuaScript, keys: Sequence[str], arguments: Sequence[Any]) -> Sequence[bytes | None]:
        """As many answers a key as the script has. Raises _Untold."""
        told: Sequence[bytes | None] | None = await self._redis.ask(
            lambda _: self._reads.run(script, keys, arguments), None
        )
        if told is None:
            raise _Untold
        return told

    def _customer_key(self, customer_id: UUID) -> str:
        return f"{self._customers()}{customer_id.hex}"

    def _customers(self) -> str:
        """How their keys begin."""
        return f"kopilka:{self._identity()}:c:"

    def _owner_key(self, digest: bytes) -> str:
        return f"kopilka:{self._identity()}:i:{digest.hex()}"

    def _sign(self, body: bytes) -> bytes:
        return blake2b(body, key=self._key, digest_size=_SIGNATURE_BYTES).digest()

    def _read(self, stored: bytes, customer_id: UUID, *, revision: bytes) -> Patron | None:
        signature, body = stored[:_SIGNATURE_BYTES], stored[_SIGNATURE_BYTES:]
        if not compare_digest(signature, self._sign(body)):
            return None
        try:
            patron = from_body(body, customer_id)
        except (KeyError, TypeError, ValueError):  # Signed by another release of ours, in another shape.
            return None
        return patron if revision == b"%d" % patron.book.revision else None
