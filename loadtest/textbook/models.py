"""What the textbook takes and says: pydantic models, as FastAPI's tutorial writes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CustomerIn(Strict):
    phone: str | None = None
    card: str | None = None
    id: UUID | None = None

    @model_validator(mode="after")
    def _is_one(self) -> CustomerIn:
        if len(self.model_fields_set) != 1:
            raise ValueError("exactly one of phone, card, id")
        return self


class LineIn(Strict):
    id: str = Field(min_length=1, max_length=64)
    sku: str | None = Field(None, max_length=128)
    name: str | None = Field(None, max_length=256)
    category: str | None = Field(None, max_length=256)
    brand: str | None = Field(None, max_length=128)
    tags: list[str] = []
    qty: int = Field(gt=0, le=1_000_000)
    price: int = Field(ge=0, le=10**12)
    list_price: int | None = Field(None, ge=0)
    min_price: int = Field(0, ge=0)


class PaymentIn(Strict):
    method: str
    amount: int = Field(ge=0)


class BasketIn(Strict):
    lines: list[LineIn] = Field(min_length=1, max_length=500)
    coupons: list[str] = []
    payments: list[PaymentIn] = []


class ReceiptIn(Strict):
    number: str = Field(min_length=1, max_length=64)


class PurchaseIn(Strict):
    customer: CustomerIn
    receipt: ReceiptIn
    basket: BasketIn
    redeem: dict[str, int | Literal["max"]] = {}


class LineOut(BaseModel):
    id: str
    gross: int
    discount: int
    redeemed: int
    paid: int
    accrued: dict[str, int]
    parts: list[dict[str, Any]]


class TotalsOut(BaseModel):
    gross: int
    discount: int
    redeemed: int
    paid: int
    redeemed_units: dict[str, int]
    accrued: dict[str, int]


class PurchaseOut(BaseModel):
    id: UUID
    state: str
    at: datetime
    program: int
    version: int
    tier: str | None
    totals: TotalsOut
    lines: list[LineOut]
    effects: list[dict[str, Any]]
    balances: dict[str, int]
