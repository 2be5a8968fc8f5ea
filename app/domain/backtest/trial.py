"""One worker's part of the past decided again by the draft, basket after basket, in the order of their posting.

All of a customer's baskets come to the same worker, so what limits and caps of customers leave is exact. Budgets, uses
and stocks of the whole program are not cut: their use is summed by day, and the report says when each would have been
used up. A `paced` draw looks at its budget all the same; it sees this worker's part times the number of workers.

Decided here: the customer's tier, segments and available points are those of that day, under the program of that day.
What was redeemed that day and the draft would refuse is left out, and counted: first rewards that were bought with
points, then the points too. Tickets come of a secret of the trial's own: no real draw can be learned from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from hashlib import sha256

from app.domain.backtest.endless import endless_codes, has_draws, paced_budgets, without_ends
from app.domain.backtest.noting import note_basket
from app.domain.backtest.past import Past
from app.domain.backtest.sums import Sums
from app.domain.counters import Count, Use, advance
from app.domain.coupons import Coupon
from app.domain.customer import CustomerFacts
from app.domain.decision import Decision
from app.domain.draws.luck import Luck
from app.domain.program import Program, Scope
from app.domain.rejections import Rejected
from app.domain.rules.evaluate import Asked, compile_program, evaluate
from app.domain.rules.standing import Standing

_SECRET = sha256(b"back-test").digest()
_NO_COUNTS: Mapping[str, Count] = {}
_NO_VALUES: Mapping[str, int] = {}
_NOTHING: Mapping[str, int] = {}
_WITH_ENDS = ("rule/", "stock/", "cap/")  # Of the program's counters, those that a report tells.


@dataclass(slots=True)
class _Customer:
    counts: dict[str, Count] = field(default_factory=dict)
    purchases: int = 0
    last_at: datetime | None = None
    gain: int = 0


class Trial:
    """`values` are what a unit of each wallet buys, by version of the program that decided."""

    def __init__(self, draft: Program, *, values: Mapping[int, Mapping[str, int]], workers: int = 1) -> None:
        self._draft = compile_program(without_ends(draft))
        self.zone = draft.timezone
        self._values = values
        self._own_values = {wallet.id: wallet.value for wallet in draft.wallets.values()}
        self._workers = workers
        self._codes = endless_codes(draft)
        self._paced = paced_budgets(draft)
        self._has_draws = has_draws(draft)
        self._counts: dict[str, Count] = {}
        self._customers: dict[str, _Customer] = {}
        self.sums = Sums()

    def decide(self, past: Past, coupons: Mapping[str, Coupon]) -> None:
        """Try one basket. `coupons` are the stored codes that could be used that day, by normalised code."""
        facts, customer = past.facts, None
        if facts is not None:
            customer = self._customers.get(facts.id)
            if customer is None:
                customer = self._customers[facts.id] = _Customer()
            if not past.has_facts:  # What isn't told is counted from the trial's beginning.
                facts = replace(facts, purchases=customer.purchases, last_purchase_at=customer.last_at)
        day = past.decided_at.astimezone(self.zone).date()
        decision = self._evaluate(past, facts, self._standing(past, customer, coupons, day))
        if decision.uses:
            self._note_uses(decision, customer, day.isoformat())
        gain = note_basket(
            self.sums,
            past,
            facts,
            decision,
            day=day.isoformat(),
            values=self._values.get(past.row.program, _NO_VALUES),
            own_values=self._own_values,
        )
        if customer is not None:
            customer.purchases += 1
            customer.last_at = past.row.at
            customer.gain += gain

    def close(self) -> Sums:
        """The figures, with those of the customers, which are known at the end."""
        self.sums.note_customers(customer.gain for customer in self._customers.values())
        return self.sums

    def _standing(self, past: Past, customer: _Customer | None, coupons: Mapping[str, Coupon], day: date) -> Standing:
        return Standing(
            now=past.decided_at,
            customer=_NO_COUNTS if customer is None else customer.counts,
            program=self._counts,
            coupons=coupons,
            codes=self._codes,
            luck=Luck(_SECRET, day, past.row.shop, "", str(past.row.id)) if self._has_draws else None,
        )

    def _evaluate(self, past: Past, facts: CustomerFacts | None, standing: Standing) -> Decision:
        """By the draft, with as much of what was redeemed as it allows."""
        wishes: tuple[tuple[Asked, Mapping[str, int]], ...] = ((past.redeem, past.rewards), (past.redeem, _NOTHING))
        for redeem, rewards in wishes if past.rewards else wishes[1:]:
            try:
                return evaluate(
                    self._draft,
                    past.basket,
                    customer=facts,
                    visit=past.visit,
                    redeem=redeem,
                    rewards=rewards,
                    standing=standing,
                    given=past.till,
                )
            except Rejected as rejected:
                refused = self.sums.refused
                word = rejected.rejection.value
                refused[word] = refused.get(word, 0) + 1
        return evaluate(
            self._draft,
            past.basket,
            customer=facts,
            visit=past.visit,
            redeem={},
            standing=standing,
            given=past.till,
        )

    def _note_uses(self, decision: Decision, customer: _Customer | None, day: str) -> None:
        mine: list[tuple[str, str, int]] = []
        for use in decision.uses:
            if use.scope is Scope.CUSTOMER:
                mine.append((use.name, use.period, use.amount))
            else:
                self._note_shared(use, day)
        if customer is not None:
            advance(customer.counts, mine)

    def _note_shared(self, use: Use, day: str) -> None:
        """What the whole program's counters would have taken: told by day, or looked at by draws."""
        if not use.name.startswith(_WITH_ENDS):
            advance(self._counts, [(use.name, use.period, use.amount)])
            return
        days = self.sums.budgets.setdefault(f"{use.name}|{use.period}", {})
        days[day] = days.get(day, 0) + use.amount
        if use.name in self._paced:
            advance(self._counts, [(use.name, use.period, use.amount * self._workers)])
