"""What postings have left of customers' tiers, kept where it has changed: balances of the past tell the tier by it."""

from collections.abc import Iterable
from uuid import UUID

import orjson

from app.domain.ledger.books import Book
from app.domain.ledger.memory import TierPath, path_from_document, path_to_document
from app.storage.engine import Connection

PAST_TIER = "select path from tier_changes where customer_id = $1 and version <= $2 order by version desc limit 1"


def tiers_of(books: Iterable[Book]) -> list[tuple[UUID, int, str]]:
    """Rows of `tier_changes` (customer, version, path): of the books whose tier has changed."""
    return [
        (book.customer_id, book.version, orjson.dumps(path_to_document(book.tier_path)).decode())
        for book in books
        if book.tier_path is not None
    ]


async def read_tier(connection: Connection, customer_id: UUID, *, version: int) -> TierPath:
    """The path that a customer's tier was on at a version of the books; empty where no posting had changed it."""
    path = await connection.fetchval(PAST_TIER, customer_id, version)
    return path_from_document(orjson.loads(path)) if path is not None else ()
