"""The programs that a round decides by: the newest one, and those by which what it names was decided."""

from collections.abc import Collection

from app.domain.rules.compiled import CompiledProgram
from app.flows.asks import Ask
from app.flows.ports import Programs


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
        return any(wallet.convert for compiled in programs for wallet in compiled.program.wallets.values())
