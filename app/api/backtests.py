"""The calls of a back-test: ask for one, see how far it is, read its report as JSON or as a page, stop it."""

from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.api import answers
from app.api.answers_schema import AnswerBody, Id, Instant
from app.api.backtest_page import page_of
from app.api.calls import MARKETERS, PROGRAM_READERS, Call, Operation
from app.api.fields import Body
from app.api.fields import Instant as InstantField
from app.domain.rejections import Rejected, Rejection
from app.flows.requests import Answer
from app.flows.try_draft import LAST_MAX, Backtest, BacktestRequest

HTML_TYPE = "text/html; charset=utf-8"


class BacktestBody(Body):
    """Which past: purchases posted from `from` on and before `until`, of them the `last` ones; nothing: 90 days."""

    from_: InstantField | None = Field(default=None, alias="from")
    until: InstantField | None = None
    last: Annotated[int, Field(ge=1, le=LAST_MAX)] | None = None

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.from_ is not None and self.until is not None and self.from_ >= self.until:
            raise PydanticCustomError("wrong_order", "must have until later than from")
        return self


class AskedAnswer(AnswerBody):
    from_: Instant | None = Field(alias="from")
    until: Instant | None
    last: int | None


class BacktestAnswer(AnswerBody):
    id: Id
    state: Literal["running", "done", "cancelled", "failed"]
    asked: AskedAnswer
    done: int
    total: int | None = Field(description="Baskets; null: not counted yet.")
    failure: str | None
    created_at: Instant
    created_by: str
    finished_at: Instant | None
    report: dict[str, Any] | None = Field(
        description="Cost by rule, tier, segment and day; winners and losers; limits."
    )


class BacktestAskedAnswer(AnswerBody):
    id: Id


async def ask(call: Call) -> Answer:
    body: BacktestBody = call.body
    request = BacktestRequest(start=body.from_, end=body.until, last=body.last)
    return await call.service.ask_backtest(call.as_write, request)


async def one(call: Call) -> Answer:
    return Answer(200, answers.to_bytes(_document(await call.service.backtest(call.id()))))


async def page(call: Call) -> Answer:
    found = await call.service.backtest(call.id())
    if found.report is None:
        raise Rejected(Rejection.NOT_FOUND, f"The back-test has no report: it is {found.state}.")
    return Answer(200, page_of(orjson.loads(found.report)))


async def cancel(call: Call) -> Answer:
    return await call.service.cancel_backtest(call.as_write, call.id())


def _document(found: Backtest) -> dict[str, object]:
    return {
        "id": found.id,
        "state": found.state,
        "asked": found.asked,
        "done": found.done,
        "total": found.total,
        "failure": found.failure,
        "created_at": found.created_at,
        "created_by": found.created_by,
        "finished_at": found.finished_at,
        "report": None if found.report is None else orjson.Fragment(found.report),
    }


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/program/draft/backtest",
        name="ask_backtest",
        summary="Try the draft on past baskets: what it would have cost",
        description=(
            "Answers at once with an id; the work is done by processes beside the service. Every stored basket is"
            " decided again as it was that day (tier, points, birthday), and compared with what was really given."
            " Limits and caps of customers cut as they would; what the whole program's budgets, uses and stocks would"
            " come to is said, with the day on which each would have been used up."
        ),
        tag="Program",
        handler=ask,
        roles=MARKETERS,
        body=BacktestBody,
        answers={202: BacktestAskedAnswer},
        refusals=(Rejection.NOT_FOUND,),
        is_write=True,
        examples={
            "the last thousand": {"last": 1000},
            "a month": {"from": "2026-10-01T00:00:00+03:00", "until": "2026-11-01T00:00:00+03:00"},
        },
    ),
    Operation(
        method="GET",
        path="/v1/program/backtests/{id}",
        name="backtest",
        summary="How far a back-test is, and its report",
        tag="Program",
        handler=one,
        roles=PROGRAM_READERS,
        answers={200: BacktestAnswer},
        refusals=(Rejection.NOT_FOUND,),
    ),
    Operation(
        method="GET",
        path="/v1/program/backtests/{id}/report",
        name="backtest_report",
        summary="The report as a page with charts",
        tag="Program",
        handler=page,
        roles=PROGRAM_READERS,
        answers={200: None},
        refusals=(Rejection.NOT_FOUND,),
        media_type=HTML_TYPE,
    ),
    Operation(
        method="POST",
        path="/v1/program/backtests/{id}/cancel",
        name="cancel_backtest",
        summary="Stop a back-test",
        tag="Program",
        handler=cancel,
        roles=MARKETERS,
        answers={200: BacktestAskedAnswer},
        refusals=(Rejection.NOT_FOUND,),
        is_write=True,
    ),
)
