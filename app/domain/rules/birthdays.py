"""How near a birthday is, across New Year and leap years."""

from datetime import MAXYEAR, MINYEAR, date


def birthday_in(birthday: date, year: int) -> date:
    """The birthday as it falls in a year; 29 February is the 28th where the year has none."""
    try:
        return birthday.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def is_near(birthday: date, today: date, *, before: int, after: int) -> bool:
    """Whether any birthday is near enough, both bounds included.

    Not only the nearest one: a window of 250 days before reaches past the middle of the year, where the nearest is the
    one that was.
    """
    return any(-before <= days <= after for days in _days_since(birthday, today))


def days_since_nearest(birthday: date, today: date) -> int:
    """Days since the nearest birthday; negative when it is still to come."""
    return min(_days_since(birthday, today), key=abs)


def _days_since(birthday: date, today: date) -> list[int]:
    """Days since the birthdays of last year, this year and the next."""
    years = range(max(MINYEAR, today.year - 1), min(MAXYEAR, today.year + 1) + 1)
    return [(today - birthday_in(birthday, year)).days for year in years]
