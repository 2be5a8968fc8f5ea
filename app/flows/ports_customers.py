"""What customers' and readers' flows need of the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from app.domain.identifiers import CustomerId
from app.domain.ledger.hold_states import Hold
from app.domain.ledger.lots import Lot
from app.domain.ledger.memory import TierPath
from app.flows.ledger_port import Patron, RoundTx, Sealed, Shared
from app.flows.new_consents import NewConsent
from app.flows.requests import Answer
from app.flows.results import HistoryItem, ProgramVersion, PurchaseRecord


@dataclass(frozen=True, slots=True)
class NewIdentifier:
    kind: str
    digest: bytes


class CustomerTx(RoundTx, Protocol):
    """A round's transaction that also changes customers and programs."""

    async def taken_identifiers(self, digests: Sequence[bytes]) -> Mapping[bytes, CustomerId]:
        """Also those of blocked cards."""
        ...

    async def insert_customer(
        self, customer_id: UUID, *, profile: Sealed, tags: Sequence[str], referrer: UUID | None
    ) -> datetime:
        """Returns when: the database's clock."""
        ...

    async def insert_identifiers(self, customer_id: UUID, identifiers: Sequence[NewIdentifier]) -> None: ...

    async def delete_identifiers(self, customer_id: UUID, *, kinds: Sequence[str]) -> None: ...

    async def update_profile(self, customer_id: UUID, *, profile: Sealed, tags: Sequence[str]) -> None:
        """Also raises the customer's revision, so that no cached snapshot stands over it."""
        ...

    async def insert_consents(self, customer_id: UUID, news: Sequence[NewConsent], *, by: str) -> None: ...

    async def insert_missing_consents(self, customer_id: UUID, known: Sequence[NewConsent]) -> None:
        """Those of a profile that the history has no record of."""
        ...

    async def save_draft(self, document: str, *, by: str) -> None: ...

    async def lock_draft(self) -> str | None:
        """The draft; two publishers come here one after the other."""
        ...

    async def document(self, version: int) -> str | None: ...

    async def insert_program(self, document: str, *, by: str) -> int:
        """Returns the new version."""
        ...

    async def insert_backtest(
        self, backtest_id: UUID, *, document: str, digest: bytes, asked: Mapping[str, Any], by: str
    ) -> None: ...

    async def cancel_backtest(self, backtest_id: UUID) -> None:
        """One that has ended stays as it is."""
        ...

    async def is_trying(self) -> bool:
        """Whether a back-test is under way."""
        ...

    async def is_tried(self, digest: bytes, *, within: timedelta) -> bool:
        """Whether a back-test of this very draft has ended well within that time."""
        ...


@dataclass(frozen=True, slots=True)
class PastBook:
    """A customer's books as they were posted by a moment: sums by wallet and account, lots with what was left in them,
    and the holds that nothing posted by then had ended. These have no goods: they only tell when their units go back.

    `program` is the version in force then, 0 for none; `tier_path` as the last posting by then that changed it had left
    it; `newest` is the customer as posted now, read in the same instant.
    """

    version: int
    wallets: Mapping[str, tuple[int, int, int]]
    lots: Sequence[Lot]
    holds: Sequence[Hold]
    program: int
    tier_path: TierPath
    newest: Patron


class Reads(Protocol):
    """Statements that each stand alone. Raise DatabaseGone, DatabaseBusy."""

    async def owner(self, digest: bytes) -> CustomerId | None: ...
    async def patron(self, customer_id: UUID) -> Patron | None: ...
    async def outlook(self, customer_id: UUID) -> Patron | None:
        """The customer with the horizon, of one moment; as posted, so it is of use where nothing is due."""
        ...

    async def open_lots(self, customer_id: UUID, *, start: int, limit: int) -> tuple[Patron, Sequence[Lot]] | None:
        """The customer, and at most so many lots with units left, in spending order from that place on; as posted."""
        ...

    async def books(self, customer_id: UUID) -> Patron | None:
        """The customer with the open lots, all of one moment."""
        ...

    async def past(self, customer_id: UUID, *, at: datetime) -> PastBook | None:
        """None: there is no such customer."""
        ...

    async def history(self, customer_id: UUID, *, before: int | None, limit: int) -> Sequence[HistoryItem]: ...
    async def purchase(self, purchase_id: UUID) -> tuple[PurchaseRecord, int] | None:
        """The record and its program's version."""
        ...

    async def claimed(self, digest: UUID) -> UUID | None: ...
    async def answer(self, answer_id: UUID) -> Answer | None: ...
    async def newest_program(self) -> tuple[datetime, int]:
        """The database's clock, and the newest version (0: none)."""
        ...

    async def program(self, version: int) -> ProgramVersion | None: ...
    async def programs(self, *, before: int | None, limit: int) -> Sequence[ProgramVersion]: ...
    async def draft(self) -> str | None: ...
    async def program_names(self) -> tuple[frozenset[str], frozenset[str]]:
        """What a program's document may refer to by name: segments, and pools of coupons."""
        ...

    async def shared(self, *, counters: Sequence[str], coupons: Sequence[str], pools: Mapping[str, int]) -> Shared:
        """The program's shared state as it is committed, without locks: what a quote looks at."""
        ...

    async def serves_alone(self) -> bool:
        """Whether no other process of this service has connections, or may have had them a moment ago."""
        ...

    async def is_writable(self) -> bool: ...
    async def schema_version(self) -> str:
        """The revision of the last migration; later ones sort later."""
        ...
