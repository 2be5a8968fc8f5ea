"""Splitting one total over lines, so that the parts always sum to the whole and no line gets more than it has room for.

The contract's "Spreading": weights decide each line's exact share. A line whose exact share is above its room is
fixed at its room and the rest is shared anew over the others, until none is above; only then shares are rounded,
once, by largest remainder, ties to the earlier line. Fixing a line makes every other share larger, never smaller, so
it doesn't matter which of several full lines is fixed first, and a share below an integer room can be rounded up
without passing it.
"""

from collections.abc import Sequence

from app.domain.amounts import allocate


def spread(total: int, weights: Sequence[int], rooms: Sequence[int]) -> list[int]:
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


def _spread_with_full_lines(total: int, weights: Sequence[int], rooms: Sequence[int]) -> list[int]:
    if sum(rooms) < total or min(rooms) < 0:
        raise ValueError(f"can't spread {total} over {weights} with rooms {rooms}")
    parts = [0] * len(weights)
    places = list(range(len(weights)))
    rest = total
    while places:
        shares = [weights[place] for place in places]
        if not any(shares):
            shares = [1] * len(places)
        whole = sum(shares)
        full = {place for place, share in zip(places, shares, strict=True) if rest * share > rooms[place] * whole}
        if not full:
            for place, part in zip(places, allocate(rest, shares), strict=True):
                parts[place] = part
            break
        for place in full:
            parts[place] = rooms[place]
            rest -= rooms[place]
        places = [place for place in places if place not in full]
    return parts
