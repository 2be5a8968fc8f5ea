"""How long a run is, what it sends and breaks, and the coverage below which it has measured nothing."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Kind of accident -> how often in a full run.
FULL_FAULTS: Mapping[str, int] = {
    "service killed": 5,
    "postgres killed": 4,
    "backend killed": 3,
    "valkey killed": 2,
    "jobs killed": 3,
    "valkey emptied": 2,
    "valkey poisoned": 2,
    "valkey out of memory": 1,
    "database black-holed": 2,
    "database reset": 2,
    "cache black-holed": 1,
    "cache reset": 1,
    "cache slow": 1,
    "clients black-holed": 1,
    "clients reset": 2,
    "answers lost": 2,
    "commits delayed": 2,
    "commits never arrive": 2,
    "commits unanswered": 2,
    "clients hang up": 2,
    "postgres frozen": 1,
    "service frozen": 1,
    "valkey frozen": 1,
    "data disk full": 1,
    "log disk full": 1,
    "clock skewed": 2,
    "overload": 1,
    "half-open with a lock": 1,
}
SHORT_FAULTS: Mapping[str, int] = {
    "service killed": 1,
    "postgres killed": 1,
    "backend killed": 1,
    "jobs killed": 1,
    "valkey emptied": 1,
    "valkey poisoned": 1,
    "clients reset": 1,
    "answers lost": 1,
    "commits never arrive": 1,
    "commits unanswered": 1,
    "clock skewed": 1,
}

# The least that a full run must have seen; `coverage.py` counts the same names.
FULL_FLOORS: Mapping[str, int] = {
    "operations": 25_000,
    "faults": 40,
    "writes acknowledged": 8_000,
    "unknown outcomes made definite": 150,
    "sent more than once at once": 1_000,
    "same key, other request": 150,
    "hung up on": 300,
    "answers replayed": 1_500,
    "redemptions": 500,
    "returns": 300,
    "holds captured": 200,
    "holds released": 100,
    "holds expired": 50,
    "offline receipts": 200,
    "coupons used": 30,
    "draws": 300,
    "activations and expiries of lots": 50,
    "events read in order": 8_000,
}
SHORT_SHARE = 20  # A short run must have seen a twentieth of that.


@dataclass(frozen=True, slots=True)
class Plan:
    """seconds: of load under accidents; ops: the load goes on until so many are done, for `overtime` at most."""

    seed: int
    seconds: float
    ops: int
    clients: int
    faults: Sequence[str]
    floors: Mapping[str, int]
    replays: int = 800
    plant: str | None = None
    emphasis: str = "usual"
    overtime: float = 1.5
    kinds_wanted: frozenset[str] = field(default_factory=frozenset)

    @property
    def seconds_max(self) -> float:
        return self.seconds * self.overtime


def full(seed: int, *, seconds: float = 215.0, ops: int = 25_000) -> Plan:
    floors = {name: floor if name == "faults" else floor * ops // 25_000 for name, floor in FULL_FLOORS.items()}
    return Plan(
        seed=seed,
        seconds=seconds,
        ops=ops,
        clients=20,
        faults=_shuffled(FULL_FAULTS, seed=seed),
        floors=floors,
        kinds_wanted=frozenset(FULL_FAULTS),
    )


def short(seed: int, *, faults: Sequence[str] | None = None, seconds: float = 26.0, plant: str | None = None) -> Plan:
    """A minute in all. faults: instead of the usual ones, in that order."""
    struck = list(faults) if faults is not None else _shuffled(SHORT_FAULTS, seed=seed)
    floors = {name: floor // SHORT_SHARE for name, floor in FULL_FLOORS.items()} | {"faults": len(struck)}
    return Plan(
        seed=seed,
        seconds=seconds,
        ops=floors["operations"],
        clients=12,
        faults=struck,
        floors=floors,
        replays=200,
        plant=plant,
        kinds_wanted=frozenset(struck),
    )


def _shuffled(counts: Mapping[str, int], *, seed: int) -> list[str]:
    faults = [kind for kind, times in counts.items() for _ in range(times)]
    random.Random(f"faults {seed}").shuffle(faults)
    return faults
