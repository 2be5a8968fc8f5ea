"""A purchase with everything that rewards can bring: coupons, a gift, codes, a cost, draws, hints, messages, blocks."""

from datetime import date
from typing import Any
from uuid import UUID

from app.domain.coupons import CouponVerdict, CouponWord
from app.domain.decision import Decision, Effect, Hint, LineDecision, Outcome, Part, Verdict
from app.domain.draws.records import DrawRecord
from app.domain.program import (
    Algorithm,
    Block,
    GiveCoupon,
    GiveDraw,
    GiveGift,
    GivePercent,
    Kind,
    Message,
    Program,
)
from app.flows.results import EventPosted, Sale
from tests.api import samples
from tests.api.samples import rule

DAY = date(2026, 11, 22)
EVENT = UUID("01938000-0000-7000-8000-000000000009")
TITLE = {"ru": "Кружка", "en": "A mug"}


def scheme() -> Program:
    lucky = GiveDraw(Algorithm.INDEPENDENT, ())
    return samples.scheme(
        rule(
            "spring", Kind.DISCOUNT, GivePercent(50_000),
            messages=(Message("cashier", {"en": "{title}: {amount} off", "ru": "{title}: скидка {amount}"}),),
        ),
        rule(
            "mug", Kind.REWARD, GiveGift("MUG"), title=TITLE, cost={"points": 150},
            messages=(
                Message("cashier", {"ru": "Выдайте {given} × {gift}", "en": "Hand out {given} × {gift}"}),
                Message("customer", {"en": "Enjoy your {title}! {balance} points left"}),
            ),
            receipt=(
                Block("divider"),
                Block("text", {"ru": "Подарок: {title}", "en": "Present: {title}"}, align="center"),
            ),
        ),
        rule(
            "next", Kind.REWARD, GiveCoupon("autumn"),
            messages=(Message("customer", {"en": "Your code: {coupon}"}),),
            receipt=(
                Block("row", {"en": "Next time"}, right={"en": "{given} of {wanted}"}),
                Block("code", {"": "{coupon}"}, format="qr"),
            ),
        ),
        rule(
            "lucky", Kind.RANDOM_REWARD, lucky,
            messages=(Message("customer", {"en": "You won {prize}: {units} {wallet} ({amount})!"}),),
            receipt=(Block("text", {"en": "{prize} on {day}, {ticket}"}),),
        ),
        rule("plain-luck", Kind.RANDOM_REWARD, lucky),
        rule("more", Kind.DISCOUNT, GivePercent(50_000)),
    )  # fmt: skip


def draw(rule_id: str = "lucky", **changes: Any) -> DrawRecord:
    members: dict[str, Any] = {
        "rule": rule_id,
        "algorithm": Algorithm.INDEPENDENT,
        "day": DAY,
        "ticket": "00000000000000ff",
        "choice": "ff00000000000000",
        "state": {},
        "numerator": 1,
        "denominator": 20,
    }
    return DrawRecord(**(members | changes))


WON = draw(drew="p1", prize="p1", wallet="points", units=100, cost=10000)
LOST = draw("plain-luck", algorithm=Algorithm.PITY, state={"misses": 3}, drew="tv", because="stock", slip_of="a")


def decision(*, is_quote: bool = False) -> Decision:
    won: tuple[Effect, ...] = (
        () if is_quote else (Effect("lucky", "random_reward", wanted=100, given=100, wallet="points"),)
    )
    accrued = {} if is_quote else {"points": 100}
    return Decision(
        lines=(
            LineDecision(
                id="1",
                gross=10000,
                discount=500,
                redeemed=0,
                redeemed_units={"points": 150},
                accrued=accrued,
                parts=(
                    Part("spring", "discount", amount=500),
                    *(() if is_quote else (Part("lucky", "random_reward", wallet="points", units=100),)),
                ),
            ),
        ),
        effects=(
            Effect("spring", "discount", wanted=500, given=500),
            Effect("mug", "reward", wanted=1, given=1, gift="MUG", cost={"points": 150}),
            Effect("next", "reward", wanted=3, given=2, coupon="autumn", codes=("A1", "B2"), limited_by="pool"),
            *won,
        ),
        verdicts=(Verdict("spring", Outcome.APPLIED), Verdict("more", Outcome.SKIPPED, "basket_total", {"min": 1}, 0)),
        redeem_terms={},
        redeemed_units={"points": 150},
        accrued=accrued,
        coupons=(
            CouponVerdict("spring", CouponWord.APPLIED, "spring", "applied"),
            CouponVerdict("OLD", CouponWord.EXPIRED, None, "expired"),
            CouponVerdict("LATER", CouponWord.NOT_APPLICABLE, None, "basket_total"),
        ),
        hints=(Hint("more", "amount", 12000, {"percent": "5"}),),
        draws=() if is_quote else (WON, LOST),
        surprise=True,
    )


def sale(**changes: Any) -> Sale:
    members: dict[str, Any] = {"scheme": scheme(), "decision": decision(), "qty_milli": {"1": 1000}}
    return samples.sale(**(members | changes))


def event(**changes: Any) -> EventPosted:
    members: dict[str, Any] = {
        "tx_id": EVENT,
        "version": 43,
        "type": "review",
        "at": samples.NOON,
        "program": 7,
        "decision": decision(),
        "balances": samples.BALANCES,
        "scheme": scheme(),
    }
    return EventPosted(**(members | changes))
