"""The calls about a customer: register, find, change, and what they have."""

from app.api import answers
from app.api.adjustments import AdjustmentAnswer
from app.api.answers_schema import (
    BalanceAnswer,
    CustomerAnswer,
    HistoryAnswer,
    LookupAnswer,
    LotsAnswer,
    PostedAnswer,
)
from app.api.calls import SUPPORT, TILLS_AND_SUPPORT, Call, Operation
from app.api.customer_schemas import AdjustBody, Consent, LookupBody, RegisterBody, UpdateBody
from app.api.guesses import a_customer, a_newcomer, an_identifier
from app.api.identity import identifiers_of, identify
from app.api.query import BalanceQuery, PageQuery
from app.domain.identifiers import Identifier, IdentifierKind
from app.domain.rejections import Rejected, Rejection
from app.flows.requests import AdjustRequest, Answer, RegisterRequest, UpdateRequest

_IDENTIFIERS = frozenset({"phone", "card", "external_id"})
_REACHED_BY = _IDENTIFIERS | {"email"}  # E-mail is where codes go: a till that changed it would get them itself.
_MISSING = Rejection.CUSTOMER_NOT_FOUND


async def register(call: Call) -> Answer:
    body: RegisterBody = call.body
    referrer = None
    if body.referrer is not None:
        referrer = identify(body.referrer, region=call.phone_region, pointer="/referrer")
    request = RegisterRequest(
        identifiers=identifiers_of(body, region=call.phone_region),
        name=body.name,
        birthday=body.birthday,
        email=body.email,
        tags=tuple(body.tags),
        consents=tuple(map(consent_document, body.consents)),
        referrer=referrer,
    )
    return await call.service.register(call.as_write, request)


async def lookup(call: Call) -> Answer:
    body: LookupBody = call.body
    found = await call.service.lookup(identify(body.customer, region=call.phone_region, takes_code=True))
    return Answer(200, answers.found(found))


async def customer(call: Call) -> Answer:
    found = await call.service.customer(call.id(_MISSING))
    return Answer(200, answers.profile(found, is_masked=call.caller.role not in SUPPORT))


async def update(call: Call) -> Answer:
    """Tills may correct a profile; who is reached by which phone, card or e-mail, only support may change."""
    body: UpdateBody = call.body
    sent = body.model_fields_set
    if sent & _REACHED_BY and call.caller.role not in SUPPORT:
        raise Rejected(
            Rejection.INSUFFICIENT_SCOPE, "This key may not change a customer's phone, card, external id or e-mail."
        )
    changes: dict[str, object] = {name: getattr(body, name) for name in sent - _IDENTIFIERS}
    if "tags" in changes:
        changes["tags"] = tuple(body.tags)
    if "consents" in changes:
        changes["consents"] = tuple(map(consent_document, body.consents))
    request = UpdateRequest(
        customer=call.id(_MISSING), identifiers=identifiers_of(body, region=call.phone_region), changes=changes
    )
    return await call.service.update(call.as_write, request)


async def balance(call: Call) -> Answer:
    query: BalanceQuery = call.query
    view = await call.service.balance(call.id(_MISSING), min_version=query.min_version, as_of=query.as_of)
    return Answer(200, answers.balance(view))


async def history(call: Call) -> Answer:
    query: PageQuery = call.query
    return Answer(
        200, answers.history(await call.service.history(call.id(_MISSING), limit=query.limit, cursor=query.cursor))
    )


async def lots(call: Call) -> Answer:
    query: PageQuery = call.query
    return Answer(200, answers.lots(await call.service.lots(call.id(_MISSING), limit=query.limit, cursor=query.cursor)))


async def adjust(call: Call) -> Answer:
    body: AdjustBody = call.body
    request = AdjustRequest(
        customer=Identifier(IdentifierKind.ID, str(call.id(_MISSING))),
        wallet=body.wallet,
        points=body.points,
        reason=body.reason,
    )
    return await call.service.adjust(call.as_write, request)


def consent_document(consent: Consent) -> dict[str, object]:
    """JSON-ready, without what was not sent."""
    told = {
        "type": consent.type,
        "given": consent.given,
        "at": None if consent.at is None else consent.at.isoformat(),
        "version": consent.version,
        "channel": consent.channel,
        "text_hash": consent.text_hash,
    }
    return {name: value for name, value in told.items() if value is not None}


