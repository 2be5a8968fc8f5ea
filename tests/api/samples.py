"""Answers and requests that tests of the edge use again and again."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from app.domain.coupons import CouponVerdict, CouponWord
from app.domain.decision import Decision, Effect, LineDecision, Outcome, Part, RedeemTerms, Verdict
from app.domain.ledger.balances import WalletBalance
from app.domain.program import (
    Base,
    Combine,
    GiveAmount,
    GivePer,
    GivePercent,
    Kind,
    Lane,
    Measure,
    Program,
    Redemption,
    Rule,
    Wallet,
)
from app.flows.results import (
    BalanceView,
    CustomerProfile,
    HistoryEntry,
    HistoryItem,
    Instant,
    LotView,
    Page,
    Posted,
    ProgramVersion,
    PurchaseRecord,
    Returned,
    ReturnedLine,
    Sale,
    SaleCustomer,
    TierView,
    WalletView,
)

CUSTOMER = UUID("01938000-0000-7000-8000-000000000001")
PURCHASE = UUID("01938000-0000-7000-8000-000000000002")
LOT = UUID("01938000-0000-7000-8000-000000000003")
RETURN = UUID("01938000-0000-7000-8000-000000000004")
NOBODY_HERE = UUID("01938000-0000-7000-8000-0000000000ff")

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=timezone(timedelta(hours=3)))
REGISTERED = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)

PHONE = "+79001234567"
EMAIL = "anna@example.com"


def basket() -> dict[str, Any]:
    return {
        "lines": [
            {
                "id": "1",
                "sku": "4601",
                "name": "Coffee",
                "category": "drinks/coffee",
                "brand": "X",
                "tags": ["own"],
                "qty": 2,
                "price": 12900,
                "list_price": 12900,
                "min_price": 9000,
                "no": ["coupon"],
            },
            {"id": "2", "qty": "0.345", "price": 89900},
        ],
        "coupons": ["SPRING"],
        "payments": [{"method": "card", "amount": 20800}],
    }


def purchase() -> dict[str, Any]:
    """A body of `accrue`; one of `quote` too."""
    return {
        "customer": {"phone": PHONE},
        "receipt": {"number": "000123", "fiscal": "t=20261121T1200&s=208.00&fn=9999078900004792&i=00123&fp=1&n=1"},
        "at": "2026-11-21T12:00:00+03:00",
        "basket": basket(),
        "redeem": {"points": 50},
        "expect": {"paid": 20800},
    }


def redemption() -> dict[str, Any]:
    return {
        "customer": {"card": "2200 1234"},
        "wallet": "points",
        "points": 300,
        "receipt": {"number": "000124"},
        "reason": "a mug",
    }


def returned_lines() -> dict[str, Any]:
    return {"receipt": {"number": "000130"}, "lines": [{"id": "1", "qty": 1}]}


def returned_by_receipt() -> dict[str, Any]:
    return {"receipt": {"number": "000131"}, "all": True, "purchase": {"number": "000123"}}


def registration() -> dict[str, Any]:
    return {
        "phone": "8 (900) 123-45-67",
        "card": "2200-1234",
        "external_id": "crm-7",
        "name": "Anna",
        "birthday": "1990-05-04",
        "email": EMAIL,
        "tags": ["vip"],
        "consents": [{"type": "marketing", "given": True, "at": "2026-11-21T12:00:00Z"}],
        "referrer": {"id": str(CUSTOMER)},
    }


def program() -> dict[str, Any]:
    return {
        "currency": "RUB",
        "timezone": "Europe/Moscow",
        "wallets": {"points": {"value": 100}},
        "rules": [{"id": "base", "kind": "bonus", "give": {"per": {"amount": 10000, "units": 1}}}],
    }


def rule(rule_id: str, kind: Kind, give: Any, **more: Any) -> Rule:
    """A rule of the only lane."""
    return Rule(rule_id, kind, lane="main", priority=0, order=0, give=give, **more)


def scheme(*rules: Rule, wallets: tuple[str, ...] = ("points",), currency: str = "RUB") -> Program:
    """The program of the decision below, or one of other rules."""
    return Program(
        currency=currency,
        timezone=ZoneInfo("Europe/Moscow"),
        wallets={wallet: Wallet(wallet, value=100) for wallet in wallets},
        redemption=Redemption(wallets=wallets[:1]),
        accrual_base=Base.PAID,
        tiers=(),
        tier_measure=Measure.PAID,
        lanes=(Lane("main", Combine.ALL),),
        rules=rules
        or (
            rule("shelf", Kind.DISCOUNT, GivePercent(100_000)),
            rule("gold-10", Kind.DISCOUNT, GivePercent(100_000), title={"ru": "Золото 10 %", "en": "Gold 10 %"}),
            rule("old", Kind.DISCOUNT, GiveAmount(100)),
            rule("base", Kind.BONUS, GivePer(10_000, 1), wallet="points"),
            rule("toys", Kind.DISCOUNT, GivePercent(50_000)),
            rule("off", Kind.DISCOUNT, GivePercent(50_000), enabled=False),
        ),
    )


def decision() -> Decision:
    """Two lines: one with points redeemed and accrued, one discounted and of a fractional quantity."""
    return Decision(
        lines=(
            LineDecision(
                id="1",
                gross=25800,
                discount=0,
                redeemed=5000,
                redeemed_units={"points": 50},
                accrued={"points": 10},
                parts=(Part("base", "bonus", wallet="points", units=10),),
            ),
            LineDecision(
                id="2",
                gross=31016,
                discount=1016,
                redeemed=0,
                redeemed_units={},
                accrued={},
                parts=(Part("shelf", "discount", amount=1016),),
            ),
        ),
        effects=(
            Effect("shelf", "discount", wanted=2000, given=1016, limited_by="min_price"),
            Effect("base", "bonus", wanted=10, given=10, wallet="points"),
        ),
        verdicts=(
            Verdict("shelf", Outcome.APPLIED),
            Verdict("gold-10", Outcome.SKIPPED, "basket_total", {"min": 100000}, 56816),
            Verdict("old", Outcome.OUTDONE, "best"),
        ),
        redeem_terms={
            "points": RedeemTerms(
                max_units=77,
                max_money=7740,
                bound_by="max_share",
                terms={"max_share": 7740, "lines_room": 7800, "available": 120000, "min_paid": 25800},
                strength_units=100,
            )
        },
        redeemed_units={"points": 50},
        accrued={"points": 10},
        coupons=(CouponVerdict("SPRING", CouponWord.UNKNOWN, because="unknown"),),
    )


BALANCES = {"points": WalletBalance(available=1160)}


def sale(**changes: Any) -> Sale:
    members: dict[str, Any] = {
        "id": PURCHASE,
        "state": "committed",
        "receipt": {"number": "000123"},
        "at": NOON,
        "program": 7,
        "customer": SaleCustomer(id=CUSTOMER, tier="gold", name="An***"),
        "version": 42,
        "decision": decision(),
        "balances": BALANCES,
        "qty_milli": {"1": 2000, "2": 345},
        "scheme": scheme(),
    }
    return Sale(**(members | changes))


def returned(*, is_preview: bool = False) -> Returned:
    return Returned(
        id=None if is_preview else RETURN,
        purchase=PURCHASE,
        version=43,
        refund=10400,
        lines=(ReturnedLine("1", 1000, 10400, {"points": 5}, {"points": 25}),),
        taken_back={"points": 5},
        given_back={"points": 25},
        expired_again={},
        clamped={},
        balances=BALANCES,
    )


def posted() -> Posted:
    return Posted(tx_id=RETURN, version=44, balances=BALANCES)


def profile() -> CustomerProfile:
    return CustomerProfile(
        id=CUSTOMER,
        version=42,
        phone=PHONE,
        cards=("4276000011112222", "22001"),
        external_id="crm-7",
        name="Anna",
        birthday=datetime(1990, 5, 4, tzinfo=UTC).date(),
        email=EMAIL,
        tags=("vip",),
        consents=({"type": "marketing", "given": True},),
        referrer=None,
        registered_at=REGISTERED,
        tier=TierView(id="silver", measure=1_200_000, next_id="gold", next_from=5_000_000),
        purchases=17,
        balances=BALANCES,
    )


def balance() -> BalanceView:
    view = WalletView(BALANCES["points"], next_expiry=Instant(100, NOON), next_activation=None)
    return BalanceView(version=42, wallets={"points": view}, source="cache", as_of=NOON)


def history() -> Page[HistoryItem]:
    entries = (
        HistoryEntry("customer:available", "points", 10, LOT, "base"),
        HistoryEntry("program:issued", "points", -10, None, None),
    )
    item = HistoryItem(
        tx_id=PURCHASE,
        kind="purchase",
        version=42,
        at=NOON,
        created_at=REGISTERED,
        receipt={"shop": "S1", "terminal": "T1", "number": "000123"},
        purchase=PURCHASE,
        program=7,
        reason=None,
        entries=entries,
    )
    return Page((item,), "next-page")


def lots() -> Page[LotView]:
    return Page((LotView(LOT, "points", 10, REGISTERED, None, PURCHASE),), None)


def record(answer: bytes, *, shop: str = "S1") -> PurchaseRecord:
    verdicts = [{"rule": "gold-10", "verdict": "skipped", "because": "tier", "need": ["gold"], "have": None}]
    return PurchaseRecord(
        id=PURCHASE,
        shop=shop,
        state="committed",
        answer=answer,
        verdicts=orjson.dumps(verdicts),
        returned_milli={"1": 1000, "2": 0},
        scheme=scheme(),
    )


def version() -> ProgramVersion:
    return ProgramVersion(
        version=7, document=orjson.dumps(program()), published_at=REGISTERED, published_by="k-marketer"
    )
