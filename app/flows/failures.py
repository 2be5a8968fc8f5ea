"""What can go wrong between us and the database, in our words.

Storage translates the driver's errors into these once; flows decide what to do about them.
"""

from collections.abc import Collection
from datetime import date
from uuid import UUID


class DatabaseGone(Exception):
    """No connection, or it broke: what was under way may or may not have been committed."""


class DatabaseSilent(DatabaseGone):
    """It did not answer in time. Asking once more would only make the till wait twice as long."""


class DatabaseBusy(Exception):
    """A lock was not to be had in time, or the database chose us as a deadlock's victim: nothing was written."""


class Conflict(Exception):
    """A constraint said no: somebody else was first, or a plan was wrong; nothing was written. `customers` are those
    who are not as they were read, as far as that is what went wrong.
    """

    def __init__(self, detail: str, *, customers: Collection[UUID] = ()) -> None:
        super().__init__(detail)
        self.customers = customers


class DrawSecretDiffers(Exception):
    """The day's tickets are drawn with another secret elsewhere: two secrets files serve one database."""

    def __init__(self, day: date) -> None:
        super().__init__(f"tickets of {day} are drawn with another secret")
        self.day = day
