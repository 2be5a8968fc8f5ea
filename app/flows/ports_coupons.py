"""Coupons as flows handle them: what is asked for, what is said back, and what is needed of the world."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.domain.coupons import Coupon
from app.domain.identifiers import Identifier
from app.domain.rejections import Rejected
from app.flows.ledger_port import RoundTx
from app.flows.requests import Answer


@dataclass(frozen=True, slots=True)
class Terms:
    """Bounds of a code; None is without end. `start` is included, `end` is not."""

    uses_max: int | None
    per_customer: int | None = None
    start: datetime | None = None
    end: datetime | None = None


class Term(StrEnum):
    """What callers call the bounds."""

    USES = "uses"
    USES_PER_CUSTOMER = "uses_per_customer"
    FROM = "from"
    UNTIL = "until"


@dataclass(frozen=True, slots=True)
class Draw:
    """How codes are made up: `length` random characters after the prefix, which is normalised."""

    length: int
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class PoolRequest:
    """`count` more codes of a pool, which is made with these terms where there is none. `sent` are the terms that the
    caller named: an older pool must have the same.
    """

    pool: str
    count: int
    draw: Draw
    terms: Terms
    sent: frozenset[Term] = frozenset()


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """One code: of its own terms, for one customer or (None) for all. `code` None: it is made up."""

    code: str | None
    draw: Draw
    terms: Terms
    customer: Identifier | None = None
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class CouponsMade:
    pool: str | None
    codes: tuple[str, ...]
    customer: UUID | None
    terms: Terms


def is_reserved(coupon: Coupon) -> bool:
    """Whether it is the name of a pool, kept among the codes so that none is called so: without a single use, and
    blocked, so that a till that sends it is told that there is no such code, though a rule names it.
    """
    return coupon.uses_max == 0


class CouponState(StrEnum):
    ACTIVE = "active"
    NOT_STARTED = "not_started"
    EXPIRED = "expired"
    USED_UP = "used_up"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class CouponView:
    """`is_public`: only a rule of the program names it; it is without bounds, and nobody counts its uses."""

    coupon: Coupon
    state: CouponState
    is_public: bool = False

    @classmethod
    def of(cls, coupon: Coupon, *, now: datetime) -> "CouponView":
        """A stored code as it stands at a moment, whoever asks."""
        state = CouponState.ACTIVE
        if coupon.is_blocked:
            state = CouponState.BLOCKED
        elif coupon.start is not None and now < coupon.start:
            state = CouponState.NOT_STARTED
        elif coupon.end is not None and now >= coupon.end:
            state = CouponState.EXPIRED
        elif coupon.uses_max is not None and coupon.uses >= coupon.uses_max:
            state = CouponState.USED_UP
        return cls(coupon, state)


class CouponTx(RoundTx, Protocol):
    """A transaction that makes and blocks codes."""

    async def pool_terms(self, pool: str) -> Terms | None: ...

    async def insert_pool(self, pool: str, terms: Terms, *, reserved: str, by: str) -> bool:
        """Whether it was made: `reserved`, its name as a code, was free and is taken from now on."""
        ...

    async def insert_codes(
        self, codes: Sequence[str], terms: Terms, *, pool: str | None, customer: UUID | None, by: str
    ) -> Collection[str]:
        """Those that were free and are now stored."""
        ...

    async def block(self, code: str) -> tuple[Coupon, datetime] | None:
        """The blocked code and the database's clock; None for an unknown one."""
        ...


class CouponReads(Protocol):
    """Statements that each stand alone; codes come with the database's clock. Raise DatabaseGone, DatabaseBusy."""

    async def coupon(self, code: str) -> tuple[Coupon, datetime] | None:
        """Also the name of a pool, which is no code: see `is_reserved`."""
        ...

    async def coupons(
        self, pool: str | None, *, after: str | None, limit: int
    ) -> tuple[Sequence[Coupon], datetime]: ...


class CouponAnswers(Protocol):
    """Gives answers their bytes, since what is stored under a key is what was sent."""

    def coupons_made(self, made: CouponsMade) -> bytes: ...

    def coupon(self, view: CouponView) -> bytes: ...

    def refusal(self, rejected: Rejected, *, request_id: str) -> Answer: ...
