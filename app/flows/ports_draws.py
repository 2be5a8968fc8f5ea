"""What the flows about draws need of the database."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import Protocol

from app.domain.draws.prize_draws import PrizeDraw, Winner
from app.flows.ledger_port import RoundTx


class DrawDays(Protocol):
    async def day(self, day: date) -> tuple[datetime, str | None]:
        """The database's clock, and the commitment by which the day's first ticket was drawn (None: none was yet)."""
        ...


class PrizeDrawReads(Protocol):
    """Statements that each stand alone. Raise DatabaseGone, DatabaseBusy."""

    async def one(self, draw_id: str) -> PrizeDraw | None: ...

    async def entrants(self, draw_id: str, *, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """(place, purchase) of a frozen list, by place."""
        ...


class PrizeDrawTx(RoundTx, Protocol):
    """A transaction that announces, freezes or draws; however long it takes."""

    async def now(self) -> datetime:
        """The database's clock."""
        ...

    async def announce(self, draw: PrizeDraw, *, by: str) -> PrizeDraw | None:
        """None where the id is taken."""
        ...

    async def lock_draw(self, draw_id: str) -> PrizeDraw | None: ...

    async def freeze(self, draw: PrizeDraw) -> PrizeDraw:
        """List whoever has entered, and hash the list."""
        ...

    def entries(self, draw_id: str) -> AsyncIterator[Sequence[tuple[str, str]]]:
        """(purchase, customer) of the frozen list in batches, in any order."""
        ...

    async def draw(self, draw_id: str, *, secret: str, winners: Sequence[Winner]) -> PrizeDraw: ...
