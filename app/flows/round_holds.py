"""The holds of a round: those that its requests name, and those that time has ended.

A hold ends at its instant. Whoever touches its customer posts that end, and so does any round that finds somebody's
hold over: what a dead hold had set aside of budgets, stocks and coupons is free for everybody, with every job dead.
Each is ended exactly once: a customer's under the customer's lock, nobody's under its own, and written only while it is
still open.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from app.domain.identifiers import NOBODY
from app.domain.ledger.freed import Freed
from app.domain.ledger.hold_states import Hold
from app.domain.ledger.holds import end_nobodys
from app.domain.ledger.moments import Moment
from app.flows.asks import Ask
from app.flows.ledger_port import Changes, Patron, RoundTx, Shared, StoredHold
from app.flows.shared_use import Wanted, apply, use_of_end

# Others' holds that one round ends: some 100 customers with a few lots each are 25 ms, which a till may wait for once.
DUE_MAX = 100
# Open holds of all those together, some 0.1 ms each: as many as one customer may have is always done.
OTHERS_HOLDS_MAX = 2_000


class RoundHolds:
    """Locked and read once, after the customers; `by_id` has the named ones, resolved ones too, and those that end."""

    def __init__(self) -> None:
        self.by_id: Mapping[UUID, StoredHold] = {}

    async def read(
        self, tx: RoundTx, asks: Iterable[Ask], patrons: Mapping[UUID, Patron], *, now: datetime, nobodys_due: bool
    ) -> None:
        """No statement where no hold is named and none is over."""
        named = {ask.hold: ask.owner for ask in asks if ask.hold is not None}
        owners = set(named.values())
        with_holds = sorted(
            key for key, patron in patrons.items() if patron.book.open_holds and (key in owners or is_due(patron, now))
        )
        if not (named or with_holds or nobodys_due):
            return
        nobodys = DUE_MAX if nobodys_due else 0
        self.by_id = await tx.lock_holds(sorted(named), customers=with_holds, nobodys=nobodys, now=now)

    def of(self, customer_id: UUID) -> list[Hold]:
        """The customer's open holds."""
        return [
            each.state for each in self.by_id.values() if each.state.customer_id == customer_id and each.state.is_open
        ]

    def add_to(self, wanted: Wanted, asks: Iterable[Ask], patrons: Mapping[UUID, Patron], *, now: datetime) -> None:
        """What their ends may give back to the program's shared state."""
        named = {ask.hold for ask in asks}
        for hold_id, stored in self.by_id.items():
            hold = stored.state
            patron = patrons.get(hold.customer_id)
            if hold.goods is not None and hold.is_open and (hold_id in named or _has_ended(hold, patron, now)):
                wanted.add_stored(hold.goods.uses)

    def end_nobodys(self, moment: Moment, shared: Shared, changes: Changes) -> None:
        """Post the ends of those that are over and have no customer who would be brought up to date."""
        for stored in self.by_id.values():
            hold = stored.state
            if hold.customer_id == NOBODY and hold.has_ended(moment.now):
                chained, freed = end_nobodys(hold, moment)
                changes.postings.append(chained)
                note_end(hold, freed, shared, changes, now=moment.now)


def note_end(hold: Hold, freed: Freed, shared: Shared, changes: Changes, *, now: datetime) -> None:
    """A hold that time has ended: what others get back by it, and its row."""
    if hold.goods is not None:
        apply(use_of_end(freed, hold.goods.uses, shared, now=now), shared, changes.shared)
    changes.resolved.append(hold)


def note_ends(patron: Patron, shared: Shared, changes: Changes, *, now: datetime) -> None:
    """Those of a customer who has just been brought up to date."""
    for ended in patron.book.ended:
        note_end(ended.hold, ended.freed, shared, changes, now=now)
    patron.book.ended = []


def may_see(ask: Ask, hold: StoredHold) -> bool:
    """A till learns nothing of another shop's."""
    shops = ask.write.caller.shops
    return not shops or hold.state.shop in shops


def too_many(patrons: Mapping[UUID, Patron], others: Iterable[UUID]) -> list[UUID]:
    """Of these others those whom a later round has to bring up to date: one must not outlast its transaction."""
    left_out, holds = [], 0
    for customer_id in sorted(others):
        mine = patrons[customer_id].book.open_holds
        if holds and holds + mine > OTHERS_HOLDS_MAX:
            left_out.append(customer_id)
        else:
            holds += mine
    return left_out


def is_due(patron: Patron, now: datetime) -> bool:
    """By the clock that the customer's books go by."""
    return patron.book.is_due(patron.book.now_by(now))


def _has_ended(hold: Hold, patron: Patron | None, now: datetime) -> bool:
    return hold.has_ended(now if patron is None else patron.book.now_by(now))
