"""The balances a purchase would leave behind, worked out without its lots: what a quote shows."""

from datetime import datetime

from app.domain.decision import Decision
from app.domain.ledger.arrivals import arrivals_of
from app.domain.ledger.balances import WalletBalance
from app.domain.ledger.books import Book
from app.domain.ledger.conversion import conversions_of
from app.domain.ledger.terms import LotTerms, dates_of, wallet_terms
from app.domain.program import Program


def balances_after(
    book: Book, program: Program, decision: Decision, *, now: datetime, at: datetime
) -> dict[str, WalletBalance]:
    """The same sums as `plan_purchase` makes, in the same order: spent, arrived, converted."""
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
