"""Pairs of bounds that several parts of the language have: `{min, max}`, `{from, until}`."""

from datetime import date, datetime
from typing import TypeVar

from app.domain.programs.reader import Fields, Reader
from app.domain.programs.show import enumerate_names, show
from app.domain.programs.values import or_null

Bound = TypeVar("Bound", int, date, datetime)


def read_bounds(
    fields: Fields, reader: Reader[Bound], low: str = "min", high: str = "max"
) -> tuple[Bound | None, Bound | None]:
    """Two optional members, the first not above the second; null is an open end."""
    lowest, highest = fields.get(low, or_null(reader), None), fields.get(high, or_null(reader), None)
    if fields.is_sound(low, high) and lowest is not None and highest is not None and lowest > highest:
        found = show(fields.place(high).value)
        fields.fault(high, "wrong_order", f"Expected {high} to be no less than {low}, found {found}.")
    return lowest, highest


def need_one_of(fields: Fields, *names: str) -> None:
    """Note an object that holds none of these members, or only null ones, where nothing else is wrong with it."""
    if not fields.strangers and all(fields.place(name).value is None for name in names) and fields.is_sound(*names):
        fields.at.note("required", f"Expected at least one of {enumerate_names(names)}, found none.")
