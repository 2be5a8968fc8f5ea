"""The write phase of a round: what changed, as arrays; what is appended, in the same statement.

The customers' update carries the revision each book was read at, so that a book nobody locked can't be written over a
newer one: whatever changes a customer's row, or what is told of it, raises its revision. Claims are inserted in the
order of their digests: two rounds that claim the same receipts wait for each other, never in a circle.

What it costs (`tests/storage/bench_rounds.py`; five lines, four entries, rounds of 32): PostgreSQL 93 µs a purchase,
this process 50, of which the driver's encoding is 18: 0.1 µs a number, 0.2 an id or text, 0.5 a time, 2 an answer.
Nothing is planned again. Looked at, and left as it is:

- a purchase is 5.9 KB of WAL and 4.8 KB of rows and indexes: its answer, basket and verdicts 3,028 (pglz brings them
  from 5,700, and takes 12 µs), entries 775, txs 260, lots 223, claims 247, events 176, the purchase's key 50;
- 99 % of the customers' updates are HOT with a fillfactor of 70, and with 50, once rows have their first balances;
- what guards: the foreign key of lots 4 µs, the check of balances 4, the balance of entries 1;
- what duties need: the index of the feed 2 µs, that of postings by time 2.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from app.domain.ledger.books import Book
from app.domain.ledger.lots import Lot
from app.flows.failures import Conflict
from app.flows.ledger_port import Changes, NewPurchase, Patron, SharedChanges
from app.storage import holds, shared
from app.storage.engine import Connection
from app.storage.taken_back import draws_to_json, lines_to_json, uses_to_json
from app.storage.tiers import tiers_of

# One statement: another would cost a round 45 µs in this process and 40 in PostgreSQL, whatever its size. Its parts see
# nothing of one another, and all are carried out; the foreign key of lots is looked at after all of them.
#
# All or nothing: a customer who is not as the book was read, or whom somebody else has locked, is not in `mine`, and
# then no part writes anything. So a round that has read without locks needs no transaction around it. What it has read
# is no older than a transaction may be (`engine.TRANSACTION_MS`): later roots, drawings and views rely on that.
WRITE = """
with mine as materialized (
    select c.id from customers c join unnest($53::uuid[], $54::bigint[]) n(id, revision)
        on c.id = n.id and c.revision = n.revision
    order by c.id for no key update of c skip locked
), all_are as materialized (
    select count(*) = cardinality($53::uuid[])
        and coalesce(clock_timestamp() < $70::timestamptz + interval '4 seconds', true) as mine
    from mine
), updated as (
    update customers c set
        version = n.version, revision = c.revision + 1, balances = n.balances, tier = n.tier, paid = n.paid,
        purchases = n.purchases, units = n.units, last_purchase_at = n.last_purchase_at, due_at = n.due_at,
        head = n.head, updated_at = n.updated_at, memory = n.memory, holds = n.holds
    from unnest(
        $53::uuid[], $54::bigint[], $55::bigint[], $56::jsonb[], $57::text[], $58::bigint[], $59::bigint[],
        $60::bigint[], $61::timestamptz[], $62::timestamptz[], $63::bytea[], $64::timestamptz[], $65::jsonb[],
        $66::int[]
    ) n(id, revision, version, balances, tier, paid, purchases, units, last_purchase_at, due_at, head, updated_at,
        memory, holds)
    where (select mine from all_are) and c.id = n.id
), new_claims as (
    insert into claims (digest, kind, fingerprint, answer_id)
    select * from unnest($1::uuid[], $2::"char"[], $3::uuid[], $4::uuid[])
    where (select mine from all_are) order by 1
), new_txs as (
    insert into txs (customer_id, version, tx_id, kind, idempotency_key, shop, terminal, receipt, parent_tx,
        program, at, created_at, hash, reason)
    select * from unnest(
        $5::uuid[], $6::bigint[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
            $13::uuid[], $14::int[],
        $15::timestamptz[], $16::timestamptz[], $17::bytea[], $18::text[])
    where (select mine from all_are)
), new_events as (
    insert into events (tx_id, customer_id, version, kind)
    select * from unnest($7::uuid[], $5::uuid[], $6::bigint[], $8::text[])
    where (select mine from all_are)
), new_entries as (
    insert into entries (customer_id, tx_id, seq, account, wallet, amount, lot_id, rule)
    select * from unnest($19::uuid[], $20::uuid[], $21::int[], $22::text[], $23::text[], $24::bigint[], $25::uuid[],
        $26::text[])
    where (select mine from all_are)
), new_lots as (
    insert into lots (customer_id, lot_id, wallet, tx_id, remaining, active_at, expires_at, is_pending, held)
    select * from unnest(
        $27::uuid[], $28::uuid[], $29::text[], $30::uuid[], $31::bigint[], $32::timestamptz[], $33::timestamptz[],
            $34::bool[], $52::bigint[])
    where (select mine from all_are)
), new_answers as (
    insert into answers (id, status, body) select * from unnest($35::uuid[], $36::smallint[], $37::bytea[])
    where (select mine from all_are)
), new_tiers as (
    insert into tier_changes (customer_id, version, path)
    select * from unnest($67::uuid[], $68::bigint[], $69::jsonb[])
    where (select mine from all_are)
), new_purchases as (
    insert into purchases (id, customer_id, shop, terminal, program, at, answer, basket, verdicts, lines,
        uses, draws, day, spent)
    select * from unnest(
        $38::uuid[], $39::uuid[], $40::text[], $41::text[], $42::int[], $43::timestamptz[], $44::bytea[],
        $45::bytea[], $46::bytea[], $47::jsonb[], $48::jsonb[], $49::jsonb[], $50::date[], $51::jsonb[])
    where (select mine from all_are)
)
select mine, case when not mine then array(
    select n.id from unnest($53::uuid[]) n(id) where not exists (select from mine m where m.id = n.id)
) end as others from all_are
"""
UPDATE_LOTS = """
update lots l set remaining = n.remaining, is_pending = n.is_pending, held = n.held
from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bool[], $5::bigint[])
    n(customer_id, lot_id, remaining, is_pending, held)
