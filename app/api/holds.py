"""The calls of a hold: place it, capture it or release it, see how it stands."""

from dataclasses import replace

from app.api import answers
from app.api.calls import TILLS, TILLS_AND_SUPPORT, Call, Operation
from app.api.faults import refuse
from app.api.guesses import a_hold
from app.api.hold_answers import HoldAnswer, HoldOrSaleAnswer, HoldStateAnswer
from app.api.hold_schemas import CaptureBody, CaptureLineBody, HoldBasketBody, HoldBody, HoldUnitsBody
from app.api.purchases import CONFIRMED
from app.api.query import ExplainQuery
from app.api.sale_requests import purchase_request, redeem_request
from app.domain.rejections import Rejection
from app.flows.requests import Answer, CaptureRequest, HoldRequest, ReturnLine


async def place(call: Call) -> Answer:
    body: HoldBasketBody | HoldUnitsBody = call.body.root
    inner = replace(call, body=body)
    what = purchase_request(inner) if isinstance(body, HoldBasketBody) else redeem_request(inner)
    return await call.service.place_hold(call.as_write, HoldRequest(what, body.ttl_seconds))


async def capture(call: Call) -> Answer:
    body: CaptureBody = call.body
    request = CaptureRequest(
        hold=call.id(),
        lines=None if body.lines is None else _lines(body.lines),
        explain=call.query.explain,
        is_russian=call.is_russian,
    )
    return await call.service.capture_hold(call.as_write, request)


async def release(call: Call) -> Answer:
    return await call.service.release_hold(call.as_write, call.id())


async def hold(call: Call) -> Answer:
    return Answer(200, answers.hold_state(await call.service.hold(call.caller, call.id())))


def _lines(lines: list[CaptureLineBody]) -> tuple[ReturnLine, ...]:
    """Raises `Rejected`: twice the same line."""
    seen: set[str] = set()
    for place, line in enumerate(lines):
        if line.id in seen:
            raise refuse(f"/lines/{place}/id", "twice", "must be unique among the lines")
        seen.add(line.id)
    return tuple(ReturnLine(id=line.id, qty_milli=line.qty) for line in lines)


_ON_PLACING = (
    Rejection.NOT_FOUND,  # No program has been published.
    Rejection.CUSTOMER_NOT_FOUND,
    Rejection.CUSTOMER_BLOCKED,
    Rejection.DUPLICATE_RECEIPT,
    *CONFIRMED,
    Rejection.INSUFFICIENT_POINTS,
    Rejection.REDEEM_LIMIT_EXCEEDED,
    Rejection.QUOTE_CHANGED,
    Rejection.BUDGET_EXHAUSTED,
    Rejection.VELOCITY_LIMIT,
)
_ON_ENDING = (Rejection.NOT_FOUND, Rejection.HOLD_EXPIRED, Rejection.HOLD_ALREADY_RESOLVED)

OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/holds",
        name="place_hold",
        summary="Set a purchase or points aside until the sale is final",
        description=(
            "A purchase as `accrue` takes it, or units as `redeem` takes them; it is a purchase where there is a "
            "`basket`. It is decided now and takes what a purchase takes; what it brings comes with its capture, and "
            "draws are shown then. It ends by itself at `expires_at`."
        ),
        tag="Holds",
        handler=place,
        roles=TILLS,
        body=HoldBody,
        query=ExplainQuery,
        answers={201: HoldOrSaleAnswer},
        refusals=_ON_PLACING,
        is_write=True,
        is_queued=True,
        examples={
            "a purchase": {
                "customer": {"phone": "+79001234567"},
                "receipt": {"number": "000140"},
                "basket": {"lines": [{"id": "1", "sku": "4601", "qty": 2, "price": 12900}]},
                "redeem": {"points": 50},
                "ttl_seconds": 1800,
            },
            "points": {
                "customer": {"card": "2200 1234"},
                "wallet": "points",
                "points": 300,
                "receipt": {"number": "000141"},
                "reason": "a mug",
            },
        },
        guesses=a_hold,
    ),
    Operation(
        method="POST",
        path="/v1/holds/{id}/capture",
        name="capture_hold",
        summary="Make a hold final, as a whole or some lines of it",
        description="Answers like the purchase that it has become; what is not captured goes back.",
        tag="Holds",
        handler=capture,
        roles=TILLS,
        body=CaptureBody,
        query=ExplainQuery,
        answers={201: HoldOrSaleAnswer},
        refusals=(Rejection.CUSTOMER_BLOCKED, *_ON_ENDING),
        is_write=True,
        is_queued=True,
        examples={"all of it": {}, "one of two": {"lines": [{"id": "1", "qty": 1}]}},
    ),
    Operation(
        method="POST",
        path="/v1/holds/{id}/release",
        name="release_hold",
        summary="Give everything back that a hold has set aside",
        tag="Holds",
        handler=release,
        roles=TILLS,
        answers={201: HoldAnswer},
        refusals=_ON_ENDING,
        is_write=True,
        is_queued=True,
    ),
    Operation(
        method="GET",
        path="/v1/holds/{id}",
        name="hold",
        summary="How a hold stands",
        description="A held basket as it was decided: `GET /v1/purchases/{id}`.",
        tag="Holds",
        handler=hold,
        roles=TILLS_AND_SUPPORT,
        answers={200: HoldStateAnswer},
        refusals=(Rejection.NOT_FOUND,),
    ),
)
