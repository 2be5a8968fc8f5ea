"""The bytes of every answer. What is stored under an idempotency key is what was sent, so flows ask for bytes here.

Instants are RFC 3339 in the offset they carry (UTC as `Z`), ids are strings, quantities are integers or decimal
strings.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar
from uuid import UUID

import orjson

from app.api.coupon_answers import coupon_document, made_document
from app.api.customer_answer import (
    balance_document,
    history_document,
    lookup_document,
    lot_document,
    profile_document,
)
from app.api.draw_answer import prize_document
from app.api.errors import problem
from app.api.hold_answers import hold_document, hold_state_document
from app.api.record_answer import explanation_document, record_document
from app.api.sale_answer import balances_document, event_document, sale_document
from app.domain.amounts import quantity
from app.domain.programs.lint import Finding
from app.domain.rejections import Rejected
from app.flows.keep_segments import MembersChanged, Segment
from app.flows.ports_coupons import CouponsMade, CouponView
from app.flows.requests import Answer
from app.flows.results import (
    BalanceView,
    CustomerProfile,
    EventPosted,
    HistoryItem,
    HoldPosted,
    HoldView,
    LotView,
    Page,
    Posted,
    ProgramVersion,
    PurchaseRecord,
    RequestState,
    Returned,
    Sale,
)

T = TypeVar("T")


def to_bytes(document: object) -> bytes:
    return orjson.dumps(document, default=_plain, option=orjson.OPT_UTC_Z)


def _plain(value: object) -> object:
    """What the serialiser doesn't know: the driver's own form of ids, mappings and sets that are no dicts and lists."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return sorted(value)
    raise TypeError(f"no JSON for a {type(value).__name__}")


class JsonAnswers:
    """The port `Answers` of the flows."""

    def sale(self, sale: Sale) -> bytes:
        return to_bytes(sale_document(sale))

    def returned(self, returned: Returned) -> bytes:
        return to_bytes(
            {
                "id": returned.id,
                "tx_id": returned.id,
                "version": returned.version,
                "purchase": returned.purchase,
                "refund": returned.refund,
                "lines": [
                    {
                        "id": line.id,
                        "qty": quantity(line.qty_milli),
                        "refund": line.refund,
                        "taken_back": line.taken_back,
                        "given_back": line.given_back,
                    }
                    for line in returned.lines
                ],
                "taken_back": returned.taken_back,
                "given_back": returned.given_back,
                "expired_again": returned.expired_again,
                "clamped": returned.clamped,
                "costs_kept": returned.costs_kept,
                "draws": [prize_document(record) for record in returned.draws],
                "coupons": returned.coupons,
                "voided": returned.voided,
                "balances": balances_document(returned.balances),
            }
        )

    def posted(self, posted: Posted) -> bytes:
        return to_bytes(
            {"tx_id": posted.tx_id, "version": posted.version, "balances": balances_document(posted.balances)}
        )

    def hold(self, posted: HoldPosted) -> bytes:
        return to_bytes(hold_document(posted))

    def customer(self, profile: CustomerProfile) -> bytes:
        return to_bytes(profile_document(profile, is_masked=True))

    def draft(self, document: object, findings: Sequence[Finding]) -> bytes:
        """The document as kept, with what is doubtful in it."""
        if not isinstance(document, dict):
            raise TypeError("a program is a JSON object")
        return to_bytes({**document, "findings": findings_document(findings)})

    def published(self, version: int) -> bytes:
        return to_bytes({"version": version})

    def event(self, posted: EventPosted) -> bytes:
        return to_bytes(event_document(posted))

    def coupons_made(self, made: CouponsMade) -> bytes:
        return to_bytes(made_document(made))

    def coupon(self, view: CouponView) -> bytes:
        return coupon(view)

    def segment(self, segment: Segment) -> bytes:
        return to_bytes(_segment_document(segment))

    def members_changed(self, changed: MembersChanged) -> bytes:
        return to_bytes({"id": changed.segment, "added": changed.added, "removed": changed.removed})

    def refusal(self, rejected: Rejected, *, request_id: str) -> Answer:
        return problem(rejected, request_id=request_id)


ANSWERS = JsonAnswers()


def profile(profile: CustomerProfile, *, is_masked: bool) -> bytes:
    return to_bytes(profile_document(profile, is_masked=is_masked))


def found(profile: CustomerProfile) -> bytes:
    """A customer who was looked up."""
    return to_bytes(lookup_document(profile))


def balance(view: BalanceView) -> bytes:
    return to_bytes(balance_document(view))


def history(page: Page[HistoryItem]) -> bytes:
    return _page(page, history_document)


def lots(page: Page[LotView]) -> bytes:
    return _page(page, lot_document)


def purchase(record: PurchaseRecord, *, explain: bool, is_russian: bool) -> bytes:
    return to_bytes(record_document(record, explain=explain, is_russian=is_russian))


def explanation(record: PurchaseRecord, *, is_russian: bool) -> bytes:
    return to_bytes(explanation_document(record, is_russian=is_russian))


def hold_state(view: HoldView) -> bytes:
    return to_bytes(hold_state_document(view))


def request_state(state: RequestState) -> bytes:
    """What became of a key; the stored body goes out as the bytes it is."""
    if state.body is None:
        return to_bytes({"state": "unknown", "status": None, "body": None})
    return to_bytes({"state": "done", "status": state.status, "body": orjson.Fragment(state.body)})


def coupon(view: CouponView) -> bytes:
    return to_bytes(coupon_document(view))


def coupons(page: Page[CouponView]) -> bytes:
    return _page(page, coupon_document)


def segments(page: Page[Segment]) -> bytes:
    return _page(page, _segment_document)


def _segment_document(segment: Segment) -> dict[str, object]:
    return {"id": segment.id, "title": segment.title, "created_at": segment.created_at}


def findings(found: Sequence[Finding]) -> bytes:
    return to_bytes({"findings": findings_document(found)})


def findings_document(found: Sequence[Finding]) -> list[dict[str, str]]:
    return [
        {
            "pointer": finding.pointer,
            "severity": finding.severity.value,
            "code": finding.code,
            "message": finding.message,
        }
        for finding in found
    ]


def program(version: ProgramVersion) -> bytes:
    return to_bytes(_version_document(version) | {"document": orjson.Fragment(version.document)})


def program_versions(page: Page[ProgramVersion]) -> bytes:
    return _page(page, _version_document)


def _version_document(version: ProgramVersion) -> dict[str, object]:
    return {
        "version": version.version,
        "published_at": version.published_at,
        "published_by": version.published_by,
    }


def _page(page: Page[T], document_of: Callable[[T], dict[str, object]]) -> bytes:
    return to_bytes({"items": [document_of(item) for item in page.items], "next": page.next})
