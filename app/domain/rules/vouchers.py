"""Coupon codes at a sale: which of those sent can be used, and afterwards what became of each.

1. `Vouchers.of`, before the rules: the codes sent, in order, become usable ones and refused ones. A code has the bounds
   of its stored row, by the database's clock; one that only a rule names is public and has none.
2. The test `coupon` of a rule (leaves.py) looks for a usable code that it names, by the code or by its pool.
3. `judge`, after the rules: a code is applied if a rule that gave something used it. A rule uses the first usable code,
   as they were sent, of each of its coupon tests that has to hold; of tests of which one is enough (`any`) one.

Decided here: a code sent twice is used once, the second is `duplicate`; a code for which a rule would have served that
another code of the basket served already is `other_code`. A pool whose codes the program itself gives out is no public
code, whatever rule names it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from app.domain.counters import Back, Scope, Use, coupon_uses, used
from app.domain.coupons import CouponVerdict, CouponWord, normal_code
from app.domain.decision import Outcome, Verdict
from app.domain.program import All, AnyOf, CouponIs, GiveCoupon, GiveDraw, Not, Program, When
from app.domain.rules.standing import Standing

DUPLICATE = "duplicate"  # The code was sent before.
OTHER_CODE = "other_code"  # Its rule has used another code.
WITHHELD = "lookup_budget_exhausted"  # It was not looked at: too many of this terminal's were no codes.

# --- what the rules name ----------------------------------------------------------------------------------------------


def coupon_groups_of(when: When | None) -> tuple[frozenset[str], ...]:
    """The names (codes and pools, normalised) of the coupon tests that let a rule apply: of each group one has to be
    there, as far as coupons go. Tests that have to fail name none.
    """
    return () if when is None else tuple(_groups(when, holds=True))


def public_names_of(program: Program) -> frozenset[str]:
    """The names of all coupon tests of a program, those that have to fail too; without the pools that it gives out."""
    named = {name for rule in program.rules if rule.when is not None for name in _names(rule.when)}
    return frozenset(named.difference(*(_pools(rule.give) for rule in program.rules)))


def _groups(when: When, *, holds: bool) -> list[frozenset[str]]:
    match when:
        case CouponIs(codes):
            return [_normal(codes)] if holds else []
        case Not(test):
            return _groups(test, holds=not holds)
        case All(tests) | AnyOf(tests):
            groups = [group for test in tests for group in _groups(test, holds=holds)]
            # Each of `all` has to hold, and each of `any` has to fail; of the others one is enough.
            is_each = isinstance(when, All) == holds
            return groups if is_each or not groups else [frozenset[str]().union(*groups)]
        case _:
            return []


def _names(when: When) -> Iterable[str]:
    match when:
        case CouponIs(codes):
            return _normal(codes)
        case Not(test):
            return _names(test)
        case All(tests) | AnyOf(tests):
            return [name for test in tests for name in _names(test)]
        case _:
            return ()


def _pools(give: object) -> frozenset[str]:
    match give:
        case GiveCoupon(pool):
            return _normal((pool,))
        case GiveDraw(prizes=prizes):
            return _normal(prize.coupon for prize in prizes if prize.coupon is not None)
        case _:
            return frozenset()


def _normal(names: Iterable[str]) -> frozenset[str]:
    return frozenset(normal_code(name) for name in names)


# --- what was sent ----------------------------------------------------------------------------------------------------


class Refused(NamedTuple):
    """A code that can't be used now; `pool` normalised. `because` is the word's own unless there is more to say."""

    word: CouponWord
    pool: str | None
    because: str | None = None


@dataclass(frozen=True, slots=True)
class Vouchers:
    """The codes of one basket. `sent` are as they were sent, `codes` the same normalised.

    `usable` is by code, in the order sent: the code's pool, normalised. `counted` are the usable codes whose uses by
    the customer are bounded. `names` are all codes and their pools, usable or not: what a rule may name to be touched.
    """

    sent: Sequence[str] = ()
    codes: Sequence[str] = ()
    usable: Mapping[str, str | None] = field(default_factory=dict)
    refused: Mapping[str, Refused] = field(default_factory=dict)
    counted: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, sent: Sequence[str], *, standing: Standing, customer: str | None, public: frozenset[str]) -> "Vouchers":
        """`customer` is an id; `public` the names of `public_names_of`."""
        codes = [normal_code(code) for code in sent]
        usable: dict[str, str | None] = {}
        refused: dict[str, Refused] = {}
        counted: list[str] = []
        for code in dict.fromkeys(codes):
            if standing.withholds_codes and code not in public:
                refused[code] = Refused(CouponWord.UNKNOWN, None, WITHHELD)
                continue
            coupon = standing.coupons.get(code)
            if coupon is None:
                if code in public:
                    usable[code] = None
                else:
                    refused[code] = Refused(CouponWord.UNKNOWN, None)
                continue
            pool = None if coupon.pool is None else normal_code(coupon.pool)
            uses = used(standing.customer, coupon_uses(code), "")
            word = coupon.refusal(now=standing.now, customer=customer, used_by_customer=uses)
            if word is not None:
                refused[code] = Refused(word, pool)
                continue
            usable[code] = pool
            if coupon.per_customer is not None and (coupon.uses_max is None or coupon.uses_max > coupon.per_customer):
                counted.append(code)  # Else its own count says it already, and the customer's row stays small.
        pools = [*usable.values(), *(each.pool for each in refused.values())]
        return cls(
            sent=sent,
            codes=codes,
            usable=usable,
            refused=refused,
            counted=frozenset(counted),
            names=frozenset(codes).union(pool for pool in pools if pool is not None),
        )

    def first(self, names: frozenset[str]) -> str | None:
        """The first usable code that is named, by itself or by its pool."""
        for code, pool in self.usable.items():
            if code in names or pool in names:
                return code
        return None

    def refusals(self, names: frozenset[str]) -> dict[str, str]:
        """The refused codes that are named, and why they were."""
        return {code: each.word.value for code, each in self.refused.items() if code in names or each.pool in names}


NO_VOUCHERS = Vouchers()


def unknown_codes(sent: Sequence[str], *, standing: Standing, public: frozenset[str]) -> int:
    """How many codes nobody made: neither stored nor named by a rule. A blocked one is seen as one of those."""
    codes = {normal_code(code) for code in sent}
    stored = standing.coupons
    return sum(stored[code].is_blocked if code in stored else code not in public for code in codes)


# --- what became of it ------------------------------------------------------------------------------------------------


class Taker(NamedTuple):
    """A rule that needs coupons: its groups (`coupon_groups_of`) and what was said of it; None: it wasn't touched."""

    rule: str
    groups: Sequence[frozenset[str]]
    verdict: Verdict | None


