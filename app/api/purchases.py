"""The calls of a sale: quote, accrue, redeem, returns, and what became of them."""

from uuid import UUID

from app.api import answers
from app.api.answers import ANSWERS
from app.api.answers_schema import PostedAnswer
from app.api.calls import TILLS, TILLS_AND_SUPPORT, WRITERS, Call, Operation
from app.api.guesses import a_customer, a_receipt, a_sale
from app.api.headers import check_key
from app.api.query import ExplainQuery, PreviewQuery, PurchaseQuery
from app.api.receipts import shop_of
from app.api.sale_answers_schema import ExplanationAnswer, PurchaseAnswer, RequestStateAnswer, ReturnAnswer, SaleAnswer
from app.api.sale_requests import purchase_request, redeem_request, return_request
from app.api.schemas import AccrueBody, QuoteBody, RedeemBody, ReturnBody, ReturnByNameBody
from app.domain.rejections import Rejection
from app.flows.requests import Answer, PurchaseName

_ON_BOOKS = (Rejection.CUSTOMER_NOT_FOUND, Rejection.CUSTOMER_BLOCKED, Rejection.DUPLICATE_RECEIPT)
CONFIRMED = (
    Rejection.CONFIRMATION_REQUIRED,
    Rejection.CONFIRMATION_FAILED,
    Rejection.CONFIRMATION_DEAD,
    Rejection.RATE_LIMITED,  # Too many codes were sent.
)
_ON_SALES = (
    Rejection.NOT_FOUND,  # No program has been published.
    Rejection.CONFIRMATION_REQUIRED,
    Rejection.INSUFFICIENT_POINTS,
    Rejection.REDEEM_LIMIT_EXCEEDED,
    Rejection.QUOTE_CHANGED,
    Rejection.BUDGET_EXHAUSTED,  # Of a reward that was asked for.
)


async def quote(call: Call) -> Answer:
    return Answer(200, ANSWERS.sale(await call.service.quote(call.caller, purchase_request(call))))


async def accrue(call: Call) -> Answer:
    return await call.service.accrue(call.as_write, purchase_request(call))


async def redeem(call: Call) -> Answer:
    return await call.service.redeem(call.as_write, redeem_request(call))


async def return_lines(call: Call) -> Answer:
    request = return_request(call)
    if call.write is None:
        return Answer(200, ANSWERS.returned(await call.service.preview_return(call.caller, request)))
    return await call.service.return_lines(call.write, request)


async def purchase(call: Call) -> Answer:
    return await _show(call, call.id())


async def explain_purchase(call: Call) -> Answer:
    record = await call.service.purchase(call.caller, call.id())
    return Answer(200, answers.explanation(record, is_russian=call.is_russian))


async def purchase_by_receipt(call: Call) -> Answer:
    query: PurchaseQuery = call.query
    terminal = call.caller.terminal if query.terminal is None else query.terminal
    shop = query.shop
    if shop is None:
        shop = shop_of(None, caller=call.caller, pointer="/query/shop")
    return await _show(call, PurchaseName(shop=shop, terminal=terminal, number=query.number, shift=query.shift))


async def request_state(call: Call) -> Answer:
    key = check_key(call.params["key"])
    return Answer(200, answers.request_state(await call.service.request_state(call.caller, key)))


async def _show(call: Call, name: UUID | PurchaseName) -> Answer:
    record = await call.service.purchase(call.caller, name)
    return Answer(200, answers.purchase(record, explain=call.query.explain, is_russian=call.is_russian))


_BASKET: dict[str, object] = {
    "customer": {"phone": "+79001234567"},
    "receipt": {"number": "000123"},
    "basket": {
        "lines": [{"id": "1", "sku": "4601", "name": "Coffee", "category": "drinks/coffee", "qty": 2, "price": 12900}],
        "payments": [{"method": "card", "amount": 20800}],
    },
    "redeem": {"points": 50},
}
_REWARD: dict[str, object] = {
    "customer": {"card": "2200 1234"},
    "receipt": {"number": "000125"},
    "basket": {"lines": [{"id": "1", "sku": "4601", "qty": 1, "price": 12900}], "coupons": ["SPRING"]},
    "redeem": {"rewards": {"free-coffee": 1}},
}

OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/quote",
        name="quote",
        summary="What a basket would cost and bring",
        description="Writes nothing. The answer's `quote` is a token that pins program version and time for `accrue`.",
        tag="Sales",
        handler=quote,
        roles=TILLS,
        body=QuoteBody,
        query=ExplainQuery,
        answers={200: SaleAnswer},
        refusals=(Rejection.CUSTOMER_NOT_FOUND, Rejection.CUSTOMER_BLOCKED, *_ON_SALES),
        examples={
            "a basket": _BASKET,
            "anonymous": {"basket": {"lines": [{"id": "1", "qty": "0.345", "price": 89900}]}},
        },
        guesses=a_sale,
    ),
    Operation(
        method="POST",
        path="/v1/accrue",
        name="accrue",
        summary="Commit a purchase: discounts, redemption and accruals in one posting",
        tag="Sales",
        handler=accrue,
        roles=TILLS,
        body=AccrueBody,
        query=ExplainQuery,
        answers={201: SaleAnswer},
        refusals=(*_ON_BOOKS, *_ON_SALES, *CONFIRMED[1:], Rejection.VELOCITY_LIMIT),
        is_write=True,
        is_queued=True,
        examples={
            "a purchase": _BASKET | {"at": "2026-11-21T12:00:00+03:00", "expect": {"paid": 20800}},
            "with a coupon and a reward that costs points": _REWARD,
        },
        guesses=a_sale,
    ),
    Operation(
        method="POST",
        path="/v1/redeem",
        name="redeem",
        summary="Spend points with no basket: a gift, a service, a partner",
        tag="Sales",
        handler=redeem,
        roles=TILLS,
        body=RedeemBody,
        answers={201: PostedAnswer},
        refusals=(*_ON_BOOKS, *CONFIRMED, Rejection.INSUFFICIENT_POINTS, Rejection.VELOCITY_LIMIT),
        is_write=True,
        is_queued=True,
        examples={
            "a gift": {
                "customer": {"card": "2200 1234"},
                "wallet": "points",
                "points": 300,
                "receipt": {"number": "000124"},
                "reason": "a mug",
            }
        },
        guesses=a_customer,
    ),
    Operation(
        method="POST",
        path="/v1/purchases/{id}/returns",
        name="return_lines",
        summary="Bring goods back: some lines, or all that is left",
        tag="Sales",
        handler=return_lines,
        roles=TILLS,
        body=ReturnBody,
        query=PreviewQuery,
        answers={201: ReturnAnswer, 200: ReturnAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.DUPLICATE_RECEIPT, Rejection.RETURN_EXCEEDS_PURCHASE),
        is_write=True,
        is_queued=True,
        can_preview=True,
        examples={
            "one of two": {"receipt": {"number": "000130"}, "lines": [{"id": "1", "qty": 1}]},
            "all that is left": {"receipt": {"number": "000131"}, "all": True},
        },
    ),
    Operation(
        method="POST",
        path="/v1/returns",
        name="return_by_receipt",
        summary="Bring goods back, the purchase named by its receipt",
        tag="Sales",
        handler=return_lines,
        roles=TILLS,
        body=ReturnByNameBody,
        query=PreviewQuery,
        answers={201: ReturnAnswer, 200: ReturnAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.DUPLICATE_RECEIPT, Rejection.RETURN_EXCEEDS_PURCHASE),
        is_write=True,
        is_queued=True,
        can_preview=True,
        examples={
            "by receipt": {
                "purchase": {"shop": "S1", "terminal": "T1", "number": "000123"},
                "receipt": {"number": "000131"},
                "all": True,
            }
        },
        guesses=a_receipt,
    ),
    Operation(
        method="GET",
        path="/v1/purchases/{id}",
        name="purchase",
        summary="A purchase as it was decided, and what was returned since",
        tag="Sales",
        handler=purchase,
        roles=TILLS_AND_SUPPORT,
        query=ExplainQuery,
        answers={200: PurchaseAnswer},
        refusals=(Rejection.NOT_FOUND,),
    ),
    Operation(
        method="GET",
        path="/v1/purchases/{id}/explain",
        name="explain_purchase",
        summary="Why each rule did or did not apply, as decided that day",
        description="By receipt number: `GET /v1/purchases?number=…&explain=true`.",
        tag="Sales",
        handler=explain_purchase,
        roles=TILLS_AND_SUPPORT,
        answers={200: ExplanationAnswer},
        refusals=(Rejection.NOT_FOUND,),
        speaks=True,
    ),
    Operation(
        method="GET",
        path="/v1/purchases",
        name="purchase_by_receipt",
        summary="A purchase by its receipt",
        tag="Sales",
        handler=purchase_by_receipt,
        roles=TILLS_AND_SUPPORT,
        query=PurchaseQuery,
        answers={200: PurchaseAnswer},
        refusals=(Rejection.NOT_FOUND,),
        guesses=a_receipt,
    ),
    Operation(
        method="GET",
        path="/v1/requests/{key}",
        name="request_state",
        summary="What became of an idempotency key",
        description="`unknown`: never seen, or still running; repeat the request with the same key.",
        tag="Sales",
        handler=request_state,
        roles=WRITERS,
        answers={200: RequestStateAnswer},
        refusals=(Rejection.IDEMPOTENCY_KEY_INVALID,),
    ),
)
