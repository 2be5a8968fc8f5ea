"""Ends of holds are posted once: by rounds of two processes at the same time, by one that was cut off half way; and
whoever has no hold pays nothing for them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import asyncpg
import pytest

from app.cache.absent import NoSnapshots
from app.clock import DatabaseClock
from app.flows import rounds
from app.flows.failures import DatabaseGone
from app.flows.ledger_port import RoundTx
from app.flows.publish_program import ProgramShelf
from app.flows.sweep import Sweep
from app.storage.engine import Database
from app.storage.housekeeping import Housekeeping
from app.storage.ledger import LedgerDatabase
from app.storage.reads import ReadsDatabase
from tests.e2e.hold_desk import balances, check, give, place, units
from tests.flows.rig import InterruptedLedger, Pause, Rig, open_rig
from tests.kit import Desk, Stage, line, small_program

HOLDS_OF_ROUNDS = {"due_holders", "hold_owners", "lock_holds"}


@asynccontextmanager
async def _sweep(stage: Stage) -> AsyncIterator[tuple[Sweep, InterruptedLedger]]:
    """A job of a process of its own."""
    database = Database(stage.database_url, allow_unsafe=True)
    await database.open()
    ledger = InterruptedLedger(LedgerDatabase(database))
    programs = ProgramShelf(ReadsDatabase(database), clock=DatabaseClock())
    try:
        yield (
            Sweep(ledger, housekeeping=Housekeeping(database), programs=programs, snapshots=NoSnapshots()),
            ledger,
        )
    finally:
        await database.close()


async def _over(admin: Desk, till: Desk) -> tuple[str, list[str]]:
    """A customer with two holds that are over, and one of nobody, with a budget."""
    rule = {"id": "last", "kind": "discount", "give": {"percent": "10"}, "limit": {"budget": 10**6}}
    await admin.publish(small_program(rules=[rule]))
    customer = await till.register()
    await give(admin, customer, 100)
    held = [
        await till.good("POST", "/v1/holds", units(customer, 40, receipt="A1", ttl_seconds=1)),
        await place(till, customer, redeem={"points": 50}, ttl_seconds=1),
        await place(till, None, ttl_seconds=1),
    ]
    await asyncio.sleep(1.2)
    return customer, [hold["id"] for hold in held]


async def _ends(owner: asyncpg.Connection) -> tuple[int, int]:
    """Postings that ended a hold, and what the budget has used."""
    ended = await owner.fetchval("select count(*) from txs where kind = 'release'")
    used = await owner.fetchval("select coalesce(sum(used), 0)::bigint from counters where name = 'rule/last/budget'")
    return ended, used


async def test_a_round_that_was_cut_off_has_ended_nothing(
    stage: Stage, owner: asyncpg.Connection, admin: Desk, till: Desk
) -> None:
    customer, _ = await _over(admin, till)
    assert await _ends(owner) == (0, 2000)
    async with _sweep(stage) as (sweep, ledger):

        async def cut() -> None:
            raise DatabaseGone("cut off")

        for statement in ("lock_shared", "write"):
            ledger.before[statement] = cut
            with pytest.raises(DatabaseGone):
                await sweep.run_once()
            assert await _ends(owner) == (0, 2000)
        assert await sweep.run_once() == 2  # The customer, and nobody's.
        assert await _ends(owner) == (3, 0)
        assert await sweep.run_once() == 0
    assert await balances(till, customer) == (100, 0)
    await check(owner)


async def test_two_processes_end_each_hold_once(
    stage: Stage, owner: asyncpg.Connection, admin: Desk, till: Desk
) -> None:
    """While one is about to write, the other passes over what it has, nobody's holds too."""
    customer, ids = await _over(admin, till)
    async with _sweep(stage) as (one, ledger), _sweep(stage) as (two, _):
        pause = Pause()
        ledger.before["write"] = pause
        first = asyncio.create_task(one.run_once())
        await pause.reached()
        assert await two.run_once() == 0
        assert await _ends(owner) == (0, 2000)
        late = asyncio.create_task(till.post(f"/v1/holds/{ids[2]}/capture", {}))  # Waits for the row of nobody's.
        await asyncio.sleep(0.1)
        pause.go()
        assert await first == 2
        assert (await late).json()["code"] == "hold_expired"
        assert await two.run_once() == 0
    assert await _ends(owner) == (3, 0)
    assert await balances(till, customer) == (100, 0)
    await check(owner)


