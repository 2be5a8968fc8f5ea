"""What the audit would read of a shop's book, as rows; tests forge them before it does."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

from app.domain.ledger.audit import (
    ActRow,
    Check,
    CounterRow,
    CountersAudit,
    CustomerAudit,
    CustomerRow,
    EntryRow,
    Finding,
    LotRow,
    PurchaseRow,
    Terms,
    TxRow,
    terms_of,
)
from app.domain.ledger.books import GENESIS
from app.domain.ledger.chain import next_hash
from app.domain.ledger.plans import Chained
from app.domain.ledger.postings import Posting
from app.domain.ledger.returns import PurchaseState
from tests.domain.ledger.shop import Shop

PROGRAM = 1
_SIDES = {"customer:available": "available", "customer:pending": "pending", "customer:held": "held"}


@dataclass(slots=True)
class Papers:
    """One customer's rows; the audit of untouched ones finds nothing."""

    customer: str
    row: CustomerRow
    lots: list[LotRow]
    txs: list[TxRow]
    terms: dict[int, Terms | None] = field(default_factory=dict)
    counters: list[CounterRow] = field(default_factory=list)

    def audit(self) -> list[Finding]:
        counters = CountersAudit(self.counters)
        audit = CustomerAudit(self.customer, self.row, lots=self.lots, terms=self.terms, counters=counters)
        for tx in self.txs:
            audit.post(tx)
        audit.close()
        return audit.take_findings() + counters.close()

    def checks(self) -> set[Check]:
        return {finding.check for finding in self.audit()}

    def forge_tx(self, place: int, **columns: Any) -> None:
        self.txs[place] = self.txs[place]._replace(**columns)

    def forge_entry(self, tx: int, place: int, **columns: Any) -> None:
        entries = list(self.txs[tx].entries)
        entries[place] = entries[place]._replace(**columns)
        self.forge_tx(tx, entries=entries)

    def forge_amounts(self, tx: int, units: int) -> None:
        """Both sides of a posting of two entries, so that they still sum to 0."""
        self.forge_entry(tx, 0, amount=-units)
        self.forge_entry(tx, 1, amount=units)

    def forge_lot(self, place: int, **columns: Any) -> None:
        self.lots[place] = self.lots[place]._replace(**columns)

    def forge_row(self, **columns: Any) -> None:
        self.row = self.row._replace(**columns)

    def forge_purse(self, **units: int) -> None:
        balances = orjson.loads(self.row.balances)
        balances["points"] |= units
        self.forge_row(balances=orjson.dumps(balances).decode())

    def forge_purchase(self, tx: int, **columns: Any) -> None:
        purchase = self.txs[tx].purchase
        assert purchase is not None
        self.forge_tx(tx, purchase=purchase._replace(**columns))

    def forge_line(self, tx: int, **members: Any) -> None:
        purchase = self.txs[tx].purchase
        assert purchase is not None
        lines = orjson.loads(purchase.lines)
        lines[0] |= members
        self.forge_purchase(tx, lines=orjson.dumps(lines).decode())

    def forge_answer(self, tx: int, **members: Any) -> None:
        purchase = self.txs[tx].purchase
        assert purchase is not None
        self.forge_purchase(tx, answer=orjson.dumps(orjson.loads(purchase.answer) | members))


def papers_of(shop: Shop, purchases: list[PurchaseState]) -> Papers:
    """The rows as a round would have written them, decided by program 1 in shop S1."""
    by_id = {purchase.tx_id: purchase for purchase in purchases}
    head, txs = GENESIS, []
    sides: dict[str, dict[str, int]] = {wallet: dict.fromkeys(_SIDES.values(), 0) for wallet in shop.book.purses}
    for chained in shop.postings:
        posting = _in_shop(chained)
        head = next_hash(head, posting)
        for entry in posting.entries:
            if entry.account in _SIDES:
                sides[entry.wallet][_SIDES[entry.account]] += entry.amount
        state = by_id.get(posting.tx_id)
        row = _tx_row(posting, head, None if state is None else _purchase_row(posting, state, sides))
        txs.append(row._replace(act=ActRow(shop.acts.get(posting.tx_id))) if posting.kind == "event" else row)
    book = shop.book
    ats = [tx.at for tx in txs if tx.purchase is not None and not tx.purchase.is_all_back]
    lots = [
        LotRow(str(lot.id), lot.wallet, str(lot.tx_id), lot.remaining, lot.active_at, lot.expires_at, lot.is_pending)
        for lot in (book.lots or {}).values()
    ]
    return Papers(
        customer=str(book.customer_id),
        row=CustomerRow(
            version=book.version,
            head=head,
            balances=orjson.dumps(book.purses).decode(),
            paid=book.progress.paid,
            purchases=book.progress.purchases,
            units=book.progress.units,
            last_purchase_at=max(ats, default=None),
            due_at=book.due_at,
            updated_at=book.updated_at or shop.now,
            memory=orjson.dumps(book.memory.to_document()).decode(),
            expire_after_days=shop.card_days,
        ),
        lots=lots,
        txs=txs,
        terms={PROGRAM: terms_of(shop.program)},
        counters=[CounterRow(name, *count) for name, count in shop.counts.items()],
    )


def _in_shop(chained: Chained) -> Posting:
    posting = chained.posting
    if posting.kind in ("activate", "expire"):  # What time has brought names nothing.
        return posting
    origin = replace(posting.origin, program=PROGRAM, shop="S1", terminal="T1", idempotency_key="k")
    return replace(posting, origin=origin)


def _tx_row(posting: Posting, hash_: bytes, purchase: PurchaseRow | None) -> TxRow:
    origin = posting.origin
    return TxRow(
        version=posting.version,
        tx_id=str(posting.tx_id),
        kind=posting.kind.value,
        idempotency_key=origin.idempotency_key,
        shop=origin.shop,
        terminal=origin.terminal,
        receipt=origin.receipt,
        parent_tx=str(posting.parent_tx) if posting.parent_tx else None,
        program=origin.program,
        at=posting.at,
        created_at=posting.created_at,
        hash=hash_,
        entries=[
            EntryRow(
                seq,
                entry.account.value,
                entry.wallet,
                entry.amount,
                str(entry.lot_id) if entry.lot_id else None,
                entry.rule,
            )
            for seq, entry in enumerate(posting.entries, start=1)
        ],
        purchase=purchase,
    )


def _purchase_row(posting: Posting, state: PurchaseState, sides: Mapping[str, Mapping[str, int]]) -> PurchaseRow:
    (line,) = state.lines
    answer = {
        "id": str(posting.tx_id),
        "tx_id": str(posting.tx_id),
        "version": posting.version,
        "customer": {"id": str(posting.customer_id)},
        "totals": {"paid": line.paid},
        "lines": [
            {"id": "1", "paid": line.paid, "accrued": line.accrued, "prices": [{"qty": line.qty_milli // 1000}]},
        ],
        "balances": sides,
    }
    at: datetime = posting.at
    return PurchaseRow(
        "S1",
        "T1",
        PROGRAM,
        at,
        orjson.dumps(state.lines).decode(),
        state.is_all_back,
        orjson.dumps(answer),
        orjson.dumps(state.uses).decode() if state.uses.counts else None,
        orjson.dumps(state.draws).decode() if state.draws else None,
        state.day,
    )
