"""Alerts, and what keeping and raising them needs of the database."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.domain.abuse.tills import AlertKind, Habits, TillEvent
from app.flows.ledger_port import RoundTx


class AlertState(StrEnum):
    NEW = "new"
    SEEN = "seen"
    DISMISSED = "dismissed"
    CONFIRMED = "confirmed"

    @property
    def is_final(self) -> bool:
        return self in (AlertState.DISMISSED, AlertState.CONFIRMED)


@dataclass(frozen=True, slots=True)
class Raised:
    """One kind of thing at one till on one local day; `times`: how often it was seen. A person's budget of look-ups has
    the key's id as its terminal, and no shop.
    """

    kind: AlertKind
    shop: str
    terminal: str
    customer: UUID | None
    day: date
    facts: Mapping[str, int]
    tx_id: UUID | None = None
    times: int = 1


@dataclass(frozen=True, slots=True)
class Alert:
    id: UUID
    raised: Raised
    raised_at: datetime
    last_at: datetime
    state: AlertState
    decided_by: str | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AlertQuery:
    state: AlertState | None = None
    kind: AlertKind | None = None
    shop: str | None = None


class AlertTx(RoundTx, Protocol):
    async def decide_alert(self, alert_id: UUID, state: AlertState, *, by: str) -> Alert | None:
        """The alert in its new state; None where it has a final one, or there is none."""
        ...

    async def alert(self, alert_id: UUID) -> Alert | None: ...


class AlertStore(Protocol):
    """Raises DatabaseGone, DatabaseBusy."""

    async def alerts(self, query: AlertQuery, *, before: UUID | None, limit: int) -> Sequence[Alert]:
        """The newest first."""
        ...


class WatchTx(Protocol):
    async def take_lock(self) -> tuple[int, datetime] | None:
        """How far the feed was watched, and the time; None where somebody else watches now."""
        ...

    async def read(self, *, after: int, limit: int, zone: str) -> tuple[int, Sequence[TillEvent]]:
        """The next events of the feed: the position after them (as given: there are none), and what of them is a
        till's; instants as local times of the zone.
        """
        ...

    async def habits(self, tills: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Habits]: ...

    async def keep(self, position: int, habits: Mapping[tuple[str, str], Habits]) -> None: ...

    async def raise_alerts(self, raised: Sequence[Raised]) -> None:
        """Each kind, till, customer and day once; what was raised before is counted, and new where it was dismissed."""
        ...


class WatchStore(Protocol):
    def watching(self) -> AbstractAsyncContextManager[WatchTx]:
        """Raises DatabaseGone, DatabaseBusy, Conflict."""
        ...
