"""Receipts made without connection, and the public keys by which tills read their allowances."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError

from app.api.answers import to_bytes
from app.api.body import fingerprint, refuse_unstorable
from app.api.calls import PROGRAM_BODY_MAX, TILLS, Call, Operation
from app.api.faults import is_storable, refuse, rejected_for
from app.api.identity import identify
from app.api.offline_schemas import JwksAnswer, OfflineAnswer, OfflineBody, OfflineReceiptBody
from app.api.receipts import receipt_of
from app.api.sale_requests import basket_of
from app.domain.amounts import gross
from app.domain.rejections import Rejected, Rejection
from app.domain.rules.given import TillFacts
from app.flows.post_offline import OfflineReceipt, OfflineResult
from app.flows.requests import Answer, PurchaseRequest, Receipt

_VALIDATOR = OfflineReceiptBody.__pydantic_validator__
_PATH = "/v1/receipts/offline"
_POSTED = 201
_TEXT_MAX = 64  # Of what is repeated of a receipt that can't be read: as long as a number or a shop may be.


async def post_offline(call: Call) -> Answer:
    # In a thread: a few megabytes take a third of a second, and tills that are on line don't wait for one that was not.
    receipts = await asyncio.to_thread(_receipts, call)
    return await call.service.post_offline(call.as_write, receipts)


async def allowance_keys(call: Call) -> Answer:
    return Answer(200, to_bytes({"keys": call.service.allowance_keys()}))


def results_bytes(results: Sequence[OfflineResult]) -> bytes:
    """The answer of a call. A purchase goes out as the bytes that are stored."""
    return to_bytes({"results": [_result(result) for result in results]})


def _receipts(call: Call) -> list[OfflineReceipt]:
    seen = set[tuple[str, str, str, str | None]]()
    return [_receipt(document, call, seen) for document in call.document]


def _receipt(document: Any, call: Call, seen: set[tuple[str, str, str, str | None]]) -> OfflineReceipt:
    """One receipt, or what is wrong with it; `seen` are the numbers of those before it that can be read."""
    former = fingerprint(method="POST", path=_PATH.encode(), query=b"", document=document)
    keyed = call.service.keyed(former)
    try:
        refuse_unstorable(document)
        try:
            body: OfflineReceiptBody = _VALIDATOR.validate_python(document)
        except ValidationError as error:
            raise rejected_for(error, document) from None
        request, till = _request(body, document, call)
        number = (till.shop, till.terminal, till.number, till.shift)
        if number in seen:
            raise refuse("/receipt/number", "twice", "must be sent once in a call")
    except Rejected as rejected:
        return OfflineReceipt(_as_told(document, call), keyed, former, refused=rejected)
    seen.add(number)
    return OfflineReceipt(_named(till), keyed, former, request=request, allowance=body.allowance)


def _request(body: OfflineReceiptBody, document: Mapping[str, Any], call: Call) -> tuple[PurchaseRequest, Receipt]:
    till = receipt_of(body.receipt, document=document["receipt"], caller=call.caller)
    for place, line in enumerate(body.basket.lines):
        if line.discount > gross(line.price, line.qty):
            raise refuse(f"/basket/lines/{place}/discount", "range", "must be at most price × qty of the line")
    request = PurchaseRequest(
        customer=None if body.customer is None else identify(body.customer, region=call.phone_region),
        receipt=till,
        at=body.executed_at,
        basket=basket_of(body.basket),
        lines=tuple(document["basket"]["lines"]),
        redeem=body.redeem.units,
        quote=None,
        expect_paid=None,
        explain=False,
        is_russian=call.is_russian,
        given=TillFacts(tuple(line.discount for line in body.basket.lines)),
    )
    return request, till


def _named(till: Receipt) -> dict[str, object]:
    named: dict[str, object] = {"shop": till.shop, "terminal": till.terminal, "number": till.number}
    return named if till.shift is None else named | {"shift": till.shift}


def _as_told(document: Mapping[str, Any], call: Call) -> dict[str, object]:
    """What a receipt that can't be read says of itself, where that is text."""
    sent = document.get("receipt")
    told = {name: sent.get(name) for name in ("shop", "number", "shift")} if isinstance(sent, dict) else {}
    texts = {name: text for name, text in told.items() if _is_text(text)}
    named: dict[str, object] = {
        "shop": texts.get("shop") or call.caller.shop or None,
        "terminal": call.caller.terminal,
        "number": texts.get("number"),
    }
    return named | {"shift": texts["shift"]} if "shift" in texts else named


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _TEXT_MAX and is_storable(value)


def _result(result: OfflineResult) -> dict[str, object]:
    answer = result.answer
    document: dict[str, object] = {"receipt": result.named, "status": answer.status}
    if answer.status != _POSTED:
        return document | {"problem": orjson.Fragment(answer.body)}
    document |= {"replayed": answer.is_replayed, "purchase": orjson.Fragment(answer.body)}
    offline = orjson.loads(answer.body)["offline"]
    if offline["debt"]:
        document["debt"] = offline["debt"]
    if offline["over_allowance"]:
        document["over_allowance"] = offline["over_allowance"]
    return document


_RECEIPT: dict[str, object] = {
    "executed_at": "2026-11-21T12:00:00+03:00",
    "customer": {"card": "2200 1234"},
    "receipt": {"number": "000123", "shift": "17"},
    "basket": {"lines": [{"id": "1", "sku": "4601", "qty": 2, "price": 12900, "discount": 2580}]},
}
_DESCRIPTION = """An array of up to 500 receipts (4 MiB), each posted by itself: one that is refused refuses no other.
Discounts of lines are facts (discount rules are `skipped`, `because: "offline"`); points are accrued by the version of
the program in force at `executed_at`; limits, tiers and draws go by the service's clock.

Each receipt is idempotent by shop, terminal, shift and number, whatever the call's key: sent again unchanged it answers
the same purchase with `replayed: true`; changed, or posted on line before, it is `duplicate_receipt` with
`original_tx_id`. So a call may be repeated with its key or with another, whole or in part.

`redeem` needs the `allowance` that a look-up gave (`offline_allowance`), good at `executed_at`. What was taken beyond
it, or beyond the balance, is posted all the same: `over_allowance`, and as `debt` what the customer owes until points
cover it. Pointers of a problem lead into its receipt."""

OPERATIONS = (
    Operation(
        method="POST",
        path=_PATH,
        name="post_offline",
        summary="Receipts made without connection: a result for each",
        description=_DESCRIPTION,
        tag="Sales",
        handler=post_offline,
        roles=TILLS,
        body=OfflineBody,
        answers={200: OfflineAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.LOOKUP_BUDGET_EXHAUSTED),  # No program has been published; guesses.
        is_write=True,
        is_long=True,
        scans=None,
        body_max=PROGRAM_BODY_MAX,
        examples={
            "two receipts": [_RECEIPT, _RECEIPT | {"receipt": {"number": "000124", "shift": "17"}, "customer": None}],
            "points were taken": [_RECEIPT | {"redeem": {"points": 50}, "allowance": "eyJhbGciOiJFZERTQSIs…"}],
        },
    ),
    Operation(
        method="GET",
        path="/.well-known/jwks.json",
        name="allowance_keys",
        summary="The public keys by which tills check offline allowances",
        description='A JWK set (RFC 7517). An allowance is a JWT (EdDSA, Ed25519) with the claims `iss` "kopilka",'
        ' `aud` "offline", `sub` (the customer\'s id), `wallet`, `units`, `iat`, `exp`, `jti`.',
        tag="Sales",
        handler=allowance_keys,
        roles=None,
        answers={200: JwksAnswer},
    ),
)
