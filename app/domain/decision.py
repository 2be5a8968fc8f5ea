"""What the program says to a basket: the values that `evaluate` returns and everything later is made from.

Money in minor units, units as integers. Every total equals the sum of its lines; a decision that drifts can't be built.

Nobody changes a decision, but none of its values is a frozen dataclass: a decision makes dozens of them, and a frozen
one of nine fields takes 1.4 microseconds to make, one with slots alone 0.3, a named tuple 0.5. So are a decision's
inputs made, and what rules hand one another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.counters import Use
from app.domain.coupons import CouponVerdict
from app.domain.draws.records import DrawRecord


class CostBack(StrEnum):
    """When a return gives back what a reward has cost. Never by share: a reward has none."""

    WHOLE = "whole"  # With everything: the gift comes back too.
    UNUSED = "unused"  # Likewise, unless a code that the purchase gave out has been used meanwhile.
    NEVER = "never"  # A return leaves the reward, so it leaves the cost.


@dataclass(slots=True)
class Part:
    """What one rule gave on one line: `amount` for a discount, `units` of `wallet` for an accrual."""

    rule: str
    kind: str
    amount: int = 0
    wallet: str | None = None
    units: int = 0


@dataclass(slots=True)
class LineDecision:
    """`redeemed` is money, `redeemed_units` the units by wallet that paid it, and those that rules with a `cost` took;
    `paid = gross - discount - redeemed`. `kept` is the part of `accrued` that a return leaves with the customer,
    `cost_units` the part of `redeemed_units` that rewards have cost, by `CostBack` and wallet.
    """

    id: str
    gross: int
    discount: int
    redeemed: int
    redeemed_units: Mapping[str, int]
    accrued: Mapping[str, int]
    parts: tuple[Part, ...]
    kept: Mapping[str, int] = field(default_factory=dict)
    cost_units: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def paid(self) -> int:
        return self.gross - self.discount - self.redeemed


@dataclass(slots=True)
class Effect:
    """What one rule did to the basket; `wanted` and `given` in minor units for a discount, in units of `wallet` for an
    accrual, in pieces of `gift` or of codes of the pool `coupon` for a reward.

    `limited_by`: `min_price`, `best_line`, `receipt`, `customer`, `customer_uses`, `budget`, `uses`, `pool`, `pieces`,
    or `cap:` and the cap's id. `codes` are those given out; `cost` the units by wallet that the rule took.
    """

    rule: str
    kind: str
    wanted: int
    given: int
    wallet: str | None = None
    limited_by: str | None = None
    gift: str | None = None
    coupon: str | None = None
    codes: tuple[str, ...] = ()
    cost: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Hint:
    """What to add to reach more: so much of `what` (`amount` in minor units, `qty` in thousandths, `units` in pieces)
    of the rule's lines; `gives` is what it would give then, as the document writes it (`{"percent": "5"}`).
    """

    rule: str
    what: str
    missing: int
    gives: Mapping[str, object]


@dataclass(slots=True)
class RedeemTerms:
    """How much of a wallet may pay this basket, and every term of the formula (contract, "Redeemable").

    `terms` are all money: `max_share`, `lines_room`, `available`, `min_paid`, and `strength` where the customer's
    identification sets a limit, which `strength_units` (None for no limit) names in units. `max_money` is the smallest
    of them and `bound_by` its name, the first of equal ones; or `step` or `min_units` where that was the last cut of
    the units.
    """

    max_units: int
    max_money: int
    bound_by: str
    terms: Mapping[str, int]
    strength_units: int | None = None


class Outcome(StrEnum):
    APPLIED = "applied"
    SKIPPED = "skipped"
    OUTDONE = "outdone"  # Would have given something, but another rule of its lane won.


@dataclass(slots=True)
class Verdict:
    """Why a rule did or did not apply: the first test that failed, what it needed and what it had."""

    rule: str
    verdict: Outcome
    because: str | None = None
    need: object = None
    have: object = None


@dataclass(slots=True)
class Decision:
    """`redeemed_units` and `accrued` are by wallet. `effects` come in the order applied, `verdicts` in the document's
    order: those of the rules that the basket's lines, codes or event touch; all others were `skipped` by `on`.

    `uses` is what it takes from counters, `surprise` whether a random reward is possible; `draws` are made only where
    luck was handed in. `coupons` is parallel to the codes that were sent. The sums of the lines' money are made here,
    once: answers and promises ask for them several times.
    """

    lines: tuple[LineDecision, ...]
    effects: tuple[Effect, ...]
    verdicts: tuple[Verdict, ...]
    redeem_terms: Mapping[str, RedeemTerms]
    redeemed_units: Mapping[str, int] = field(default_factory=dict)
    accrued: Mapping[str, int] = field(default_factory=dict)
    uses: tuple[Use, ...] = ()
    draws: tuple[DrawRecord, ...] = ()
    coupons: tuple[CouponVerdict, ...] = ()
    hints: tuple[Hint, ...] = ()
    surprise: bool = False
    gross: int = field(init=False, repr=False, compare=False)
    discount: int = field(init=False, repr=False, compare=False)
    redeemed: int = field(init=False, repr=False, compare=False)
    paid: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        redeemed_units: dict[str, int] = {}
        accrued: dict[str, int] = {}
        gross = discount = redeemed = 0
        for line in self.lines:
            if line.discount < 0 or line.redeemed < 0 or line.gross < line.discount + line.redeemed:
                raise ValueError(f"a line costs more than its gross or less than nothing: {line}")
            gross += line.gross
            discount += line.discount
            redeemed += line.redeemed
            if line.redeemed_units:
                for wallet, units in line.redeemed_units.items():
                    redeemed_units[wallet] = redeemed_units.get(wallet, 0) + units
            for wallet, units in line.accrued.items():
                accrued[wallet] = accrued.get(wallet, 0) + units
            if line.kept and any(not 0 <= units <= line.accrued.get(wallet, 0) for wallet, units in line.kept.items()):
                raise ValueError(f"a line keeps more than it accrued: {line}")
        if redeemed_units != self.redeemed_units or accrued != self.accrued:
            raise ValueError(
                f"lines redeem {redeemed_units} and accrue {accrued}, in all {self.redeemed_units} and {self.accrued}"
            )
        self.gross, self.discount, self.redeemed = gross, discount, redeemed
        self.paid = gross - discount - redeemed
