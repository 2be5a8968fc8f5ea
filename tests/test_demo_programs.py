"""The ready programs: each publishes, the draft's check has nothing against it, and a little story is played with it
through HTTP, whose figures are worked out by hand.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from app.config import BadSetting, Settings
from app.demo import document_of, ensure_demo
from app.storage.keys import create_key
from tests.e2e.held_clock import HeldClock, clock_of
from tests.kit import Desk, Stage, client_of, line, purchase, refund, served_here
from tests.readme import README

FOLDER = Path(__file__).parent.parent / "app" / "demo" / "programs"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
SHOP = {"role": "shop", "shop": "ONLINE", "terminal": "WEB"}
# A Monday in Moscow; later than whatever the real clock has stamped.
START = datetime.fromisoformat("2040-03-05T12:00:00+03:00")


@dataclass(slots=True)
class Town:
    """The service with a till, an online shop and an office, and a clock that the test holds."""

    stage: Stage
    clock: HeldClock
    admin: Desk
    till: Desk
    web: Desk

    async def use(self, name: str) -> None:
        await self.admin.publish(json.loads(document_of(name)))
        await self.wait()

    async def wait(self, span: timedelta = timedelta()) -> None:
        """It is `span` after the start; the service hears of it with a purchase that is nobody's."""
        await self.clock.hold(START + span)
        heard = await self.till.accrue(None, line(price=0))
        assert heard.status_code == 201, heard.text

    async def at_partner(self, partner: str) -> Desk:
        key = await create_key(self.stage.owner_url, role="pos", shops=[partner], terminal="T1", partner=partner)
        return Desk(self.till.http, key.key)


@pytest.fixture
async def town(stage: Stage) -> AsyncIterator[Town]:
    async with clock_of(stage) as clock, served_here(stage) as edge, client_of(edge) as http:
        admin = Desk(http, await stage.key("admin"))
        till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
        yield Town(stage, clock, admin, till, Desk(http, await stage.key(**SHOP)))


