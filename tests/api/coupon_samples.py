"""Coupons and segments that tests of the edge use again and again."""

from typing import Any

from app.domain.coupons import Coupon
from app.flows.keep_segments import MembersChanged, Segment
from app.flows.ports_coupons import CouponsMade, CouponState, CouponView, Terms
from tests.api import samples


def pool() -> dict[str, Any]:
    """A body of `POST /v1/coupons`."""
    return {
        "pool": "spring",
        "count": 2,
        "length": 8,
        "prefix": "SP-",
        "uses": 3,
        "uses_per_customer": 1,
        "from": "2026-11-21T12:00:00+03:00",
        "until": "2026-12-21T12:00:00+03:00",
    }


def made() -> CouponsMade:
    return CouponsMade("spring", ("SP-AAAAAAAA", "SP-BBBBBBBB"), None, Terms(3, 1, samples.NOON, None))


def view() -> CouponView:
    coupon = Coupon("SPRING", customer=str(samples.CUSTOMER), uses=1, uses_max=3, end=samples.NOON)
    return CouponView(coupon, CouponState.EXPIRED)


def segment() -> Segment:
    return Segment("coffee", "Coffee twice a week", samples.REGISTERED)


def changed() -> MembersChanged:
    return MembersChanged("coffee", added=2, removed=1)
