"""`draws verify FROM UNTO`: every draw of the days recomputed from the rule, the day's secret and the receipt.

What is checked: each record by itself (`app.domain.draws.checking`), that states follow from one another
(`.continuity`), that the purchase's answer told the same, that a slip was taken over once and of a purchase that is
back, that each day's commitment is the one its first ticket was drawn by; and the lists and winners of prize draws
whose time of entering ended on one of the days.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from zoneinfo import ZoneInfo

import asyncpg
import orjson
from rich.progress import Progress

from app.config import CannotStart
from app.domain.draws.checking import Disagreement, recheck
from app.domain.draws.continuity import Continuity, Link
from app.domain.draws.luck import Luck, commitment_of
from app.domain.draws.prize_draw_checking import PrizeDrawCheck
from app.domain.draws.prize_draws import PrizeDraw, secret_name
from app.domain.draws.records import DrawRecord
from app.domain.program import Program
from app.domain.programs import ProgramInvalid, read_program
from app.flows.failures import DatabaseGone
from app.flows.ports_audit import DrawsCheck, Found
from app.progress import progress_bar
from app.storage.draws import DrawnPurchase, DrawsSnapshot, Original, open_draws
from app.vault import KeyringVault

ROWS_SAID_MAX = 1_000  # Whoever reads the report has seen enough by then, and gets the count.
_LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
_COLUMNS = ("check", "subject", "rule", "expected", "found")
_FORMS = frozenset({"rule", "algorithm", "state"})  # A record without a sound state has no place in a chain.


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject` is a purchase, a day or a prize draw."""

    check: str
    subject: str
    rule: str | None
    expected: str
    found: str

    def row(self) -> str:
        cells = (self.check, self.subject, self.rule or "-", self.expected, self.found)
        return "\t".join("".join(each if each.isprintable() else "?" for each in cell) for cell in cells)


@dataclass(slots=True)
class Tally:
    """How much was checked."""

    draws: int = 0
    purchases: int = 0
    prize_draws: int = 0
    findings: int = 0
    days: set[date] = field(default_factory=set)

    def line(self, *, seconds: float) -> str:
        return (
            f"checked {self.draws:,} draws of {self.purchases:,} purchases on {len(self.days):,} days and "
            f"{self.prize_draws:,} prize draws in {seconds:,.1f} s: "
            f"{self.findings:,} finding{'' if self.findings == 1 else 's'}"
        )


async def verify_draws(
    database_url: str, vault: KeyringVault, *, first: date, last: date, say: Callable[[str], None], progress: bool
) -> int:
    """Says a row a finding (columns parted by tabs) and a summary; returns how many were found.

    Args:
        first, last: local days of the program in force, both included.

    Raises:
        CannotStart: the database can't be read, or the connection was lost on the way.
    """
    started, tally = time.monotonic(), Tally()
    with progress_bar("checking draws", is_shown=progress) as bar:
        async for finding in _findings(database_url, vault, first, last, tally, bar):
            tally.findings += 1
            if tally.findings == 1:
                say("\t".join(_COLUMNS))
            if tally.findings <= ROWS_SAID_MAX:
                say(finding.row())
    if tally.findings > ROWS_SAID_MAX:
        say(f"… and {tally.findings - ROWS_SAID_MAX:,} more")
    say(tally.line(seconds=time.monotonic() - started))
    return tally.findings


def as_check(database_url: str, vault: KeyringVault) -> DrawsCheck:
    """For the running self-audit. What it returns raises DatabaseGone."""

    async def check(day: date) -> list[Found]:
        try:
            with progress_bar("checking draws", is_shown=False) as bar:
                findings = [each async for each in _findings(database_url, vault, day, day, Tally(), bar)]
        except CannotStart:
            raise DatabaseGone("the draws can't be read") from None
        return [Found(f"draw_{each.check}", None, each.subject, each.expected, each.found) for each in findings]

    return check


async def _findings(
    url: str, vault: KeyringVault, first: date, last: date, tally: Tally, bar: Progress
) -> AsyncIterator[Finding]:
    try:
        async with open_draws(url) as snapshot:
            programs = {version: _program(text) for version, text in (await snapshot.documents()).items()}
            newest = programs.get(max(programs, default=0))
            zone = ZoneInfo("UTC") if newest is None else newest.timezone
            start, end = _midnight(first, zone), _midnight(last + timedelta(days=1), zone)
            total = None if bar.disable else await snapshot.count(start=start, end=end)
            check = _Check(snapshot, vault, programs, first=first, last=last, tally=tally)
            task = bar.add_task("purchases", total=total)
            async with aclosing(snapshot.drawn(start=start, end=end)) as batches:
                async for batch in batches:
                    originals = await snapshot.originals(_slips_of(batch))
                    for purchase in batch:
                        for finding in check.purchase(purchase, originals):
                            yield finding
                    bar.advance(task, len(batch))
            for finding in check.finish(await snapshot.commitments(first, last)):
                yield finding
            for draw in await snapshot.prize_draws(start=start, end=end):
                async for finding in check.prize_draw(draw):
                    yield finding
    except _LOST as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CannotStart(f"the check could not go on: {reason}") from None


