"""The whole hot path: requests that arrive while a round is being committed wait for the next one, and a round is one transaction.

| phase | statements | what happens |
| --- | --- | --- |
| claim | 2 | locks on keys and receipts are tried, then read: which are new, which are answered; clock and newest program come along |
| lock | 1 | customers `FOR UPDATE SKIP LOCKED`; who is taken goes to the next round, and after TRIES_MAX rounds to one that waits |
| read | 0-3 | lots, where a request redeems, returns or something is due; purchases, for returns; stored answers, for replays |
| decide | 0 | pure Python, one request after another, each on the books the one before left; no await |
| write | 2-4 | customers, then everything that is appended, as arrays; changed lots and returned purchases where there are any |
| commit | 1 | |
| tell | 0 | the cache gets the new snapshots, the waiting requests their answers |

There is no timer: an idle service commits a round of one at once, and under load rounds grow by themselves. A refusal has nothing to undo.
A round that fails as a whole is rolled back and its members are tried again one by one, so one bad request can't fail its neighbours; where
the connection broke, the commit may have happened, and the second try finds its own claims. Locks are taken in one order: keys and
receipts (tried, never waited for), customers, purchases, each sorted. A client that hangs up doesn't stop its round.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from app.domain.identifiers import NOBODY, CustomerId
from app.domain.ledger.books import Book
from app.domain.ledger.plans import Chained, Moment, bring_up_to_date
from app.domain.rejections import Rejected, Rejection
from app.domain.rules.compiled import CompiledProgram
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone
from app.flows.ledger_port import Changes, Known, LedgerStore, NewClaim, NewPurchase, Patron, RoundTx, StoredPurchase
from app.flows.ports import Answers, Clock, Programs, RoundWatch, Snapshots, fresh_ids
from app.flows.requests import Answer, Write

ROUND_MAX = 64  # Past some 50 purchases a round the database's gain flattens, and a till waits for the whole round.
IN_FLIGHT_MAX = 2  # One decides while the other commits; more would only divide the same processor.
QUEUE_MAX = (
    2_000  # At 1,000 purchases a second the last in the queue waits 2 seconds: beyond that a "no" now is kinder.
)
TRIES_MAX = 3  # Rounds that may skip a taken customer before one waits for it, for the database's lock timeout at most.
BACKOFF_SECONDS = 0.005  # About one commit: how long a skipped request stands aside when nothing else is under way.


@dataclass(slots=True)
class Desk:
    """What one request is settled on. `patron` None: no customer; `purchase` None: the request is no return."""

    moment: Moment
    program_version: int
    program: CompiledProgram
    patron: Patron | None
    purchase: StoredPurchase | None
    purchase_program: CompiledProgram | None

    @property
    def book(self) -> Book:
        """The customer's books.

        Raises:
            RuntimeError: the request has no customer.
        """
        if self.patron is None:
            raise RuntimeError("this request is settled without a customer")
        return self.patron.book


@dataclass(slots=True)
class Settled:
    """The outcome: its status and bytes, the posting, and the rows that belong to it."""

    chained: Chained
    answer: Answer
    purchase: NewPurchase | None = None


@dataclass(slots=True, eq=False)
class Ask:
    """One request on its way through a round.

    `customer` is an identifier's digest or a customer's id; `receipts` are (kind, digest) to claim; `purchase` names the purchase a return
    answers, by id or by its receipt's digest. `settle` is pure: it changes the desk's books or raises `Rejected` before it does.
    """

    write: Write
    key: UUID
    customer: bytes | UUID | None
    settle: Callable[[Desk], Settled]
    receipts: tuple[tuple[str, UUID], ...] = ()
    purchase: UUID | None = None
    purchase_receipt: UUID | None = None
    needs_lots: bool = False
    tries: int = 0
    owner: CustomerId | None = None
    done: "asyncio.Future[Answer]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def handles(self) -> Iterable[object]:
        """What no other request of the same round, and of one in flight, should touch."""
        yield self.key
        for _, digest in self.receipts:
            yield digest

    def refuse(self, rejected: Rejected) -> None:
        if not self.done.done():
            self.done.set_exception(rejected)

    def answer(self, answer: Answer) -> None:
        if not self.done.done():
            self.done.set_result(answer)


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
        self._in_flight: set[asyncio.Task[None]] = set()
        self._handled: set[object] = set()  # Handles and customers of the rounds in flight.

    async def post(self, ask: Ask) -> Answer:
        """Join the next round and wait for its answer. The round goes on if the caller is cancelled.

        Raises:
            Rejected
        """
        if len(self._queue) >= QUEUE_MAX:
            raise Rejected(Rejection.OVERLOADED, "too many requests are waiting", facts={"retry_after_ms": 1_000})
        self._queue.append(ask)
        self._start()
        return await asyncio.shield(ask.done)

    async def drain(self) -> None:
        """Wait until nothing is queued or under way."""
        while self._in_flight:
            await asyncio.wait(self._in_flight)

    def _start(self) -> None:
        while self._queue and len(self._in_flight) < IN_FLIGHT_MAX:
            asks = self._next_round()
            if not asks:
                return
            task = asyncio.create_task(self._run(asks))
            self._in_flight.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._in_flight.discard(task)
        self._start()

    def _next_round(self) -> list[Ask]:
        """The oldest requests that touch nothing a round in flight, or an earlier one of their own round, touches by key or receipt.

        Two requests for one customer may share a round, but not two rounds at once.
        """
        now = asyncio.get_running_loop().time()
        taken: list[Ask] = []
        aside: list[Ask] = []
        seen: set[object] = set()
        while self._queue and len(taken) < ROUND_MAX:
            ask = self._queue.popleft()
            handles = set(ask.handles())
            if ask.write.deadline is not None and now > ask.write.deadline:
                ask.refuse(
                    Rejected(Rejection.DEADLINE_EXCEEDED, "the till's patience ended before the request could begin")
                )
            elif (
                handles & seen
                or handles & self._handled
                or (ask.customer is not None and ask.customer in self._handled)
            ):
                aside.append(ask)
            else:
                seen |= handles
                taken.append(ask)
        self._queue.extendleft(reversed(aside))
        return taken

    async def _run(self, asks: list[Ask]) -> None:
        handled = {handle for ask in asks for handle in ask.handles()} | {
            a.customer for a in asks if a.customer is not None
        }
        self._handled |= handled
        try:
            left = await self._post_together(asks)
        except BaseException as error:  # The last net: nobody may wait for ever.
            for ask in asks:
                ask.refuse(Rejected(Rejection.UNAVAILABLE, "the round was stopped"))
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
        except DatabaseGone as error:
            self._watch.round_failed(error, retried=len(asks))
            try:
                return await self._attempt([ask for ask in asks if not ask.done.done()])
            except DatabaseGone as again:
                self._watch.round_failed(again, retried=0)
                _refuse_all(asks, Rejection.UNAVAILABLE, "the database can't be reached")
                return []
            except Exception as again:
                self._watch.round_failed(again, retried=len(asks))
        except Exception as error:
            self._watch.round_failed(error, retried=len(asks))
        return await self._post_one_by_one(asks)

    async def _post_one_by_one(self, asks: list[Ask]) -> list[Ask]:
        left: list[Ask] = []
        for place, ask in enumerate(asks):
            if ask.done.done():
                continue
            try:
                left += await self._attempt([ask])
            except DatabaseGone as error:
                self._watch.round_failed(error, retried=0)
                _refuse_all(asks[place:], Rejection.UNAVAILABLE, "the database can't be reached")
                break
            except (DatabaseBusy, Conflict) as error:
                self._watch.round_failed(error, retried=0)
                ask.refuse(Rejected(Rejection.BUSY, "the customer is busy", facts={"retry_after_ms": 500}))
            except Exception as error:  # A fault of ours: this request alone fails, and is heard of.
                self._watch.round_failed(error, retried=0)
                if not ask.done.done():
                    ask.done.set_exception(error)
        return left

    async def _attempt(self, asks: list[Ask]) -> list[Ask]:
        """One round, or one member of it alone. Returns those that must wait for another round."""
        if not asks:
            return []
        is_patient = len(asks) == 1 and asks[0].tries >= TRIES_MAX
        started = asyncio.get_running_loop().time()
        async with self._store.round() as tx:
            post = _Post(tx, asks, programs=self._programs, answers=self._answers)
            await post.claim()
            await post.lock(wait=is_patient)
            await post.read()
            post.decide()
            await post.write()
        self._clock.note(post.now)
        self._watch.round_done(size=len(asks), seconds=asyncio.get_running_loop().time() - started)
        self._watch.posted(post.changes.postings)
        # May fail, and says so itself; the purchases stand.
        await self._snapshots.put(post.changes.patrons)
        for ask, answer in post.outcomes:
            ask.answer(answer)
        for ask, rejected in post.refusals:
            ask.refuse(rejected)
        return post.left


class _Post:
    """One round under way: the phases in their order."""

    def __init__(self, tx: RoundTx, asks: list[Ask], *, programs: Programs, answers: Answers) -> None:
        self._tx = tx
        self._asks = asks
        self._programs = programs
        self._answers = answers
        self._patrons: dict[UUID, Patron] = {}
        self._purchases: dict[UUID, StoredPurchase] = {}
        self._compiled: dict[int, CompiledProgram] = {}
        self._taken_receipts: dict[Ask, UUID] = {}
        self._newest = 0
        self._ids = fresh_ids()
        self.changes = Changes()
        self.outcomes: list[tuple[Ask, Answer]] = []
        self.refusals: list[tuple[Ask, Rejected]] = []
        self.left: list[Ask] = []

    async def claim(self) -> None:
        """Which keys and receipts are new, which answered; who the customers are."""
        places = [(ask, digest) for ask in self._asks for digest in (ask.key, *(digest for _, digest in ask.receipts))]
        taken = await self._tx.take([_lock_of(digest) for _, digest in places])
        self.now, self._newest = taken.now, taken.program
        held_elsewhere = {digest for (_, digest), is_free in zip(places, taken.is_free, strict=True) if not is_free}
        self._asks = [ask for ask in self._asks if not self._is_running_elsewhere(ask, held_elsewhere)]
        known = await self._tx.read_known(
            claims=[
                d for ask in self._asks for d in (ask.key, ask.purchase_receipt, *(d for _, d in ask.receipts)) if d
            ],
            identifiers=[ask.customer for ask in self._asks if isinstance(ask.customer, bytes)],
            customers=[ask.customer for ask in self._asks if isinstance(ask.customer, UUID)],
        )
        replays = {ask: known.claims[ask.key].answer_id for ask in self._asks if ask.key in known.claims}
        if replays:
            await self._replay(replays, known)
        self._asks = [ask for ask in self._asks if ask not in replays and self._find(ask, known)]

    def _is_running_elsewhere(self, ask: Ask, held: set[UUID]) -> bool:
        if ask.key in held:
            self._refuse(
                ask, Rejection.REQUEST_IN_PROGRESS, "a request with this key is still running", retry_after_ms=500
            )
            return True
        if any(digest in held for _, digest in ask.receipts):
            self._wait(ask)
            return True
        return False

    async def _replay(self, replays: dict[Ask, UUID], known: Known) -> None:
        stored = await self._tx.stored_answers(list(replays.values()))
        for ask, answer_id in replays.items():
            answer = stored.get(answer_id)
            if known.claims[ask.key].fingerprint != ask.write.fingerprint:
                self._refuse(ask, Rejection.IDEMPOTENCY_KEY_REUSED, "this key was used for another request")
            elif answer is None:
                self._refuse(
                    ask, Rejection.IDEMPOTENCY_KEY_REUSED, "this key was used, and its answer is no longer kept"
                )
            else:
                self.outcomes.append((ask, Answer(answer.status, answer.body, is_replayed=True)))

    def _find(self, ask: Ask, known: Known) -> bool:
        """Resolve customer and purchase; note a receipt that is taken."""
        if ask.purchase_receipt is not None:
            claim = known.claims.get(ask.purchase_receipt)
            ask.purchase = claim.answer_id if claim else None
            if ask.purchase is None:
                self._refuse(ask, Rejection.NOT_FOUND, "no such purchase")
                return False
        if isinstance(ask.customer, bytes):
            ask.owner = known.owners.get(ask.customer)
        elif ask.customer is not None:
            ask.owner = CustomerId(ask.customer) if ask.customer in known.customers else None
        if ask.customer is not None and ask.owner is None:
            self._refuse(ask, Rejection.CUSTOMER_NOT_FOUND, "no customer has this identifier")
            return False
        for _, digest in ask.receipts:
            if digest in known.claims:
                self._taken_receipts[ask] = known.claims[digest].answer_id
        return True

    async def lock(self, *, wait: bool) -> None:
        """The customers of the round in one order; who is taken waits for another round."""
        if wanted := [(ask, ask.purchase) for ask in self._asks if ask.purchase is not None]:
            owners = await self._tx.purchase_owners([purchase for _, purchase in wanted])
            returning: set[UUID] = set()
            for ask, purchase in wanted:
                owner = owners.get(purchase)
                if owner is None:
                    self._refuse(ask, Rejection.NOT_FOUND, "no such purchase")
                    self._asks.remove(ask)
                elif (
                    owner in returning
                ):  # What a whole return does to the customer's last purchase is read once a round.
                    self._asks.remove(ask)
                    self._wait(ask, is_patient=True)
                elif owner != NOBODY:
                    ask.owner = owner
                    returning.add(owner)
        ids = sorted({ask.owner for ask in self._asks if ask.owner is not None})
        if ids:
            self._patrons = dict(await self._tx.lock_patrons(ids, wait=wait))
        for ask in [ask for ask in self._asks if ask.owner is not None and ask.owner not in self._patrons]:
            self._asks.remove(ask)
            self._wait(ask)

    async def read(self) -> None:
        """Programs, purchases to return from, and lots where something needs them."""
        if self._newest:
            self._compiled[self._newest] = await self._programs.compiled(self._newest)
        if ids := sorted({ask.purchase for ask in self._asks if ask.purchase is not None}):
            self._purchases = dict(await self._tx.lock_purchases(ids))
            for purchase in self._purchases.values():
                self._compiled[purchase.program] = await self._programs.compiled(purchase.program)
        needing = {ask.owner for ask in self._asks if ask.needs_lots and ask.owner is not None}
        needing |= {CustomerId(key) for key, patron in self._patrons.items() if patron.book.is_due(self.now)}
        if needing:
            lots = await self._tx.read_lots(sorted(needing), purchases=ids)
            for customer_id in needing:
                self._patrons[customer_id].book.load_lots(lots.get(customer_id, ()))

    def decide(self) -> None:
        """One after another, on the books the one before left."""
        for patron in self._patrons.values():
            book = patron.book
            revision = book.version
            now = max(self.now, book.updated_at or self.now)
            from_time = bring_up_to_date(book, Moment(now=now, at=now, ids=self._ids))
            self.changes.postings += from_time
            if book.version != revision:
                self.changes.patrons.append(patron)
        for ask in self._asks:
            owner = self._patrons.get(ask.owner) if ask.owner else None
            try:
                settled = self._settle(ask, owner)
            except Rejected as rejected:
                self._note_refusal(ask, rejected)
                continue
            self._note(ask, settled, owner)

    def _settle(self, ask: Ask, patron: Patron | None) -> Settled:
        if patron is not None and patron.is_blocked:
            raise Rejected(Rejection.CUSTOMER_BLOCKED, "this customer is blocked")
        if ask in self._taken_receipts:
            raise Rejected(
                Rejection.DUPLICATE_RECEIPT,
                "this receipt was posted before",
                facts={"original_tx_id": str(self._taken_receipts[ask])},
            )
        if not self._newest:
            raise Rejected(Rejection.NOT_FOUND, "no program has been published yet")
        now = max(self.now, patron.book.updated_at or self.now) if patron else self.now
        purchase = self._purchases[ask.purchase] if ask.purchase is not None else None
        desk = Desk(
            moment=Moment(now=now, at=now, ids=self._ids),
            program_version=self._newest,
            program=self._compiled[self._newest],
            patron=patron,
            purchase=purchase,
            purchase_program=self._compiled[purchase.program] if purchase else None,
        )
        return ask.settle(desk)

    def _note(self, ask: Ask, settled: Settled, patron: Patron | None) -> None:
        changes = self.changes
        tx_id = settled.chained.posting.tx_id
        changes.postings.append(settled.chained)
        if patron is not None and patron not in changes.patrons:
            changes.patrons.append(patron)
        changes.claims.append(NewClaim(ask.key, "k", ask.write.fingerprint, tx_id))
        changes.claims += [NewClaim(digest, kind, None, tx_id) for kind, digest in ask.receipts]
        if settled.purchase is not None:
            changes.purchases.append(settled.purchase)
        else:
            changes.answers.append((tx_id, settled.answer))
        if ask.purchase is not None and self._purchases[ask.purchase] not in changes.returned:
            changes.returned.append(self._purchases[ask.purchase])
        self.outcomes.append((ask, settled.answer))

    def _note_refusal(self, ask: Ask, rejected: Rejected) -> None:
        """A definite "no" is kept under its key; it doesn't use up the receipt."""
        if not rejected.rejection.is_kept:
            self.refusals.append((ask, rejected))
            return
        answer_id = next(self._ids)
        answer = self._answers.refusal(rejected, request_id=ask.write.request_id)
        self.changes.claims.append(NewClaim(ask.key, "k", ask.write.fingerprint, answer_id))
        self.changes.answers.append((answer_id, answer))
        self.outcomes.append((ask, answer))

    async def write(self) -> None:
        if not self.changes.is_empty:
            await self._tx.write(self.changes)

    def _wait(self, ask: Ask, *, is_patient: bool = False) -> None:
        ask.tries += not is_patient
        if ask.tries > 2 * TRIES_MAX:
            self._refuse(ask, Rejection.BUSY, "the customer or the receipt is busy", retry_after_ms=500)
        else:
            self.left.append(ask)

    def _refuse(self, ask: Ask, rejection: Rejection, detail: str, **facts: object) -> None:
        self.refusals.append((ask, Rejected(rejection, detail, facts=facts)))


def _lock_of(digest: UUID) -> int:
    """An advisory lock's number: the digest's first 8 bytes as a signed integer."""
    return int.from_bytes(digest.bytes[:8], "big", signed=True)


def _refuse_all(asks: Iterable[Ask], rejection: Rejection, detail: str) -> None:
    for ask in asks:
        ask.refuse(Rejected(rejection, detail, facts={"retry_after_ms": 1_000}))
