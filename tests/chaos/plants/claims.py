"""Bugs about keys and receipts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.flows.ledger_port import Taken
from app.flows.rounds import Rounds
from app.storage import ledger, round_writes
from app.storage.ledger import Round
from tests.chaos.plants import plant, replaced

INSERT = "    where (select mine from all_are) order by digest\n"
INSERT_IF_ABSENT = "    where (select mine from all_are) order by digest on conflict do nothing\n"


@plant(
    "check-then-insert",
    faults=["clients reset", "answers lost", "clients hang up", "answers lost"],
    emphasis="keys",
    caught_by=["a key has one effect", "replays are byte-equal", "the ledger's own rules"],
    is_locked=True,
)
def check_then_insert() -> None:
    """Keys and receipts are looked up, then inserted if absent, with nothing that keeps two requests apart between the
    look and the insert: no lock, no unique row that would refuse the second.

    The customers' lock would hide it from most: whoever finds a customer locked begins anew, with another look at the
    key. So here they wait for it, and the look is as old as the wait is long.
    """
    round_writes.WRITE = replaced(round_writes.WRITE, INSERT, INSERT_IF_ABSENT)
    ledger.LOCK_PATRONS = ledger.LOCK_PATRONS_WAITING
    take = Round.take

    async def take_without_lock(self: Round, locks: Sequence[int]) -> Taken:
        taken = await take(self, [])
        return replace(taken, is_free=[True for _ in locks])

    Round.take = take_without_lock  # type: ignore[method-assign]
    Rounds._next_round = _next_round_unparted  # type: ignore[method-assign]


def _next_round_unparted(self: Rounds) -> list[Any]:
    """Whatever waits longest, whoever else has the same key."""
    return [self._queue.popleft()] if self._queue else []
