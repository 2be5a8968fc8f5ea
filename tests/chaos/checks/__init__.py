"""What must be true when it is calm again. Each check is a coroutine that returns what breaks it, with the calls that
show it; none may find anything.

answers.py: what tills were told · keys.py: one effect a key · ledger.py: the books · accounts.py: every prefix of every
account · holds.py · returns.py · limits.py: budgets, coupons, stocks, draws · counters.py: counted as taken · feed.py:
events · reads.py: what was seen · commits.py: not before the commit · hygiene.py: sessions, deadlocks, statuses ·
goodput.py: how soon it was well again · time.py: what time does · clock.py: by whose clock
"""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tests.chaos.faults import Strike
from tests.chaos.journal import Journal
from tests.chaos.plan import Plan
from tests.chaos.site import Site
from tests.chaos.world import World


@dataclass(frozen=True, slots=True)
class Violation:
    """ops: numbers of calls that show it, the most telling first."""

    text: str
    ops: tuple[int, ...] = ()


@dataclass(slots=True)
class View:
    """A customer's version as an instance showed it in the calm, and the ledger's before and after."""

    customer: str
    instance: int
    shown: int
    posted: int
    newest: int = 0


@dataclass(slots=True)
class Evidence:
    """What the checks judge by. `counts`: what was measured, for the coverage; `notes` by name of the check."""

    site: Site
    plan: Plan
    world: World
    journal: Journal
    strikes: list[Strike]
    owner: asyncpg.Connection
    counts: Counter[str] = field(default_factory=Counter)
    notes: dict[str, str] = field(default_factory=dict)
    feed: list[dict[str, Any]] | None = None  # As read over HTTP; None: the service has none.
    posted: set[str] = field(default_factory=set)  # Transactions that were committed before the feed was read.
    deadlocks: int = 0
    idle: list[str] = field(default_factory=list)  # Sessions that held a transaction open while doing nothing.
    probes: dict[str, str] = field(default_factory=dict)  # What failed of what was tried in the calm, by its name.
    states: dict[int, str] = field(default_factory=dict)  # Of keys that say other than was answered, by the call.
    views: list[View] = field(default_factory=list)


Check = Callable[[Evidence], Awaitable[list[Violation]]]
_CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Registers a check; its name says what must be true."""

    def register(run: Check) -> Check:
        _CHECKS[name] = run
        return run

    return register


def all_checks() -> dict[str, Check]:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_CHECKS.items()))
