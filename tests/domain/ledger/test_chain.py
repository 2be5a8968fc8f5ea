"""The hash over each posting, held against the reference library for canonical JSON."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import rfc8785
from asyncpg.pgproto import pgproto
from hypothesis import given
from hypothesis import strategies as st

from app.domain.identifiers import NOBODY, CustomerId, LotId, TxId
from app.domain.ledger.books import GENESIS
from app.domain.ledger.chain import canonical, next_hash
from app.domain.ledger.chart import Account, TxKind
from app.domain.ledger.postings import Entry, Origin, Posting
from tests.domain.ledger.shop import START, Shop


def test_the_canonical_form_is_rfc_8785() -> None:
    shop = Shop()
    shop.buy(accrue=10)
    shop.buy(accrue=3, redeem=7)
    posting = shop.postings[-1].posting
    assert canonical(posting) == rfc8785.dumps(
        {
            "tx_id": str(posting.tx_id),
            "kind": "purchase",
            "idempotency_key": None,
            "shop": None,
            "terminal": None,
            "receipt": "1",
            "customer_id": str(posting.customer_id),
            "version": 2,
            "parent_tx": None,
            "program": None,
            "at": "2026-03-01T12:00:00.000000Z",
            "entries": [
                {
                    "entry_id": f"{posting.tx_id}-{seq:06d}",
                    "tx_id": str(posting.tx_id),
                    "account": entry.account.value,
                    "customer_id": str(posting.customer_id),
                    "wallet": "points",
                    "amount": entry.amount,
                    "lot_id": str(entry.lot_id) if entry.lot_id else None,
                    "rule": entry.rule,
                }
                for seq, entry in enumerate(posting.entries, start=1)
            ],
        }
    )


def test_odd_text_is_canonical_too() -> None:
    odd = 'é "\\ \b\f\n\r\t\x01\x1f\x7f \u2028 \U0001f600 ключ'
    shop = Shop()
    shop.buy(accrue=1)
    chained = shop.postings[0]
    object.__setattr__(chained.posting.origin, "receipt", odd)
    assert rfc8785.dumps({"receipt": odd})[1:-1] in canonical(chained.posting)


def test_each_hash_holds_the_one_before() -> None:
    shop = Shop()
    shop.buy(accrue=10)
    shop.buy(accrue=3)
    first, second = shop.postings
    assert first.hash == sha256(GENESIS + canonical(first.posting)).digest()
    assert second.hash == next_hash(first.hash, second.posting) == shop.book.head


IDS = st.uuids() | st.uuids().map(lambda made: pgproto.UUID(made.bytes))  # Also as the database's driver makes them.
TEXTS = st.none() | st.text(max_size=12)
AMOUNTS = st.integers(-(10**15), 10**15)
CUSTOMERS = st.tuples(IDS, st.integers(1, 2**50)) | st.just((NOBODY, 0))
ENTRIES = st.lists(
    st.tuples(st.sampled_from(Account), st.text(max_size=8), AMOUNTS, st.none() | IDS, TEXTS), max_size=4
)
TIMES = st.integers(0, 2**52).map(lambda count: START + timedelta(microseconds=count))


@given(
    ids=st.tuples(IDS, st.none() | IDS),
    customer=CUSTOMERS,
    kind=st.sampled_from(TxKind),
    at=TIMES,
    rows=ENTRIES,
    texts=st.tuples(TEXTS, TEXTS, TEXTS, TEXTS),
    program=st.none() | st.integers(1, 2**31),
)
def test_any_posting_has_the_form_of_the_reference_library(
    ids: tuple[TxId, TxId | None],
    customer: tuple[UUID, int],
    kind: TxKind,
    at: datetime,
    rows: list[tuple[Account, str, int, LotId | None, str | None]],
    texts: tuple[str | None, str | None, str | None, str | None],
    program: int | None,
) -> None:
    (tx_id, parent), (owner, version) = ids, customer
    entries = [Entry(row[0], row[1], sign * row[2], row[3], row[4]) for row in rows for sign in (1, -1)]
    origin = Origin(texts[0], texts[1], texts[2], texts[3], program, "isn't hashed")
    owned = CustomerId(owner)
    posting = Posting(tx_id, kind, owned, version, at, at, tuple(entries), origin, parent)
    customer_id = str(owner) if version else None
    assert canonical(posting) == rfc8785.dumps(
        {
            "tx_id": str(tx_id),
            "kind": str(kind),
            "idempotency_key": texts[0],
            "shop": texts[1],
            "terminal": texts[2],
            "receipt": texts[3],
            "customer_id": customer_id,
            "version": version,
            "parent_tx": None if parent is None else str(parent),
            "program": program,
            "at": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "entries": [
                {
                    "entry_id": f"{tx_id}-{seq:06d}",
                    "tx_id": str(tx_id),
                    "account": str(entry.account),
                    "customer_id": customer_id,
                    "wallet": entry.wallet,
                    "amount": entry.amount,
                    "lot_id": None if entry.lot_id is None else str(entry.lot_id),
                    "rule": entry.rule,
                }
                for seq, entry in enumerate(entries, start=1)
            ],
        }
    )