async def buy(desk: Desk, customer: str | dict[str, str], *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    coupons, payments = more.pop("coupons", []), more.pop("payments", [])
    body = purchase(customer, *lines, **more)
    body["basket"].update(coupons=coupons, payments=payments)
    answer: dict[str, Any] = await desk.good("POST", "/v1/accrue?explain=true", body)
    return answer


def given(answer: dict[str, Any]) -> dict[str, int]:
    """What each rule gave."""
    return {each["rule"]: each["given"] for each in answer["effects"]}


def available(answer: dict[str, Any]) -> dict[str, int]:
    return {wallet: each["available"] for wallet, each in answer["balances"].items()}


@pytest.mark.parametrize("name", ["shop", *NAMES])
async def test_a_ready_program_has_nothing_doubtful(name: str, town: Town) -> None:
    document = json.loads(document_of(name))
    for segment in ("premium", "sleeping"):
        await town.admin.good("POST", "/v1/segments", {"id": segment})
    await town.admin.good("PUT", "/v1/program/draft", document)
    found = await town.admin.good("POST", "/v1/program/draft/check")
    assert [each for each in found["findings"] if each["severity"] != "info"] == []
    for rule in document["rules"]:
        assert rule["title"].keys() == {"en", "ru"}, rule["id"]


def test_the_setting_knows_each_ready_program() -> None:
    assert set(get_args(Settings.model_fields["demo_program"].annotation)) == {"shop", *NAMES}
    with pytest.raises(BadSetting, match=r"^setting DEMO_PROGRAM .*'fuel'.*$") as refused:
        Settings.read(demo_program="petrol")
    assert "\n" not in str(refused.value)


def test_readme_says_a_line_of_each_ready_program() -> None:
    text = README.read_text(encoding="utf-8")
    assert [name for name in ["shop", *NAMES] if f"\n| `{name}` | " not in text] == []


async def test_a_demo_begins_with_the_program_that_was_set(stage: Stage) -> None:
    said: list[str] = []
    settings = stage.settings(demo_program="fuel")
    for _ in range(2):  # What is there stays as it is.
        await ensure_demo(stage.database_url, stage.keyring(), settings, say=said.append)
    assert [each for each in said if "program" in each] == ["published the demo program (fuel)"]
    async with served_here(stage) as edge, client_of(edge) as http:
        program = await Desk(http, await stage.key("marketer")).good("GET", "/v1/program")
    assert (program["version"], program["document"]) == (1, json.loads(document_of("fuel")))


async def test_a_discount_card_rises_with_what_was_paid(town: Town) -> None:
    await town.use("discount_card")
    customer = await town.till.register()
    # 3 % of 4,000.00, then 200.00 off as 3,880.00 are left; tobacco is out.
    first = await buy(town.till, customer, line(1, price=400000), line(2, price=30000, category="tobacco"))
    assert given(first) == {"card-3": 12000, "big-basket": 20000}
    assert (first["totals"]["paid"], first["lines"][1]["discount"]) == (368000 + 30000, 0)
    # 3 % of 12,000.00 are 360.00; of the 11,640.00 left 500.00. Paid so far: 3,980.00 + 11,140.00 = 15,120.00: silver.
    second = await buy(town.till, customer, line(price=1200000))
    assert (given(second), second["totals"]["paid"]) == ({"card-3": 36000, "big-basket": 50000}, 1114000)
    third = await buy(town.till, customer, line(1, price=100000), line(2, price=50000, list_price=60000))
    assert (third["customer"]["tier"], given(third)) == (
        "silver",
        {"silver-5": 5000},
    )  # What is reduced stays as it is.


async def test_a_discount_card_knows_the_birthday_once_a_year(town: Town) -> None:
    await town.use("discount_card")
    customer = await town.till.register(birthday="1990-03-07")
    party = await buy(town.till, customer, line(price=200000))
    assert given(party) == {"birthday": 30000}
    assert party["messages"] == [{"to": "cashier", "text": "Birthday discount of 300.00 given."}]
    assert given(await buy(town.till, customer, line(price=200000))) == {"card-3": 6000}


async def test_an_accumulating_card_collects_points_that_wait_a_day(town: Town) -> None:
    await town.use("accumulating_card")
    customer = await town.till.register(birthday="1990-03-01")
    # 3 % of 2,000.00 + 1,000.00, 30 points of it doubled for the own brand; 300 for the birthday, at once.
    first = await buy(
        town.till, customer, line(1, price=200000), line(2, price=100000, tags=["own"]),
        line(3, price=50000, category="tobacco"),
    )  # fmt: skip
    assert given(first) == {"base-3": 90, "own-brand": 30, "birthday": 300}
    assert first["balances"]["points"] == {"available": 300, "pending": 120, "held": 0}
    assert first["messages"][0]["text"] == "300 points for your birthday. Use them within 30 days."
    await town.wait(timedelta(days=1))
    # 30 % of 1,000.00 may be paid: 300. What is paid in money, 700.00, brings 21.
    second = await buy(town.till, customer, line(price=100000), redeem={"points": "max"})
    assert (second["totals"]["redeemed"], given(second)) == (30000, {"base-3": 21})
    assert second["balances"]["points"] == {"available": 120, "pending": 21, "held": 0}  # Those of the birthday went.
    await town.wait(timedelta(days=70))
    # 60 days without a purchase. 3 % of 1,000.00.
    assert given(await buy(town.till, customer, line(price=100000))) == {"base-3": 30, "comeback": 150}


async def test_a_club_card_has_its_prices(town: Town) -> None:
    await town.use("club_card")
    guest, member = await town.till.register(), await town.till.register()
    await town.till.good("POST", f"/v1/customers/{member}/cards", {"number": "2700001", "type": "club"})
    lines = [
        line(1, qty=2, price=9550, category="dairy/milk"),  # 15.60 off each.
        line(2, price=59900, category="grocery/coffee"),  # 60.00 off.
        line(3, sku="cup-coffee", price=15000),
        line(4, sku="croissant", price=9000),  # 240.00 for 199.00.
        line(5, qty=3, price=10000, category="sweets/chocolate"),  # One is free.
    ]
    club = await buy(town.till, {"card": "2700001"}, *lines)
    # 1 % of 159.80 + 539.00 + 199.00 + 200.00 = 1,097.80 are 1,097.8 kopecks.
    expected = {"club-milk": 3120, "club-coffee": 6000, "breakfast": 4100, "three-for-two": 10000, "one-percent": 1097}
    assert (given(club), club["totals"]["paid"]) == (expected, 109780)
    # Without a card the sets are left, and the coupon: 10 % of 790.00 + 199.00 + 200.00.
    other = await buy(town.till, guest, *lines, coupons=["club10"])
    assert given(other) == {"breakfast": 4100, "three-for-two": 10000, "newspaper-coupon": 11890}
    assert other["coupons"][0]["verdict"] == "applied"
    # The bag costs 500.00 in points.
    await town.admin.good(
        "POST", f"/v1/customers/{member}/adjust", {"wallet": "points", "points": 50000, "reason": "x"}
    )
    bag = await buy(town.till, {"card": "2700001"}, line(price=1000), redeem={"rewards": {"tote": 1}})
    assert given(bag) == {"one-percent": 10, "tote": 1}
    assert (bag["messages"], available(bag)) == ([{"to": "cashier", "text": "Hand over: tote-bag."}], {"points": 1107})


async def test_miles_of_a_coalition_come_from_all_partners(town: Town) -> None:
    await town.use("coalition")
    grocer, pharmacy, cinema = [await town.at_partner(name) for name in ("grocer", "pharmacy", "cinema")]
    customer = await town.till.register(card="2700002")
    # A mile for each full 50.00 of 2,490.00.
    assert given(await buy(grocer, customer, line(price=249000))) == {"grocer": 49}
    # Two for each full 100.00 of 750.00, prescriptions aside; back within a week: half as many again.
    drugs = await buy(pharmacy, customer, line(1, price=75000), line(2, price=300000, category="prescription"))
    assert given(drugs) == {"pharmacy": 14, "back-in-a-week": 7}
    await town.wait(timedelta(days=30))
    assert given(await buy(cinema, customer, line(qty=2, price=40000, category="tickets"))) == {"cinema": 30}
    # 100 miles of 0.50 each, by tens: 50.00 of 120.00.
    snack = purchase({"card": "2700002"}, line(price=12000, category="bar"), redeem={"miles": "max"})
    paid = await cinema.good("POST", "/v1/accrue", snack)
    assert (paid["totals"]["redeemed_units"], paid["totals"]["paid"]) == ({"miles": 100}, 7000)


async def test_litres_of_a_fuel_chain(town: Town) -> None:
    await town.use("fuel")
    driver = await town.till.register(card="2700003")
    tank = line(1, qty="41.37", price=5890, category="fuel/petrol")
    coffee = line(2, price=20000, category="cafe")
    # 1.00 off each of 41 whole litres, as many points; 5 % of 200.00 are 10; and a coffee, as there are 40 litres.
    full = await buy(town.till, driver, tank, coffee)
    assert given(full) == {"litre-off": 4100, "litre": 41, "shop": 10, "full-tank-coffee": 1}
    assert full["messages"] == [{"to": "cashier", "text": "Free coffee: cup-coffee."}]
    # At night it is 2.00, and a second coffee isn't given that day.
    night = await buy(town.till, driver, tank, at="2040-03-04T23:30:00+04:00")
    assert given(night) == {"night": 8200, "litre": 41}
    # 92 points were collected; half of 150.00 may be paid with them, but 1.00 has to be paid in money: 75.
    assert available(night) == {"litres": 92}
    snack = await buy(town.till, {"card": "2700003"}, line(price=15000, category="shop"), redeem={"litres": "max"})
    assert (snack["totals"]["redeemed_units"], given(snack)) == ({"litres": 75}, {"shop": 3})


async def test_six_stamps_become_a_free_cup(town: Town) -> None:
    await town.use("cafe_stamps")
    guest = await town.till.register()
    cup: dict[str, Any] = {"category": "drinks/coffee"}
    five = await buy(town.till, guest, line(qty=5, price=20000, **cup))
    assert available(five) == {"stamps": 5, "cups": 0}
    assert five["print"] == [{"type": "divider"}, {"type": "row", "left": "Stamps", "right": "+5"}]
    # The sixth, and one more for being early: seven stamps, six of which become a cup.
    early = await buy(town.till, guest, line(price=20000, **cup), at="2040-03-05T08:00:00+03:00")
    assert (given(early), available(early)) == ({"stamp": 1, "morning": 1}, {"stamps": 1, "cups": 1})
    # Of two cups the dearer is free and brings no stamp.
    two = [line(1, price=20000, **cup), line(2, price=30000, **cup)]
    free = await buy(town.till, guest, *two, redeem={"rewards": {"free-cup": 1}})
    assert (given(free), free["totals"]["paid"]) == ({"free-cup": 30000, "stamp": 1}, 20000)
    assert available(free) == {"stamps": 2, "cups": 0}
    assert free["messages"] == [{"to": "cashier", "text": "A free cup was used."}]
    again = await town.till.post("/v1/accrue", purchase(guest, *two, redeem={"rewards": {"free-cup": 1}}))
    assert (again.status_code, again.json()["code"]) == (409, "insufficient_points")
    # Who brings both cups back gets the cup of the card again.
    back = await town.till.good("POST", f"/v1/purchases/{free['id']}/returns", refund())
    assert (back["refund"], available(back)) == (20000, {"stamps": 1, "cups": 1})
    review = await town.till.good("POST", f"/v1/customers/{guest}/events", {"type": "review"})
    assert available(review) == {"stamps": 3, "cups": 1}


async def test_cashback_of_a_bank_stops_at_1500_a_month_and_category(town: Town) -> None:
    await town.use("cashback_bank")
    await town.admin.good("POST", "/v1/segments", {"id": "premium"})
    client, premium = await town.till.register(), await town.till.register()
    await town.admin.good("POST", "/v1/segments/premium/members", {"add": [{"id": premium}]})
    dinner = line(price=2000000, category="food/restaurant")
    ours = [{"method": "our_card", "amount": 2000000}]
    # 5 % of 20,000.00 are 1,000.00; of the next 1,000.00 there is room for 500.00; then for nothing.
    assert given(await buy(town.till, client, dinner, payments=ours)) == {"five-food": 100000}
    cut = await buy(town.till, client, dinner, payments=ours)
    assert (given(cut), cut["effects"][0]["limited_by"]) == ({"five-food": 50000}, "cap:category-month")
    none = await buy(town.till, client, dinner, line(2, price=100000, category="books"), payments=ours)
    assert none["totals"]["accrued"] == {"cashback": 1000}  # 1 % of 1,000.00 of books.
    assert none["balances"]["cashback"] == {"available": 0, "pending": 151000, "held": 0}
    # Two weeks later it is there; in April there is room again. Without our card 1 %.
    await town.wait(timedelta(days=27))
    april = await buy(town.till, client, dinner)
    assert given(april) == {"one": 20000}
    assert april["balances"]["cashback"] == {"available": 151000, "pending": 20000, "held": 0}
    # Premium: 10 % of 15,000.00 for taxis, at most 1,000.00 a month by that rule.
    ride = await buy(town.till, premium, line(price=1500000, category="transport/taxi"))
    assert given(ride) == {"ten-transport": 100000}


async def test_a_delivery_service_plays(town: Town) -> None:
    await town.use("gamified_delivery")
    await town.admin.good("POST", "/v1/segments", {"id": "sleeping"})
    customer = await town.web.register()
    await town.admin.good("POST", "/v1/segments/sleeping/members", {"add": [{"id": customer}]})
    # 300.00 off beat 15 % of 1,200.00 (180.00). 3 % of 900.00 are 27.00 or 270 coins; and a star.
    first = await buy(town.web, customer, line(price=120000))
    assert {name: each for name, each in given(first).items() if name not in {"chance", "wheel"}} == {
        "sleepers": 30000, "coins-3": 270, "star": 1,
    }  # fmt: skip
    assert [each["rule"] for each in first["draws"]] == ["chance", "wheel"]
    # Once a month: now the first three orders' 15 %.
    second = await buy(town.web, customer, line(price=120000))
    assert given(second)["first-orders"] == 18000
    # The wheel wins in the first ten orders at the latest; five stars are 300 coins.
    answers = [first, second, *[await buy(town.web, customer, line(price=120000)) for _ in range(8)]]
    wheel = [each for answer in answers for each in answer["draws"] if each["rule"] == "wheel"]
    assert any(each["prize"] for each in wheel)
    collected = sum(answer["totals"]["accrued"]["coins"] for answer in answers)
    assert available(answers[-1]) == {"coins": collected + 2 * 300, "stars": 0}
    # Surprises keep to 30 % of all that rewards cost, within 5 %.
    chance = [each for answer in answers for each in answer["draws"] if each["rule"] == "chance"]
    state = chance[-1]["state"]
    assert 100 * state["surprise"] <= 35 * (state["plain"] + state["surprise"])
    review = await town.web.good("POST", f"/v1/customers/{customer}/events", {"type": "review"})
    assert review["accrued"] == {"coins": 50, "stars": 0}
