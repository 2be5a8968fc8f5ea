"""That draws follow from one another: each state is what the draw before it left behind.

Draws of one rule make a chain for each thing that its algorithm remembers: a bag's slips by serial, the misses of each
customer by the customer's versions, a balance by what was spent on surprises. Draws that took over a slip are no links:
they move nothing. What stands before the first link is taken as read.

Links may come out of order by as much as requests overtake each other: `LOOKAHEAD` of them are held back and sorted.
So memory holds those, and for each chain what its next link must say (some 0.5 KB; misses make a chain a customer).
"""

from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple, assert_never

from app.domain.counters import Count, advance, bag_serial, bag_taken, balanced_surprise, pity_misses
from app.domain.draws.algorithms import state_before, terms_of, uses_after
from app.domain.draws.checking import Disagreement
from app.domain.draws.records import DrawRecord
from app.domain.program import Algorithm, Rule

LOOKAHEAD = 10_000  # Two rounds in flight of some hundred requests, in some ten processes, four times over.
_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class Link(NamedTuple):
    """One draw on its receipt: the purchase's id, its customer and the customer's version that it made."""

    record: DrawRecord
    rule: Rule
    purchase: str
    customer: str
    version: int


@dataclass(slots=True)
class _Chain:
    waiting: list[tuple[tuple[int, ...], int, Link]] = field(default_factory=list)  # A heap by place in the chain.
    counts: dict[str, Count] | None = None  # As the last link left them; None before the first.
    plain: int = 0


class Continuity:
    """Hand in links with `add`, then `finish`; both say what disagrees, with the link that it was found at."""

    def __init__(self) -> None:
        self._chains: dict[Hashable, _Chain] = {}
        self._order: deque[_Chain] = deque()  # A turn for each link that waits.
        self._serial = count()

    def add(self, link: Link) -> Iterator[tuple[Link, Disagreement]]:
        """A draw; the caller has checked the record by itself."""
        place = _place(link)
        if place is None:
            return
        key, order = place
        chain = self._chains.setdefault(key, _Chain())
        heappush(chain.waiting, (order, next(self._serial), link))
        self._order.append(chain)
        if len(self._order) > LOOKAHEAD:
            yield from self._turn()

    def finish(self) -> Iterator[tuple[Link, Disagreement]]:
        while self._order:
            yield from self._turn()

    def _turn(self) -> Iterator[tuple[Link, Disagreement]]:
        """The first link of the chain that has waited longest."""
        chain = self._order.popleft()
        _, _, link = heappop(chain.waiting)
        for found in _follow(chain, link):
            yield link, found


def _place(link: Link) -> tuple[Hashable, tuple[int, ...]] | None:
    """The chain a draw belongs to and its place in it; None for one that remembers nothing."""
    record = link.record
    if record.slip_of is not None:
        return None
    match record.algorithm:
        case Algorithm.INDEPENDENT | Algorithm.PACED:
            return None
        case Algorithm.BAG:
            return (record.rule, record.algorithm), (record.state["serial"],)
        case Algorithm.PITY:
            return (record.rule, record.algorithm, link.customer), (link.version,)
        case Algorithm.BALANCED:
            # Of draws at the same balance the ones that changed nothing came first.
            state = record.state
            return (record.rule, record.algorithm), (state["surprise"], state["plain"], record.cost)
        case other:
            assert_never(other)


def _follow(chain: _Chain, link: Link) -> Iterator[Disagreement]:
    record, rule = link.record, link.rule
    if chain.counts is not None:
        due = state_before(rule, customer=chain.counts, program=chain.counts, now=_ANY_TIME)
        due.pop("plain", None)  # Purchases that draw nothing add to it too.
        due.pop("base", None)  # The basket's own.
        stood = {name: record.state.get(name, 0) for name in due}
        if stood != due:
            yield Disagreement("continuity", _text(due), _text(stood))
    if record.algorithm is Algorithm.BALANCED:
        if record.state["plain"] < chain.plain:
            yield Disagreement("continuity", f"plain of {chain.plain} or more", f"plain={record.state['plain']}")
        chain.plain = record.state["plain"]
    prizes = {prize.id: prize for prize in terms_of(rule).prizes}
    uses = uses_after(
        rule,
        record.state,
        drew=prizes.get(record.drew or ""),
        given=prizes.get(record.prize or ""),
        cost=record.cost,
    )
    # What the rule doesn't count at the moment stays: a later version may count it again.
    chain.counts = {**(chain.counts or {}), **_counts(rule, record.state)}
    advance(chain.counts, ((use.name, use.period, use.amount) for use in uses))


def _counts(rule: Rule, state: Mapping[str, int]) -> dict[str, Count]:
    """The counters that a state was read from."""
    terms = terms_of(rule)
    match terms.algorithm:
        case Algorithm.INDEPENDENT | Algorithm.PACED:
            return {}
        case Algorithm.BAG:
            number = str(state["serial"] // terms.size)
            counts = {bag_serial(rule.id): Count("", state["serial"])}
            for prize in terms.prizes:
                counts[bag_taken(rule.id, prize.id)] = Count(number, state.get(f"taken/{prize.id}", 0))
            return counts
        case Algorithm.PITY:
            return {pity_misses(rule.id): Count("", state["misses"])}
        case Algorithm.BALANCED:
            return {balanced_surprise(rule.id): Count("", state["surprise"])}
        case other:
            assert_never(other)


def _text(state: Mapping[str, int]) -> str:
    return " ".join(f"{name}={number}" for name, number in sorted(state.items()))
