"""One round: at a glance where that will do, else claim, lock, read, decide, write in one transaction.

A usual request only gives: points for a purchase, a correction upward. What it needs is read in one statement that
locks nothing (`glance`), decided, and written by another that writes nothing at all unless every customer is still as
it was read and free: two round trips instead of seven, which saves a small round 280 µs of PostgreSQL and 130 of this
process (`tests/storage/bench_rounds.py`). Whatever changes a customer, or what is told of it, raises the row's
revision; keys and receipts are unique rows; nothing else has a say. What needs more goes under locks:

| phase | statements | what happens |
| --- | --- | --- |
| claim | 1-5 | locks on keys and receipts are tried, then read: which are new, which are answered already (and how) |
| lock | 0-5 | customers `FOR NO KEY UPDATE SKIP LOCKED`, those of returns and holds looked up; who is taken waits |
| read | 0-8 | holds (2); purchases, for returns (3); lots (3), where one takes, a wallet converts, something is due |
| share | 0-4 | coupons, counters (one more where a name is new), free codes: locked where a request may use them |
| decide | 0 | pure Python, one request after another, each on the state the one before left; no await |
| write | 0-11 | lots, holds (2), purchases, counters, coupons, days of draws (2), customers and all new, tiers, acts |

A round where nobody names a hold and no hold is over has no statement for them. Begin and commit stand around it
(`app.flows.rounds`). Clock and newest program come with the first statement, and whether somebody's hold is over: a
round that hears so also locks whom it concerns, as far as nobody else has them, and ends their holds before it decides
(`app.flows.round_holds`).

Locks are taken in one order: keys and receipts (tried, never waited for), customers, holds, purchases, coupons,
counters, each sorted, free codes (those that are taken are passed over), days of draws as they are noted, sorted too;
so two rounds in two processes can wait for each other, but never in a circle. Rounds that share a counter come one
after another from there to the commit, in all processes: a budget or stock is never exceeded, and a program without any
is never slowed. A refusal has nothing to undo.
"""

from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from app.domain.identifiers import NOBODY, CustomerId
from app.domain.ledger.books import LotsNotRead
from app.domain.ledger.moments import Moment
from app.domain.ledger.passing import bring_up_to_date
from app.domain.program import Program
from app.domain.rejections import Rejected, Rejection
from app.domain.rules.compiled import CompiledProgram
from app.flows import refusals
from app.flows.asks import Ask, Desk, Settled
from app.flows.claims import lock_of
from app.flows.ledger_port import Changes, Known, Patron, RoundTx, Shared, StoredPurchase
from app.flows.ports import Answers, Programs, fresh_ids
from app.flows.requests import Answer
from app.flows.round_changes import note, note_refusal
from app.flows.round_holds import DUE_MAX, RoundHolds, is_due, may_see, note_ends, too_many
from app.flows.round_known import find, replayed
from app.flows.round_lots import load_lots
from app.flows.round_owners import check_standing, find_owners, owners_of
from app.flows.round_programs import RoundPrograms, needs_locks, wanted_by
from app.flows.shared_use import Wanted, apply

TRIES_MAX = 3  # Rounds that may skip a taken customer before one waits for it, for the database's lock timeout at most.


