"""Bugs about events that are no part of their posting."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.flows.ledger_port import Changes
from app.storage import round_writes
from app.storage.ledger import LedgerDatabase, Round
from tests.chaos.plants import plant, replaced

_EVENTS = """), new_events as (
    insert into events (tx_id, customer_id, version, kind) select tx_id, customer_id, version, kind from posted
"""
_INSERT = """
insert into events (tx_id, customer_id, version, kind)
select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[])
"""


@plant(
    "events-after-commit",
    faults=["commits unanswered", "service killed", "commits unanswered"],
    emphasis="sales",
    caught_by=["the ledger's own rules", "the feed has every transaction, in order"],
    commands=["serve"],
    is_locked=True,
)
def events_after_commit() -> None:
    """Events are written when the posting is committed, in a transaction of their own: what ends in between loses them.

    Nothing would have noticed but the ledger's audit, which counts events.
    """
    round_writes.WRITE = replaced(round_writes.WRITE, _EVENTS, "")
    write, round_ = Round.write, LedgerDatabase.round
    waiting: dict[int, list[list[object]]] = {}

    async def write_without_events(self: Round, changes: Changes) -> None:
        await write(self, changes)
        postings = [chained.posting for chained in changes.postings]
        waiting[id(self)] = [
            [posting.tx_id for posting in postings],
            [posting.customer_id for posting in postings],
            [posting.version for posting in postings],
            [posting.kind.value for posting in postings],
        ]

    @asynccontextmanager
    async def round_then_events(self: LedgerDatabase) -> AsyncIterator[Round]:
        events = None
        async with round_(self) as tx:
            yield tx
            events = waiting.pop(id(tx), None)
        if events:
            async with self._database.transaction() as connection:
                await connection.execute(_INSERT, *events)

    Round.write = write_without_events  # type: ignore[method-assign]
    LedgerDatabase.round = round_then_events  # type: ignore[method-assign]
