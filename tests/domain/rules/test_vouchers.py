"""Coupon codes: which can be used, what a test of them says, and what becomes of each."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.basket import Basket, Channel, Visit
from app.domain.counters import Back, Count, Scope, Use, coupon_uses
from app.domain.coupons import Coupon, CouponVerdict, CouponWord
from app.domain.customer import CustomerFacts
from app.domain.decision import Outcome, Verdict
from app.domain.program import Algorithm, All, AnyOf, CouponIs, GiveCoupon, GiveDraw, Not, Prize, ShopIs, When
from app.domain.rules.conditions import Failure
from app.domain.rules.standing import Standing
from app.domain.rules.vouchers import (
    NO_VOUCHERS,
    Taker,
    Vouchers,
    coupon_groups_of,
    judge,
    public_names_of,
)
from tests.domain.rules.visits import ANNA, LINES, failure, program, rule

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
EARLIER, LATER = NOW - timedelta(microseconds=1), NOW + timedelta(microseconds=1)


def standing(*coupons: Coupon, used: int = 0) -> Standing:
    """These stored codes; the customer has used each so often."""
    counts = {coupon_uses(coupon.code): Count("", used) for coupon in coupons}
    return Standing(now=NOW, customer=counts, coupons={coupon.code: coupon for coupon in coupons})


def sent(*codes: str, stored: Standing | None = None, customer: str | None = "anna", public: str = "") -> Vouchers:
    names = frozenset(public.split())
    return Vouchers.of(codes, standing=stored or standing(), customer=customer, public=names)


# --- at the start -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coupon", "customer", "used", "word"),
    [
        (Coupon("A"), "anna", 0, None),
        (Coupon("A"), None, 0, None),
        (Coupon("A", is_blocked=True), "anna", 0, CouponWord.UNKNOWN),
        (Coupon("A", customer="anna"), "anna", 0, None),
        (Coupon("A", customer="anna"), "boris", 0, CouponWord.WRONG_CUSTOMER),
        (Coupon("A", customer="anna"), None, 0, CouponWord.WRONG_CUSTOMER),
        (Coupon("A", start=NOW), "anna", 0, None),
        (Coupon("A", start=LATER), "anna", 0, CouponWord.NOT_STARTED),
        (Coupon("A", end=LATER), "anna", 0, None),
        (Coupon("A", end=NOW), "anna", 0, CouponWord.EXPIRED),
        (Coupon("A", uses=1), "anna", 0, CouponWord.USED_UP),
        (Coupon("A", uses=4, uses_max=5), "anna", 0, None),
        (Coupon("A", uses=10**6, uses_max=None), "anna", 0, None),
        (Coupon("A", uses_max=None, per_customer=2), "anna", 1, None),
        (Coupon("A", uses_max=None, per_customer=2), "anna", 2, CouponWord.USED_UP),
        (Coupon("A", uses_max=None, per_customer=2), None, 0, CouponWord.WRONG_CUSTOMER),
        (Coupon("A", uses_max=None), "anna", 7, None),
        (Coupon("A", customer="anna", start=LATER, uses=1), "boris", 0, CouponWord.WRONG_CUSTOMER),
    ],
)
def test_a_stored_code_keeps_its_bounds(
    coupon: Coupon, customer: str | None, used: int, word: CouponWord | None
) -> None:
    vouchers = sent("a", stored=standing(coupon, used=used), customer=customer)

    assert ("A" in vouchers.usable) == (word is None)
    assert {code: refused.word for code, refused in vouchers.refused.items()} == ({} if word is None else {"A": word})


def test_a_code_that_only_a_rule_names_is_public() -> None:
    vouchers = sent(" spring ", "OTHER", public="SPRING")

    assert dict(vouchers.usable) == {"SPRING": None}
    assert vouchers.refused["OTHER"].word is CouponWord.UNKNOWN


def test_a_stored_code_is_not_public_though_a_rule_names_it() -> None:
    vouchers = sent("SPRING", stored=standing(Coupon("SPRING", is_blocked=True)), public="SPRING")

    assert not vouchers.usable


def test_the_first_usable_code_is_the_first_sent() -> None:
    stored = standing(Coupon("A", pool="pool-1"), Coupon("B", pool="pool-1"), Coupon("C", uses=1))
    vouchers = sent("c", "b", "a", "b", stored=stored)

    assert list(vouchers.usable) == ["B", "A"]
    assert vouchers.first(frozenset({"POOL-1"})) == "B"
    assert vouchers.first(frozenset({"A", "POOL-2"})) == "A"
    assert vouchers.first(frozenset({"C", "POOL-2"})) is None
    assert vouchers.names == {"A", "B", "C", "POOL-1"}


# --- what rules name --------------------------------------------------------------------------------------------------

A, B, C = CouponIs(("A",)), CouponIs(("B", "B2")), CouponIs(("C",))
HERE = ShopIs(("S1",))


@pytest.mark.parametrize(
    ("when", "groups"),
    [
        (None, []),
        (HERE, []),
        (A, ["A"]),
        (Not(A), []),
        (Not(Not(A)), ["A"]),
        (All((HERE, A, B)), ["A", "B B2"]),
        (AnyOf((HERE, A, B)), ["A B B2"]),
        (All((AnyOf((A, C)), B)), ["A C", "B B2"]),
        (AnyOf((All((A, B)), C)), ["A B B2 C"]),
        (Not(AnyOf((Not(A), HERE, Not(B)))), ["A", "B B2"]),
        (Not(All((Not(A), Not(B)))), ["A B B2"]),
    ],
)
def test_groups_of_which_one_has_to_be_there(when: When | None, groups: list[str]) -> None:
    assert list(coupon_groups_of(when)) == [frozenset(group.split()) for group in groups]


def test_every_name_of_a_test_is_public_but_the_pools_that_the_program_gives_out() -> None:
    when = All((A, Not(B), CouponIs(("pool-1", "POOL-2", "spring"))))
    draw = GiveDraw(Algorithm.INDEPENDENT, (Prize("p1", 1, coupon="pool-2"), Prize("p2", 1, units=5)))
    rules = (rule(when), rule(None, name="r2", give=GiveCoupon("pool-1")), rule(None, name="r3", give=draw))

    assert public_names_of(program(rules=rules)) == {"A", "B", "B2", "SPRING"}


# --- the test of a rule -----------------------------------------------------------------------------------------------

STORED = standing(Coupon("P1", pool="pool-1"), Coupon("P2", pool="pool-1", end=NOW), Coupon("OWN", customer="boris"))


@pytest.mark.parametrize(
    ("codes", "names", "expected"),
    [
        ((), ("SPRING",), Failure("coupon", ["SPRING"], None)),
        (("spring",), ("SPRING",), None),
        (("Spring ",), ("spring",), None),
        (("SUMMER",), ("SPRING",), Failure("coupon", ["SPRING"], ["SUMMER"])),
        (("p1",), ("pool-1",), None),
        (("p1",), ("POOL-1",), None),
        (("P2",), ("pool-1",), Failure("coupon", ["pool-1"], {"P2": "expired"})),
        (("P2", "P1"), ("pool-1",), None),
        (
            ("x", "p2", "own"),
            ("P2", "OWN"),
            Failure("coupon", ["P2", "OWN"], {"P2": "expired", "OWN": "wrong_customer"}),
        ),
        (("own",), ("SPRING",), Failure("coupon", ["SPRING"], ["OWN"])),
    ],
)
def test_a_coupon_is_tested_by_code_or_pool(
    codes: tuple[str, ...], names: tuple[str, ...], expected: Failure | None
) -> None:
    assert failure(CouponIs(names), basket=Basket(LINES, coupons=codes), standing=STORED) == expected


def test_a_coupon_needs_no_customer_of_its_own_accord() -> None:
    basket = Basket(LINES, coupons=("SPRING", "p1"))

    assert failure(CouponIs(("SPRING",)), customer=None, basket=basket, standing=STORED) is None
    assert failure(CouponIs(("pool-1",)), customer=None, basket=basket, standing=STORED) is None


def test_a_coupon_goes_by_the_clock_of_the_database() -> None:
    """The deal is a day old; the code has ended since."""
    basket = Basket(LINES, coupons=("p2",))
    visit = Visit(NOW - timedelta(days=1), Channel.POS, "S1")
    failed = failure(CouponIs(("pool-1",)), basket=basket, visit=visit, standing=STORED)

    assert failed == Failure("coupon", ["pool-1"], {"P2": "expired"})


def test_the_customer_of_a_personal_code_is_the_one_of_the_purchase() -> None:
    basket = Basket(LINES, coupons=("own",))

    assert failure(CouponIs(("OWN",)), customer=CustomerFacts("boris"), basket=basket, standing=STORED) is None
    assert failure(CouponIs(("OWN",)), customer=ANNA, basket=basket, standing=STORED) is not None


# --- afterwards -------------------------------------------------------------------------------------------------------


def taker(name: str, when: When, verdict: Outcome | None = Outcome.APPLIED, because: str | None = None) -> Taker:
    said = None if verdict is None else Verdict(name, verdict, because)
    return Taker(name, coupon_groups_of(when), said)


def words(vouchers: Vouchers, *takers: Taker) -> list[tuple[Any, ...]]:
    return [(each.code, each.word.value, each.rule, each.because) for each in judge(vouchers, takers)[0]]


def test_a_code_is_applied_by_the_first_rule_that_gave_something() -> None:
    vouchers = sent("a", public="A")
    skipped = taker("r1", A, Outcome.SKIPPED, "tier")

    assert words(vouchers, skipped, taker("r2", A), taker("r3", A)) == [("a", "applied", "r2", "applied")]


def test_verdicts_are_parallel_to_what_was_sent() -> None:
    vouchers = sent("x", "A", " a", "c", stored=standing(Coupon("C", end=NOW)), public="A")

    assert words(vouchers, taker("r1", A)) == [
        ("x", "unknown", None, "unknown"),
        ("A", "applied", "r1", "applied"),
        (" a", "not_applicable", None, "duplicate"),
        ("c", "expired", None, "expired"),
    ]


@pytest.mark.parametrize(
    ("takers", "because"),
    [
        ([], "not_applicable"),
        ([taker("r1", B)], "not_applicable"),
        ([taker("r1", A, None)], "on"),
        ([taker("r1", A, Outcome.SKIPPED, "basket_total")], "basket_total"),
        ([taker("r1", A, Outcome.OUTDONE, "best")], "best"),
        ([taker("r1", A, Outcome.SKIPPED, "on"), taker("r2", A, Outcome.SKIPPED, "tier")], "on"),
        ([taker("r1", Not(A))], "not_applicable"),
    ],
)
def test_a_code_that_no_rule_took_says_what_kept_the_rule_back(takers: list[Taker], because: str) -> None:
    assert words(sent("A", public="A B"), *takers) == [("A", "not_applicable", None, because)]


def test_a_rule_uses_one_code_of_its_pool_and_one_for_each_test() -> None:
    stored = standing(Coupon("P1", pool="A"), Coupon("P2", pool="A"))
    vouchers = sent("p2", "b2", "p1", stored=stored, public="B2")

    assert words(vouchers, taker("r1", All((A, B)))) == [
        ("p2", "applied", "r1", "applied"),
        ("b2", "applied", "r1", "applied"),
        ("p1", "not_applicable", None, "other_code"),
    ]
    assert [word for _, word, *_ in words(vouchers, taker("r1", AnyOf((B, A))))] == [
        "applied",
        "not_applicable",
        "not_applicable",
    ]


def test_uses_of_a_customer_are_counted_where_they_are_bounded() -> None:
    stored = standing(Coupon("A", per_customer=2, uses_max=None), Coupon("B"), Coupon("C", per_customer=1))
    vouchers = sent("a", "b", "c", stored=stored)
    _, uses = judge(vouchers, [taker("r1", A), taker("r2", B), taker("r3", C, Outcome.SKIPPED, "tier")])

    assert uses == (Use(Scope.CUSTOMER, "coupon/A", "", 1, Back.WHOLE),)


def test_one_code_for_two_rules_is_one_use() -> None:
    vouchers = sent("a", stored=standing(Coupon("A", per_customer=2, uses_max=None)))
    verdicts, uses = judge(vouchers, [taker("r1", A), taker("r2", A)])

    assert verdicts == (CouponVerdict("a", CouponWord.APPLIED, "r1", "applied"),)
    assert len(uses) == 1


def test_without_codes_there_are_no_verdicts() -> None:
    assert judge(NO_VOUCHERS, [taker("r1", A)]) == ((), ())
