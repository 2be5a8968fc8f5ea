"""Whose purchases and holds the requests of a round name: their customers are locked with the others. And what each may
do, as they stand.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.domain.identifiers import NOBODY, CustomerId
from app.domain.rejections import Rejected
from app.flows import refusals
from app.flows.asks import Ask
from app.flows.ledger_port import Known, Patron, RoundTx, StoredHold


@dataclass(slots=True)
class Found:
    """`asks` go on, with their owners; `waiting` are for another round."""

    asks: list[Ask] = field(default_factory=list)
    waiting: list[Ask] = field(default_factory=list)
    refusals: list[tuple[Ask, Rejected]] = field(default_factory=list)


async def find_owners(tx: RoundTx, asks: Iterable[Ask]) -> Found:
    """Nobody's have none. No statement where nothing is named."""
    asks = list(asks)
    purchases = {ask.purchase for ask in asks if ask.purchase is not None}
    holds = {ask.hold for ask in asks if ask.hold is not None}
    if not (purchases or holds):
        return Found(asks)
    found = Found()
    sellers = await tx.purchase_owners(sorted(purchases)) if purchases else {}
    holders = await tx.hold_owners(sorted(holds)) if holds else {}
    returning: set[CustomerId] = set()
    for ask in asks:
        if ask.purchase is None and ask.hold is None:
            found.asks.append(ask)
            continue
        owner = sellers.get(ask.purchase) if ask.purchase is not None else None
        if ask.hold is not None:
            owner = holders.get(ask.hold)
        if owner is None:
            found.refusals.append((ask, refusals.no_hold() if ask.hold is not None else refusals.no_purchase()))
        elif ask.purchase is not None and owner in returning:
            # What a whole return does to the customer's last purchase is read once a round.
            found.waiting.append(ask)
        else:
            if owner != NOBODY:
                ask.owner = owner
                if ask.purchase is not None:
                    returning.add(owner)
            found.asks.append(ask)
    return found


async def owners_of(tx: RoundTx, asks: Iterable[Ask], known: Known) -> set[CustomerId]:
    """Of requests that were answered before."""
    asks = list(asks)
    owners = {owner for ask in asks if isinstance(ask.customer, bytes) and (owner := known.owners.get(ask.customer))}
    owners |= {
        CustomerId(ask.customer) for ask in asks if ask.customer is not None and not isinstance(ask.customer, bytes)
    }
    receipts = [ask.purchase_receipt for ask in asks if ask.purchase_receipt is not None]
    purchases = {ask.purchase for ask in asks if ask.purchase is not None}
    purchases |= {known.claims[receipt].answer_id for receipt in receipts if receipt in known.claims}
    if purchases:
        owners |= set((await tx.purchase_owners(sorted(purchases))).values())
    if holds := {ask.hold for ask in asks if ask.hold is not None}:
        owners |= set((await tx.hold_owners(sorted(holds))).values())
    return owners


def check_standing(ask: Ask, patron: Patron, hold: StoredHold | None) -> None:
    """Who is blocked may only get back; whose books don't add up may do all that takes no units. Who was erased may
    bring goods back too: nobody can unblock them for that.

    Raises:
        Rejected: `customer_blocked`.
    """
    if patron.is_blocked and not (ask.frees or (patron.is_erased and ask.is_return)):
        raise refusals.blocked()
    if patron.is_frozen and ask.spends and (hold is None or hold.state.units):
        raise refusals.frozen()
