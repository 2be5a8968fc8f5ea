"""The program's shared state in memory: counters, codes. Rounds of one request lock what they may need and write what
they used, as storage does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from app.domain.counters import Count
from app.domain.coupons import Coupon
from app.domain.decision import Decision
from app.domain.draws.luck import Luck
from app.domain.ledger.returns import ReturnPlan, Uses
from app.domain.program import Program
from app.domain.rules.standing import Needs
from app.flows.ledger_port import Shared, SharedChanges
from app.flows.shared_use import SharedUse, Wanted, apply
from app.flows.standings import codes_of, shared_use_of, uses_of


@dataclass(slots=True)
class SharedState:
    counts: dict[str, Count] = field(default_factory=dict)
    coupons: dict[str, Coupon] = field(default_factory=dict)

    def lock(self, wanted: Wanted, now: datetime) -> Shared:
        return Shared(
            counts={name: self.counts.get(name, Count("", 0)) for name in sorted(wanted.counters)},
            coupons={code: self.coupons[code] for code in sorted(wanted.coupons) if code in self.coupons},
            codes={pool: self.free_codes(pool, now)[:most] for pool, most in wanted.pools.items()},
        )

    def free_codes(self, pool: str, now: datetime) -> list[str]:
        return sorted(
            coupon.code
            for coupon in self.coupons.values()
            if coupon.pool == pool and coupon.customer is None and not (coupon.uses or coupon.is_blocked)
            if coupon.end is None or coupon.end > now
        )

    def lock_for(self, needs: Needs, coupons: Sequence[str], now: datetime) -> Shared:
        wanted = Wanted()
        wanted.add(needs, codes=codes_of(coupons))
        return self.lock(wanted, now)

    def take(
        self, decision: Decision, shared: Shared, program: Program, *, customer: UUID | None, luck: Luck | None
    ) -> Uses:
        """Write what a decision used; answers what its purchase remembers of it."""
        uses = uses_of(decision, shared, program)
        self._apply(shared_use_of(decision, shared, customer=customer, luck=luck), shared)
        return uses

    def used_of(self, uses: Uses) -> list[str]:
        """Codes that a purchase gave out and that have been used by now."""
        return [code for code in uses.codes if code in self.coupons and self.coupons[code].uses]

    def free(self, plan: ReturnPlan, uses: Uses, now: datetime) -> None:
        """Write what a return gives back."""
        wanted = Wanted()
        wanted.add_stored(uses)
        back = SharedUse(counts=plan.freed, coupons=dict.fromkeys(plan.coupons, -1), voided=plan.voided)
        self._apply(back, self.lock(wanted, now))

    def _apply(self, use: SharedUse, shared: Shared) -> None:
        changes = SharedChanges()
        apply(use, shared, changes)
        self.counts |= changes.counts
        for code, uses in changes.coupons.items():
            self.coupons[code] = replace(self.coupons[code], uses=self.coupons[code].uses + uses)
        for code, customer in changes.given.items():
            self.coupons[code] = replace(self.coupons[code], customer=str(customer))
        for code in changes.voided:
            if not self.coupons[code].uses:
                self.coupons[code] = replace(self.coupons[code], is_blocked=True)
