"""`give`: exactly one form, of those that the rule's kind knows; what accrues also has a wallet and its own terms."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from app.domain.amounts import AMOUNT_MAX
from app.domain.program import (
    Give,
    GiveAmount,
    GiveAmountEach,
    GiveBundle,
    GiveCoupon,
    GiveGift,
    GiveMultiply,
    GivePer,
    GivePercent,
    GivePrice,
    GiveSteps,
    GiveUnitPrice,
    GiveUnits,
    GiveUnitsEach,
    Kind,
    Step,
)
from app.domain.programs.draws import read_draw
from app.domain.programs.names import Names, note_falling
from app.domain.programs.reader import Cursor, Fields, Reader, Shape
from app.domain.programs.show import enumerate_names, quote
from app.domain.programs.values import (
    DAYS_MAX,
    amount,
    factor,
    identifier,
    integer,
    known,
    listed,
    mapped,
    or_null,
    percent,
    text,
)

DISCOUNT_PERCENT_MAX = 100
ACCRUAL_PERCENT_MAX = 10_000  # A hundred units for each unit of money; more is a slip of the pen.
FACTOR_MAX = 1_000
STEPS_MAX = 100
BUNDLE_MAX = 100  # Articles of one bundle.
CASHBACK_WALLET = "cashback"  # Contract: where cashback goes unless named.

_STEP = Shape("a step", ("min", "percent", "amount"))
_PER = Shape("per", ("amount", "units"))
_BUNDLE = Shape("a bundle", ("skus", "price"))


def _step(at: Cursor) -> Step:
    fields = Fields(at, _STEP)
    named = {"percent", "amount"}.intersection(fields.names())
    if len(named) != 1:
        at.note("exactly_one", f"Expected exactly one of percent, amount in a step, found {len(named)}.")
    return Step(
        min=fields.need("min", amount),
        rate=fields.get("percent", percent(DISCOUNT_PERCENT_MAX), None),
        amount=fields.get("amount", amount, None),
    )


def _steps(at: Cursor) -> GiveSteps:
    """Steps that begin higher and higher."""
    steps = listed(_step, at_most=STEPS_MAX)(at)
    note_falling(at, "min")
    return GiveSteps(steps)


def _per(at: Cursor) -> GivePer:
    fields = Fields(at, _PER)
    return GivePer(amount=fields.need("amount", integer(1, AMOUNT_MAX)), units=fields.need("units", amount))


def _bundle(at: Cursor) -> GiveBundle:
    """An article that is listed twice counts twice."""
    fields = Fields(at, _BUNDLE)
    return GiveBundle(skus=fields.need("skus", listed(text(), at_most=BUNDLE_MAX)), price=fields.need("price", amount))


_multiply = mapped(
    factor(f'a factor from 1 to {FACTOR_MAX} such as "2" or "1.5"', low=1, high=FACTOR_MAX), GiveMultiply
)

FORMS: Mapping[Kind, Mapping[str, Reader[Give]]] = {
    Kind.DISCOUNT: {
        "percent": mapped(percent(DISCOUNT_PERCENT_MAX), GivePercent),
        "amount": mapped(amount, GiveAmount),
        "amount_each": mapped(amount, GiveAmountEach),
        "unit_price": mapped(amount, GiveUnitPrice),
        "price": mapped(amount, GivePrice),
        "steps": _steps,
        "bundle": _bundle,
    },
    Kind.BONUS: {
        "percent": mapped(percent(ACCRUAL_PERCENT_MAX), GivePercent),
        "per": _per,
        "units": mapped(amount, GiveUnits),
        "units_each": mapped(amount, GiveUnitsEach),
        "multiply": _multiply,
    },
    Kind.CASHBACK: {"percent": mapped(percent(ACCRUAL_PERCENT_MAX), GivePercent)},
    Kind.REWARD: {"gift": mapped(text(), GiveGift), "coupon": mapped(text(), GiveCoupon)},
    Kind.RANDOM_REWARD: {"draw": read_draw},
}
ACCRUING = (Kind.BONUS, Kind.CASHBACK, Kind.RANDOM_REWARD)
_TERMS = ("wallet", "activate_after_days", "expire_after_days")
_ALL = frozenset(form for forms in FORMS.values() for form in forms) | set(_TERMS)


class Given(NamedTuple):
    """What `give` says. `wallet` is None where nothing accrues; for the rest see `Rule`."""

    give: Give
    wallet: str | None = None
    activate_after_days: int | None = None
    has_own_expiry: bool = False
    expire_after_days: int | None = None


def _shape(kind: Kind) -> Shape:
    names = tuple(FORMS[kind]) + (_TERMS if kind in ACCRUING else ())
    return Shape(f"give of a {kind} rule", names, elsewhere=_ALL - set(names))


_SHAPES = {kind: _shape(kind) for kind in Kind}


def read_give(kind: Kind, names: Names, at: Cursor) -> Given | None:
    """What the rule gives; None where that can't be made out."""
    fields, forms = Fields(at, _SHAPES[kind]), FORMS[kind]
    named = [name for name in fields.names() if name in forms]
    if len(named) > 1 or not (named or fields.strangers):
        found = enumerate_names(named) or "none"
        at.note(
            "exactly_one", f"Expected exactly one of {enumerate_names(forms)} in {_SHAPES[kind].noun}, found {found}."
        )
    gives = [fields.need(name, forms[name]) for name in named]
    if kind in ACCRUING:
        # A give that can't be made out doesn't hide what is wrong with its terms.
        accruing = partial(
            Given,
            wallet=_wallet(fields, kind, names),
            activate_after_days=fields.get("activate_after_days", or_null(integer(0, DAYS_MAX)), None),
            has_own_expiry="expire_after_days" in fields.names(),
            expire_after_days=fields.get("expire_after_days", or_null(integer(1, DAYS_MAX)), None),
        )
        return accruing(gives[0]) if len(gives) == 1 else None
    return Given(gives[0]) if len(gives) == 1 else None


def _wallet(fields: Fields, kind: Kind, names: Names) -> str | None:
    """The wallet named, or the kind's own: `cashback` for cashback, the program's first for the others."""
    if "wallet" in fields.names() or not names.wallets:
        return fields.get("wallet", known(identifier, names.wallets, "wallet"), None)
    if kind is not Kind.CASHBACK:
        return names.wallets[0]
    if CASHBACK_WALLET not in names.wallets:
        fields.at.note(
            "unknown_reference",
            f"Expected a wallet {quote(CASHBACK_WALLET)} in this program or a wallet named here, found neither.",
        )
    return CASHBACK_WALLET
