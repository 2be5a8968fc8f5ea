"""Value that feeds itself: points earned on what points paid, conversions that gain, returns that leave something."""

from collections.abc import Sequence
from fractions import Fraction

from app.domain.amounts import MICRO
from app.domain.program import Base, Debt, GiveMultiply, GivePer, GivePercent, Kind, OnReturn, Program, Rule
from app.domain.programs.lint.figures import decimal, percentage
from app.domain.programs.lint.findings import Notes, place_of, token
from app.domain.programs.lint.worth import unit_worth


def check_loops(program: Program, rules: Sequence[Rule], notes: Notes) -> None:
    """`rules` are those that can apply."""
    _check_feeding(program, rules, notes)
    _check_conversions(program, notes)
    for rule in rules:
        if rule.kind is Kind.RANDOM_REWARD and rule.on_return is OnReturn.KEEP:
            message = f"Prizes of rule {rule.id} stay with the customer when the purchase comes back."
            notes.inform(place_of(rule, "on_return"), "kept_on_return", message)


def _check_feeding(program: Program, rules: Sequence[Rule], notes: Notes) -> None:
    """Points accrue on what was paid with points, unless the base is what was paid in money."""
    if program.accrual_base is Base.PAID:
        return
    paying = [wallet for wallet in program.redemption.wallets if program.wallets[wallet].value]
    if not paying or not program.redemption.max_share:
        return
    feeding = [rule for rule in rules if _rate(program, rule, paying)]
    if not feeding:
        return
    rate = sum((_rate(program, rule, paying) for rule in feeding), Fraction(0))
    names = ", ".join(rule.id for rule in feeding)
    message = (
        f"Redemption feeds accrual: the base {program.accrual_base} counts what is paid with {', '.join(paying)} too, "
        f"so every 100 of it bring back up to {decimal(rate * 100)} (rules {names})."
    )
    if rate >= 1:
        notes.error("/accrual/base", "redemption_feeds_accrual", f"{message} Points grow by being spent.")
    else:
        notes.warn("/accrual/base", "redemption_feeds_accrual", message)


def _rate(program: Program, rule: Rule, paying: Sequence[str]) -> Fraction:
    """How much spendable value a rule gives for each unit of money that its lines cost."""
    if rule.wallet is None or not _leads_to(program, rule.wallet, paying):
        return Fraction(0)
    worth = unit_worth(program, rule.wallet)
    match rule.give:
        case GivePercent(rate):
            return Fraction(rate, MICRO * max(program.wallets[rule.wallet].value, 1)) * worth
        case GivePer(amount, units):
            return Fraction(units, amount) * worth
        case GiveMultiply(factor):
            earlier = max(
                (_rate(program, other, paying) for other in program.rules if _is_base(other, rule)), default=0
            )
            return Fraction(max(factor - MICRO, 0), MICRO) * earlier
    return Fraction(0)


def _is_base(other: Rule, rule: Rule) -> bool:
    return other.enabled and other.wallet == rule.wallet and isinstance(other.give, GivePercent | GivePer)


def _leads_to(program: Program, wallet: str, paying: Sequence[str]) -> bool:
    """Whether units of a wallet pay for baskets, themselves or as what they become."""
    convert = program.wallets[wallet].convert
    return wallet in paying or (convert is not None and _leads_to(program, convert.into, paying))


def _check_conversions(program: Program, notes: Notes) -> None:
    for wallet in program.wallets.values():
        if wallet.convert is None:
            continue
        place = f"/wallets/{token(wallet.id)}/convert"
        into = program.wallets[wallet.convert.into]
        before, after = wallet.convert.every * wallet.value, wallet.convert.units * unit_worth(program, into.id)
        if wallet.value and after != before:
            change = percentage(Fraction(after) * Fraction(1, before))
            notes.warn(
                place,
                "conversion_changes_value",
                f"{wallet.convert.every} {wallet.id} are worth {before} minor units and become {wallet.convert.units} "
                f"{into.id}, worth {decimal(Fraction(after))}: {change} of it.",
            )
        if wallet.debt is Debt.CLAMP:
            notes.warn(
                place,
                "conversion_survives_return",
                f"{wallet.id} can't go below 0, and full sets of {wallet.convert.every} move on to {into.id}: whoever "
                "buys for a full set and brings the goods back keeps what it became. With debt allow they don't.",
            )
