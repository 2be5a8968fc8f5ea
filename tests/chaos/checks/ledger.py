"""The books: by the audit views, by the service's own commands."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.chaos.checks import Evidence, Violation, check
from tests.chaos.program import PROGRAM
from tests.storm import audit

COMMAND_SECONDS_MAX = 120.0
LINES_SHOWN = 5
# Told here by what happened in the run, or seen over the whole of it.
_ELSEWHERE = frozenset(
    {
        "no balance is ever below its floor, but for a return's debt",
        "no two rounds ever waited for each other in a circle",
        "no more comes back than was bought",
    }
)


@check("the ledger's own rules")
async def rules(evidence: Evidence) -> list[Violation]:
    """Sums of 0, versions without a gap, balances and lots as their entries, one receipt, an event each."""
    found: list[Violation] = []
    for rule, query in audit._RULES.items():
        if rule not in _ELSEWHERE and (rows := await evidence.owner.fetch(query)):
            found.append(Violation(f"{rule}: {len(rows)} rows, {[tuple(row) for row in rows[:LINES_SHOWN]]}"))
    return found


@check("verify finds nothing")
async def verify(evidence: Evidence) -> list[Violation]:
    """The command recomputes chain, sums, balances, lots and holds."""
    return await _run(evidence, "verify finds nothing", "verify")


@check("draws can be recomputed")
async def draws(evidence: Evidence) -> list[Violation]:
    today = datetime.now(UTC).astimezone(ZoneInfo(PROGRAM["timezone"])).date()
    days = (str(today - timedelta(days=1)), str(today))
    return await _run(evidence, "draws can be recomputed", "draws", "verify", *days)


async def _run(evidence: Evidence, name: str, *words: str) -> list[Violation]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", *words,
        env={**evidence.site.environment, "LOG_LEVEL": "error"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(COMMAND_SECONDS_MAX):
            said = (await process.communicate())[0].decode().splitlines()
    except TimeoutError:
        process.kill()
        return [Violation(f"`{' '.join(words)}` did not end")]
    evidence.notes[name] = said[-1] if said else ""
    if process.returncode == 0:
        return []
    return [Violation(f"`{' '.join(words)}` ended with {process.returncode}: {said[:LINES_SHOWN]} … {said[-1:]}")]
