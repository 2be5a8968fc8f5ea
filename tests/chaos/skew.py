"""This process's clock, wrong by hours: all it is told of the time of day, and the ids it makes. Monotonic time, which
time-outs are measured by, is nobody's to skew.
"""

import importlib
import time
from datetime import datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID

from uuid_utils import compat

# Who asks for the time of day by `datetime`: the service's clock, and whoever checks when a signature was made.
_ASKING = ("app.clock", "jwt.api_jwt")


def shift(seconds: float) -> None:
    """From now on it is `seconds` later (earlier, below 0) than it is."""
    real_time, real_time_ns, real_uuid7 = time.time, time.time_ns, compat.uuid7

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=seconds)

    def uuid7() -> UUID:
        # The first 48 bits are the milliseconds; the rest keeps ids of one process ascending.
        return UUID(int=real_uuid7().int + (int(seconds * 1_000) << 80))

    time.time = lambda: real_time() + seconds
    time.time_ns = lambda: real_time_ns() + int(seconds * 1e9)
    compat.uuid7 = uuid7  # type: ignore[assignment]
    for name in _ASKING:
        module = importlib.import_module(name)
        if getattr(module, "datetime", None) is datetime:
            setattr(module, "datetime", Shifted)  # noqa: B010 - mypy knows no such attribute of a module
