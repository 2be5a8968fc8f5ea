"""The budget of look-up misses: whoever has a till's key learns of so many numbers a day that nobody has them.

A guess is a call that names somebody or something by what can be guessed: a phone, a card, an external id, the number
of a gift card, a coupon's code, the receipt of another till. Ids that the service gave can't be, and have no budget.
Every guess that finds nothing is a miss, whichever call it came from. It is counted in PostgreSQL, and committed,
before it is answered, and the count decides the answer: 404 while there was room, else 429. So no more misses are ever
answered than the limits say, in all processes together, over restarts, and with the cache dead.

Calls that name customers by the hundred have a budget of their own (an instance with another `name`): a day's misses of
one person or key, likewise counted before anything is told.

Hits cost no statement and 1.2 µs. What a process knows of budgets comes with its own misses, and once in
REFRESH_SECONDS of those of other processes. Two things keep hits from telling what misses may not:

- A terminal never has more guesses under way in a process than it has misses left; further ones wait for those. So of
  guesses sent together none is answered on the room that another one of them uses up.
- Once nothing is left, a guess is refused before anything is looked up: known and unknown have one answer, by the same
  steps, in the same time. While something is left a hit and a miss differ openly, by their status, so nothing is gained
  by timing them (a hit takes 0 to 1 statements, a miss 1 to 2 and its own commit, some 2 ms).

What is left over: a process that hasn't heard yet that another one has used up a budget goes on until its own next miss
(which is answered 429 and tells it) or its next look. Those are, in each further process and at most once a window, the
guesses already under way there (no more than the burst limit, 10) and what is guessed right in the second until then.
Misses answered as such there: none.

Calls that write, and would tell of a guess once they are committed, are asked twice: the first time they raise
`Uncounted` instead of telling, which writes nothing; it is counted, and they are asked again. So do registrations and
cards that would be answered `identifier_taken` (that tells that somebody has a phone or card, and is a miss however
right it was), and baskets with codes that nobody made. A code never refuses a basket: without room codes aren't looked
at, whether right or wrong, and the answer says so; codes that the program itself names are public and work on.

docs/abuse.md lists every call that tells what can be guessed, and those that don't count.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from app.domain.abuse.misses import DAY_SECONDS, MissLimits, Room, room
from app.domain.rejections import Rejected, Rejection
from app.flows import refusals
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.flows.guessing import Codes, Guess, Uncounted
from app.flows.requests import Caller, PurchaseRequest, Write

P = ParamSpec("P")
T = TypeVar("T")

REFRESH_SECONDS = 1.0
# Misses are committed some milliseconds after their instant, at the latest after the lock time-out of 1.5 s.
REFRESH_MARGIN_SECONDS = 3.0
WAIT_SECONDS_MAX = 2.0  # As long as a request may wait for its round.


class Misses(Protocol):
    """Ages are in seconds, ascending by instant: the oldest first. Raise DatabaseGone, DatabaseBusy, Conflict."""

    async def note_misses(self, whose: Sequence[str], count: int, *, kept: int) -> Mapping[str, Sequence[float]]:
        """Count so many of each; returns their misses of the last day with these, the newest `kept` of them."""
        ...

    async def changed(self, *, within: float) -> Mapping[str, Sequence[float]]:
        """The misses of all who have missed within so many seconds."""
        ...


class BudgetWatch(Protocol):
    def missed(self, count: int) -> None: ...

    def look_failed(self, error: Exception) -> None:
        """Nobody has been told of this error of a look at others' misses."""
        ...

    async def exhausted(self, caller: Caller) -> None:
        """A terminal or person has used up its budget. Raises nothing."""
        ...


@dataclass(slots=True)
class _Terminal:
    """Guesses of one terminal in this process: how many are under way, and who waits for one to end."""

    under_way: int = 0
    waiting: deque["asyncio.Future[None]"] = field(default_factory=deque)


