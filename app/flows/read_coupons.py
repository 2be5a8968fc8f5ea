"""Reading coupons: one code, with what it is good for now, and the codes of a pool."""

from app.domain.coupons import Coupon
from app.domain.rules.vouchers import public_names_of
from app.flows import refusals
from app.flows.cursors import text_of, to_text_cursor
from app.flows.ports import Programs
from app.flows.ports_coupons import CouponReads, CouponState, CouponView, is_reserved
from app.flows.results import Page


class ReadCoupons:
    def __init__(self, reads: CouponReads, *, programs: Programs) -> None:
        self._reads = reads
        self._programs = programs

    async def coupon(self, code: str) -> CouponView:
        """A stored code, or one that a rule of the program in force opens to all. Raises `Rejected(NOT_FOUND)`."""
        found = await self._reads.coupon(code)
        if found is not None:
            coupon, now = found
            if is_reserved(coupon):
                raise refusals.no_coupon()
            return CouponView.of(coupon, now=now)
        compiled = await self._programs.current()
        if compiled is None or code not in public_names_of(compiled.program):
            raise refusals.no_coupon()
        return CouponView(Coupon(code, uses_max=None), CouponState.ACTIVE, is_public=True)

    async def coupons(self, pool: str | None, *, limit: int, cursor: str | None) -> Page[CouponView]:
        """By code; of all pools and none where `pool` is None."""
        after = None if cursor is None else text_of(cursor)
        coupons, now = await self._reads.coupons(pool, after=after, limit=limit + 1)
        views = tuple(CouponView.of(coupon, now=now) for coupon in coupons[:limit])
        return Page(views, to_text_cursor(coupons[limit - 1].code) if len(coupons) > limit else None)
