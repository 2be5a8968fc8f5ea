"""A customer with something in every member, and its snapshots as bytes."""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import orjson

from app.cache.codec import to_body
from app.domain.counters import Count
from app.domain.draws.records import Slip
from app.domain.identifiers import CustomerId
from app.domain.ledger.books import Book, Progress, Purse
from app.domain.ledger.memory import Measured, Memory
from app.flows.ledger_port import Patron, Sealed
from app.flows.results import Instant

ANNA, BORIS = UUID(int=1), UUID(int=2)


def patron(customer: UUID = ANNA, *, revision: int = 1, available: int = 10) -> Patron:
    moment = datetime(2026, 11, 21, 9, tzinfo=UTC)
    return Patron(
        book=Book(
            customer_id=CustomerId(customer),
            version=revision,
            revision=revision,
            purses={"points": Purse(available=available, pending=2, held=0, floor=0)},
            tier="gold",
            progress=Progress(paid=5, purchases=1, units=7, last_purchase_at=moment),
            memory=Memory(
                counts={"rule/a/max": Count("2026-11", 7)},
                slips={"lucky": [Slip("p", moment.date(), "00", "ff", {"misses": 2}, kept=True)]},
                tier_until=moment,
                years={2026: Measured(5, 1, 7)},
                days={"2026-11-21": Measured(5, 1, 7)},
            ),
            due_at=moment,
        ),
        profile=Sealed(b"wrapped", b"sealed"),
        registered_at=moment,
        referrer=UUID(int=9),
        tags=("a",),
        segments=("vip",),
        card_types={"00ff": "gold"},
        is_gift_card=True,
        horizon={"points": (Instant(3, moment), None)},
    )


def signed(value: object) -> bytes:
    body = orjson.dumps(value)
    return blake2b(body, key=bytes(32), digest_size=16).digest() + body


def array_of(patron: Patron) -> list[Any]:
    body = to_body(patron)
    array: list[Any] = orjson.loads(body[4 : 4 + int.from_bytes(body[:4], "big")])
    return array


def signed_array(array: list[Any]) -> bytes:
    """As a release of ours would have signed it, without its sealed data."""
    text = orjson.dumps(array)
    body = len(text).to_bytes(4, "big") + text
    return blake2b(body, key=bytes(32), digest_size=16).digest() + body
