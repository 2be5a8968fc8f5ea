"""Exact numbers, rounding by name, and spreading a total over lines (contract, section 4, "Order and arithmetic")."""

from collections.abc import Mapping
from fractions import Fraction
from math import floor
from typing import Any

Json = dict[str, Any]
Exact = Fraction | int


def number(value: Any) -> Fraction:
    """A JSON quantity, percentage or factor, an integer or a decimal string, exactly."""
    return Fraction(str(value))


def half_up(value: Exact) -> int:
    """The nearest integer of a value not below 0; halves go up."""
    return floor(value + Fraction(1, 2))


def largest_remainder(total: int, weights: Mapping[int, Exact]) -> dict[int, int]:
    """Whole parts of `total` by weight that sum to it; ties to the earlier key; all weights 0 are equal ones."""
    if not weights:
        return {}
    shares = exact_shares(total, weights)
    parts = {key: floor(share) for key, share in shares.items()}
    by_remainder = sorted(shares, key=lambda key: (parts[key] - shares[key], key))
    for key in by_remainder[: total - sum(parts.values())]:
        parts[key] += 1
    return parts


def exact_shares(total: int, weights: Mapping[int, Exact]) -> dict[int, Fraction]:
    """The share of each key before any rounding."""
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1)
    return {key: Fraction(total) * weight / sum(weights.values()) for key, weight in weights.items()}


def spread(total: int, weights: Mapping[int, Exact], rooms: Mapping[int, int]) -> dict[int, int]:
    """Spread as much of `total` as there is room for.

    A line whose exact share is above its room is fixed at its room and the rest is shared anew over the others, until
    none is above; then largest remainder, once.
    """
    rest = min(total, sum(rooms[key] for key in weights))
    open_weights = dict(weights)
    fixed: dict[int, int] = {}
    while over := [key for key, share in exact_shares(rest, open_weights).items() if share > rooms[key]]:
        for key in over:
            fixed[key] = rooms[key]
            del open_weights[key]
        rest = min(total, sum(rooms[key] for key in weights)) - sum(fixed.values())
    return fixed | largest_remainder(rest, open_weights)
