"""The running self-audit: the same checks as `verify`, slice by slice, round and round, beside the tills.

One run does a bounded amount of work and remembers where it stopped, so that killing it loses a slice and no more. A
pass has stages: customers by id, nobody's postings by id, the program's counters, rows that stand alone; the stage
that is under way goes on, else the one that was done longest ago begins. Each slice is one snapshot, and what it has
found is written with its cursor: findings that are new are told, customers with any are frozen (nothing of theirs may
be redeemed; accruals go on), those who have none left are thawed. A finding is gone when the stage that found it looks
at the same rows again and finds them right.

Two auditors at once are harmless: a slice holds the auditors' lock, and whoever doesn't get it does nothing.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from app.domain.identifiers import NOBODY
from app.domain.ledger.audit import CountersAudit, CustomerAudit, Terms, TxRow, read_terms
from app.flows.ports import Snapshots
from app.flows.ports_audit import (
    LAST_ID,
    UNREAD_PROGRAM,
    AuditLook,
    AuditStore,
    AuditWatch,
    DrawsCheck,
    Found,
    Noted,
    Papers,
    Seen,
    Stage,
    StageState,
)
from app.flows.ports_audit_log import ActorKind, AuditLog, Deed, Details

# Some 70 µs a posting: a slice is some 30 ms. Runs of two seconds without a rest stood in the tills' way: on two cores
# half of all purchases, open loop, took 13 to 15 ms instead of 9 while one lasted.
TXS_A_SLICE = 400
TXS_A_RUN = 20_000
SECONDS_A_RUN = 10.0
# Of a core an eleventh: after a slice it rests ten times as long, so 50,000 postings are gone over in a minute; and
# some seconds between runs, since a small ledger is gone over whole in each.
REST = 10
REST_SECONDS = 4.0
# The newest postings are looked at once, before their customer's turn comes: those since the last look, and before it
# as long as a transaction may take to commit. So many at a time: some 3 ms of PostgreSQL, where those of 15 seconds at
# once were 100 and more. After each it rests half as long as after a slice, so that it keeps up with the tills.
#
# Looks are six to ten seconds apart and overlap by five: what one found balanced, the next ones don't sum again.
NEWEST_TXS = 400
NEWEST_OVERLAP = timedelta(seconds=5)
NEWEST_MAX = timedelta(minutes=2)
BALANCED_MAX = 50_000  # Remembered, 20 MB; a look at a thousand a second has a third. The others are summed again.
NEWEST_REST_MAX = 0.5  # Far less than a transaction may be idle.
# Whole tables are looked over for stray rows where the ledger is small; of a bigger one once a day.
STRAYS_TXS_MAX = 200_000
STRAYS_AGE_MAX = timedelta(days=1)
FOUND_MAX = 1_000  # A slice. What is wrong with more than that is one fault, not a thousand.
FOUND_OF_ONE_MAX = 20
TOLD_MAX = 20  # Lines of the log.

_ROUNDS = (Stage.CUSTOMERS, Stage.NOBODY, Stage.COUNTERS, Stage.STRAYS)
_NEVER = datetime.min.replace(tzinfo=UTC)


class SelfAudit:
    def __init__(
        self,
        store: AuditStore,
        *,
        snapshots: Snapshots,
        watch: AuditWatch,
        ticks: Callable[[], float],
        draws: DrawsCheck | None = None,
        log: AuditLog | None = None,
        rest: int = REST,
    ) -> None:
        """
        Args:
            ticks: seconds of a clock that never runs back.
            log: is told of those who are frozen and thawed; None: nobody is.
            rest: how many times as long as it worked it rests; 0: not at all.
        """
        self._store = store
        self._snapshots = snapshots
        self._watch = watch
        self._ticks = ticks
        self._draws = draws
        self._log = log
        self._rest = rest
        self._rests_until = 0.0
        self._newest_until = _NEVER + NEWEST_OVERLAP
        self._balanced: set[tuple[UUID, UUID]] = set()  # Of the last look at the newest.
        self._digests: dict[int, str] = {}
        self._terms: dict[int, Terms | None] = {}

    async def run_once(self) -> int:
        """A bounded piece of work; returns how many postings were gone over. Raises DatabaseGone, DatabaseBusy,
        Conflict.
        """
        began = self._ticks()
        if began < self._rests_until:
            return 0
        gone_over = 0
        done: set[Stage] = set()
        try:
            await self._look_at_newest()
            while gone_over < TXS_A_RUN and (slice_began := self._ticks()) - began < SECONDS_A_RUN:
                seen = await self._go_on(done)
                if seen is None:
                    break
                await asyncio.sleep(self._rest * (self._ticks() - slice_began))
                gone_over += seen.txs
                if seen.is_over:
                    done.add(seen.stage)
            await self._look_at_draws()
        finally:
            if self._rest:
                self._rests_until = self._ticks() + REST_SECONDS
        return gone_over

    async def _go_on(self, done: set[Stage]) -> Seen | None:
        """The next slice of the stage whose turn it is; None where nothing is left of a pass, or another auditor is at
        work.
        """
        async with self._store.look() as look:
            if look is None:
                return None
            stages = await look.stages()
            stage = _whose_turn(stages, done, now=look.now)
            if stage is None:
                return None
            await self._learn_programs(look)
            after = stages[stage].cursor or NOBODY
            match stage:
                case Stage.CUSTOMERS:
                    seen = await self._customers(look, after)
                case Stage.NOBODY:
                    seen = await self._nobodys(look, stages[stage].cursor)
                case Stage.COUNTERS:
                    seen = await self._counters(look)
                case _:
                    seen = await self._strays(look)
            await self._note(seen)
        return seen

    async def _look_at_newest(self) -> None:
        async with self._store.look() as look:
            if look is None:
                return
            found: list[Found] = []
            balanced: set[tuple[UUID, UUID]] = set()
            since = max(self._newest_until - NEWEST_OVERLAP, look.now - NEWEST_MAX)
            began = self._ticks()
            async for postings in look.newest(since=since, at_once=NEWEST_TXS):
                fresh = [posting for posting in postings if posting not in self._balanced]
                wrong = await look.unbalanced(fresh) if fresh else ()
                found += wrong
                # Of those beside a wrong one nothing is remembered: what is told of them may end at a bound.
                right = [each for each in postings if each in self._balanced] if wrong else postings
                balanced.update(right[: max(BALANCED_MAX - len(balanced), 0)])
                await asyncio.sleep(min(self._rest / 2 * (self._ticks() - began), NEWEST_REST_MAX))
                began = self._ticks()
            await self._note(Seen(Stage.NEWEST, _few(found)))
            self._newest_until, self._balanced = look.now, balanced

    async def _learn_programs(self, look: AuditLook) -> None:
        """Reading a document takes milliseconds; there may be hundreds, and they hardly ever change."""
        programs = await look.programs(self._digests)
        for version, (digest, document) in programs.items():
            if document is not None:
                self._terms[version], self._digests[version] = read_terms(document), digest
        for version in self._terms.keys() - programs.keys():
            del self._terms[version], self._digests[version]

    async def _customers(self, look: AuditLook, after: UUID) -> Seen:
        upto = await look.upto(after, txs=TXS_A_SLICE)
        counters = CountersAudit(())  # Summed over many snapshots they would say nothing; they have a stage.
        found: list[Found] = []
        customers = txs = 0
        async for papers in look.papers(after=after, upto=upto):
            customers += papers.row is not None
            txs += await _audit(papers, self._terms, counters, found)
        return Seen(
            Stage.CUSTOMERS,
            _few(found),
            after=after,
            upto=upto,
            is_over=upto == LAST_ID,
            customers=customers,
            txs=txs,
        )

    async def _nobodys(self, look: AuditLook, cursor: UUID | None) -> Seen:
        after = cursor or NOBODY
        rows = await look.nobodys(after=after, limit=TXS_A_SLICE)
        is_over = len(rows) < TXS_A_SLICE
        audit = CustomerAudit(None, None, lots=(), terms=self._terms, counters=CountersAudit(()))
        nonsense = _post(audit, rows, is_last=True)
        found = [Found.of(finding) for finding in audit.take_findings()][:FOUND_MAX]
        if nonsense is not None:
            found.append(Found("unreadable", None, rows[0].tx_id, "books that can be read", nonsense))
        return Seen(
            Stage.NOBODY,
            found,
            after=after,
            upto=LAST_ID if is_over else UUID(rows[-1].tx_id),
            is_over=is_over,
            txs=len(rows),
        )

    async def _counters(self, look: AuditLook) -> Seen:
        audit = CountersAudit(await look.counters())
        for use in await look.uses():
            audit.add(use)
        return Seen(Stage.COUNTERS, [Found.of(finding) for finding in audit.close()][:FOUND_MAX])

    async def _strays(self, look: AuditLook) -> Seen:
        found: list[Found] = []
        async for finding in look.strays():
            found.append(Found.of(finding))
            if len(found) >= FOUND_MAX:
                break
        return Seen(Stage.STRAYS, found)

    async def _look_at_draws(self) -> None:
        """Yesterday's, once today has begun where the program is."""
        newest = self._terms.get(max(self._terms, default=0))
        if self._draws is None or newest is None:
            return
        async with self._store.look() as look:
            if look is None:
                return
            now, state = look.now, (await look.stages())[Stage.DRAWS]
        today = _day(now, newest.timezone)
        if state.ended_at is None or _day(state.ended_at, newest.timezone) < today:
            found = await self._draws(today - timedelta(days=1))
            await self._note(Seen(Stage.DRAWS, found[:FOUND_MAX]))

    async def _note(self, seen: Seen) -> None:
        noted = await self._store.note(seen)
        for found in noted.new[:TOLD_MAX]:
            self._watch.finding(check=found.check, customer=found.customer)
        if len(noted.new) > TOLD_MAX:
            self._watch.findings_left_out(len(noted.new) - TOLD_MAX)
        if changed := (*noted.frozen, *noted.thawed):
            await self._snapshots.forget(changed)
            await self._note_deeds(noted)

    async def _note_deeds(self, noted: Noted) -> None:
        """What people ask about later; whom it told of first stands for a whole ledger that doesn't add up."""
        if self._log is None:
            return
        deeds = []
        for action, customers in (("freeze", noted.frozen), ("thaw", noted.thawed)):
            told: list[tuple[str, Details]] = [(f"customers/{customer}", {}) for customer in customers[:TOLD_MAX]]
            if len(customers) > TOLD_MAX:
                told.append(("customers", {"left_out": len(customers) - TOLD_MAX}))
            deeds += [
                Deed(ActorKind.SERVICE, "self_audit", action, object=what, details=details) for what, details in told
            ]
        await asyncio.gather(*map(self._log.note, deeds))