where l.customer_id = n.customer_id and l.lot_id = n.lot_id
"""
UPDATE_PURCHASES = """
update purchases p set lines = n.lines, is_all_back = n.is_all_back, uses = n.uses
from unnest($1::uuid[], $2::uuid[], $3::jsonb[], $4::bool[], $5::jsonb[]) n(id, customer_id, lines, is_all_back, uses)
where p.id = n.id and p.customer_id = n.customer_id
"""
_NOTHING_SHARED = SharedChanges()
INSERT_ACTS = """
insert into acts (tx_id, customer_id, type, at, data, verdicts, uses)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::jsonb[], $6::bytea[], $7::jsonb[])
"""


def is_one_statement(changes: Changes) -> bool:
    """Whether `WRITE` is all that these changes need."""
    return not (
        changes.acts
        or changes.returned
        or changes.placed
        or changes.resolved
        or changes.shared != _NOTHING_SHARED
        or any(patron.book.lots and _changed_lots(patron) for patron in changes.patrons)
    )


async def write(connection: Connection, changes: Changes) -> None:
    """All that a round has decided, within a transaction unless `is_one_statement`.

    Raises:
        Conflict: a customer has changed since, or is locked; a hold was ended by somebody else.
        DrawSecretDiffers: the day's tickets are drawn with another secret elsewhere.
    """
    lots = [(patron.book.customer_id, lot) for patron in changes.patrons for lot in _changed_lots(patron)]
    if lots:
        await connection.execute(
            UPDATE_LOTS,
            [owner for owner, _ in lots],
            [lot.id for _, lot in lots],
            [lot.remaining for _, lot in lots],
            [lot.is_pending for _, lot in lots],
            [lot.held for _, lot in lots],
        )
    await holds.write(connection, placed=changes.placed, resolved=changes.resolved)
    if changes.returned:
        await connection.execute(UPDATE_PURCHASES, *_returned(changes))
    await shared.write(connection, changes.shared)
    books = [patron.book for patron in changes.patrons]
    values = (*_appended(changes), *_customers(books), *tiers_of(books), changes.read_at)
    written = await connection.fetchrow(WRITE, *values)
    if not written["mine"]:
        raise Conflict("not all customers are as they were read", customers=written["others"])
    if acts := changes.acts:
        await connection.execute(
            INSERT_ACTS,
            [act.tx_id for act in acts],
            [act.customer_id for act in acts],
            [act.type for act in acts],
            [act.at for act in acts],
            [act.data.decode() for act in acts],
            [act.verdicts for act in acts],
            [uses_to_json(act.uses) for act in acts],
        )
    for book in books:  # They are now as the database has them.
        book.revision += 1


def _changed_lots(patron: Patron) -> list[Lot]:
    return [lot for lot in (patron.book.lots or {}).values() if lot.is_changed and not lot.is_new]


def _customers(books: Sequence[Book]) -> list[list[Any]]:
    return [
        [book.customer_id for book in books],
        [book.revision for book in books],
        [book.version for book in books],
        [_json(book.purses) for book in books],
        [book.tier for book in books],
        [book.progress.paid for book in books],
        [book.progress.purchases for book in books],
        [book.progress.units for book in books],
        [book.progress.last_purchase_at for book in books],
        [book.due_at for book in books],
        [book.head for book in books],
        [book.updated_at for book in books],
        [_json(book.memory.to_document()) for book in books],
        [book.open_holds for book in books],
    ]


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _spent(purchase: NewPurchase) -> str | None:
    if purchase.spent is None:
        return None
    return _json([[wallet, str(lot), units] for wallet, lot, units in purchase.spent])


def _returned(changes: Changes) -> list[list[Any]]:
    states = [(stored.customer_id, stored.state) for stored in changes.returned]
    return [
        [state.tx_id for _, state in states],
        [owner for owner, _ in states],
        [lines_to_json(state.lines) for _, state in states],
        [state.is_all_back for _, state in states],
        [uses_to_json(state.uses) for _, state in states],
    ]


def _appended(changes: Changes) -> list[list[Any]]:
    claims = changes.claims
    txs = [(chained, chained.posting, chained.posting.origin) for chained in changes.postings]
    entries = [(posting, seq, entry) for _, posting, _ in txs for seq, entry in enumerate(posting.entries, start=1)]
    lots = [(patron.book.customer_id, lot) for patron in changes.patrons for lot in patron.book.added]
    purchases = changes.purchases
    return [
        [claim.digest for claim in claims],
        [claim.kind.encode() for claim in claims],
        [UUID(bytes=claim.fingerprint) if claim.fingerprint else None for claim in claims],
        [claim.answer_id for claim in claims],
        [posting.customer_id for _, posting, _ in txs],
        [posting.version for _, posting, _ in txs],
        [posting.tx_id for _, posting, _ in txs],
        [posting.kind.value for _, posting, _ in txs],
        [origin.idempotency_key for _, _, origin in txs],
        [origin.shop for _, _, origin in txs],
        [origin.terminal for _, _, origin in txs],
        [origin.receipt for _, _, origin in txs],
        [posting.parent_tx for _, posting, _ in txs],
        [origin.program for _, _, origin in txs],
        [posting.at for _, posting, _ in txs],
        [posting.created_at for _, posting, _ in txs],
        [chained.hash for chained, _, _ in txs],
        [origin.reason for _, _, origin in txs],
        [posting.customer_id for posting, _, _ in entries],
        [posting.tx_id for posting, _, _ in entries],
        [seq for _, seq, _ in entries],
        [entry.account.value for _, _, entry in entries],
        [entry.wallet for _, _, entry in entries],
        [entry.amount for _, _, entry in entries],
        [entry.lot_id for _, _, entry in entries],
        [entry.rule for _, _, entry in entries],
        [owner for owner, _ in lots],
        [lot.id for _, lot in lots],
        [lot.wallet for _, lot in lots],
        [lot.tx_id for _, lot in lots],
        [lot.remaining for _, lot in lots],
        [lot.active_at for _, lot in lots],
        [lot.expires_at for _, lot in lots],
        [lot.is_pending for _, lot in lots],
        [answer_id for answer_id, _ in changes.answers],
        [answer.status for _, answer in changes.answers],
        [answer.body for _, answer in changes.answers],
        [purchase.id for purchase in purchases],
        [purchase.customer_id for purchase in purchases],
        [purchase.shop for purchase in purchases],
        [purchase.terminal for purchase in purchases],
        [purchase.program for purchase in purchases],
        [purchase.at for purchase in purchases],
        [purchase.answer for purchase in purchases],
        [purchase.basket for purchase in purchases],
        [purchase.verdicts for purchase in purchases],
        [lines_to_json(purchase.lines) for purchase in purchases],
        [uses_to_json(purchase.uses) for purchase in purchases],
        [draws_to_json(purchase.draws) for purchase in purchases],
        [purchase.day for purchase in purchases],
        [_spent(purchase) for purchase in purchases],
        [lot.held for _, lot in lots],
    ]
