"""What a batch of the relay asks for, in which order it gives positions, and how it leaves room for others."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from uuid import UUID

import pytest

from app.domain.identifiers import NOBODY
from app.flows import relay
from app.flows.relay import Relay, WaitingEvent

ANNA, BORIS = UUID(int=7), UUID(int=8)


class Feed:
    """Events that wait; what has been placed and committed, and what was asked for."""

    def __init__(self, *events: WaitingEvent) -> None:
        self.waiting = list(events)
        self.placed: list[WaitingEvent] = []
        self.slices: list[list[int]] = []  # Of each transaction, how many events at once.
        self.asked: list[list[tuple[UUID, int]]] = []
        self.at_placing: Callable[[], None] = lambda: None
        self.seconds_a_slice = self.seconds_an_ask = 0.0
        self._placing: list[WaitingEvent] = []

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator["Feed"]:
        self.slices.append([])
        self._placing = []
        yield self
        self.placed += self._placing

    async def take_lock(self) -> bool:
        return True

    async def oldest(self, *, limit: int) -> Sequence[WaitingEvent]:
        return sorted(self.waiting, key=lambda event: event.tx_id)[:limit]

    async def at_versions(self, versions: Sequence[tuple[UUID, int]]) -> Sequence[WaitingEvent]:
        await asyncio.sleep(self.seconds_an_ask)
        self.asked.append(list(versions))
        return [event for event in self.waiting if (event.customer_id, event.version) in set(versions)]

    async def place(self, events: Sequence[WaitingEvent]) -> None:
        self.at_placing()
        await asyncio.sleep(self.seconds_a_slice)
        self.slices[-1].append(len(events))
        self._placing += events
        self.waiting = [event for event in self.waiting if event not in set(events)]


def event(tx_id: int, customer: UUID = NOBODY, version: int = 0) -> WaitingEvent:
    return WaitingEvent(UUID(int=tx_id), 1, customer, version)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "READ_MAX", 3)
    monkeypatch.setattr(relay, "SLICE", 2)


async def test_where_all_that_wait_were_found_no_earlier_version_is_asked_for() -> None:
    feed = Feed(event(1, ANNA, 5), event(2, BORIS, 9))
    assert await Relay(feed).run_once() == 2
    assert feed.asked == []
    assert feed.placed == [event(1, ANNA, 5), event(2, BORIS, 9)]
    assert len(feed.slices) == 1


async def test_where_as_many_wait_as_are_read_earlier_versions_are_asked_for_back_to_one_that_does_not_wait() -> None:
    chain = [event(9, ANNA, 3), event(8, ANNA, 4), event(1, ANNA, 5)]
    feed = Feed(*chain, event(2), event(3, BORIS, 1), event(4))
    assert await Relay(feed).run_once() == 6
    assert [versions for versions in feed.asked if versions] == [[(ANNA, 4)], [(ANNA, 3)], [(ANNA, 2)]]
    assert [each.version for each in feed.placed if each.customer_id == ANNA] == [3, 4, 5]


async def test_a_full_batch_is_followed_by_another() -> None:
    feed = Feed(*(event(place) for place in range(1, 4)))
    assert await Relay(feed).run_once() == 3
    assert feed.slices == [[2, 1], []], "as many as are read may not be all"


async def test_a_slow_database_is_asked_for_no_more_than_what_is_placed_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a batch whose time is over, or is undone, would have asked for all and placed next to nothing."""
    monkeypatch.setattr(relay, "BATCH_SECONDS", 0.05)
    monkeypatch.setattr(relay, "READ_MAX", 8)
    feed = Feed(*(event(place, UUID(int=100 + place), 5) for place in range(1, 9)))
    feed.seconds_an_ask = 0.06
    asks: list[int] = []
    feed.at_placing = lambda: asks.append(len(feed.asked))
    assert await Relay(feed).run_once() == 8
    assert feed.slices[0] == [2]
    assert asks[0] == 1


async def test_where_somebody_else_relays_nothing_is_done() -> None:
    class Taken(Feed):
        async def take_lock(self) -> bool:
            return False

    feed = Taken(event(1))
    assert await Relay(feed).run_once() == 0
    assert feed.slices == [[]]
    assert feed.waiting == [event(1)]


async def test_what_becomes_visible_during_a_batch_comes_after_it() -> None:
    feed = Feed(event(5, ANNA, 1), event(6))
    late = [event(1, ANNA, 2)]

    def becomes_visible() -> None:
        feed.waiting += late
        late.clear()

    feed.at_placing = becomes_visible
    assert await Relay(feed).run_once() == 2
    assert feed.waiting == [event(1, ANNA, 2)]
    assert await Relay(feed).run_once() == 1
    assert [each.version for each in feed.placed if each.customer_id == ANNA] == [1, 2]


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_the_clocks_of_ids_a_customers_versions_come_in_order(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some become visible while a batch is placed, and some batches end early."""
    luck = random.Random(seed)
    monkeypatch.setattr(relay, "REST_SECONDS_MAX", 0.0)
    monkeypatch.setattr(relay, "BATCH_SECONDS", luck.choice((0.0, 1.0)))
    ids = luck.sample(range(1, 1_000), 60)
    customers = [UUID(int=luck.randrange(10, 15)) for _ in ids]
    versions: dict[UUID, int] = {}
    feed = Feed()

    def commit() -> None:
        for _ in range(min(luck.randrange(9), len(ids))):
            customer = customers.pop()
            versions[customer] = versions.get(customer, 0) + 1
            feed.waiting.append(event(ids.pop(), customer, versions[customer]))

    feed.at_placing = commit
    commit()
    while ids or feed.waiting:
        await Relay(feed).run_once()
        commit()
    assert len(feed.placed) == 60
    for customer, last in versions.items():
        assert [each.version for each in feed.placed if each.customer_id == customer] == list(range(1, last + 1))


async def test_positions_are_given_slice_by_slice_with_a_rest_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "READ_MAX", 100)
    feed = Feed(*(event(place) for place in range(1, 6)))
    feed.seconds_a_slice = 0.01
    loop = asyncio.get_running_loop()
    at: list[float] = []
    feed.at_placing = lambda: at.append(loop.time())
    assert await Relay(feed).run_once() == 5
    assert feed.slices == [[2, 2, 1]], "in one transaction"
    assert all(later - earlier > 0.03 for earlier, later in pairwise(at))


async def test_a_batch_that_lasts_too_long_ends_with_what_it_has_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "READ_MAX", 100)
    monkeypatch.setattr(relay, "BATCH_SECONDS", 0.0)
    feed = Feed(*(event(place) for place in range(1, 6)))
    assert await Relay(feed).run_once() == 5
    assert feed.slices == [[2], [2], [1]]
    assert feed.placed == [event(place) for place in range(1, 6)]
