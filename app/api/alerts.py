"""The calls of alerts: what looks like abuse, for a human to decide."""

from datetime import date
from typing import Literal

from pydantic import Field

from app.api.answers import to_bytes
from app.api.answers_schema import AnswerBody, Id
from app.api.answers_schema import Instant as InstantAnswer
from app.api.calls import SUPPORT, Call, Operation
from app.api.fields import Body
from app.api.fields import Id as IdText
from app.api.query import PageQuery
from app.domain.abuse.tills import AlertKind
from app.domain.rejections import Rejection
from app.flows.ports_alerts import Alert, AlertQuery, AlertState
from app.flows.requests import Answer
from app.flows.results import Page

_DESCRIPTION = """\
`lookup_budget`: a till or a person has used up its misses of look-ups; `velocity`: a customer has reached a limit of a
day (`VELOCITY_…`) and was refused. The others are raised where their limit is
declared (`ALERT_…`), some seconds after the receipt: `same_customer`, one customer too often at one till in a day, as
a cashier's own card would be; `many_returns`; `rare_hour` and `high_sum`, a receipt far from the till's usual time or
sum. `offline_beyond_allowance` is raised always: a receipt made without connection took more than its allowance left
(`beyond`, of `allowed`). An alert is one kind at one till, of one customer where it is about one, on one day; `times`
counts (of `velocity` the seconds in which it was so, in each process). One that was dismissed is new again where it
comes again.
"""

Kind = Literal[
    "lookup_budget",
    "velocity",
    "same_customer",
    "many_returns",
    "rare_hour",
    "high_sum",
    "offline_beyond_allowance",
]


class AlertsQuery(PageQuery):
    state: Literal["new", "seen", "dismissed", "confirmed"] | None = None
    kind: Kind | None = None
    shop: IdText | None = None


class AlertDecisionBody(Body):
    state: Literal["seen", "dismissed", "confirmed"] = Field(
        description="Confirmed is final; dismissed too, until it comes again that day."
    )


class AlertAnswer(AnswerBody):
    id: Id
    kind: str = Field(examples=["same_customer"])
    state: str = Field(examples=["new"], description="new, seen, dismissed or confirmed.")
    shop: str = Field(description="Empty for a person's key.")
    terminal: str = Field(description="The till; the key's id for a person.")
    customer: Id | None
    day: date
    times: int = Field(description="How often it was seen that day.")
    facts: dict[str, int] = Field(description="The figures behind it as it was raised.")
    tx_id: Id | None = Field(description="The posting that raised it.")
    raised_at: InstantAnswer
    last_at: InstantAnswer
    decided_by: str | None
    decided_at: InstantAnswer | None


class AlertsAnswer(AnswerBody):
    items: list[AlertAnswer]
    next: str | None


async def alerts(call: Call) -> Answer:
    query: AlertsQuery = call.query
    asked = AlertQuery(
        state=None if query.state is None else AlertState(query.state),
        kind=None if query.kind is None else AlertKind(query.kind),
        shop=query.shop,
    )
    return Answer(200, page_bytes(await call.service.alerts(asked, limit=query.limit, cursor=query.cursor)))


async def decide(call: Call) -> Answer:
    body: AlertDecisionBody = call.body
    return await call.service.decide_alert(call.as_write, call.id(), AlertState(body.state))


def page_bytes(page: Page[Alert]) -> bytes:
    return to_bytes({"items": [_document(alert) for alert in page.items], "next": page.next})


def alert_bytes(alert: Alert) -> bytes:
    return to_bytes(_document(alert))


def _document(alert: Alert) -> dict[str, object]:
    raised = alert.raised
    return {
        "id": alert.id,
        "kind": raised.kind.value,
        "state": alert.state.value,
        "shop": raised.shop,
        "terminal": raised.terminal,
        "customer": raised.customer,
        "day": raised.day,
        "times": raised.times,
        "facts": dict(raised.facts),
        "tx_id": raised.tx_id,
        "raised_at": alert.raised_at,
        "last_at": alert.last_at,
        "decided_by": alert.decided_by,
        "decided_at": alert.decided_at,
    }


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/alerts",
        name="alerts",
        summary="What looks like abuse, the newest first",
        description=_DESCRIPTION,
        tag="Operations",
        handler=alerts,
        roles=SUPPORT,
        query=AlertsQuery,
        answers={200: AlertsAnswer},
    ),
    Operation(
        method="POST",
        path="/v1/alerts/{id}",
        name="decide_alert",
        summary="Say what became of an alert: seen, dismissed or confirmed",
        tag="Operations",
        handler=decide,
        roles=SUPPORT,
        body=AlertDecisionBody,
        answers={200: AlertAnswer},
        refusals=(Rejection.NOT_FOUND, Rejection.ALERT_DECIDED),
        is_write=True,
        examples={"a mistake": {"state": "dismissed"}},
        noted=lambda call: {"state": call.body.state},
    ),
)
