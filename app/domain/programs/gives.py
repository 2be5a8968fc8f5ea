"""`give`: exactly one form, of those that the rule's kind knows."""

from collections.abc import Mapping

from app.domain.amounts import AMOUNT_MAX
from app.domain.program import (
    Give,
    GiveAmount,
    GiveAmountEach,
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
from app.domain.programs.names import Names, note_falling
from app.domain.programs.reader import Cursor, Fields, Reader, Shape
from app.domain.programs.show import enumerate_names, quote
from app.domain.programs.values import amount, factor, identifier, integer, known, listed, mapped, percent

DISCOUNT_PERCENT_MAX = 100
ACCRUAL_PERCENT_MAX = 10_000  # A hundred units for each unit of money; more is a slip of the pen.
FACTOR_MAX = 1_000
STEPS_MAX = 100
CASHBACK_WALLET = "cashback"  # Contract: where cashback goes unless named.

_STEP = Shape("a step", ("min", "percent", "amount"))
_PER = Shape("per", ("amount", "units"))


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
    },
    Kind.BONUS: {
        "percent": mapped(percent(ACCRUAL_PERCENT_MAX), GivePercent),
        "per": _per,
        "units": mapped(amount, GiveUnits),
        "units_each": mapped(amount, GiveUnitsEach),
        "multiply": _multiply,
    },
    Kind.CASHBACK: {"percent": mapped(percent(ACCRUAL_PERCENT_MAX), GivePercent)},
}
_LATER = frozenset({"bundle", "gift", "coupon", "draw", "activate_after_days", "expire_after_days"})
_ALL = frozenset(form for forms in FORMS.values() for form in forms) | {"wallet"}


def _shape(kind: Kind) -> Shape:
    names = tuple(FORMS[kind]) + (() if kind is Kind.DISCOUNT else ("wallet",))
    return Shape(f"give of a {kind} rule", names, later=_LATER, elsewhere=_ALL - set(names))


_SHAPES = {kind: _shape(kind) for kind in Kind}


def read_give(kind: Kind, names: Names, at: Cursor) -> tuple[Give, str | None] | None:
    """What the rule gives, and for accruing kinds the wallet that it goes to; None where that can't be made out."""
    fields, forms = Fields(at, _SHAPES[kind]), FORMS[kind]
    named = [name for name in fields.names() if name in forms]
    if len(named) > 1 or not (named or fields.strangers):
        found = enumerate_names(named) or "none"
        at.note(
            "exactly_one", f"Expected exactly one of {enumerate_names(forms)} in {_SHAPES[kind].noun}, found {found}."
        )
    gives = [fields.need(name, forms[name]) for name in named]
    wallet = None if kind is Kind.DISCOUNT else _wallet(fields, kind, names)
    return (gives[0], wallet) if len(gives) == 1 else None


def _wallet(fields: Fields, kind: Kind, names: Names) -> str | None:
    """The wallet named, or the kind's own: the program's first for bonus, `cashback` for cashback."""
    if "wallet" in fields.names() or not names.wallets:
        return fields.get("wallet", known(identifier, names.wallets, "wallet"), None)
    if kind is Kind.BONUS:
        return names.wallets[0]
    if CASHBACK_WALLET not in names.wallets:
        fields.at.note(
            "unknown_reference",
            f"Expected a wallet {quote(CASHBACK_WALLET)} in this program or a wallet named here, found neither.",
        )
    return CASHBACK_WALLET
