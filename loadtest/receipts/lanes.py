"""Deals steps to connections: all of a customer's on one, in order; the customers spread as evenly as they go.

Order between customers means nothing to a ledger, so connections need not wait for one another. A purchase without a
customer stands for itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from loadtest.receipts.planning import Purchase, Step


def owner_of(step: Step) -> str:
    """Whose order a step has to keep: the customer's, or its own."""
    if isinstance(step, Purchase) and step.customer is None:
        return f"receipt:{step.number}"
    return f"customer:{step.customer}"


def share_out(steps: Sequence[Step], *, connections: int) -> tuple[tuple[Step, ...], ...]:
    """At most `connections` lanes, none empty, each in the order of `steps`."""
    if connections < 1:
        raise ValueError(f"no connection: {connections}")
    counts: defaultdict[str, int] = defaultdict(int)
    for step in steps:
        counts[owner_of(step)] += 1
    loads = [0] * connections
    lane_of: dict[str, int] = {}
    for owner, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        lane = loads.index(min(loads))
        lane_of[owner] = lane
        loads[lane] += count
    lanes: list[list[Step]] = [[] for _ in range(connections)]
    for step in steps:
        lanes[lane_of[owner_of(step)]].append(step)
    return tuple(tuple(lane) for lane in lanes if lane)
