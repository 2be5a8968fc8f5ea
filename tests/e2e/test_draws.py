"""Tickets that a customer can check, and `draws verify`: clean after honest days, dirty after a change behind its back.

The database's clock is held by the test, on the day that it was when the run began.
"""

import asyncio
import hashlib
import hmac
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import orjson
import pytest

from app.draw_check import verify_draws
from app.vault import KeyringVault
from tests.e2e.held_clock import HeldClock, clock_of
from tests.kit import Desk, Stage, client_of, line, refund, served_here, small_program

ZONE = ZoneInfo("Europe/Moscow")
TODAY = datetime.now(ZONE).date()
NOON = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=ZONE)
TOMORROW = TODAY + timedelta(days=1)
# A customer buys no earlier than it was registered, which the table stamps by the real clock, perhaps past midnight.
STAMPED = "alter table customers alter updated_at set default held.clock_timestamp()"
UNITS = {"id": "few", "weight": 3, "units": 10}
GIFT = {"id": "tv", "weight": 1, "gift": "TV", "cost": 20_000}


def _lucky(name: str, algorithm: str, prizes: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    terms = {key: more.pop(key) for key in ("chance", "size", "guarantee_every", "share", "tolerance") if key in more}
    return {
        "id": name,
        "kind": "random_reward",
        "give": {"draw": {"algorithm": algorithm, "prizes": prizes, **terms}},
        **more,
    }


PROGRAM = small_program(
    rules=[
        {"id": "base", "kind": "bonus", "give": {"per": {"amount": 100, "units": 1}}},
        _lucky("coin", "independent", [UNITS, {"id": "tenth", "weight": 1, "percent": "10"}], chance="0.5"),
        _lucky("bag", "bag", [UNITS, GIFT], size=6),
        _lucky("pity", "pity", [UNITS], chance="0.1", guarantee_every=4),
        _lucky(
            "paced",
            "paced",
            [UNITS],
            chance="0.4",
            limit={"budget": 20_000},
            **{"from": (NOON - timedelta(days=1)).isoformat(), "until": (NOON + timedelta(days=3)).isoformat()},
        ),
        _lucky("balanced", "balanced", [UNITS, GIFT], share="0.3", tolerance="0.05"),
    ]
)


@dataclass(slots=True)
class Town:
    clock: HeldClock
    stage: Stage
    admin: Desk
    till: Desk
    http: httpx.AsyncClient
    sales: list[dict[str, Any]] = field(default_factory=list)

    async def buy(self, customer: str, times: int = 1) -> None:
        for _ in range(times):
            answer = await self.till.accrue(customer, line(price=10_000))
            assert answer.status_code == 201, answer.text
            self.sales.append(answer.json())

    async def verify(self, first: date = TODAY, last: date = TODAY) -> list[str]:
        """What the command says."""
        said: list[str] = []
        vault = KeyringVault(self.stage.keyring())
        found = await verify_draws(self.stage.owner_url, vault, first=first, last=last, say=said.append, progress=False)
        rows = said[1:-1] if found else said[:-1]
        assert len(rows) == found, said
        return said


@pytest.fixture
async def town(stage: Stage) -> AsyncIterator[Town]:
    async with clock_of(stage) as clock, served_here(stage) as edge, client_of(edge) as http:
        await clock.hold(NOON)
        await clock.connection.execute(STAMPED)
        admin = Desk(http, await stage.key("admin"))
        await admin.publish(PROGRAM)
        yield Town(clock, stage, admin, Desk(http, await stage.key("pos", shop="S1", terminal="T1")), http)


async def test_a_commitment_comes_before_the_day_ends_and_the_secret_after_it(town: Town) -> None:
    assert (await town.http.get(f"/v1/draws/{TOMORROW}")).status_code == 404
    before = (await town.http.get(f"/v1/draws/{TODAY}")).json()
    assert (before["date"], before["secret"]) == (TODAY.isoformat(), None)
    await town.buy(await town.till.register())
    await town.clock.hold(datetime.combine(TODAY, datetime.max.time(), ZONE))
    assert (await town.http.get(f"/v1/draws/{TODAY}")).json() == before, "the same commitment, and not a moment early"

    await town.clock.hold(datetime.combine(TOMORROW, datetime.min.time(), ZONE))
    after = (await town.http.get(f"/v1/draws/{TODAY}")).json()
    assert {**after, "secret": None} == before
    secret = bytes.fromhex(after["secret"])
    assert hashlib.sha256(secret).hexdigest() == before["commitment"]
    assert (await town.http.get(f"/v1/draws/{TOMORROW}")).json()["secret"] is None

    sale = town.sales[0]
    assert len(sale["draws"]) == 5
    for drawn in sale["draws"]:
        text = "\n".join((drawn["rule"], "S1", "T1", sale["receipt"]["number"]))
        digits = hmac.digest(secret, text.encode(), "sha256").hex()
        assert (drawn["day"], drawn["ticket"], drawn["choice"]) == (TODAY.isoformat(), digits[:16], digits[16:32])


async def test_a_secret_that_was_not_promised_is_not_shown(town: Town, owner: asyncpg.Connection) -> None:
    """The day's tickets were drawn with other secrets, which this service doesn't have."""
    yesterday = TODAY - timedelta(days=1)
    await owner.execute("insert into draw_days (day, commitment) values ($1, $2)", yesterday, "ab" * 32)
    answer = (await town.http.get(f"/v1/draws/{yesterday}")).json()
    assert (answer["commitment"], answer["secret"]) == ("ab" * 32, None)


async def test_honest_days_are_clean(town: Town) -> None:
    """Two customers, a return that sets slips free, a purchase that takes them over, and the next day."""
    first, second = await town.till.register(), await town.till.register()
    await town.buy(first, 5)
    await town.buy(second, 7)
    back = town.sales[-1]
    await town.till.good("POST", f"/v1/purchases/{back['id']}/returns", refund())
    await town.buy(second, 3)
    again = town.sales[-3]
    assert [draw["slip_of"] for draw in again["draws"]] == [back["id"]] * 5
    assert [draw["ticket"] for draw in again["draws"]] == [draw["ticket"] for draw in back["draws"]]
    await town.clock.hold(NOON + timedelta(days=1))
    await town.buy(first, 4)

    said = await town.verify(TODAY, TOMORROW)
    assert len(said) == 1, said
    assert said[0].startswith("checked 95 draws of 19 purchases on 2 days and 0 prize draws in ")
    assert (await town.verify(TODAY, TODAY))[0].startswith("checked 75 draws of 15 purchases on 1 days")
    assert (await town.verify(TOMORROW, TOMORROW))[0].startswith("checked 20 draws of 4 purchases on 1 days")


# What is planted in the draws of one purchase, by the place of the draw, and the checks that find it.
PLANTS: Mapping[str, tuple[int, dict[str, Any], set[str]]] = {
    "a ticket": (0, {"ticket": "0" * 16}, {"ticket", "answer"}),
    "a chance": (0, {"numerator": 1, "denominator": 3}, {"chance"}),
    "a prize": (0, {"prize": "yacht", "drew": "yacht", "because": None}, {"answer", "prize"}),
    "a reason": (2, {"because": "budget"}, {"because"}),
    "a slip of nobody": (0, {"slip_of": "00000000-0000-7000-8000-000000000000"}, {"slip"}),
    "a bag's serial": (1, {"state": {"serial": 99, "taken/few": 0, "taken/tv": 0}}, {"continuity"}),
    "a miss less": (2, {"state": {"misses": 3}}, {"chance"}),
    "a day": (0, {"day": (TODAY - timedelta(days=1)).isoformat()}, {"day"}),
    "an unknown rule": (0, {"rule": "gone"}, {"rule", "answer"}),
    "no form": (0, {"numerator": "half"}, {"draws"}),
}


async def test_a_planted_change_is_found(town: Town, owner: asyncpg.Connection) -> None:
    customer = await town.till.register()
    await town.buy(customer, 6)
    assert len(await town.verify()) == 1
    # The first miss of pity: at most every fourth draw must win, so one of these has none.
    place = next(place for place, sale in enumerate(town.sales) if sale["draws"][2]["prize"] is None)
    target = town.sales[place]["id"]
    text = await owner.fetchval("select draws::text from purchases where id = $1", target)
    for name, (at, change, checks) in PLANTS.items():
        draws = orjson.loads(text)
        draws[at] |= change
        await _plant(owner, target, draws)
        rows = (await town.verify())[1:-1]
        assert {row.split("\t")[0] for row in rows} >= checks, (name, rows)
        assert any(row.split("\t")[1] == target for row in rows), (name, rows)
    draws = orjson.loads(text)
    await _plant(owner, target, draws)
    assert len(await town.verify()) == 1, "put back, it is clean again"

    bag = [each for each in draws if each["rule"] != "bag"]
    await _plant(owner, target, bag)
    assert {row.split("\t")[0] for row in (await town.verify())[1:-1]} >= {"answer"}


async def test_crowded_rounds_are_clean(town: Town, stage: Stage) -> None:
    """Two instances, ten customers, rounds that overtake each other: every draw still follows from the one before."""
    customers = [await town.till.register() for _ in range(10)]
    async with served_here(stage) as edge, client_of(edge) as http:
        other = Desk(http, await stage.key("pos", shop="S1", terminal="T2"))
        tills = (town.till, other)
        sold = await asyncio.gather(*(tills[n % 2].accrue(customers[n % 10], line(price=10_000)) for n in range(120)))
    assert {answer.status_code for answer in sold} == {201}
    said = await town.verify()
    assert len(said) == 1, said
    assert said[0].startswith("checked 600 draws of 120 purchases")


async def test_a_draw_that_was_left_out_is_missed(town: Town, owner: asyncpg.Connection) -> None:
    await town.buy(await town.till.register(), 4)
    left_out = town.sales[1]["id"]
    await owner.execute("update purchases set draws = null where id = $1", left_out)
    rows = [row.split("\t") for row in (await town.verify())[1:-1]]
    after = town.sales[2]["id"]
    assert ("continuity", after, "bag") in [(check, subject, rule) for check, subject, rule, *_ in rows]


async def _plant(owner: asyncpg.Connection, purchase: str, draws: list[dict[str, Any]]) -> None:
    await owner.execute("update purchases set draws = $2::jsonb where id = $1", purchase, orjson.dumps(draws).decode())


async def test_another_secret_or_commitment_is_found(town: Town, owner: asyncpg.Connection) -> None:
    await town.buy(await town.till.register())
    await owner.execute("update draw_days set commitment = $1", "ab" * 32)
    rows = (await town.verify())[1:-1]
    assert [row.split("\t")[0] for row in rows] == ["commitment"]
    await owner.execute("delete from draw_days")
    assert "commitment" in (await town.verify())[1]


async def test_a_slip_is_taken_over_once(town: Town, owner: asyncpg.Connection) -> None:
    customer = await town.till.register()
    await town.buy(customer)
    await town.till.good("POST", f"/v1/purchases/{town.sales[0]['id']}/returns", refund())
    await town.buy(customer, 2)
    taken = await owner.fetchval("select draws::text from purchases where id = $1", town.sales[1]["id"])
    await _plant(owner, town.sales[2]["id"], orjson.loads(taken))
    rows = (await town.verify())[1:-1]
    assert {row.split("\t")[0] for row in rows} == {"answer", "slip"}
    await owner.execute("update purchases set is_all_back = false where id = $1", town.sales[0]["id"])
    assert any("one of a purchase that is back" in row for row in (await town.verify())[1:-1])


async def test_the_command_says_what_it_found(town: Town, stage: Stage, owner: asyncpg.Connection) -> None:
    await town.buy(await town.till.register(), 2)
    code, out, _ = await _command(stage, "verify", TODAY.isoformat(), TODAY.isoformat())
    assert (code, out.count("\n")) == (0, 1), out
    await owner.execute("update draw_days set commitment = $1", "ab" * 32)
    code, out, _ = await _command(stage, "verify", TODAY.isoformat(), TODAY.isoformat())
    assert code == 1
    head, row, summary = out.splitlines()
    assert head.split("\t") == ["check", "subject", "rule", "expected", "found"]
    assert row.startswith(f"commitment\t{TODAY}\t-\t")
    assert summary.endswith("1 finding")


async def test_the_command_refuses_what_are_no_days(stage: Stage) -> None:
    for days, said in (
        (("yesterday", "2026-11-21"), "yesterday is no day"),
        (("2026-11-22", "2026-11-21"), "2026-11-21 is before 2026-11-22"),
    ):
        code, out, told = await _command(stage, "verify", *days)
        assert (code, out) == (1, "")
        assert said in told


async def _command(stage: Stage, *words: str) -> tuple[int | None, str, str]:
    environment = {
        **os.environ,
        "DATABASE_URL": stage.database_url,
        "DATABASE_OWNER_URL": stage.owner_url,
        "REDIS_URL": stage.redis_url,
        "DATA_DIR": str(stage.data_dir),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "draws", *words,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, told = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode(), told.decode()


def test_the_clock_of_these_tests_is_todays() -> None:
    """Ids hold the real moment of a request, and the check looks for them a day before and after its range."""
    assert abs(datetime.now(UTC) - NOON) < timedelta(days=2)
