"""The textbook's tables, as an ORM's tutorial declares them: a class a table, keys, foreign keys, unique constraints.

Every row that our own service keeps of a purchase has its place here: the purchase and its lines, ledger entries on
both sides, lots, an event, the answer under its idempotency key. Each index serves a statement of the purchase or a
constraint; there is none besides.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy, changed by nobody
        int: BigInteger,
        datetime: TIMESTAMP(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


class ApiKey(Base):
    __tablename__ = "api_keys"

    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    shop: Mapped[str]
    terminal: Mapped[str]
    is_revoked: Mapped[bool] = mapped_column(server_default=text("false"))


class Customer(Base):
    """Balances and counters stand in the customer's row, which every purchase locks anyway."""

    __tablename__ = "customers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    phone: Mapped[str | None] = mapped_column(unique=True)
    card: Mapped[str | None] = mapped_column(unique=True)
    name: Mapped[str | None]
    birthday: Mapped[date | None]
    version: Mapped[int]
    tier: Mapped[str | None]
    paid: Mapped[int]
    purchases: Mapped[int]
    last_purchase_at: Mapped[datetime | None]
    balances: Mapped[dict[str, Any]]  # wallet: units
    counters: Mapped[dict[str, Any]]  # name: [period, used]


class Purchase(Base):
    __tablename__ = "purchases"
    __table_args__ = (UniqueConstraint("shop", "terminal", "receipt"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    shop: Mapped[str]
    terminal: Mapped[str]
    receipt: Mapped[str]
    program: Mapped[int]
    at: Mapped[datetime]
    gross: Mapped[int]
    discount: Mapped[int]
    redeemed: Mapped[int]
    paid: Mapped[int]
    explanation: Mapped[list[Any]]

    lines: Mapped[list[PurchaseLine]] = relationship(lazy="raise")
    lots: Mapped[list[Lot]] = relationship(lazy="raise")
    entries: Mapped[list[Entry]] = relationship(lazy="raise")
    event: Mapped[Event] = relationship(lazy="raise")


class PurchaseLine(Base):
    __tablename__ = "purchase_lines"

    purchase_id: Mapped[UUID] = mapped_column(ForeignKey("purchases.id"), primary_key=True)
    line_id: Mapped[str] = mapped_column(primary_key=True)
    sku: Mapped[str | None]
    name: Mapped[str | None]
    category: Mapped[str | None]
    brand: Mapped[str | None]
    qty_milli: Mapped[int]
    price: Mapped[int]
    gross: Mapped[int]
    discount: Mapped[int]
    redeemed: Mapped[int]
    paid: Mapped[int]
    accrued: Mapped[dict[str, Any]]
    parts: Mapped[list[Any]]


class Lot(Base):
    """Open lots alone are looked for, in spending order."""

    __tablename__ = "lots"
    __table_args__ = (
        Index("lots_open", "customer_id", "wallet", "expires_at", "active_at", postgresql_where=text("remaining > 0")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"))
    purchase_id: Mapped[UUID | None] = mapped_column(ForeignKey("purchases.id"))
    wallet: Mapped[str]
    remaining: Mapped[int]
    active_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class Entry(Base):
    __tablename__ = "entries"

    purchase_id: Mapped[UUID] = mapped_column(ForeignKey("purchases.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID]
    account: Mapped[str]
    wallet: Mapped[str]
    amount: Mapped[int]
    lot_id: Mapped[UUID | None]
    rule: Mapped[str | None]


class Event(Base):
    __tablename__ = "events"

    purchase_id: Mapped[UUID] = mapped_column(ForeignKey("purchases.id"), primary_key=True)
    customer_id: Mapped[UUID]
    version: Mapped[int]
    kind: Mapped[str]


class IdempotencyKey(Base):
    __tablename__ = "idempotency_keys"

    shop: Mapped[str] = mapped_column(primary_key=True)
    terminal: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int]
    body: Mapped[bytes]