class Round:
    """One round under way: its phases in their order, each called once."""

    def __init__(
        self,
        tx: RoundTx,
        asks: list[Ask],
        *,
        programs: Programs,
        answers: Answers | None = None,
        touched: Iterable[UUID] = (),
        ends_others: bool = True,
    ) -> None:
        """
        Args:
            answers: of what is refused for good; a round without requests needs none.
            touched: customers who are brought up to date besides, as far as nobody else has them.
            ends_others: whether holds of others that are over are ended too.
        """
        self._tx = tx
        self._asks = asks
        self._programs = RoundPrograms(programs)
        self._answers = answers
        self._touched = set(touched)
        self._ends_others = ends_others
        self._nobodys_due = False
        self._version = 0
        self.has_due_holds = False
        self.issued: Sequence[str] = ()  # Codes that a glance met, and that only a round under locks may use.
        self._holds = RoundHolds()
        self._patrons: dict[UUID, Patron] = {}
        self._purchases: dict[UUID, StoredPurchase] = {}
        self._shared = Shared()
        self._taken_receipts: dict[Ask, UUID] = {}
        self._ids = fresh_ids()
        self.changes = Changes()
        self.repeated: set[CustomerId] = set()  # Whom answers of old are about.
        self.outcomes: list[tuple[Ask, Answer]] = []
        self.refusals: list[tuple[Ask, Rejected]] = []
        self.left: list[Ask] = []
        self.passed_over: list[Exception] = []  # Why books of others could not be brought up to date.

    async def glance(self, *, ends_others: bool) -> bool:
        """All that usual requests need, read at once and locked by nobody; False where they need more, or locks: this
        round is of no use then.

        Args:
            ends_others: whether a hold of others that is over is such a need.
        """
        seen = await self._tx.glance(
            claims=[digest for ask in self._asks for digest in (ask.key, *(digest for _, digest in ask.receipts))],
            identifiers=[ask.customer for ask in self._asks if isinstance(ask.customer, bytes)],
            customers=[ask.customer for ask in self._asks if isinstance(ask.customer, UUID)],
            coupons=[code for ask in self._asks for code in ask.coupons],
        )
        self.now, self._patrons = seen.now, dict(seen.patrons)
        self.changes.read_at = seen.now
        self.has_due_holds = seen.has_due_holds
        self.issued = seen.issued
        if seen.issued or (seen.has_due_holds and ends_others):
            return False
        if any(is_due(each, seen.now) for each in seen.patrons.values()):
            return False
        await self._know(seen.known)
        await self._programs.read_newest(seen.program)
        return self.newest is None or not needs_locks(self._asks, self.newest)

    @property
    def newest(self) -> CompiledProgram | None:
        """The newest program, once it is read; None where none is published."""
        return self._programs.newest

    async def claim(self) -> None:
        """Which keys and receipts are new, which answered; who the customers are."""
        places = [(ask, digest) for ask in self._asks for digest in (ask.key, *(digest for _, digest in ask.receipts))]
        taken = await self._tx.take([lock_of(digest) for _, digest in places])
        self.now, self._version = taken.now, taken.program
        self.has_due_holds = taken.has_due_holds
        self._ends_others = self._ends_others and taken.has_due_holds
        if not self._asks:
            return
        held_elsewhere = {digest for (_, digest), is_free in zip(places, taken.is_free, strict=True) if not is_free}
        self._asks = [ask for ask in self._asks if not self._is_running_elsewhere(ask, held_elsewhere)]
        known = await self._tx.read_known(
            claims=[
                d for ask in self._asks for d in (ask.key, ask.purchase_receipt, *(d for _, d in ask.receipts)) if d
            ],
            identifiers=[ask.customer for ask in self._asks if isinstance(ask.customer, bytes)],
            customers=[ask.customer for ask in self._asks if isinstance(ask.customer, UUID)],
        )
        await self._know(known)

    async def _know(self, known: Known) -> None:
        """Answer what was answered before; find the others' customers and purchases."""
        replays = {ask: known.claims[ask.key].answer_id for ask in self._asks if ask.key in known.claims}
        if replays:
            stored = await self._tx.stored_answers(list(replays.values()))
            for ask, answer_id in replays.items():
                try:
                    self.outcomes.append((ask, replayed(ask, known, stored.get(answer_id))))
                except Rejected as rejected:
                    self.refusals.append((ask, rejected))
            self.repeated = await owners_of(self._tx, replays, known)
        new = [ask for ask in self._asks if ask not in replays]
        self._asks = []
        for ask in new:
            try:
                posted = find(ask, known)
            except Rejected as rejected:
                self.refusals.append((ask, rejected))
            else:
                self._asks.append(ask)
                if posted is not None:
                    self._taken_receipts[ask] = posted

    def _is_running_elsewhere(self, ask: Ask, held: set[UUID]) -> bool:
        if ask.key in held:
            self.refusals.append((ask, refusals.key_running()))
            return True
        if any(digest in held for _, digest in ask.receipts):
            self._wait(ask)
            return True
        return False

    async def lock(self, *, wait: bool, about_to_wait: Callable[[], None] = lambda: None) -> None:
        """The customers in one order; who is taken waits for another round. A round that is all about one customer, who
        is taken, waits itself: it has locked nothing that others may need.
        """
        found = await find_owners(self._tx, self._asks)
        self._asks = found.asks
        self.refusals += found.refusals
        for ask in found.waiting:
            self._wait(ask, is_patient=True)
        ids = {ask.owner for ask in self._asks if ask.owner is not None}
        due: set[UUID] = set()
        if self._ends_others:
            due.update(await self._tx.due_holders(now=self.now, limit=DUE_MAX))
            self._nobodys_due = NOBODY in due
        others = (self._touched | due) - {NOBODY, *ids}
        wait = wait and bool(ids)
        if wait:
            about_to_wait()
        if wait and others:  # Whoever has locked what it needs may wait for nobody any more.
            self._patrons = dict(await self._tx.lock_patrons(sorted(ids), wait=True))
            self._patrons |= await self._tx.lock_patrons(sorted(others), wait=False)
        elif everybody := sorted(ids | others):
            self._patrons = dict(await self._tx.lock_patrons(everybody, wait=wait))
            if not self._patrons and len(ids) == 1 and not wait:
                about_to_wait()
                self._patrons = dict(await self._tx.lock_patrons(list(ids), wait=True))
        for customer_id in too_many(self._patrons, others & self._patrons.keys()):
            del self._patrons[customer_id]
        for customer_id in due & self._patrons.keys():  # The release before didn't wait for holds.
            self._patrons[customer_id].book.wait_for(self.now)
        for ask in [ask for ask in self._asks if ask.owner is not None and ask.owner not in self._patrons]:
            self._asks.remove(ask)
            self._wait(ask)

    async def read(self) -> None:
        """Programs, holds, purchases to return from, and lots where something needs them."""
        await self._programs.read_newest(self._version)
        await self._holds.read(self._tx, self._asks, self._patrons, now=self.now, nobodys_due=self._nobodys_due)
        for ask in self._asks:
            if ask.hold is not None and ask.hold in self._holds.by_id:
                await self._programs.read(self._holds.by_id[ask.hold].state.program)
        if ids := sorted({ask.purchase for ask in self._asks if ask.purchase is not None}):
            self._purchases = dict(await self._tx.lock_purchases(ids))
            for purchase in self._purchases.values():
                await self._programs.read(purchase.program)
        await load_lots(
            self._tx,
            self._asks,
            self._patrons,
            holds=self._holds.of,
            purchases=self._purchases,
            newest=self.newest,
            converts=self._programs.convert(self._asks),
            now=self.now,
        )

    async def share(self) -> None:
        """The program's shared state, as far as the round may use it."""
        wanted = self._wanted()
        if not wanted.is_nothing:
            self._shared = await self._tx.lock_shared(
                counters=sorted(wanted.counters), coupons=sorted(wanted.coupons), pools=wanted.pools
            )
            for pool in wanted.pools:  # A hold that ends may bring the first free code.
                self._shared.codes.setdefault(pool, [])

    def _wanted(self) -> Wanted:
        if self.newest is None:
            return Wanted()
        wanted = wanted_by(self._asks, self.newest)
        for purchase in self._purchases.values():
            wanted.add_stored(purchase.state.uses)
        self._holds.add_to(wanted, self._asks, self._patrons, now=self.now)
        return wanted

    def decide(self) -> None:
        """One after another, on the state the one before left."""
        program = self.newest.program if self.newest else None
        asking = {ask.owner for ask in self._asks}
        for patron in self._patrons.values():
            try:
                self._bring_up_to_date(patron, program)
            except Exception as error:
                if patron.book.customer_id in asking:
                    raise
                # Nothing of the others is in the changes yet: books that can't be right fail nobody else's request.
                self.passed_over.append(error)
        self._holds.end_nobodys(Moment.by_clock(self.now, self._ids), self._shared, self.changes)
        for ask in self._asks:
            owner = self._patrons.get(ask.owner) if ask.owner else None
            try:
                settled = self._settle(ask, owner)
            except Rejected as rejected:
                self._note_refusal(ask, rejected)
                continue
            except LotsNotRead:
                ask.takes = None  # More than it said: where it is tried again, it has all lots.
                raise
            self._note(ask, settled, owner)

    def _bring_up_to_date(self, patron: Patron, program: Program | None) -> None:
        if not is_due(patron, self.now):
            return
        book = patron.book
        before = book.version, book.due_at
        moment = Moment.by_clock(self.now, self._ids, book=book)
        self.changes.postings += bring_up_to_date(book, moment, program)
        note_ends(patron, self._shared, self.changes, now=moment.now)
        if (book.version, book.due_at) != before:  # Also where nothing was left to do: the row's instant was early.
            self.changes.patrons.append(patron)

    def _settle(self, ask: Ask, patron: Patron | None) -> Settled:
        hold = self._holds.by_id.get(ask.hold) if ask.hold is not None else None
        if ask.hold is not None and (hold is None or not may_see(ask, hold)):
            raise refusals.no_hold()
        if patron is not None:
            check_standing(ask, patron, hold)
        if ask in self._taken_receipts:
            raise Rejected(
                Rejection.DUPLICATE_RECEIPT,
                "This receipt was posted before.",
                facts={"original_tx_id": str(self._taken_receipts[ask])},
            )
        newest = self.newest
        if newest is None:
            raise refusals.no_program()
        purchase = self._purchases[ask.purchase] if ask.purchase is not None else None
        desk = Desk(
            moment=Moment.by_clock(self.now, self._ids, book=patron.book if patron else None),
            program_version=self._programs.version,
            program=newest,
            patron=patron,
            purchase=purchase,
            purchase_program=self._programs.by_version[purchase.program] if purchase else None,
            shared=self._shared,
            hold=hold,
            hold_program=self._programs.by_version[hold.state.program] if hold else None,
        )
        return ask.settle(desk)

    def _note(self, ask: Ask, settled: Settled, patron: Patron | None) -> None:
        apply(settled.use, self._shared, self.changes.shared)
        note(
            self.changes,
            ask,
            settled,
            patron,
            hold=self._holds.by_id[ask.hold].state if ask.hold is not None else None,
            returned=self._purchases[ask.purchase] if ask.purchase is not None else None,
        )
        self.outcomes.append((ask, settled.answer))

    def _note_refusal(self, ask: Ask, rejected: Rejected) -> None:
        if not (rejected.rejection.is_kept and ask.keeps_refusals):
            self.refusals.append((ask, rejected))
            return
        if self._answers is None:
            raise RuntimeError("a round without answers has no requests")
        answer = self._answers.refusal(rejected, request_id=ask.write.request_id)
        note_refusal(self.changes, ask, answer, answer_id=next(self._ids))
        self.outcomes.append((ask, answer))

    async def write(self) -> None:
        if not self.changes.is_empty:
            await self._tx.write(self.changes)

    def _wait(self, ask: Ask, *, is_patient: bool = False) -> None:
        ask.tries += not is_patient
        if ask.tries > 2 * TRIES_MAX:
            self.refusals.append((ask, refusals.busy("The customer or the receipt is busy.")))
        else:
            self.left.append(ask)