class _Check:
    """What is known by now of the range. `programs` that this release can't read are None."""

    def __init__(
        self,
        snapshot: DrawsSnapshot,
        vault: KeyringVault,
        programs: Mapping[int, Program | None],
        *,
        first: date,
        last: date,
        tally: Tally,
    ) -> None:
        self._snapshot = snapshot
        self._vault = vault
        self._programs = programs
        self._first, self._last = first, last
        self._tally = tally
        self._continuity = Continuity()
        self._secrets: dict[date, bytes] = {}
        self._slips: set[tuple[str, str]] = set()  # (purchase, rule) of slips that were taken over.

    def purchase(self, purchase: DrawnPurchase, originals: Mapping[str, Original]) -> Iterator[Finding]:
        """A purchase of the range; one of the days beside it only says what the range's draws followed."""
        is_inside = purchase.day is not None and self._first <= purchase.day <= self._last
        if is_inside:
            self._tally.purchases += 1
            yield from _as_told(purchase)
        program = self._programs.get(purchase.program)
        for record in purchase.draws or ():
            found = list(self._record(record, purchase, program, originals))
            if is_inside:
                self._tally.draws += 1
                yield from (Finding(each.check, purchase.id, record.rule, each.expected, each.found) for each in found)
            if program is not None and not _FORMS.intersection(each.check for each in found):
                rule = program.rules_by_id[record.rule]
                link = Link(record, rule, purchase.id, purchase.customer, purchase.version)
                yield from self._gaps(self._continuity.add(link))

    def finish(self, commitments: Mapping[date, str]) -> Iterator[Finding]:
        yield from self._gaps(self._continuity.finish())
        for day in sorted(self._tally.days):
            own, noted = commitment_of(self._secret(day)), commitments.get(day)
            if own != noted:
                yield Finding("commitment", day.isoformat(), None, own, noted or "none")

    async def prize_draw(self, draw: PrizeDraw) -> AsyncIterator[Finding]:
        """A frozen list, and the winners if they were drawn."""
        self._tally.prize_draws += 1
        check = PrizeDrawCheck(draw, secret=self._vault.draw_secret(secret_name(draw.id, draw.created_at)))
        async with aclosing(self._snapshot.entries(draw.id)) as entries:
            async for purchase, customer in entries:
                check.add(purchase=purchase, customer=customer)
        for each in check.disagreements():
            yield Finding(each.check, draw.id, None, each.expected, each.found)

    def _record(
        self, record: DrawRecord, purchase: DrawnPurchase, program: Program | None, originals: Mapping[str, Original]
    ) -> Iterator[Disagreement]:
        if program is None:
            yield Disagreement("rule", f"version {purchase.program} of the program", "none that can be read")
            return
        if purchase.day is None or purchase.receipt is None:
            yield Disagreement("receipt", "a transaction with a day and a receipt", "none")
            return
        original = None
        if record.slip_of is not None:
            slip, taken_from = (record.slip_of, record.rule), originals.get(record.slip_of)
            if slip in self._slips:
                yield Disagreement("slip", "a slip taken over once", f"that of {record.slip_of} again")
            self._slips.add(slip)
            if taken_from is not None:
                original = next((each for each in taken_from.draws or () if each.rule == record.rule), None)
                if not taken_from.is_all_back:
                    yield Disagreement("slip", "one of a purchase that is back", record.slip_of)
        elif self._first <= purchase.day <= self._last:
            self._tally.days.add(purchase.day)
        luck = Luck(
            self._secret(purchase.day),
            purchase.day,
            purchase.shop,
            purchase.terminal,
            purchase.receipt,
            purchase.shift,
        )
        yield from recheck(record, program=program, luck=luck, original=original)

    def _gaps(self, found: Iterator[tuple[Link, Disagreement]]) -> Iterator[Finding]:
        for link, each in found:
            if self._first <= link.record.day <= self._last:
                yield Finding(each.check, link.purchase, link.record.rule, each.expected, each.found)

    def _secret(self, day: date) -> bytes:
        if day not in self._secrets:
            self._secrets[day] = self._vault.draw_secret(day.isoformat())
        return self._secrets[day]


def read_day(text: str) -> date:
    """A day as the command takes it. Raises `CannotStart`."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    # The outermost years have no midnight in every zone.
    if day is None or not 1970 <= day.year <= 2199:
        raise CannotStart(f"{text} is no day: write it as 2026-11-21")
    return day


def _program(text: str) -> Program | None:
    try:
        return read_program(orjson.loads(text))
    except (ProgramInvalid, ValueError):
        return None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock_time(), zone).astimezone(UTC)


def _slips_of(batch: list[DrawnPurchase]) -> set[str]:
    return {record.slip_of for purchase in batch for record in purchase.draws or () if record.slip_of is not None}


def _as_told(purchase: DrawnPurchase) -> Iterator[Finding]:
    """The records are what the answer said that day."""
    if purchase.draws is None:
        yield Finding("draws", purchase.id, None, "records of draws", "what can't be read")
        return
    noted = [(record.rule, record.ticket, record.prize) for record in purchase.draws]
    if noted != list(purchase.told or ()):
        told = "what can't be read" if purchase.told is None else _text(purchase.told)
        yield Finding("answer", purchase.id, None, told, _text(noted))


def _text(told: Iterable[tuple[str, str, str | None]]) -> str:
    return ", ".join(f"{rule} {ticket} {prize or 'nothing'}" for rule, ticket, prize in told) or "no draws"
