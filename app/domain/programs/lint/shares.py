"""The worst case: the share of a basket that a customer can get out of the program, and the rules that make it.

Rules that can't hold together are kept apart by asking for each kind of sale (tier, channel, partner) by itself; beyond
that all rules are taken to hold at once, so the figure is a bound and not a forecast.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Final

from app.domain.amounts import MICRO
from app.domain.basket import Channel
from app.domain.program import ChannelIs, PartnerIs, Program, Rule, TierIs
from app.domain.programs.lint.bounds import ONE, is_a_price, is_never_counted
from app.domain.programs.lint.contradictions import contradiction
from app.domain.programs.lint.exposure import Exposure, exposure_of
from app.domain.programs.lint.figures import percentage
from app.domain.programs.lint.findings import Notes, place_of, tests_of
from app.domain.programs.lint.rivals import is_about_events
from app.domain.programs.lint.ways import Literal, Way, ways_of
from app.domain.programs.lint.worth import unit_worth

SALES_MAX: Final = 500  # Kinds of sale that are asked for; more of them, and some facts are left out.
NAMES_SHOWN_MAX: Final = 12  # A sentence with more is a table.
CHECKS_MAX: Final = 50_000  # ... times the ways of all rules: some seconds.


def check_share(program: Program, rules: Sequence[Rule], notes: Notes) -> None:
    """`rules` are those that can apply."""
    rules = [rule for rule in rules if not is_about_events(rule)]
    free = [rule for rule in rules if not rule.cost]
    worst = worst_exposure(program, free)
    sentences = [_sentence(worst)]
    if program.redemption.max_share and any(program.wallets[wallet].value for wallet in program.redemption.wallets):
        share = percentage(Fraction(program.redemption.max_share, MICRO))
        sentences.append(f"Beside that, units earned before pay for at most {share} of what discounts leave.")
    if costly := [rule for rule in rules if rule.cost]:
        sentences.append(f"What is given for units comes on top (rules {_names(costly)}).")
    if untold := [rule for rule in free if is_never_counted(rule)]:
        sentences.append(f"Gifts and codes without a cost are not counted (rules {_names(untold)}).")
    message = " ".join(sentences)
    worthless = sorted({rule.wallet for rule in free if rule.wallet and not unit_worth(program, rule.wallet)})
    if worthless:
        message += f" Units of {', '.join(worthless)} have no value and are not counted."
    # A price that the program sets may be any part of what the till would ask: that is known to whoever sets it.
    if worst.total >= ONE and worst_exposure(program, [rule for rule in free if not is_a_price(rule)]).total >= ONE:
        notes.warn("/rules", "worst_case_share", message)
    else:
        notes.inform("/rules", "worst_case_share", message)
    for rule in worst.unbounded:
        notes.inform(
            place_of(rule, "give"),
            "unbounded_share",
            f"What rule {rule.id} gives isn't bounded by the basket: it gives as much on the smallest one. With a "
            "basket_total from which it applies its share would have a bound.",
        )


def _sentence(worst: Exposure) -> str:
    parts = []
    if worst.discounted:
        parts.append(f"discounts {percentage(worst.discounted)} ({_names(worst.discounts)})")
    if worst.accrued:
        parts.append(f"units and prizes worth {percentage(worst.accrued)} ({_names(worst.accruals)})")
    made = f": {', '.join(parts)}" if parts else ""
    without = f", not counting {_names(worst.unbounded)}, which no basket bounds" if worst.unbounded else ""
    return f"At most {percentage(worst.total)} of a basket can be had from the program{made}{without}."


def _names(rules: Sequence[Rule]) -> str:
    named = [rule.id for rule in rules[:NAMES_SHOWN_MAX]]
    more = [f"{len(rules) - NAMES_SHOWN_MAX} more"] if len(rules) > NAMES_SHOWN_MAX else []
    return ", ".join(named + more)


def worst_exposure(program: Program, rules: Sequence[Rule]) -> Exposure:
    """The largest exposure over all kinds of sale, and every rule that is without bound in one of them."""
    ways = [(rule, ways_of(rule.when)) for rule in rules]
    checks = sum(len(each or ()) for _, each in ways)
    worst, unbounded = Exposure(), dict[str, Rule]()
    for sale in _sales(program, rules, checks=checks):
        held = [rule for rule, each in ways if each is None or _can_hold(each, sale)]
        found = exposure_of(program, held)
        unbounded |= {rule.id: rule for rule in found.unbounded}
        if found.total > worst.total:
            worst = found
    worst.unbounded = sorted(unbounded.values(), key=lambda rule: rule.order)
    return worst


def _can_hold(ways: Sequence[Way], sale: Way) -> bool:
    return any(contradiction((*way, *sale)) is None for way in ways)


def _sales(program: Program, rules: Sequence[Rule], *, checks: int) -> Iterator[Way]:
    """Kinds of sale, as what holds in them: each tier and none, each channel, each partner named and any other one."""
    tests = [placed.test for rule in rules for placed in tests_of(rule)]
    partners = sorted({partner for test in tests if isinstance(test, PartnerIs) for partner in test.partners})
    facts = [
        _each([TierIs((tier.id,)) for tier in program.tiers], TierIs(tuple(tier.id for tier in program.tiers))),
        _each([ChannelIs((channel,)) for channel in Channel], None),
        _each([PartnerIs((partner,)) for partner in partners], PartnerIs(tuple(partners))),
    ]
    while True:
        sales = 1
        for fact in facts:
            sales *= len(fact)
        if not facts or (sales <= SALES_MAX and sales * checks <= CHECKS_MAX):
            break
        facts.pop()
    for chosen in product(*facts):
        yield tuple(literal for literal in chosen if literal is not None)


def _each(
    positive: Sequence[TierIs] | Sequence[ChannelIs] | Sequence[PartnerIs], others: TierIs | PartnerIs | None
) -> list[Literal | None]:
    """Each value of a fact by itself, and none of them; a fact that nobody names has one value."""
    if not positive:
        return [None]
    return [*(Literal(test, True) for test in positive), *([] if others is None else [Literal(others, False)])]
