"""Every "no" to its status, and the problem document (RFC 9457) that says it. Nowhere else is an error formed."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from app.domain.rejections import Rejected, Rejection
from app.flows.requests import Answer

PROBLEM_TYPE = "application/problem+json"
INTERNAL_ERROR = "internal_error"

# What is over after a second: another request with the same key, a lock, a restart of the database's connections.
RETRY_AFTER_MS = 1_000

TYPE_PREFIX = "urn:kopilka:problem:"


@dataclass(frozen=True, slots=True)
class Kind:
    status: int
    title: str


KINDS: Mapping[Rejection, Kind] = {
    Rejection.MALFORMED_REQUEST: Kind(400, "The request can't be read"),
    Rejection.IDEMPOTENCY_KEY_MISSING: Kind(400, "A write needs an Idempotency-Key"),
    Rejection.IDEMPOTENCY_KEY_INVALID: Kind(400, "The Idempotency-Key can't be used"),
    Rejection.UNAUTHENTICATED: Kind(401, "A valid key is needed"),
    Rejection.INSUFFICIENT_SCOPE: Kind(403, "This key may not do that"),
    Rejection.NOT_FOUND: Kind(404, "Not found"),
    Rejection.METHOD_NOT_ALLOWED: Kind(405, "This path has other methods"),
    Rejection.NOT_ACCEPTABLE: Kind(406, "Answers are JSON"),
    Rejection.UNSUPPORTED_MEDIA_TYPE: Kind(415, "Bodies are JSON in UTF-8"),
    Rejection.PAYLOAD_TOO_LARGE: Kind(413, "The body is too large"),
    Rejection.VALIDATION_ERROR: Kind(422, "The request has mistakes"),
    Rejection.LIMIT_EXCEEDED: Kind(422, "The request is beyond a limit"),
    Rejection.PROGRAM_INVALID: Kind(422, "The program has mistakes"),
    Rejection.RATE_LIMITED: Kind(429, "Too many requests"),
    Rejection.LOOKUP_BUDGET_EXHAUSTED: Kind(429, "Too many look-ups found nothing"),
    Rejection.VELOCITY_LIMIT: Kind(429, "The customer has reached a limit"),
    Rejection.OVERLOADED: Kind(503, "Too much work at the moment"),
    Rejection.DEADLINE_EXCEEDED: Kind(503, "It could not begin in time"),
    Rejection.UNAVAILABLE: Kind(503, "The service can't answer at the moment"),
    Rejection.REQUEST_IN_PROGRESS: Kind(409, "A request with this key is running"),
    Rejection.IDEMPOTENCY_KEY_REUSED: Kind(422, "This key belongs to another request"),
    Rejection.CUSTOMER_NOT_FOUND: Kind(404, "No such customer"),
    Rejection.CUSTOMER_BLOCKED: Kind(409, "The customer is blocked"),
    Rejection.BUSY: Kind(503, "The customer is busy"),
    Rejection.IDENTIFIER_TAKEN: Kind(409, "The identifier belongs to another customer"),
    Rejection.DUPLICATE_RECEIPT: Kind(409, "This receipt has been posted"),
    Rejection.HOLD_ALREADY_RESOLVED: Kind(409, "The hold has ended before"),
    Rejection.HOLD_EXPIRED: Kind(409, "The hold's time is over"),
    Rejection.RETURN_EXCEEDS_PURCHASE: Kind(409, "More is returned than was bought"),
    Rejection.CONFIRMATION_DEAD: Kind(410, "The confirmation can't be used any more"),
    Rejection.CONFIRMATION_FAILED: Kind(403, "The code is wrong"),
    Rejection.CONFIRMATION_REQUIRED: Kind(403, "The customer must confirm"),
    Rejection.INSUFFICIENT_POINTS: Kind(409, "Not enough points"),
    Rejection.REDEEM_LIMIT_EXCEEDED: Kind(409, "More than this basket may be paid with"),
    Rejection.BUDGET_EXHAUSTED: Kind(409, "The reward is used up"),
    Rejection.QUOTE_CHANGED: Kind(409, "The quote is no longer true"),
    Rejection.DRAW_NOT_READY: Kind(409, "The prize draw isn't ready for it"),
    Rejection.ADJUSTMENT_DECIDED: Kind(409, "The adjustment has been decided"),
    Rejection.ALERT_DECIDED: Kind(409, "The alert has been decided"),
    Rejection.BACKTEST_REQUIRED: Kind(409, "The draft has not been tried on past baskets"),
}


def problem(rejected: Rejected, *, request_id: str) -> Answer:
    """The problem document of a "no"; `facts` are members of it."""
    rejection = rejected.rejection
    kind = KINDS[rejection]
    document: dict[str, object] = {
        "type": TYPE_PREFIX + rejection,
        "title": kind.title,
        "status": kind.status,
        "detail": rejected.detail,
        "code": rejection,
        "request_id": request_id,
        "retryable": rejection.is_retryable,
    }
    if rejected.faults:
        document["errors"] = [
            {"pointer": fault.pointer, "code": fault.code, "message": fault.message} for fault in rejected.faults
        ]
    if rejection.is_retryable:
        document["retry_after_ms"] = rejected.facts.get("retry_after_ms", RETRY_AFTER_MS)
    document |= {name: fact for name, fact in rejected.facts.items() if name not in document}
    return Answer(kind.status, orjson.dumps(document, default=str, option=orjson.OPT_UTC_Z))


def internal_error(*, request_id: str) -> Answer:
    """What nobody foresaw. A write may or may not have happened: the same key tells."""
    document = {
        "type": TYPE_PREFIX + INTERNAL_ERROR,
        "title": "Something went wrong",
        "status": 500,
        "detail": "The service failed to answer. Repeat the request with the same Idempotency-Key.",
        "code": INTERNAL_ERROR,
        "request_id": request_id,
        "retryable": True,
    }
    return Answer(500, orjson.dumps(document))