def judge(vouchers: Vouchers, takers: Iterable[Taker]) -> tuple[tuple[CouponVerdict, ...], tuple[Use, ...]]:
    """A verdict for each code sent, in that order, and what it takes from the customer's counters of codes.

    Uses of stored codes themselves are counted by whoever writes them, from the verdicts `applied`.
    """
    if not vouchers.sent:
        return (), ()
    takers = list(takers)
    rules: dict[str, str] = {}  # By code, the first rule that used it.
    for taker in takers:
        if taker.verdict is not None and taker.verdict.verdict is Outcome.APPLIED:
            for group in taker.groups:
                if (code := vouchers.first(group)) is not None:
                    rules.setdefault(code, taker.rule)
    verdicts: list[CouponVerdict] = []
    judged: set[str] = set()
    for sent, code in zip(vouchers.sent, vouchers.codes, strict=True):
        if (refused := vouchers.refused.get(code)) is not None:
            verdicts.append(CouponVerdict(sent, refused.word, None, refused.because or refused.word.value))
        elif code in judged:
            verdicts.append(CouponVerdict(sent, CouponWord.NOT_APPLICABLE, None, DUPLICATE))
        elif (rule := rules.get(code)) is not None:
            verdicts.append(CouponVerdict(sent, CouponWord.APPLIED, rule, CouponWord.APPLIED.value))
        else:
            because = _idle(code, vouchers.usable[code], takers)
            verdicts.append(CouponVerdict(sent, CouponWord.NOT_APPLICABLE, None, because))
        judged.add(code)
    uses = [Use(Scope.CUSTOMER, coupon_uses(code), "", 1, Back.WHOLE) for code in rules if code in vouchers.counted]
    return tuple(verdicts), tuple(uses)


def _idle(code: str, pool: str | None, takers: Iterable[Taker]) -> str:
    """Why no rule used a usable code: what kept back the first rule that names it."""
    for _, groups, verdict in takers:
        if any(code in group or pool in group for group in groups):
            if verdict is None:
                return "on"
            if verdict.verdict is Outcome.APPLIED:
                return OTHER_CODE
            return verdict.because or CouponWord.NOT_APPLICABLE.value
    return CouponWord.NOT_APPLICABLE.value
