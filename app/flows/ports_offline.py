"""What receipts made without connection need besides a round's."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class PublishedVersions(Protocol):
    async def published(self) -> Sequence[tuple[int, datetime]]:
        """All versions of the program and since when each has been in force, the first one first."""
        ...
