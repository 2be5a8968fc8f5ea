"""All planted bugs, one at a time, each in a short run of its own: the suite must catch every one. Before them comes
the same without any, over all the accidents and all that tills do in those runs: it must find nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.chaos.plan import Plan, short
from tests.chaos.plants import Plant, all_plants
from tests.chaos.run import Outcome, run

CONTROL = "(none)"
SECONDS = 3.0  # Of load for each accident,
SECONDS_MIN = 9.0  # and in all: some 500 calls.
REPLAYS = 100
LINE_SHOWN = 300
# Commands of the service, a process each: asked only where they are expected to find something.
SLOW_CHECKS = frozenset({"verify finds nothing", "draws can be recomputed"})


@dataclass(frozen=True, slots=True)
class Row:
    """Of the table. found: violations by check, those first that were expected to find something."""

    name: str
    found: dict[str, int]
    seconds: float
    is_expected: bool


async def run_all(seed: int, *, names: str, say: Callable[[str], None]) -> int:
    """names: parted by commas, or 1 for all. The exit code: 0 when each was caught and nothing else, else 1."""
    plants = all_plants()
    chosen = [CONTROL, *plants] if names == "1" else names.split(",")
    rows = [await _row(name, plants, seed, say=say) for name in chosen]
    say("")
    say(f"{'PLANTED BUG':34}{'SECONDS':>8}  CAUGHT BY")
    for row in rows:
        told = "; ".join(f"{check} ({times:,})" for check, times in row.found.items())
        wrong = "" if row.is_expected else "NOT CAUGHT " if row.name != CONTROL else "FALSE ALARM "
        say(f"{row.name:34}{row.seconds:8.0f}  {wrong}{told or 'nothing'}")
    caught = [row for row in rows if row.is_expected and row.name != CONTROL]
    of = len([row for row in rows if row.name != CONTROL])
    say(f"{len(caught)} of {of} caught (seed {seed})")
    return 0 if all(row.is_expected for row in rows) else 1


async def _row(name: str, plants: Mapping[str, Plant], seed: int, *, say: Callable[[str], None]) -> Row:
    """A run that can't go on shows nothing, and the others are still to be seen."""
    try:
        return await (_control(seed, plants, say=say) if name == CONTROL else _plant(plants[name], seed, say=say))
    except Exception as error:  # noqa: BLE001 - whatever it is, the table says that nothing was measured
        say(f"  the run broke off: {error!r}"[:LINE_SHOWN])
        return Row(name, {}, 0.0, is_expected=False)


async def _plant(plant: Plant, seed: int, *, say: Callable[[str], None]) -> Row:
    """Caught: one of the checks that were expected to has found something."""
    say(f"{plant.name}: {plant.meaning}")
    plan = _plan(seed, plant.faults, emphasis=plant.emphasis, plant=plant.name)
    outcome = await run(plan, say=lambda _: None, without=SLOW_CHECKS - plant.caught_by)
    found = _found(outcome, first=plant.caught_by, say=say)
    return Row(plant.name, found, sum(outcome.seconds.values()), is_expected=bool(plant.caught_by & set(found)))


async def _control(seed: int, plants: Mapping[str, Plant], *, say: Callable[[str], None]) -> Row:
    say(f"{CONTROL}: all that the runs below go through, and no bug")
    faults = list(dict.fromkeys(fault for plant in plants.values() for fault in plant.faults))
    outcome = await run(_plan(seed, faults, emphasis="all"), say=lambda _: None)
    found = _found(outcome, first=frozenset(), say=say)
    return Row(CONTROL, found, sum(outcome.seconds.values()), is_expected=not found)


def _plan(seed: int, faults: Sequence[str], *, emphasis: str, plant: str | None = None) -> Plan:
    seconds = max(SECONDS_MIN, SECONDS * len(faults))
    usual = short(seed, faults=faults, seconds=seconds, plant=plant)
    return replace(usual, ops=0, replays=REPLAYS, emphasis=emphasis)


def _found(outcome: Outcome, *, first: frozenset[str], say: Callable[[str], None]) -> dict[str, int]:
    found = {name: len(violations) for name, violations in outcome.violations.items() if violations}
    expected = sorted(found, key=lambda name: (name not in first, name))
    for name in expected:
        say(f"  {name}: {found[name]:,}, first {outcome.violations[name][0].text}"[:LINE_SHOWN])
    took = ", ".join(f"{name} {seconds:.0f}" for name, seconds in outcome.seconds.items())
    say(f"  {len(outcome.evidence.journal.ops):,} calls; {took}")
    return {name: found[name] for name in expected}
