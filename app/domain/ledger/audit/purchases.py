"""Purchases: the lines that returns go by, against what was posted and what the till was told.

Lines carry what entries can't: quantities, money, and which line brought what. A return posts both directions against
`program:returned`, and nets them: what is put into lots that were there before was given back, and the net tells what
was taken (into a lot of its own goes only what it converts).

What a purchase took of counters, what it drew and what it counts for in a window of tiers is handed on to memories.py
and counters.py, which sum it up.
"""

from collections.abc import Mapping
from datetime import datetime

from app.domain.counters import Scope
from app.domain.ledger.audit.answers import check_answer
from app.domain.ledger.audit.counters import CountersAudit
from app.domain.ledger.audit.entries import SIDES, EntriesAudit
from app.domain.ledger.audit.findings import Check, Notes
from app.domain.ledger.audit.holds import luck_of, uses_of
from app.domain.ledger.audit.lines import LineRow, Units, check_line, costs_back, read_lines, total
from app.domain.ledger.audit.memories import MemoryAudit
from app.domain.ledger.audit.rows import EntryRow, HoldRow, PurchaseRow, TxRow
from app.domain.ledger.audit.terms import Terms
from app.domain.ledger.audit.uses import UseRow, check_uses, read_uses
from app.domain.ledger.chart import Account, TxKind
from app.domain.ledger.hold_states import HoldKind, HoldState


class Back:
    """Units of one purchase that came back: what the lines say, what the returns posted. `owed` are the wallets in
    which it spent, without connection, more than there was.
    """

    __slots__ = ("given_posted", "given_said", "owed", "taken_posted", "taken_said")

    def __init__(self) -> None:
        self.owed: set[str] = set()
        self.taken_said: Units = {}
        self.given_said: Units = {}
        self.taken_posted: Units = {}
        self.given_posted: Units = {}


