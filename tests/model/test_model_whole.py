"""The model of limits, pieces, draws and windows against figures worked out by hand from the contract."""

import hmac
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from tests.model.arithmetic import Json
from tests.model.books import Books
from tests.model.pricing import Refused, decide
from tests.model.tickets import SPAN, Luck, chance_of, drawn
from tests.model.world import CUSTOMER, PROGRAM, World

NOON = datetime(2026, 11, 21, 9, tzinfo=UTC)  # 12:00 in Moscow.
VISIT: Any = {"shop": "S1", "channel": "pos", "identified_by": "card"}


def program(*rules: Json, **more: Any) -> Json:
    return {
        "currency": "RUB",
        "timezone": "Europe/Moscow",
        "wallets": {"points": {"value": 1}},
        "rules": [{"id": f"r{i}", **rule} for i, rule in enumerate(rules)],
        **more,
    }


def decided(document: Json, *lines: Json, available: int = 0, world: World | None = None, **more: Any) -> Any:
    """More: `redeem`, `coupons`."""
    basket = {"lines": [{"id": str(i), "qty": 1, **line} for i, line in enumerate(lines)]}
    basket["coupons"] = more.pop("coupons", [])
    customer: Json = {"tier": None, "purchases": 0, "last_purchase_at": None, "birthday": None, "id": "ann"}
    customer["available"] = {"points": available}
    redeem = more.pop("redeem", {})
    return decide(document, basket, customer=customer, at=NOON, redeem=redeem, world=world, **VISIT)


def used(**counts: int) -> World:
    """Of rule `r0`: `budget`, `uses`, and `customer` of this month."""
    world = World(now=NOON)
    for name, count in counts.items():
        key = (CUSTOMER, ("max", "r0"), "2026-11") if name == "customer" else (PROGRAM, (name, "r0"), "")
        world.counts[key] = count
    return world


@pytest.mark.parametrize(
    ("limit", "world", "given", "limited_by"),
    [
        ({"receipt": 60}, used(), 60, "receipt"),
        ({"receipt": 100}, used(), 100, None),
        ({"budget": 100}, used(budget=70), 30, "budget"),
        ({"customer": {"max": 50, "period": "month"}}, used(customer=20), 30, "customer"),
        ({"receipt": 30, "customer": {"max": 30}, "budget": 30}, used(), 30, "receipt"),
        ({"receipt": 40, "customer": {"max": 30}, "budget": 30}, used(), 30, "customer"),
    ],
)
def test_limits_cut_to_what_is_left(limit: Json, world: World, given: int, limited_by: str | None) -> None:
    answer = decided(
        program({"kind": "discount", "give": {"percent": "10"}, "limit": limit}), {"price": 1_000}, world=world
    )
    (effect,) = answer["effects"]
    assert (effect["wanted"], effect["given"], effect["limited_by"]) == (100, given, limited_by)


def test_used_up_uses_leave_nothing() -> None:
    rule = {"kind": "bonus", "give": {"units": 5}, "limit": {"uses": 2}}
    assert decided(program(rule), {"price": 1}, world=used(uses=1))["totals"]["accrued"] == {"points": 5}
    assert decided(program(rule), {"price": 1}, world=used(uses=2))["totals"]["accrued"] == {}


def test_a_cap_of_a_category_is_shared_by_rules_and_counts_the_first_steps_of_the_path() -> None:
    """10 % of 500, 300 and 200 is 50, 30, 20; of drinks 60 may be given; then 5 % more finds drinks used up."""
    cap = {"id": "c", "wallet": "points", "period": "month", "by": "category", "depth": 1, "max": 60}
    document = program(
        {"kind": "bonus", "give": {"percent": "10"}}, {"kind": "bonus", "give": {"percent": "5"}}, caps=[cap]
    )
    lines = ({"price": 500, "category": "drinks/tea"}, {"price": 300, "category": "drinks"}, {"price": 200})
    answer = decided(document, *lines)
    assert [line["accrued"] for line in answer["lines"]] == [{"points": 38}, {"points": 22}, {"points": 30}]
    assert [(each["given"], each["limited_by"]) for each in answer["effects"]] == [(80, "cap:c"), (10, "cap:c")]


def test_sets_of_the_dearest_units_cost_a_price() -> None:
    """A 100, A 80, B 50: one set of A and B at 120 takes the dear A: 30 off, by 100 and 50."""
    bundle = {"kind": "discount", "give": {"bundle": {"skus": ["A", "B"], "price": 120}}}
    lines = ({"sku": "A", "price": 80}, {"sku": "A", "price": 100}, {"sku": "B", "price": 50})
    assert [line["discount"] for line in decided(program(bundle), *lines)["lines"]] == [0, 20, 10]
    twice = {"kind": "discount", "give": {"bundle": {"skus": ["A", "A"], "price": 200}}}
    assert decided(program(twice), *lines)["totals"]["discount"] == 0


