"""The database's clock as this process knows it: its own clock, corrected by what the database last said."""

import time
from datetime import UTC, datetime, timedelta


class DatabaseClock:
    """The port `Clock`. Between two words of the database it runs on the monotonic clock, so stepping this machine's
    clock changes nothing.
    """

    def __init__(self) -> None:
        self._said = datetime.now(UTC)
        self._heard_at = time.monotonic()

    def note(self, now: datetime) -> None:
        self._said = now
        self._heard_at = time.monotonic()

    def now(self) -> datetime:
        return self._said + timedelta(seconds=time.monotonic() - self._heard_at)
