"""The write phase of a round: what changed and what is appended in one statement, each list of rows one parameter.

The customers' update carries the revision each book was read at, so that a book nobody locked can't be written over a
newer one: whatever changes a customer's row, or what is told of it, raises its revision. Claims are inserted in the
order of their digests: two rounds that claim the same receipts wait for each other, never in a circle.

What it costs (`tests/storage/bench_rounds.py`; five lines, four entries): rows come as arrays of composite types
(migration 0007), nine parameters. Column by column they were seventy arrays: each costs by itself, in the driver and in
the statement, and the driver asks of every element what it is. µs of this process and of PostgreSQL a purchase, medians
of three turns on a machine that was half as fast as on its good days: rounds of one 440 + 865 by columns, 354 + 806 by
rows; of three 186 + 417, 157 + 389; of eight 104 + 255, 91 + 244; of 32 81 + 183, 72 + 180. Nothing is planned again.

Looked at, and left as it is (of rounds of 32, when they cost 50 + 93):

- a purchase is 5.9 KB of WAL and 4.8 KB of rows and indexes: its answer, basket and verdicts 3,028 (pglz brings them
  from 5,700, and takes 12 µs), entries 775, txs 260, lots 223, claims 247, events 176, the purchase's key 50;
- 99 % of the customers' updates are HOT with a fillfactor of 70, and with 50, once rows have their first balances;
- what guards: the foreign key of lots 4 µs, the check of balances 4, the balance of entries 1;
- what duties need: the index of the feed 2 µs, that of postings by time 2.
"""

from typing import Any, TypeAlias
from uuid import UUID

import orjson

from app.domain.ledger.books import Book
from app.domain.ledger.lots import Lot
from app.domain.ledger.plans import Chained
from app.domain.ledger.postings import Posting
from app.flows.failures import Conflict
from app.flows.ledger_port import Changes, NewClaim, NewPurchase, Patron, SharedChanges
from app.storage import holds, shared
from app.storage.engine import Connection
from app.storage.taken_back import draws_to_json, lines_to_json, uses_to_json
from app.storage.tiers import tiers_of

Row: TypeAlias = tuple[Any, ...]

