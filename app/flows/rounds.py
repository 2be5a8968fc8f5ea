"""The queue of a process: requests that arrive while a round is being committed wait for the next one.

There is no timer: an idle service commits a round of one at once, and under load rounds grow by themselves. What a
round does is in `app.flows.post_round`; each is one transaction, and its answers go out after its commit. A client that
hangs up doesn't stop its round.

A round costs some 0.4 ms of this process and 0.3 ms of PostgreSQL before its first purchase, so few and large ones are
cheap. Whatever one turn of the event loop brings shares a round: it starts in the next turn. And a second round starts
beside another only where it is large itself, or where the other is a small one under locks, which takes five times as
long as one at a glance. Measured on a busy machine with two workers (here and in PostgreSQL, two pairs of runs): 32
tills had 4.4 purchases a round at 1,150 and 1,290 µs each where rounds start as requests come, and have 5.9 to 8.2 at
1,050 and 1,160; 128 tills had 16 at 950, and have 26 at 780 and 960.

Small rounds are posted at a glance where that will do (`app.flows.post_round`). Of a large one somebody has been
written by another process meanwhile too often, and all of it would be done again: with 5,000 customers and 30 a round a
fifth of all. Under locks it only leaves those out, at the same cost.

What stands between a request and its answer are turns of the event loop, since each waits for whatever else the process
has to do. So a round begins in the turn after its first request, an answer goes out before the connection is put back,
and no task or shield stands where none is needed. Measured, open loop at 1,300 purchases a second: half were answered
in 9 to 11 ms with eight turns more, and are in 5.

A round that fails as a whole is rolled back and its members are tried again one by one, so one bad request can't fail
its neighbours. Where the connection broke, the commit may have happened: the second try finds its own claims.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

from app.domain.rejections import Rejected, Rejection
from app.domain.rules.compiled import CompiledProgram
from app.flows import refusals
from app.flows.asks import Ask
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone, DatabaseSilent, DrawSecretDiffers
from app.flows.ledger_port import LedgerStore
from app.flows.ports import Answers, Clock, Programs, RoundWatch, Snapshots
from app.flows.post_round import TRIES_MAX, Round
from app.flows.requests import Answer
from app.flows.round_programs import needs_locks

ROUND_MAX = 64  # A purchase costs PostgreSQL 136 µs in rounds of 8, 88 of 32, 87 of 64; a till waits for all.
IN_FLIGHT_MAX = 2  # One decides while the other commits; more would only divide the same processor.
# So many share a round's own 0.7 ms at under 50 µs each: a second one beside another is worth that; and a round of so
# many is large. While fewer wait, a smaller one holds up all that could share the next.
BESIDE_MIN = 16
# At 1,000 purchases a second the last in the queue waits 2 seconds: beyond that a "no" now is kinder.
QUEUE_MAX = 2_000
QUEUE_SECONDS_MAX = 2.0  # The same, where rounds are slow: they wait for a database that says nothing.
# Whom another process was writing too goes under locks for a while: a round done twice costs twice.
CONTENDED_SECONDS = 1.0
CONTENDED_MAX = 10_000
ISSUED_MAX = 10_000
# Holds that are over and can't be ended, since somebody else has their customers, aren't tried by each round.
ENDS_AGAIN_SECONDS = 0.1
LATE_SECONDS = 0.05  # Many times a round: the database, or the line to it, isn't well, and nobody else waits for that.
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
        self._in_flight: dict[asyncio.Task[Any], int] = {}  # By how many requests; 0 once it is a hindrance to nobody.
        self._contended: dict[object, float] = {}  # By customer until when; see `_at_a_glance`.
        self._issued: set[str] = set()  # Codes that glances have met: no other need be wasted on them.
        self._newest: CompiledProgram | None = None  # Of the last round: by it most know before they look.
        self._ends_again_at = 0.0
        self._handled: set[object] = set()  # Handles and customers of the rounds in flight.

    async def post(self, ask: Ask) -> Answer:
        """Join the next round and wait for its answer. The round goes on if the caller is cancelled; where it fails,
        it is tried again without whom nobody waits for.

        Raises:
            Rejected
        """
        if len(self._queue) >= QUEUE_MAX:
            raise Rejected(Rejection.OVERLOADED, "Too many requests are waiting.")
        self._queue.append(ask)
        self._start()
        return await ask.done

    async def drain(self) -> None:
        """Wait until nothing is queued or under way."""
        while self._queue or self._in_flight:
            if self._in_flight:
                await asyncio.wait(self._in_flight)
            else:
                await asyncio.sleep(0)  # What is queued starts in the loop's next turn.

    def _start(self) -> None:
        """A round begins in the next turn of the event loop, if one may then."""
        if not self._is_starting:
            self._is_starting = True
            asyncio.create_task(self._begin())  # noqa: RUF006 - kept in `_in_flight` once it has requests

    async def _begin(self) -> None:
        self._is_starting = False
        task = asyncio.current_task()
        if task is None or not self._queue or not self._may_start() or not (asks := self._next_round()):
            return
        self._in_flight[task] = 0 if len(asks) < BESIDE_MIN and not self._is_quick(asks[0]) else len(asks)
        handled = {handle for ask in asks for handle in (*ask.handles(), ask.customer) if handle is not None}
        self._handled |= handled
        if self._queue and self._may_start():
            self._start()
        late = asyncio.get_running_loop().call_later(LATE_SECONDS, self._let_pass, task)
        try:
            await self._run(asks, handled)
        finally:
            late.cancel()
            del self._in_flight[task]
            if self._queue:
                self._start()

    def _may_start(self) -> bool:
        if len(self._in_flight) >= IN_FLIGHT_MAX:
            return False
        return len(self._queue) >= BESIDE_MIN or not any(self._in_flight.values())

    def _let_others_pass(self) -> None:
        """A round that has failed, or waits for a lock, may take long: the requests behind it don't wait for it."""
        self._let_pass(asyncio.current_task())

    def _let_pass(self, task: "asyncio.Task[Any] | None") -> None:
        if task in self._in_flight:
            self._in_flight[task] = 0
            self._start()

    def _next_round(self) -> list[Ask]:
        """The oldest requests that touch nothing a round in flight, or an earlier one of their own round, touches by
        key or receipt.

        Two requests for one customer may share a round, but not two rounds at once. While few wait, those that can be
        posted at a glance don't share one with those that can't: it would take them five times as long.
        """
        now = asyncio.get_running_loop().time()
        are_few = len(self._queue) < BESIDE_MIN
        taken: list[Ask] = []
        aside: list[Ask] = []
        seen: set[object] = set()
        are_quick = False
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
            if are_few:
                is_quick = self._is_quick(ask)
                if taken and is_quick != are_quick:
                    aside.append(ask)
                    continue
                are_quick = is_quick
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

    def _is_quick(self, ask: Ask) -> bool:
        """Whether a glance will probably do. A fault in what is asked for is told by its round."""
        try:
            return self._may_be_quick(ask)
        except Exception:  # noqa: BLE001 - raised here it would harm its neighbours
            return False

    def _may_be_quick(self, ask: Ask) -> bool:
        if not ask.is_usual or self._contended.get(ask.customer, 0.0) > asyncio.get_running_loop().time():
            return False
        if not self._issued.isdisjoint(ask.coupons):
            return False
        return self._newest is None or not needs_locks((ask,), self._newest)

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
        if ends_others and len(asks) < BESIDE_MIN and all(map(self._is_quick, asks)):
            left = await self._at_a_glance(asks, ends_others=started >= self._ends_again_at, started=started)
            if left is not None:
                return left
            self._let_others_pass()  # It may have to wait: for a coupon that another process has, say.
        round_ = await self._under_locks(asks, ends_others=ends_others)
        if round_.has_due_holds and not round_.changes.resolved:
            self._ends_again_at = asyncio.get_running_loop().time() + ENDS_AGAIN_SECONDS
        return await self._tell(round_, size=len(asks), started=started)

    async def _tell(self, round_: Round, *, size: int, started: float) -> list[Ask]:
        """What a round that stands has come to. Returns as `_attempt`."""
        self._newest = round_.newest or self._newest
        self._clock.note(round_.now)
        self._watch.round_done(size=size, seconds=asyncio.get_running_loop().time() - started)
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

    async def _at_a_glance(self, asks: list[Ask], *, ends_others: bool, started: float) -> list[Ask] | None:
        """One read and one write that lock nothing in between; None, with nothing done, where that won't do. What is
        written stands, so nobody waits until the connection is put back.
        """
        round_: Round | None = None
        try:
            async with self._store.unlocked() as tx:
                round_ = Round(tx, asks, programs=self._programs, answers=self._answers)
                if not await round_.glance(ends_others=ends_others):
                    if len(self._issued) > ISSUED_MAX:
                        self._issued.clear()
                    self._issued.update(round_.issued)
                    return None
                round_.decide()
                await round_.write()
                return await self._tell(round_, size=len(asks), started=started)
        except Conflict as conflict:
            if len(self._contended) > CONTENDED_MAX:
                self._contended.clear()
            until = asyncio.get_running_loop().time() + CONTENDED_SECONDS
            self._contended.update((ask.customer, until) for ask in asks if ask.owner in conflict.customers)
            self._watch.round_redone()
            return None
        except DatabaseGone:
            await self._forget(round_)
            raise

    async def _under_locks(self, asks: list[Ask], *, ends_others: bool) -> Round:
        is_patient = asks[0].tries >= TRIES_MAX  # Then all of them are about one customer.
        round_: Round | None = None
        try:
            async with self._store.round() as tx:
                round_ = Round(tx, asks, programs=self._programs, answers=self._answers, ends_others=ends_others)
                await round_.claim()
                await round_.lock(wait=is_patient, about_to_wait=self._let_others_pass)
                await round_.read()
                await round_.share()
                round_.decide()
                await round_.write()
        except DatabaseGone:
            await self._forget(round_)
            raise
        return round_

    async def _forget(self, round_: Round | None) -> None:
        """What a round may have committed unheard: of whom it is the only one to know, others whose holds it has ended
        among them, no second try would tell the cache.
        """
        if round_ is not None:
            await self._snapshots.forget([patron.book.customer_id for patron in round_.changes.patrons])


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
