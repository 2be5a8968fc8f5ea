"""Balances of other moments: what was told then is told later, and what time will bring is told before."""

from datetime import timedelta

import asyncpg
import pytest

from app.api.answers_schema import BalanceAnswer
from tests.e2e.checks import ago, refused
from tests.e2e.moments import Json, scene_on
from tests.kit import Desk, Stage, line, purchase, refund, small_program

TIERS = [{"id": "bronze", "from": 0}, {"id": "silver", "from": 10000}, {"id": "gold", "from": 50000}]
ROLLING = {"measure": "paid", "window": "rolling_365d", "down": "end_of_window"}
YEAR = {"measure": "paid", "window": "year", "down": "end_of_window"}
DATED = {"value": 100, "activate_after_days": 5, "expire_after_days": 30}


def converting() -> Json:
    stamps = {"value": 0, "activate_after_days": 3, "convert": {"every": 10, "into": "points", "units": 7}}
    rules = [
        {"id": "base", "kind": "bonus", "give": {"per": {"amount": 1000, "units": 1}}},
        {"id": "stamps", "kind": "bonus", "give": {"per": {"amount": 1000, "units": 1}, "wallet": "stamps"}},
    ]
    return small_program(wallets={"points": DATED, "stamps": stamps}, rules=rules)


def tiered(policy: Json, **parts: object) -> Json:
    return small_program(tiers=TIERS, tier_policy=policy, **parts)


@pytest.mark.parametrize(
    "program",
    [
        small_program(),
        small_program(wallets={"points": DATED}, timezone="Europe/Berlin"),  # Its clocks change in the story.
        converting(),
        tiered(ROLLING, wallets={"points": DATED}),
        tiered(YEAR),
        tiered({"measure": "units", "window": "ever"}),
    ],
    ids=["plain", "dated", "converting", "rolling", "year", "ever"],
)
async def test_what_was_told_then_is_told_later_and_what_will_be_is_told_before(stage: Stage, program: Json) -> None:
    async with scene_on(stage, program) as scene:
        await scene.look()
        first = await scene.sell(30000)
        await scene.look()
        await scene.look_ahead(days=4, hours=23)
        await scene.sell(20000)
        await scene.look()
        await scene.look_ahead(days=3)  # The first lot has become active, and nothing has posted that.
        await scene.sell(5000, redeem={"points": 20})
        await scene.look()
        await scene.look_ahead(days=1)
        await scene.till.good("POST", f"/v1/purchases/{first['id']}/returns", refund())
        await scene.look()
        await scene.look_ahead(days=20)
        await scene.look_ahead(days=20)
        grant = {"wallet": "points", "points": 500, "reason": "a present"}
        await scene.office.good("POST", f"/v1/customers/{scene.customer}/adjust", grant)
        await scene.look()
        await scene.look_ahead(days=290)
        await scene.look_ahead(days=80)
        await scene.sell(100)
        await scene.look()
        await scene.look_ahead(days=400)
        await scene.look_back()


@pytest.mark.parametrize(
    "program",
    [small_program(wallets={"points": {"value": 100, "expire_after_days": 30}}), converting(), tiered(YEAR)],
    ids=["dated", "converting", "tiered"],
)
async def test_what_holds_set_aside_was_held_then_and_is_back_at_their_instant(stage: Stage, program: Json) -> None:
    async with scene_on(stage, program) as scene:
        await scene.sell(95000)
        await scene.look_ahead(days=6)
        basket = await scene.place(purchase(scene.customer, line(price=5000), redeem={"points": 30}), seconds=3600)
        await scene.look()
        await scene.look_ahead(minutes=30)
        plain = {"customer": {"id": scene.customer}, "wallet": "points", "points": 20, "reason": "a mug"}
        mug = await scene.place({**plain, "receipt": {"number": "M1"}}, seconds=604_800)
        gone = await scene.place({**plain, "receipt": {"number": "M2"}}, seconds=86_400)
        await scene.look()
        assert (await scene.as_of(scene.now))["wallets"]["points"]["held"] == 70
        await scene.hold(scene.now + timedelta(minutes=1))
        await scene.till.good("POST", f"/v1/holds/{basket}/capture", {})
        await scene.look()
        await scene.look_ahead(days=1)  # One hold is over.
        assert (await scene.as_of(scene.now))["wallets"]["points"]["held"] == 20
        await scene.sell(100)
        await scene.look()
        await scene.hold(scene.now + timedelta(hours=1))
        await scene.till.good("POST", f"/v1/holds/{mug}/release", {})
        await scene.look()
        await scene.look_ahead(days=1)
        last = await scene.place({**plain, "receipt": {"number": "M3"}}, seconds=604_800)
        await scene.look()
        await scene.look_ahead(days=30)  # The lots have ended, and those units with the hold that had them.
        assert (await scene.till.good("GET", f"/v1/holds/{last}"))["state"] == "expired"
        assert (await scene.till.good("GET", f"/v1/holds/{gone}"))["state"] == "expired"
        await scene.sell(100)
        await scene.look()
        await scene.look_back()
        # Posted a minute after its end; told by the instant.
        for moment, held in (("12:29:59.999999", 40), ("12:30:00", 20), ("12:30:59", 20), ("12:31:00", 20)):
            told = await scene.as_of(f"2040-03-08T{moment}Z")
            assert told["wallets"]["points"]["held"] == held, moment


