"""The queue of a process: requests that arrive while a round is being committed wait for the next one.

There is no timer: an idle service commits a round of one at once, and under load rounds grow by themselves. What a
round does is in `app.flows.post_round`; each is one transaction, and its answers go out after its commit. A client that
hangs up doesn't stop its round.

A round costs some 0.4 ms of this process and 0.3 ms of PostgreSQL before its first purchase, so few and large ones are
cheap. Whatever one turn of the event loop brings shares a round: it starts in the next turn. And a second round starts
beside another only where it is large itself, or where the other is so small that the service has time to spare.
Measured on a busy machine with two workers (here and in PostgreSQL, two pairs of runs): 32 tills had 4.4 purchases a
round at 1,150 and 1,290 µs each where rounds start as requests come, and have 5.9 to 8.2 at 1,050 and 1,160; 128 tills
had 16 at 950, and have 26 at 780 and 960.

A round that fails as a whole is rolled back and its members are tried again one by one, so one bad request can't fail
its neighbours. Where the connection broke, the commit may have happened: the second try finds its own claims.
"""

import asyncio
from collections import deque
from collections.abc import Iterable

from app.domain.rejections import Rejected, Rejection
from app.domain.rules.compiled import CompiledProgram
from app.flows import refusals
from app.flows.asks import Ask
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone, DatabaseSilent, DrawSecretDiffers
from app.flows.ledger_port import LedgerStore
from app.flows.ports import Answers, Clock, Programs, RoundWatch, Snapshots
from app.flows.post_round import TRIES_MAX, Round
from app.flows.requests import Answer
from app.flows.round_programs import may_need_locks, needs_locks

ROUND_MAX = 64  # A purchase costs PostgreSQL 136 µs in rounds of 8, 88 of 32, 87 of 64; a till waits for all.
IN_FLIGHT_MAX = 2  # One decides while the other commits; more would only divide the same processor.
BESIDE_MIN = 16  # So many share a round's own 0.7 ms at under 50 µs each: a second one beside another is worth that.
SMALL_MAX = 2  # Beside a round of no more one starts at once: the processor isn't what anybody waits for.
# At 1,000 purchases a second the last in the queue waits 2 seconds: beyond that a "no" now is kinder.
QUEUE_MAX = 2_000
QUEUE_SECONDS_MAX = 2.0  # The same, where rounds are slow: they wait for a database that says nothing.
# Whom another process was writing too goes under locks for a while: a round done twice costs twice.
CONTENDED_SECONDS = 1.0
CONTENDED_MAX = 10_000
# Holds that are over and can't be ended, since somebody else has their customers, aren't tried by each round.
ENDS_AGAIN_SECONDS = 0.1
BACKOFF_SECONDS = 0.005  # About one commit: how long a skipped request stands aside when nothing else is under way.


