"""`POST /v1/receipts/offline`: receipts that tills made without connection, each posted like a purchase of its own.

The call's key is claimed first, so that another body under it is refused at once; its answer is stored when every
receipt has one. In between each receipt goes through a round under a key made of its shop, terminal, shift and number,
and keeps what came of it: a call that dies half-way is finished by repeating it, with the same key or another.

| phase | statements | what happens |
| --- | --- | --- |
| claim | 3-4 | the call's key (a stored answer ends it here); who the customers are |
| read | 1 | since when each version of the program has been in force |
| post | a round's | one customer's receipts one after another by their time, those of others beside them |
| answer | 2-3 | the results of all, in the order sent |

A receipt is refused by itself. What a receipt may meet again and again (a busy customer, a full queue, a database that
is away) is tried a few times; a receipt that stays without an outcome makes the call one to be repeated: nothing is
stored then but what was posted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from app.domain.rejections import Rejected, Rejection
from app.flows import refusals
from app.flows.batch_answers import named_in, with_names, without_names
from app.flows.claims import is_same, key_claim, lock_of, offline_claim, receipt_claim
from app.flows.failures import Conflict, DatabaseBusy, DatabaseGone, DatabaseSilent
from app.flows.guessing import Guess
from app.flows.identity import reference
from app.flows.ledger_port import Changes, LedgerStore, NewClaim, RoundTx
from app.flows.offline_sale import OfflineSales
from app.flows.once import undisturbed
from app.flows.ports import Answers, Programs, Vault, fresh_ids
from app.flows.ports_offline import Beyond, OfflineBudget, OfflineWatch, PublishedVersions
from app.flows.requests import Answer, Caller, PurchaseRequest, Receipt, Write
from app.flows.rounds import Rounds

T = TypeVar("T")

AT_ONCE_MAX = 32  # Of all calls together, half a round: tills that are on line find room in each.
# Of all calls together: some 1,000 a second are posted, so who comes last has its answer within some 5 seconds. After
# an outage a whole chain sends at once; whoever finds no room is told when to come again.
UNDER_WAY_MAX = 3_000
# How long a receipt waits before it is tried again; together 3 seconds, a database's restart.
RETRY_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.75, 1.5)
# Of the whole call: with the last round's 2 seconds in the queue it ends within the 10 that any request may take.
PATIENCE_SECONDS = 6.0


_NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OfflineReceipt:
    """One receipt of a call. `named` is what its result repeats of it; `fingerprint` and `former` are as those of a
    write; `request` None: it can't be read, and `refused` says why. `allowance` is the token as sent.
    """

    named: Mapping[str, object]
    fingerprint: bytes
    former: bytes = b""
    request: PurchaseRequest | None = None
    allowance: str | None = None
    refused: Rejected | None = None


@dataclass(frozen=True, slots=True)
class OfflineResult:
    """What became of one receipt: a purchase's answer, or a problem."""

    named: Mapping[str, object]
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Call:
    """A call under way: the id that its answer will be stored under, the customers who are known, versions of the
    program with when each came into force, and until when receipts are tried again (the event loop's seconds).
    """

    key: UUID
    answer_id: UUID
    owners: Mapping[bytes | UUID, UUID]
    published: Sequence[tuple[int, datetime]]
    until: float


