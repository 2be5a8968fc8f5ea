"""Every rejection has its status, and they are those of the contract."""

import orjson
import pytest

from app.api.answers_schema import Problem
from app.api.errors import KINDS, internal_error, problem
from app.api.replies import Reply
from app.domain.rejections import Fault, Rejected, Rejection

# CONTRACT, section 2, table of errors: status, codes, kept.
CONTRACT = {
    400: ("malformed_request idempotency_key_missing idempotency_key_invalid", False),
    401: ("unauthenticated", False),
    403: ("insufficient_scope confirmation_required confirmation_failed", False),
    404: ("not_found customer_not_found", False),
    405: ("method_not_allowed", False),
    406: ("not_acceptable", False),
    410: ("confirmation_dead", False),
    413: ("payload_too_large", False),
    415: ("unsupported_media_type", False),
    422: ("validation_error limit_exceeded idempotency_key_reused program_invalid", False),
    429: ("rate_limited lookup_budget_exhausted velocity_limit", False),
    503: ("unavailable overloaded busy deadline_exceeded", False),
}
CONFLICTS_KEPT = {
    "insufficient_points", "redeem_limit_exceeded", "duplicate_receipt", "quote_changed", "return_exceeds_purchase",
    "customer_blocked", "identifier_taken", "budget_exhausted", "hold_expired", "hold_already_resolved",
}  # fmt: skip


@pytest.mark.parametrize("rejection", list(Rejection))
def test_every_rejection_has_its_status(rejection: Rejection) -> None:
    answer = problem(Rejected(rejection, "Because.", (Fault("/a", "b", "c"),)), request_id="r")
    document = orjson.loads(answer.body)
    Problem.model_validate(document)
    assert document["code"] == rejection.value
    assert document["type"] == f"urn:kopilka:problem:{rejection.value}"
    assert document["status"] == answer.status == KINDS[rejection].status
    assert document["errors"] == [{"pointer": "/a", "code": "b", "message": "c"}]
    assert document["retryable"] is rejection.is_retryable
    if answer.status == 409:
        assert rejection.is_kept is (rejection.value in CONFLICTS_KEPT)
        assert rejection.is_kept or rejection in {
            Rejection.REQUEST_IN_PROGRESS,
            Rejection.ADJUSTMENT_DECIDED,
            Rejection.ALERT_DECIDED,
            Rejection.BACKTEST_REQUIRED,
            Rejection.DRAW_NOT_READY,
        }
    else:
        codes, is_kept = CONTRACT[answer.status]
        assert rejection.value in codes.split()
        assert rejection.is_kept is is_kept


def test_no_rejection_is_missing_and_none_is_too_many() -> None:
    assert set(KINDS) == set(Rejection)


@pytest.mark.parametrize("rejection", [each for each in Rejection if each.is_retryable])
def test_what_may_succeed_later_says_when(rejection: Rejection) -> None:
    facts: dict[str, object] = {"allow": ["GET"]}
    reply = Reply.of(problem(Rejected(rejection, "Later.", facts=facts), request_id="r"))
    assert (b"retry-after", b"1") in reply.extra
    assert orjson.loads(reply.body)["retry_after_ms"] == 1_000


def test_what_nobody_foresaw_fits_the_model_too() -> None:
    document = orjson.loads(internal_error(request_id="r").body)
    Problem.model_validate(document)
    assert document["code"] == "internal_error"
