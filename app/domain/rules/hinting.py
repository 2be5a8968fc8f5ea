"""Which rules may hint, and at what: made once a program; hints.py looks at baskets with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.domain.amounts import MILLI
from app.domain.program import (
    All,
    BasketHas,
    BasketTotal,
    GiveBundle,
    GiveSteps,
    Program,
    Rule,
    Step,
    Units,
    When,
)
from app.domain.rules.conditions import compile_when
from app.domain.rules.facts import Facts
from app.domain.rules.failures import Test
from app.domain.rules.giving import Written, written
from app.domain.rules.selection import LineTest, compile_lines

AMOUNT, QTY, UNITS = "amount", "qty", "units"  # What a hint tells to add; see `decision.Hint`.


@dataclass(slots=True)
class Lack:
    """So much of `what` is missing; `price` is what one unit costs about, None where nothing in the basket says."""

    what: str
    missing: int
    price: int | None

    def __init__(self, what: str, missing: int, price: int | None = None) -> None:
        self.what = what
        self.missing = missing
        self.price = price

    @property
    def distance(self) -> int | None:
        """What it would cost about, in minor units."""
        if self.what == AMOUNT:
            return self.missing
        if self.price is None:
            return None
        return self.missing * self.price // (MILLI if self.what == QTY else 1)


@dataclass(frozen=True, slots=True)
class Bound:
    """A lower bound that a basket may miss: what is missing (None: nothing, or more than one thing), and the tests that
    stand beside it.
    """

    lack: Callable[[Facts], Lack | None]
    rest: Test | None


@dataclass(frozen=True, slots=True)
class Hinter:
    """`bounds` of its conditions; `steps`, `units` and a bundle are the parts of the rule that can be incomplete, and
    `has_parts` says whether it has one.
    """

    gives: Written
    bounds: tuple[Bound, ...]
    steps: tuple[Step, ...]
    units: Units | None
    has_parts: bool


def hinter_of(rule: Rule, program: Program) -> Hinter | None:
    """What a rule may hint at; None where that is nothing.

    Raises:
        ValueError: the conditions name a tier that the program doesn't have.
    """
    if not rule.enabled or rule.cost:
        return None
    units = rule.on.units if rule.on is not None else None
    groups = units if units is not None and units.every > 1 else None
    steps = rule.give.steps if isinstance(rule.give, GiveSteps) and units is None else ()
    bounds = tuple(_bounds(rule.when, program)) if rule.when is not None else ()
    has_parts = bool(steps) or groups is not None or isinstance(rule.give, GiveBundle)
    if not bounds and not has_parts:
        return None
    return Hinter(written(rule.give), bounds, steps, groups, has_parts)


def _bounds(when: When, program: Program) -> Iterator[Bound]:
    """Those that have to hold: the condition itself, or members of `all`."""
    tests = list(_members(when))
    for place, test in enumerate(tests):
        lack = _lack_of(test)
        if lack is not None:
            rest = (*tests[:place], *tests[place + 1 :])
            yield Bound(lack, compile_when(All(rest), program) if rest else None)


def _members(when: When) -> Iterator[When]:
    if isinstance(when, All):
        for test in when.tests:
            yield from _members(test)
    else:
        yield when


def _lack_of(when: When) -> Callable[[Facts], Lack | None] | None:
    match when:
        case BasketTotal(min=int(low)):
            return lambda facts: Lack(AMOUNT, low - facts.gross_total) if facts.gross_total < low else None
        case BasketHas(on, qty_milli, amount) if qty_milli or amount:
            return _lines_lack(compile_lines(on), qty_milli_min=qty_milli or 0, amount_min=amount or 0)
    return None


def _lines_lack(is_selected: LineTest, *, qty_milli_min: int, amount_min: int) -> Callable[[Facts], Lack | None]:
    """What certain lines lack. Where they lack both an amount and a quantity, neither alone would help."""

    def lack(facts: Facts) -> Lack | None:
        qty_milli = amount = 0
        price = None
        for line, gross in zip(facts.basket.lines, facts.line_gross, strict=True):
            if is_selected(line):
                qty_milli, amount = qty_milli + line.qty_milli, amount + gross
                price = line.price if price is None else min(price, line.price)
        if amount < amount_min:
            return Lack(AMOUNT, amount_min - amount) if qty_milli >= qty_milli_min else None
        return Lack(QTY, qty_milli_min - qty_milli, price) if qty_milli < qty_milli_min else None

    return lack
