"""Days' roots and proofs, told by the service, and checked by what a customer or an auditor has: the answers alone."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.flows import ledger_roots
from app.flows.ledger_roots import LedgerRoots
from app.proof_check import ProofRefused, check_proof, main
from app.storage import roots
from app.storage.engine import Database
from app.verification import findings
from tests.e2e.held_clock import HeldClock, clock_of
from tests.kit import Desk, Stage, client_of, line, purchase, refund, served_here, small_program

NOON = datetime(2026, 11, 25, 9, tzinfo=UTC)  # In Moscow.
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Town:
    """A service whose days a test makes pass. `closer` is the jobs' process."""

    stage: Stage
    clock: HeldClock
    admin: Desk
    till: Desk
    closer: LedgerRoots

    async def sell(self, customer: str | None, **more: Any) -> str:
        return str((await self.till.good("POST", "/v1/accrue", purchase(customer, line(), **more)))["tx_id"])

    async def root(self, day: str) -> dict[str, Any]:
        return dict(await self.admin.good("GET", f"/v1/ledger/roots/{day}"))

    async def proof(self, customer: str, tx: str) -> dict[str, Any]:
        return dict(await self.admin.good("GET", f"/v1/customers/{customer}/proof/{tx}"))


@asynccontextmanager
async def closer_of(stage: Stage) -> AsyncIterator[LedgerRoots]:
    database = Database(stage.database_url)
    await database.open()
    yield LedgerRoots(roots.RootsDatabase(database))
    await database.close()


@pytest.fixture
async def town(stage: Stage) -> AsyncIterator[Town]:
    async with (
        clock_of(stage) as clock,
        served_here(stage) as edge,
        client_of(edge) as http,
        closer_of(stage) as closer,
    ):
        admin = Desk(http, await stage.key("admin"))
        await admin.publish(small_program())
        await clock.hold(NOON)
        yield Town(stage, clock, admin, Desk(http, await stage.key("pos", shop="S1", terminal="T1")), closer)


async def test_a_day_is_closed_once_and_its_root_stays(town: Town) -> None:
    anna, boris = await town.till.register(), await town.till.register()
    for customer in (anna, boris, anna, None, None):
        await town.sell(customer)
    so_far = await town.root("2026-11-25")
    assert (so_far["heads"], so_far["is_final"], so_far["closed_at"]) == (4, False, None)
    assert so_far["previous"] == "00" * 32
    assert (so_far["begins_at"], so_far["ends_at"]) == ("2026-11-24T21:00:00Z", "2026-11-25T21:00:00Z")
    assert await town.closer.close_days() == 0

    await town.clock.hold(datetime(2026, 11, 25, 21, 4, 59, tzinfo=UTC))
    assert await town.closer.close_days() == 0
    await town.clock.hold(datetime(2026, 11, 25, 21, 5, tzinfo=UTC))
    assert await town.closer.close_days() == 1
    assert await town.closer.close_days() == 0
    closed = await town.root("2026-11-25")
    assert closed == {**so_far, "is_final": True, "closed_at": "2026-11-25T21:05:00Z"}

    await town.sell(anna)
    assert await town.root("2026-11-25") == closed
    next_day = await town.root("2026-11-26")
    assert (next_day["previous"], next_day["heads"]) == (closed["root"], 1)
    assert await findings(town.stage.owner_url) == []


async def test_days_are_closed_in_order_also_those_without_postings(town: Town) -> None:
    await town.sell(None)
    await town.clock.hold(NOON + 3 * DAY)
    told = [await town.root(f"2026-11-{day}") for day in (25, 26, 27, 28)]
    assert [each["heads"] for each in told] == [1, 0, 0, 0]
    assert [each["previous"] for each in told] == ["00" * 32, *(each["root"] for each in told[:-1])]
    assert {each["tree"] for each in told[1:]} == {sha256(b"").hexdigest()}
    assert await town.closer.close_days() == 3
    closed = [await town.root(f"2026-11-{day}") for day in (25, 26, 27, 28)]
    assert [each["root"] for each in closed] == [each["root"] for each in told]
    assert [each["is_final"] for each in closed] == [True, True, True, False]
    assert await findings(town.stage.owner_url) == []


