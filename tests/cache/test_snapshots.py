"""Hot customers in a real Valkey, and in one that refuses, lies or is gone."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import pytest
from redis.asyncio import Redis

from app.cache.snapshots import CALL_SECONDS, FAULTS_MAX, TTL_SECONDS, RedisSnapshots
from app.domain.identifiers import CustomerId
from app.domain.ledger.books import Book, Progress, Purse
from app.flows.ledger_port import Patron, Sealed
from app.flows.results import Instant
from tests.kit import Stage

ANNA, BORIS = UUID(int=1), UUID(int=2)
KEY = f"kopilka:db-1:c:{ANNA.hex}"


class Counting:
    """The port `CacheWatch`, remembered."""

    def __init__(self) -> None:
        self.hits = self.misses = self.faults = 0

    def cache_hit(self, kind: str) -> None:
        self.hits += kind == "customer"

    def cache_miss(self, kind: str) -> None:
        self.misses += kind == "customer"

    def cache_fault(self, kind: str, error: BaseException) -> None:
        self.faults += bool(kind and error)


def patron(customer: UUID = ANNA, *, revision: int = 1, available: int = 10) -> Patron:
    moment = datetime(2026, 11, 21, 9, tzinfo=UTC)
    return Patron(
        book=Book(
            customer_id=CustomerId(customer),
            version=revision,
            revision=revision,
            purses={"points": Purse(available=available, pending=2, held=0, floor=0)},
            tier="gold",
            progress=Progress(paid=5, purchases=1, units=7, last_purchase_at=moment),
            due_at=moment,
        ),
        profile=Sealed(b"wrapped", b"sealed"),
        tags=("a",),
        horizon={"points": (Instant(3, moment), None)},
    )


@pytest.fixture
def watch() -> Counting:
    return Counting()


@pytest.fixture
async def snapshots(stage: Stage, watch: Counting) -> AsyncIterator[RedisSnapshots]:
    snapshots = RedisSnapshots(stage.redis_url, key=bytes(32), identity=lambda: "db-1", watch=watch)
    yield snapshots
    await snapshots.close()


@pytest.fixture
async def redis(stage: Stage) -> AsyncIterator[Redis]:
    async with Redis.from_url(stage.redis_url) as redis:
        yield redis


async def test_what_was_put_comes_back_whole(snapshots: RedisSnapshots, redis: Redis, watch: Counting) -> None:
    put = patron()
    await snapshots.put([put])
    got = await snapshots.get(ANNA)
    assert got is not None
    assert (got.book, got.profile, got.tags, got.horizon) == (put.book, put.profile, put.tags, put.horizon)
    assert 0 < await redis.ttl(KEY) <= TTL_SECONDS
    assert (watch.hits, watch.misses) == (1, 0)


async def test_an_older_revision_never_replaces_a_newer(snapshots: RedisSnapshots) -> None:
    await snapshots.put([patron(revision=6, available=60)])
    await snapshots.put([patron(revision=5, available=50)])
    got = await snapshots.get(ANNA)
    assert got is not None
    assert got.book.purse("points").available == 60


@pytest.mark.parametrize("planted", ["a list", "garbage", "another customer's", "a bigger balance", "a huge revision"])
async def test_poison_is_a_miss_and_is_gone(
    snapshots: RedisSnapshots, redis: Redis, watch: Counting, planted: str
) -> None:
    await snapshots.put([patron(), patron(BORIS)])
    match planted:
        case "a list":
            await redis.delete(KEY)
            await redis.rpush(KEY, "x")
        case "garbage":
            await redis.hset(KEY, "b", b"\xff\x00 not JSON")
        case "another customer's":
            await redis.hset(KEY, "b", await redis.hget(f"kopilka:db-1:c:{BORIS.hex}", "b"))
        case "a bigger balance":
            body = cast("bytes", await redis.hget(KEY, "b"))
            await redis.hset(KEY, "b", body.replace(b'"available":10', b'"available":99'))
        case "a huge revision":
            await redis.hset(KEY, mapping={"r": 10**12, "b": b"x" * 40})
    assert await snapshots.get(ANNA) is None
    await snapshots.put([patron(revision=2, available=20)])
    got = await snapshots.get(ANNA)
    assert got is not None
    assert got.book.purse("points").available == 20
    assert (watch.misses, watch.hits) == (1, 1)


async def test_another_database_has_other_keys(stage: Stage, snapshots: RedisSnapshots, watch: Counting) -> None:
    await snapshots.put([patron()])
    restored = RedisSnapshots(stage.redis_url, key=bytes(32), identity=lambda: "db-2", watch=watch)
    assert await restored.get(ANNA) is None
    await restored.close()


async def test_owners_are_signed_too(snapshots: RedisSnapshots, redis: Redis) -> None:
    digest = b"d" * 32
    await snapshots.put_owner(digest, ANNA)
    assert await snapshots.owner(digest) == ANNA
    await redis.set(f"kopilka:db-1:i:{digest.hex()}", BORIS.bytes + bytes(16))
    assert await snapshots.owner(digest) is None
    await snapshots.drop([digest])
    assert await redis.exists(f"kopilka:db-1:i:{digest.hex()}") == 0


async def test_a_redis_that_is_gone_is_a_quick_miss_and_then_left_alone(watch: Counting) -> None:
    gone = RedisSnapshots("unix:///nowhere/valkey.sock", key=bytes(32), identity=lambda: "db-1", watch=watch)
    started = time.monotonic()
    for _ in range(50):
        assert await gone.get(ANNA) is None
        await gone.put([patron()])
    assert not await gone.is_well()
    assert time.monotonic() - started < 50 * 2 * CALL_SECONDS  # The breaker spares us nearly all calls.
    assert FAULTS_MAX <= watch.faults <= 2 * FAULTS_MAX
    await gone.close()
