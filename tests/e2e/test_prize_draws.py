"""A prize draw from its announcement to its winners, checked as anybody could; and every way in which it is refused."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from app.draw_check import verify_draws
from app.vault import KeyringVault
from tests.e2e.checks import refused
from tests.e2e.held_clock import HeldClock, clock_of
from tests.kit import Desk, Stage, client_of, line, refund, served_here, small_program

PRIZES = [{"id": "tv", "count": 1, "gift": "TV-55"}, {"id": "mug", "count": 2, "title": {"en": "A mug"}}]


@dataclass(slots=True)
class Fair:
    """A held clock at `start`; the draw's period is an hour from there."""

    clock: HeldClock
    stage: Stage
    admin: Desk
    till: Desk
    http: httpx.AsyncClient
    start: datetime

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=30)

    def terms(self, **more: Any) -> dict[str, Any]:
        times = {"from": self.start.isoformat(), "until": self.end.isoformat()}
        return {"id": "fair", **times, "prizes": PRIZES, **more}

    async def announce(self, **more: Any) -> dict[str, Any]:
        announced: dict[str, Any] = await self.admin.good("POST", "/v1/prize-draws", self.terms(**more))
        return announced

    async def sell(self, customer: str | None, price: int = 10_000, *, till: Desk | None = None) -> str:
        answer = await (till or self.till).accrue(customer, line(price=price))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def settle(self) -> None:
        """The period is over, and whatever was under way in it."""
        await self.clock.hold(self.end + timedelta(seconds=10))

    async def freeze(self) -> dict[str, Any]:
        await self.settle()
        frozen: dict[str, Any] = await self.admin.good("POST", "/v1/prize-draws/fair/freeze")
        return frozen

    async def draw(self) -> dict[str, Any]:
        drawn: dict[str, Any] = await self.admin.good("POST", "/v1/prize-draws/fair/draw")
        return drawn

    async def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get("/v1/prize-draws/fair")).json()
        return found

    async def entrants(self, limit: int = 100) -> list[str]:
        found, cursor = [], ""
        while True:
            page = (await self.http.get(f"/v1/prize-draws/fair/entrants?limit={limit}{cursor}")).json()
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"

    async def verify(self) -> list[str]:
        said: list[str] = []
        vault = KeyringVault(self.stage.keyring())
        day = self.end.date()
        await verify_draws(
            self.stage.owner_url, vault, first=day, last=day + timedelta(days=1), say=said.append, progress=False
        )
        return said


@pytest.fixture
async def fair(stage: Stage) -> AsyncIterator[Fair]:
    async with clock_of(stage) as clock, served_here(stage) as edge, client_of(edge) as http:
        start = datetime.now(UTC).replace(microsecond=0)
        await clock.hold(start)
        admin = Desk(http, await stage.key("admin"))
        await admin.publish(small_program(timezone="UTC"))
        yield Fair(clock, stage, admin, Desk(http, await stage.key("pos", shop="S1", terminal="T1")), http, start)


def ranked(draw: dict[str, Any], entrants: list[str]) -> list[str]:
    """As the documentation tells anybody to check it."""
    secret = bytes.fromhex(draw["secret"])
    assert hashlib.sha256(secret).hexdigest() == draw["commitment"]
    assert hashlib.sha256("\n".join(entrants).encode()).hexdigest() == draw["list_hash"]
    return sorted(entrants, key=lambda each: hmac.digest(secret, f"{draw['list_hash']}\n{each}".encode(), "sha256"))


async def test_a_draw_from_its_announcement_to_its_winners(fair: Fair) -> None:
    announced = await fair.announce(title={"en": "A fair"})
    assert (announced["state"], announced["secret"], announced["winners"], announced["entrants"]) == (
        "announced", None, None, None,
    )  # fmt: skip
    assert await fair.shown() == announced
    assert (await fair.http.get("/v1/prize-draws/fair/entrants")).status_code == 404

    customers = [await fair.till.register() for _ in range(4)]
    sold = {await fair.sell(customer): customer for customer in customers * 2}
    frozen = await fair.freeze()
    assert (frozen["state"], frozen["entrants"], frozen["secret"]) == ("frozen", 8, None)
    assert frozen["commitment"] == announced["commitment"]
    entrants = await fair.entrants()
    assert entrants == sorted(sold)
    assert await fair.entrants(limit=3) == entrants

    drawn = await fair.draw()
    assert await fair.shown() == drawn
    assert (drawn["state"], drawn["list_hash"]) == ("drawn", frozen["list_hash"])
    due: list[str] = []
    happy: set[str] = set()
    for purchase in ranked(drawn, entrants):
        if sold[purchase] not in happy and len(due) < 3:
            happy.add(sold[purchase])
            due.append(purchase)
    assert drawn["winners"] == [
        {"prize": prize, "place": place, "purchase": purchase}
        for place, (prize, purchase) in enumerate(zip(["tv", "mug", "mug"], due, strict=True), start=1)
    ]
    said = await fair.verify()
    assert len(said) == 1, said
    assert "1 prize draws" in said[0]