class LookupBudget:
    def __init__(self, misses: Misses, *, limits: MissLimits, watch: BudgetWatch, name: str = "till") -> None:
        """name: budgets of different names have nothing in common."""
        self._misses = misses
        self._name = name
        self._limits = limits
        self._watch = watch
        self._most = limits.most if limits.is_on else 0
        self._instants: dict[str, list[float]] = {}  # In the event loop's seconds; of whom has missed in the last day.
        self._terminals: dict[str, _Terminal] = {}  # Only who has a guess under way.
        self._looked_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    async def guess(self, caller: Caller, guess: Guess, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` answers; a `Rejected(guess.miss)` of it is a miss.

        Raises:
            Rejected: `lookup_budget_exhausted`, before anything is asked or instead of the miss; `busy`.
            DatabaseGone, DatabaseBusy, Conflict: the miss can't be counted, and isn't told.
        """
        if not self._limits.is_on:
            return await ask()
        await self._look()
        whose = self._whose(caller)
        terminal = self._terminals.get(whose)
        if terminal is None:
            terminal = self._terminals[whose] = _Terminal()
        if whose in self._instants or self._shop_of(caller) in self._instants or terminal.under_way >= self._most:
            try:
                if not self._is_turn(caller, whose, terminal, yields=guess.yields):
                    await self._wait(caller, whose, terminal, yields=guess.yields)
            except BaseException:
                self._leave(whose, terminal)  # Whoever waits behind has a look of its own.
                raise
        terminal.under_way += 1
        try:
            return await ask()
        except Rejected as rejected:
            if rejected.rejection is not guess.miss:
                raise
            await self._note(caller, 1)
            raise
        finally:
            terminal.under_way -= 1
            self._leave(whose, terminal)

    def counting(
        self, act: Callable[Concatenate[Write, P], Awaitable[T]]
    ) -> Callable[Concatenate[Write, P], Awaitable[T]]:
        """A write that counts before it tells that an identifier is taken. Raises `Rejected`: too many were."""

        async def counted(write: Write, /, *args: P.args, **kwargs: P.kwargs) -> T:
            if not self._limits.is_on:
                return await act(write, *args, **kwargs)
            try:
                return await act(replace(write, is_counted=False), *args, **kwargs)
            except Uncounted as uncounted:
                await self.guessed(write.caller, named=uncounted.count, missed=uncounted.count)
            return await act(write, *args, **kwargs)

        return counted

    async def basket(
        self, caller: Caller, request: PurchaseRequest, ask: Callable[[PurchaseRequest], Awaitable[T]]
    ) -> T:
        """What `ask` answers, which decides the basket; of its codes no more is told than there is room for."""
        if not (request.basket.coupons and self._limits.is_on):
            return await ask(request)
        await self._look()
        if self._room(caller, self._whose(caller)).left > 0:
            try:
                return await ask(replace(request, codes=Codes.COUNTED_FIRST))
            except Uncounted as uncounted:
                if await self._has_room(caller, uncounted.count):
                    return await ask(request)
        return await ask(replace(request, codes=Codes.WITHHELD))

    async def _has_room(self, caller: Caller, missed: int) -> bool:
        """For so many misses more, which are counted."""
        try:
            await self.guessed(caller, named=missed, missed=missed)
        except Rejected as rejected:
            if rejected.rejection is not Rejection.LOOKUP_BUDGET_EXHAUSTED:
                raise
            return False
        return True

    async def guessed(self, caller: Caller, *, named: int, missed: int) -> None:
        """Many guesses at once, found out before anything is told of them: all of them have room, or none is told.

        Raises:
            Rejected: `lookup_budget_exhausted`; what was left is used up then.
        """
        if not (self._limits.is_on and named):
            return
        await self._look()
        left = self._room(caller, self._whose(caller))
        if left.left <= 0:
            raise _exhausted(left.wait)
        if missed:
            await self._note(caller, min(missed, left.left + 1))

    async def _note(self, caller: Caller, count: int) -> None:
        """Count misses. Raises `Rejected` where they were too many."""
        shop = self._shop_of(caller)
        whose = [self._whose(caller), *([shop] if shop else [])]
        found = await self._misses.note_misses(whose, count, kept=self._limits.kept)
        self._learn(found)
        self._watch.missed(count)
        # By its own count, whatever has been heard since of later ones: the last that had room is told.
        now = asyncio.get_running_loop().time()
        own, of_shop = (_instants(found.get(each, ()), now) for each in (whose[0], shop))
        left = room(self._limits, own=own, shop=of_shop, now=now)
        if left.left <= 0:
            await self._watch.exhausted(caller)
        if left.left < 0:
            raise _exhausted(left.wait)

    async def drain(self) -> None:
        """Let go of the look under way, whatever came of it. Raises nothing."""
        if self._looking is not None:
            self._looking.cancel()
            (failed,) = await asyncio.gather(self._looking, return_exceptions=True)
            if isinstance(failed, Exception):
                self._watch.look_failed(failed)

    def _is_turn(self, caller: Caller, whose: str, terminal: _Terminal, *, yields: bool) -> bool:
        """Whether fewer guesses are under way than misses are left; what yields needs none. Raises `Rejected`."""
        left = self._room(caller, whose)
        if left.left <= 0 and not yields:
            raise _exhausted(left.wait)
        return left.left <= 0 or terminal.under_way < left.left

    async def _wait(self, caller: Caller, whose: str, terminal: _Terminal, *, yields: bool) -> None:
        """Until it is this one's turn. Raises `Rejected`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(loop.time() + WAIT_SECONDS_MAX):
                while not self._is_turn(caller, whose, terminal, yields=yields):
                    turn: asyncio.Future[None] = loop.create_future()
                    terminal.waiting.append(turn)
                    await turn
        except TimeoutError:
            raise refusals.busy("Too many look-ups of this terminal are under way.") from None

    def _leave(self, whose: str, terminal: _Terminal) -> None:
        while terminal.waiting:
            turn = terminal.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        if not terminal.under_way and self._terminals.get(whose) is terminal:
            del self._terminals[whose]

    def _room(self, caller: Caller, whose: str) -> Room:
        now = asyncio.get_running_loop().time()
        own, shop = self._instants.get(whose, ()), self._instants.get(self._shop_of(caller), ())
        return room(self._limits, own=own, shop=shop, now=now)

    def _whose(self, caller: Caller) -> str:
        return f"{self._name}\n{caller.scope}"

    def _shop_of(self, caller: Caller) -> str:
        """Empty where shops have no limit, or it is nobody's."""
        return f"shop\n{caller.shop}" if caller.shops and self._limits.shop_day else ""

    def _learn(self, found: Mapping[str, Sequence[float]]) -> None:
        now = asyncio.get_running_loop().time()
        for whose, ages in found.items():
            instants = _instants(ages, now)
            # Of two answers that overtook each other the later one has more: misses only leave with their day.
            if len(instants) >= sum(known > now - DAY_SECONDS for known in self._instants.get(whose, ())):
                self._instants[whose] = instants

    async def _look(self) -> None:
        """Hear of others' misses; only the first look of a process is waited for."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at < REFRESH_SECONDS:
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_once(now))
        if self._looked_at == float("-inf"):
            await asyncio.shield(self._looking)

    async def _look_once(self, now: float) -> None:
        """What can't be heard now is heard later: without the database nobody misses."""
        try:
            found = await self._misses.changed(within=now - self._looked_at + REFRESH_MARGIN_SECONDS)
        except (DatabaseGone, DatabaseBusy, Conflict):
            return
        self._learn(found)
        self._looked_at = now
        for whose in [
            each for each, instants in self._instants.items() if not instants or instants[-1] < now - DAY_SECONDS
        ]:
            del self._instants[whose]


def _instants(ages: Sequence[float], now: float) -> list[float]:
    return [now - age for age in ages if age < DAY_SECONDS]


def _exhausted(seconds: float) -> Rejected:
    return Rejected(
        Rejection.LOOKUP_BUDGET_EXHAUSTED,
        "This terminal has asked for too much that isn't there.",
        facts={"retry_after_ms": max(1_000, int(seconds * 1_000))},
    )
