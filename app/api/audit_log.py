"""The audit log as an admin reads it."""

from typing import Annotated, Literal

from pydantic import Field

from app.api.answers import to_bytes
from app.api.answers_schema import AnswerBody, Id
from app.api.answers_schema import Instant as InstantAnswer
from app.api.calls import Call, Operation
from app.api.fields import Instant
from app.api.query import PageQuery
from app.flows.ports_audit_log import TEXT_LENGTH_MAX, LogQuery, LogRow, Outcome
from app.flows.requests import Answer, Role
from app.flows.results import Page

_DESCRIPTION = """\
Every write that a person has made: keys, programs, adjustments, coupons, cards. Every refusal for want of a key or a
right, and every limit that was reached (a row for the first of a kind in a minute, one with `count` for the others).
Personal data read unmasked, customers that people asked for in vain, customers frozen by the self-audit, imports.
Tills' sales stand in the ledger, not here. A row that the service can't have written is shown as `unreadable`.

Each process appends to a chain of its own (`instance`, `seq`, `hash`); `verify` recomputes the chains. Nobody can
change or delete a row through the service or with its database role.
"""

_Text = Annotated[str, Field(min_length=1, max_length=TEXT_LENGTH_MAX)]


class AuditLogQuery(PageQuery):
    actor: _Text | None = Field(default=None, description="The id of a key or person.")
    action: _Text | None = Field(default=None, description="The name of a call, as `publish`.")
    object: _Text | None = Field(default=None, description="What it was done to, as `customers/ID`.")
    from_: Instant | None = Field(default=None, alias="from", json_schema_extra={"format": "date-time"})
    until: Instant | None = Field(default=None, description="Not included.", json_schema_extra={"format": "date-time"})
    outcome: Literal["done", "refused", "failed"] | None = None


class DeedAnswer(AnswerBody):
    id: Id
    at: InstantAnswer
    actor_kind: str = Field(examples=["key"], description="key, person, operator, service or unknown.")
    actor: str = Field(description="Empty where nobody knows.")
    action: str = Field(examples=["adjust"])
    object: str = Field(examples=["customers/0193…"])
    outcome: str = Field(examples=["done"])
    ip: str
    request_id: str
    details: dict[str, str | int | bool] = Field(
        description="`count`: so many of this kind in a minute; without it, one."
    )
    instance: str = Field(description="The process, and the chain.")
    seq: int
    hash: str = Field(description="SHA-256 over the hash before and this row, hexadecimal.")


class AuditLogAnswer(AnswerBody):
    items: list[DeedAnswer]
    next: str | None


async def audit_log(call: Call) -> Answer:
    query: AuditLogQuery = call.query
    asked = LogQuery(
        actor=query.actor,
        action=query.action,
        object=query.object,
        outcome=None if query.outcome is None else Outcome(query.outcome),
        start=query.from_,
        end=query.until,
    )
    return Answer(200, page_bytes(await call.service.audit_log(asked, limit=query.limit, cursor=query.cursor)))


def page_bytes(page: Page[LogRow]) -> bytes:
    return to_bytes({"items": [_document(row) for row in page.items], "next": page.next})


def _document(row: LogRow) -> dict[str, object]:
    deed = row.deed
    return {
        "id": row.id,
        "at": row.at,
        "actor_kind": deed.actor_kind,
        "actor": deed.actor,
        "action": deed.action,
        "object": deed.object,
        "outcome": deed.outcome,
        "ip": deed.ip,
        "request_id": deed.request_id,
        "details": deed.details,
        "instance": row.instance,
        "seq": row.seq,
        "hash": row.hash.hex(),
    }


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/audit-log",
        name="audit_log",
        summary="Who did what, when, from where, with which result; the newest first",
        description=_DESCRIPTION,
        tag="Operations",
        handler=audit_log,
        roles=frozenset({Role.ADMIN}),
        query=AuditLogQuery,
        answers={200: AuditLogAnswer},
    ),
)
