"""What `make growth` found, and what a person reads of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

FLAT = 0.9


@dataclass(frozen=True, slots=True)
class Factor:
    """What grew over what did not; `goal` is the least that will do, None where the figure only informs."""

    what: str
    value: float
    goal: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool:
        return self.goal is None or self.value >= self.goal


@dataclass(slots=True)
class Growth:
    """All that was found. `core`: which form of it ran. `bytes` are those that a purchase adds, by table, and of the
    log; `memory` MiB of a worker before the requests of the hour and after each part of them.
    """

    core: str = ""
    factors: list[Factor] = field(default_factory=list)
    line_us: dict[int, float] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)
    bytes: dict[str, float] = field(default_factory=dict)
    loaded_a_second: float = 0.0
    wrong: int = 0


def show(growth: Growth, console: Console) -> None:
    """Everything that was found, a whole run's or a part's."""
    console.print(f"core {growth.core}", highlight=False)
    if growth.bytes:
        sizes = Table("bytes a purchase adds", "")
        for name, added in sorted(growth.bytes.items(), key=lambda pair: -pair[1]):
            sizes.add_row(name, f"{added:,.0f}")
        console.print(sizes)
    console.print(f"loaded {growth.loaded_a_second:,.0f} customers a second", highlight=False)
    table = Table("what grew", "factor", "goal", "", "")
    for each in growth.factors:
        goal, verdict = ("", "") if each.goal is None else (f"≥ {each.goal:g}", "reached" if each.is_met else "MISSED")
        table.add_row(each.what, f"{each.value:.2f}", goal, verdict, each.note)
    console.print(table)
    if growth.wrong:
        console.print(f"[bold red]{growth.wrong} wrong answers[/bold red]", highlight=False)
