"""Hot customers in a real Valkey, and in one that refuses, lies or is gone."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from redis.asyncio import Redis

from app.cache.guard import CALL_SECONDS, FAULTS_MAX, REST_SECONDS
from app.cache.snapshots import MARK_SECONDS, TTL_SECONDS, RedisSnapshots
from app.flows.ledger_port import Patron
from app.flows.ports import Seen
from tests.cache.patrons import ANNA, BORIS, array_of, patron, signed, signed_array
from tests.kit import Stage
from tests.storm.proxy import Cut, Swallow, nothing_wrong, proxied

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


async def bring_in(snapshots: RedisSnapshots, *patrons: Patron) -> None:
    """As who reads them."""
    for each in patrons:
        await snapshots.fill(each, mark=(await snapshots.get(each.book.customer_id)).mark)


async def own(snapshots: RedisSnapshots, digest: bytes, customer: UUID) -> None:
    await snapshots.put_owner(digest, customer, mark=(await snapshots.find(digest))[1].mark)


async def revision_of(snapshots: RedisSnapshots, customer: UUID = ANNA) -> int | None:
    found = (await snapshots.get(customer)).patron
    return None if found is None else found.book.revision


async def test_what_was_put_comes_back_whole(snapshots: RedisSnapshots, redis: Redis, watch: Counting) -> None:
    await bring_in(snapshots, patron())
    put = patron(revision=2, available=20)
    await snapshots.put([put])
    got = (await snapshots.get(ANNA)).patron
    assert got is not None
    for name in ("book", "profile", "tags", "segments", "card_types", "is_gift_card", "horizon"):
        assert getattr(got, name) == getattr(put, name), name
    assert 0 < await redis.ttl(KEY) <= TTL_SECONDS
    assert (watch.hits, watch.misses) == (1, 1)


async def test_a_write_brings_nobody_in(snapshots: RedisSnapshots, redis: Redis) -> None:
    """Who wrote before another comes after the other's value is lost: nothing there would refuse it."""
    await bring_in(snapshots, patron(revision=5))
    await snapshots.put([patron(revision=7)])
    assert await revision_of(snapshots) == 7
    await redis.flushall()
    await snapshots.put([patron(revision=6)])
    assert await redis.exists(KEY) == 0
    assert await revision_of(snapshots) is None


@pytest.mark.parametrize(("late", "found"), [(6, 7), (8, 8)])
async def test_what_is_written_beside_a_mark_waits_for_its_reader(
    snapshots: RedisSnapshots, redis: Redis, late: int, found: int
) -> None:
    """6 was committed before the reader read 7, 8 after; nobody is shown either before the reader comes."""
    reader = await snapshots.get(ANNA)
    await snapshots.put([patron(revision=late)])
    assert await snapshots.get(ANNA) == reader
    await snapshots.fill(patron(revision=5), mark=str(late))  # That would be for who has been shown it.
    assert await snapshots.get(ANNA) == reader
    assert 0 < await redis.ttl(KEY) <= MARK_SECONDS
    await snapshots.fill(patron(revision=7), mark=reader.mark)
    assert await revision_of(snapshots) == found
    assert MARK_SECONDS < await redis.ttl(KEY) <= TTL_SECONDS


async def test_a_customer_who_is_written_all_the_time_gets_in(snapshots: RedisSnapshots) -> None:
    reader = await snapshots.get(ANNA)
    for revision in range(6, 9):
        await snapshots.put([patron(revision=revision)])
    await snapshots.fill(patron(revision=5), mark=reader.mark)
    assert await revision_of(snapshots) == 8
    await snapshots.put([patron(revision=9)])
    assert await revision_of(snapshots) == 9


async def test_customers_asked_for_at_once_are_read_by_one_call(
    snapshots: RedisSnapshots, redis: Redis, watch: Counting
) -> None:
    others = [UUID(int=number) for number in range(10, 40)]
    await bring_in(snapshots, *map(patron, others[::2]))  # Redis knows the scripts from now on.
    before = await _scripts_run(redis)
    seen = await asyncio.gather(*(snapshots.get(other) for other in [*others, *others]))
    assert await _scripts_run(redis) - before == 1
    assert [each.patron is not None for each in seen] == [place % 2 == 0 for place in range(len(others))] * 2
    found = [each.patron for each in seen if each.patron is not None]
    assert len({id(each) for each in found}) == len(found), "a customer is changed by who reads it"
    missing = [(other, each.mark) for other, each in zip([*others, *others], seen, strict=True) if each.patron is None]
    await asyncio.gather(*(snapshots.fill(patron(other), mark=mark) for other, mark in missing))
    assert await _scripts_run(redis) - before == 2
    again = await asyncio.gather(*(snapshots.get(other) for other in others))
    assert all(each.patron is not None for each in again)


