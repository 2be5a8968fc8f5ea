"""Rows of a round's statements as what the domain and the flows know them by."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import orjson

from app.domain.identifiers import CustomerId, LotId, TxId
from app.domain.ledger.books import Book, Progress, Purse
from app.domain.ledger.lots import Lot
from app.domain.ledger.memory import Memory
from app.domain.ledger.returns import PurchaseState
from app.flows.ledger_port import Claim, Patron, Sealed, StoredPurchase
from app.storage.taken_back import draws_from_json, lines_from_json, uses_from_json


def claims_of(document: str | None) -> dict[UUID, Claim]:
    """Of the JSON that a glance has of them: usually there are none."""
    return {
        UUID(digest): Claim(UUID(fingerprint).bytes if fingerprint else None, UUID(answer_id))
        for digest, answer_id, fingerprint in orjson.loads(document or b"[]")
    }


def patron_of(row: Mapping[str, Any]) -> Patron:
    """A row of a customer with its profile beside it."""
    return Patron(
        book=Book(
            customer_id=CustomerId(row["id"]),
            version=row["version"],
            revision=row["revision"],
            head=row["head"],
            purses={wallet: Purse(**purse) for wallet, purse in orjson.loads(row["balances"]).items()},
            tier=row["tier"],
            progress=Progress(
                paid=row["paid"],
                purchases=row["purchases"],
                units=row["units"],
                last_purchase_at=row["last_purchase_at"],
            ),
            memory=Memory.from_document(orjson.loads(row["memory"])),
            due_at=row["due_at"],
            updated_at=row["updated_at"],
            open_holds=row["holds"],
        ),
        profile=Sealed(row["wrapped_key"], row["sealed"]),
        registered_at=row["registered_at"],
        referrer=row["referrer"],
        tags=tuple(row["tags"] or ()),
        segments=tuple(row["segments"] or ()),
        card_types=orjson.loads(row["card_types"] or b"{}"),
        is_gift_card=row["is_gift_card"],
        is_blocked=row["is_blocked"],
        is_frozen=row["is_frozen"],
    )


def lots_by_customer(rows: Iterable[Mapping[str, Any]]) -> dict[UUID, list[Lot]]:
    lots: dict[UUID, list[Lot]] = {}
    for row in rows:
        lots.setdefault(row["customer_id"], []).append(
            Lot(
                id=LotId(row["lot_id"]),
                wallet=row["wallet"],
                tx_id=TxId(row["tx_id"]),
                remaining=row["remaining"],
                active_at=row["active_at"],
                expires_at=row["expires_at"],
                is_pending=row["is_pending"],
                held=row["held"],
            )
        )
    return lots


def purchase_of(row: Mapping[str, Any], spent: Iterable[Mapping[str, Any]], *, previous_at: Any) -> StoredPurchase:
    tx_id = TxId(row["id"])
    if row["spent"] is None:
        taken = [(s["wallet"], LotId(s["lot_id"]), s["units"]) for s in spent if s["tx_id"] == tx_id]
    else:
        taken = [(wallet, LotId(UUID(lot)), units) for wallet, lot, units in orjson.loads(row["spent"])]
    return StoredPurchase(
        state=PurchaseState(
            tx_id=tx_id,
            lines=lines_from_json(row["lines"]),
            spent=taken,
            uses=uses_from_json(row["uses"]),
            draws=draws_from_json(row["draws"]),
            day=row["day"],
            posted_by=TxId(row["posted_by"]) if row["posted_by"] else None,
        ),
        customer_id=CustomerId(row["customer_id"]),
        shop=row["shop"],
        program=row["program"],
        at=row["counted_at"],
        previous_at=previous_at,
    )
