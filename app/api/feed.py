"""The call that reads the feed of events."""

from typing import Annotated

from pydantic import Field

from app.api.answers import to_bytes
from app.api.answers_schema import AnswerBody, Id, Instant
from app.api.calls import FEED_READERS, Call, Operation
from app.api.query import Number, PageQuery
from app.flows.read_events import FeedEvent
from app.flows.requests import Answer
from app.flows.results import Page


class FeedQuery(PageQuery):
    after: Number = Field(default=0, description="Events after this position; 0: from the first. A `cursor` wins.")


class FeedEntryAnswer(AnswerBody):
    account: str = Field(examples=["customer:available"])
    wallet: str
    amount: int


class FeedEventAnswer(AnswerBody):
    position: Annotated[int, Field(ge=1)]
    id: str = Field(description="As `audit_event.event_id`: the same however often the event is read.")
    type: str = Field(description="The posting's kind, as `audit_tx.kind`.", examples=["purchase"])
    tx_id: Id
    customer: Id | None
    version: int
    at: Instant
    created_at: Instant
    shop: str | None
    terminal: str | None
    receipt: str | None
    program: int | None
    purchase: Id | None = Field(description="The purchase that it makes, holds, brings back or lets go.")
    entries: list[FeedEntryAnswer]


class FeedAnswer(AnswerBody):
    items: list[FeedEventAnswer]
    next: str | None = Field(description="The last item's position; null where nothing more is there yet.")


async def feed(call: Call) -> Answer:
    query: FeedQuery = call.query
    page = await call.service.feed(after=query.after, limit=query.limit, cursor=query.cursor)
    return Answer(200, feed_bytes(page))


def feed_bytes(page: Page[FeedEvent]) -> bytes:
    return to_bytes({"items": [_document(event) for event in page.items], "next": page.next})


def _document(event: FeedEvent) -> dict[str, object]:
    return {
        "position": event.position,
        "id": event.id,
        "type": event.type,
        "tx_id": event.tx_id,
        "customer": event.customer,
        "version": event.version,
        "at": event.at,
        "created_at": event.created_at,
        "shop": event.shop,
        "terminal": event.terminal,
        "receipt": event.receipt,
        "program": event.program,
        "purchase": event.purchase,
        "entries": [
            {"account": entry.account, "wallet": entry.wallet, "amount": entry.amount} for entry in event.entries
        ],
    }


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/events",
        name="feed",
        summary="Everything that was posted, to be read on from a position",
        description=(
            "Positions grow without gaps, and no event ever comes before one that was there already: ask with `after`, "
            "the last position you have dealt with. A customer's events come in the order of their versions. A "
            "posting is here a second or two after its answer."
        ),
        tag="Events",
        handler=feed,
        roles=FEED_READERS,
        query=FeedQuery,
        answers={200: FeedAnswer},
    ),
)