async def test_poison_among_others_is_a_miss_of_its_own(snapshots: RedisSnapshots, redis: Redis) -> None:
    await bring_in(snapshots, patron(), patron(BORIS))
    await redis.delete(KEY)
    await redis.rpush(KEY, "x")
    anna, boris = await asyncio.gather(snapshots.get(ANNA), snapshots.get(BORIS))
    assert anna.patron is None
    assert boris.patron is not None


async def test_an_owners_place_of_another_kind_is_emptied(snapshots: RedisSnapshots, redis: Redis) -> None:
    digest, other = b"d" * 32, b"e" * 32
    await redis.rpush(f"kopilka:db-1:i:{digest.hex()}", "x")
    await own(snapshots, other, BORIS)
    (owner, _), (other_owner, _) = await asyncio.gather(snapshots.find(digest), snapshots.find(other))
    assert owner is None
    assert other_owner == BORIS
    await own(snapshots, digest, ANNA)
    assert (await snapshots.find(digest))[0] == ANNA


async def test_a_redis_that_was_started_anew_is_asked_without_a_fault(
    snapshots: RedisSnapshots, redis: Redis, watch: Counting
) -> None:
    """It knows no script any more, and has closed the connections."""
    await bring_in(snapshots, patron())
    assert (await snapshots.get(ANNA)).patron is not None
    await redis.script_flush()
    await redis.client_kill_filter(_type="normal", skipme=True)
    await asyncio.sleep(0.05)
    assert (await snapshots.get(ANNA)).patron is not None
    await snapshots.put([patron(revision=2)])
    assert (await snapshots.get(ANNA)).mark == "2"
    assert watch.faults == 0


async def test_an_older_revision_never_replaces_a_newer(snapshots: RedisSnapshots) -> None:
    await bring_in(snapshots, patron(revision=6, available=60))
    await snapshots.put([patron(revision=5, available=50)])
    got = (await snapshots.get(ANNA)).patron
    assert got is not None
    assert got.book.purse("points").available == 60


@pytest.mark.parametrize(
    "planted",
    [
        "a list",
        "garbage",
        "another customer's",
        "a bigger balance",
        "a huge revision",
        "another release's",
        "the release before's",
        "a member short",
    ],
)
async def test_poison_is_a_miss_and_is_gone(
    snapshots: RedisSnapshots, redis: Redis, watch: Counting, planted: str
) -> None:
    await bring_in(snapshots, patron(), patron(BORIS))
    watch.hits = watch.misses = 0
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
            bigger = body.replace(b'["points",10,', b'["points",99,')
            assert bigger != body
            await redis.hset(KEY, "b", bigger)
        case "a huge revision":
            await redis.hset(KEY, mapping={"r": 10**12, "b": b"x" * 40})
        case "another release's":
            await redis.hset(KEY, "b", signed({"id": "nothing we know"}))
        case "the release before's":
            array = array_of(patron())
            await redis.hset(KEY, "b", signed_array([array[0] - 1, *array[1:]]))
        case "a member short":
            await redis.hset(KEY, "b", signed_array(array_of(patron())[:-1]))
    assert (await snapshots.get(ANNA)).patron is None
    assert watch.misses == 1
    await bring_in(snapshots, patron(revision=2, available=20))
    got = (await snapshots.get(ANNA)).patron
    assert got is not None
    assert got.book.purse("points").available == 20
    assert watch.hits == 1


async def test_a_reader_fills_in_only_what_nobody_has_touched_since(snapshots: RedisSnapshots, redis: Redis) -> None:
    slow = await snapshots.get(ANNA)
    await snapshots.put([patron(revision=6)])
    await redis.delete(KEY)  # Emptied just then: the revision that would have refused the reader's is gone.
    await snapshots.fill(patron(revision=5), mark=slow.mark)
    empty = await snapshots.get(ANNA)
    assert empty.patron is None
    await snapshots.fill(patron(revision=6), mark=empty.mark)
    found = await snapshots.get(ANNA)
    assert found.patron is not None
    assert found.patron.book.revision == 6
    await snapshots.put([patron(revision=7)])
    await snapshots.fill(patron(revision=6, available=60), mark=found.mark)
    assert (await snapshots.get(ANNA)).mark == "7"
    assert 0 < await redis.ttl(KEY) <= TTL_SECONDS


