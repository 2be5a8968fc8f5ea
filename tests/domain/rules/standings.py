"""`standing` of a case: counters, coupon codes, slips, and luck that a case names in figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from app.domain.counters import Count
from app.domain.coupons import Coupon, normal_code
from app.domain.draws.luck import SPAN, Luck, Ticket
from app.domain.draws.records import Slip
from app.domain.rules.standing import Standing

DAY = "2026-11-21"


@dataclass(frozen=True, slots=True)
class NamedLuck(Luck):
    """Luck whose tickets a case names by rule; a rule it doesn't name has no ticket."""

    tickets: Mapping[str, Ticket] = field(default_factory=dict)

    def ticket(self, rule: str) -> Ticket:
        return self.tickets[rule]


def ticket(win: str, choice: str = "0") -> Ticket:
    """A ticket of two fractions below 1, rounded up: "0.05" is not below a chance of 5 %."""
    return Ticket(_part(win), _part(choice))


def _part(fraction: str) -> int:
    return min(-(-Fraction(fraction) * SPAN // 1), SPAN - 1)


def read_standing(said: Mapping[str, Any] | None, *, at: datetime) -> Standing | None:
    """The standing of a case; None where it names none. Without `now` it is the visit's moment."""
    if said is None:
        return None
    coupons = [_coupon(coupon) for coupon in said.get("coupons", ())]
    return Standing(
        now=_instant(said.get("now")) or at,
        customer=_counts(said.get("customer", {})),
        program=_counts(said.get("program", {})),
        coupons={coupon.code: coupon for coupon in coupons},
        codes=said.get("codes", {}),
        slips={rule: [_slip(slip) for slip in slips] for rule, slips in said.get("slips", {}).items()},
        luck=_luck(said),
    )


def _counts(said: Mapping[str, Any]) -> dict[str, Count]:
    """`{"rule/r1/max": ["2026-11", 500]}`; the period of what never ends is empty."""
    return {name: Count(period, used) for name, (period, used) in said.items()}


def _coupon(said: Mapping[str, Any]) -> Coupon:
    return Coupon(
        code=normal_code(said["code"]),
        pool=said.get("pool"),
        customer=said.get("customer"),
        uses=said.get("uses", 0),
        uses_max=said.get("uses_max", 1),
        per_customer=said.get("per_customer"),
        start=_instant(said.get("start")),
        end=_instant(said.get("end")),
        is_blocked=said.get("blocked", False),
    )


def _slip(said: Mapping[str, Any]) -> Slip:
    drawn = ticket(*said["ticket"])
    return Slip(
        purchase=said["purchase"],
        day=date.fromisoformat(said.get("day", DAY)),
        ticket=drawn.hex,
        choice=drawn.choice_hex,
        state=said.get("state", {}),
        kept=said.get("kept", False),
    )


def _luck(said: Mapping[str, Any]) -> Luck | None:
    """The luck of a receipt by `luck` (the secret in hex), or its tickets by rule in `tickets`."""
    if (luck := said.get("luck")) is not None:
        return Luck(
            secret=bytes.fromhex(luck["secret"]),
            day=date.fromisoformat(luck.get("day", DAY)),
            shop=luck.get("shop", "S1"),
            terminal=luck.get("terminal", "T1"),
            number=luck.get("number", "1"),
        )
    if (tickets := said.get("tickets")) is None:
        return None
    named = {rule: ticket(*fractions) for rule, fractions in tickets.items()}
    day = date.fromisoformat(said.get("day", DAY))
    return NamedLuck(secret=b"", day=day, shop="S1", terminal="T1", number="1", tickets=named)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