class PurchasesAudit:
    """Follows one customer's purchases; the counters are what the customer's row should say.

    Only purchases whose units came back are kept, so nobody's, which have none, take no memory.
    """

    def __init__(
        self,
        notes: Notes,
        terms: Mapping[int, Terms | None],
        *,
        entries: EntriesAudit,
        memory: MemoryAudit,
        counters: CountersAudit,
    ) -> None:
        self._notes = notes
        self._terms = terms
        self._entries = entries
        self._memory = memory
        self._counters = counters
        self._backs: dict[str, Back] = {}
        self.paid = 0
        self.purchases = 0
        self.units = 0
        self.last_at: datetime | None = None

    def post(self, tx: TxRow) -> None:
        """To be called when the posting's entries have been followed."""
        if tx.kind == TxKind.PURCHASE or (tx.kind == TxKind.CAPTURE and _is_basket(tx.hold)):
            if tx.purchase is None:
                self._notes.add(Check.PURCHASE_MISSING, _id_of(tx), expected="a purchase of this id", found="none")
            else:
                self._post_purchase(tx, tx.purchase)
        elif tx.kind == TxKind.HOLD and tx.hold is not None:
            self._post_hold(tx.tx_id, tx.hold)
        elif tx.kind == TxKind.RETURN and tx.parent_tx is not None and tx.entries:
            self._post_return(tx, tx.parent_tx)
        elif tx.act is not None and tx.act.uses is not None:
            self._take(read_uses(tx.act.uses), tx.tx_id)

    def close(self) -> None:
        for tx_id, back in self._backs.items():
            self._compare(Check.PURCHASE_TAKEN_BACK, tx_id, posted=back.taken_posted, said=back.taken_said)
            self._compare(Check.PURCHASE_GIVEN_BACK, tx_id, posted=back.given_posted, said=back.given_said)

    def _post_purchase(self, tx: TxRow, purchase: PurchaseRow) -> None:
        notes, tx_id = self._notes, _id_of(tx)
        # What was captured is as it was when it was set aside, whoever captured it.
        made = tx if tx.hold is None else tx.hold
        posted, stored = (made.shop, made.terminal, made.program, made.at), purchase[:4]
        if posted != stored:
            notes.add(Check.PURCHASE_FACTS, tx_id, expected=_shown(*posted), found=_shown(*stored))
        lines = read_lines(purchase.lines)
        if lines is None:
            notes.add(Check.PURCHASE_LINES, tx_id, expected="lines", found="something else")
            return
        accrued = total([line.accrued for line in lines])
        redeemed = total([line.redeemed_units for line in lines])
        self._compare(Check.PURCHASE_ACCRUED, tx_id, posted=_posted(tx, Account.ISSUED, sign=-1), said=accrued)
        self._compare(Check.PURCHASE_REDEEMED, tx_id, posted=_posted(tx, Account.REDEEMED, sign=1), said=redeemed)
        check_answer(tx, purchase.answer, lines=lines, purses=self._entries.purses, notes=notes)
        terms = self._terms.get(purchase.program)
        paid, units = self.paid, self.units
        self.paid += sum([line.paid for line in lines])
        if terms is not None:
            self.units += accrued.get(terms.default_wallet, 0)
        touched = [line for line in lines if line.is_touched()]
        is_all_back = len(touched) == len(lines) and all(line.returned_milli == line.qty_milli for line in lines)
        if touched:
            self._count_back(tx_id, touched, terms, is_all_back=is_all_back)
            self._note_owed(tx, tx_id)
        if is_all_back is not purchase.is_all_back:
            notes.add(Check.PURCHASE_ALL_BACK, tx_id, expected=is_all_back, found=purchase.is_all_back)
        if not is_all_back:
            self.purchases += 1
            counted_at = tx.at if tx.kind == TxKind.CAPTURE else purchase.at  # One that was held counts when captured.
            if self.last_at is None or counted_at > self.last_at:
                self.last_at = counted_at
        if purchase.uses is not None:
            uses = read_uses(purchase.uses)
            luck = set() if tx.hold is None else {(use.scope, use.name) for use in luck_of(tx.hold)}
            self._take(uses and [use for use in uses if (use.scope, use.name) not in luck], tx_id)
            check_uses(uses or (), lines, is_all_back=is_all_back, tx_id=tx_id, notes=notes)
        if notes.customer is None:
            return
        if purchase.draws is not None:
            self._memory.draw(tx_id, purchase.draws, is_all_back=is_all_back)
        if purchase.day is not None and terms is not None:
            self._memory.measure(
                terms.window,
                purchase.day,
                paid=self.paid - paid,
                purchases=int(not is_all_back),
                units=self.units - units,
            )

    def _post_hold(self, hold_id: str, hold: HoldRow) -> None:
        """What it takes of counters and draws; a captured one's purchase says that, but for luck's own counters."""
        if hold.state == HoldState.CAPTURED:
            self._take(luck_of(hold), hold_id)
            return
        self._take(uses_of(hold), hold_id)
        if hold.draws is not None and self._notes.customer is not None:
            self._memory.draw(hold_id, hold.draws, is_all_back=hold.state != HoldState.HELD)

    def _take(self, uses: list[UseRow] | None, tx_id: str) -> None:
        if uses is None:
            self._notes.add(Check.PURCHASE_USES, tx_id, expected="uses of counters", found="something else")
            return
        for use in uses:
            if use.scope == Scope.PROGRAM:
                self._counters.add(use)
            elif self._notes.customer is not None:
                self._memory.use(use)

    def _count_back(self, tx_id: str, touched: list[LineRow], terms: Terms | None, *, is_all_back: bool) -> None:
        """Lines of which something came back."""
        costs = costs_back(touched, is_all_back=is_all_back)
        for line in touched:
            check_line(line, tx_id, self._notes, terms, costs_back=costs)
        self.paid -= sum([line.refunded for line in touched])
        taken = total([line.taken_back for line in touched])
        given = total([line.given_back for line in touched])
        if terms is not None:  # By share: what a wallet without debt could not give back doesn't count either.
            self.units -= sum([line.share(line.accrued.get(terms.default_wallet, 0)) for line in touched])
        if taken or given:
            back = self._back(tx_id)
            back.taken_said, back.given_said = taken, given

    def _note_owed(self, tx: TxRow, tx_id: str) -> None:
        owed = {entry.wallet for entry in tx.entries if entry.account in SIDES and _is_owed(entry)}
        if owed:
            self._back(tx_id).owed = owed

    def _post_return(self, tx: TxRow, parent: str) -> None:
        back = self._back(parent)
        taken, given = back.taken_posted, back.given_posted
        for place, (_, account, wallet, amount, _, _) in enumerate(tx.entries):
            if account == Account.RETURNED:
                taken[wallet] = taken.get(wallet, 0) + amount
            elif amount > 0 and account in SIDES and self._gives_back(tx, place, back):
                given[wallet] = given.get(wallet, 0) + amount
                taken[wallet] = taken.get(wallet, 0) + amount

    def _gives_back(self, tx: TxRow, place: int, back: Back) -> bool:
        """Whether an entry above 0 gives back what the purchase spent: into a lot that was there before; or, of what it
        owed, by lessening the debt or into a lot of its own.
        """
        _, _, wallet, amount, lot_id, _ = tx.entries[place]
        if lot_id is not None and not self._is_own(lot_id, tx):
            return True
        if wallet not in back.owed:
            return False
        if lot_id is not None:
            return not any(entry.account == Account.CONVERTED for entry in tx.entries)
        before = tx.entries[place - 1] if place else None  # A lot that covers a debt is debited right before.
        return before is None or before.lot_id is None or (before.wallet, before.amount) != (wallet, -amount)

    def _is_own(self, lot_id: str, tx: TxRow) -> bool:
        lot = self._entries.lots.get(lot_id)
        return lot is not None and lot.made_by is not None and lot.made_by.tx_id == tx.tx_id

    def _back(self, tx_id: str) -> Back:
        return self._backs.setdefault(tx_id, Back())

    def _compare(self, check: Check, tx_id: str, *, posted: Units, said: Units) -> None:
        for wallet in posted.keys() | said.keys():
            expected, found = posted.get(wallet, 0), said.get(wallet, 0)
            if expected != found:
                self._notes.add(check, tx_id, expected=f"{wallet}: {expected}", found=found)


def _is_basket(hold: HoldRow | None) -> bool:
    return hold is not None and hold.kind == HoldKind.PURCHASE


def _is_owed(entry: EntryRow) -> bool:
    return entry.lot_id is None and entry.amount < 0


def _id_of(tx: TxRow) -> str:
    """The purchase's: a captured one has its hold's."""
    return tx.parent_tx or tx.tx_id if tx.kind == TxKind.CAPTURE else tx.tx_id


def _posted(tx: TxRow, account: Account, *, sign: int) -> Units:
    units: Units = {}
    for entry in tx.entries:
        if entry.account == account:
            units[entry.wallet] = units.get(entry.wallet, 0) + sign * entry.amount
    return units


def _shown(shop: str | None, terminal: str | None, program: int | None, at: datetime) -> str:
    return f"{shop}, {terminal}, program {program}, {at}"