async def test_readers_who_come_all_the_time_keep_nobody_out(snapshots: RedisSnapshots) -> None:
    """Each finds nothing while the first is still reading; the first fills in all the same, and the others no more."""
    first = await snapshots.get(ANNA)
    later = [await snapshots.get(ANNA) for _ in range(3)]
    await snapshots.fill(patron(revision=5, available=50), mark=first.mark)
    for each in later:
        await snapshots.fill(patron(revision=4, available=40), mark=each.mark)
    found = (await snapshots.get(ANNA)).patron
    assert found is not None
    assert found.book.revision == 5


async def test_no_reader_of_before_a_write_fills_in_after_it(snapshots: RedisSnapshots, redis: Redis) -> None:
    first, second = await snapshots.get(ANNA), await snapshots.get(ANNA)
    await snapshots.put([patron(revision=6)])
    await redis.delete(KEY)
    third = await snapshots.get(ANNA)
    for each in (first, second):
        await snapshots.fill(patron(revision=5), mark=each.mark)
    assert (await snapshots.get(ANNA)).patron is None
    await snapshots.fill(patron(revision=6), mark=third.mark)
    assert (await snapshots.get(ANNA)).patron is not None


async def test_a_forgotten_customer_is_read_anew(snapshots: RedisSnapshots) -> None:
    await bring_in(snapshots, patron())
    reader = await snapshots.get(ANNA)
    await snapshots.put([patron(revision=2)])
    await snapshots.forget([ANNA])
    await snapshots.fill(patron(), mark=reader.mark)
    assert (await snapshots.get(ANNA)).patron is None


async def test_a_write_that_is_cut_off_is_forgotten_before_anything_is_read(
    snapshots: RedisSnapshots, redis: Redis
) -> None:
    """As when the database's patience ends while Redis is told of what is committed."""
    await bring_in(snapshots, patron())
    await redis.client_pause(30, all=False)
    telling = asyncio.create_task(snapshots.put([patron()]))
    await asyncio.sleep(0.01)
    telling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await telling
    await asyncio.sleep(0.05)
    assert (await snapshots.get(ANNA)).patron is None


async def test_what_could_not_be_told_is_told_soon_for_others_too(stage: Stage, watch: Counting) -> None:
    """The writer asks nothing more itself; another process would be told of before by Redis."""
    other = RedisSnapshots(stage.redis_url, key=bytes(32), identity=lambda: "db-1", watch=Counting())
    async with proxied(Path(stage.redis_url.removeprefix("unix://"))) as line:
        host, port = cast("tuple[str, int]", line.address)
        writer = RedisSnapshots(f"redis://{host}:{port}", key=bytes(32), identity=lambda: "db-1", watch=watch)
        await bring_in(writer, patron(revision=1))
        line.fault = lambda _side, _data: Cut()
        await writer.put([patron(revision=2)])
        line.fault = nothing_wrong
        assert await revision_of(other) == 1
        async with asyncio.timeout(5):
            while await revision_of(other) is not None:  # noqa: ASYNC110 - Redis has no event
                await asyncio.sleep(0.01)
        assert 1 <= watch.faults < FAULTS_MAX
        await writer.close()
    await other.close()


async def test_what_could_not_be_told_is_told_at_the_end(stage: Stage, redis: Redis, watch: Counting) -> None:
    async with proxied(Path(stage.redis_url.removeprefix("unix://"))) as line:
        host, port = cast("tuple[str, int]", line.address)
        writer = RedisSnapshots(f"redis://{host}:{port}", key=bytes(32), identity=lambda: "db-1", watch=watch)
        await bring_in(writer, patron(revision=1))
        line.fault = lambda _side, _data: Cut()
        await writer.put([patron(revision=2)])
        line.fault = nothing_wrong
        await writer.close()
    assert await redis.exists(KEY) == 0