async def test_books_that_cannot_be_right_fail_nobody_else(
    stage: Stage, owner: asyncpg.Connection, admin: Desk, till: Desk
) -> None:
    customer, ids = await _over(admin, till)
    other = await till.register()
    await owner.execute(
        """update holds set units = '[["points", "00000000-0000-0000-0000-000000000009", 40]]' where id = $1""",
        UUID(ids[0]),
    )
    bought = await till.good(
        "POST", "/v1/accrue", {"customer": {"id": other}, "receipt": {"number": "Z1"}, **_basket()}
    )
    assert bought["version"] == 1
    assert await _ends(owner) == (1, 2000)  # Nobody's was ended; the customer's wait for somebody to look at them.
    async with _sweep(stage) as (sweep, _):
        assert await sweep.run_once() == 0
    assert (await till.post("/v1/redeem", units(customer, 1, receipt="Z2"))).status_code == 500


def _basket() -> dict[str, Any]:
    return {"basket": {"lines": [line()]}}


@dataclass(slots=True)
class Recorded:
    """The port `LedgerStore`, with the statements that its rounds have run."""

    store: LedgerDatabase
    ran: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def round(self) -> AsyncIterator[RoundTx]:
        async with self.store.round() as tx:
            yield self._recording(tx)

    @asynccontextmanager
    async def unlocked(self) -> AsyncIterator[RoundTx]:
        async with self.store.unlocked() as tx:
            yield self._recording(tx)

    def _recording(self, tx: RoundTx) -> RoundTx:
        ran = self.ran

        class Recording:
            def __init__(self, tx: RoundTx) -> None:
                self._tx = tx

            def __getattr__(self, name: str) -> Any:
                ran.append(name)
                return getattr(self._tx, name)

        return cast("RoundTx", Recording(tx))


@pytest.fixture
async def rig(stage: Stage) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(open_rig(stage))


async def test_whoever_has_no_hold_pays_nothing_for_holds(rig: Rig, owner: asyncpg.Connection) -> None:
    recorded = Recorded(rig.ledger.store)
    rig.rounds._store = recorded
    customer, holder = await rig.customer(100), await rig.customer(100)
    await owner.execute(
        """insert into holds (id, customer_id, kind, shop, terminal, program, at, expires_at, units, answer)
        values (gen_random_uuid(), $1, 'redeem', 'S1', 'T1', 1, now(), now() + $2, '[]', '')""",
        holder,
        timedelta(days=1),
    )
    await owner.execute("update customers set holds = 1, due_at = now() + interval '1 day' where id = $1", holder)
    recorded.ran.clear()
    for each in (customer, holder):
        await rig.give(each, 5)
        await rig.take(each, 5)
    assert not HOLDS_OF_ROUNDS.intersection(recorded.ran)
    assert (recorded.ran.count("glance"), recorded.ran.count("take")) == (2, 2)


async def test_a_hold_that_cant_be_ended_now_isnt_tried_by_each_round(
    stage: Stage, owner: asyncpg.Connection, admin: Desk, till: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has its customer: the others' rounds go on as if it weren't there, and look again soon."""
    again = 2.0  # Longer than five rounds take anywhere.
    monkeypatch.setattr(rounds, "ENDS_AGAIN_SECONDS", again)
    customer = await till.register()
    await give(admin, customer, 100)
    await till.good("POST", "/v1/holds", units(customer, 40, receipt="A1", ttl_seconds=1))
    await asyncio.sleep(1.2)
    tried = 0

    async def try_it() -> None:
        nonlocal tried
        tried += 1

    async with open_rig(stage) as rig:
        other = await rig.customer()
        async with owner.transaction():
            await owner.execute("select from customers where id = $1 for update", UUID(customer))
            for _ in range(5):
                rig.ledger.before = {"due_holders": try_it}
                await rig.give(other, 1)
            assert tried == 1
            await asyncio.sleep(again)
            rig.ledger.before = {"due_holders": try_it}
            await rig.give(other, 1)
            assert tried == 2
        await asyncio.sleep(again)
        await rig.give(other, 1)
        assert await owner.fetchval("select count(*) from holds where state = 'held'") == 0
