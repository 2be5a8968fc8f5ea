"""The balances a purchase would leave behind, worked out without its lots: what a quote shows."""

from datetime import datetime, timedelta

from app.domain.decision import Decision
from app.domain.ledger.arrivals import arrivals_of
from app.domain.ledger.balances import WalletBalance
from app.domain.ledger.books import Book
from app.domain.ledger.conversion import conversions_of
from app.domain.ledger.terms import LotTerms, dates_of, terms_of, wallet_terms
from app.domain.program import Program

# Local days may be shorter than 24 hours; by how much in all is what two offsets of one zone may differ by: 26 hours.
CLOCK_CHANGES_DAYS = 2


def balances_after(
    book: Book, program: Program, decision: Decision, *, now: datetime, at: datetime
) -> dict[str, WalletBalance]:
    """The same sums as `plan_purchase` makes.

    Nearly always all that arrives can be spent at once and lasts for days: then its date, the dearest part of it all,
    needn't be worked out.
    """
    spent, accrued = decision.redeemed_units, decision.accrued
    if any(wallet.convert for wallet in program.wallets.values()) or not _all_can_be_spent(
        decision, program, now=now, at=at
    ):
        return balances_step_by_step(book, program, decision, now=now, at=at)
    balances = {}
    for wallet in dict.fromkeys((*program.wallets, *accrued, *book.purses)):
        purse = book.purse(wallet)
        available = purse.available - spent.get(wallet, 0) + accrued.get(wallet, 0)
        balances[wallet] = WalletBalance(available, purse.pending, purse.held)
    return balances


def _all_can_be_spent(decision: Decision, program: Program, *, now: datetime, at: datetime) -> bool:
    """Whether all that it gives is active now, and certainly not over."""
    givers = {(part.rule, part.wallet) for line in decision.lines for part in line.parts if part.wallet is not None}
    for rule, wallet in givers:
        activate, expire, _ = terms_of(program, rule, wallet)
        if activate or (expire is not None and at + timedelta(days=expire - CLOCK_CHANGES_DAYS) <= now):
            return False
    return True


def balances_step_by_step(
    book: Book, program: Program, decision: Decision, *, now: datetime, at: datetime
) -> dict[str, WalletBalance]:
    """In the order of `plan_purchase`, whatever the terms: spent, arrived, converted."""
    before = book.balances((*program.wallets, *decision.accrued))
    available = {wallet: balance.available for wallet, balance in before.items()}
    pending = {wallet: balance.pending for wallet, balance in before.items()}

    def arrive(wallet: str, terms: LotTerms, units: int) -> None:
        active_at, expires_at = dates_of(terms, now=now, at=at, zone=program.timezone)
        if expires_at is None or expires_at > now:
            side = pending if active_at > now else available
            side[wallet] += units
        elif active_at < expires_at:  # Expired on arrival, but for what covers a debt first.
            available[wallet] += min(units, max(0, -available[wallet]))

    for wallet, units in decision.redeemed_units.items():
        available[wallet] -= units
    for wallet, terms, by_rule in arrivals_of(decision, program):
        arrive(wallet, terms, sum(by_rule.values()))
    for conversion in conversions_of(program.wallets):
        if sets := conversion.sets(available[conversion.wallet]):
            available[conversion.wallet] -= sets * conversion.every
            arrive(conversion.into, wallet_terms(program.wallets[conversion.into]), sets * conversion.units)
    return {
        wallet: WalletBalance(available=available[wallet], pending=pending[wallet], held=balance.held)
        for wallet, balance in before.items()
    }
