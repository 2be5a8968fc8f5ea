"""Splitting one total over lines, so that the parts always sum to the whole and no line gets more than it has room for.

The contract's "Spreading": weights decide each line's exact share. A line whose exact share is above its room is
fixed at its room and the rest is shared anew over the others, until none is above; only then shares are rounded,
once, by largest remainder, ties to the earlier line. Fixing a line makes every other share larger, never smaller, so
it doesn't matter which of several full lines is fixed first, and a share below an integer room can be rounded up
without passing it.
"""

from functools import cmp_to_key

from app.domain.amounts import allocate


def spread(total: int, weights: list[int], rooms: list[int]) -> list[int]:
    """Parts of `total` by weight, none above its room; weights that are all 0 count as equal ones.

    Raises:
        ValueError: there is nothing to split over, the lengths differ, something is negative, or the rooms together
            hold less than `total`.
    """
    if len(weights) == len(rooms) == 1 and 0 <= total <= rooms[0]:
        return [total]
    whole = sum(weights)
    for weight, room in zip(weights, rooms, strict=True):
        if total * weight > room * whole or not whole:
            return _spread_with_full_lines(total, weights, rooms)
    return allocate(total, weights)


def _spread_with_full_lines(total: int, weights: list[int], rooms: list[int]) -> list[int]:
    """Lines in the order in which a growing total would fill them: once one isn't full, none behind it is."""
    if sum(rooms) < total or min(rooms) < 0:
        raise ValueError(f"can't spread {total} over {weights} with rooms {rooms}")
    if not any(weights):
        weights = [1] * len(weights)
    parts = [0] * len(weights)
    rest, whole = total, sum(weights)
    order = _by_room_for_its_weight(weights, rooms)
    for at, place in enumerate(order):
        if rest * weights[place] <= rooms[place] * whole:
            others = sorted(order[at:])
            for other, part in zip(others, allocate(rest, [weights[other] for other in others]), strict=True):
                parts[other] = part
            return parts
        parts[place] = rooms[place]
        rest -= rooms[place]
        whole -= weights[place]
    if rest:
        light = [place for place, weight in enumerate(weights) if not weight]
        for place, part in zip(light, spread(rest, [0] * len(light), [rooms[place] for place in light]), strict=True):
            parts[place] = part
    return parts


def _by_room_for_its_weight(weights: list[int], rooms: list[int]) -> list[int]:
    """The places that have a weight, least room for its weight first; compared exactly, without dividing."""

    def compare(one: int, other: int) -> int:
        return rooms[one] * weights[other] - rooms[other] * weights[one]

    return sorted((place for place, weight in enumerate(weights) if weight), key=cmp_to_key(compare))
