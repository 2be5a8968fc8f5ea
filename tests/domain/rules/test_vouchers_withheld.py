"""Coupon codes of which no more may be told than a till has misses left."""

from datetime import UTC, datetime

from app.domain.coupons import Coupon, CouponWord
from app.domain.rules.standing import Standing
from app.domain.rules.vouchers import WITHHELD, Vouchers, judge, unknown_codes

NOW = datetime(2026, 11, 21, tzinfo=UTC)
STORED = {code: Coupon(code=code, is_blocked=code == "BLOCKED") for code in ("POOLED", "BLOCKED", "NAMED")}
PUBLIC = frozenset({"SPRING", "NAMED"})


def standing(*, withholds: bool = False) -> Standing:
    return Standing(now=NOW, coupons=STORED, withholds_codes=withholds)


def test_a_code_that_nobody_made_is_unknown_once_and_a_blocked_one_seems_so() -> None:
    def unknown(*codes: str) -> int:
        return unknown_codes(codes, standing=standing(), public=PUBLIC)

    assert unknown("pooled", " SPRING", "named") == 0
    assert unknown("NOSUCH", "nosuch ", "SPRING") == 1
    assert unknown("NOSUCH", "OTHER", "BLOCKED") == 3


def test_as_many_are_counted_as_are_told() -> None:
    sent = ("POOLED", "BLOCKED", "NOSUCH", "SPRING", "NAMED")
    vouchers = Vouchers.of(sent, standing=standing(), customer=None, public=PUBLIC)
    told = sum(each.word is CouponWord.UNKNOWN for each in vouchers.refused.values())
    assert told == unknown_codes(sent, standing=standing(), public=PUBLIC) == 2


def test_withheld_codes_are_one_like_another_and_named_ones_keep_their_bounds() -> None:
    sent = ("POOLED", "BLOCKED", "NOSUCH", "SPRING", "NAMED")
    vouchers = Vouchers.of(sent, standing=standing(withholds=True), customer=None, public=PUBLIC)
    assert list(vouchers.usable) == ["SPRING", "NAMED"]
    verdicts, uses = judge(vouchers, [])
    assert [(each.word, each.because) for each in verdicts[:3]] == [(CouponWord.UNKNOWN, WITHHELD)] * 3
    assert uses == ()
    used_up = {"NAMED": Coupon(code="NAMED", uses=1, uses_max=1)}
    spent = Vouchers.of(
        ("NAMED",),
        standing=Standing(now=NOW, coupons=used_up, withholds_codes=True),
        customer=None,
        public=PUBLIC,
    )
    assert spent.refused["NAMED"].word is CouponWord.USED_UP