class PostOffline:
    def __init__(
        self,
        rounds: Rounds,
        *,
        store: LedgerStore,
        versions: PublishedVersions,
        programs: Programs,
        sales: OfflineSales,
        vault: Vault,
        answers: Answers,
        results: Callable[[Sequence[OfflineResult]], bytes],
        budget: OfflineBudget,
        watch: OfflineWatch,
    ) -> None:
        """budget: of customers whom nobody knows; None: they have none."""
        self._rounds = rounds
        self._store = store
        self._versions = versions
        self._programs = programs
        self._sales = sales
        self._vault = vault
        self._answers = answers
        self._results = results
        self._budget = budget
        self._watch = watch
        self._running: set[UUID] = set()
        self._gate = asyncio.Semaphore(AT_ONCE_MAX)
        self._under_way = 0

    async def post(self, write: Write, receipts: Sequence[OfflineReceipt]) -> Answer:
        """The results in the order of the receipts; the work goes on if the caller is cancelled.

        Raises:
            Rejected: the key is another request's or still running, no program is published, too many receipts are
                under way, the caller has no room for so many unknown customers, or a receipt has no outcome yet.
        """
        return await undisturbed(self._post(write, receipts))

    async def _post(self, write: Write, receipts: Sequence[OfflineReceipt]) -> Answer:
        key = key_claim(write.caller, write.key)
        if key in self._running:
            raise refusals.key_running()
        if self._under_way and self._under_way + len(receipts) > UNDER_WAY_MAX:
            retry = {"retry_after_ms": self._under_way}
            raise Rejected(Rejection.OVERLOADED, "Too many offline receipts are under way.", facts=retry)
        self._running.add(key)
        self._under_way += len(receipts)
        try:
            return await self._run(key, write, receipts)
        finally:
            self._running.discard(key)
            self._under_way -= len(receipts)

    async def _run(self, key: UUID, write: Write, receipts: Sequence[OfflineReceipt]) -> Answer:
        published = await self._versions.published()
        if not published:
            raise refusals.no_program()
        owners: dict[bytes | UUID, UUID] = {}
        claimed = await _twice(lambda: self._claim(key, write, receipts, owners))
        if isinstance(claimed, Answer):
            return claimed
        # Before anything is posted: what is refused here tells nothing of anybody.
        named = {each for receipt in receipts if isinstance(each := _named(receipt, self._vault), bytes)}
        await self._budget.guessed(write.caller, named=len(named), missed=len(named - owners.keys()))
        call = _Call(key, claimed, owners, published, asyncio.get_running_loop().time() + PATIENCE_SECONDS)
        found: dict[int, Answer] = {}
        faults: list[Exception] = []

        async def work(places: Sequence[int]) -> None:
            for place in places:
                async with self._gate:
                    if faults:
                        return  # The rest is posted when the call is repeated.
                    try:
                        found[place] = await self._outcome(write, receipts[place], call)
                    except Exception as error:  # noqa: BLE001 - told once, when all that is under way has ended
                        faults.append(error)

        await asyncio.gather(*map(work, self._queues(receipts, call)))
        if faults:
            raise faults[0]
        results = [OfflineResult(receipt.named, found[place]) for place, receipt in enumerate(receipts)]
        answer = Answer(200, self._results(results))
        return await _twice(lambda: self._keep(call, answer))

    def _queues(self, receipts: Sequence[OfflineReceipt], call: _Call) -> Iterable[Sequence[int]]:
        """Places of receipts that go one after another: those of one customer, by their time."""
        queues: dict[object, list[int]] = {}
        for place, receipt in enumerate(receipts):
            named = _named(receipt, self._vault)
            owner = None if named is None else call.owners.get(named)
            queues.setdefault(place if owner is None else owner, []).append(place)
        return [sorted(places, key=lambda place: _time_of(receipts[place])) for places in queues.values()]

    async def _claim(
        self, key: UUID, write: Write, receipts: Sequence[OfflineReceipt], owners: dict[bytes | UUID, UUID]
    ) -> UUID | Answer:
        """The id that the call's answer is to have, taken now or by a call that did not come to its end; or the answer
        itself. Fills in the owners.
        """
        named = {each for receipt in receipts if (each := _named(receipt, self._vault)) is not None}
        async with self._store.round() as tx:
            if not (await tx.take([lock_of(key)])).is_free[0]:
                raise refusals.key_running()
            known = await tx.read_known(
                claims=[key],
                identifiers=[each for each in named if isinstance(each, bytes)],
                customers=[each for each in named if isinstance(each, UUID)],
            )
            owners.update(known.owners.items())
            owners.update((customer, customer) for customer in known.customers)
            claim = known.claims.get(key)
            if claim is None:
                answer_id = next(fresh_ids())
                await tx.write(Changes(claims=[NewClaim(key, "c", write.fingerprint, answer_id)]))
                return answer_id
            if not is_same(claim, write):
                raise refusals.key_reused()
            stored = await _stored(tx, claim.answer_id)
            return claim.answer_id if stored is None else stored

    async def _keep(self, call: _Call, answer: Answer) -> Answer:
        """Store the call's answer, or give the one that somebody else has stored meanwhile."""
        async with self._store.round() as tx:
            if not (await tx.take([lock_of(call.key)])).is_free[0]:
                raise refusals.key_running()
            stored = await _stored(tx, call.answer_id)
            if stored is not None:
                return stored
            kept = Answer(answer.status, without_names(answer.body))
            await tx.write(Changes(answers=[(call.answer_id, kept)]))
        return answer

    async def _outcome(self, write: Write, receipt: OfflineReceipt, call: _Call) -> Answer:
        """What becomes of one receipt.

        Raises:
            Rejected, DatabaseGone, DatabaseBusy, Conflict: nothing definite; the call may be repeated.
        """
        request, rejected = receipt.request, receipt.refused
        if request is not None and request.receipt is not None:
            try:
                return await self._persist(write, receipt, request, request.receipt, call)
            except Rejected as refusal:
                if refusal.rejection.is_retryable:
                    raise
                rejected = refusal
            except (DatabaseGone, DatabaseBusy, Conflict):
                raise
            except Exception:  # noqa: BLE001 - a fault of ours, heard of by the round: this receipt alone fails
                rejected = refusals.unavailable("The service failed to post this receipt.")
        if rejected is None:
            raise ValueError("a receipt that can't be read says why")
        return self._answers.refusal(rejected, request_id=write.request_id)

    async def _persist(
        self,
        write: Write,
        receipt: OfflineReceipt,
        request: PurchaseRequest,
        till: Receipt,
        call: _Call,
    ) -> Answer:
        """Post it, and again where that may help."""
        version = _in_force(call.published, request)
        program = await self._programs.compiled(version)
        key = offline_claim(till)
        named = reference(request.customer, self._vault)

        told: list[Beyond] = []  # By each attempt; the last one is the posted one.

        async def post(request: PurchaseRequest) -> Answer:
            ask = self._sales.ask(
                Write(write.caller, f"offline №{key}", receipt.fingerprint, write.request_id, former=receipt.former),
                request,
                till,
                key=key,
                customer=None if named is None else call.owners.get(named, named),
                allowance=receipt.allowance,
                version=version,
                program=program,
                tell=told.append,
            )
            answer = await self._rounds.post(ask)
            if told and not answer.is_replayed:
                await self._watch.beyond_allowance(till, told[-1])
            return answer

        for seconds in RETRY_SECONDS:
            try:
                return await self._within_budget(write.caller, request, post)
            except Rejected as rejected:
                if rejected.rejection is Rejection.IDEMPOTENCY_KEY_REUSED:
                    raise await self._duplicate(till) from None
                if not rejected.rejection.is_retryable or asyncio.get_running_loop().time() > call.until:
                    raise
                await asyncio.sleep(seconds)
        raise refusals.busy("The customer or the receipt is busy.")

    async def _within_budget(
        self, caller: Caller, request: PurchaseRequest, post: Callable[[PurchaseRequest], Awaitable[Answer]]
    ) -> Answer:
        """Customers have been counted; codes are as they are posted, in their turn."""
        if not request.basket.coupons:
            return await post(request)
        guess = Guess(None, yields=True)
        return await self._budget.guess(caller, guess, lambda: self._budget.basket(caller, request, post))

    async def _duplicate(self, till: Receipt) -> Rejected:
        """The same number with other contents."""
        claim = receipt_claim(till)
        async with self._store.round() as tx:
            known = await tx.read_known(claims=[claim], identifiers=[], customers=[])
        facts = {"original_tx_id": str(known.claims[claim].answer_id)} if claim in known.claims else {}
        return Rejected(
            Rejection.DUPLICATE_RECEIPT, "This receipt was posted before, with other contents.", facts=facts
        )


