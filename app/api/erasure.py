"""The calls about a person's rights: what was agreed to, erasure, and the records of erasures."""

from app.api.answers import to_bytes
from app.api.calls import ADMINS, SUPPORT, Call, Operation
from app.api.erasure_schemas import (
    ConsentsAnswer,
    EraseBody,
    ErasureAnswer,
    ErasuresAnswer,
    consent_record_document,
    erasure_document,
    kept_erasure_document,
)
from app.api.query import PageQuery
from app.domain.rejections import Rejection
from app.flows.erase_customer import EraseRequest, Erasure
from app.flows.requests import Answer

_MISSING = Rejection.CUSTOMER_NOT_FOUND


async def erase(call: Call) -> Answer:
    body: EraseBody = call.body
    request = EraseRequest(call.id(_MISSING), asked_by=body.asked_by, asked_at=body.asked_at, ground=body.ground)
    return await call.service.erase(call.as_write, request)


async def erasures(call: Call) -> Answer:
    query: PageQuery = call.query
    page = await call.service.erasures(limit=query.limit, cursor=query.cursor)
    return Answer(200, to_bytes({"items": [kept_erasure_document(each) for each in page.items], "next": page.next}))


async def consents(call: Call) -> Answer:
    query: PageQuery = call.query
    page = await call.service.consents(call.id(_MISSING), limit=query.limit, cursor=query.cursor)
    return Answer(200, to_bytes({"items": [consent_record_document(each) for each in page.items], "next": page.next}))


def erasure_bytes(erasure: Erasure) -> bytes:
    return to_bytes(erasure_document(erasure))


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/customers/{id}/consents",
        name="consents",
        summary="What the customer agreed to and took back, the newest first",
        description="The newest record of a purpose stands. No record is ever changed; they outlive an erasure.",
        tag="Customers",
        handler=consents,
        roles=SUPPORT,
        query=PageQuery,
        answers={200: ConsentsAnswer},
        refusals=(_MISSING,),
    ),
    Operation(
        method="POST",
        path="/v1/customers/{id}/erase",
        name="erase",
        summary="Destroy the customer's personal data, for ever; the ledger stays",
        description="The customer's key is destroyed, and all that the customer could be found by. The id still finds"
        " the books: they are closed (409 `customer_blocked`) but for returns and releases, and what time brings."
        " Stored purchases of who has come often are tidied within minutes (`tidied_at` of `GET /v1/erasures`)."
        " Whoever was erased before: the first record. A copy for the customer, before it: `GET …/export`.",
        tag="Customers",
        handler=erase,
        roles=SUPPORT,
        body=EraseBody,
        answers={200: ErasureAnswer},
        refusals=(_MISSING,),
        is_write=True,
        noted=lambda call: {"asked_by": call.body.asked_by.value, "ground": call.body.ground.value},
        examples={
            "asked for by the customer": {
                "asked_by": "customer",
                "asked_at": "2026-11-21T12:00:00+03:00",
                "ground": "gdpr_17",
            }
        },
    ),
    Operation(
        method="GET",
        path="/v1/erasures",
        name="erasures",
        summary="The records of all erasures, the newest first: what a regulator is shown",
        tag="Customers",
        handler=erasures,
        roles=ADMINS,
        query=PageQuery,
        answers={200: ErasuresAnswer},
    ),
)
