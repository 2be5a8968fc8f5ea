"""The basket while it is being decided: what each line has left, and what the rules have done so far."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.domain.amounts import gross
from app.domain.basket import Line
from app.domain.decision import Effect, Part, Verdict
from app.domain.rules.compiled import CompiledRule
from app.domain.rules.facts import Facts


@dataclass(slots=True)
class Bill:
    """Lists are by the line's place in the basket, `verdicts` by the rule's place in the document.

    `left` is gross less discounts so far; `rooms` is what may still be taken off before the line meets its floor,
    `min_price` times quantity, half-up; never below 0, also where a line is sold below its floor to begin with.
    """

    lines: Sequence[Line]
    qtys_milli: Sequence[int]
    gross: Sequence[int]
    left: list[int]
    rooms: list[int]
    parts: list[list[Part]]
    verdicts: list[Verdict | None]
    effects: list[Effect] = field(default_factory=list)

    @classmethod
    def open(cls, facts: Facts, *, rules_count: int) -> "Bill":
        lines, line_gross = facts.basket.lines, facts.line_gross
        return cls(
            lines=lines,
            qtys_milli=[line.qty_milli for line in lines],
            gross=line_gross,
            left=list(line_gross),
            rooms=[_room(line, had) for line, had in zip(lines, line_gross, strict=True)],
            parts=[[] for _ in lines],
            verdicts=[None] * rules_count,
        )

    def ready(self, rules: Iterable[CompiledRule], facts: Facts) -> list[CompiledRule]:
        """The rules whose window and conditions let them try; of the others the verdict is written."""
        ready = []
        for rule in rules:
            failure = rule.window(facts) if rule.window is not None else None
            if failure is None:
                if rule.wallet is not None and facts.customer is None:
                    self.verdicts[rule.place] = rule.verdicts.anonymous
                    continue
                failure = rule.test(facts) if rule.test is not None else None
            if failure is None:
                ready.append(rule)
            else:
                self.verdicts[rule.place] = rule.verdicts.failed(failure)
        return ready


def _room(line: Line, had: int) -> int:
    return max(had - gross(line.min_price, line.qty_milli), 0) if line.min_price else had