async def test_only_those_enter_whom_the_terms_name(fair: Fair, stage: Stage, owner: asyncpg.Connection) -> None:
    other = Desk(fair.http, await stage.key("pos", shop="S2", terminal="T9"))
    ann, bob = await fair.till.register(), await fair.till.register()
    await fair.clock.hold(fair.start + timedelta(minutes=1))
    fair.start += timedelta(minutes=2)
    await fair.sell(ann)  # Before the period.
    await fair.announce(shops=["S1"], min_paid=5_000)
    await fair.clock.hold(fair.start)
    first = await fair.sell(ann)  # At its first instant.
    await fair.sell(None)  # Nobody.
    await fair.sell(bob, till=other)  # Elsewhere.
    await fair.sell(ann, price=4_999)  # Too little.
    exact = await fair.sell(ann, price=5_000)
    back, partly = await fair.sell(bob), await fair.sell(bob, price=20_000)
    await fair.till.good("POST", f"/v1/purchases/{back}/returns", refund())
    half = (await fair.till.accrue(bob, line(price=2_500, qty=3))).json()["id"]
    await fair.till.good("POST", f"/v1/purchases/{half}/returns", refund(("1", 2)))  # 25.00 stays paid.
    card = await fair.till.register()
    await fair.sell(card)
    await owner.execute("update customers set is_gift_card = true where id = $1", card)
    await fair.clock.hold(fair.end - timedelta(microseconds=1))
    last = await fair.sell(bob)
    await fair.clock.hold(fair.end)
    await fair.sell(bob)  # After it.
    await fair.freeze()
    assert await fair.entrants() == sorted([first, exact, partly, last])


async def test_a_list_once_frozen_stays(fair: Fair, owner: asyncpg.Connection) -> None:
    await fair.announce(prizes=[{"id": "tv", "gift": "TV"}])
    customer = await fair.till.register()
    sold = await fair.sell(customer)
    frozen = await fair.freeze()
    await fair.till.good("POST", f"/v1/purchases/{sold}/returns", refund())
    drawn = await fair.draw()
    assert drawn["winners"] == [{"prize": "tv", "place": 1, "purchase": sold}]
    assert drawn["list_hash"] == frozen["list_hash"] == hashlib.sha256(sold.encode()).hexdigest()
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await owner.execute("delete from prize_draw_entries")


async def test_a_draw_without_entrants_has_no_winners(fair: Fair) -> None:
    await fair.announce()
    frozen = await fair.freeze()
    assert (frozen["entrants"], frozen["list_hash"]) == (0, hashlib.sha256(b"").hexdigest())
    assert (await fair.draw())["winners"] == []
    assert len(await fair.verify()) == 1


async def test_steps_are_taken_in_their_order_and_once(fair: Fair) -> None:
    admin = fair.admin
    refused(await admin.post("/v1/prize-draws/fair/freeze"), 404, "not_found")
    refused(await admin.post("/v1/prize-draws/fair/draw"), 404, "not_found")
    assert (await fair.http.get("/v1/prize-draws/fair")).status_code == 404
    await fair.announce()
    refused(await admin.post("/v1/prize-draws/fair/draw"), 409, "draw_not_ready")
    await fair.clock.hold(fair.end + timedelta(seconds=9))
    refused(await admin.post("/v1/prize-draws/fair/freeze"), 409, "draw_not_ready")
    await fair.freeze()
    refused(await admin.post("/v1/prize-draws/fair/freeze"), 409, "draw_not_ready")
    await fair.draw()
    refused(await admin.post("/v1/prize-draws/fair/draw"), 409, "draw_not_ready")
    taken = await admin.post("/v1/prize-draws", fair.terms(until="2099-01-01T00:00:00Z"))
    refused(taken, 422, "validation_error")
    assert taken.json()["errors"][0]["pointer"] == "/id"
    over = await admin.post("/v1/prize-draws", fair.terms(id="late"))
    assert (over.status_code, over.json()["errors"][0]["pointer"]) == (422, "/until")


