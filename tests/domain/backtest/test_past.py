"""A stored purchase says what the rules saw and gave that day, to the last figure."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.backtest.past import PastRow, read_past
from app.domain.basket import IdentifiedBy
from app.domain.coupons import Coupon
from app.domain.customer import CustomerFacts
from app.domain.programs import read_program
from app.domain.rules.birthdays import days_since_nearest
from app.domain.rules.evaluate import compile_program
from app.domain.rules.given import TillFacts
from tests.domain.backtest.purchases import Shop, basket_of, line, person
from tests.domain.backtest.sent import seen_customers, sent_baskets
from tests.domain.backtest.tried import report
from tests.kit import small_program
from tests.model.examples import examples

ZONE = ZoneInfo("Europe/Moscow")
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
# Wallets and rules whose names are keys of the answer.
ODD = small_program(
    wallets={"points": {"value": 100}, "surprise": {"value": 1}, "effects": {"value": 1}},
    redemption={"wallets": ["points", "effects"], "max_share": "0.5"},
    rules=[
        {"id": "totals", "kind": "bonus", "give": {"percent": "3"}},
        {"id": "lines", "kind": "bonus", "give": {"units": 5, "wallet": "surprise"}},
        {"id": "effects", "kind": "discount", "on": {"category": ["c"]}, "give": {"percent": "10"}},
        {"id": "bought", "kind": "discount", "give": {"amount": 700}, "cost": {"points": 2, "surprise": 3}},
        {"id": "spring", "kind": "discount", "when": {"coupon": ["SPRING", "pool"]}, "give": {"amount": 300}},
    ],
)
ODD_PROGRAM = compile_program(read_program(ODD))


def stored(row: PastRow) -> tuple[dict[str, Any], dict[str, Any]]:
    return orjson.loads(row.basket), orjson.loads(row.answer)


@examples(300)
@given(
    sent_baskets(codes=("spring", "WINTER")),
    seen_customers(tiers=("silver", "gold"), wallets=("points", "effects"), tags=("t",), segments=("s", "é")),
    st.sampled_from([None, {"points": "max"}, {"effects": "max", "points": "max"}]),
    st.integers(0, 4 * 366 * 86_400_000).map(lambda milli: FIRST + timedelta(milliseconds=milli)),
    st.sampled_from(list(IdentifiedBy)),
    st.one_of(st.none(), st.just("coalition")),
    st.frozensets(st.sampled_from(["gold", "family"])),
)
def test_what_is_read_is_what_the_rules_saw(
    basket: dict[str, Any],
    customer: CustomerFacts | None,
    redeem: dict[str, Any] | None,
    at: datetime,
    identified_by: IdentifiedBy,
    partner: str | None,
    card_types: frozenset[str],
) -> None:
    shop = Shop(ODD_PROGRAM)
    row = shop.sell(
        basket,
        customer,
        at=at,
        redeem=redeem if customer else None,
        identified_by=identified_by,
        partner=partner,
        card_types=card_types,
        number='1","lines":[',
    )
    past, decided, asked = read_past(row, ZONE), shop.decided[-1], shop.asked[-1]
    assert past.basket.lines == tuple(replace(line, name=None) for line in asked.basket.lines)
    assert past.basket.payments == asked.basket.payments
    assert past.basket.coupons == asked.basket.coupons
    assert past.visit == decided.visit
    assert (past.redeem, past.rewards) == (asked.redeem, asked.rewards)
    assert (past.gross, past.discount, past.redeemed) == (
        decided.decision.gross,
        decided.decision.discount,
        decided.decision.redeemed,
    )
    assert [tuple(given) for given in past.given] == [
        (effect.rule, effect.kind, effect.wallet, effect.given) for effect in decided.decision.effects
    ]
    assert past.receipt == '1","lines":['
    assert at - past.decided_at < timedelta(milliseconds=1)
    assert past.has_facts is (customer is not None)
    if customer is None:
        assert past.facts is None
        return
    assert past.facts is not None
    assert replace(past.facts, birthday=None) == replace(customer, birthday=None)
    today = at.astimezone(ZONE).date()
    if customer.birthday is None:
        assert past.facts.birthday is None
    else:
        assert past.facts.birthday is not None
        assert days_since_nearest(past.facts.birthday, today) == days_since_nearest(customer.birthday, today)


def test_a_birthday_is_of_the_programs_day_and_not_of_greenwich() -> None:
    """At 22:30 UTC it is the next day in Moscow: the birthday itself."""
    shop = Shop(ODD_PROGRAM)
    row = shop.sell(basket_of(), person(birthday=date(1990, 11, 10)), at=datetime(2026, 11, 9, 22, 30, tzinfo=UTC))
    facts = read_past(row, ZONE).facts
    assert facts is not None
    assert facts.birthday == date(2026, 11, 10)
    assert "1990" not in row.basket.decode()


def test_a_reward_with_a_cost_is_asked_for_again() -> None:
    row = Shop(ODD_PROGRAM).sell(
        basket_of(),
        person(available={"points": 100, "surprise": 100}),
        redeem={"rewards": {"bought": 1}, "points": 5},
    )
    past = read_past(row, ZONE)
    assert (past.redeem, past.rewards) == ({"points": 5}, {"bought": 1})
    # The cost of the effect has a key "surprise", which is no end of the effects.
    assert '"cost":{"points":2,"surprise":3}' in row.answer.decode()
    assert [given.rule for given in past.given] == ["bought", "totals", "lines"]


def test_what_a_till_without_connection_gave_is_a_fact_for_the_draft_too() -> None:
    row = Shop(ODD_PROGRAM).sell(basket_of(line(1, price=10_000)), person(available={"points": 100}))
    basket, answer = stored(row)
    answer["totals"]["discount"] = 2_500
    row = replace(row, basket=orjson.dumps(basket | {"discounts": [2_500]}), answer=orjson.dumps(answer))
    assert read_past(row, ZONE).till == TillFacts((2_500,))
    draft = read_program(
        small_program(rules=[{"id": "half", "kind": "discount", "give": {"percent": "50"}}, *small_program()["rules"]])
    )
    assert report([row], draft)["totals"]["discount"] == {"real": 2_500, "draft": 2_500, "difference": 0}


def test_codes_that_were_refused_that_day_are_not_tried_and_unknown_ones_are_marked() -> None:
    codes = {
        "GOOD": Coupon("GOOD", pool="pool", uses_max=None),
        "OLD": Coupon("OLD", pool="pool", end=datetime(2026, 1, 1, tzinfo=UTC)),
        "USED": Coupon("USED", pool="pool", uses=1),
        "ANNAS": Coupon("ANNAS", pool="pool", customer="anna"),
        "EARLY": Coupon("EARLY", pool="pool", start=datetime(2030, 1, 1, tzinfo=UTC)),
    }
    row = Shop(ODD_PROGRAM, codes=codes).sell(
        basket_of(coupons=["old", "used", "annas", "early", " nobodys ", "good"]), person()
    )
    past = read_past(row, ZONE)
    assert past.basket.coupons == (" nobodys ", "good")
    assert past.unknown_codes == {"NOBODYS"}


def first_release(row: PastRow, **told: Any) -> PastRow:
    """The row as the first release wrote it: neither visit nor facts, and coupons all unknown."""
    basket, answer = stored(row)
    for key in ("visit", "facts", "rewards"):
        basket.pop(key, None)
    for key in ("hints", "print"):
        answer.pop(key)
    return replace(row, basket=orjson.dumps(basket), answer=orjson.dumps({**answer, **told}))


def test_a_purchase_of_the_first_release_is_read_as_far_as_it_tells() -> None:
    customer = person(tier="gold", available={"points": 30}, purchases=7, tags=frozenset({"t"}))
    row = first_release(Shop(ODD_PROGRAM).sell(basket_of(), customer, redeem={"points": 10}))
    past = read_past(row, ZONE)
    assert not past.has_facts
    # 30 points were there; as many as could be redeemed are known.
    assert past.facts == CustomerFacts(id=customer.id, tier="gold", available={"points": 30, "effects": 0})
    assert (past.visit.channel, past.visit.identified_by, past.redeem, past.rewards) == (
        "pos",
        None,
        {"points": 10},
        {},
    )
    assert past.redeemed == 1000


def test_a_purchase_of_nobody_in_the_first_release() -> None:
    past = read_past(first_release(Shop(ODD_PROGRAM).sell(basket_of())), ZONE)
    assert (past.facts, past.has_facts) == (None, False)


def test_an_answer_in_another_order_is_read_whole() -> None:
    row = Shop(ODD_PROGRAM).sell(basket_of(line(category="c")), person())
    _, answer = stored(row)
    turned = replace(row, answer=orjson.dumps(dict(reversed(answer.items()))))
    assert replace(read_past(turned, ZONE), row=row) == read_past(row, ZONE)


@pytest.mark.parametrize(
    "broken",
    [{"basket": b"{}"}, {"basket": b"no"}, {"answer": b"{}"}, {"answer": b'{"totals":{}}'}, {"basket": b'{"lines":1}'}],
)
def test_what_no_release_wrote_is_refused(broken: dict[str, bytes]) -> None:
    row = Shop(ODD_PROGRAM).sell(basket_of(), person())
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_past(replace(row, **broken), ZONE)  # type: ignore[arg-type] # Both are bytes.
