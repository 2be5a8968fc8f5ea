"""Which version of the program was in force when."""

from collections.abc import Sequence
from datetime import datetime

from app.storage.engine import Database

PUBLISHED = "select version, published_at from programs order by version"


class OfflineDatabase:
    """The port `PublishedVersions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def published(self) -> Sequence[tuple[int, datetime]]:
        async with self._database.connection() as connection:
            return [(row["version"], row["published_at"]) for row in await connection.fetch(PUBLISHED)]
