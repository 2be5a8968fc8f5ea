"""What flows need of the world, in domain values; `app.wiring` puts the real parts in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from uuid_utils import compat

from app.domain.identifiers import Identifier
from app.domain.ledger.plans import Chained
from app.domain.programs.lint import Finding
from app.domain.rejections import Rejected
from app.domain.rules.compiled import CompiledProgram
from app.flows.ledger_port import Patron, Sealed
from app.flows.requests import Answer
from app.flows.results import CustomerProfile, EventPosted, HoldPosted, Posted, Returned, Sale


class Answers(Protocol):
    """Gives answers their bytes inside the round, since what is stored under a key is what was sent."""

    def sale(self, sale: Sale) -> bytes: ...

    def returned(self, returned: Returned) -> bytes: ...

    def posted(self, posted: Posted) -> bytes: ...

    def hold(self, posted: HoldPosted) -> bytes: ...

    def customer(self, profile: CustomerProfile) -> bytes:
        """Masked: stored answers hold no phone, e-mail or full name."""
        ...

    def draft(self, document: object, findings: Sequence[Finding]) -> bytes: ...

    def published(self, version: int) -> bytes: ...

    def event(self, posted: EventPosted) -> bytes: ...

    def refusal(self, rejected: Rejected, *, request_id: str) -> Answer:
        """The problem document of a "no", with its status."""
        ...


class Clock(Protocol):
    """The database's clock as this process knows it, for what is read without asking the database."""

    def note(self, now: datetime) -> None:
        """The database has just said what time it is."""
        ...

    def now(self) -> datetime: ...


class Programs(Protocol):
    async def compiled(self, version: int) -> CompiledProgram:
        """A published version, compiled. Raises `Rejected(NOT_FOUND)` for one that doesn't exist."""
        ...

    async def newest(self) -> int:
        """The newest version, confirmed within the last second. Raises `Rejected(NOT_FOUND)` for none."""
        ...

    async def current(self) -> CompiledProgram | None:
        """The newest version compiled; None where none is published: customers may be moved in before that."""
        ...


@dataclass(slots=True)  # Not frozen, as in domain/basket.py.
class Seen:
    """What the cache had of a customer; what is read of the database next may be filled in under the mark."""

    patron: Patron | None
    mark: str


class Snapshots(Protocol):
    """Customers as the cache holds them; may fail at any time, and then says nothing."""

    async def put(self, patrons: Sequence[Patron]) -> None:
        """What has just been committed, by whoever held the customers' locks; replaces what is there of them."""
        ...

    async def get(self, customer_id: UUID) -> Seen: ...

    async def fill(self, patron: Patron, *, mark: str) -> None:
        """What was read after the mark was seen; not taken where what is there is newer, or was lost since."""
        ...

    async def forget(self, customer_ids: Sequence[UUID]) -> None:
        """Whoever is asked about next is read anew."""
        ...

    async def find(self, digest: bytes) -> tuple[UUID | None, Seen]:
        """Who has the identifier, and then as `get` of that customer, at one look; else a mark for the owner."""
        ...

    async def put_owner(self, digest: bytes, customer_id: UUID, *, mark: str) -> None:
        """As `fill`: who was read after the mark was seen."""
        ...

    async def drop(self, digests: Sequence[bytes]) -> None: ...

    async def is_well(self) -> bool: ...


class RoundWatch(Protocol):
    """Counts what rounds do."""

    def round_done(self, *, size: int, seconds: float) -> None: ...

    def round_redone(self) -> None:
        """A round without locks was in another's way, and is done once more under locks."""
        ...

    def round_failed(self, error: BaseException, *, retried: int) -> None: ...

    def posted(self, postings: Sequence[Chained]) -> None: ...


@dataclass(slots=True)  # Not frozen, as in domain/basket.py.
class Person:
    """What is sealed: the personal data of one customer, in clear only while a request needs it."""

    phone: str | None = None
    cards: tuple[str, ...] = ()
    external_id: str | None = None
    name: str | None = None
    birthday: date | None = None
    email: str | None = None
    consents: tuple[Mapping[str, object], ...] = ()


class Vault(Protocol):
    """Keyed hashes of identifiers, and the sealing of personal data."""

    def digest(self, identifier: Identifier) -> bytes:
        """32 bytes by which an identifier is found."""
        ...

    def open(self, customer_id: UUID, sealed: Sealed) -> Person:
        """An erased customer is a person without anything."""
        ...

    def seal(self, customer_id: UUID, person: Person, *, wrapped_key: bytes | None) -> Sealed:
        """Under the customer's key, a new one where there is none."""
        ...

    def seal_secret(self, customer_id: UUID, secret: bytes, *, wrapped_key: bytes) -> bytes:
        """Under the customer's key, as `seal`: who is erased loses it."""
        ...

    def open_secret(self, customer_id: UUID, sealed: Sealed) -> bytes | None:
        """None: the customer was erased."""
        ...

    def sign(self, text: bytes) -> bytes:
        """16 bytes that only this service can make (tokens of quotes)."""
        ...

    def keyed(self, fingerprint: bytes) -> bytes:
        """16 bytes by which a request is known again, and which tell nothing of it without the keyring."""
        ...

    def draw_secret(self, name: str) -> bytes:
        """32 bytes: the secret of a program day (ISO text) or of a prize draw (`prize-draw/ID`)."""
        ...


def fresh_ids() -> Iterator[UUID]:
    """UUIDv7, ascending within a process: later ids sort later."""
    while True:
        yield compat.uuid7()