async def test_a_write_during_the_forgetting_is_forgotten_too(
    stage: Stage, snapshots: RedisSnapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose answer is still under way when the same customer could not be written once more."""
    guard = snapshots._redis
    delete, deletions = guard._redis.delete, 0

    async def deleted_before_another_failed(*keys: str) -> int:
        nonlocal deletions
        deletions += 1
        told = await delete(*keys)
        if deletions == 1:
            await bring_in(others, patron(revision=1))
            guard._forget_soon([KEY])
        return int(told)

    others = RedisSnapshots(stage.redis_url, key=bytes(32), identity=lambda: "db-1", watch=Counting())
    monkeypatch.setattr(guard._redis, "delete", deleted_before_another_failed)
    guard._forget_soon([KEY])
    async with asyncio.timeout(5):
        while guard._untold:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    assert deletions == 2
    assert await revision_of(others) is None
    await others.close()


async def test_a_redis_that_was_away_forgets_what_it_was_not_told(stage: Stage, watch: Counting) -> None:
    """Its process stands still, as in a pause of its machine, and then goes on with what it had."""
    async with proxied(Path(stage.redis_url.removeprefix("unix://"))) as line:
        host, port = cast("tuple[str, int]", line.address)
        snapshots = RedisSnapshots(f"redis://{host}:{port}", key=bytes(32), identity=lambda: "db-1", watch=watch)
        await bring_in(snapshots, patron(revision=1), patron(BORIS))
        line.fault = lambda _side, _data: Cut()
        for revision in range(2, 2 + FAULTS_MAX):
            await snapshots.put([patron(revision=revision)])
        assert not await snapshots.is_well()
        line.fault = nothing_wrong
        await asyncio.sleep(REST_SECONDS + 4 * CALL_SECONDS)
        assert await snapshots.is_well()
        assert (await snapshots.get(ANNA)).patron is None
        assert (await snapshots.get(BORIS)).patron is not None
        await snapshots.close()


async def test_a_full_redis_keeps_nothing_that_is_no_longer_true(snapshots: RedisSnapshots, redis: Redis) -> None:
    await bring_in(snapshots, patron(revision=1))
    before = await redis.config_get("maxmemory", "maxmemory-policy")
    await redis.config_set("maxmemory-policy", "noeviction", "maxmemory", "1mb")
    try:
        await snapshots.put([patron(revision=2)])
        assert not await snapshots.is_well()
        assert (await snapshots.get(ANNA)).patron is None
    finally:
        for name, value in before.items():
            await redis.config_set(str(name), str(value))
    assert await snapshots.is_well()


async def test_another_database_has_other_keys(stage: Stage, snapshots: RedisSnapshots, watch: Counting) -> None:
    await bring_in(snapshots, patron())
    restored = RedisSnapshots(stage.redis_url, key=bytes(32), identity=lambda: "db-2", watch=watch)
    assert (await restored.get(ANNA)).patron is None
    await restored.close()


async def test_owners_are_signed_too(snapshots: RedisSnapshots, redis: Redis) -> None:
    digest = b"d" * 32
    await own(snapshots, digest, ANNA)
    assert (await snapshots.find(digest))[0] == ANNA
    for planted in (BORIS.hex.encode() + bytes(16), BORIS.bytes + bytes(16)):  # The second is the release before's.
        await redis.set(f"kopilka:db-1:i:{digest.hex()}", planted)
        assert (await snapshots.find(digest))[0] is None
        await own(snapshots, digest, ANNA)
        assert (await snapshots.find(digest))[0] == ANNA


async def test_an_owner_comes_with_what_is_there_of_the_customer(
    snapshots: RedisSnapshots, redis: Redis, watch: Counting
) -> None:
    digest, other, nobodys = b"d" * 32, b"\x00e" * 16, b"f" * 32
    await own(snapshots, digest, ANNA)
    await own(snapshots, other, BORIS)
    await bring_in(snapshots, patron())
    watch.misses = 0
    before = await _scripts_run(redis)
    (anna, seen), (boris, missing), nobody = await asyncio.gather(*map(snapshots.find, (digest, other, nobodys)))
    assert await _scripts_run(redis) - before == 1
    assert (anna, boris, nobody[0], nobody[1].patron) == (ANNA, BORIS, None, None)
    assert seen.patron is not None
    assert seen.patron.book == patron().book
    assert (watch.hits, watch.misses) == (1, 1)
    assert missing.patron is None
    await snapshots.fill(patron(BORIS), mark=missing.mark)  # The mark is as good as one that `get` leaves.
    assert (await snapshots.get(BORIS)).patron is not None


async def test_a_customer_who_was_read_before_a_write_is_not_filled_in_after_it(snapshots: RedisSnapshots) -> None:
    digest = b"d" * 32
    await own(snapshots, digest, ANNA)
    _, seen = await snapshots.find(digest)
    newer = patron()
    newer.book.revision += 1
    newer.book.version += 1
    await snapshots.put([newer])
    await snapshots.fill(patron(), mark=seen.mark)
    _, again = await snapshots.find(digest)
    assert again.patron is not None
    assert again.patron.book.version == newer.book.version


@pytest.mark.parametrize("is_emptied", [False, True])
async def test_a_dropped_owner_is_not_brought_back_by_a_slow_reader(
    snapshots: RedisSnapshots, redis: Redis, is_emptied: bool
) -> None:
    digest = b"d" * 32
    _, slow = await snapshots.find(digest)
    await own(snapshots, digest, ANNA)
    await snapshots.drop([digest])
    if is_emptied:
        await redis.flushall()
    await snapshots.put_owner(digest, ANNA, mark=slow.mark)
    owner, marked = await snapshots.find(digest)
    assert owner is None
    await snapshots.put_owner(digest, ANNA, mark=slow.mark)
    await snapshots.put_owner(digest, BORIS, mark=marked.mark)
    assert (await snapshots.find(digest))[0] == BORIS


@pytest.mark.parametrize("planted", [b"", b"m" + b"\xff" * 16, b"x" * 17, b"x" * 16, b"x"])
async def test_what_is_no_owner_is_nobody_and_keeps_nobody_out(
    snapshots: RedisSnapshots, redis: Redis, planted: bytes
) -> None:
    digest = b"d" * 32
    await redis.set(f"kopilka:db-1:i:{digest.hex()}", planted, ex=1)
    assert (await snapshots.find(digest))[0] is None
    await own(snapshots, digest, ANNA)
    if (await snapshots.find(digest))[0] is None:  # Empty, or like a mark: for as long as it lives.
        await asyncio.sleep(1.1)
        await own(snapshots, digest, ANNA)
    assert (await snapshots.find(digest))[0] == ANNA


async def test_a_mark_that_is_nobodys_is_a_miss(snapshots: RedisSnapshots, redis: Redis) -> None:
    await redis.hset(KEY, "m", b"\xff")
    await bring_in(snapshots, patron())
    assert await revision_of(snapshots) is None


async def test_a_redis_that_is_gone_is_a_quick_miss_and_then_left_alone(watch: Counting) -> None:
    gone = RedisSnapshots("unix:///nowhere/valkey.sock", key=bytes(32), identity=lambda: "db-1", watch=watch)
    started = time.monotonic()
    for _ in range(50):
        assert await gone.get(ANNA) == Seen(None, "")
        await gone.put([patron()])
    assert not await gone.is_well()
    assert time.monotonic() - started < 50 * 2 * CALL_SECONDS  # The breaker spares us nearly all calls.
    assert FAULTS_MAX <= watch.faults <= 2 * FAULTS_MAX
    await gone.close()


async def test_a_redis_that_says_nothing_keeps_nobody_waiting_twice(stage: Stage, watch: Counting) -> None:
    """Those who come while a call hangs wait with it, and no longer than it may last."""
    async with proxied(Path(stage.redis_url.removeprefix("unix://"))) as line:
        host, port = cast("tuple[str, int]", line.address)
        snapshots = RedisSnapshots(f"redis://{host}:{port}", key=bytes(32), identity=lambda: "db-1", watch=watch)
        await bring_in(snapshots, patron())
        assert (await snapshots.get(ANNA)).patron is not None
        line.fault = lambda _side, _data: Swallow()
        first = asyncio.create_task(snapshots.get(ANNA))
        await asyncio.sleep(CALL_SECONDS / 4)
        later = [asyncio.create_task(snapshots.get(customer)) for customer in (ANNA, BORIS)]
        assert await first == Seen(None, "")
        for _ in range(5):  # As tasks come to know of one another, and no call's time.
            await asyncio.sleep(0)
        assert [each.result() for each in later if each.done()] == [Seen(None, "")] * 2
        assert watch.faults == 1
        line.fault = nothing_wrong
        assert (await snapshots.get(ANNA)).patron is not None, "on a connection made anew"
        await snapshots.close()


async def _scripts_run(redis: Redis) -> int:
    told = await redis.info("commandstats")
    return sum(int(told.get(f"cmdstat_{name}", {"calls": 0})["calls"]) for name in ("evalsha", "eval"))