def test_a_cost_is_taken_before_anything_is_redeemed() -> None:
    mug = {"kind": "reward", "give": {"gift": "MUG"}, "cost": {"points": 30}}
    answer = decided(program(mug), {"price": 100}, available=80, redeem={"points": "max", "rewards": {"r0": 2}})
    assert answer["totals"]["redeemed_units"] == {"points": 80}
    assert answer["totals"]["redeemed"] == 20
    assert [(each["given"], each["cost"]) for each in answer["effects"]] == [(2, {"points": 60})]
    refused = decided(program(mug), {"price": 100}, available=50, redeem={"rewards": {"r0": 2}})
    assert refused == Refused(["insufficient_points"])


def test_pieces_are_as_many_as_groups_and_codes() -> None:
    rule = {"kind": "reward", "give": {"coupon": "P"}, "on": {"units": {"every": 2}}}
    world = World(now=NOON, codes={"P": ["P1", "P2"]})
    (effect,) = decided(program(rule), {"qty": 7, "price": 100}, world=world)["effects"]
    assert (effect["wanted"], effect["given"], effect["limited_by"]) == (3, 2, "pool")
    assert effect["codes"] == ["P1", "P2"]


def test_what_is_said_of_codes() -> None:
    document = program({"kind": "bonus", "give": {"units": 1}, "when": {"coupon": ["spring", "P"]}})
    world = World(now=NOON)
    good = {"pool": "P", "customer": None, "uses": 0, "uses_max": 1, "per_customer": None}
    world.coupons = {"P1": good, "P2": {**good, "uses": 1}, "P3": {**good, "customer": "bob"}}
    said = decided(document, {"price": 1}, world=world, coupons=["P2", "P3", "x", "p1", "SPRING"])["coupons"]
    words = ["used_up", "wrong_customer", "unknown", "applied", "not_applicable"]
    assert [each["verdict"] for each in said] == words


# --- draws ------------------------------------------------------------------------------------------------------------


def test_a_ticket_is_what_anybody_can_recompute() -> None:
    luck = Luck(b"secret", date(2026, 11, 21), "S1", "T1", "7")
    mac = hmac.digest(b"secret", b"lucky\nS1\nT1\n7", "sha256")
    assert luck.ticket("lucky") == (int(mac[:8].hex(), 16), int(mac[8:16].hex(), 16))


def rule_of(algorithm: str, **terms: Any) -> Json:
    prizes = [{"id": "a", "weight": 3, "units": 10}, {"id": "b", "weight": 1, "units": 50}]
    return {"id": "r", "give": {"draw": {"algorithm": algorithm, "prizes": prizes, **terms}}}


@pytest.mark.parametrize(
    ("rule", "state", "chance"),
    [
        (rule_of("independent", chance="0.05"), {}, Fraction(1, 20)),
        (rule_of("bag", size=10), {"serial": 13, "taken/a": 2}, Fraction(2, 7)),
        (rule_of("pity", chance="0.2", guarantee_every=5), {"misses": 2}, Fraction(3, 5)),
        (rule_of("pity", chance="0.2", guarantee_every=5), {"misses": 9}, Fraction(1)),
        # 300 × 3/7 - 100 is 28 4/7 of room; a prize costs 20 on average, so one is certain.
        (rule_of("balanced", share="0.3", tolerance="0"), {"plain": 300, "surprise": 100}, Fraction(1)),
        (rule_of("balanced", share="0.3", tolerance="0"), {"plain": 280, "surprise": 110}, Fraction(1, 2)),
        (rule_of("balanced", share="0.3", tolerance="0"), {"plain": 70, "surprise": 30}, Fraction(0)),
    ],
)
def test_chances(rule: Json, state: dict[str, int], chance: Fraction) -> None:
    assert chance_of(rule, state, {"a": 10, "b": 50}) == chance


def test_a_paced_chance_follows_budget_and_time_left() -> None:
    """Half of the budget and a quarter of the time are left: the chance doubles."""
    rule = {**rule_of("paced", chance="0.1"), "from": "2026-01-01T00:00:00Z", "until": "2026-01-05T00:00:00Z"}
    rule["limit"] = {"budget": 1_000}
    at = int(datetime(2026, 1, 4, tzinfo=UTC).timestamp()) * 1_000_000
    assert chance_of(rule, {"used": 500, "at": at}, {}) == Fraction(1, 5)


