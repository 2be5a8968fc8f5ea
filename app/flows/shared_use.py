"""The program's shared state in a round: what its requests need of it, and what each of them does to it.

Needs are gathered before anything is decided, so that a round locks in one go all that it may use. Requests then change
the locked state one after another; one that is refused leaves it as it was.
"""

from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from app.domain.counters import Scope, advance
from app.domain.coupons import Coupon
from app.domain.ledger.freed import Freed
from app.domain.ledger.returns import Uses
from app.domain.rules.standing import Needs
from app.flows.ledger_port import Shared, SharedChanges


class SharedUse(NamedTuple):
    """What one request takes from the shared state, or gives back (amounts below 0).

    `counts` are (name, period, amount); `given` are free codes by the customer who has them now; `voided` are codes
    given out that are no longer good; `unset` are codes that were set aside and are nobody's again, and whether they
    may be given out now; `commitments` are those of the days whose tickets were drawn.
    """

    counts: tuple[tuple[str, str, int], ...] = ()
    coupons: Mapping[str, int] = {}
    given: Mapping[str, UUID] = {}
    voided: tuple[str, ...] = ()
    unset: Mapping[str, bool] = {}
    commitments: Mapping[date, str] = {}


@dataclass(slots=True)
class Wanted:
    """What the requests of a round need, gathered: names in one order, and codes of pools for all of them together."""

    counters: set[str] = field(default_factory=set)
    coupons: set[str] = field(default_factory=set)
    pools: dict[str, int] = field(default_factory=dict)

    def add(self, needs: Needs, *, codes: Iterable[str] = ()) -> None:
        self.counters |= needs.counters
        self.coupons.update(codes)
        for pool, most in needs.pools.items():
            self.pools[pool] = self.pools.get(pool, 0) + most

    def add_stored(self, uses: Uses) -> None:
        """What a return of the purchase may give back: also codes that it gave out, since they may be used by now. A
        hold's end gives back the same.
        """
        self.counters |= {use.name for use in uses.counts if use.scope is Scope.PROGRAM}
        self.coupons.update(uses.coupons, uses.codes)

    @property
    def is_nothing(self) -> bool:
        return not (self.counters or self.coupons or self.pools)


def use_of_end(freed: Freed, uses: Uses, shared: Shared, *, now: datetime) -> SharedUse:
    """What a hold's end gives back. Codes that it had set aside were told to nobody: they go back to their pools."""
    coupons = shared.coupons
    codes = [code for code in dict.fromkeys((*freed.voided, *uses.codes)) if code in coupons]
    return SharedUse(
        counts=freed.counters,
        coupons={code: -1 for code in freed.coupons if code in coupons},
        unset={code: _is_good(coupons[code], now) for code in codes if not coupons[code].uses},
    )


def _is_good(coupon: Coupon, now: datetime) -> bool:
    return not coupon.is_blocked and (coupon.end is None or coupon.end > now)


def apply(use: SharedUse, shared: Shared, changes: SharedChanges) -> None:
    """One request's use, on the state the next request will see and among what the round writes.

    Raises:
        RuntimeError: a decision used what its round had not locked: nobody else was kept from using it too.
    """
    unlocked = {name for name, _, _ in use.counts} - shared.counts.keys()
    unlocked |= set(use.given).difference(*shared.codes.values())
    if unlocked:
        raise RuntimeError(f"used without a lock: {sorted(unlocked)}")
    advance(shared.counts, use.counts)
    for name, _, _ in use.counts:
        changes.counts[name] = shared.counts[name]
    for code, uses in use.coupons.items():
        coupon = shared.coupons[code]
        shared.coupons[code] = replace(coupon, uses=coupon.uses + uses)
        changes.coupons[code] = changes.coupons.get(code, 0) + uses
    for code, customer in use.given.items():
        changes.given[code] = customer
        changes.unset.discard(code)  # Of a hold that this round has ended before.
    if use.given:
        shared.codes = {pool: [code for code in codes if code not in use.given] for pool, codes in shared.codes.items()}
    for code in use.voided:
        if code in shared.coupons:
            shared.coupons[code] = replace(shared.coupons[code], is_blocked=True)
        changes.voided.append(code)
    for code, is_good in use.unset.items():
        coupon = shared.coupons[code] = replace(shared.coupons[code], customer=None)
        changes.unset.add(code)
        if is_good and coupon.pool in shared.codes:
            insort(shared.codes[coupon.pool], code)
    changes.commitments.update(use.commitments)
