"""Each test of a `when` about the deal and the customer: what passes, what fails, and what a failure says."""

import pytest

from app.domain.basket import Basket, Channel, IdentifiedBy, Payment, Visit
from app.domain.customer import CustomerFacts
from app.domain.program import (
    All,
    AnyOf,
    BasketHas,
    BasketTotal,
    Birthday,
    CardTypeIs,
    ChannelIs,
    DaysSinceLast,
    EventIs,
    IdentifiedByIs,
    Lists,
    Not,
    PaidBy,
    PartnerIs,
    PurchaseNumber,
    SegmentIs,
    Selection,
    ShopIs,
    TagIs,
    TierIs,
    When,
)
from app.domain.rules.conditions import Failure, compile_when
from app.domain.rules.facts import Facts
from tests.domain.rules.visits import LINES, NOON, failure, program


def test_no_conditions_always_pass() -> None:
    facts = Facts(program(), Basket(()), None, Visit(NOON, Channel.POS, "S1"))

    assert compile_when(None, program())(facts) is None


# --- the deal ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (TierIs(("silver", "gold")), None),
        (TierIs(("silver",)), Failure("tier", ["silver"], "gold")),
        (ChannelIs(("online", "pos")), None),
        (ChannelIs(("online",)), Failure("channel", ["online"], "pos")),
        (ShopIs(("S1",)), None),
        (ShopIs(("S2", "S3")), Failure("shop", ["S2", "S3"], "S1")),
        (BasketTotal(29_750, 29_750), None),
        (BasketTotal(29_751, None), Failure("basket_total", {"min": 29_751}, 29_750)),
        (BasketTotal(1, 29_749), Failure("basket_total", {"min": 1, "max": 29_749}, 29_750)),
    ],
)
def test_the_deal_is_tested_with_bounds_included(when: When, expected: Failure | None) -> None:
    assert failure(when) == expected


DRINKS = Selection(Lists(category=frozenset({"drinks"})))
NOTHING = Selection(Lists(sku=frozenset({"none"})))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (BasketHas(DRINKS, None, None), None),
        (BasketHas(DRINKS, 2_345, 29_250), None),
        (
            BasketHas(DRINKS, 2_346, None),
            Failure("basket_has", {"min_qty": "2.346"}, {"lines": 2, "qty": "2.345", "amount": 29_250}),
        ),
        (
            BasketHas(DRINKS, 2_000, 29_251),
            Failure("basket_has", {"min_qty": 2, "min_amount": 29_251}, {"lines": 2, "qty": "2.345", "amount": 29_250}),
        ),
        (
            BasketHas(DRINKS, 2_500, None),
            Failure("basket_has", {"min_qty": "2.5"}, {"lines": 2, "qty": "2.345", "amount": 29_250}),
        ),
        (BasketHas(NOTHING, None, None), Failure("basket_has", {"lines": 1}, {"lines": 0, "qty": 0, "amount": 0})),
        (
            BasketHas(NOTHING, None, 0),
            Failure("basket_has", {"min_amount": 0}, {"lines": 0, "qty": 0, "amount": 0}),
        ),
        (BasketHas(Selection(), 3_345, 29_750), None),
    ],
)
def test_basket_has_counts_selected_lines_closed_ones_too(when: When, expected: Failure | None) -> None:
    assert failure(when) == expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (PaidBy("card", None), None),
        (PaidBy("card", 1_000), None),
        (PaidBy("card", 1_001), Failure("payment", {"method": "card", "min": 1_001}, 1_000)),
        (PaidBy("voucher", None), None),
        (PaidBy("voucher", 1), Failure("payment", {"method": "voucher", "min": 1}, 0)),
        (PaidBy("cash", None), Failure("payment", {"method": "cash"}, None)),
        (PaidBy("cash", 0), Failure("payment", {"method": "cash", "min": 0}, None)),
    ],
)
def test_payments_of_one_method_count_together(when: When, expected: Failure | None) -> None:
    payments = (Payment("card", 400), Payment("voucher", 0), Payment("card", 600))

    assert failure(when, basket=Basket(LINES, payments=payments)) == expected


# --- groups -----------------------------------------------------------------------------------------------------------

YES, NO, NEVER = ShopIs(("S1",)), ShopIs(("S2",)), BasketTotal(10**6, None)


def test_all_says_which_member_failed_first() -> None:
    assert failure(All((YES, NO, NEVER))) == Failure("shop", ["S2"], "S1")
    assert failure(All((YES, YES))) is None


def test_any_says_what_each_member_needed_and_had() -> None:
    assert failure(AnyOf((NO, YES))) is None
    assert failure(AnyOf((NO, NEVER))) == Failure(
        "any", [{"shop": ["S2"]}, {"basket_total": {"min": 10**6}}], ["S1", 29_750]
    )


def test_not_says_what_should_have_failed() -> None:
    assert failure(Not(NO)) is None
    assert failure(Not(YES)) == Failure("not", {"shop": ["S1"]})
    assert failure(Not(All((YES, Not(AnyOf((NO, NEVER))))))) == Failure(
        "not",
        {"all": [{"shop": ["S1"]}, {"not": {"any": [{"shop": ["S2"]}, {"basket_total": {"min": 10**6}}]}}]},
    )


