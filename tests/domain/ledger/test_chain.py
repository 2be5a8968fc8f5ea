"""The hash over each posting, held against the reference library for canonical JSON."""

from hashlib import sha256

import rfc8785

from app.domain.ledger.books import GENESIS
from app.domain.ledger.chain import canonical, next_hash
from tests.domain.ledger.shop import Shop


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
