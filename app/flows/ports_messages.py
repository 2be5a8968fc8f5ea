"""Messages to customers: what flows say, and the channel that carries it."""

from dataclasses import dataclass
from typing import Protocol

from app.flows.ports import Person


class MessageNotSent(Exception):
    """The channel didn't take it; it tells nothing of the message or of whom it was for."""


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """One message to one person. It holds secrets and personal data: it is never logged and has no `repr`."""

    person: Person
    subject: str
    text: str


class Messages(Protocol):
    def reaches(self, person: Person) -> bool:
        """Whether the channel has an address for the person."""
        ...

    async def send(self, message: Message) -> None:
        """Returns once the channel has taken it. Raises `MessageNotSent`."""
        ...