def test_prizes_by_weight_and_slips_by_place() -> None:
    independent, bag = rule_of("independent", chance="0.5")["give"]["draw"], rule_of("bag", size=8)["give"]["draw"]

    def prize(draw: Json, win: Fraction, choice: Fraction, state: dict[str, int]) -> str | None:
        found = drawn(draw, (int(win * SPAN), int(choice * SPAN)), state, Fraction(1, 2))
        return None if found is None else str(found["id"])

    assert prize(independent, Fraction(1, 2), Fraction(0), {}) is None
    assert prize(independent, Fraction(1, 4), Fraction(3, 4) - Fraction(1, SPAN), {}) == "a"
    assert prize(independent, Fraction(1, 4), Fraction(3, 4), {}) == "b"
    places = [prize(bag, Fraction(2 * n + 1, 12), Fraction(0), {"serial": 2, "taken/a": 1}) for n in range(6)]
    assert places == ["a", "a", "b", None, None, None]


# --- books ------------------------------------------------------------------------------------------------------------


def books_of(document: Json) -> Books:
    books = Books(document)
    books.register("ann")
    return books


def buy(books: Books, *, day: int = 0, price: int = 100, qty: int = 1, **more: Any) -> Any:
    basket = {"lines": [{"id": "1", "qty": qty, "price": price}]}
    return books.accrue("ann", basket=basket, redeem={}, at=NOON + timedelta(days=day), **{**VISIT, **more})


def test_full_sets_move_on_from_wallet_to_wallet() -> None:
    """25 stamps are 2 sets of 10: 6 tokens, which are 1 set of 5: 100 points."""
    document = program(
        {"kind": "bonus", "give": {"units": 25, "wallet": "stamps"}},
        wallets={
            "points": {},
            "tokens": {"convert": {"every": 5, "into": "points", "units": 100}},
            "stamps": {"convert": {"every": 10, "into": "tokens", "units": 3}},
        },
    )
    balances = buy(books_of(document))["balances"]
    assert {wallet: each["available"] for wallet, each in balances.items()} == {"stamps": 5, "tokens": 1, "points": 100}


@pytest.mark.parametrize(
    ("rounded", "end"),
    [("none", "2026-12-01T09:00"), ("day", "2026-12-01T21:00"), ("month", "2026-12-31T21:00")],
)
def test_points_live_to_the_end_of_the_local_day_or_month(rounded: str, end: str) -> None:
    wallet = {"points": {"expire_after_days": 10, "expire_round": rounded}}
    books = books_of(program({"kind": "bonus", "give": {"units": 1}}, wallets=wallet))
    buy(books)
    assert books.lots("ann")["points"][0]["expires_at"] == datetime.fromisoformat(end + "+00:00")


def test_a_return_gives_amounts_back_by_share_and_uses_with_the_whole() -> None:
    rule = {"kind": "discount", "give": {"percent": "10"}, "limit": {"budget": 100, "uses": 1}}
    books = books_of(program(rule))
    assert buy(books, price=300, qty=2)["totals"]["discount"] == 60
    books.return_lines(0, lines=[{"id": "1", "qty": 1}], now=NOON)
    assert books.counts[None, ("budget", "r0"), ""] == 30
    assert buy(books, price=300)["totals"]["discount"] == 0
    books.return_lines(0, lines=None, now=NOON)
    assert buy(books, price=2_000)["totals"]["discount"] == 100


def test_the_next_draw_after_a_whole_return_is_the_old_one() -> None:
    draw = {"algorithm": "independent", "chance": "0.5", "prizes": [{"id": "p", "units": 7}]}
    books = books_of(program({"kind": "random_reward", "give": {"draw": draw}}))
    books.secret_of = lambda day: day.isoformat().encode()
    first = buy(books, receipt=("T1", "1"))["draws"][0]
    books.return_lines(0, lines=None, now=NOON)
    again = buy(books, day=3, receipt=("T1", "2"))["draws"][0]
    assert (again["ticket"], again["slip_of"], again["day"]) == (first["ticket"], "0", first["day"])
    assert buy(books, day=3, receipt=("T1", "2"))["draws"][0]["ticket"] != first["ticket"]


@pytest.mark.parametrize(
    ("window", "day", "tier"),
    [
        ("year", 41, "t1"),  # 1 January: what 2026 gave.
        ("year", 41 + 365, None),
        ("rolling_365d", 364, "t1"),
        ("rolling_365d", 365, None),
        ("ever", 4_000, "t1"),
    ],
)
def test_tiers_fall_at_the_end_of_their_window(window: str, day: int, tier: str | None) -> None:
    policy = {"measure": "paid", "window": window, "down": "end_of_window"}
    books = books_of(program(tiers=[{"id": "t1", "from": 500}], tier_policy=policy))
    buy(books, price=500)
    books.advance(NOON + timedelta(days=day))
    assert books.state("ann")["tier"] == tier
