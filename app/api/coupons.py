"""The calls about coupons: make codes, see what one is good for, block one."""

from collections.abc import Iterator

from pydantic_core import PydanticCustomError

from app.api import answers
from app.api.calls import MARKETERS, TILLS_AND_SUPPORT, Call, Operation
from app.api.coupon_answers import CouponAnswer, CouponListAnswer, CouponsMadeAnswer
from app.api.coupon_schemas import CouponsBody, CouponsQuery, read_code
from app.api.faults import refuse
from app.api.guesses import a_code, a_customer
from app.api.identity import identify
from app.domain.rejections import Fault, Rejected, Rejection
from app.flows import refusals
from app.flows.ports_audit_log import Details
from app.flows.ports_coupons import CodeRequest, Draw, PoolRequest, Term, Terms
from app.flows.requests import Answer

_TERMS = {"uses": Term.USES, "uses_per_customer": Term.USES_PER_CUSTOMER, "from_": Term.FROM, "until": Term.UNTIL}
_MADE_UP = ("length", "prefix")


async def make_coupons(call: Call) -> Answer:
    return await call.service.make_coupons(call.as_write, _request(call.body, region=call.phone_region))


async def coupon(call: Call) -> Answer:
    return Answer(200, answers.coupon(await call.service.coupon(_code(call))))


async def coupons(call: Call) -> Answer:
    query: CouponsQuery = call.query
    return Answer(200, answers.coupons(await call.service.coupons(query.pool, limit=query.limit, cursor=query.cursor)))


async def block_coupon(call: Call) -> Answer:
    return await call.service.block_coupon(call.as_write, _code(call))


def _code(call: Call) -> str:
    try:
        return read_code(call.params["code"])
    except PydanticCustomError:
        raise refusals.no_coupon() from None


def _request(body: CouponsBody, *, region: str) -> PoolRequest | CodeRequest:
    """One of the three forms.

    Raises:
        Rejected: members of two forms, or of none; `until` not after `from`.
    """
    if faults := tuple(_misfits(body)):
        raise Rejected(Rejection.VALIDATION_ERROR, "The request is none of the three forms.", faults)
    if body.from_ is not None and body.until is not None and body.until <= body.from_:
        raise refuse("/until", "range", "must be after from")
    sent = body.model_fields_set
    is_for_all = body.customer is None and body.count is None
    terms = Terms(
        uses_max=body.uses if is_for_all or "uses" in sent else 1,
        per_customer=body.uses_per_customer,
        start=body.from_,
        end=body.until,
    )
    draw = Draw(length=body.length, prefix=body.prefix)
    if body.count is not None and body.pool is not None:
        named = frozenset(term for name, term in _TERMS.items() if name in sent)
        return PoolRequest(pool=body.pool, count=body.count, draw=draw, terms=terms, sent=named)
    customer = None if body.customer is None else identify(body.customer, region=region)
    return CodeRequest(code=body.code, draw=draw, terms=terms, customer=customer, pool=body.pool)


def _misfits(body: CouponsBody) -> Iterator[Fault]:
    """Members that the form which the body seems to have doesn't take, or lacks."""
    made_up = [name for name in _MADE_UP if name in body.model_fields_set]
    if body.count is not None:
        unfit = [name for name in ("customer", "code") if getattr(body, name) is not None]
        if body.pool is None:
            yield Fault("/pool", "missing", "is required with count")
    elif body.customer is not None:
        unfit = [] if body.code is None else made_up
    elif body.code is not None:
        unfit = [*(["pool"] if body.pool is not None else []), *made_up]
    else:
        yield Fault("", "exactly_one", "must have exactly one form: pool and count, customer, or code alone")
        return
    for name in unfit:
        yield Fault(f"/{name}", "unfit", "must not be there in this form")


def _noted(call: Call) -> Details:
    """How many, and of which pool; never a code."""
    body: CouponsBody = call.body
    return {"count": body.count or 1, **({"pool": body.pool} if body.pool is not None else {})}


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/coupons",
        name="make_coupons",
        summary="Make codes: a pool of them, a personal one, or one for all",
        description=(
            "A pool is made by the first call that names it, and its codes keep the bounds of that call: later calls "
            "add codes, with the same bounds or without any. A single code has bounds of its own. Codes don't care "
            "about case."
        ),
        tag="Coupons",
        handler=make_coupons,
        roles=MARKETERS,
        body=CouponsBody,
        noted=_noted,
        answers={201: CouponsMadeAnswer},
        refusals=(Rejection.CUSTOMER_NOT_FOUND,),
        is_write=True,
        examples={
            "a pool": {"pool": "spring", "count": 3, "prefix": "SP-", "until": "2027-06-01T00:00:00+03:00"},
            "a personal code": {"customer": {"phone": "+7 900 123-45-67"}, "pool": "birthday", "uses": 1},
            "one code for all": {"code": "SPRING", "uses": 1000, "uses_per_customer": 1},
        },
        guesses=a_customer,
    ),
    Operation(
        method="GET",
        path="/v1/coupons",
        name="coupons",
        summary="Stored codes by code, of one pool or of all",
        tag="Coupons",
        handler=coupons,
        roles=MARKETERS,
        query=CouponsQuery,
        answers={200: CouponListAnswer},
    ),
    Operation(
        method="GET",
        path="/v1/coupons/{code}",
        name="coupon",
        summary="A code, and what it is good for now",
        description=(
            "`state` is the code's own, whoever shows it; a quote says what it gives to a customer. A code that only a "
            "rule of the program in force names is `public`."
        ),
        tag="Coupons",
        handler=coupon,
        roles=TILLS_AND_SUPPORT | MARKETERS,
        answers={200: CouponAnswer},
        refusals=(Rejection.NOT_FOUND,),
        guesses=a_code,
    ),
    Operation(
        method="POST",
        path="/v1/coupons/{code}/block",
        name="block_coupon",
        summary="Block a code for good",
        description="Tills see a blocked code as unknown. Purchases that used it stand.",
        tag="Coupons",
        handler=block_coupon,
        roles=MARKETERS,
        answers={200: CouponAnswer},
        refusals=(Rejection.NOT_FOUND,),
        is_write=True,
        guesses=a_code,
    ),
)
