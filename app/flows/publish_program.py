"""Drafts and versions of the program.

A process that has not confirmed the newest version for a second asks before it quotes; rounds always ask. So `publish`
answers a second after its commit, and at once where this process serves alone: every request that starts after the
answer is decided by the new version, in every process, without trusting a signal.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Collection
from datetime import datetime, timedelta

import orjson

from app.domain.program import GiveDraw, Program
from app.domain.programs import ProgramInvalid, read_program
from app.domain.programs.lint import Finding, Severity, check_program
from app.domain.rejections import Fault, Rejected, Rejection
from app.domain.rules.compiled import CompiledProgram, compile_program
from app.flows import refusals
from app.flows.cursors import page_of, place_of
from app.flows.once import Once
from app.flows.ports import Answers, Clock
from app.flows.ports_customers import CustomerTx, Reads
from app.flows.requests import Answer, Write
from app.flows.results import Page, ProgramVersion
from app.flows.try_draft import digest_of

CONFIRM_SECONDS = 1.0
SPREAD_SECONDS = CONFIRM_SECONDS + 0.1  # A tenth for the timer's and the confirming query's own time.
COMPILED_MAX = 16  # Newest, those that returns and quotes still name; some 10 KB a rule.


class ProgramShelf:
    """Published versions, compiled; the newest is confirmed with the database at least every second."""

    def __init__(self, reads: Reads, *, clock: Clock) -> None:
        self._reads = reads
        self._clock = clock
        self._compiled: OrderedDict[int, CompiledProgram] = OrderedDict()
        self._newest = 0
        self._confirmed_at = float("-inf")
        self._doubts = 0

    async def compiled(self, version: int) -> CompiledProgram:
        """Raises `Rejected(NOT_FOUND)` for a version that doesn't exist."""
        found = self._compiled.get(version)
        if found is None:
            stored = await self._reads.program(version)
            if stored is None:
                raise refusals.no_version()
            found = await asyncio.to_thread(_compiled, orjson.loads(stored.document))
            self._compiled[version] = found
            while len(self._compiled) > COMPILED_MAX:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(version)
        return found

    async def newest(self) -> int:
        """Raises `Rejected(NOT_FOUND)` where none is published."""
        if time.monotonic() - self._confirmed_at > CONFIRM_SECONDS:
            asked_at, doubts = time.monotonic(), self._doubts
            now, self._newest = await self._reads.newest_program()
            # Who asked before a doubt and hears after it may have heard of the version before.
            self._confirmed_at = asked_at if doubts == self._doubts else float("-inf")
            self._clock.note(now)
        if not self._newest:
            raise refusals.no_program()
        return self._newest

    async def current(self) -> CompiledProgram | None:
        """The newest version compiled; None where none is published."""
        try:
            return await self.compiled(await self.newest())
        except Rejected:
            return None

    def doubt(self) -> None:
        """Ask again before the next quote."""
        self._doubts += 1
        self._confirmed_at = float("-inf")


