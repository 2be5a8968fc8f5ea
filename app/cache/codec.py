"""A customer's snapshot as bytes. Personal data stays sealed, as the database has it."""

import base64
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.domain.identifiers import CustomerId
from app.domain.ledger.books import Book, Progress, Purse
from app.domain.ledger.memory import Memory
from app.flows.ledger_port import Patron, Sealed
from app.flows.results import Instant


def to_body(patron: Patron) -> bytes:
    book = patron.book
    return orjson.dumps(
        {
            "id": str(book.customer_id),  # The driver has a form of its own for ids.
            "version": book.version,
            "revision": book.revision,
            "purses": book.purses,
            "tier": book.tier,
            "progress": book.progress,
            "memory": book.memory.to_document(),
            "due_at": book.due_at,
            "holds": book.open_holds,
            "key": _text(patron.profile.wrapped_key),
            "sealed": _text(patron.profile.sealed),
            "registered_at": patron.registered_at,
            "referrer": None if patron.referrer is None else str(patron.referrer),
            "tags": patron.tags,
            "segments": patron.segments,
            "card_types": patron.card_types,
            "is_gift_card": patron.is_gift_card,
            "is_blocked": patron.is_blocked,
            "is_frozen": patron.is_frozen,
            "horizon": patron.horizon,
        }
    )


def from_body(body: bytes) -> Patron:
    value = orjson.loads(body)
    progress = value["progress"]
    return Patron(
        book=Book(
            customer_id=CustomerId(UUID(value["id"])),
            version=value["version"],
            revision=value["revision"],
            purses={wallet: Purse(**purse) for wallet, purse in value["purses"].items()},
            tier=value["tier"],
            progress=Progress(**{**progress, "last_purchase_at": _moment(progress["last_purchase_at"])}),
            memory=Memory.from_document(value["memory"]),
            due_at=_moment(value["due_at"]),
            open_holds=value["holds"],
        ),
        profile=Sealed(_bytes(value["key"]), _bytes(value["sealed"])),
        registered_at=datetime.fromisoformat(value["registered_at"]),
        referrer=None if value["referrer"] is None else UUID(value["referrer"]),
        tags=tuple(value["tags"]),
        segments=tuple(value["segments"]),
        card_types=value["card_types"],
        is_gift_card=value["is_gift_card"],
        is_blocked=value["is_blocked"],
        is_frozen=value["is_frozen"],
        horizon=_horizon(value["horizon"]),
    )


def _horizon(value: Any) -> dict[str, tuple[Instant | None, Instant | None]] | None:
    if value is None:
        return None
    return {wallet: (_instant(expiry), _instant(activation)) for wallet, (expiry, activation) in value.items()}


def _instant(value: Any) -> Instant | None:
    return None if value is None else Instant(value["points"], datetime.fromisoformat(value["at"]))


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else base64.b64decode(value)
