"""`verify`: the self-audit. Everything that is stored twice is computed anew from the entries and compared.

All is read in one snapshot, so it may run beside a busy service. What each check means stands beside its name in
`app.domain.ledger.audit.findings`.
"""

import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import asyncpg
from rich.progress import Progress

from app.config import CannotStart
from app.domain.ledger.audit import CountersAudit, CustomerAudit, Finding, Terms, read_terms
from app.domain.ledger.audit.deeds import KeptHead
from app.progress import progress_bar
from app.storage.audit import Folder, open_snapshot
from app.storage.audit_deeds import audit_deeds
from app.storage.audit_roots import audit_roots
from app.storage.audit_strays import find_strays

ROOT_BYTES = 32  # SHA-256.
ROWS_SAID_MAX = 1_000  # Whoever reads the report has seen enough by then, and gets the count.
# The driver says a connection that was cut in one of many ways.
_LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
_COLUMNS = ("check", "customer", "transaction", "expected", "found")
_KEPT_HEAD = re.compile(r"([^/=\s]{1,64})/([1-9][0-9]{0,17})=([0-9A-Fa-f]{64})")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(slots=True)
class Tally:
    """How much was checked."""

    customers: int = 0
    txs: int = 0
    entries: int = 0
    lots: int = 0
    purchases: int = 0
    findings: int = 0

    def line(self, *, seconds: float) -> str:
        return (
            f"checked {self.customers:,} customers, {self.txs:,} transactions, {self.entries:,} entries, "
            f"{self.lots:,} lots and {self.purchases:,} purchases in {seconds:,.1f} s: "
            f"{self.findings:,} finding{'' if self.findings == 1 else 's'}"
        )


async def verify(
    database_url: str,
    *,
    say: Callable[[str], None],
    progress: bool,
    kept: Mapping[date, bytes] | None = None,
    kept_heads: Sequence[KeptHead] = (),
) -> int:
    """Audit the whole ledger; says a row a finding (columns parted by tabs) and a summary; returns how many were found.

    Args:
        progress: show a bar on standard error.
        kept: days' roots that somebody has kept.
        kept_heads: heads of the audit log's chains that somebody has kept.

    Raises:
        CannotStart: the database can't be read, or the connection was lost on the way.
    """
    started = time.monotonic()
    tally = Tally()
    with progress_bar("verifying", is_shown=progress) as bar:
        async for finding in _audit(database_url, tally, bar, kept or {}, kept_heads):
            tally.findings += 1
            if tally.findings == 1:
                say("\t".join(_COLUMNS))
            if tally.findings <= ROWS_SAID_MAX:
                say(row_of(finding))
    if tally.findings > ROWS_SAID_MAX:
        say(f"… and {tally.findings - ROWS_SAID_MAX:,} more")
    say(tally.line(seconds=time.monotonic() - started))
    return tally.findings


async def findings(
    database_url: str, *, kept: Mapping[date, bytes] | None = None, kept_heads: Sequence[KeptHead] = ()
) -> list[Finding]:
    """All findings, in the order found. Raises `CannotStart`."""
    with progress_bar("verifying", is_shown=False) as bar:
        return [finding async for finding in _audit(database_url, Tally(), bar, kept or {}, kept_heads)]


def read_kept(texts: Sequence[str]) -> dict[date, bytes]:
    """Roots as an auditor has kept them, each `2026-11-21=HEX`. Raises `CannotStart`."""
    kept: dict[date, bytes] = {}
    for text in texts:
        day, _, root = text.partition("=")
        try:
            when, value = date.fromisoformat(day), bytes.fromhex(root)
        except ValueError:
            when, value = date.min, b""
        if len(value) != ROOT_BYTES or when.isoformat() != day:
            raise CannotStart(f"{text} is no root: write 2026-11-21= and its 64 hexadecimal digits")
        if kept.setdefault(when, value) != value:
            raise CannotStart(f"{day} has two roots")
    return kept


def read_kept_heads(texts: Sequence[str]) -> list[KeptHead]:
    """Heads of the audit log as an auditor has kept them, each `INSTANCE/SEQ=HEX`. Raises `CannotStart`."""
    heads = []
    for text in texts:
        match = _KEPT_HEAD.fullmatch(text)
        if match is None:
            raise CannotStart(f"{text} is no head of the audit log: write INSTANCE/SEQ= and its 64 hexadecimal digits")
        heads.append(KeptHead(match[1], int(match[2]), bytes.fromhex(match[3]), by="somebody"))
    return heads


def row_of(finding: Finding) -> str:
    """One line, whatever stands in the database."""
    cells = (finding.check, finding.customer or "-", finding.tx or "-", finding.expected, finding.found)
    return "\t".join(_UNPRINTABLE.sub("?", cell) for cell in cells)


async def _audit(
    database_url: str, tally: Tally, bar: Progress, kept: Mapping[date, bytes], kept_heads: Sequence[KeptHead]
) -> AsyncIterator[Finding]:
    try:
        async with open_snapshot(database_url) as snapshot:
            terms = {version: read_terms(document) for version, document in (await snapshot.programs()).items()}
            counters = CountersAudit(await snapshot.counters())
            task = bar.add_task("transactions", total=None if bar.disable else await snapshot.count_txs())

            def tell(done: int) -> None:
                bar.update(task, completed=done)

            async for finding in find_strays(snapshot):
                yield finding
            async for finding in audit_roots(snapshot, kept):
                yield finding
            async for finding in audit_deeds(snapshot, kept_heads):
                yield finding
            async for folder in snapshot.folders():
                async for finding in _audit_folder(folder, terms, counters, tally, tell=tell):
                    yield finding
            for finding in counters.close():
                yield finding
    except _LOST as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CannotStart(f"the audit could not go on: {reason}") from None


async def _audit_folder(
    folder: Folder,
    terms: Mapping[int, Terms | None],
    counters: CountersAudit,
    tally: Tally,
    *,
    tell: Callable[[int], None],
) -> AsyncIterator[Finding]:
    audit = CustomerAudit(folder.customer_id, folder.row, lots=folder.lots, terms=terms, counters=counters)
    tally.customers += folder.row is not None
    tally.lots += len(folder.lots)
    async for txs in folder.txs:
        for tx in txs:
            audit.post(tx)
            tally.entries += len(tx.entries)
            tally.purchases += tx.purchase is not None
        tally.txs += len(txs)
        tell(tally.txs)
        for finding in audit.take_findings():
            yield finding
    audit.close()
    for finding in audit.take_findings():
        yield finding
