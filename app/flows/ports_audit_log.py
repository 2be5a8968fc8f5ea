"""The audit log as flows, edge and commands see it: who did what, when, from where, with which result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

Details = Mapping[str, str | int | bool]

TEXT_LENGTH_MAX = 200  # Of any text of a deed; ids, names of calls and addresses are far shorter.


def plain(text: str) -> str:
    """The text as a deed may have it: on one line, not long, nothing that can't be seen."""
    return text if len(text) <= TEXT_LENGTH_MAX and text.isprintable() else ascii(text)[:TEXT_LENGTH_MAX]


class ActorKind(StrEnum):
    KEY = "key"  # A key of the service; `actor` is its id.
    PERSON = "person"  # Somebody who has signed in; `actor` is their id.
    OPERATOR = "operator"  # Whoever typed a command; `actor` is the machine's account.
    SERVICE = "service"  # The service itself; `actor` is the part of it.
    UNKNOWN = "unknown"  # Nobody we know; `actor` is empty.


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"  # By a rule; `details["code"]` says which.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that somebody did or tried. `object` names what it was done to, as `customers/ID`; `ip` is empty where
    there is none. Neither here nor in `details` is there personal data, a key or a token.
    """

    actor_kind: ActorKind
    actor: str
    action: str
    object: str = ""
    outcome: Outcome = Outcome.DONE
    ip: str = ""
    request_id: str = ""
    details: Details = field(default_factory=dict)

    def __post_init__(self) -> None:
        told = (value for value in self.details.values() if isinstance(value, str))
        for text in (self.actor, self.action, self.object, self.ip, self.request_id, *self.details, *told):
            if text != plain(text):
                raise ValueError(f"{len(text)} characters are no text of a deed: {text[:40]!r}")


def columns_of(deed: Deed) -> dict[str, str]:
    """The texts of a deed by the names of their columns."""
    return {
        "actor_kind": deed.actor_kind.value,
        "actor": deed.actor,
        "action": deed.action,
        "object": deed.object,
        "outcome": deed.outcome.value,
        "ip": deed.ip,
        "request_id": deed.request_id,
    }


class AuditLog(Protocol):
    """Appends to this process's chain."""

    async def note(self, deed: Deed) -> None:
        """Written for good when this returns.

        Raises:
            DatabaseGone: it was not written in time. It is tried again: noted once more it may be there twice.
        """
        ...

    async def note_often(self, deed: Deed) -> None:
        """As `note` for the first of its kind in a minute; the others of that minute are counted, and written as one
        deed with their `count` when the minute is over. Kinds differ by everything but the request.
        """
        ...

    def tally(self, deed: Deed) -> None:
        """As `note_often`, but nothing is waited for: for refusals, which anybody may cause in any number."""
        ...


@dataclass(frozen=True, slots=True)
class LogRow:
    """A deed as it stands in the log: `seq` is its place in the chain of the process `instance`."""

    id: UUID
    instance: str
    seq: int
    at: datetime
    deed: Deed
    hash: bytes


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What is asked for; None: whatever it is. `start` is included, `end` is not."""

    actor: str | None = None
    action: str | None = None
    object: str | None = None
    outcome: Outcome | None = None
    start: datetime | None = None
    end: datetime | None = None


class LogReads(Protocol):
    async def rows(self, query: LogQuery, *, before: UUID | None, limit: int) -> Sequence[LogRow]:
        """The newest first. Raises DatabaseGone, DatabaseBusy."""
        ...
