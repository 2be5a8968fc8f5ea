"""The call that shows what the running self-audit has found and not yet seen mended."""

from pydantic import Field

from app.api.answers import to_bytes
from app.api.answers_schema import AnswerBody, Id, Instant
from app.api.calls import Call, Operation
from app.api.query import PageQuery
from app.flows.ports_audit import OpenFinding
from app.flows.requests import Answer, Role
from app.flows.results import Page

_DESCRIPTION = """\
The service goes over its own books all the time, by the checks of `verify`. What is listed here was found and not yet
seen mended, the oldest first. A customer whose books do not add up may redeem nothing meanwhile (409
`customer_blocked`); accruals and returns go on.
"""


class FindingAnswer(AnswerBody):
    id: Id
    check: str = Field(examples=["customer_balance"], description="A stable name, as `verify` says it.")
    customer: Id | None
    tx_id: str | None
    expected: str
    found: str
    found_at: Instant
    seen_at: Instant = Field(description="When a look found it last.")


class FindingsAnswer(AnswerBody):
    items: list[FindingAnswer]
    next: str | None


async def findings(call: Call) -> Answer:
    query: PageQuery = call.query
    return Answer(200, findings_bytes(await call.service.findings(limit=query.limit, cursor=query.cursor)))


def findings_bytes(page: Page[OpenFinding]) -> bytes:
    return to_bytes({"items": [_document(finding) for finding in page.items], "next": page.next})


def _document(finding: OpenFinding) -> dict[str, object]:
    return {
        "id": finding.id,
        "check": finding.check,
        "customer": finding.customer,
        "tx_id": finding.tx,
        "expected": finding.expected,
        "found": finding.found,
        "found_at": finding.found_at,
        "seen_at": finding.seen_at,
    }


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/ledger/findings",
        name="ledger_findings",
        summary="What the running self-audit has found",
        description=_DESCRIPTION,
        tag="Operations",
        handler=findings,
        roles=frozenset({Role.SUPPORT, Role.ANALYST, Role.ADMIN}),
        query=PageQuery,
        answers={200: FindingsAnswer},
    ),
)
