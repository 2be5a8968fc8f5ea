"""The end of a hold: by time, by a call, by whoever is first. No job runs here but where a test runs one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.background import open_background
from app.flows import round_holds
from app.verification import findings
from tests.e2e.checks import kinds, refused
from tests.e2e.held_clock import HeldClock, clock_of
from tests.e2e.hold_desk import balances, capture, check, give, holds, place, release, units
from tests.kit import Desk, Stage, client_of, line, purchase, served_here, small_program

START = datetime(2040, 3, 1, 12, tzinfo=UTC)
TTL = 60
END = START + timedelta(seconds=TTL)
JUST_BEFORE = END - timedelta(seconds=20)  # Between rounds a service's clock goes on by itself.


@dataclass(slots=True)
class Scene:
    """Two services over one database, whose clock is held; nobody runs jobs."""

    stage: Stage
    clock: HeldClock
    office: Desk
    tills: list[Desk]

    @property
    def till(self) -> Desk:
        return self.tills[0]

    async def at(self, now: datetime) -> None:
        """Both services hear of it with their next round."""
        await self.clock.hold(now)
        for till in self.tills:
            await till.accrue(None)

    async def customer(self, points: int = 0) -> str:
        customer = await self.office.register()
        if points:
            await give(self.office, customer, points)
        return customer


@pytest.fixture
async def scene(stage: Stage, owner: asyncpg.Connection) -> AsyncIterator[Scene]:
    async with clock_of(stage) as clock, AsyncExitStack() as stack:
        https = []
        for _ in range(2):
            edge = await stack.enter_async_context(served_here(stage))
            https.append(await stack.enter_async_context(client_of(edge)))
        office = Desk(https[0], await stage.key("admin"))
        await office.publish(small_program())
        tills = [Desk(http, await stage.key("pos", shop="S1", terminal=f"T{n}")) for n, http in enumerate(https)]
        await clock.hold(START)
        scene = Scene(stage, clock, office, tills)
        await scene.at(START)
        yield scene
        await check(owner)
        assert await findings(stage.database_url) == []


async def test_points_are_free_at_the_instant_whoever_looks(scene: Scene, owner: asyncpg.Connection) -> None:
    customer = await scene.customer(300)
    held = await scene.till.good("POST", "/v1/holds", units(customer, 300, receipt="U1", ttl_seconds=TTL))
    for till in scene.tills:
        assert await balances(till, customer) == (0, 300)
    await scene.at(JUST_BEFORE)
    assert await balances(scene.tills[1], customer) == (0, 300)
    refused(await scene.till.post("/v1/redeem", units(customer, 1, receipt="U2")), 409, "insufficient_points")
    assert (await scene.till.good("GET", f"/v1/holds/{held['id']}"))["state"] == "held"
    await scene.clock.hold(END)
    for till in scene.tills:
        state = await till.good("GET", f"/v1/holds/{held['id']}")
        assert (state["state"], state["wallets"]) == ("expired", {"points": 300})
    spent = await scene.tills[1].good("POST", "/v1/redeem", units(customer, 300, receipt="U3"))
    assert spent["balances"]["points"] == {"available": 0, "pending": 0, "held": 0}
    assert await kinds(owner, customer) == [("adjust", 1), ("hold", 2), ("release", 3), ("redeem", 4)]
    row = await owner.fetchrow("select * from audit_tx where customer_id = $1 and version = 3", customer)
    assert (row["idempotency_key"], row["at"], row["parent_tx"], row["receipt"]) == (None, END, held["id"], None)
    (hold,) = await holds(owner, held["id"])
    assert (hold["state"], hold["resolved_tx"]) == ("expired", row["tx_id"])


async def test_reads_count_an_end_that_nobody_has_posted(scene: Scene, owner: asyncpg.Connection) -> None:
    customer = await scene.customer(300)
    held = await place(scene.till, customer, redeem={"points": 100}, ttl_seconds=TTL)
    await scene.at(JUST_BEFORE)
    quote = await scene.till.good("POST", "/v1/quote", purchase(customer, line(price=50000)))
    assert quote["redeem"]["wallets"]["points"]["terms"]["available"] == 20000
    # The services hear of the time by rounds that may touch nobody else: their customer is locked.
    async with owner.transaction():
        await owner.execute("select from customers where id = $1::text::uuid for update", customer)
        await scene.at(END)
    for till in scene.tills:
        assert await balances(till, customer) == (300, 0)
        lots = (await till.good("GET", f"/v1/customers/{customer}/lots"))["items"]
        assert [lot["remaining"] for lot in lots] == [300]
        quote = await till.good("POST", "/v1/quote", purchase(customer, line(price=50000)))
        assert quote["redeem"]["wallets"]["points"]["terms"]["available"] == 30000
        assert (await till.good("GET", f"/v1/purchases/{held['id']}"))["state"] == "expired"
    assert (await holds(owner, held["id"]))[0]["state"] == "held"


@pytest.mark.parametrize("is_nobodys", [False, True], ids=["a customer's", "nobody's"])
async def test_a_budget_is_free_for_others_at_the_instant(
    scene: Scene, owner: asyncpg.Connection, is_nobodys: bool
) -> None:
    rule = {"id": "last", "kind": "discount", "give": {"percent": "10"}, "limit": {"budget": 1000}}
    await scene.office.publish(small_program(rules=[rule]))
    holder, other = await scene.customer(), await scene.customer()
    held = await place(scene.till, None if is_nobodys else holder, ttl_seconds=TTL)
    assert held["totals"]["discount"] == 1000
    bought = await scene.tills[1].good("POST", "/v1/accrue", purchase(other))
    assert (bought["totals"]["discount"], bought["effects"]) == (0, [])
    await scene.clock.hold(END)
    # A quote sees it without a lock and before anybody has posted it; then the round of somebody else posts it.
    quote = await scene.tills[1].good("POST", "/v1/quote", purchase(other))
    assert quote["totals"]["discount"] == 1000
    assert (await holds(owner, held["id"]))[0]["state"] == "held"
    bought = await scene.tills[1].good("POST", "/v1/accrue", purchase(other))
    assert bought["totals"]["discount"] == 1000
    assert (await holds(owner, held["id"]))[0]["state"] == "expired"
    again = await scene.till.good("POST", "/v1/accrue", purchase(other))
    assert again["totals"]["discount"] == 0
    assert await owner.fetchval("select used from counters where name = 'rule/last/budget'") == 1000


async def test_a_coupon_a_code_and_a_prize_are_free_for_others(scene: Scene, owner: asyncpg.Connection) -> None:
    draw = {"algorithm": "independent", "chance": "1", "prizes": [{"id": "tv", "weight": 1, "gift": "TV", "stock": 1}]}
    rules: list[dict[str, Any]] = [
        {"id": "once", "kind": "discount", "when": {"coupon": ["spring"]}, "give": {"percent": "10"}},
        {"id": "code", "kind": "reward", "give": {"coupon": "prizes"}},
        {"id": "lucky", "kind": "random_reward", "give": {"draw": draw}},
    ]
    for pool, code in (("spring", "SPRING"), ("prizes", "PRIZE")):
        await owner.execute("insert into coupon_pools (id, uses_max, created_by) values ($1, 1, 'test')", pool)
        await owner.execute(
            "insert into coupons (code, pool, uses_max, created_by) values ($1, $2, 1, 'test')", code, pool
        )
    await scene.office.publish(small_program(rules=rules))
    holder, other = await scene.customer(), await scene.customer()
    body = purchase(holder, ttl_seconds=TTL)
    body["basket"]["coupons"] = ["spring"]
    held = await scene.till.good("POST", "/v1/holds", body)
    assert held["coupons"][0]["verdict"] == "applied"
    assert "PRIZE" not in str(held)  # Whoever knew it could use it and release.

    async def buy(customer: str, till: Desk) -> tuple[str, list[str], str | None]:
        sent = purchase(customer)
        sent["basket"]["coupons"] = ["spring"]
        sale = await till.good("POST", "/v1/accrue", sent)
        codes = [code for effect in sale["effects"] for code in effect.get("codes", [])]
        return sale["coupons"][0]["verdict"], codes, sale["draws"][0]["prize"]

    assert await buy(other, scene.tills[1]) == ("used_up", [], None)
    await scene.clock.hold(END)
    sent = purchase(other)
    sent["basket"]["coupons"] = ["spring"]
    quote = await scene.tills[1].good("POST", "/v1/quote", sent)
    assert quote["coupons"][0]["verdict"] == "applied"
    assert [each["given"] for each in quote["effects"] if each["rule"] == "code"] == [1]
    assert await buy(other, scene.tills[1]) == ("applied", ["PRIZE"], "tv")
    assert await buy(other, scene.till) == ("used_up", [], None)
    mine = await owner.fetchrow("select customer_id::text, is_given, is_blocked from coupons where code = 'PRIZE'")
    assert tuple(mine) == (other, True, False)


async def test_a_release_frees_what_a_rule_would_keep(scene: Scene, owner: asyncpg.Connection) -> None:
    """A return leaves a kept prize with the customer; a hold that is released has given none."""
    draw = {"algorithm": "independent", "chance": "1", "prizes": [{"id": "p", "weight": 1, "units": 30, "stock": 1}]}
    rule = {
        "id": "lucky",
        "kind": "random_reward",
        "give": {"draw": draw},
        "limit": {"budget": 5000},
        "on_return": "keep",
    }
    await scene.office.publish(small_program(rules=[rule]))
    customer = await scene.customer()
    held = await place(scene.till, customer, ttl_seconds=TTL)
    assert (held["draws"], held["totals"]["accrued"], held["surprise"]["possible"]) == ([], {"points": 0}, True)
    assert await owner.fetchval("select count(*) from counters where used > 0") == 2  # Of the stock and the budget.
    await release(scene.till, held["id"])
    assert await owner.fetchval("select sum(used) from counters") == 0
    sale = await scene.till.good("POST", "/v1/accrue", purchase(customer))
    (drawn,) = sale["draws"]
    assert (drawn["slip_of"], drawn["prize"], sale["totals"]["accrued"]) == (held["id"], "p", {"points": 30})


async def test_a_draw_is_shown_with_the_capture(scene: Scene) -> None:
    draw = {"algorithm": "independent", "chance": "1", "prizes": [{"id": "p", "weight": 1, "units": 30}]}
    await scene.office.publish(
        small_program(
            rules=[
                {"id": "base", "kind": "bonus", "give": {"units": 5}},
                {"id": "lucky", "kind": "random_reward", "give": {"draw": draw}},
            ]
        )
    )
    customer = await scene.customer()
    held = await place(scene.till, customer)
    assert (held["draws"], held["totals"]["accrued"], held["surprise"]["possible"]) == ([], {"points": 5}, True)
    assert [part["rule"] for part in held["lines"][0]["parts"]] == ["base"]
    assert [effect["rule"] for effect in held["effects"]] == ["base"]
    for path in (f"/v1/purchases/{held['id']}?explain=true", f"/v1/purchases/{held['id']}/explain"):
        read = await scene.till.good("GET", path)
        assert read["draws"] == []
        assert {each["rule"]: each["verdict"] for each in read["explain"]} == {"base": "applied", "lucky": "skipped"}
    captured = await capture(scene.till, held["id"])
    assert [(each["rule"], each["prize"]) for each in captured["draws"]] == [("lucky", "p")]
    assert captured["totals"]["accrued"] == {"points": 35}
    explained = await scene.till.good("GET", f"/v1/purchases/{held['id']}/explain")
    assert {each["rule"]: each["verdict"] for each in explained["explain"]} == {"base": "applied", "lucky": "applied"}


async def test_one_of_capture_release_and_time_wins(scene: Scene, owner: asyncpg.Connection) -> None:
    """Eight at once, in two processes; the clock reaches the end in some of the rounds."""
    for turn in range(6):
        customer = await scene.customer(100)
        held = await place(scene.till, customer, redeem={"points": 100}, ttl_seconds=TTL)
        path = f"/v1/holds/{held['id']}"

        async def end(place: int, path: str = path) -> tuple[int, str]:
            till = scene.tills[place % 2]
            what = "capture" if place % 4 < 2 else "release"
            answer = await till.post(f"{path}/{what}", {})
            return answer.status_code, answer.json().get("code", what)

        race = [end(place) for place in range(8)]
        if turn % 2:
            now = await owner.fetchval("select max(now) from held.clock")
            results, _ = await asyncio.gather(asyncio.gather(*race), scene.clock.hold(now + timedelta(seconds=2 * TTL)))
        else:
            results = await asyncio.gather(*race)
        won = [result for result in results if result[0] == 201]
        assert {code for status, code in results if status != 201} <= {
            "hold_already_resolved",
            "hold_expired",
            "busy",
        }
        (hold,) = await holds(owner, held["id"])
        if won:
            ((_, what),) = won
            assert hold["state"] == {"capture": "captured", "release": "released"}[what]
        else:
            assert hold["state"] == "expired"
        assert await owner.fetchval("select count(*) from audit_tx where parent_tx = $1", held["id"]) == 1


async def test_the_last_points_are_held_or_spent_once(scene: Scene) -> None:
    for turn in range(4):
        customer = await scene.customer(100)

        async def take(place: int, customer: str = customer, turn: int = turn) -> int:
            till = scene.tills[place % 2]
            body = units(customer, 100, receipt=f"L{turn}-{place}")
            if place % 3 == 0:
                return (await till.post("/v1/redeem", body)).status_code
            if place % 3 == 1:
                return (await till.post("/v1/holds", body)).status_code
            return (await till.post("/v1/holds", purchase(customer, redeem={"points": 100}))).status_code

        statuses = [await each for each in asyncio.as_completed([take(place) for place in range(9)])]
        assert statuses.count(201) == 1, statuses
        assert set(statuses) <= {201, 409, 503}


async def test_ends_of_many_are_posted_once_by_whoever_comes(scene: Scene, owner: asyncpg.Connection) -> None:
    """Rounds of two processes and two jobs at once."""
    customers = [await scene.customer(50) for _ in range(12)]
    for number, customer in enumerate(customers):
        await scene.till.good("POST", "/v1/holds", units(customer, 50, receipt=f"D{number}", ttl_seconds=TTL))
    nobodys = [await place(scene.till, None, ttl_seconds=TTL) for _ in range(6)]
    await scene.clock.hold(END)
    settings, keyring = scene.stage.settings(), scene.stage.keyring()
    database_url, redis_url = scene.stage.database_url, scene.stage.redis_url
    async with (
        open_background(settings, keyring, database_url=database_url, redis_url=redis_url) as one,
        open_background(settings, keyring, database_url=database_url, redis_url=redis_url) as two,
    ):
        await asyncio.gather(
            one.sweep.run_once(),
            two.sweep.run_once(),
            *(till.accrue(customer) for till, customer in zip(scene.tills * 6, customers, strict=True)),
        )
        for background in (one, two):  # Whoever was passed over.
            await background.sweep.run_once()
        assert await one.sweep.run_once() == 0
    assert await owner.fetchval("select count(*) from holds where state = 'held'") == 0
    ended = await owner.fetchval("select count(*) from txs where kind = 'release' and idempotency_key is null")
    assert ended == len(customers) + len(nobodys)
    for customer in customers:
        assert (await balances(scene.till, customer))[1] == 0


async def test_an_end_on_the_real_clock(stage: Stage, owner: asyncpg.Connection, admin: Desk, till: Desk) -> None:
    """One second, and no jobs."""
    customer = await till.register()
    await give(admin, customer, 300)
    held = await till.good("POST", "/v1/holds", units(customer, 300, receipt="R1", ttl_seconds=1))
    refused(await till.post("/v1/redeem", units(customer, 300, receipt="R2")), 409, "insufficient_points")
    await asyncio.sleep(1.2)
    late = refused(await till.post(f"/v1/holds/{held['id']}/capture", {}), 409, "hold_expired")
    assert late["state"] == "expired"
    assert late["original_tx_id"] == (await till.good("GET", f"/v1/holds/{held['id']}"))["resolved_tx"]
    await till.good("POST", "/v1/redeem", units(customer, 300, receipt="R3"))
    await check(owner)


@pytest.mark.parametrize("first", ["capture", "another's purchase"])
async def test_an_end_that_the_release_before_has_let_pass_is_no_later(
    scene: Scene, owner: asyncpg.Connection, first: str
) -> None:
    """It knows of lots only: so it may have said that nothing is due."""
    customer = await scene.customer(100)
    body = units(customer, 60, receipt="late", ttl_seconds=TTL)
    hold = (await scene.till.good("POST", "/v1/holds", body))["id"]
    await owner.execute("update customers set due_at = null where id = $1::text::uuid", customer)
    await scene.clock.hold(END)
    if first == "capture":
        refused(await scene.till.post(f"/v1/holds/{hold}/capture"), 409, "hold_expired")
    else:
        await scene.till.accrue(None)
        assert [each["state"] for each in await holds(owner, hold)] == ["expired"]
    assert await scene.till.balance(customer) >= 100
    await check(owner)
    assert await findings(scene.stage.owner_url) == []


async def test_what_is_too_much_for_one_round_ends_in_the_next_ones(
    scene: Scene, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round_holds, "OTHERS_HOLDS_MAX", 3)
    for number in range(6):
        customer = await scene.customer()
        for place_ in range(2):
            body = purchase(customer, receipt=f"M{number}-{place_}", ttl_seconds=TTL)
            await scene.till.good("POST", "/v1/holds", body)
    await scene.clock.hold(END)
    left = []
    for _ in range(6):
        await scene.till.accrue(None)
        left.append(await owner.fetchval("select count(*) from holds where state = 'held'"))
    assert left == [10, 8, 6, 4, 2, 0]
    await check(owner)
    assert await findings(scene.stage.owner_url) == []
