"""A redemption that has happened already, at a till without connection: what isn't there any more becomes a debt.

The units were handed over, so the posting can't refuse them. Lots are spent as ever; only while none is left may a debt
stand, so what exceeds an allowance and not the balance is spent like the rest. What becomes available next covers the
debt first, the same receipt's own accruals too.

A return gives back first what was owed: it lessens the debt, and what of it is covered by now becomes a lot of the
wallet's terms, since no lot had it.
"""

from collections.abc import Mapping

from app.domain.identifiers import TxId
from app.domain.ledger.arrivals import credit_new_lot
from app.domain.ledger.books import Book
from app.domain.ledger.chart import Account
from app.domain.ledger.moments import Moment
from app.domain.ledger.moves import Moves
from app.domain.ledger.terms import wallet_terms
from app.domain.program import Program


def shortfall(book: Book, redeemed: Mapping[str, int]) -> dict[str, int]:
    """Units by wallet that the customer's active lots don't hold; to be asked before anything is spent."""
    missing = {wallet: units - max(0, book.purse(wallet).available) for wallet, units in redeemed.items()}
    return {wallet: units for wallet, units in missing.items() if units > 0}


def spend_or_owe(moves: Moves, wallet: str, units: int) -> None:
    """Take units out of active lots in spending order, and the rest as a debt, also in a wallet that allows none by
    returns.
    """
    taken = moves.spend(wallet, units, against=Account.REDEEMED)
    if taken < units:
        moves.owe(wallet, units - taken, against=Account.REDEEMED)


def give_back_owed(moves: Moves, program: Program, moment: Moment, *, tx_id: TxId, wallet: str, units: int) -> None:
    """By a return (`tx_id`); nothing where `units` is not above 0. To be called before lots of the wallet are moved."""
    if units <= 0:
        return
    rest = units - moves.forgive(wallet, units, against=Account.RETURNED)
    if rest:
        terms = wallet_terms(program.wallets[wallet])
        credit_new_lot(
            moves,
            program,
            moment,
            tx_id=tx_id,
            wallet=wallet,
            terms=terms,
            by_rule={None: rest},
            against=Account.RETURNED,
        )
