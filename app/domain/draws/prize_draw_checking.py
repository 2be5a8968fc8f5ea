"""A prize draw recomputed from its secret and its list: everything in it that doesn't follow."""

from collections.abc import Iterator

from app.domain.draws.checking import Disagreement
from app.domain.draws.luck import commitment_of
from app.domain.draws.prize_draws import DrawState, ListHash, PrizeDraw, Winner, Winning


class PrizeDrawCheck:
    """Hand in the entries of a frozen list with `add`, in the order of their places; then ask for what disagrees."""

    def __init__(self, draw: PrizeDraw, *, secret: bytes) -> None:
        self._draw = draw
        self._secret = secret
        self._hash = ListHash()
        self._winning = Winning(draw.terms, secret=secret, list_hash=draw.list_hash or "")
        self._last = ""
        self._disorder: Disagreement | None = None

    def add(self, *, purchase: str, customer: str) -> None:
        if purchase <= self._last and self._disorder is None:
            self._disorder = Disagreement("entrants", f"an id after {self._last}", purchase)
        self._last = purchase
        self._hash.add(purchase)
        self._winning.add(purchase=purchase, customer=customer)

    def disagreements(self) -> Iterator[Disagreement]:
        draw = self._draw
        if self._disorder is not None:
            yield self._disorder
        yield from _unless_same("commitment", commitment_of(self._secret), draw.commitment)
        yield from _unless_same("entrants", str(self._hash.count), str(draw.entrants))
        yield from _unless_same("list_hash", self._hash.hex, draw.list_hash or "none")
        if draw.state is DrawState.DRAWN:
            yield from _unless_same("secret", self._secret.hex(), draw.secret or "none")
            due, noted = self._winning.winners(), draw.winners or ()
            for place in range(max(len(due), len(noted))):
                yield from _unless_same("winner", _text(due, place), _text(noted, place))


def _text(winners: tuple[Winner, ...], place: int) -> str:
    if place >= len(winners):
        return f"{place + 1} nobody"
    winner = winners[place]
    return f"{winner.place} {winner.prize} {winner.purchase}"


def _unless_same(check: str, expected: str, found: str) -> Iterator[Disagreement]:
    if expected != found:
        yield Disagreement(check, expected, found)