class Rounds:
    """The queue of a process and the rounds that empty it."""

    def __init__(
        self,
        store: LedgerStore,
        *,
        programs: Programs,
        answers: Answers,
        snapshots: Snapshots,
        clock: Clock,
        watch: RoundWatch,
    ) -> None:
        self._store = store
        self._programs = programs
        self._answers = answers
        self._snapshots = snapshots
        self._clock = clock
        self._watch = watch
        self._queue: deque[Ask] = deque()
        self._is_starting = False
        self._in_flight: dict[asyncio.Task[None], int] = {}  # By how many requests; 0 once it is a hindrance to nobody.
        self._contended: dict[object, float] = {}  # By customer until when; see `_at_a_glance`.
        # The newest program of the last round, where it has what needs locks: most rounds know before they look.
        self._sharing: CompiledProgram | None = None
        self._ends_again_at = 0.0
        self._handled: set[object] = set()  # Handles and customers of the rounds in flight.

    async def post(self, ask: Ask) -> Answer:
        """Join the next round and wait for its answer. The round goes on if the caller is cancelled.

        Raises:
            Rejected
        """
        if len(self._queue) >= QUEUE_MAX:
            raise Rejected(Rejection.OVERLOADED, "Too many requests are waiting.")
        self._queue.append(ask)
        if not self._is_starting:
            self._is_starting = True
            asyncio.get_running_loop().call_soon(self._start)
        return await asyncio.shield(ask.done)

    async def drain(self) -> None:
        """Wait until nothing is queued or under way."""
        while self._queue or self._in_flight:
            if self._in_flight:
                await asyncio.wait(self._in_flight)
            else:
                await asyncio.sleep(0)  # What is queued starts in the loop's next turn.

    def _start(self) -> None:
        self._is_starting = False
        while self._queue and self._may_start():
            asks = self._next_round()
            if not asks:
                return
            # Noted before the task has begun to run: the next round may be put together before that.
            handled = {handle for ask in asks for handle in (*ask.handles(), ask.customer) if handle is not None}
            self._handled |= handled
            task = asyncio.create_task(self._run(asks, handled))
            self._in_flight[task] = len(asks)
            task.add_done_callback(self._finished)

    def _may_start(self) -> bool:
        if len(self._in_flight) >= IN_FLIGHT_MAX:
            return False
        return len(self._queue) >= BESIDE_MIN or max(self._in_flight.values(), default=0) <= SMALL_MAX

    def _finished(self, task: "asyncio.Task[None]") -> None:
        del self._in_flight[task]
        self._start()

    def _let_others_pass(self) -> None:
        """A round that has failed, or waits for a lock, may take long: the requests behind it don't wait for it."""
        task = asyncio.current_task()
        if task in self._in_flight:
            self._in_flight[task] = 0
            self._start()

    def _next_round(self) -> list[Ask]:
        """The oldest requests that touch nothing a round in flight, or an earlier one of their own round, touches by
        key or receipt.

        Two requests for one customer may share a round, but not two rounds at once.
        """
        now = asyncio.get_running_loop().time()
        taken: list[Ask] = []
        aside: list[Ask] = []
        seen: set[object] = set()
        while self._queue and len(taken) < ROUND_MAX:
            ask = self._queue.popleft()
            if _is_too_late(ask, now=now):
                continue
            handles = set(ask.handles())
            if (
                handles & seen
                or handles & self._handled
                or (ask.customer is not None and ask.customer in self._handled)
            ):
                aside.append(ask)
                continue
            is_patient = ask.tries >= TRIES_MAX  # It waits for its customer's lock in a round of the customer's own.
            if is_patient and taken:
                aside.append(ask)
                break
            seen |= handles
            taken.append(ask)
            if is_patient:
                taken += self._companions(ask, seen, now=now)
                break
        self._queue.extendleft(reversed(aside))
        return taken

    def _companions(self, patient: Ask, seen: set[object], *, now: float) -> list[Ask]:
        """Whoever else waits for the same customer: one lock serves them all."""
        taken: list[Ask] = []
        others: list[Ask] = []
        while self._queue and len(taken) < ROUND_MAX - 1:
            ask = self._queue.popleft()
            is_same = patient.customer is not None and (
                ask.customer == patient.customer or (ask.owner is not None and ask.owner == patient.owner)
            )
            handles = set(ask.handles())
            if not is_same or handles & seen or handles & self._handled:
                others.append(ask)
            elif not _is_too_late(ask, now=now):
                seen |= handles
                taken.append(ask)
        self._queue.extendleft(reversed(others))
        return taken

    async def _run(self, asks: list[Ask], handled: set[object]) -> None:
        try:
            left = await self._post_together(asks)
        except BaseException as error:  # The last net: nobody may wait for ever.
            for ask in asks:
                ask.refuse(refusals.unavailable("The round was stopped."))
            self._watch.round_failed(error, retried=0)
            if not isinstance(error, Exception):
                raise
            return
        finally:
            self._handled -= handled
        if left:
            if len(self._in_flight) <= 1:
                await asyncio.sleep(BACKOFF_SECONDS)
            self._queue.extendleft(reversed(left))

    async def _post_together(self, asks: list[Ask]) -> list[Ask]:
        """Post a round; where that fails, once more with the same members if the connection broke, else one by one."""
        try:
            return await self._attempt(asks)
        except DatabaseSilent as error:
            self._watch.round_failed(error, retried=0)
            _refuse_all(asks, "The database doesn't answer.")
            return []
        except DatabaseGone as error:
            self._watch.round_failed(error, retried=len(asks))
            self._let_others_pass()
            try:
                return await self._attempt([ask for ask in asks if not ask.done.done()])
            except DatabaseGone as again:
                self._watch.round_failed(again, retried=0)
                _refuse_all(asks)
                return []
            except Exception as again:  # noqa: BLE001 - each member is tried alone next, and tells its own fault
                self._watch.round_failed(again, retried=len(asks))
        except Exception as error:  # noqa: BLE001 - likewise
            self._watch.round_failed(error, retried=len(asks))
        self._let_others_pass()
        return await self._post_one_by_one(asks)

    async def _post_one_by_one(self, asks: list[Ask]) -> list[Ask]:
        left: list[Ask] = []
        give_up = asyncio.get_running_loop().time() + QUEUE_SECONDS_MAX  # Where each of them waits for a lock.
        for place, ask in enumerate(asks):
            if ask.done.done():
                continue
            if asyncio.get_running_loop().time() > give_up:
                ask.refuse(refusals.busy("The database is busy."))
                continue
            try:
                left += await self._attempt([ask], ends_others=False)
            except DatabaseGone as error:
                self._watch.round_failed(error, retried=0)
                _refuse_all(asks[place:])
                break
            except (DatabaseBusy, Conflict) as error:
                self._watch.round_failed(error, retried=0)
                ask.refuse(refusals.busy("The customer is busy."))
            except DrawSecretDiffers as error:
                self._watch.round_failed(error, retried=0)
                ask.refuse(refusals.unavailable("This instance can't draw random rewards."))
            except Exception as error:  # noqa: BLE001 - a fault of ours: this request alone fails, and is heard of
                self._watch.round_failed(error, retried=0)
                if not ask.done.done():
                    ask.done.set_exception(error)
        return left

    async def _attempt(self, asks: list[Ask], *, ends_others: bool = True) -> list[Ask]:
        """One round, or one member of it alone. Returns those that must wait for another round.

        ends_others: not where a round has failed as a whole: books of others that can't be brought up to date fail
            nobody's request for good.
        """
        if not asks:
            return []
        started = asyncio.get_running_loop().time()
        round_ = None
        if (
            ends_others
            and all(ask.is_usual and self._contended.get(ask.customer, 0.0) < started for ask in asks)
            and not (self._sharing and needs_locks(asks, self._sharing))
        ):
            round_ = await self._at_a_glance(asks, ends_others=started >= self._ends_again_at)
        if round_ is None:
            round_ = await self._under_locks(asks, ends_others=ends_others)
            if round_.has_due_holds and not round_.changes.resolved:
                self._ends_again_at = asyncio.get_running_loop().time() + ENDS_AGAIN_SECONDS
        self._sharing = round_.newest if round_.newest and may_need_locks(round_.newest) else None
        self._clock.note(round_.now)
        self._watch.round_done(size=len(asks), seconds=asyncio.get_running_loop().time() - started)
        self._watch.posted(round_.changes.postings)
        for error in round_.passed_over:
            self._watch.round_failed(error, retried=0)
        # Both may fail, and say so themselves; the purchases stand.
        if round_.repeated:  # Whoever answered first may not have lived to tell the cache.
            await self._snapshots.forget(list(round_.repeated))
        await self._snapshots.put(round_.changes.patrons)
        for ask, answer in round_.outcomes:
            ask.answer(answer)
        for ask, rejected in round_.refusals:
            ask.refuse(rejected)
        return round_.left

    async def _at_a_glance(self, asks: list[Ask], *, ends_others: bool) -> Round | None:
        """One read and one write that lock nothing in between; None, with nothing done, where that won't do."""
        try:
            async with self._store.unlocked() as tx:
                round_ = Round(tx, asks, programs=self._programs, answers=self._answers)
                if not await round_.glance(ends_others=ends_others):
                    return None
                round_.decide()
                await round_.write()
        except Conflict:
            if len(self._contended) > CONTENDED_MAX:
                self._contended.clear()
            until = asyncio.get_running_loop().time() + CONTENDED_SECONDS
            self._contended.update((ask.customer, until) for ask in asks if ask.customer is not None)
            self._watch.round_redone()
            return None
        return round_

    async def _under_locks(self, asks: list[Ask], *, ends_others: bool) -> Round:
        is_patient = asks[0].tries >= TRIES_MAX  # Then all of them are about one customer.
        async with self._store.round() as tx:
            round_ = Round(tx, asks, programs=self._programs, answers=self._answers, ends_others=ends_others)
            await round_.claim()
            await round_.lock(wait=is_patient, about_to_wait=self._let_others_pass)
            await round_.read()
            await round_.share()
            round_.decide()
            await round_.write()
        return round_


def _is_too_late(ask: Ask, *, now: float) -> bool:
    """Whether the request has waited too long to begin; it is refused then."""
    if ask.write.deadline is not None and now > ask.write.deadline:
        late = Rejected(Rejection.DEADLINE_EXCEEDED, "The till's patience ended before the request could begin.")
    elif now > ask.asked_at + QUEUE_SECONDS_MAX:
        late = Rejected(Rejection.OVERLOADED, "The request could not begin in time.")
    else:
        return False
    ask.refuse(late)
    return True


def _refuse_all(asks: Iterable[Ask], detail: str = refusals.DATABASE_GONE) -> None:
    for ask in asks:
        ask.refuse(refusals.unavailable(detail))
