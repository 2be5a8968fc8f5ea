"""Rounds, interrupted at every phase: who shares one, who waits for another, and who is harmed when one fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.domain.rejections import Rejected, Rejection
from app.flows import rounds as rounds_module
from app.flows.asks import Ask
from app.flows.claims import receipt_claim
from app.flows.failures import DatabaseGone
from app.flows.post_round import TRIES_MAX
from app.flows.requests import Receipt
from app.flows.rounds import BESIDE_MIN, IN_FLIGHT_MAX, LATE_SECONDS
from tests.flows.rig import SOON_SECONDS, Pause, Rig, open_rig, refusal_of, standing_still
from tests.kit import Stage
from tests.storm.audit import audit

BUSY_SECONDS_MAX = 6.0


only_at_a_glance = pytest.mark.parametrize("rig", ["at a glance"], indirect=True)
only_under_locks = pytest.mark.parametrize("rig", ["under locks"], indirect=True)


@pytest.fixture(params=["at a glance", "under locks"])
async def rig(stage: Stage, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    if request.param == "under locks":
        monkeypatch.setattr(Ask, "is_usual", False)
    async with open_rig(stage) as rig:
        yield rig
        await audit(rig.owner)


@only_under_locks
async def test_requests_of_one_customer_share_a_round_and_are_decided_one_after_the_other(rig: Rig) -> None:
    customer = await rig.customer()
    async with standing_still(rig):
        asked = [asyncio.create_task(rig.give(customer, 10)) for _ in range(4)]
        spent = asyncio.create_task(rig.take(customer, 40))  # All there is, once those before it are posted.
        too_much = asyncio.create_task(rig.take(customer, 1))
    answers = await asyncio.gather(*asked, spent)
    assert [answer["version"] for answer in answers] == [1, 2, 3, 4, 5]
    assert answers[-1]["balances"]["points"]["available"] == 0
    assert (await too_much)["code"] == "insufficient_points"
    assert sorted(rig.watch.sizes) == [6, BESIDE_MIN, BESIDE_MIN]


async def test_rounds_in_flight_are_few_and_never_share_a_customer(rig: Rig) -> None:
    customers = [await rig.customer() for _ in range(IN_FLIGHT_MAX + 2)]
    pauses = [Pause() for _ in customers]
    asked = []
    for customer, pause in zip(customers, pauses, strict=True):
        rig.ledger.before["write"] = pause
        asked += [asyncio.create_task(rig.give(customer, 1)) for _ in range(BESIDE_MIN)]
        await asyncio.sleep(0.05)
    assert len(rig.rounds._in_flight) == IN_FLIGHT_MAX
    for pause in pauses:
        pause.go()
    versions = [answer["version"] for answer in await asyncio.gather(*asked)]
    assert versions == [*range(1, BESIDE_MIN + 1)] * len(customers)


async def test_what_comes_in_one_turn_of_the_loop_shares_a_round(rig: Rig) -> None:
    customers = [await rig.customer() for _ in range(3)]
    rig.watch.sizes.clear()
    await asyncio.gather(*(rig.give(customer, 1) for customer in customers))
    assert rig.watch.sizes == [3]


@asynccontextmanager
async def _under_way(rig: Rig, size: int, *, before: str = "write") -> AsyncIterator[None]:
    """A round of that size, which goes on when the block ends."""
    pause = Pause()
    rig.ledger.before[before] = pause
    customers = [await rig.customer() for _ in range(size)]
    asked = [asyncio.create_task(rig.give(customer, 1)) for customer in customers]
    await pause.reached()
    rig.watch.sizes.clear()
    yield
    pause.go()
    await asyncio.gather(*asked)


@only_under_locks
async def test_beside_a_small_round_under_locks_another_starts_at_once(rig: Rig) -> None:
    async with _under_way(rig, BESIDE_MIN - 1):
        assert (await asyncio.wait_for(rig.give(await rig.customer(), 1), SOON_SECONDS))["version"] == 1


@only_under_locks
async def test_beside_a_large_round_under_locks_few_wait(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds_module, "LATE_SECONDS", 60.0)
    async with _under_way(rig, BESIDE_MIN):
        waiting = asyncio.create_task(rig.give(await rig.customer(), 1))
        await asyncio.sleep(0.1)
        assert not rig.watch.sizes
    await waiting


@only_at_a_glance
async def test_few_who_need_locks_keep_none_waiting_who_do_not(rig: Rig) -> None:
    spender, giver = await rig.customer(), await rig.customer()
    await rig.give(spender, 10)
    locking = Pause()
    async with standing_still(rig):
        rig.watch.sizes.clear()
        taken = asyncio.create_task(rig.take(spender, 3))
        given = asyncio.create_task(rig.give(giver, 5))
        rig.ledger.before = {"take": locking}
    await locking.reached()
    assert (await asyncio.wait_for(given, SOON_SECONDS))["version"] == 1
    assert not taken.done()
    locking.go()
    assert (await taken)["version"] == 2


@only_at_a_glance
async def test_a_fault_in_what_is_wanted_leaves_nobody_waiting(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    customer, neighbour = await rig.customer(), await rig.customer()
    await rig.give(customer, 1)  # The program is known from now on.

    def fail(*_: object) -> bool:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(rounds_module, "needs_locks", fail)
    asked = asyncio.gather(rig.give(customer, 1), rig.give(neighbour, 1))
    assert [answer["version"] for answer in await asyncio.wait_for(asked, SOON_SECONDS)] == [2, 1]


@only_at_a_glance
async def test_beside_a_round_few_wait_and_many_start(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds_module, "LATE_SECONDS", 60.0)
    customers = [await rig.customer() for _ in range(BESIDE_MIN)]
    async with _under_way(rig, 1):
        asked = [asyncio.create_task(rig.give(customer, 1)) for customer in customers[1:]]
        await asyncio.sleep(0.1)
        assert not rig.watch.sizes
        asked.append(asyncio.create_task(rig.give(customers[0], 1)))
        await asyncio.wait_for(asyncio.gather(*asked), SOON_SECONDS)
        assert rig.watch.sizes == [BESIDE_MIN]


@only_at_a_glance
async def test_a_round_that_takes_too_long_keeps_nobody_waiting(rig: Rig) -> None:
    async with _under_way(rig, 1):
        await asyncio.sleep(2 * LATE_SECONDS)
        assert (await asyncio.wait_for(rig.give(await rig.customer(), 1), SOON_SECONDS))["version"] == 1


@only_at_a_glance
async def test_those_who_waited_are_one_round_once_the_one_before_is_over(rig: Rig) -> None:
    customers = [await rig.customer() for _ in range(BESIDE_MIN - 1)]
    async with _under_way(rig, 3):
        asked = [asyncio.create_task(rig.give(customer, 1)) for customer in customers]
        await asyncio.sleep(0)
    await asyncio.gather(*asked)
    assert sorted(rig.watch.sizes) == [3, BESIDE_MIN - 1]


async def test_a_round_that_has_failed_keeps_nobody_waiting(rig: Rig) -> None:
    alone = Pause()

    async def fail() -> None:
        rig.ledger.before["begin"] = alone  # The first of its members, when it is tried by itself.
        raise RuntimeError("nobody foresaw this")

    async with _under_way(rig, BESIDE_MIN):
        rig.ledger.before["begin"] = fail
        waiting = [asyncio.create_task(rig.give(await rig.customer(), 1)) for _ in range(3)]
        await asyncio.sleep(0)
    await alone.reached()
    assert (await asyncio.wait_for(rig.give(await rig.customer(), 1), SOON_SECONDS))["version"] == 1
    alone.go()
    assert [answer["version"] for answer in await asyncio.gather(*waiting)] == [1] * len(waiting)


async def test_whoever_waits_for_a_lock_stands_in_nobodys_way(rig: Rig) -> None:
    """Several of one locked customer, at the head of the queue: one round of theirs waits for the lock."""
    customer, neighbour = await rig.customer(), await rig.customer()
    async with rig.owner.transaction():
        await rig.owner.execute("select from customers where id = $1 for update", customer)
        asked = [asyncio.create_task(rig.give(customer, 1)) for _ in range(3)]
        await asyncio.sleep(0.3)
        assert rig.watch.sizes == []
        assert (await asyncio.wait_for(rig.give(neighbour, 1), SOON_SECONDS))["version"] == 1
    assert sorted(answer["version"] for answer in await asyncio.gather(*asked)) == [1, 2, 3]
    assert rig.watch.sizes == [1, 3]


@asynccontextmanager
async def _locked(stage: Stage, customer: UUID) -> AsyncIterator[None]:
    """Somebody else has the customer."""
    somebody = await asyncpg.connect(stage.owner_url)
    try:
        async with somebody.transaction():
            await somebody.execute("select from customers where id = $1 for update", customer)
            yield
    finally:
        await somebody.close()


async def test_those_of_a_locked_customer_are_passed_over_with_others_and_then_wait_together(
    rig: Rig, stage: Stage
) -> None:
    customer, neighbour = await rig.customer(), await rig.customer()
    async with _locked(stage, customer):
        async with standing_still(rig):
            asked = [asyncio.create_task(rig.give(each, 1)) for each in (customer, neighbour, customer)]
        assert (await asyncio.wait_for(asked[1], SOON_SECONDS))["version"] == 1
        await asyncio.sleep(0.1)
        assert not asked[0].done()
    assert sorted([(await asked[place])["version"] for place in (0, 2)]) == [1, 2]
    assert rig.watch.sizes[-1] == 2
    assert 3 in rig.watch.sizes


async def test_one_who_has_been_passed_over_often_takes_all_of_the_customer_along(rig: Rig, stage: Stage) -> None:
    customer, neighbour = await rig.customer(), await rig.customer()
    async with _locked(stage, customer):
        async with standing_still(rig):
            asked = [asyncio.create_task(rig.give(each, 1)) for each in (customer, neighbour, customer)]
            await asyncio.sleep(0)
            rig.rounds._queue[0].tries = TRIES_MAX
        assert (await asyncio.wait_for(asked[1], SOON_SECONDS))["version"] == 1
    assert sorted([(await asked[place])["version"] for place in (0, 2)]) == [1, 2]
    assert rig.watch.sizes[-1] == 2


async def test_draining_waits_for_what_has_not_begun(rig: Rig) -> None:
    asked = asyncio.create_task(rig.give(await rig.customer(), 1))
    await asyncio.sleep(0)
    await rig.rounds.drain()
    assert asked.done() or (await asyncio.wait_for(asked, SOON_SECONDS))["version"] == 1
    assert rig.watch.sizes


async def test_twins_under_one_key_are_one_posting(rig: Rig) -> None:
    customer = await rig.customer()
    twins = [asyncio.create_task(rig.take(customer, 5, key="twin", receipt="R")) for _ in range(3)]
    await rig.give(customer, 100)
    other = asyncio.create_task(rig.take(customer, 6, key="twin", receipt="R2"))
    answers = await asyncio.gather(*twins)
    assert len({answer["tx_id"] if answer["status"] == 201 else answer["code"] for answer in answers}) == 1
    assert [answer["is_replayed"] for answer in answers].count(False) == 1
    assert await refusal_of(other) is Rejection.IDEMPOTENCY_KEY_REUSED


@pytest.mark.parametrize("rig", ["under locks"], indirect=True)
async def test_a_key_that_another_process_has_in_flight_is_in_progress(rig: Rig, stage: Stage) -> None:
    customer = await rig.customer()
    async with open_rig(stage) as beside:
        pause = Pause()
        beside.ledger.before = {"write": pause}
        first = asyncio.create_task(beside.give(customer, 5, key="same"))
        await pause.reached()
        assert await refusal_of(asyncio.create_task(rig.give(customer, 5, key="same"))) is Rejection.REQUEST_IN_PROGRESS
        pause.go()
        done = await first
        again = await rig.give(customer, 5, key="same")
        assert (again["is_replayed"], again["tx_id"]) == (True, done["tx_id"])


async def test_a_patient_request_waits_for_a_customer_that_somebody_else_has(rig: Rig) -> None:
    customer, neighbour = await rig.customer(), await rig.customer()
    async with rig.owner.transaction():
        await rig.owner.execute("select from customers where id = $1 for update", customer)
        asked = asyncio.create_task(rig.give(customer, 5))
        await asyncio.sleep(0.1)
        beside = await asyncio.wait_for(rig.give(neighbour, 5), SOON_SECONDS)
        assert beside["status"] == 201
        assert not asked.done()
    assert (await asyncio.wait_for(asked, SOON_SECONDS))["status"] == 201


async def test_a_customer_that_stays_locked_is_busy_and_its_neighbours_are_not(rig: Rig) -> None:
    customer, neighbour = await rig.customer(), await rig.customer()
    async with rig.owner.transaction():
        await rig.owner.execute("select from customers where id = $1 for update", customer)
        asked = [asyncio.create_task(rig.give(customer, 5)) for _ in range(8)]
        began = asyncio.get_running_loop().time()
        while not all(task.done() for task in asked):
            beside = await asyncio.wait_for(rig.give(neighbour, 1), SOON_SECONDS)
            assert beside["status"] == 201
            assert asyncio.get_running_loop().time() - began < BUSY_SECONDS_MAX
            await asyncio.sleep(0.02)
    assert {await refusal_of(task) for task in asked} <= {Rejection.BUSY, Rejection.OVERLOADED}
    assert (await rig.give(customer, 5))["version"] == 1


async def test_a_conflict_that_nobody_foresaw_harms_only_its_own_request(rig: Rig) -> None:
    """Another process claims a receipt between our look and our write."""
    customers = [await rig.customer(points=10) for _ in range(5)]

    async def claim() -> None:
        digest = receipt_claim(Receipt("S1", "T1", "N2"))
        await rig.owner.execute("insert into claims (digest, kind, answer_id) values ($1, 'r', $2)", digest, uuid4())

    async with standing_still(rig):
        asked = [
            asyncio.create_task(rig.take(customer, 5, receipt=f"N{place}")) for place, customer in enumerate(customers)
        ]
        rig.ledger.before = {"read_first_lots": claim}  # Only those who redeem read lots.
    answers = await asyncio.gather(*asked)
    assert [answer["status"] for answer in answers] == [201, 201, 409, 201, 201]
    assert answers[2]["code"] == "duplicate_receipt"
    assert rig.watch.failures == ["Conflict"]


@pytest.mark.parametrize(("errcode", "rejection"), [("check_violation", Rejection.BUSY), ("internal_error", None)])
async def test_a_write_that_the_database_refuses_harms_only_its_own_request(
    rig: Rig, errcode: str, rejection: Rejection | None
) -> None:
    customers = [await rig.customer() for _ in range(5)]
    await rig.owner.execute(f"""
        create function refuse_one() returns trigger language plpgsql as $$
        begin
            if new.customer_id = '{customers[2]}' then raise exception 'no' using errcode = '{errcode}'; end if;
            return new;
        end $$;
        create trigger refuse_one before insert on lots for each row execute function refuse_one()
    """)
    async with standing_still(rig):
        asked = [asyncio.create_task(rig.give(customer, 5)) for customer in customers]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    harmed = outcomes.pop(2)
    assert [outcome["status"] for outcome in outcomes if isinstance(outcome, dict)] == [201] * 4
    assert isinstance(harmed, Exception)
    assert (harmed.rejection if isinstance(harmed, Rejected) else None) is rejection
    assert await rig.owner.fetchval("select count(*) from audit_tx where customer_id = $1", str(customers[2])) == 0


async def test_a_caller_that_hangs_up_does_not_stop_its_round(rig: Rig) -> None:
    customer = await rig.customer()
    pause = Pause()
    rig.ledger.before = {"write": pause}
    written = asyncio.create_task(rig.give(customer, 5, key="written"))
    await pause.reached()
    queued = asyncio.create_task(rig.give(customer, 5, key="queued"))
    await asyncio.sleep(0)
    for task in (written, queued):
        task.cancel()
    await asyncio.sleep(0)
    assert written.cancelled()
    assert queued.cancelled()
    pause.go()
    for version, key in enumerate(("written", "queued"), start=1):
        again = await rig.give(customer, 5, key=key)
        assert (again["version"], again["is_replayed"]) == (version, True)


async def test_a_till_whose_patience_is_over_is_refused_before_anything_is_written(rig: Rig) -> None:
    customer = await rig.customer()
    async with standing_still(rig):
        now = asyncio.get_running_loop().time()
        impatient = asyncio.create_task(rig.give(customer, 5, deadline=now + 0.05))
        patient = asyncio.create_task(rig.give(customer, 5, deadline=now + 30))
        await asyncio.sleep(0.1)
    assert await refusal_of(impatient) is Rejection.DEADLINE_EXCEEDED
    assert (await patient)["version"] == 1


async def test_a_full_queue_says_so_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = await rig.customer()
    async with standing_still(rig):
        monkeypatch.setattr(rounds_module, "QUEUE_MAX", 3)
        queued = [asyncio.create_task(rig.give(customer, 1)) for _ in range(3)]
        await asyncio.sleep(0)
        assert await refusal_of(asyncio.create_task(rig.give(customer, 1))) is Rejection.OVERLOADED
    assert [answer["version"] for answer in await asyncio.gather(*queued)] == [1, 2, 3]


async def test_who_waits_too_long_for_a_round_is_refused(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds_module, "QUEUE_SECONDS_MAX", 0.05)
    customer = await rig.customer()
    async with standing_still(rig):
        queued = asyncio.create_task(rig.give(customer, 1))
        await asyncio.sleep(0.1)
    assert await refusal_of(queued) is Rejection.OVERLOADED
    assert (await rig.give(customer, 1))["version"] == 1


async def test_a_value_that_the_database_cannot_hold_harms_only_its_own_request(rig: Rig) -> None:
    customers = [await rig.customer(points=1) for _ in range(3)]
    async with standing_still(rig):
        asked = [
            asyncio.create_task(rig.give(customer, points))
            for customer, points in zip(customers, [5, 2**64, 5], strict=True)
        ]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]


async def test_a_connection_that_breaks_before_the_commit_is_tried_again(rig: Rig) -> None:
    customer = await rig.customer()

    async def cut() -> None:
        await rig.owner.execute("""
            select pg_terminate_backend(pid) from pg_stat_activity
            where application_name like 'kopilka/%' and datname = current_database()
        """)

    rig.ledger.before = {"write": cut}
    assert (await rig.give(customer, 5))["version"] == 1
    assert len(rig.watch.failures) == 1


@only_under_locks
async def test_what_may_be_committed_unheard_is_forgotten_by_the_cache(rig: Rig) -> None:
    """Once by the round that can't know, for all whom it wrote; once more by the repeat, for whom that is about."""
    customer = await rig.customer(50)
    rig.snapshots.forgotten.clear()

    async def lose_the_answer() -> None:
        raise DatabaseGone("nobody hears of the commit")

    rig.ledger.before["committed"] = lose_the_answer
    answer = await rig.take(customer, 20)
    assert (answer["status"], answer["balances"]["points"]["available"]) == (201, 30)
    assert rig.snapshots.forgotten == [customer, customer]
    assert rig.watch.failures == ["DatabaseGone"]


async def test_a_locked_table_is_busy_in_time_for_everybody(rig: Rig) -> None:
    """As a migration may hold it: each member of the round would wait for it again, one after the other."""
    customers = [await rig.customer() for _ in range(12)]
    migration = rig.owner.transaction()
    async with standing_still(rig):
        asked = [asyncio.create_task(rig.give(customer, 5)) for customer in customers]

        async def lock() -> None:
            await migration.start()
            await rig.owner.execute("lock table customers in access exclusive mode")

        rig.ledger.before = {"begin": lock}
    began = asyncio.get_running_loop().time()
    await asyncio.wait(asked, timeout=2 * BUSY_SECONDS_MAX)
    took = asyncio.get_running_loop().time() - began
    await migration.rollback()
    assert {await refusal_of(task) for task in asked} <= {Rejection.BUSY, Rejection.OVERLOADED}
    assert took < BUSY_SECONDS_MAX
    assert (await rig.give(customers[0], 5))["version"] == 1
