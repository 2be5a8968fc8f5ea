"""Readers of single values: integers, texts, ids, decimal strings, times. Each sentence says what is expected."""

import re
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, time
from enum import StrEnum
from functools import cache
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

from app.domain.amounts import AMOUNT_MAX, MICRO, MILLI, QUANTITY_MAX_MILLI
from app.domain.programs.reader import Cursor, Reader
from app.domain.programs.show import enumerate_names

T = TypeVar("T")
U = TypeVar("U")
E = TypeVar("E", bound=StrEnum)

LIST_MAX = 10_000  # SKUs, shops, brands of one list.
ID_CHARS_MAX = 64
NAMES_SHOWN_MAX = 20
TEXT_CHARS_MAX = 256
DAYS_MAX = 36_500  # A hundred years: no date runs out of the calendar.
COUNT_MAX = 10**6  # Units of a group, groups of a receipt: as the largest quantity.
RATE_DECIMALS = 6  # Rates are kept in millionths.
PERCENT_DECIMALS = 4  # ... and a percentage is a hundredth, so it has two fewer.

_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,12}))?")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_YEARS = range(1970, 3000)
_BAD = re.compile("[\\0\ud800-\udfff]")  # NUL, and halves of characters that no encoding has.
_CURRENCY = re.compile(r"[A-Z]{3}")


# --- combinators ------------------------------------------------------------------------------------------------------


def mapped(reader: Reader[T], make: Callable[[T], U]) -> Reader[U]:
    """What `make` makes of what was read."""
    return lambda at: make(reader(at))


def or_null(reader: Reader[T]) -> Reader[T | None]:
    """The same, or null for "none"."""
    return lambda at: None if at.value is None else reader(at)


def listed(reader: Reader[T], *, at_least: int = 1, at_most: int = LIST_MAX) -> Reader[tuple[T, ...]]:
    """A list of such values."""

    def read(at: Cursor) -> tuple[T, ...]:
        return tuple(each.read(reader) for each in at.elements(at_least=at_least, at_most=at_most))

    return read


def known(reader: Reader[str], names: Collection[str] | None, noun: str) -> Reader[str]:
    """A reference to something that the document defines; `names` is None where the definitions can't be made out."""

    def read(at: Cursor) -> str:
        name = reader(at)
        if names is not None and name not in names:
            listing = enumerate_names(list(names)[:NAMES_SHOWN_MAX]) or "it has none"
            raise at.wrong("unknown_reference", f"a {noun} of this program ({listing})")
        return name

    return read


def one_or_listed(reader: Reader[T]) -> Reader[tuple[T, ...]]:
    """A list of such values; a single one needs no list."""
    several = listed(reader)
    return lambda at: several(at) if isinstance(at.value, list) else (reader(at),)


# --- numbers ----------------------------------------------------------------------------------------------------------


def integer(low: int, high: int) -> Reader[int]:
    """A whole number within bounds; neither a fraction, nor a string, nor true."""

    def read(at: Cursor) -> int:
        if type(at.value) is not int:
            raise at.wrong("wrong_type", f"a whole number from {low} to {high}")
        if not low <= at.value <= high:
            raise at.wrong("out_of_range", f"a whole number from {low} to {high}")
        return at.value

    return read


amount = integer(0, AMOUNT_MAX)


def decimal(expected: str, *, decimals: int, low: int, high: int) -> Reader[int]:
    """A decimal string as an integer of `10 ** -decimals`, within bounds in that unit."""

    def read(at: Cursor) -> int:
        if not isinstance(at.value, str):
            raise at.wrong("wrong_type", f"{expected}, as a string in quotes")
        found = _DECIMAL.fullmatch(at.value)
        if found is None or len(found[2] or "") > decimals:
            raise at.wrong("wrong_form", f"{expected}, with at most {decimals} decimals")
        scaled = int(found[1] + (found[2] or "").ljust(decimals, "0"))
        if not low <= scaled <= high:
            raise at.wrong("out_of_range", expected)
        return scaled

    return read


def percent(high: int) -> Reader[int]:
    """A percentage above 0, in millionths: `"10"` is 100,000."""
    return decimal(
        f'a percentage above 0 and at most {high} such as "10" or "2.5"',
        decimals=PERCENT_DECIMALS,
        low=1,
        high=high * 10**PERCENT_DECIMALS,
    )


def factor(expected: str, *, low: int, high: int) -> Reader[int]:
    """A factor or share in millionths: `"0.30"` is 300,000. Bounds are whole."""
    return decimal(expected, decimals=RATE_DECIMALS, low=low * MICRO, high=high * MICRO)


def chance(at: Cursor) -> int:
    """A chance in millionths: above 0, at most 1."""
    return decimal('a chance above 0 and at most 1 such as "0.05"', decimals=RATE_DECIMALS, low=1, high=MICRO)(at)