async def test_two_closers_at_once_close_a_day_once(town: Town) -> None:
    for _ in range(3):
        await town.sell(None)
    await town.clock.hold(NOON + 5 * DAY)
    async with closer_of(town.stage) as other:
        closed = await asyncio.gather(*(each.close_days() for each in (town.closer, other, town.closer, other)))
        assert sum(closed) + await town.closer.close_days() == 5
    assert await findings(town.stage.owner_url) == []


async def test_a_closer_that_is_cut_off_leaves_nothing(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await town.sell(None)
    await town.clock.hold(NOON + 2 * DAY)
    before = await town.root("2026-11-26")

    async def cut(self: roots.RootsTx, root: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(roots.RootsTx, "close", cut)
        with pytest.raises(asyncio.CancelledError):
            await town.closer.close_days()
    assert await town.clock.connection.fetchval("select count(*) from ledger_heads") == 0
    assert await town.closer.close_days() == 2
    assert (await town.root("2026-11-26"))["root"] == before["root"]


async def test_days_of_many_batches_have_the_same_root(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(7):
        await town.sell(None)
    whole = await town.root("2026-11-25")
    monkeypatch.setattr(roots, "BATCH", 2)
    assert await town.root("2026-11-25") == whole
    await town.clock.hold(NOON + DAY)
    assert await town.closer.close_days() == 1
    assert (await town.root("2026-11-25"))["root"] == whole["root"]
    assert await findings(town.stage.owner_url) == []


async def test_other_days_have_no_root(town: Town) -> None:
    path = "/v1/ledger/roots/"
    assert (await town.admin.get(f"{path}2026-11-25")).status_code == 404  # Nothing is posted yet.
    await town.sell(None)
    assert (await town.admin.get(f"{path}2026-11-25")).status_code == 200
    for day in ("2026-11-24", "2026-11-26", "9999-12-31", "0001-01-01", "2026-02-30", "20261125", "2026-W48-3", "x"):
        answer = await town.admin.get(path + day)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), day


async def test_a_change_of_zone_leaves_no_gap(town: Town) -> None:
    await town.sell(None)
    await town.admin.publish(small_program(timezone="America/New_York"))
    later = NOON + timedelta(hours=1)
    await town.clock.connection.execute("update programs set published_at = $1 where version = 2", later)
    await town.clock.hold(NOON + 2 * DAY)
    first, second = await town.root("2026-11-25"), await town.root("2026-11-26")
    assert (first["zone"], first["ends_at"]) == ("Europe/Moscow", "2026-11-25T21:00:00Z")
    assert (second["begins_at"], second["ends_at"]) == ("2026-11-25T21:00:00Z", "2026-11-27T05:00:00Z")
    assert await town.closer.close_days() == 2
    assert (await town.root("2026-11-26"))["root"] == second["root"]


async def test_a_posting_is_proved_by_what_the_auditor_kept(town: Town, tmp_path: Path) -> None:
    anna = await town.till.register()
    posted = [await town.sell(anna) for _ in range(3)]
    others = [await town.till.register() for _ in range(6)]
    for customer in (*others, None, None):
        await town.sell(customer)
    await town.clock.hold(NOON + DAY)
    posted.append(await town.sell(anna))
    assert await town.closer.close_days() == 1
    kept = {day: (await town.root(day))["root"] for day in ("2026-11-25", "2026-11-26")}
    for place, tx in enumerate(posted):
        proof = await town.proof(anna, tx)
        day = "2026-11-25" if place < 3 else "2026-11-26"
        assert (proof["date"], proof["is_final"], proof["root"]) == (day, place < 3, kept[day])
        assert len(proof["links"]) == (2, 1, 0, 0)[place]
        assert json.loads(proof["tx"])["tx_id"] == tx
        assert f"transaction {tx} of customer {anna}" in check_proof(proof, kept=kept[day])
        with pytest.raises(ProofRefused, match="not the one that was kept"):
            check_proof(proof, kept="00" * 32)
    saved = tmp_path / "proof.json"
    saved.write_bytes((await town.admin.get(f"/v1/customers/{anna}/proof/{posted[0]}")).content)
    assert main([str(saved), "--root", kept["2026-11-25"]]) == 0
    assert main([str(saved), "--root", kept["2026-11-26"]]) == 1


async def test_a_proof_of_anything_else_does_not_hold(town: Town) -> None:
    anna, boris = await town.till.register(), await town.till.register()
    first = await town.sell(anna)
    await town.sell(anna)
    await town.sell(boris)
    proof = await town.proof(anna, first)
    assert check_proof(proof, kept=None)
    forged: dict[str, Any] = {
        "tx": proof["tx"].replace('"amount":100', '"amount":900'),
        "previous_hash": "11" * 32,
        "hash": "11" * 32,
        "links": [],
        "head": {**proof["head"], "customer_id": boris},
        "index": 1 - proof["index"],
        "path": proof["path"][1:],
        "heads": 1,
        "tree": "11" * 32,
        "previous": "11" * 32,
        "date": "2026-11-24",
        "root": "11" * 32,
    }
    assert forged["tx"] != proof["tx"]
    for name, value in forged.items():
        with pytest.raises(ProofRefused):
            check_proof({**proof, name: value}, kept=None)
        with pytest.raises(ProofRefused):
            check_proof({key: kept for key, kept in proof.items() if key != name}, kept=None)


async def test_every_kind_of_posting_can_be_proved(town: Town) -> None:
    anna = await town.till.register()
    bought = await town.sell(anna)
    await town.till.good("POST", f"/v1/purchases/{bought}/returns", refund(("1", 1)))
    correction = {"wallet": "points", "points": 50, "reason": "сбой «кассы»"}
    await town.admin.good("POST", f"/v1/customers/{anna}/adjust", correction)
    held = await town.till.good("POST", "/v1/holds", {**purchase(anna, line()), "ttl_seconds": 60})
    await town.till.good("POST", f"/v1/holds/{held['id']}/capture")
    history = await town.admin.good("GET", f"/v1/customers/{anna}/history")
    assert len(history["items"]) == 5
    for item in history["items"]:
        assert check_proof(await town.proof(anna, item["tx_id"]), kept=(await town.root("2026-11-25"))["root"])


async def test_what_has_no_proof_is_not_found(town: Town) -> None:
    anna, boris = await town.till.register(), await town.till.register()
    bought, nobodys = await town.sell(anna), await town.sell(None)
    nobody = "00000000-0000-0000-0000-000000000000"
    for customer, tx in ((boris, bought), (anna, nobodys), (nobody, nobodys), (anna, anna), (anna, "x"), ("x", bought)):
        answer = await town.admin.get(f"/v1/customers/{customer}/proof/{tx}")
        assert answer.status_code == 404, (customer, tx)


async def test_endless_links_are_refused_and_a_later_posting_is_proved(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_roots, "LINKS_MAX", 2)
    anna = await town.till.register()
    posted = [await town.sell(anna) for _ in range(4)]
    refused = await town.admin.get(f"/v1/customers/{anna}/proof/{posted[0]}")
    assert (refused.status_code, refused.json()["code"]) == (422, "limit_exceeded")
    assert "proof of version 2 or later" in refused.json()["detail"]
    assert check_proof(await town.proof(anna, posted[1]), kept=None)


async def test_a_posting_changed_on_the_way_has_no_proof_that_holds(town: Town) -> None:
    anna = await town.till.register()
    bought = await town.sell(anna)
    await town.clock.hold(NOON + DAY)
    assert await town.closer.close_days() == 1
    connection = await asyncpg.connect(town.stage.owner_url)
    try:
        change = "set session_replication_role = replica; update entries set amount = amount * 2"
        await connection.execute(change)
    finally:
        await connection.close()
    with pytest.raises(ProofRefused, match="the posting's hash is another one"):
        check_proof(await town.proof(anna, bought), kept=None)
