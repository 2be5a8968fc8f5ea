"""Prize draws over a frozen list of entrants: anybody can recompute who wins from three published things.

The commitment (SHA-256 of the secret) is public when the draw is announced, the hash of the list when the list is
frozen, the secret when the draw is held. An entry is a purchase; the list is its ids in ascending order, its hash is
SHA-256 over them joined by LF. An entry's rank is `HMAC-SHA256(secret, list hash ∥ LF ∥ purchase id)`, ids and hashes
as lower-case text; the lowest rank wins first, and prizes go out in the order in which they are listed. Where each
customer may win one prize, the customer's lowest entry counts and the others are passed over.
"""

from bisect import bisect, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from hmac import digest

PIECES_MAX = 10_000  # Prizes of one draw: the winners are one document of less than a megabyte.


class DrawState(StrEnum):
    ANNOUNCED = "announced"
    FROZEN = "frozen"
    DRAWN = "drawn"


@dataclass(frozen=True, slots=True)
class DrawPrize:
    """`count` pieces of a `gift` (an article), or of what `title` says, by language."""

    id: str
    count: int
    gift: str | None = None
    title: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DrawTerms:
    """Who enters, and what for. `start` is included, `end` is not; `shops` None is all.

    A purchase enters if it was posted in that time by a customer, and at least `min_paid` (minor units) of it stays
    paid and something of it stays bought when the list is frozen.
    """

    start: datetime
    end: datetime
    prizes: tuple[DrawPrize, ...]
    shops: tuple[str, ...] | None = None
    min_paid: int = 0
    one_prize_a_customer: bool = True

    @property
    def pieces(self) -> int:
        return sum(prize.count for prize in self.prizes)


@dataclass(frozen=True, slots=True)
class Winner:
    """`place` counts winners from 1, the lowest rank first."""

    prize: str
    place: int
    purchase: str


@dataclass(frozen=True, slots=True)
class PrizeDraw:
    """A draw as it is stored and shown; what comes with a later state is None before."""

    id: str
    title: Mapping[str, str]
    terms: DrawTerms
    state: DrawState
    commitment: str
    created_at: datetime
    frozen_at: datetime | None = None
    entrants: int | None = None
    list_hash: str | None = None
    drawn_at: datetime | None = None
    secret: str | None = None
    winners: tuple[Winner, ...] | None = None


def secret_name(draw_id: str, created_at: datetime) -> str:
    """Under which the service derives the secret. Announced anew in a restored database, the same id has another."""
    return f"prize-draw/{draw_id}/{created_at.astimezone(UTC).isoformat(timespec='microseconds')}"


class ListHash:
    """SHA-256 over purchase ids joined by LF, handed in one after another."""

    def __init__(self) -> None:
        self._hash = sha256()
        self.count = 0

    def add(self, purchase: str) -> None:
        self._hash.update((f"\n{purchase}" if self.count else purchase).encode())
        self.count += 1

    @property
    def hex(self) -> str:
        return self._hash.hexdigest()


def rank_of(secret: bytes, *, list_hash: str, purchase: str) -> bytes:
    """32 bytes; the lowest wins."""
    return digest(secret, f"{list_hash}\n{purchase}".encode(), "sha256")


class Winning:
    """The winners among entries that are handed in one after another, in any order; memory holds as many as there are
    prizes. What is passed over once would be passed over in the end: what it takes to win only rises.
    """

    def __init__(self, terms: DrawTerms, *, secret: bytes, list_hash: str) -> None:
        self._terms = terms
        self._secret = secret
        self._list_hash = list_hash
        self._best: list[tuple[bytes, str, str]] = []  # (rank, purchase, winner), ascending.
        self._ranks: dict[str, tuple[bytes, str, str]] = {}  # By who may win once.

    def add(self, *, purchase: str, customer: str) -> None:
        rank = rank_of(self._secret, list_hash=self._list_hash, purchase=purchase)
        winner = customer if self._terms.one_prize_a_customer else purchase
        entry, known = (rank, purchase, winner), self._ranks.get(winner)
        if known is not None:
            if known <= entry:
                return
            self._drop(known)
        elif len(self._best) == self._terms.pieces:
            if self._best[-1] <= entry:
                return
            self._drop(self._best[-1])
        insort(self._best, entry)
        self._ranks[winner] = entry

    def winners(self) -> tuple[Winner, ...]:
        """Fewer than there are prizes where there are fewer who may win."""
        pieces = [prize.id for prize in self._terms.prizes for _ in range(prize.count)]
        drawn = zip(pieces, self._best, strict=False)
        return tuple(Winner(prize, place, purchase) for place, (prize, (_, purchase, _)) in enumerate(drawn, start=1))

    def _drop(self, entry: tuple[bytes, str, str]) -> None:
        del self._best[bisect(self._best, entry) - 1]
        del self._ranks[entry[2]]


def draw_winners(
    entries: Sequence[tuple[str, str]], terms: DrawTerms, *, secret: bytes, list_hash: str
) -> tuple[Winner, ...]:
    """Of (purchase, customer) pairs that are all at hand."""
    winning = Winning(terms, secret=secret, list_hash=list_hash)
    for purchase, customer in entries:
        winning.add(purchase=purchase, customer=customer)
    return winning.winners()
