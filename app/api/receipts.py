"""Receipts as tills write them: whose shop, which terminal, which fiscal document; and purchases named by them."""

from collections.abc import Mapping

from app.api.faults import refuse
from app.api.schemas import PurchaseNameBody, ReceiptBody
from app.domain.rejections import Rejected, Rejection
from app.flows.requests import Caller, Fiscal, PurchaseName, Receipt

DIGITS_MAX = 20  # A storage's number has 16, a document's at most 10.


def receipt_of(body: ReceiptBody, *, document: Mapping[str, object], caller: Caller) -> Receipt:
    """The receipt with the shop and terminal of the caller's key; a key of several shops may name another of its own.

    document: the receipt as sent.

    Raises:
        Rejected: the shop isn't the key's, or a person's key names none; the fiscal text can't be read.
    """
    return Receipt(
        shop=shop_of(body.shop, caller=caller, pointer="/receipt/shop"),
        terminal=caller.terminal,
        number=body.number,
        shift=body.shift,
        fiscal=None if body.fiscal is None else read_fiscal(body.fiscal),
        document=document,
    )


def shop_of(named: str | None, *, caller: Caller, pointer: str) -> str:
    """The shop that a caller may speak for."""
    if not caller.shops:
        if named is None:
            raise refuse(pointer, "missing", "is required, since the key belongs to no shop")
        return named
    if named is None:
        return caller.shop
    if named not in caller.shops:
        raise Rejected(Rejection.INSUFFICIENT_SCOPE, "This key may not speak for that shop.")
    return named


def purchase_name_of(body: PurchaseNameBody, *, caller: Caller) -> PurchaseName:
    """A purchase by its receipt, at any shop: which shops' purchases a caller may return is for the flow to say.

    Raises:
        Rejected: a person's key names no shop.
    """
    shop = body.shop
    if shop is None:
        shop = shop_of(None, caller=caller, pointer="/purchase/shop")
    terminal = caller.terminal if body.terminal is None else body.terminal
    return PurchaseName(shop=shop, terminal=terminal, number=body.number, shift=body.shift)


def read_fiscal(text: str) -> Fiscal:
    """Of a fiscal receipt's QR text (`t=…&s=…&fn=…&i=…&fp=…&n=…`, in any order) what makes the document unique.

    A document's number is written with leading zeros or without; it is the same document.
    """
    members: dict[str, str] = {}
    for pair in text.split("&"):
        name, equals, value = pair.partition("=")
        if not equals:
            raise refuse("/receipt/fiscal", "fiscal", "must be the QR text of a fiscal receipt")
        if name in members:
            raise refuse("/receipt/fiscal", "fiscal", "must name each of its members once")
        members[name] = value
    for name in ("fn", "i"):
        digits = members.get(name, "")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= DIGITS_MAX):
            raise refuse("/receipt/fiscal", "fiscal", f"must have {name}, in digits")
    return Fiscal(fn=members["fn"].lstrip("0") or "0", document=members["i"].lstrip("0") or "0")
