"""Which tier a customer is in, and the way to the next: a pure function of the book, the program and the moment.

A tier is measured after each purchase over the program's window: since ever, this local calendar year, or the last 365
local days (this one included), by the database's clock. What the measure reaches is had at once. Whether it is ever
lost:

- `down: never`, or the window `ever`: the stored tier stands until a higher one is reached, whatever returns take off
  the measure later;
- `year`, `end_of_window`: at each local New Year the tier becomes what the year that ends then has measured;
- `rolling_365d`, `end_of_window`: a tier holds 365 local days from when it was reached, to the same local time; then it
  becomes what the last 365 local days measure, and that holds 365 days again.

`memory.tier_until` is when the stored tier is measured anew. Nothing has to run at that instant: whoever looks later
works out what it brought (`tier_at`), and a posting that changes a measure settles it first, so that a later return
doesn't reach into a window that has ended. A tier that was stored under a program without such ends holds until the
customer's next purchase gives it one.

What a posting leaves of the tier and of all that time will make of it is its *path*. Where that changes, the round
keeps it (`book.tier_path`), so that the tier of any moment of the past can be told.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from app.domain.ledger.books import Book, Progress
from app.domain.ledger.memory import Measured, TierPath
from app.domain.ledger.terms import days_later, midnight
from app.domain.program import Down, Measure, Program, Tier, Window

HELD_DAYS = 365
ROLLING_DAYS = 365
_UNTOUCHED: TierPath = ((None, None),)


def tier_at(program: Program, book: Book, now: datetime) -> str | None:
    """The tier at a moment that is not before the book's last posting; a stored tier that the program no longer has
    doesn't count.
    """
    return _standing(program, book, now)[0]


def measure_at(program: Program, book: Book, now: datetime) -> int:
    """The customer's progress over the window that holds this moment, in the tiers' measure: minor units, purchases or
    units.
    """
    if program.tier_window is Window.EVER:
        return _measure(book.progress, program)
    today = now.astimezone(program.timezone).date()
    return _of_year(program, book, today.year) if program.tier_window is Window.YEAR else _rolling(program, book, today)


def tier_on(program: Program, path: TierPath, at: datetime) -> str | None:
    """The tier at a moment by a path that was kept then; an empty one, of a customer whom nothing has lifted so far,
    says what measuring nothing gives.
    """
    kept = next((tier for tier, until in path if until is None or at < until), None)
    return _higher(program, kept, _reached(program, 0))


def next_tier(tiers: Sequence[Tier], current: str | None) -> Tier | None:
    """The tier above the current one; None at the top."""
    ids = [tier.id for tier in tiers]
    place = ids.index(current) + 1 if current in ids else 0
    return tiers[place] if place < len(tiers) else None


def end_windows(program: Program, book: Book, now: datetime) -> None:
    """Store what the ends of windows have brought by now, before a posting changes a measure."""
    until = book.memory.tier_until
    if until is not None and until <= now:
        book.tier, book.memory.tier_until = _standing(program, book, now)


def count_purchase(program: Program, book: Book, now: datetime, *, paid: int, units: int) -> None:
    """A purchase more, in the progress since ever and in the program's window; the tier that it reaches."""
    end_windows(program, book, now)
    progress = book.progress
    progress.paid += paid
    progress.purchases += 1
    progress.units += units
    bucket = _bucket(program, book, now)
    if bucket is not None:
        bucket.paid += paid
        bucket.purchases += 1
        bucket.units += units
    standing = _standing(program, book, now)
    book.tier, book.memory.tier_until = standing
    _keep(book, _path(program, book, standing), now)


def keep_path(program: Program, book: Book, now: datetime) -> None:
    """Have the round keep the tier's path where it isn't what was kept last; after whatever changes a measure.

    What time alone has made of the tier was in that path already.
    """
    _keep(book, _path(program, book, (_standing(program, book, now)[0], book.memory.tier_until)), now)