async def _stored(tx: RoundTx, answer_id: UUID) -> Answer | None:
    """The call's answer as it was given."""
    stored = (await tx.stored_answers([answer_id])).get(answer_id)
    if stored is None:
        return None
    body = with_names(stored.body, await tx.stored_answers(named_in(stored.body)))
    return Answer(stored.status, body, is_replayed=True)


async def _twice(attempt: Callable[[], Awaitable[T]]) -> T:
    """Somebody was first, or the commit's fate is unknown: the second try sees which."""
    try:
        return await attempt()
    except DatabaseSilent:
        raise
    except (Conflict, DatabaseGone):
        return await attempt()


def _in_force(published: Sequence[tuple[int, datetime]], request: PurchaseRequest) -> int:
    """The version at the time of the deal; the first one if that is earlier still."""
    before = [version for version, since in published if request.at is not None and since <= request.at]
    return before[-1] if before else published[0][0]


def _named(receipt: OfflineReceipt, vault: Vault) -> bytes | UUID | None:
    """How the receipt names its customer; an id that can't be one names nobody."""
    try:
        return None if receipt.request is None else reference(receipt.request.customer, vault)
    except Rejected:
        return None


def _time_of(receipt: OfflineReceipt) -> datetime:
    request = receipt.request
    return _NO_TIME if request is None or request.at is None else request.at
