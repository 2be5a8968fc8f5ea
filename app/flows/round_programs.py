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


def may_need_locks(compiled: CompiledProgram) -> bool:
    """Whether any basket may need more than its customer's row."""
    return compiled.is_shared or converts(compiled)


def wanted_by(asks: Iterable[Ask], newest: CompiledProgram) -> Wanted:
    """What the requests may need of the program's shared state."""
    wanted = Wanted()
    for ask in asks:
        if ask.wants is not None:
            wanted.add(ask.wants(ask.pinned or newest), codes=ask.coupons)
    return wanted


def needs_locks(asks: Collection[Ask], newest: CompiledProgram) -> bool:
    """Whether requests that only give need more than their customers' rows all the same."""
    pinned = {id(ask.pinned): ask.pinned for ask in asks if ask.pinned is not None}
    return any(map(converts, (newest, *pinned.values()))) or not wanted_by(asks, newest).is_nothing
