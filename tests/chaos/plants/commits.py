"""Bugs about the commit: answers before it, commits that aren't on disk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.flows.post_round import Round
from app.storage.engine import Database
from tests.chaos.plants import plant


@plant(
    "answer-before-commit",
    faults=["commits never arrive", "commits delayed", "postgres killed", "commits never arrive"],
    caught_by=["acknowledged writes exist", "answers tell what was posted"],
    is_locked=True,
)
def answer_before_commit() -> None:
    """A purchase is answered as soon as its rows are written; the commit comes after.

    Nothing in the service would have noticed: the order of two lines is all there is.
    """
    write = Round.write

    async def write_and_answer(self: Round) -> None:
        await write(self)
        for ask, answer in self.outcomes:
            ask.answer(answer)

    Round.write = write_and_answer  # type: ignore[method-assign]


@plant(
    "asynchronous-commit",
    faults=["postgres killed", "backend killed", "postgres killed", "postgres killed"],
    caught_by=["acknowledged writes exist", "answers tell what was posted"],
    is_locked=True,
)
def asynchronous_commit() -> None:
    """Transactions don't wait until their commit is on disk (`synchronous_commit` off).

    The service doesn't start where the server or its sessions are set so; here each transaction says it for itself.
    """
    transaction = Database.transaction

    @asynccontextmanager
    async def unsafe(self: Database) -> AsyncIterator[Any]:
        async with transaction(self) as connection:
            await connection.execute("set local synchronous_commit = off")
            yield connection

    Database.transaction = unsafe  # type: ignore[method-assign]
