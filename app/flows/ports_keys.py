"""Keys as flows and commands see them, and what they need of the database."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.flows.ledger_port import RoundTx
from app.flows.requests import Caller, Role

LIVE_A_TERMINAL_MAX = 2  # The one that the till has, and the one that it gets.
SHOPS_MAX = 1_000  # A chain's web shop, which sells for all of them.

# As ids of the contract: what separates shop from terminal elsewhere can't be part of either.
_NAME = re.compile(r"[^\s\x00-\x1f\x7f]{1,64}")


class BadKeyTerms(ValueError):
    """No key can be like that. `str()` is one line, `member` the one of `KeyTerms` that is wrong."""

    def __init__(self, member: str, message: str) -> None:
        super().__init__(message)
        self.member = member


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """Whose key it is, and what it demands besides itself: `signed_by` is the Ed25519 public key (32 bytes) that signs
    its writes, `certificate_sha256` the digest (32 bytes) of the client certificate it comes with.

    Raises:
        BadKeyTerms: the role lacks what it needs, or has what it can't have.
    """

    role: Role
    shops: tuple[str, ...] = ()
    terminal: str = ""
    partner: str | None = None
    signed_by: bytes | None = None
    certificate_sha256: bytes | None = None

    def __post_init__(self) -> None:
        belongs_to_shop = self.role in {Role.POS, Role.SHOP}
        if belongs_to_shop and not self.shops:
            raise BadKeyTerms("shops", f"a {self.role} key needs a shop")
        if self.role is Role.POS and len(self.shops) != 1:
            raise BadKeyTerms("shops", "a pos key has one shop")
        if self.role is Role.POS and not self.terminal:
            raise BadKeyTerms("terminal", "a pos key needs a terminal")
        if not belongs_to_shop:
            for member in ("shops", "terminal", "partner"):
                if getattr(self, member):
                    raise BadKeyTerms(member, f"a {self.role} key belongs to a person, not to a shop")
        if len(self.shops) > SHOPS_MAX:
            raise BadKeyTerms("shops", f"a key has at most {SHOPS_MAX} shops")
        for member, names in (("shops", self.shops), ("terminal", (self.terminal,)), ("partner", (self.partner,))):
            if not all(_NAME.fullmatch(name or "-") for name in names):
                raise BadKeyTerms(member, "must be 1 to 64 printable characters without spaces")


@dataclass(frozen=True, slots=True)
class FreshKey:
    """A key's id and its text, which is shown once and never stored."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as it is listed. `last_used_at` is to the minute, and a minute late."""

    id: str
    terms: KeyTerms
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class TooManyKeys(Exception):
    """The terminal has as many live keys as it may have; `str()` is one line that names them."""

    def __init__(self, live: Sequence[str]) -> None:
        super().__init__(
            f"the terminal has {LIVE_A_TERMINAL_MAX} live keys: revoke one of {', '.join(live)} before it gets another"
        )


class CallerReads(Protocol):
    """What `Callers` asks."""

    async def caller(self, digest: bytes) -> Caller | None:
        """Whose key it is; None for unknown and revoked ones."""
        ...

    async def note_uses(self, seconds_ago: Mapping[str, float]) -> None:
        """When keys were last used, by id; an earlier use never replaces a later one."""
        ...


class KeyReads(Protocol):
    async def keys(self, *, after: str | None, limit: int) -> Sequence[KeyView]:
        """The oldest first, on from the key with the id `after`; none where there is no such key."""
        ...


class KeyTx(RoundTx, Protocol):
    """A round's transaction that also changes keys."""

    async def key(self, key_id: str) -> KeyView | None: ...

    async def insert_key(self, fresh: FreshKey, terms: KeyTerms, *, made_by: str) -> KeyView:
        """`made_by` is the `Caller.hand` of who makes it. Raises TooManyKeys."""
        ...

    async def revoke_key(self, key_id: str) -> KeyView | None:
        """None where there is no such key; revoking twice keeps the first time."""
        ...
