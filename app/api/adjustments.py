"""The calls of adjustments that need a second person: see those that wait, approve, decline."""

from uuid import UUID

import orjson
from pydantic import Field

from app.api.answers import to_bytes
from app.api.answers_schema import AnswerBody, Id, Instant, PostedAnswer
from app.api.calls import SUPPORT, Call, Operation
from app.api.query import PageQuery
from app.domain.rejections import Rejection
from app.flows.confirm_adjustments import AdjustmentAnswers
from app.flows.ports_adjustments import Adjustment
from app.flows.requests import Answer
from app.flows.results import Page

_DESCRIPTION = """\
An adjustment of more than `ADJUST_CONFIRM_ABOVE` units (0: none), or by which one person would have adjusted more than
that of a customer's wallet in a local day, is answered with 202 and posts nothing: somebody else with the right to
adjust approves or declines it within 7 days; keys that a person or their keys have made are that person's. Then it is
posted, exactly once, under an idempotency key of its own, `adjustment-ID`.
"""


class AdjustmentAnswer(AnswerBody):
    id: Id
    state: str = Field(examples=["pending"], description="pending, approved, declined or expired.")
    customer: Id
    wallet: str
    points: int
    reason: str | None = Field(default=None, description="Where it is read; kept answers don't repeat it.")
    asked_by: str = Field(description="The id of the key or person.")
    asked_at: Instant
    expires_at: Instant
    decided_by: str | None
    decided_at: Instant | None
    tx_id: Id | None = Field(description="The posting, once there is one.")
    refusal: str | None = Field(description="The code of what stood in the posting's way.")


class AdjustmentsAnswer(AnswerBody):
    items: list[AdjustmentAnswer]
    next: str | None


class ApprovedAnswer(PostedAnswer):
    id: Id


async def waiting(call: Call) -> Answer:
    query: PageQuery = call.query
    return Answer(200, page_bytes(await call.service.adjustments(limit=query.limit, cursor=query.cursor)))


async def one(call: Call) -> Answer:
    return Answer(200, to_bytes(_document(await call.service.adjustment(call.id()))))


async def approve(call: Call) -> Answer:
    return await call.service.approve_adjustment(call.as_write, call.id())


async def decline(call: Call) -> Answer:
    return await call.service.decline_adjustment(call.as_write, call.id())


def page_bytes(page: Page[Adjustment]) -> bytes:
    return to_bytes({"items": [_document(each) for each in page.items], "next": page.next})


def _kept(adjustment: Adjustment) -> bytes:
    """Without what somebody wrote freely: it may name a person."""
    return to_bytes({name: value for name, value in _document(adjustment).items() if name != "reason"})


def _posted(adjustment_id: UUID, posted: bytes) -> bytes:
    return to_bytes({"id": adjustment_id, **orjson.loads(posted)})


def _posting(posted: bytes) -> UUID:
    return UUID(orjson.loads(posted)["tx_id"])


def _code(refusal: bytes) -> str:
    return str(orjson.loads(refusal)["code"])


def _document(adjustment: Adjustment) -> dict[str, object]:
    return {
        "id": adjustment.id,
        "state": adjustment.state.value,
        "customer": adjustment.customer,
        "wallet": adjustment.wallet,
        "points": adjustment.points,
        "reason": adjustment.reason,
        "asked_by": adjustment.asked_by,
        "asked_at": adjustment.asked_at,
        "expires_at": adjustment.expires_at,
        "decided_by": adjustment.decided_by,
        "decided_at": adjustment.decided_at,
        "tx_id": adjustment.tx_id,
        "refusal": adjustment.refusal,
    }


ADJUSTMENT_ANSWERS = AdjustmentAnswers(one=_kept, posted=_posted, posting=_posting, code=_code)

_DECIDING = (Rejection.NOT_FOUND, Rejection.ADJUSTMENT_DECIDED)

OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/adjustments",
        name="adjustments",
        summary="Adjustments that wait for a second person, the oldest first",
        unmasked_for=SUPPORT,
        description=_DESCRIPTION,
        tag="Customers",
        handler=waiting,
        roles=SUPPORT,
        query=PageQuery,
        answers={200: AdjustmentsAnswer},
    ),
    Operation(
        method="GET",
        path="/v1/adjustments/{id}",
        name="adjustment",
        summary="An adjustment that needed a second person, whatever became of it",
        unmasked_for=SUPPORT,
        tag="Customers",
        handler=one,
        roles=SUPPORT,
        answers={200: AdjustmentAnswer},
        refusals=(Rejection.NOT_FOUND,),
    ),
    Operation(
        method="POST",
        path="/v1/adjustments/{id}/approve",
        name="approve_adjustment",
        summary="Approve what somebody else has asked for; it is posted before this answers",
        description="One's own: 403 `insufficient_scope`. An approval that was cut off is finished by the next one.",
        tag="Customers",
        handler=approve,
        roles=SUPPORT,
        answers={201: ApprovedAnswer},
        refusals=(*_DECIDING, Rejection.CUSTOMER_NOT_FOUND, Rejection.CUSTOMER_BLOCKED, Rejection.INSUFFICIENT_POINTS),
        is_write=True,
    ),
    Operation(
        method="POST",
        path="/v1/adjustments/{id}/decline",
        name="decline_adjustment",
        summary="Decline what somebody else has asked for",
        tag="Customers",
        handler=decline,
        roles=SUPPORT,
        answers={200: AdjustmentAnswer},
        refusals=_DECIDING,
        is_write=True,
    ),
)
