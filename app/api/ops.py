"""The calls of those who run the service: is the process up, can it serve, and its figures."""

from app.api import answers
from app.api.answers_schema import LiveAnswer, ReadyAnswer
from app.api.calls import Call, Operation
from app.domain.rejections import Rejection
from app.flows.requests import Answer
from app.telemetry import METRICS_TYPE, render_metrics


async def live(_call: Call) -> Answer:
    return Answer(200, answers.to_bytes({"status": "ok"}))


async def ready(call: Call) -> Answer:
    """A dead cache is `degraded` and still ready."""
    parts = await call.service.is_ready()
    status = "ok" if all(state == "ok" for state in parts.values()) else "degraded"
    return Answer(200, answers.to_bytes({"status": status, **parts}))


async def metrics(_call: Call) -> Answer:
    return Answer(200, render_metrics())


OPERATIONS = (
    Operation(
        method="GET",
        path="/health/live",
        name="live",
        summary="The process is up",
        tag="Operations",
        handler=live,
        roles=None,
        answers={200: LiveAnswer},
    ),
    Operation(
        method="GET",
        path="/health/ready",
        name="ready",
        summary="Migrations at head, database writable; a dead cache is `degraded`, still 200",
        tag="Operations",
        handler=ready,
        roles=None,
        answers={200: ReadyAnswer},
        refusals=(Rejection.UNAVAILABLE,),
    ),
    Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        summary="Prometheus text",
        tag="Operations",
        handler=metrics,
        roles=None,
        answers={200: None},
        media_type=METRICS_TYPE,
    ),
)
