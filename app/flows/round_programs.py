"""The programs that a round decides by, the newest one and those by which what it names was decided, and what they need
that the customers' rows don't have.
"""

from collections.abc import Collection, Iterable

from app.domain.rules.compiled import CompiledProgram
from app.flows.asks import Ask
from app.flows.ports import Programs
from app.flows.shared_use import Wanted


class RoundPrograms:
    """`version` is the newest's, 0 where none is published."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self.by_version: dict[int, CompiledProgram] = {}
        self.version = 0

    @property
    def newest(self) -> CompiledProgram | None:
        return self.by_version.get(self.version)

    async def read_newest(self, version: int) -> None:
        self.version = version
        if version:
            await self.read(version)

    async def read(self, version: int) -> None:
        self.by_version[version] = await self._programs.compiled(version)

    def convert(self, asks: Collection[Ask]) -> bool:
        """Whether a posting may fill a set of a wallet that converts, whoever's it is."""
        programs = [*self.by_version.values(), *(ask.pinned for ask in asks if ask.pinned is not None)]
        return any(converts(compiled) for compiled in programs)


def converts(compiled: CompiledProgram) -> bool:
    """Whether a posting may fill a set of a wallet, which takes lots."""
    return any(wallet.convert for wallet in compiled.program.wallets.values())


def wanted_by(asks: Iterable[Ask], newest: CompiledProgram) -> Wanted:
    """What the requests may need of the program's shared state."""
    wanted = Wanted()
    for ask in asks:
        if ask.wants is not None:
            wanted.add(ask.wants(ask.pinned or newest), codes=ask.coupons)
    return wanted


def needs_locks(asks: Collection[Ask], newest: CompiledProgram) -> bool:
    """Whether requests that only give need more than their customers' rows all the same. A code that its program names
    is a word to say; any other was issued to be used up, as far as anybody can tell before it is looked for.
    """
    deciding = [(ask, ask.pinned or newest) for ask in asks]
    programs = {id(program): program for _, program in deciding}.values()
    if any(map(converts, programs)):
        return True
    if any(not program.public_codes.issuperset(ask.coupons) for ask, program in deciding if ask.coupons):
        return True
    # A receipt sent late that redeems looks at its allowance besides; whoever redeems isn't asked about here.
    if not any(program.is_shared for program in programs):
        return False
    wanted = wanted_by(asks, newest)
    return bool(wanted.counters or wanted.pools)
