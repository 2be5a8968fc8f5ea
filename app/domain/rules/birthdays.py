"""How near a birthday is, across New Year and leap years."""

from calendar import isleap
from collections.abc import Sequence
from datetime import MAXYEAR, MINYEAR, date


def birthday_in(birthday: date, year: int) -> date:
    """The birthday as it falls in a year; 29 February is the 28th where the year has none."""
    month, day = birthday.month, birthday.day
    return date(year, month, 28 if day == 29 and month == 2 and not isleap(year) else day)


def days_since(birthday: date, today: date) -> list[int]:
    """Days since the birthdays on both sides of the day, the earlier one first; negative for one still to come.

    Of this year's, the next and the last one the third is never the nearest, and only near where the one before it is.
    """
    now, year = today.toordinal(), today.year
    days = now - birthday_in(birthday, year).toordinal()
    if days >= 0:
        return [days] if year == MAXYEAR else [days, now - birthday_in(birthday, year + 1).toordinal()]
    return [days] if year == MINYEAR else [now - birthday_in(birthday, year - 1).toordinal(), days]


def is_near(days: Sequence[int], *, before: int, after: int) -> bool:
    """Whether any birthday is near enough, by `days_since`; both bounds included.

    Not only the nearest one: a window of 250 days before reaches past the middle of the year, where the nearest is the
    one that was.
    """
    return any(-before <= each <= after for each in days)


def days_since_nearest(birthday: date, today: date) -> int:
    """Days since the nearest birthday; negative when it is still to come."""
    return nearest(days_since(birthday, today))


def nearest(days: Sequence[int]) -> int:
    """Days since the nearest of them, the earlier of two."""
    return min(days, key=abs)
