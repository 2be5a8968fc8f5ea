"""Tickets: luck that was fixed before anybody knew the receipt, and that anybody can recompute after the day.

`ticket = first 8 bytes of HMAC-SHA256(secret of the program day, rule ∥ LF ∥ shop ∥ LF ∥ terminal ∥ LF ∥ receipt
number)`, big-endian, over 2^64; the next 8 bytes choose among the prizes. Where a till sends a shift, receipts are
unique within it, so `∥ LF ∥ shift` follows: a number that comes again has another ticket. SHA-256 of the secret is
public from the day's start, the secret itself after its end.
"""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from hmac import digest

SPAN = 2**64  # A ticket is an integer below it.


def commitment_of(secret: bytes) -> str:
    """What is published of a secret before it is."""
    return sha256(secret).hexdigest()


@dataclass(frozen=True, slots=True)
class Ticket:
    """Two integers below `SPAN`: `win` decides whether, `choice` which prize."""

    win: int
    choice: int

    @property
    def hex(self) -> str:
        """The 16 digits that are shown."""
        return f"{self.win:016x}"

    @property
    def choice_hex(self) -> str:
        return f"{self.choice:016x}"

    @classmethod
    def parse(cls, win: str, choice: str) -> "Ticket":
        return cls(int(win, 16), int(choice, 16))


@dataclass(frozen=True, slots=True)
class Luck:
    """The luck of one receipt on one program day (by the database's clock)."""

    secret: bytes
    day: date
    shop: str
    terminal: str
    number: str
    shift: str | None = None

    def ticket(self, rule: str) -> Ticket:
        """Same receipt, same rule, same day: same ticket."""
        parts = (rule, self.shop, self.terminal, self.number)
        text = "\n".join(parts if self.shift is None else (*parts, self.shift))
        mac = digest(self.secret, text.encode(), "sha256")
        return Ticket(int.from_bytes(mac[:8], "big"), int.from_bytes(mac[8:16], "big"))
