"""The lots that a round reads: all open ones of a customer where anything may be looked at, else only the first.

What spends takes lots in spending order. So where the requests for a customer say how much they may take, and time has
brought nothing, the first lots that hold as much are enough: a customer who keeps everything costs what others cost.
Measured (`tests/storage/bench_keepers.py`; this process and PostgreSQL together): 250 to 290 µs a redemption whether
there are 10 open lots or 10,000, which took 89 ms when all were read. A request that takes more than it said finds out
(`LotsNotRead`), and is tried again with all lots.

A return puts units back into the lots that its purchase spent, and takes what that brought out of the lots that it
made, then out of the first: it needs no others.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.domain.identifiers import CustomerId
from app.domain.ledger.hold_states import Hold
from app.domain.ledger.lots import Lot
from app.domain.rules.compiled import CompiledProgram
from app.flows.ledger_port import Patron, RoundTx, StoredPurchase
from app.flows.round_holds import is_due


class Spending(Protocol):
    """A request as far as it is about lots: see `app.flows.asks.Ask`."""

    @property
    def owner(self) -> CustomerId | None: ...
    @property
    def needs_lots(self) -> bool: ...
    @property
    def takes(self) -> Callable[[CompiledProgram], Mapping[str, int]] | None: ...
    @property
    def purchase(self) -> UUID | None: ...
    @property
    def pinned(self) -> CompiledProgram | None: ...


async def load_lots(
    tx: RoundTx,
    asks: Collection[Spending],
    patrons: Mapping[UUID, Patron],
    *,
    holds: Callable[[CustomerId], Iterable[Hold]],
    purchases: Mapping[UUID, StoredPurchase],
    newest: CompiledProgram | None,
    converts: bool,
    now: datetime,
) -> None:
    """Into the patrons' books, as far as something needs them.

    Args:
        holds: a customer's open ones.
        purchases: those that are returned from; all lots that they made or spent are read.
        newest: the program in force, None where none is published.
        converts: whether what a posting leaves may fill a set of a wallet, whoever's it is.
    """
    needing = [(ask, ask.owner) for ask in asks if ask.owner is not None and (converts or ask.needs_lots)]
    whole = {owner for ask, owner in needing if converts or ask.takes is None}
    whole |= {CustomerId(key) for key, patron in patrons.items() if is_due(patron, now)}
    whole |= _whose_returns_need_all(needing, patrons)
    if whole:
        lots = await tx.read_lots(sorted(whole), purchases=sorted(purchases))
        for owner in whole:
            patrons[owner].book.load_lots(lots.get(owner, ()), holds(owner))
    spending = [(ask, owner) for ask, owner in needing if owner not in whole]
    most = _most_taken(spending, purchases, newest)
    wanted = _wanted(most, patrons)
    first = await tx.read_first_lots(wanted) if wanted else {}
    named = await _of_returns(tx, spending, purchases)
    for owner in {owner for _, owner in spending}:
        some = (*first.get(owner, ()), *named.get(owner, ()))
        all_of = [wallet for whose, wallet in most if whose == owner and _covers(most, patrons, (owner, wallet))]
        patrons[owner].book.load_first_lots(some, whole=all_of)


def _whose_returns_need_all(
    needing: Collection[tuple[Spending, CustomerId]], patrons: Mapping[UUID, Patron]
) -> set[CustomerId]:
    """A return brings lots beyond the first ones, so that whoever takes more than it said wouldn't find out: it shares
    them with nobody. And where the books don't add up, what is available says nothing of the lots.
    """
    returning = {owner for ask, owner in needing if ask.purchase is not None}
    sharing = Counter(owner for _, owner in needing)
    return {owner for owner in returning if sharing[owner] > 1 or patrons[owner].is_frozen}


def _most_taken(
    spending: Collection[tuple[Spending, CustomerId]],
    purchases: Mapping[UUID, StoredPurchase],
    newest: CompiledProgram | None,
) -> Mapping[tuple[CustomerId, str], int]:
    """Units by customer and wallet that may be taken out of lots."""
    most: Counter[tuple[CustomerId, str]] = Counter()
    for ask, owner in spending:
        program = ask.pinned or newest
        if ask.takes is not None and program is not None:
            most.update({(owner, wallet): units for wallet, units in ask.takes(program).items()})
        if ask.purchase is not None:
            for line in purchases[ask.purchase].state.lines:
                most.update({(owner, wallet): line.takeable(wallet) for wallet in line.accrued})
    return most


def _wanted(
    most: Mapping[tuple[CustomerId, str], int], patrons: Mapping[UUID, Patron]
) -> Mapping[tuple[UUID, str], int]:
    """Of lots which are there already: no more than is available."""
    wanted: dict[tuple[UUID, str], int] = {}
    for (whose, wallet), units in most.items():
        if (covered := min(units, _available(patrons, whose, wallet))) > 0:
            wanted[whose, wallet] = covered
    return wanted


def _covers(
    most: Mapping[tuple[CustomerId, str], int], patrons: Mapping[UUID, Patron], which: tuple[CustomerId, str]
) -> bool:
    """Whether all that is available may be taken, so that all active lots are read."""
    return most[which] >= _available(patrons, *which)


def _available(patrons: Mapping[UUID, Patron], whose: CustomerId, wallet: str) -> int:
    purse = patrons[whose].book.purses.get(wallet)
    return purse.available if purse is not None else 0


async def _of_returns(
    tx: RoundTx, spending: Collection[tuple[Spending, CustomerId]], purchases: Mapping[UUID, StoredPurchase]
) -> Mapping[UUID, Iterable[Lot]]:
    """The lots that purchases made or spent. One that was held spent by its hold, and made by its capture."""
    returned = [(purchases[ask.purchase].state, owner) for ask, owner in spending if ask.purchase is not None]
    if not returned:
        return {}
    postings = {posting for state, _ in returned for posting in (state.tx_id, state.posted_by) if posting is not None}
    return await tx.read_lots_of(sorted(postings), customers=sorted({owner for _, owner in returned}))
