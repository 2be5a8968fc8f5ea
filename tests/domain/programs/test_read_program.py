"""What the document says becomes the program, with the contract's defaults."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from app.domain.program import (
    All,
    AnyOf,
    Base,
    BasketHas,
    BasketTotal,
    Birthday,
    Block,
    Cap,
    CardTypeIs,
    ChannelIs,
    Combine,
    Convert,
    CouponIs,
    DateSpan,
    DaysSinceLast,
    Debt,
    Down,
    EventIs,
    ExpireRound,
    Give,
    GiveAmount,
    GiveAmountEach,
    GiveBundle,
    GiveMultiply,
    GivePer,
    GivePercent,
    GivePrice,
    GiveSteps,
    GiveUnitPrice,
    GiveUnits,
    GiveUnitsEach,
    Hours,
    IdentifiedByIs,
    Kind,
    Lane,
    Limit,
    Lists,
    Measure,
    Message,
    Not,
    OnReturn,
    PaidBy,
    PartnerIs,
    Per,
    Period,
    Program,
    PurchaseNumber,
    Redemption,
    Rule,
    Scope,
    SegmentIs,
    Selection,
    ShopIs,
    Step,
    TagIs,
    Tier,
    TierIs,
    Units,
    Wallet,
    Weekday,
    When,
    Which,
    Window,
)
from app.domain.programs import read_program
from tests.domain.programs.documents import altered, full, least, only_rule


def test_the_least_document_has_the_contracts_defaults() -> None:
    assert read_program(least()) == Program(
        currency="EUR",
        timezone=ZoneInfo("UTC"),
        wallets={"points": Wallet("points", value=1, activate_after_days=0, expire_after_days=None, debt=Debt.ALLOW)},
        redemption=Redemption(("points",), max_share=1_000_000, min_units=0, min_paid=0, step=1, strength={}),
        accrual_base=Base.PAID,
        tiers=(),
        tier_measure=Measure.PAID,
        lanes=(Lane("default", Combine.ALL),),
        rules=(),
    )


def test_empty_parts_have_the_same_defaults() -> None:
    document = {**least(), "redemption": {}, "accrual": {}, "tiers": [], "tier_policy": {}, "caps": []}

    assert read_program(document) == read_program(least())


def test_a_rule_has_the_contracts_defaults() -> None:
    rule = only_rule()

    assert rule == Rule(
        id="r", kind=Kind.DISCOUNT, lane="default", priority=0, order=0, give=GiveAmount(1), wallet=None, enabled=True
    )
    assert (rule.start, rule.end, rule.title, rule.when, rule.on) == (None, None, {}, None, None)
    assert (rule.activate_after_days, rule.has_own_expiry, rule.expire_after_days) == (None, False, None)
    assert (rule.cost, rule.limit, rule.on_return) == ({}, None, OnReturn.TAKE_BACK)
    assert (rule.messages, rule.receipt) == ((), ())


def test_defaults_are_the_first_wallet_and_the_first_lane() -> None:
    document = altered("/redemption", {})
    del document["rules"][7]["lane"]

    program = read_program(document)

    assert program.redemption == Redemption(("points",))
    assert program.rules[7].lane == "shelf"
    assert program.rules[7].wallet == "points"


def test_every_part_of_the_scheme_is_read() -> None:
    program = read_program(full())

    assert (program.currency, program.timezone) == ("RUB", ZoneInfo("Europe/Moscow"))
    assert list(program.wallets) == ["points", "stamps", "cashback"]
    assert program.default_wallet == "points"
    assert program.wallets["points"] == Wallet("points", 100, 14, 365, Debt.CLAMP, ExpireRound.MONTH)
    assert program.wallets["stamps"] == Wallet("stamps", 0, convert=Convert(10, "points", 100))
    assert program.redemption == Redemption(
        ("points", "cashback"), 300_000, 10, 100, 5, {"phone": 0, "card": None, "code": 5_000, "id": 0}
    )
    assert program.accrual_base is Base.NET
    assert program.tiers == (Tier("bronze", 0), Tier("silver", 1_000_000), Tier("gold", 5_000_000))
    assert (program.tier_measure, program.tier_window, program.tier_down) == (
        Measure.UNITS, Window.YEAR, Down.END_OF_WINDOW,
    )  # fmt: skip
    assert program.caps == (
        Cap("month", "cashback", 150_000, Scope.CUSTOMER, Period.MONTH, depth=2),
        Cap("all", "points", 1_000_000, Scope.PROGRAM, Period.EVER, depth=None),
    )
    assert program.lanes == (Lane("shelf", Combine.BEST_LINE), Lane("base", Combine.BEST), Lane("extra", Combine.ALL))
    assert [rule.order for rule in program.rules] == list(range(21))


def test_every_part_of_a_rule_is_read() -> None:
    rule = read_program(full()).rules[0]

    assert (rule.id, rule.kind, rule.lane, rule.priority) == ("gold-10", Kind.DISCOUNT, "shelf", 10)
    assert rule.title == {"en": "Gold 10 %", "ru": "Золото 10 %"}
    assert rule.start == datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=3)))
    assert rule.end == datetime(2027, 1, 1, tzinfo=UTC)
    assert rule.give == GivePercent(100_000)
    assert rule.on == Selection(
        lists=Lists(
            sku=frozenset({"4601"}),
            category=frozenset({"drinks/coffee"}),
            brand=frozenset({"X"}),
            tag=frozenset({"own"}),
        ),
        price_min=100,
        price_max=50_000,
        undiscounted=True,
        exclude=Lists(frozenset({"1"}), frozenset({"drinks/tea"}), frozenset({"Y"}), frozenset({"sale"})),
        units=Units(every=3, take=1, times=2, which=Which.DEAREST, per=Per.LINE),
    )
    assert rule.when == All(
        (
            TierIs(("gold",)),
            BasketTotal(100_000, 200_000),
            AnyOf((ChannelIs(("pos", "online")), Not(ShopIs(("S1",))))),
            BasketHas(Selection(Lists(sku=frozenset({"4601"}))), 500, 100),
            Weekday((6, 7)),
            Hours(time(22), time(6)),
            DateSpan(date(2026, 11, 1), date(2026, 11, 30)),
            Birthday(3, 7),
            PurchaseNumber(2, 9, 3),
            DaysSinceLast(30, 90),
            PaidBy("card", 1_000),
            SegmentIs(("sleeping",)),
            TagIs(("staff",)),
            PartnerIs(("grocer",)),
            CardTypeIs(("club",)),
            CouponIs(("SPRING", "POOL-1")),
            IdentifiedByIs(("phone", "card", "code")),
            Not(EventIs(("review",))),
        )
    )
    assert rule.cost == {"points": 150, "stamps": 1}
    assert rule.limit == Limit(50_000, 100_000, 3, Period.MONTH, 10_000_000, 1_000)
    assert rule.messages == (
        Message("cashier", {"en": "Gold: {given}", "ru": "Золото: {given}"}),
        Message("customer", {"en": "{title}: {amount}"}),
    )
    assert rule.receipt == (
        Block("text", {"en": "{title}"}, align="center"),
        Block("row", {"en": "Discount"}, {"en": "{amount}"}),
        Block("code", {"": "https://example.org/?r={rule}"}, format="qr"),
        Block("divider"),
    )


@pytest.mark.parametrize(
    ("kind", "give", "expected", "wallet"),
    [
        ("discount", {"percent": "0.0001"}, GivePercent(1), None),
        ("discount", {"percent": "100"}, GivePercent(1_000_000), None),
        ("discount", {"percent": "7.25"}, GivePercent(72_500), None),
        ("discount", {"amount": 5_000}, GiveAmount(5_000), None),
        ("discount", {"amount_each": 1_000}, GiveAmountEach(1_000), None),
        ("discount", {"unit_price": 0}, GiveUnitPrice(0), None),
        ("discount", {"price": 10**12}, GivePrice(10**12), None),
        (
            "discount",
            {"steps": [{"min": 0, "amount": 0}, {"min": 1, "percent": "5"}]},
            GiveSteps((Step(0, None, 0), Step(1, 50_000, None))),
            None,
        ),
        ("discount", {"bundle": {"skus": ["A", "B", "A"], "price": 0}}, GiveBundle(("A", "B", "A"), 0), None),
        ("bonus", {"percent": "10000"}, GivePercent(100_000_000), "points"),
        ("bonus", {"per": {"amount": 10_000, "units": 1}}, GivePer(10_000, 1), "points"),
        ("bonus", {"units": 100}, GiveUnits(100), "points"),
        ("bonus", {"units_each": 10, "wallet": "cashback"}, GiveUnitsEach(10), "cashback"),
        ("bonus", {"multiply": "1"}, GiveMultiply(1_000_000), "points"),
        ("bonus", {"multiply": "1.500001"}, GiveMultiply(1_500_001), "points"),
        ("cashback", {"percent": "5"}, GivePercent(50_000), "cashback"),
        ("cashback", {"percent": "5", "wallet": "points"}, GivePercent(50_000), "points"),
    ],
)
def test_each_form_of_give_is_read(kind: str, give: object, expected: Give, wallet: str | None) -> None:
    rule = only_rule(kind=kind, give=give)

    assert (rule.give, rule.wallet) == (expected, wallet)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"weekday": 7}, Weekday((7,))),
        ({"hours": ["00:00", "24:00"]}, Hours(time(0), time(0))),
        ({"hours": {"from": "08:30", "to": "23:59"}}, Hours(time(8, 30), time(23, 59))),
        ({"birthday": {}}, Birthday(0, 0)),
        ({"basket_total": {"min": 0}}, BasketTotal(0, None)),
        ({"basket_total": {"min": None, "max": 5}}, BasketTotal(None, 5)),
        ({"basket_total": {"min": 5, "max": 5}}, BasketTotal(5, 5)),
        ({"basket_has": {"min_qty": 3}}, BasketHas(Selection(), 3_000, None)),
        ({"basket_has": {"on": {"discounted": False}}}, BasketHas(Selection(undiscounted=True), None, None)),
        ({"date": {"until": "2028-02-29"}}, DateSpan(None, date(2028, 2, 29))),
        ({"purchase_number": {"every": 10}}, PurchaseNumber(None, None, 10)),
        ({"days_since_last": {"max": 0}}, DaysSinceLast(None, 0)),
        ({"payment": {"method": "sbp"}}, PaidBy("sbp", None)),
        ({"not": {"tier": ["gold"]}}, Not(TierIs(("gold",)))),
        ({"coupon": " vip-10"}, CouponIs(("VIP-10",))),
        ({"identified_by": "external_id"}, IdentifiedByIs(("card",))),
        ({"identified_by": ["id", "card", "phone"]}, IdentifiedByIs(("card", "phone"))),
        ({"not": {"event": "review"}}, Not(EventIs(("review",)))),
    ],
)
def test_each_form_of_a_condition_is_read(when: object, expected: When) -> None:
    assert only_rule(when=when).when == expected


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ({}, Units(1, 1, None, Which.CHEAPEST, Per.RECEIPT)),
        ({"every": 4}, Units(4, 4, None, Which.CHEAPEST, Per.RECEIPT)),
        ({"every": 3, "take": 3, "times": None}, Units(3, 3, None, Which.CHEAPEST, Per.RECEIPT)),
    ],
)
def test_units_take_the_whole_group_unless_told_otherwise(units: object, expected: Units) -> None:
    rule = only_rule(on={"units": units})

    assert rule.on is not None
    assert rule.on.units == expected


def test_an_open_window_is_null_or_nothing() -> None:
    rule = only_rule(**{"from": None, "until": "2026-11-21T12:00:00.5-03:30"})

    assert rule.start is None
    assert rule.end == datetime(2026, 11, 21, 15, 30, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize("name", ["a", "€-1", "Золото", "3+1", "x" * 64, "a~c"])
def test_ids_are_free_within_reason(name: str) -> None:
    document = altered("/rules/0/id", name)
    document["wallets"][f"{name}/{name}"[:64]] = {}

    program = read_program(document)

    assert program.rules[0].id == name
    assert f"{name}/{name}"[:64] in program.wallets


def test_nothing_may_be_redeemed_where_the_list_of_wallets_is_empty() -> None:
    assert read_program({**least(), "redemption": {"wallets": []}}).redemption.wallets == ()


def test_the_largest_numbers_are_read() -> None:
    document = altered("/rules/1/give", {"amount": 10**12})
    document["wallets"]["points"] |= {"value": 10**12, "expire_after_days": 36_500}
    document["rules"][1]["priority"] = -(10**9)

    program = read_program(document)

    assert program.rules[1].give == GiveAmount(10**12)
    assert program.rules[1].priority == -(10**9)


def test_reading_changes_nothing_in_the_document() -> None:
    document = full()

    read_program(document)

    assert document == full()
