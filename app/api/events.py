"""The call about other acts than purchases."""

from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.api.calls import TILLS_AND_SUPPORT, Call, Operation
from app.api.fields import Body, Id, Instant
from app.api.query import ExplainQuery
from app.api.sale_answers_schema import EventAnswer
from app.domain.rejections import Rejection
from app.flows.requests import Answer, EventRequest

DATA_BYTES_MAX = 4 * 1024  # It is kept for ever, beside every act.


def _is_printable(text: str) -> str:
    if not text.isprintable():
        raise PydanticCustomError("text", "must have printable characters only")
    return text


def _is_small(data: dict[str, Any]) -> dict[str, Any]:
    if len(orjson.dumps(data)) > DATA_BYTES_MAX:
        raise PydanticCustomError("too_long", f"must have at most {DATA_BYTES_MAX} bytes as JSON")
    return data


class EventBody(Body):
    type: Annotated[Id, AfterValidator(_is_printable)] = Field(
        description="What rules test by `event`.", examples=["review"]
    )
    at: Instant | None = Field(default=None, description="When it happened; default: the database's clock.")
    data: Annotated[dict[str, Any], AfterValidator(_is_small)] = Field(
        default={}, description="Kept as it is until the customer is erased; rules don't look at it."
    )


async def post_event(call: Call) -> Answer:
    body: EventBody = call.body
    request = EventRequest(
        customer=call.id(Rejection.CUSTOMER_NOT_FOUND),
        type=body.type,
        at=body.at,
        data=body.data,
        explain=call.query.explain,
        is_russian=call.is_russian,
    )
    return await call.service.post_event(call.as_write, request)


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/customers/{id}/events",
        name="post_event",
        summary="Another act than a purchase: what it brings the customer",
        description=(
            "Rules that test `event` decide it. One that no rule rewards is posted too. It has no receipt, so nothing "
            "is drawn for it."
        ),
        tag="Customers",
        handler=post_event,
        roles=TILLS_AND_SUPPORT,
        body=EventBody,
        noted=lambda call: {"type": call.body.type},
        query=ExplainQuery,
        answers={201: EventAnswer},
        refusals=(Rejection.CUSTOMER_NOT_FOUND, Rejection.CUSTOMER_BLOCKED, Rejection.NOT_FOUND),
        is_write=True,
        scans=True,
        speaks=True,
        examples={"a review": {"type": "review", "data": {"stars": 5, "place": "maps"}}},
    ),
)
