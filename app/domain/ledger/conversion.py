"""Full sets of one wallet's units become units of another, in the posting that filled them (`convert` of a wallet).

`n = available // every` sets are taken out of the wallet's lots in spending order, and `n * units` arrive in a new lot
of the other wallet by that wallet's own terms; both go against `program:converted`. What is owed is no set, and what
arrives covers a debt first, like any credit. A wallet comes after all wallets that feed it, so one posting follows the
whole chain.
"""

from collections.abc import Mapping
from typing import NamedTuple

from app.domain.amounts import AMOUNT_MAX
from app.domain.identifiers import TxId
from app.domain.ledger.arrivals import credit_new_lot
from app.domain.ledger.chart import Account
from app.domain.ledger.moments import Moment
from app.domain.ledger.moves import Moves
from app.domain.ledger.terms import wallet_terms
from app.domain.program import Convert, Program, Wallet


class Conversion(NamedTuple):
    wallet: str
    every: int
    into: str
    units: int

    @property
    def sets_max(self) -> int:
        """No posting brings more than it may move; the rest converts with the next."""
        return AMOUNT_MAX // self.units

    def sets(self, available: int) -> int:
        """How many full sets a posting converts."""
        return min(max(0, available) // self.every, self.sets_max)


def conversions_of(wallets: Mapping[str, Wallet]) -> list[Conversion]:
    """In the order in which a posting makes them: as the document has the wallets, each after those that feed it."""
    left: list[tuple[str, Convert]] = [(key, wallet.convert) for key, wallet in wallets.items() if wallet.convert]
    ordered: list[Conversion] = []
    while left:
        fed = {convert.into for _, convert in left}
        ready = [(key, convert) for key, convert in left if key not in fed]
        if not ready:
            raise ValueError(f"wallets convert in a circle: {[key for key, _ in left]}")
        ordered += [Conversion(key, convert.every, convert.into, convert.units) for key, convert in ready]
        left = [(key, convert) for key, convert in left if key in fed]
    return ordered


def convert(moves: Moves, program: Program, moment: Moment, *, tx_id: TxId) -> None:
    """Turn every full set that the moves so far have left. Needs the lots where there is one.

    Raises:
        RuntimeError: the lots were not loaded, or hold less than is available.
    """
    book = moves.book
    for conversion in conversions_of(program.wallets):
        wallet, every, into, units = conversion
        sets = conversion.sets(book.purse(wallet).available)
        if not sets:
            continue
        taken = moves.spend(wallet, sets * every, against=Account.CONVERTED)
        if taken != sets * every:
            raise RuntimeError(f"the lots of customer {book.customer_id} hold {taken} of {sets * every} {wallet}")
        credit_new_lot(
            moves,
            program,
            moment,
            tx_id=tx_id,
            wallet=into,
            terms=wallet_terms(program.wallets[into]),
            by_rule={None: sets * units},
            against=Account.CONVERTED,
        )