async def test_only_a_balance_of_another_moment_tells_lots_tier_and_program(till: Desk) -> None:
    customer = await till.register()
    await till.accrue(customer)
    path = f"/v1/customers/{customer}/balance"
    plain = await till.get(path)
    then = await till.get(f"{path}?as_of={ago(days=-1):%Y-%m-%dT%H:%M:%SZ}")
    for answer in (plain, then):
        BalanceAnswer.model_validate_json(answer.content)  # As the OpenAPI document says it.
    assert then.json().keys() - plain.json().keys() == {"lots", "tier", "program"}
    assert plain.json().keys() - then.json().keys() == set()
    assert [lot["remaining"] for lot in then.json()["lots"]] == [100]


async def test_before_the_first_program_there_is_none(stage: Stage) -> None:
    async with scene_on(stage, tiered(YEAR)) as scene:
        await scene.sell(60000)
        before = await scene.as_of("2040-02-28T12:00:00Z")
        assert (before["version"], before["wallets"], before["lots"]) == (0, {}, [])
        assert (before["tier"], before["program"]) == (None, None)
        at_first = await scene.as_of("2040-03-01T12:00:00Z")
        assert (at_first["version"], at_first["tier"], at_first["program"]) == (1, "gold", 1)


async def test_whoever_has_bought_nothing_so_far_had_the_lowest_tier(stage: Stage) -> None:
    async with scene_on(stage, tiered(YEAR)) as scene:
        await scene.hold("2040-04-01T12:00:00+00:00")
        await scene.sell(60000)
        await scene.hold("2040-05-01T12:00:00+00:00")
        assert await scene.tier("2040-03-15T12:00:00Z") == ("bronze", 1)
        assert await scene.tier("2040-04-01T11:59:59.999999Z") == ("bronze", 1)
        assert await scene.tier("2040-04-01T12:00:00Z") == ("gold", 1)


async def test_the_tier_of_the_past_goes_by_the_windows_that_ended_since(stage: Stage) -> None:
    """Each moment lies between two postings, one of them years later, so nothing but the path can tell."""
    async with scene_on(stage, tiered(YEAR, timezone="Europe/Moscow"), start="2040-12-31T20:00:00+03:00") as scene:
        bought = await scene.sell(60000)
        await scene.hold("2041-06-01T12:00:00+03:00")
        await scene.sell(12000)
        await scene.hold("2041-07-01T12:00:00+03:00")
        await scene.till.good("POST", f"/v1/purchases/{bought['id']}/returns", refund())
        await scene.hold("2050-01-01T12:00:00+03:00")
        await scene.sell(100)
        for moment, tier in (
            ("2040-12-31T19:59:59+03:00", None),  # There was no program.
            ("2040-12-31T20:00:00+03:00", "gold"),
            ("2041-12-31T23:59:59.999999+03:00", "gold"),  # What came back in July is of a year that has ended.
            ("2042-01-01T00:00:00+03:00", "silver"),
            ("2042-12-31T23:59:59.999999+03:00", "silver"),
            ("2043-01-01T00:00:00+03:00", "bronze"),
            ("2049-12-31T23:59:59+03:00", "bronze"),
            ("2060-01-01T00:00:00+03:00", "bronze"),
        ):
            assert (await scene.tier(moment))[0] == tier, moment


async def test_the_past_goes_by_the_program_in_force_then(stage: Stage) -> None:
    async with scene_on(stage, tiered({"measure": "paid", "window": "ever"})) as scene:
        await scene.sell(20000)
        await scene.hold("2040-04-01T12:00:00+00:00")
        more = {"wallets": {"points": {"value": 100}, "cashback": {"value": 1}}}
        lower = [{"id": "bronze", "from": 0}, {"id": "platinum", "from": 15000}]
        assert await scene.publish(small_program(tiers=lower, **more)) == 2
        await scene.hold("2040-05-01T12:00:00+00:00")
        await scene.sell(100)
        await scene.hold("2040-06-01T12:00:00+00:00")
        assert await scene.publish(small_program()) == 3
        seen = {month: await scene.as_of(f"2040-{month}-15T12:00:00Z") for month in ("03", "04", "05", "06")}
        assert {month: (each["tier"], each["program"], list(each["wallets"])) for month, each in seen.items()} == {
            "03": ("silver", 1, ["points"]),
            # Its bounds are seen with the posting after it; what it doesn't have is nobody's tier.
            "04": ("bronze", 2, ["points", "cashback"]),
            "05": ("platinum", 2, ["points", "cashback"]),
            "06": (None, 3, ["points"]),
        }


async def test_a_tier_is_kept_once_however_many_purchases_leave_it(stage: Stage, owner: asyncpg.Connection) -> None:
    async with scene_on(stage, tiered({"measure": "paid", "window": "ever"})) as scene:
        for price in (100, 100, 10000, 100, 100):
            await scene.sell(price)
        rows = await owner.fetch("select version, path from tier_changes order by version")
        assert [(row["version"], row["path"]) for row in rows] == [
            (1, '[["bronze", null]]'),
            (3, '[["silver", null]]'),
        ]


async def test_a_moment_that_cannot_be_told_is_refused(till: Desk) -> None:
    customer = await till.register()
    for wrong in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "", "1"):
        refused(await till.get(f"/v1/customers/{customer}/balance?as_of={wrong}"), 422, "validation_error")
    for far in ("1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z"):
        assert (await till.get(f"/v1/customers/{customer}/balance?as_of={far}")).status_code == 200
    nobody = "01890000-0000-7000-8000-000000000000"
    path = f"/v1/customers/{nobody}/balance?as_of=2040-01-01T00:00:00Z"
    refused(await till.get(path), 404, "customer_not_found")
