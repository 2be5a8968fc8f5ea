"""Questions that go out together: who shares a call, who waits for the next, and what a fault does to whom."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from app.flows.together import Together


class Silent(Exception):
    """It took as long as anybody may wait."""


class Slow:
    """Tells for each key in which call it was fetched, once it is let; fails where it is told to."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.let = asyncio.Event()
        self.fault: Exception | None = None

    async def fetch(self, keys: Sequence[str]) -> Mapping[str, int]:
        self.calls.append(list(keys))
        number = len(self.calls)
        await self.let.wait()
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        return {key: number for key in keys if key != "nobody"}


@pytest.fixture
def slow() -> Slow:
    return Slow()


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_of_one_tick_share_a_call_and_their_answers(slow: Slow) -> None:
    slow.let.set()
    together = Together(slow.fetch, most=10)
    assert await asyncio.gather(*(together.ask(key) for key in ("a", "b", "a", "nobody"))) == [1, 1, 1, None]
    assert slow.calls == [["a", "b", "nobody"]]
    assert await together.ask("a") == 2, "nothing is kept"


async def test_who_asks_while_a_call_is_under_way_is_told_by_the_next(slow: Slow) -> None:
    """What was fetched before the question may be older than what was answered before it."""
    together = Together(slow.fetch, most=10)
    first = asyncio.create_task(together.ask("a"))
    await _settle()
    later = [asyncio.create_task(together.ask(key)) for key in ("a", "b", "a")]
    await _settle()
    assert slow.calls == [["a"]]
    slow.let.set()
    assert [await first, *await asyncio.gather(*later)] == [1, 2, 2, 2]
    assert slow.calls == [["a"], ["a", "b"]]


async def test_calls_are_bounded_in_size_and_number(slow: Slow) -> None:
    together = Together(slow.fetch, most=2, calls_max=2)
    asked = []
    for key in "abcdefg":
        asked.append(asyncio.create_task(together.ask(key)))
        await _settle()
    assert slow.calls == [["a"], ["b"]]
    slow.let.set()
    await asyncio.gather(*asked)
    assert [len(call) for call in slow.calls] == [1, 1, 2, 2, 1]
    assert sorted(key for call in slow.calls for key in call) == list("abcdefg")


async def test_nobody_is_forgotten_whenever_they_come(slow: Slow) -> None:
    """Also just as the last call ends."""
    slow.let.set()
    together = Together(slow.fetch, most=3)

    async def come(ticks: int) -> None:
        for _ in range(ticks):
            await asyncio.sleep(0)
        assert await together.ask(f"k{ticks}") is not None

    async with asyncio.timeout(5):
        for start in range(5):
            await asyncio.gather(*(come(start + ticks) for ticks in range(40)))


async def test_who_stops_waiting_stops_nobody_else(slow: Slow) -> None:
    together = Together(slow.fetch, most=10)
    asked = [asyncio.create_task(together.ask("a")) for _ in range(3)]
    await _settle()
    asked[0].cancel()
    await _settle()
    slow.let.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [1, 1]


async def test_a_fault_is_everybodys_of_that_call_and_nobody_elses(slow: Slow) -> None:
    together = Together(slow.fetch, most=10, patience=Silent)
    slow.fault = ValueError("broken")
    asked = [asyncio.create_task(together.ask("a")) for _ in range(2)]
    await _settle()
    later = asyncio.create_task(together.ask("a"))
    await _settle()
    slow.let.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [ValueError, ValueError]
    assert await later == 2


async def test_silence_is_also_theirs_who_waited_for_it(slow: Slow) -> None:
    together = Together(slow.fetch, most=1, patience=Silent)
    slow.fault = Silent()
    asked = [asyncio.create_task(together.ask(key)) for key in "abc"]
    await _settle()
    slow.let.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Silent] * 3
    assert slow.calls == [["a"]]
    assert await together.ask("a") == 2, "whoever comes now tries again"


async def test_a_caller_that_is_cancelled_leaves_nobody_waiting(slow: Slow) -> None:
    """As at the end of the process."""
    together = Together(slow.fetch, most=1)
    asked = [asyncio.create_task(together.ask(key)) for key in "ab"]
    await _settle()
    (caller,) = together._callers
    caller.cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncio.CancelledError] * 2
