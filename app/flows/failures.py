"""What can go wrong between us and the database, in our words.

Storage translates the driver's errors into these once; flows decide what to do about them.
"""


class DatabaseGone(Exception):
    """No connection, or it broke: what was under way may or may not have been committed."""


class DatabaseSilent(DatabaseGone):
    """It did not answer in time. Asking once more would only make the till wait twice as long."""


class DatabaseBusy(Exception):
    """A lock was not to be had in time, or the database chose us as a deadlock's victim: nothing was written."""


class Conflict(Exception):
    """A constraint said no: somebody else was first, or a plan was wrong; nothing was written."""
