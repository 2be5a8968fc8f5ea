"""The calls about segments: make one, list them, put customers in and take them out."""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.api import answers, guesses
from app.api.answers_schema import AnswerBody, Instant
from app.api.calls import MARKETERS, Call, Operation
from app.api.coupon_schemas import Named
from app.api.fields import Body, Name
from app.api.identity import identify
from app.api.query import PageQuery
from app.api.schemas import Ref
from app.domain.identifiers import Identifier
from app.domain.rejections import Fault, Rejected, Rejection
from app.flows import refusals
from app.flows.keep_segments import MembersRequest
from app.flows.requests import Answer

MEMBERS_MAX = 500  # A call: some 20 ms of locks on customers whom tills may be waiting for.
ID_LENGTH_MAX = 64


class SegmentBody(Body):
    id: Named = Field(description="What rules test by `segment`.", examples=["coffee-lovers"])
    title: Name | None = None


class MembersBody(Body):
    """At least one customer, and at most 500 in both lists together."""

    add: Annotated[list[Ref], Field(max_length=MEMBERS_MAX)] = Field(default=[])
    remove: Annotated[list[Ref], Field(max_length=MEMBERS_MAX)] = Field(default=[])

    @model_validator(mode="after")
    def _names_some(self) -> Self:
        named = len(self.add) + len(self.remove)
        if not named:
            raise PydanticCustomError("too_short", "must name at least one customer in add or remove")
        if named > MEMBERS_MAX:
            raise PydanticCustomError("too_long", f"must have at most {MEMBERS_MAX} customers in add and remove")
        return self


class SegmentAnswer(AnswerBody):
    id: str
    title: str | None
    created_at: Instant


class SegmentListAnswer(AnswerBody):
    items: list[SegmentAnswer]
    next: str | None


class MembersAnswer(AnswerBody):
    id: str
    added: int = Field(description="Who was in it already isn't counted.")
    removed: int


async def make_segment(call: Call) -> Answer:
    body: SegmentBody = call.body
    return await call.service.make_segment(call.as_write, body.id, title=body.title)


async def segments(call: Call) -> Answer:
    query: PageQuery = call.query
    return Answer(200, answers.segments(await call.service.segments(limit=query.limit, cursor=query.cursor)))


async def change_members(call: Call) -> Answer:
    body: MembersBody = call.body
    segment = call.params["id"]
    if len(segment) > ID_LENGTH_MAX or not segment.isprintable():
        raise refusals.no_segment()
    request = MembersRequest(
        segment=segment,
        add=_identifiers(body.add, region=call.phone_region, name="add"),
        remove=_identifiers(body.remove, region=call.phone_region, name="remove"),
    )
    return await call.service.change_members(call.as_write, request)


def _identifiers(refs: list[Ref], *, region: str, name: str) -> tuple[Identifier, ...]:
    """Raises `Rejected` for a reference that can't be read, with its place."""
    found = []
    for place, ref in enumerate(refs):
        try:
            found.append(identify(ref, region=region, pointer=f"/{name}/{place}"))
        except Rejected as rejected:
            if rejected.rejection is not Rejection.CUSTOMER_NOT_FOUND:
                raise
            fault = Fault(f"/{name}/{place}", "unknown", "must be a customer")
            raise Rejected(Rejection.CUSTOMER_NOT_FOUND, rejected.detail, (fault,)) from None
    return tuple(found)


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/segments",
        name="make_segment",
        summary="Make a segment: a named set of customers that rules may test",
        tag="Segments",
        handler=make_segment,
        roles=MARKETERS,
        body=SegmentBody,
        answers={201: SegmentAnswer},
        is_write=True,
        examples={"a segment": {"id": "coffee-lovers", "title": "Coffee twice a week"}},
    ),
    Operation(
        method="GET",
        path="/v1/segments",
        name="segments",
        summary="All segments by id",
        tag="Segments",
        handler=segments,
        roles=MARKETERS,
        query=PageQuery,
        answers={200: SegmentListAnswer},
    ),
    Operation(
        method="POST",
        path="/v1/segments/{id}/members",
        name="change_members",
        summary="Put customers into a segment, take customers out",
        description=(
            "All of it or nothing: where somebody is unknown, 404 `customer_not_found` lists each by its place. Rules "
            "see it from the next quote and purchase on."
        ),
        tag="Segments",
        handler=change_members,
        roles=MARKETERS,
        body=MembersBody,
        noted=lambda call: {"add": len(call.body.add), "remove": len(call.body.remove)},
        notes_refusals=True,
        guesses=guesses.many_customers,
        answers={200: MembersAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.CUSTOMER_NOT_FOUND),
        is_write=True,
        examples={"one in, one out": {"add": [{"phone": "+7 900 123-45-67"}], "remove": [{"card": "22001234"}]}},
    ),
)