class PublishProgram:
    def __init__(
        self,
        once: Once[CustomerTx],
        reads: Reads,
        *,
        shelf: ProgramShelf,
        answers: Answers,
        tried_within: timedelta = timedelta(),
    ) -> None:
        """tried_within: how fresh a back-test of the draft publishing needs; nothing: it needs none."""
        self._tried_within = tried_within
        self._once = once
        self._reads = reads
        self._shelf = shelf
        self._answers = answers

    async def put_draft(self, write: Write, document: object, raw: bytes) -> Answer:
        """Keep a draft that can be published.

        Raises:
            Rejected: `program_invalid` with a fault for every mistake; nothing is kept of it.
        """
        # In a thread: a document of a few megabytes takes a third of a second, and tills don't wait for marketers.
        await asyncio.to_thread(check, document)
        findings = await self._findings(document)

        async def act(tx: CustomerTx) -> Answer:
            await tx.save_draft(raw.decode(), by=write.caller.key_id)
            return Answer(200, self._answers.draft(document, findings))

        return await self._once.run(write, act)

    async def publish(self, write: Write) -> Answer:
        """The draft becomes the newest version. Raises `Rejected(NOT_FOUND)` without one."""

        async def act(tx: CustomerTx) -> Answer:
            draft = await tx.lock_draft()
            if draft is None:
                raise Rejected(Rejection.NOT_FOUND, "There is no draft to publish.")
            if self._tried_within and not await tx.is_tried(digest_of(draft), within=self._tried_within):
                raise Rejected(
                    Rejection.BACKTEST_REQUIRED,
                    "This draft has to be tried on past baskets before it is published (draft/backtest).",
                )
            return await self._insert(tx, write, draft)

        return await self._spread(await self._once.run(write, act))

    async def republish(self, write: Write, version: int) -> Answer:
        """An earlier document becomes the newest version again, under a number of its own."""

        async def act(tx: CustomerTx) -> Answer:
            await tx.lock_draft()
            document = await tx.document(version)
            if document is None:
                raise refusals.no_version()
            return await self._insert(tx, write, document)

        return await self._spread(await self._once.run(write, act))

    async def _insert(self, tx: CustomerTx, write: Write, document: str) -> Answer:
        # An older document may be one that this release can't read.
        program = await asyncio.to_thread(check, orjson.loads(document))
        newest = await tx.take([])
        if newest.program:
            current = await self._shelf.compiled(newest.program)
            _refuse_repeated_day(current.program, program, now=newest.now)
        version = await tx.insert_program(document, by=write.caller.key_id)
        return Answer(200, self._answers.published(version))

    async def _spread(self, answer: Answer) -> Answer:
        self._shelf.doubt()
        if not await self._reads.serves_alone():
            await asyncio.sleep(SPREAD_SECONDS)
        return answer

    async def draft(self) -> bytes:
        document = await self._reads.draft()
        if document is None:
            raise Rejected(Rejection.NOT_FOUND, "There is no draft.")
        return document.encode()

    async def check_draft(self) -> tuple[Finding, ...]:
        """What is wrong or doubtful in the draft; a kept draft was right when it was kept."""
        return await self._findings(orjson.loads(await self.draft()))

    async def _findings(self, document: object) -> tuple[Finding, ...]:
        now, _ = await self._reads.newest_program()
        segments, pools = await self._reads.program_names()
        return await asyncio.to_thread(lint, document, now=now, segments=segments, pools=pools)

    async def program(self) -> ProgramVersion:
        stored = await self._reads.program(await self._shelf.newest())
        if stored is None:
            raise refusals.no_program()
        return stored

    async def versions(self, *, limit: int, cursor: str | None) -> Page[ProgramVersion]:
        """The newest first."""
        before = None if cursor is None else place_of(cursor)
        items = await self._reads.programs(before=before, limit=limit + 1)
        return page_of(items, limit=limit, place=lambda item: item.version)


def _compiled(document: object) -> CompiledProgram:
    return compile_program(read_program(document))


def lint(document: object, *, now: datetime, segments: Collection[str], pools: Collection[str]) -> tuple[Finding, ...]:
    """What is doubtful in a document, or everything that is wrong with it."""
    try:
        program = read_program(document)
    except ProgramInvalid as invalid:
        return tuple(Finding(each.pointer, Severity.ERROR, each.code, each.message) for each in invalid.faults)
    return check_program(program, document, now=now, segments=segments, pools=pools)


def check(document: object) -> Program:
    """The program. Raises `Rejected(PROGRAM_INVALID)` with every fault."""
    try:
        return _compiled(document).program
    except ProgramInvalid as invalid:
        raise Rejected(Rejection.PROGRAM_INVALID, "The program has mistakes.", faults=invalid.faults) from None


def _refuse_repeated_day(current: Program, program: Program, *, now: datetime) -> None:
    """A zone further west, where it is still yesterday, would draw with a secret that is public since midnight."""
    if not any(isinstance(rule.give, GiveDraw) for rule in (*current.rules, *program.rules)):
        return
    if now.astimezone(program.timezone).date() < now.astimezone(current.timezone).date():
        fault = Fault("/timezone", "day_is_over", "must be a zone where the day of the draws isn't over yet")
        raise Rejected(Rejection.PROGRAM_INVALID, "The secret of that day's draws is public.", faults=(fault,))