_ON_PROFILE = (Rejection.IDENTIFIER_TAKEN,)

OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/customers",
        name="register",
        summary="Register a customer",
        tag="Customers",
        handler=register,
        roles=TILLS_AND_SUPPORT,
        body=RegisterBody,
        answers={201: CustomerAnswer},
        refusals=(*_ON_PROFILE, _MISSING),
        is_write=True,
        examples={"by phone": {"phone": "+7 900 123-45-67", "name": "Anna", "birthday": "1990-05-04", "tags": ["vip"]}},
        guesses=a_newcomer,
    ),
    Operation(
        method="POST",
        path="/v1/customers/lookup",
        name="lookup",
        summary="Find a customer, with balances and tier",
        description="Writes nothing and needs no Idempotency-Key. Personal data is masked. `offline_allowance` is"
        " signed: a till may take so many units without connection until then, and sends the token with the receipt.",
        tag="Customers",
        handler=lookup,
        roles=TILLS_AND_SUPPORT,
        body=LookupBody,
        answers={200: LookupAnswer},
        refusals=(_MISSING,),
        examples={
            "by phone": {"customer": {"phone": "8 (900) 123-45-67"}},
            "by card": {"customer": {"card": "22001234"}},
        },
        guesses=a_customer,
    ),
    Operation(
        method="GET",
        path="/v1/customers/{id}",
        name="customer",
        summary="Profile, balances, tier and the way to the next",
        unmasked_for=SUPPORT,
        description="Personal data is masked for tills and shops, in clear for support and admin.",
        tag="Customers",
        handler=customer,
        roles=TILLS_AND_SUPPORT,
        answers={200: CustomerAnswer},
        refusals=(_MISSING,),
    ),
    Operation(
        method="PATCH",
        path="/v1/customers/{id}",
        name="update",
        summary="Change a profile: only what is sent changes",
        noted=lambda call: {"changed": " ".join(sorted(call.body.model_fields_set))},
        description=(
            "Phone, card, external id and e-mail only by support and admin. The answer is masked, since it is stored."
        ),
        tag="Customers",
        handler=update,
        roles=TILLS_AND_SUPPORT,
        body=UpdateBody,
        answers={200: CustomerAnswer},
        refusals=(*_ON_PROFILE, _MISSING),
        is_write=True,
        examples={"tags": {"tags": ["vip", "staff"]}, "forget the e-mail": {"email": None}},
        guesses=an_identifier,
    ),
    Operation(
        method="GET",
        path="/v1/customers/{id}/balance",
        name="balance",
        summary="Balances by wallet, now or at another moment",
        description="Up to 30 seconds old unless `min_version` is sent; never shows what isn't committed.",
        tag="Customers",
        handler=balance,
        roles=TILLS_AND_SUPPORT,
        query=BalanceQuery,
        answers={200: BalanceAnswer},
        refusals=(_MISSING,),
    ),
    Operation(
        method="GET",
        path="/v1/customers/{id}/history",
        name="history",
        summary="Postings with their entries, newest first",
        tag="Customers",
        handler=history,
        roles=TILLS_AND_SUPPORT,
        query=PageQuery,
        answers={200: HistoryAnswer},
        refusals=(_MISSING,),
    ),
    Operation(
        method="GET",
        path="/v1/customers/{id}/lots",
        name="lots",
        summary="Open lots in spending order",
        tag="Customers",
        handler=lots,
        roles=TILLS_AND_SUPPORT,
        query=PageQuery,
        answers={200: LotsAnswer},
        refusals=(_MISSING,),
    ),
    Operation(
        method="POST",
        path="/v1/customers/{id}/adjust",
        name="adjust",
        summary="Add or take away units, with a reason",
        description="Above `ADJUST_CONFIRM_ABOVE` units: 202, and a second person decides it (`/v1/adjustments`).",
        tag="Customers",
        handler=adjust,
        roles=SUPPORT,
        body=AdjustBody,
        answers={201: PostedAnswer, 202: AdjustmentAnswer},
        refusals=(_MISSING, Rejection.CUSTOMER_BLOCKED, Rejection.INSUFFICIENT_POINTS),
        is_write=True,
        noted=lambda call: {"wallet": call.body.wallet, "points": call.body.points},
        examples={"a present": {"wallet": "points", "points": 100, "reason": "an apology"}},
    ),
)
