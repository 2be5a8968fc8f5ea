"""Every "no" that the business expects, in order of precedence.

A rejection is a value: flows check in this order, tests read in it, and `app.api.errors` gives each its HTTP status.
Whether a rejection is kept under its idempotency key, and whether asking again can help, is a property of the member,
not of the place that raises it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Rejection(StrEnum):
    """Codes of CONTRACT, section 2, in the order in which they are looked for."""

    MALFORMED_REQUEST = "malformed_request"
    IDEMPOTENCY_KEY_MISSING = "idempotency_key_missing"
    IDEMPOTENCY_KEY_INVALID = "idempotency_key_invalid"
    UNAUTHENTICATED = "unauthenticated"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_ACCEPTABLE = "not_acceptable"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    VALIDATION_ERROR = "validation_error"
    LIMIT_EXCEEDED = "limit_exceeded"
    PROGRAM_INVALID = "program_invalid"
    RATE_LIMITED = "rate_limited"
    LOOKUP_BUDGET_EXHAUSTED = "lookup_budget_exhausted"
    OVERLOADED = "overloaded"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    UNAVAILABLE = "unavailable"
    REQUEST_IN_PROGRESS = "request_in_progress"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    CUSTOMER_NOT_FOUND = "customer_not_found"
    CUSTOMER_BLOCKED = "customer_blocked"
    BUSY = "busy"
    IDENTIFIER_TAKEN = "identifier_taken"
    DUPLICATE_RECEIPT = "duplicate_receipt"
    HOLD_ALREADY_RESOLVED = "hold_already_resolved"
    HOLD_EXPIRED = "hold_expired"
    RETURN_EXCEEDS_PURCHASE = "return_exceeds_purchase"
    CONFIRMATION_DEAD = "confirmation_dead"
    CONFIRMATION_FAILED = "confirmation_failed"
    CONFIRMATION_REQUIRED = "confirmation_required"
    INSUFFICIENT_POINTS = "insufficient_points"
    REDEEM_LIMIT_EXCEEDED = "redeem_limit_exceeded"
    BUDGET_EXHAUSTED = "budget_exhausted"
    QUOTE_CHANGED = "quote_changed"
    VELOCITY_LIMIT = "velocity_limit"
    DRAW_NOT_READY = "draw_not_ready"  # A prize draw is in another state than the call needs.
    ADJUSTMENT_DECIDED = "adjustment_decided"  # Somebody else was faster, or it has expired.
    ALERT_DECIDED = "alert_decided"  # Dismissed or confirmed before.
    BACKTEST_REQUIRED = "backtest_required"  # Only where the setting PUBLISH_NEEDS_BACKTEST is on.

    @property
    def is_kept(self) -> bool:
        """Whether the answer is final for its idempotency key: the same key gets the same refusal, whatever happens
        later.
        """
        return self in _KEPT

    @property
    def is_retryable(self) -> bool:
        """Whether the same request, unchanged, may succeed later."""
        return self in _RETRYABLE


_KEPT = frozenset(
    {
        Rejection.INSUFFICIENT_POINTS,
        Rejection.REDEEM_LIMIT_EXCEEDED,
        Rejection.BUDGET_EXHAUSTED,
        Rejection.DUPLICATE_RECEIPT,
        Rejection.HOLD_ALREADY_RESOLVED,
        Rejection.HOLD_EXPIRED,
        Rejection.QUOTE_CHANGED,
        Rejection.RETURN_EXCEEDS_PURCHASE,
        Rejection.CUSTOMER_BLOCKED,
        Rejection.IDENTIFIER_TAKEN,
    }
)
_RETRYABLE = frozenset(
    {
        Rejection.RATE_LIMITED,
        Rejection.LOOKUP_BUDGET_EXHAUSTED,
        Rejection.VELOCITY_LIMIT,
        Rejection.OVERLOADED,
        Rejection.DEADLINE_EXCEEDED,
        Rejection.UNAVAILABLE,
        Rejection.REQUEST_IN_PROGRESS,
        Rejection.BUSY,
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a document: where (RFC 6901 pointer), which, and what is to be there: "must be …", or a sentence
    of its own in programs.
    """

    pointer: str
    code: str
    message: str


@dataclass(eq=False)  # Not frozen: contextlib sets __traceback__ on what passes through it.
class Rejected(Exception):
    """Raised by the domain, by flows and by the edge. `detail` is a sentence, `facts` are members of the problem
    document such as `available` or `original_tx_id`. `about` is for the audit log, and told to nobody else: what it was
    tried on, as `people/ID`.
    """

    rejection: Rejection
    detail: str
    faults: tuple[Fault, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    about: str = ""

    def __str__(self) -> str:
        return f"{self.rejection}: {self.detail}"


def unauthenticated() -> Rejected:
    """One body for missing, unknown and revoked keys: whoever guesses learns nothing from it."""
    return Rejected(Rejection.UNAUTHENTICATED, "Send a valid key as Authorization: Bearer KEY.")
