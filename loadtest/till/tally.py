"""What the answers said, counted: outcomes, points, money, latencies. Integers only; latencies in microseconds.

An outcome is definite when the service has decided and keeps the decision under the request's key: an acceptance, or a
refusal of the kinds that the API keeps. A refusal that it doesn't keep (a body that isn't valid, an unknown customer)
would be decided anew by the next run, so it is counted and shown, and the run isn't called whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loadtest.receipts.planning import Purchase, Registration, Return, Step
from loadtest.till.client import Answer

# The business refusals that the API keeps, by its table of errors.
KEPT_REFUSALS = frozenset(
    {
        "insufficient_points",
        "redeem_limit_exceeded",
        "duplicate_receipt",
        "quote_changed",
        "hold_expired",
        "hold_already_resolved",
        "return_exceeds_purchase",
        "customer_blocked",
        "identifier_taken",
        "budget_exhausted",
    }
)


@dataclass(slots=True)
class Outcomes:
    """Steps of one sort by what became of them; `replayed` are among the accepted or refused ones."""

    planned: int = 0
    accepted: int = 0
    replayed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    impossible: Counter[str] = field(default_factory=Counter)
    without_answer: Counter[str] = field(default_factory=Counter)
    held_back: int = 0

    @property
    def answered(self) -> int:
        return self.accepted + self.refused.total()

    @property
    def not_sent(self) -> int:
        """Steps the run didn't come to before it was stopped."""
        done = self.answered + self.impossible.total() + self.without_answer.total() + self.held_back
        return self.planned - done

    @property
    def is_definite(self) -> bool:
        open_refusals = sum(count for code, count in self.refused.items() if code not in KEPT_REFUSALS)
        return not (open_refusals or self.without_answer.total() or self.held_back or self.not_sent)


@dataclass(slots=True)
class Tally:
    """Everything a run counts."""

    registrations: Outcomes = field(default_factory=Outcomes)
    purchases: Outcomes = field(default_factory=Outcomes)
    returns: Outcomes = field(default_factory=Outcomes)
    issued: Counter[str] = field(default_factory=Counter)
    redeemed: Counter[str] = field(default_factory=Counter)
    taken_back: Counter[str] = field(default_factory=Counter)
    given_back: Counter[str] = field(default_factory=Counter)
    money: Counter[str] = field(default_factory=Counter)
    redemptions: int = 0
    repeats: int = 0
    found_posted: int = 0
    disagreements: list[str] = field(default_factory=list)
    latencies_us: list[int] = field(default_factory=list)

    @property
    def outcomes(self) -> tuple[Outcomes, Outcomes, Outcomes]:
        return self.registrations, self.purchases, self.returns

    @property
    def is_definite(self) -> bool:
        """Every step was decided for good, and no answer contradicted what was sent."""
        return all(outcomes.is_definite for outcomes in self.outcomes) and not self.disagreements

    def of(self, step: Step) -> Outcomes:
        """The counts that a step belongs to."""
        if isinstance(step, Registration):
            return self.registrations
        return self.purchases if isinstance(step, Purchase) else self.returns

    def answer(self, step: Step, answer: Answer) -> None:
        """Counts one answer."""
        outcomes = self.of(step)
        outcomes.replayed += answer.is_replayed
        self.repeats += answer.attempts - 1
        self.found_posted += answer.is_replayed and answer.attempts > 1
        self.latencies_us.append(answer.latency_us)
        if not answer.is_accepted:
            outcomes.refused[answer.code] += 1
            return
        outcomes.accepted += 1
        if isinstance(step, Purchase):
            self._purchase(step, answer.body)
        elif isinstance(step, Return):
            self._return(step, answer.body)

    def _purchase(self, step: Purchase, body: Mapping[str, Any]) -> None:
        totals = _mapping(body.get("totals"))
        for name in ("gross", "discount", "redeemed", "paid"):
            self.money[name] += _whole(totals.get(name))
        redeemed_units = _units(totals.get("redeemed_units"))
        self.issued.update(_units(totals.get("accrued")))
        self.redeemed.update(redeemed_units)
        self.redemptions += redeemed_units.total() > 0
        if totals.get("gross") != step.gross:
            self.disagreements.append(f"purchase {step.number}: gross {totals.get('gross')!r}, sent {step.gross}")
        parts = [_whole(totals.get(name)) for name in ("paid", "discount", "redeemed")]
        if sum(parts) != step.gross:
            self.disagreements.append(f"purchase {step.number}: paid, discount, redeemed {parts} of {step.gross}")

    def _return(self, step: Return, body: Mapping[str, Any]) -> None:
        lines = [_mapping(line) for line in body.get("lines") or ()]
        refund = _whole(body.get("refund"))
        self.money["refund"] += refund
        self.taken_back.update(_units(body.get("taken_back")))
        self.given_back.update(_units(body.get("given_back")))
        units = {
            str(line.get("id")): str(line.get("qty")) for line in lines
        }  # A quantity may come as a decimal string.
        if units != {line_id: str(count) for line_id, count in step.units.items()}:
            self.disagreements.append(f"return {step.number}: lines {units}, sent {step.units}")
        if sum(_whole(line.get("refund")) for line in lines) != refund:
            self.disagreements.append(f"return {step.number}: the lines' refunds don't add up to {refund}")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _units(value: object) -> Counter[str]:
    return Counter({wallet: _whole(units) for wallet, units in _mapping(value).items()})
