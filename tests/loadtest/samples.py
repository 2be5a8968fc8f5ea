"""Small files of receipts for tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from loadtest.receipts.model import Line, Receipt, ReceiptKind

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def retail(*rows: str) -> str:
    """An Online Retail file of these rows: number, code, quantity, time, price, customer."""
    lines = [HEADER]
    for row in rows:
        number, code, quantity, at, price, customer = row.split("|")
        lines.append(f"{number},{code},NAME OF {code},{quantity},{at},{price},{customer},Norway")
    return "\n".join(lines) + "\n"


def line(sku: str, quantity: int, price: int) -> Line:
    """Goods with nothing special about them."""
    return Line(sku=sku, name=f"NAME OF {sku}", quantity=quantity, price=price)


def receipt(number: str, lines: Iterable[Line], *, customer: str | None = "1", minute: int = 0) -> Receipt:
    """A sale, or a cancellation where the number begins with C, in the minute given."""
    kind = ReceiptKind.CANCELLATION if number.startswith("C") else ReceiptKind.SALE
    at = datetime(2011, 1, 3, 9, minute)  # noqa: DTZ001 - the shop's local time.
    return Receipt(number=number, kind=kind, customer=customer, at=at, lines=tuple(lines))
