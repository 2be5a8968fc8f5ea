"""The lots that a round reads: all open ones of a customer where anything may be looked at, else only the first.

What spends takes lots in spending order. So where the requests for a customer say how much they may take, and time has
brought nothing, the first lots that hold as much are enough: a customer who keeps everything costs what others cost.
Measured (`tests/storage/bench_keepers.py`; this process and PostgreSQL together): 250 to 290 µs a redemption whether
there are 10 open lots or 10,000, which took 89 ms when all were read. A request that takes more than it said finds out
(`LotsNotRead`), and is tried again with all lots.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from app.domain.identifiers import CustomerId
from app.domain.rules.compiled import CompiledProgram
from app.flows.asks import Ask
from app.flows.ledger_port import Patron, RoundTx
from app.flows.round_holds import RoundHolds, is_due


async def load_lots(
    tx: RoundTx,
    asks: Collection[Ask],
    patrons: Mapping[UUID, Patron],
    *,
    holds: RoundHolds,
    purchases: Sequence[UUID],
    newest: CompiledProgram | None,
    converts: bool,
    now: datetime,
) -> None:
    """Into the patrons' books, as far as something needs them.

    Args:
        purchases: those that are returned from; all lots that they made or spent are read too.
        newest: the program in force, None where none is published.
        converts: whether what a posting leaves may fill a set of a wallet, whoever's it is.
    """
    needing = [(ask, ask.owner) for ask in asks if ask.owner is not None and (converts or ask.needs_lots)]
    whole = {owner for ask, owner in needing if converts or ask.takes is None}
    whole |= {CustomerId(key) for key, patron in patrons.items() if is_due(patron, now)}
    if whole:
        lots = await tx.read_lots(sorted(whole), purchases=purchases)
        for owner in whole:
            patrons[owner].book.load_lots(lots.get(owner, ()), holds.of(owner))
    spending = [(ask, owner) for ask, owner in needing if owner not in whole]
    wanted = _wanted(spending, patrons, newest)
    first = await tx.read_first_lots(wanted) if wanted else {}
    for owner in {owner for _, owner in spending}:
        patrons[owner].book.load_first_lots(first.get(owner, ()))


def _wanted(
    spending: Collection[tuple[Ask, CustomerId]], patrons: Mapping[UUID, Patron], newest: CompiledProgram | None
) -> Mapping[tuple[UUID, str], int]:
    """Units by customer and wallet that may be taken out of lots which are there already: no more than is available."""
    most: dict[tuple[UUID, str], int] = {}
    for ask, owner in spending:
        program = ask.pinned or newest
        if ask.takes is not None and program is not None:
            for wallet, units in ask.takes(program).items():
                most[owner, wallet] = most.get((owner, wallet), 0) + units
    wanted: dict[tuple[UUID, str], int] = {}
    for (whose, wallet), units in most.items():
        purse = patrons[whose].book.purses.get(wallet)
        if purse is not None and (covered := min(units, purse.available)) > 0:
            wanted[whose, wallet] = covered
    return wanted
