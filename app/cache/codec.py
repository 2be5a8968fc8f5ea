"""A customer's snapshot as bytes. Personal data stays sealed, as the database has it.

The length of a JSON array (4 bytes), the array, then the wrapped key and the sealed profile as they are. Names would
cost more than the values: read as an object with a member each, a snapshot took 18 µs, and takes 9 this way. So the
order of the members is the shape, and SHAPE stands first: what another release has signed in another shape is refused.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.domain.identifiers import CustomerId
from app.domain.ledger.books import Book, Progress, Purse
from app.domain.ledger.memory import Memory
from app.flows.ledger_port import Patron, Sealed
from app.flows.results import Instant

Horizon = Mapping[str, tuple[Instant | None, Instant | None]]

SHAPE = 2  # One more with every change of what stands where, or of what a member means.
_LENGTH_BYTES = 4


def to_body(patron: Patron) -> bytes:
    book, progress = patron.book, patron.book.progress
    key, sealed = patron.profile.wrapped_key, patron.profile.sealed
    array = orjson.dumps(
        [
            SHAPE,
            book.customer_id.hex,
            book.version,
            book.revision,
            [[wallet, each.available, each.pending, each.held, each.floor] for wallet, each in book.purses.items()],
            book.tier,
            progress.paid,
            progress.purchases,
            progress.units,
            progress.last_purchase_at,
            book.memory.to_document(),
            book.due_at,
            book.open_holds,
            None if key is None else len(key),
            None if sealed is None else len(sealed),
            patron.registered_at,
            None if patron.referrer is None else patron.referrer.hex,
            patron.tags,
            patron.segments,
            patron.card_types,
            patron.is_gift_card,
            patron.is_blocked,
            patron.is_frozen,
            None if patron.horizon is None else _horizon_array(patron.horizon),
        ]
    )
    return b"".join((len(array).to_bytes(_LENGTH_BYTES, "big"), array, key or b"", sealed or b""))


def from_body(body: bytes, customer_id: UUID) -> Patron:
    """
    Raises:
        ValueError, TypeError, KeyError: it has another shape, or is another customer's.
    """
    key_at = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES], "big")
    # In the order in which they were written above.
    (
        shape, id_hex, version, revision, purses, tier, paid, purchases, units, last_purchase_at, memory, due_at, holds,
        key_bytes, sealed_bytes, registered_at, referrer, tags, segments, card_types, is_gift_card, is_blocked,
        is_frozen, horizon,
    ) = orjson.loads(body[_LENGTH_BYTES:key_at])  # fmt: skip
    if shape != SHAPE or id_hex != customer_id.hex:
        raise ValueError("another release's, or another customer's")
    sealed_at = key_at + (key_bytes or 0)
    return Patron(
        book=Book(
            customer_id=CustomerId(customer_id),
            version=version,
            revision=revision,
            purses={wallet: Purse(*amounts) for wallet, *amounts in purses},
            tier=tier,
            progress=Progress(paid, purchases, units, _moment(last_purchase_at)),
            memory=Memory.from_document(memory) if memory else Memory(),
            due_at=_moment(due_at),
            open_holds=holds,
        ),
        profile=Sealed(
            None if key_bytes is None else body[key_at:sealed_at],
            None if sealed_bytes is None else body[sealed_at : sealed_at + sealed_bytes],
        ),
        registered_at=datetime.fromisoformat(registered_at),
        referrer=None if referrer is None else UUID(hex=referrer),
        tags=tuple(tags),
        segments=tuple(segments),
        card_types=card_types,
        is_gift_card=is_gift_card,
        is_blocked=is_blocked,
        is_frozen=is_frozen,
        horizon=None if horizon is None else {wallet: (_instant(e), _instant(a)) for wallet, e, a in horizon},
    )


def _horizon_array(horizon: Horizon) -> list[object]:
    return [
        [wallet, _instant_array(expiry), _instant_array(activation)] for wallet, (expiry, activation) in horizon.items()
    ]


def _instant_array(instant: Instant | None) -> list[object] | None:
    return None if instant is None else [instant.points, instant.at]


def _instant(array: Any) -> Instant | None:
    return None if array is None else Instant(array[0], datetime.fromisoformat(array[1]))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