async def test_a_step_repeated_with_its_key_has_its_answer(fair: Fair) -> None:
    await fair.announce()
    await fair.sell(await fair.till.register())
    await fair.settle()
    for step in ("freeze", "draw"):
        path = f"/v1/prize-draws/fair/{step}"
        first, second = [await fair.admin.post(path, key=f"once-{step}") for _ in range(2)]
        assert first.status_code == 200
        assert (second.content, second.headers["Idempotent-Replayed"]) == (first.content, "true")


async def test_of_two_who_draw_at_once_one_does(fair: Fair) -> None:
    await fair.announce()
    await fair.sell(await fair.till.register())
    await fair.freeze()
    answers = await asyncio.gather(*(fair.admin.post("/v1/prize-draws/fair/draw") for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


# What is planted in a drawn draw, and the check that finds it.
PLANTS = {
    "commitment": "update prize_draws set commitment = repeat('ab', 32)",
    "secret": "update prize_draws set secret = repeat('ab', 32)",
    "list_hash": "update prize_draws set list_hash = repeat('ab', 32)",
    "entrants": "update prize_draws set entrants = entrants + 1",
    "winner": "update prize_draws set winners = jsonb_set(winners, '{0,prize}', '\"car\"')",
}


async def test_a_planted_change_is_found(fair: Fair, owner: asyncpg.Connection) -> None:
    await fair.announce()
    for _ in range(5):
        await fair.sell(await fair.till.register())
    await fair.freeze()
    await fair.draw()
    kept = await owner.fetchrow("select commitment, secret, list_hash, entrants, winners::text from prize_draws")
    for check, plant in PLANTS.items():
        await owner.execute(plant)
        assert check in {row.split("\t")[0] for row in (await fair.verify())[1:-1]}, check
        await owner.execute(
            "update prize_draws set commitment = $1, secret = $2, list_hash = $3, entrants = $4, winners = $5::jsonb",
            *kept,
        )
    winners = orjson.loads(kept["winners"])
    for forged in ([*reversed(winners)], winners[:2], [*winners, winners[0]]):
        await owner.execute("update prize_draws set winners = $1::jsonb", orjson.dumps(forged).decode())
        assert "winner" in {row.split("\t")[0] for row in (await fair.verify())[1:-1]}, forged


# Ids of the same moment, each with another end.
_COPY = "(left($1::text, 24) || lpad(to_hex(n), 12, '0'))::uuid"
COPIES = (
    f"""
    insert into txs (customer_id, version, tx_id, kind, at, created_at, hash)
    select customer_id, version + n, {_COPY}, kind, at, created_at, hash from txs, generate_series(1, 12000) n
    where tx_id = $1::uuid
    """,
    f"""
    insert into purchases (id, customer_id, shop, terminal, program, at, answer, basket, verdicts, lines)
    select {_COPY}, customer_id, shop, terminal, program, at, answer, basket, verdicts, lines
    from purchases, generate_series(1, 12000) n where id = $1::uuid
    """,
)


async def test_a_long_list_is_frozen_in_batches(fair: Fair, owner: asyncpg.Connection) -> None:
    """Twelve thousand copies of one purchase: more than two inserts, one transaction, every id in its place."""
    await fair.announce(one_prize_a_customer=False)
    sold = await fair.sell(await fair.till.register())
    await owner.execute("set session_replication_role = replica")  # History is made up here: its guards look away.
    for copy in COPIES:
        await owner.execute(copy, sold)
    frozen = await fair.freeze()
    assert frozen["entrants"] == 12_001
    ids = [str(row["id"]) for row in await owner.fetch("select id from purchases order by id")]
    assert frozen["list_hash"] == hashlib.sha256("\n".join(ids).encode()).hexdigest()
    drawn = await fair.draw()
    assert [winner["purchase"] for winner in drawn["winners"]] == ranked(drawn, ids)[:3]