# One statement: another would cost a round 45 µs in this process and 40 in PostgreSQL, whatever its size. Its parts see
# nothing of one another, and all are carried out; the foreign key of lots is looked at after all of them.
#
# All or nothing: a customer who is not as the book was read, or whom somebody else has locked, is not in `mine`, and
# then no part writes anything. So a round that has read without locks needs no transaction around it. What it has read
# is no older than a transaction may be (`engine.TRANSACTION_MS`): later roots, drawings and views rely on that.
WRITE = """
with books as materialized (
    select * from unnest($1::new_book[])
), mine as materialized (
    select c.id from customers c join books b on c.id = b.id and c.revision = b.revision
    order by c.id for no key update of c skip locked
), all_are as materialized (
    select count(*) = cardinality($1::new_book[])
        and coalesce(clock_timestamp() < $9::timestamptz + interval '4 seconds', true) as mine
    from mine
), updated as (
    update customers c set
        version = b.version, revision = c.revision + 1, balances = b.balances, tier = b.tier, paid = b.paid,
        purchases = b.purchases, units = b.units, last_purchase_at = b.last_purchase_at, due_at = b.due_at,
        head = b.head, updated_at = b.updated_at, memory = b.memory, holds = b.holds
    from books b where (select mine from all_are) and c.id = b.id
), new_claims as (
    insert into claims (digest, kind, fingerprint, answer_id)
    select digest, kind, fingerprint, answer_id from unnest($2::new_claim[])
    where (select mine from all_are) order by digest
), posted as materialized (
    select * from unnest($3::new_tx[]) where (select mine from all_are)
), new_txs as (
    insert into txs (customer_id, version, tx_id, kind, idempotency_key, shop, terminal, receipt, parent_tx, program,
        at, created_at, hash, reason)
    select customer_id, version, tx_id, kind, idempotency_key, shop, terminal, receipt, parent_tx, program,
        at, created_at, hash, reason
    from posted
), new_events as (
    insert into events (tx_id, customer_id, version, kind) select tx_id, customer_id, version, kind from posted
), new_entries as (
    insert into entries (customer_id, tx_id, seq, account, wallet, amount, lot_id, rule)
    select customer_id, tx_id, seq, account, wallet, amount, lot_id, rule from unnest($4::new_entry[])
    where (select mine from all_are)
), new_lots as (
    insert into lots (customer_id, lot_id, wallet, tx_id, remaining, active_at, expires_at, is_pending, held)
    select customer_id, lot_id, wallet, tx_id, remaining, active_at, expires_at, is_pending, held
    from unnest($5::new_lot[]) where (select mine from all_are)
), new_answers as (
    insert into answers (id, status, body) select id, status, body from unnest($6::new_answer[])
    where (select mine from all_are)
), new_tiers as (
    insert into tier_changes (customer_id, version, path) select customer_id, version, path from unnest($7::new_tier[])
    where (select mine from all_are)
), new_purchases as (
    insert into purchases (id, customer_id, shop, terminal, program, at, answer, basket, verdicts, lines, uses, draws,
        day, spent)
    select id, customer_id, shop, terminal, program, at, answer, basket, verdicts, lines, uses, draws, day, spent
    from unnest($8::new_purchase[]) where (select mine from all_are)
)
select mine, case when not mine then array(
    select id from books where not exists (select from mine where mine.id = books.id)
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
    written = await connection.fetchrow(
        WRITE,
        [_book(book) for book in books],
        [_claim(claim) for claim in changes.claims],
        [_tx(chained) for chained in changes.postings],
        [row for chained in changes.postings for row in _entries(chained.posting)],
        [_lot(book.customer_id, lot) for book in books for lot in book.added],
        [(answer_id, answer.status, answer.body) for answer_id, answer in changes.answers],
        tiers_of(books),
        [_purchase(purchase) for purchase in changes.purchases],
        changes.read_at,
    )
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


# Rows of the types of WRITE, in the order of their columns.


def _book(book: Book) -> Row:
    progress = book.progress
    return (
        book.customer_id,
        book.revision,
        book.version,
        _json(book.purses),
        book.tier,
        progress.paid,
        progress.purchases,
        progress.units,
        progress.last_purchase_at,
        book.due_at,
        book.head,
        book.updated_at,
        _json(book.memory.to_document()),
        book.open_holds,
    )


def _claim(claim: NewClaim) -> Row:
    fingerprint = UUID(bytes=claim.fingerprint) if claim.fingerprint else None
    return claim.digest, claim.kind.encode(), fingerprint, claim.answer_id


def _tx(chained: Chained) -> Row:
    posting, origin = chained.posting, chained.posting.origin
    return (
        posting.customer_id,
        posting.version,
        posting.tx_id,
        posting.kind.value,
        origin.idempotency_key,
        origin.shop,
        origin.terminal,
        origin.receipt,
        posting.parent_tx,
        origin.program,
        posting.at,
        posting.created_at,
        chained.hash,
        origin.reason,
    )


def _entries(posting: Posting) -> list[Row]:
    customer_id, tx_id = posting.customer_id, posting.tx_id
    return [
        (customer_id, tx_id, seq, each.account.value, each.wallet, each.amount, each.lot_id, each.rule)
        for seq, each in enumerate(posting.entries, start=1)
    ]


def _lot(owner: UUID, lot: Lot) -> Row:
    return (
        owner,
        lot.id,
        lot.wallet,
        lot.tx_id,
        lot.remaining,
        lot.active_at,
        lot.expires_at,
        lot.is_pending,
        lot.held,
    )


def _purchase(purchase: NewPurchase) -> Row:
    return (
        purchase.id,
        purchase.customer_id,
        purchase.shop,
        purchase.terminal,
        purchase.program,
        purchase.at,
        purchase.answer,
        purchase.basket,
        purchase.verdicts,
        lines_to_json(purchase.lines),
        uses_to_json(purchase.uses),
        draws_to_json(purchase.draws),
        purchase.day,
        _spent(purchase),
    )


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