def _keep(book: Book, path: TierPath, now: datetime) -> None:
    kept = book.memory.tier_path or _UNTOUCHED
    if path != tuple((tier, until) for tier, until in kept if until is None or now < until):
        book.tier_path = book.memory.tier_path = path


def take_back(sold_by: Program, book: Book, day: date | None, *, paid: int, purchases: int, units: int) -> None:
    """The share of a purchase that came back, off the progress since ever and off the day or year that counted it, if
    that is still remembered. The tier stands.

    Args:
        sold_by: the program that decided the purchase: what had no such window then was counted in none.
        day: the local day on which it was counted.
    """
    progress = book.progress
    progress.paid -= paid
    progress.purchases -= purchases
    progress.units -= units
    bucket = None
    if day is not None and sold_by.tier_window is Window.YEAR:
        bucket = book.memory.years.get(day.year)
    elif day is not None and sold_by.tier_window is Window.ROLLING_365D:
        bucket = book.memory.days.get(day.isoformat())
    if bucket is not None:
        bucket.paid -= paid
        bucket.purchases -= purchases
        bucket.units -= units


def _bucket(program: Program, book: Book, now: datetime) -> Measured | None:
    if program.tier_window is Window.EVER:
        return None
    today = now.astimezone(program.timezone).date()
    if program.tier_window is Window.YEAR:
        return book.memory.years.setdefault(today.year, Measured())
    return book.memory.days.setdefault(today.isoformat(), Measured())


def _standing(program: Program, book: Book, now: datetime) -> tuple[str | None, datetime | None]:
    """The tier at a moment, and until when it holds."""
    stored, until = book.tier, book.memory.tier_until
    reached = _reached(program, measure_at(program, book, now))
    if program.tier_window is Window.EVER or program.tier_down is Down.NEVER:
        return _higher(program, stored, reached), None
    if program.tier_window is Window.YEAR:
        year = now.astimezone(program.timezone).year
        if until is not None and until <= now:
            stored = _reached(program, _of_year(program, book, year - 1))
        tier = _higher(program, stored, reached)
        return tier, midnight(date(year + 1, 1, 1), program.timezone) if _can_fall(program, tier) else None
    while until is not None and until <= now:
        stored = _reached(program, _rolling(program, book, until.astimezone(program.timezone).date()))
        until = days_later(until, HELD_DAYS, program.timezone) if _can_fall(program, stored) else None
    tier = _higher(program, stored, reached)
    if not _can_fall(program, tier):
        return tier, None
    return tier, days_later(now, HELD_DAYS, program.timezone) if tier != stored or until is None else until


def _path(program: Program, book: Book, first: tuple[str | None, datetime | None]) -> TierPath:
    """Each end of a window leads to the next, until nothing is measured that could be lost: after two at most."""
    path = [first]
    while (until := path[-1][1]) is not None:
        path.append(_standing(program, book, until))
    return tuple(path)


def _measure(measured: Progress | Measured, program: Program) -> int:
    by = program.tier_measure
    if by is Measure.PAID:
        return measured.paid
    return measured.purchases if by is Measure.PURCHASES else measured.units


def _of_year(program: Program, book: Book, year: int) -> int:
    measured = book.memory.years.get(year)
    return 0 if measured is None else _measure(measured, program)


def _rolling(program: Program, book: Book, today: date) -> int:
    first, last = (today - timedelta(days=ROLLING_DAYS - 1)).isoformat(), today.isoformat()
    return sum(_measure(measured, program) for day, measured in book.memory.days.items() if first <= day <= last)


def _reached(program: Program, measure: int) -> str | None:
    best: str | None = None
    for tier in program.tiers:
        if measure >= tier.start:
            best = tier.id
    return best


def _higher(program: Program, one: str | None, other: str | None) -> str | None:
    """The later of the two in the program's order; what it doesn't have is below all."""
    return next((tier.id for tier in reversed(program.tiers) if tier.id in (one, other)), None)


def _can_fall(program: Program, tier: str | None) -> bool:
    return tier is not None and tier != _reached(program, 0)
