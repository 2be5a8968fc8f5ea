"""A town that buys all day: one rule, one secret, thousands of purchases with fixed luck, and their records."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.counters import Count, Scope, advance, balanced_plain, rule_budget
from app.domain.draws.algorithms import cost_of, draw, state_before, terms_of, units_of, uses_after
from app.domain.draws.continuity import Link
from app.domain.draws.luck import Luck
from app.domain.draws.records import DrawRecord
from app.domain.program import (
    Algorithm,
    Base,
    Combine,
    GiveDraw,
    Kind,
    Lane,
    Limit,
    Measure,
    Prize,
    Program,
    Redemption,
    Rule,
    Wallet,
)

SECRET = sha256(b"a day like any other").digest()
DAY = date(2026, 11, 21)
START = datetime(2026, 11, 21, tzinfo=UTC)
HOURS = timedelta(hours=20)  # One local day holds them, so one secret serves all.
VALUE = 1
BASE = 50_000  # What the purchase's lines are worth to a prize in percent.

UNITS = (Prize("p1", 70, units=100), Prize("p2", 25, units=300), Prize("p3", 5, gift="TV", cost=2_000))
RARE = (Prize("small", 90, units=100), Prize("big", 10, units=5_000))


def rule_of(
    algorithm: Algorithm, *, prizes: tuple[Prize, ...] = UNITS, budget: int | None = None, **terms: Any
) -> Rule:
    """Chances, shares and tolerances in millionths."""
    return Rule(
        id="lucky",
        kind=Kind.RANDOM_REWARD,
        lane="base",
        priority=0,
        order=0,
        give=GiveDraw(algorithm, prizes, **terms),
        wallet="points",
        start=START,
        end=START + HOURS,
        limit=None if budget is None else Limit(budget=budget),
    )


def program_of(rule: Rule) -> Program:
    return Program(
        currency="RUB",
        timezone=ZoneInfo("UTC"),
        wallets={"points": Wallet("points", VALUE)},
        redemption=Redemption(("points",)),
        accrual_base=Base.PAID,
        tiers=(),
        tier_measure=Measure.PAID,
        lanes=(Lane("base", Combine.ALL),),
        rules=(rule,),
    )


def luck_of(place: int) -> Luck:
    return Luck(SECRET, DAY, "S1", "T1", f"{place:06}")


@dataclass(slots=True)
class Town:
    """`customers` take turns; `plain` is what one purchase's other rewards cost, on average."""

    rule: Rule
    customers: int = 1
    plain: int = 0
    program: dict[str, Count] = field(default_factory=dict)
    people: dict[int, dict[str, Count]] = field(default_factory=dict)

    def shop(self, purchases: int) -> Iterator[Link]:
        """So many purchases, evenly over the rule's time."""
        for place in range(purchases):
            yield self._buy(place, START + HOURS * place // purchases)

    def spent(self) -> int:
        return self.program.get(rule_budget(self.rule.id), Count("", 0)).used

    def _buy(self, place: int, now: datetime) -> Link:
        rule, buyer = self.rule, place % self.customers
        person = self.people.setdefault(buyer, {})
        plain = self.plain * (1 + place % 3) // 2
        ticket = luck_of(place).ticket(rule.id)
        state = state_before(rule, customer=person, program=self.program, now=now, plain=plain, base=BASE)
        drawn = draw(rule, ticket, state, wallet_value=VALUE)
        cost = 0 if drawn.prize is None else cost_of(drawn.prize, base=BASE, wallet_value=VALUE)
        because = drawn.because
        if because is None and rule.limit is not None and rule.limit.budget is not None:
            because = "budget" if drawn.prize is not None and self.spent() + cost > rule.limit.budget else None
        given = drawn.prize if because is None else None
        record = DrawRecord(
            rule=rule.id,
            algorithm=terms_of(rule).algorithm,
            day=DAY,
            ticket=ticket.hex,
            choice=ticket.choice_hex,
            state=state,
            numerator=drawn.numerator,
            denominator=drawn.denominator,
            drew=drawn.prize.id if drawn.prize else None,
            prize=given.id if given else None,
            because=because,
            wallet="points" if given and not given.gift else None,
            units=units_of(given, base=BASE, wallet_value=VALUE) if given and not given.gift else 0,
            gift=given.gift if given else None,
            cost=cost if given else 0,
        )
        for use in uses_after(rule, state, drew=drawn.prize, given=given, cost=record.cost):
            counts = person if use.scope is Scope.CUSTOMER else self.program
            advance(counts, [(use.name, use.period, use.amount)])
        advance(self.program, [(rule_budget(rule.id), "", record.cost), (balanced_plain(rule.id), "", plain)])
        return Link(record, rule, f"purchase {place}", str(buyer), 1 + place // self.customers)
