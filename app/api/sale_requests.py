"""Parsed bodies of sales, redemptions and returns to the requests that flows serve."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from app.api.calls import Call
from app.api.faults import refuse
from app.api.identity import identify
from app.api.lines import LineBody, line_of
from app.api.receipts import purchase_name_of, receipt_of
from app.api.schemas import (
    AccrueBody,
    BasketBody,
    ConfirmationBody,
    QuoteBody,
    RedeemBody,
    ReturnBody,
    ReturnByNameBody,
)
from app.domain.amounts import AMOUNT_MAX
from app.domain.basket import Basket, Line, Payment
from app.flows.requests import Confirmation, PurchaseName, PurchaseRequest, RedeemRequest, ReturnLine, ReturnRequest


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


def purchase_request(call: Call) -> PurchaseRequest:
    """`quote` and `accrue`.

    Raises:
        Rejected: what no model can see alone: twice the same line, an amount beyond the bound, an unreadable phone.
    """
    body: QuoteBody = call.body
    document: Mapping[str, Any] = call.document
    receipt = None
    if body.receipt is not None:
        receipt = receipt_of(body.receipt, document=document["receipt"], caller=call.caller)
    return PurchaseRequest(
        customer=None if body.customer is None else identify(body.customer, region=call.phone_region, takes_code=True),
        receipt=receipt,
        at=body.at,
        basket=basket_of(body.basket),
        lines=tuple(document["basket"]["lines"]),
        redeem=body.redeem.units,
        quote=body.quote,
        expect_paid=None if body.expect is None else body.expect.paid,
        explain=call.query.explain,
        is_russian=call.is_russian,
        rewards=body.redeem.rewards,
        confirmation=confirmation_of(body.confirmation) if isinstance(body, AccrueBody) else None,
    )


def redeem_request(call: Call) -> RedeemRequest:
    body: RedeemBody = call.body
    return RedeemRequest(
        customer=identify(body.customer, region=call.phone_region, takes_code=True),
        wallet=body.wallet,
        points=body.points,
        receipt=receipt_of(body.receipt, document=call.document["receipt"], caller=call.caller),
        reason=body.reason,
        confirmation=confirmation_of(body.confirmation),
        is_russian=call.is_russian,
    )


def confirmation_of(body: ConfirmationBody | None) -> Confirmation | None:
    return None if body is None else Confirmation(body.challenge_id, body.code)


def return_request(call: Call) -> ReturnRequest:
    """A return, of the purchase in the path or of the one that the body names."""
    body: ReturnBody = call.body
    lines = None
    if body.lines is not None:
        _check_unique(body.lines, pointer="/lines")
        lines = tuple(ReturnLine(id=line.id, qty_milli=line.qty) for line in body.lines)
    return ReturnRequest(
        purchase=_purchase(call, body),
        receipt=receipt_of(body.receipt, document=call.document["receipt"], caller=call.caller),
        lines=lines,
    )


def _purchase(call: Call, body: ReturnBody) -> UUID | PurchaseName:
    if isinstance(body, ReturnByNameBody):
        return purchase_name_of(body.purchase, caller=call.caller)
    return call.id()


def basket_of(body: BasketBody) -> Basket:
    """Raises `Rejected`: twice the same line, an amount beyond the bound."""
    _check_unique(body.lines, pointer="/basket/lines")
    sent: Sequence[Line | LineBody] = body.lines  # Offline lines say more, and come as their model.
    lines = tuple(line if isinstance(line, Line) else line_of(line) for line in sent)
    total = 0
    for place, line in enumerate(lines):
        total += line.gross
        if total > AMOUNT_MAX:
            raise refuse(f"/basket/lines/{place}", "range", f"price × qty up to here must be at most {AMOUNT_MAX}")
    return Basket(
        lines=lines,
        coupons=tuple(body.coupons),
        payments=tuple(Payment(method=payment.method, amount=payment.amount) for payment in body.payments),
    )


def _check_unique(lines: Sequence[_HasId], *, pointer: str) -> None:
    if len({line.id for line in lines}) == len(lines):
        return
    seen: set[str] = set()
    for place, line in enumerate(lines):
        if line.id in seen:
            raise refuse(f"{pointer}/{place}/id", "twice", "must be unique among the lines")
        seen.add(line.id)