def _few(found: list[Found]) -> list[Found]:
    """One of each customer where there are very many: all of them are to be frozen."""
    return found if len(found) <= FOUND_MAX else list({each.customer: each for each in reversed(found)}.values())


async def _audit(papers: Papers, terms: Mapping[int, Terms | None], counters: CountersAudit, found: list[Found]) -> int:
    """One customer's books; returns how many postings they have."""
    audit = CustomerAudit(papers.customer_id, papers.row, lots=papers.lots, terms=terms, counters=counters)
    txs, nonsense = 0, None
    async for batch in papers.txs:
        nonsense = nonsense or _post(audit, batch)
        txs += len(batch)
    nonsense = nonsense or _post(audit, [], is_last=True)
    mine = [Found.of(finding) for finding in audit.take_findings()]
    # Without its program a purchase can't be checked: what else is said of it may be wrong.
    unread = [each for each in mine if each.check == UNREAD_PROGRAM]
    found += (unread or mine)[:FOUND_OF_ONE_MAX]
    if nonsense is not None:
        found.append(Found("unreadable", papers.customer_id, None, "books that can be read", nonsense))
    return txs


def _post(audit: CustomerAudit, txs: Sequence[TxRow], *, is_last: bool = False) -> str | None:
    """What stopped it: books of such nonsense that no check has a name for it must not stop the round, either."""
    try:
        for tx in txs:
            audit.post(tx)
        if is_last:
            audit.close()
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return type(error).__name__
    return None


def _whose_turn(stages: Mapping[Stage, StageState], done: set[Stage], *, now: datetime) -> Stage | None:
    """The stage under way, else the one that was done longest ago; none twice in a run."""
    left = [stage for stage in _ROUNDS if stage not in done]
    size = stages[Stage.CUSTOMERS].txs + stages[Stage.NOBODY].txs
    strays = stages[Stage.STRAYS].ended_at
    if size > STRAYS_TXS_MAX and strays is not None and now - strays < STRAYS_AGE_MAX and Stage.STRAYS in left:
        left.remove(Stage.STRAYS)
    return min(left, key=lambda stage: (not stages[stage].is_under_way, stages[stage].ended_at or _NEVER), default=None)


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()
