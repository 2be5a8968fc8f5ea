"""Answers about coupons: their documents, and what they look like."""

from pydantic import Field

from app.api.answers_schema import AnswerBody, Id, Instant
from app.flows.ports_coupons import CouponsMade, CouponState, CouponView


class CouponsMadeAnswer(AnswerBody):
    pool: str | None
    codes: list[str]
    customer: Id | None = Field(description="Whose the code is; null: anybody's.")
    uses_max: int | None = Field(description="Of each code; null is without end.")
    uses_per_customer: int | None
    from_: Instant | None = Field(alias="from")
    until: Instant | None


class CouponAnswer(AnswerBody):
    code: str
    pool: str | None
    state: CouponState
    public: bool = Field(description="Only a rule of the program names it: without bounds, and nobody counts its uses.")
    uses: int | None
    uses_max: int | None
    uses_per_customer: int | None
    customer: Id | None
    from_: Instant | None = Field(alias="from")
    until: Instant | None


class CouponListAnswer(AnswerBody):
    items: list[CouponAnswer]
    next: str | None


def made_document(made: CouponsMade) -> dict[str, object]:
    terms = made.terms
    return {
        "pool": made.pool,
        "codes": made.codes,
        "customer": made.customer,
        "uses_max": terms.uses_max,
        "uses_per_customer": terms.per_customer,
        "from": terms.start,
        "until": terms.end,
    }


def coupon_document(view: CouponView) -> dict[str, object]:
    coupon = view.coupon
    return {
        "code": coupon.code,
        "pool": coupon.pool,
        "state": view.state,
        "public": view.is_public,
        "uses": None if view.is_public else coupon.uses,
        "uses_max": coupon.uses_max,
        "uses_per_customer": coupon.per_customer,
        "customer": coupon.customer,
        "from": coupon.start,
        "until": coupon.end,
    }