def test_a_failure_holds_only_the_first_of_very_many_names() -> None:
    failed = failure(ShopIs(tuple(f"X{number}" for number in range(10_000))))

    assert failed is not None
    assert failed.need == [*(f"X{number}" for number in range(20)), "…"]


def test_a_tier_that_the_program_lacks_does_not_compile() -> None:
    with pytest.raises(ValueError, match="platinum"):
        compile_when(Not(TierIs(("platinum",))), program())


# --- what a customer lacks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "when",
    [
        TierIs(("gold",)),
        SegmentIs(("regulars",)),
        TagIs(("vip",)),
        CardTypeIs(("plastic",)),
        IdentifiedByIs(("card",)),
        Birthday(366, 366),
        PurchaseNumber(1, None, None),
        DaysSinceLast(0, None),
    ],
    ids=lambda when: type(when).__name__,
)
def test_what_a_customer_lacks_is_false_and_its_negation_true(when: When) -> None:
    failed = failure(when, customer=None, visit=SHOWN)

    assert failed is not None
    assert failed.have is None
    assert failure(Not(when), customer=None, visit=SHOWN) is None


def test_a_customer_without_tier_birthday_or_earlier_purchase_lacks_them() -> None:
    stranger = CustomerFacts("new")

    for when in (TierIs(("gold",)), Birthday(366, 366), DaysSinceLast(0, None)):
        failed = failure(when, customer=stranger)
        assert failed is not None
        assert failed.have is None
    assert failure(PurchaseNumber(1, 1, None), customer=stranger) is None


REGULAR = CustomerFacts("c", segments=frozenset({"regulars", "early"}), tags=frozenset({"vip"}))
SHOWN = Visit(
    NOON,
    Channel.POS,
    "S1",
    identified_by=IdentifiedBy.CARD,
    partner="bakery",
    card_types=frozenset({"plastic", "family"}),
)
EVENT = Visit(NOON, Channel.POS, "S1", event="review")


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (SegmentIs(("sleeping", "regulars")), None),
        (SegmentIs(("sleeping",)), Failure("segment", ["sleeping"], ["early", "regulars"])),
        (TagIs(("staff", "vip")), None),
        (TagIs(("staff",)), Failure("tag", ["staff"], ["vip"])),
        (PartnerIs(("bakery",)), None),
        (PartnerIs(("fuel",)), Failure("partner", ["fuel"], "bakery")),
        (CardTypeIs(("plastic",)), None),
        (CardTypeIs(("virtual",)), Failure("card_type", ["virtual"], ["family", "plastic"])),
        (IdentifiedByIs(("card", "code")), None),
        (IdentifiedByIs(("code",)), Failure("identified_by", ["code"], "card")),
        (EventIs(("review",)), Failure("event", ["review"], None)),
        (Not(EventIs(("review",))), None),
    ],
)
def test_who_the_customer_is_and_what_was_shown(when: When, expected: Failure | None) -> None:
    assert failure(when, customer=REGULAR, visit=SHOWN) == expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (SegmentIs(("regulars",)), Failure("segment", ["regulars"], None)),
        (TagIs(("vip",)), Failure("tag", ["vip"], None)),
        (PartnerIs(("bakery",)), Failure("partner", ["bakery"], None)),
        (CardTypeIs(("plastic",)), Failure("card_type", ["plastic"], None)),
        (IdentifiedByIs(("card",)), Failure("identified_by", ["card"], None)),
    ],
)
def test_what_is_not_there_fails_for_a_customer_too(when: When, expected: Failure) -> None:
    plain = Visit(NOON, Channel.POS, "S1")

    assert failure(when, customer=CustomerFacts("new"), visit=plain) == expected
    assert failure(Not(when), customer=CustomerFacts("new"), visit=plain) is None


def test_an_event_is_tested_by_its_type() -> None:
    assert failure(EventIs(("signup", "review")), visit=EVENT) is None
    assert failure(EventIs(("signup",)), visit=EVENT) == Failure("event", ["signup"], "review")
    assert failure(EventIs(("signup",)), visit=EVENT, customer=None) == Failure("event", ["signup"], "review")


def test_very_many_segments_of_a_customer_are_shortened() -> None:
    everybody = CustomerFacts("c", segments=frozenset(f"s{number:02}" for number in range(30)))
    failed = failure(SegmentIs(("none",)), customer=everybody)

    assert failed is not None
    assert failed.have == [*(f"s{number:02}" for number in range(20)), "…"]


@pytest.mark.parametrize(
    ("when", "passing"),
    [
        (PurchaseNumber(None, None, 3), {3, 6, 9}),
        (PurchaseNumber(4, None, 3), {6, 9}),
        (PurchaseNumber(2, 4, None), {2, 3, 4}),
        (PurchaseNumber(None, 1, None), {1}),
        (PurchaseNumber(None, None, 1), set(range(1, 11))),
    ],
)
def test_this_purchase_counts(when: When, passing: set[int]) -> None:
    numbers = {n for n in range(1, 11) if failure(when, customer=CustomerFacts("c", purchases=n - 1)) is None}

    assert numbers == passing


def test_a_failed_purchase_number_says_which_it_is() -> None:
    assert failure(PurchaseNumber(1, None, 3)) == Failure("purchase_number", {"min": 1, "every": 3}, 5)
