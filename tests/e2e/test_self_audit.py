"""The running self-audit on a real service: what it finds, whom it freezes, and that it finds nothing of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import pytest

from app.background import open_background
from app.flows import self_audit
from app.flows.ports_audit import Found, Noted, Seen
from app.flows.self_audit import SelfAudit
from app.storage.engine import Database
from app.storage.self_audit import Look, SelfAuditDatabase
from tests.kit import Desk, Stage, client_of, line, purchase, refund, served_here, small_program


class Told:
    """What was logged."""

    def __init__(self) -> None:
        self.findings: list[tuple[str, str | None]] = []
        self.left_out = 0

    def finding(self, *, check: str, customer: str | None) -> None:
        self.findings.append((check, customer))

    def findings_left_out(self, count: int) -> None:
        self.left_out += count


class Forgotten:
    """Notes whose snapshots are dropped; the real cache is tried by the tests that quote."""

    def __init__(self) -> None:
        self.ids: list[object] = []

    async def forget(self, customer_ids: object) -> None:
        self.ids += list(customer_ids)  # type: ignore[call-overload]


@asynccontextmanager
async def auditor(stage: Stage) -> AsyncIterator[tuple[SelfAudit, Told]]:
    """One that never rests; it drops snapshots of the real cache."""
    async with open_background(
        stage.settings(), stage.keyring(), database_url=stage.database_url, redis_url=stage.redis_url
    ) as background:
        told = Told()
        audit = background.audit
        audit._watch = told
        audit._rest = 0
        audit._draws = None
        yield audit, told


async def go_over(audit: SelfAudit) -> None:
    """Every stage at least once."""
    for _ in range(3):
        await audit.run_once()


async def plant(stage: Stage, sql: str, *arguments: object) -> None:
    connection = await asyncpg.connect(stage.owner_url)
    try:
        await connection.execute("set session_replication_role = replica")
        await connection.execute(sql, *arguments)
    finally:
        await connection.close()


async def ask(stage: Stage, sql: str, *arguments: object) -> object:
    connection = await asyncpg.connect(stage.owner_url)
    try:
        return await connection.fetchval(sql, *arguments)
    finally:
        await connection.close()


@asynccontextmanager
async def shop(stage: Stage) -> AsyncIterator[tuple[Desk, Desk, str]]:
    """A till, a person with all rights, and a customer with 100 points, 20 of them held, who bought twice."""
    async with served_here(stage) as edge, client_of(edge) as http:
        admin = Desk(http, await stage.key("admin"))
        till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
        await admin.publish(small_program())
        customer = await till.register()
        for _ in range(2):
            await till.good("POST", "/v1/accrue", purchase(customer, line(price=5_000)))
        held = {"customer": {"id": customer}, "wallet": "points", "points": 20, "reason": "gift", "ttl_seconds": 3600}
        await till.good("POST", "/v1/holds", {**held, "receipt": {"number": "held-1"}})
        yield till, admin, customer


# What is done to the customer's books, and how it is mended.
DAMAGES = {
    "a balance": (
        "update customers set balances = jsonb_set(balances, '{points,available}', '100000') where id = $1",
        "update customers set balances = jsonb_set(balances, '{points,available}', '80') where id = $1",
        "customer_balance",
    ),
    "a lot": (
        "update lots set remaining = remaining + 5 where customer_id = $1",
        "update lots set remaining = remaining - 5 where customer_id = $1",
        "lot_remaining",
    ),
    "an entry": (
        "update entries set amount = amount * 3 where customer_id = $1",
        "update entries set amount = amount / 3 where customer_id = $1",
        "tx_hash",
    ),
    "a hold": (
        "update holds set units = jsonb_set(units, '{0,2}', '7') where customer_id = $1",
        "update holds set units = jsonb_set(units, '{0,2}', '20') where customer_id = $1",
        "hold_units",
    ),
    "a tail cut off": (
        "with cut as (delete from txs where customer_id = $1 and version = 3 returning *) insert into kept table cut",
        "insert into txs select * from kept where customer_id = $1",
        "customer_version",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
async def test_damage_is_found_told_and_freezes_until_it_is_mended(stage: Stage, name: str) -> None:
    damage, mend, check = DAMAGES[name]
    async with shop(stage) as (till, admin, customer), auditor(stage) as (audit, told):
        await plant(stage, "create table kept as select * from txs limit 0")
        await go_over(audit)
        assert told.findings == []
        await plant(stage, damage, customer)
        await go_over(audit)
        assert (check, customer) in told.findings
        told_once = list(told.findings)
        await go_over(audit)
        assert told.findings == told_once

        refused = await till.post("/v1/redeem", _spending(customer, "spent-1"))
        assert (refused.status_code, refused.json()["code"]) == (409, "customer_blocked")
        assert (await admin.good("GET", f"/v1/customers/{customer}"))["frozen_since"]
        listed = await admin.good("GET", "/v1/ledger/findings")
        assert check in {item["check"] for item in listed["items"] if item["customer"] == customer}

        await plant(stage, mend, customer)
        await go_over(audit)
        assert (await admin.good("GET", f"/v1/customers/{customer}"))["frozen_since"] is None
        assert (await admin.good("GET", "/v1/ledger/findings"))["items"] == []
        assert (await till.post("/v1/redeem", _spending(customer, "spent-2"))).status_code == 201
        await go_over(audit)
        assert told.findings == told_once


async def test_a_frozen_customer_still_collects_and_may_be_given_back(stage: Stage) -> None:
    async with shop(stage) as (till, _, customer), auditor(stage) as (audit, _told):
        bought = await till.good("POST", "/v1/accrue", purchase(customer, line(price=1_000)))
        await plant(stage, "update customers set paid = paid + 1 where id = $1", customer)
        await go_over(audit)
        await till.good("POST", "/v1/accrue", purchase(customer, line(price=2_000)))
        await till.good("POST", f"/v1/purchases/{bought['id']}/returns", refund())
        spending = await till.post("/v1/accrue", purchase(customer, line(price=2_000), redeem={"points": 5}))
        assert (spending.status_code, spending.json()["code"]) == (409, "customer_blocked")
        basket = {"customer": {"id": customer}, "basket": {"lines": [line(price=10_000)]}}
        quote = await till.good("POST", "/v1/quote", basket)
        assert quote["redeem"]["wallets"]["points"]["max_units"] == 0
        assert quote["balances"]["points"]["available"] == 200
        asked = await till.post("/v1/quote", {**basket, "redeem": {"points": 5}})
        assert (asked.status_code, asked.json()["code"]) == (409, "customer_blocked")


async def test_figures_are_shown_live(stage: Stage) -> None:
    async with shop(stage) as (till, _, customer), auditor(stage) as (audit, _told):
        await plant(stage, "update customers set paid = paid + 1 where id = $1", customer)
        await go_over(audit)
        text = (await till.http.get("/metrics")).text
        for shown in (
            "kopilka_database_up 1.0",
            'kopilka_audit_findings{check="customer_paid"} 1.0',
            "kopilka_customers_frozen 1.0",
            "kopilka_holds_open 1.0",
            "kopilka_holds_overdue 0.0",
        ):
            assert f"\n{shown}\n" in text
        assert "kopilka_audit_pass_age_seconds " in text
        assert "kopilka_audit_customers_checked " in text


async def test_a_database_that_is_gone_is_told_at_once(stage: Stage) -> None:
    async with served_here(stage) as edge, client_of(edge) as http:
        server, _, rest = stage.owner_url.partition("?")
        server, _, name = server.rpartition("/")
        connection = await asyncpg.connect(f"{server}/postgres?{rest}")
        await connection.execute(f"alter database {name} with allow_connections false")
        await connection.fetch("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        try:
            asked_at = time.monotonic()
            answers = [await http.get("/metrics") for _ in range(3)]
            assert time.monotonic() - asked_at < 2.0
        finally:
            await connection.execute(f"alter database {name} with allow_connections true")
            await connection.close()
        assert {answer.status_code for answer in answers} == {200}
        assert all("\nkopilka_database_up 0.0\n" in answer.text for answer in answers)
        assert "kopilka_audit_findings" not in answers[0].text


async def test_a_stray_row_is_found_and_what_takes_of_budgets_too(stage: Stage) -> None:
    async with shop(stage) as (_, _admin, customer), auditor(stage) as (audit, told):
        await plant(stage, "delete from events where customer_id = $1", customer)
        await plant(stage, "insert into counters values ('rule/base/budget', '', 5)")
        await go_over(audit)
        assert set(told.findings) == {("tx_without_event", customer), ("program_counter", None)}


async def test_a_program_that_cannot_be_read_is_told_and_freezes_nobody(stage: Stage) -> None:
    async with shop(stage) as (_, admin, customer), auditor(stage) as (audit, told):
        await plant(stage, "update programs set document = '{}'")
        await go_over(audit)
        assert set(told.findings) == {("tx_program", customer)}
        assert (await admin.good("GET", f"/v1/customers/{customer}"))["frozen_since"] is None


async def test_nobodys_postings_are_gone_over(stage: Stage) -> None:
    async with shop(stage) as (till, _, _customer), auditor(stage) as (audit, told):
        sold = [await till.good("POST", "/v1/accrue", purchase(None, line(price=700))) for _ in range(3)]
        await go_over(audit)
        assert told.findings == []
        await plant(stage, "update txs set receipt = 'x' where tx_id = $1", sold[1]["id"])
        await go_over(audit)
        assert ("tx_hash", None) in told.findings


async def test_a_busy_database_has_no_findings(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_audit, "TXS_A_SLICE", 7)  # Many slices, each another snapshot.
    async with shop(stage) as (till, _, _customer), auditor(stage) as (audit, told):
        customers = [await till.register() for _ in range(6)]
        until = time.monotonic() + 6

        async def trade(place: int) -> int:
            done = 0
            while time.monotonic() < until:
                customer = customers[(place + done) % len(customers)] if done % 5 else None
                bought = await till.good("POST", "/v1/accrue", purchase(customer, line(price=9_000, qty=3)))
                if customer is not None:
                    held = await till.post("/v1/holds", purchase(customer, line(price=900), redeem={"points": 4}))
                    if held.status_code == 201 and done % 3:
                        end = "capture" if done % 2 else "release"
                        await till.good("POST", f"/v1/holds/{held.json()['id']}/{end}")
                    await till.post("/v1/holds", {**_spending(customer, f"brief-{place}-{done}"), "ttl_seconds": 1})
                await till.good("POST", f"/v1/purchases/{bought['id']}/returns", refund(("1", 1)))
                done += 1
            return done

        trading = [asyncio.create_task(trade(place)) for place in range(3)]
        gone_over = 0
        while not all(task.done() for task in trading):
            gone_over += await audit.run_once()
        assert sum(await asyncio.gather(*trading)) > 30
        await go_over(audit)
        assert told.findings == []
        assert gone_over > 100
        assert await ask(stage, "select count(*) from customers where frozen_at is not null") == 0


async def test_one_that_is_killed_is_followed_by_one_that_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_audit, "TXS_A_SLICE", 4)
    monkeypatch.setattr(self_audit, "TXS_A_RUN", 4)
    async with shop(stage) as (till, _, _customer):
        for _ in range(6):
            await till.good("POST", "/v1/accrue", purchase(await till.register(), line()))
        async with auditor(stage) as (first, _told):
            await first.run_once()
        came_to = await ask(stage, "select cursor from audit_passes where name = 'customers'")
        assert came_to is not None
        async with auditor(stage) as (second, _told):
            dying = second._store.note

            async def die(seen: Seen) -> Noted:
                if seen.stage == "customers":
                    raise asyncio.CancelledError
                return await dying(seen)

            monkeypatch.setattr(second._store, "note", die)
            with pytest.raises(asyncio.CancelledError):
                await second.run_once()
        assert await ask(stage, "select cursor from audit_passes where name = 'customers'") == came_to
        async with auditor(stage) as (third, _told):
            for _ in range(12):
                await third.run_once()
        assert await ask(stage, "select ended_at from audit_passes where name = 'customers'") is not None


async def test_two_at_once_say_each_thing_once(stage: Stage) -> None:
    async with shop(stage) as (_, _admin, customer), auditor(stage) as one, auditor(stage) as other:
        await plant(stage, "update customers set paid = paid + 1 where id = $1", customer)
        await asyncio.gather(*(audit.run_once() for audit, _ in (one, other) for _ in range(4)))
        assert one[1].findings + other[1].findings == [("customer_paid", customer)]


async def test_yesterdays_draws_are_looked_at_once_a_day(stage: Stage) -> None:
    asked: list[date] = []

    async def draws(day: date) -> list[Found]:
        asked.append(day)
        return [Found("draw_ticket", None, "a purchase", "1", "2")]

    async with shop(stage), auditor(stage) as (audit, told):
        audit._draws = draws
        await go_over(audit)
        assert len(asked) == 1
        assert told.findings == [("draw_ticket", None)]


async def test_a_posting_that_adds_up_is_summed_once_and_one_that_does_not_again_and_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    summed: list[set[UUID]] = []
    unbalanced = Look.unbalanced

    async def noting(look: Look, postings: Sequence[tuple[UUID, UUID]]) -> Sequence[Found]:
        summed[-1].update(tx_id for _, tx_id in postings)
        return await unbalanced(look, postings)

    async def look_again(audit: SelfAudit) -> set[UUID]:
        summed.append(set())
        await audit._look_at_newest()
        return summed[-1]

    monkeypatch.setattr(Look, "unbalanced", noting)
    monkeypatch.setattr(self_audit, "NEWEST_OVERLAP", timedelta(minutes=1))
    async with shop(stage) as (till, _, customer), auditor(stage) as (audit, told):
        assert len(await look_again(audit)) == 3
        assert [await look_again(audit) for _ in range(2)] == [set(), set()]
        sold = await till.good("POST", "/v1/accrue", purchase(None, line(price=700)))
        bought = await till.good("POST", "/v1/accrue", purchase(customer, line(price=1_000)))
        fresh = {UUID(sold["tx_id"]), UUID(bought["tx_id"])}
        await plant(stage, "update entries set amount = amount + 1 where tx_id = $1 and seq = 1", bought["tx_id"])
        assert [await look_again(audit) for _ in range(3)] == [fresh] * 3, "the one beside it too"
        assert told.findings == [("entry_sum", customer)]
        seen = "select seen_at from audit_findings where check_name = 'entry_sum' and gone_at is null"
        seen_at = await ask(stage, seen)
        await look_again(audit)
        assert await ask(stage, seen) > seen_at  # type: ignore[operator]
        await plant(stage, "update entries set amount = amount - 1 where tx_id = $1 and seq = 1", bought["tx_id"])
        assert [await look_again(audit) for _ in range(2)] == [fresh, set()]

        monkeypatch.setattr(self_audit, "BALANCED_MAX", 2)
        assert await look_again(audit) == set()
        assert len(await look_again(audit)) == 3, "what isn't remembered is summed again"


async def test_it_rests_as_long_as_it_is_told_to(stage: Stage) -> None:
    clock = [0.0]

    def ticks() -> float:
        clock[0] += 0.01
        return clock[0]

    database = Database(stage.database_url)
    await database.open()
    try:
        cache = Forgotten()
        audit = SelfAudit(SelfAuditDatabase(database), snapshots=cache, watch=Told(), ticks=ticks, rest=5)  # type: ignore[arg-type]
        async with shop(stage):
            assert await audit.run_once() > 0
            assert await audit.run_once() == 0
            clock[0] += 100
            assert await audit.run_once() > 0
    finally:
        await database.close()


def _spending(customer: str, receipt: str) -> dict[str, object]:
    return {
        "customer": {"id": customer},
        "wallet": "points",
        "points": 1,
        "reason": "gift",
        "receipt": {"number": receipt},
    }
