"""Coupon codes: what a code is, and what can be said of one at a sale."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CouponWord(StrEnum):
    """The verdict on a code that was sent."""

    APPLIED = "applied"
    UNKNOWN = "unknown"
    NOT_STARTED = "not_started"
    EXPIRED = "expired"
    USED_UP = "used_up"
    WRONG_CUSTOMER = "wrong_customer"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Coupon:
    """One code as stored, with the bounds of its own or its pool's. `code` is normalised (`normal_code`).

    `customer` is whose it is (an id), None anybody's. None bounds are without end. `start` is included, `end` is not.
    """

    code: str
    pool: str | None = None
    customer: str | None = None
    uses: int = 0
    uses_max: int | None = 1
    per_customer: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    is_blocked: bool = False

    def refusal(self, *, now: datetime, customer: str | None, used_by_customer: int) -> CouponWord | None:
        """Why the code can't be used now, whatever the basket; None: it can. `now` is the database's clock."""
        if self.is_blocked:
            return CouponWord.UNKNOWN
        if self.customer is not None and self.customer != customer:
            return CouponWord.WRONG_CUSTOMER
        if self.start is not None and now < self.start:
            return CouponWord.NOT_STARTED
        if self.end is not None and now >= self.end:
            return CouponWord.EXPIRED
        if self.uses_max is not None and self.uses >= self.uses_max:
            return CouponWord.USED_UP
        if self.per_customer is not None:
            if customer is None:
                return CouponWord.WRONG_CUSTOMER
            if used_by_customer >= self.per_customer:
                return CouponWord.USED_UP
        return None


@dataclass(frozen=True, slots=True)
class CouponVerdict:
    """What became of a code at a sale. `code` as it was sent; `rule` is the first rule that it let apply; `because` is
    a word that `app.api.sentences` has a sentence for (the verdict's own, or the code of the rule's failure).
    """

    code: str
    word: CouponWord
    rule: str | None = None
    because: str = ""


def normal_code(text: str) -> str:
    """A code as it is kept: upper case, without spaces around it."""
    return text.strip().upper()
