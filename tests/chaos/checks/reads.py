"""What was seen: never what isn't so, and never less than was seen before."""

from tests.chaos.checks import Evidence, Violation, check
from tests.chaos.checks.books import read_books, told
from tests.chaos.faults import Strike
from tests.chaos.journal import Op

READS = ("balance", "balance at least", "quote", "lookup")
CACHE_KINDS = ("valkey", "cache", "postgres", "backend", "database", "service", "clock", "data disk", "log disk")
STALE_SECONDS_MAX = 30.0  # Contract, section 2: how old a balance may be while something fails.


@check("nobody's view goes back")
async def forward(evidence: Evidence) -> list[Violation]:
    """Whoever asks for a version gets it; nobody is shown an older one than before, unless something fails."""
    found: list[Violation] = []
    older = 0
    for op in evidence.journal.ops:
        answer = op.answer
        if op.request.kind not in READS or answer is None or not answer.is_good:
            continue
        version = op.said.get("version")
        if version is None or version >= op.least_version:
            continue
        if op.request.kind == "balance at least" or not _fails(evidence.strikes, op):
            found.append(Violation(f"{op.request.kind}: version {version} after {op.least_version}", (op.number,)))
        else:
            older += 1
    evidence.notes["nobody's view goes back"] = f"{older} older views while something failed"
    return found


def _fails(strikes: list[Strike], op: Op) -> bool:
    return any(
        each.kind.startswith(CACHE_KINDS) and each.began <= op.attempts[-1].ended
        and op.began <= each.ended + STALE_SECONDS_MAX
        for each in strikes
    )  # fmt: skip


@check("nobody sees what isn't committed")
async def committed(evidence: Evidence) -> list[Violation]:
    """A balance that was shown is the ledger's at the version that was shown with it."""
    books = await read_books(evidence.owner)
    brief = {customer.id for customer in evidence.world.brief}
    found: list[Violation] = []
    for op in evidence.journal.good("balance", "balance at least"):
        customer, said = op.request.customer, op.said
        if customer is None or customer in brief:
            continue
        tx = books.of.get(customer, {}).get(said["version"])
        if tx is None and said["version"]:
            found.append(Violation(f"version {said['version']} was shown and isn't there", (op.number,)))
            continue
        posted, shown = _sums(books.at(customer, said["version"])), _sums(said["wallets"])
        if posted != shown:
            found.append(Violation(f"version {said['version']}: shown {shown}, posted {posted}", (op.number,)))
    return found


def _sums(purses: object) -> dict[str, int]:
    """By wallet, whatever state the units are in: time moves them, and nobody posts that at once."""
    return {wallet: sum(states) for wallet, states in told(purses).items() if sum(states)}  # type: ignore[arg-type]


@check("in the calm the cache is the database")
async def calm(evidence: Evidence) -> list[Violation]:
    """Every instance's view of every customer is what is posted."""
    return [
        Violation(f"{view.customer}: instance {view.instance} shows version {view.shown} of {view.posted}")
        for view in evidence.views
        if not view.posted <= view.shown <= view.newest
    ]