def quantity_milli(at: Cursor) -> int:
    """A quantity above 0 in thousandths: an integer or a decimal string."""
    expected = 'a quantity above 0 and at most 1000000, a whole number or a string such as "0.345"'
    if type(at.value) is int:
        if not 0 < at.value <= QUANTITY_MAX_MILLI // MILLI:
            raise at.wrong("out_of_range", expected)
        return at.value * MILLI
    return decimal(expected, decimals=3, low=1, high=QUANTITY_MAX_MILLI)(at)


def flag(at: Cursor) -> bool:
    if not isinstance(at.value, bool):
        raise at.wrong("wrong_type", "true or false")
    return at.value


# --- words ------------------------------------------------------------------------------------------------------------


def text(chars_max: int = TEXT_CHARS_MAX) -> Reader[str]:
    """Text that isn't empty and that a database and a till can hold."""

    def read(at: Cursor) -> str:
        expected = f"text of 1 to {chars_max} characters"
        if not isinstance(at.value, str):
            raise at.wrong("wrong_type", expected)
        if not at.value:
            raise at.wrong("too_short", expected)
        if len(at.value) > chars_max:
            raise at.wrong("too_long", expected)
        if _BAD.search(at.value):
            raise at.wrong("bad_characters", "text without NUL characters and half characters")
        return at.value

    return read


def identifier(at: Cursor) -> str:
    """An id: printable, without spaces, because it ends up in logs, keys and tickets."""
    value = text(ID_CHARS_MAX)(at)
    if not value.isprintable() or " " in value:
        raise at.wrong("bad_characters", f"an id of 1 to {ID_CHARS_MAX} printable characters without spaces")
    return value


def counted_identifier(at: Cursor) -> str:
    """An id that counters are named by, which part their names with slashes."""
    value = identifier(at)
    if "/" in value:
        raise at.wrong("bad_characters", "an id without slashes, because counters are named by it")
    return value


def category(at: Cursor) -> str:
    """A path such as `drinks/coffee`."""
    value = text()(at)
    if not all(value.split("/")):
        raise at.wrong("wrong_form", 'a path such as "drinks/coffee", without a slash at its ends or two in a row')
    return value


def word(words: Sequence[str]) -> Reader[str]:
    """One of a few words."""

    def read(at: Cursor) -> str:
        expected = f"one of {enumerate_names(words)}"
        if not isinstance(at.value, str):
            raise at.wrong("wrong_type", expected)
        if at.value not in words:
            raise at.wrong("not_one_of", expected)
        return at.value

    return read


def one_of(members: type[E]) -> Reader[E]:
    """A member of an enumeration."""
    return mapped(word([member.value for member in members]), members)


def currency(at: Cursor) -> str:
    if not isinstance(at.value, str) or not _CURRENCY.fullmatch(at.value):
        raise at.wrong("wrong_form", 'a currency code of three capital letters such as "RUB"')
    return at.value


# --- times ------------------------------------------------------------------------------------------------------------


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime"})  # "localtime" means another zone on each host.


def timezone(at: Cursor) -> ZoneInfo:
    if not isinstance(at.value, str) or at.value not in _zones():
        raise at.wrong("wrong_form", 'a time zone of the IANA list such as "Europe/Moscow"')
    return ZoneInfo(at.value)


def instant(at: Cursor) -> datetime:
    """An RFC 3339 time with offset."""
    expected = 'a time with offset such as "2026-11-21T12:00:00+03:00"'
    if not isinstance(at.value, str):
        raise at.wrong("wrong_type", expected)
    if not _INSTANT.fullmatch(at.value):
        raise at.wrong("wrong_form", expected)
    try:
        found = datetime.fromisoformat(at.value.upper())
    except ValueError:
        raise at.wrong("wrong_form", expected) from None
    if found.year not in _YEARS:
        raise at.wrong("out_of_range", f"a time of the years {_YEARS.start} to {_YEARS.stop - 1}")
    return found


def day(at: Cursor) -> date:
    expected = 'a day such as "2026-11-21"'
    if not isinstance(at.value, str):
        raise at.wrong("wrong_type", expected)
    if not _DAY.fullmatch(at.value):
        raise at.wrong("wrong_form", expected)
    try:
        return date.fromisoformat(at.value)
    except ValueError:
        raise at.wrong("wrong_form", expected) from None


def clock(*, is_end: bool) -> Reader[time]:
    """A time of day; as an end also `24:00`, which is the next day's midnight."""

    def read(at: Cursor) -> time:
        expected = 'a time of day such as "08:30"' + (', at most "24:00"' if is_end else ', before "24:00"')
        if not isinstance(at.value, str):
            raise at.wrong("wrong_type", expected)
        if is_end and at.value == "24:00":
            return time(0)
        if not _CLOCK.fullmatch(at.value):
            raise at.wrong("wrong_form", expected)
        return time.fromisoformat(at.value)

    return read
