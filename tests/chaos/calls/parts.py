"""What calls are put together from: names that nobody has used, baskets, moments of the past."""

import random
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

_SERIAL = count(1)


def fresh(prefix: str) -> str:
    """A key, a receipt's number, a card: unique in this run."""
    return f"{prefix}{next(_SERIAL)}"


def basket(luck: random.Random, *, lines_max: int = 3, **more: Any) -> dict[str, Any]:
    lines = [
        {"id": str(place), "price": luck.randrange(1, 900) * 10 + 7, "qty": luck.randint(1, 3), "sku": f"S{place}"}
        for place in range(1, luck.randint(2, lines_max + 1))
    ]
    return {"lines": lines, **more}


def ago(*, days: int, less_seconds: float) -> str:
    """So many days ago, but for some seconds: what lives that many days ends in that many seconds."""
    return (datetime.now(UTC) - timedelta(days=days) + timedelta(seconds=less_seconds)).isoformat()
