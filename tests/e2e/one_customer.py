"""One customer's life, step by step, in the service and on the model's books: what a state machine plays.

The service runs in one thread's event loop, the machine in another; the database's clock stands still between steps.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

import asyncpg

from app.vault import KeyringVault
from tests.e2e.hold_desk import check
from tests.e2e.town import Town, tell
from tests.e2e.whole_errands import WholeErrands
from tests.kit import Stage
from tests.model.accounts import Hold, Purchase
from tests.model.arithmetic import Json
from tests.model.holds import Holds

PATIENCE_SECONDS = 60.0
WHO = "0"
EDGE = timedelta(microseconds=1)
_SERIAL = count()
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Scene:
    """The town, and the loop that it lives in."""

    town: Town
    stage: Stage
    owner: asyncpg.Connection
    loop: asyncio.AbstractEventLoop

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """From the machine's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_SECONDS)


@dataclass(slots=True)
class OneCustomer:
    """`is_unheard`: the clock has moved, and the service hasn't been told; `edge`: it stands just before that instant;
    `is_waiting`: nothing has been asked since.
    """

    scene: Scene
    errands: WholeErrands
    is_unheard: bool = False
    edge: datetime | None = None
    is_waiting: bool = False

    @classmethod
    async def arrive(cls, scene: Scene, program: Json, operations: list[Json]) -> "OneCustomer":
        """Under a program of their own, with the codes and the points of the first operations."""
        vault, town = KeyringVault(scene.stage.keyring()), scene.town

        def secret_of(day: date) -> bytes:
            return vault.draw_secret(day.isoformat())

        # Noon, when it is the same day in all zones of programs.
        await town.wait_until(town.now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=2))
        number = next(_SERIAL)
        errands = WholeErrands(town.office, town.desks, program, operations, number=number, secret_of=secret_of)
        await errands.prepare(town.now)
        await town.office.publish(errands.program)
        customer = cls(scene, errands)
        for operation in errands.operations:
            await customer.perform(operation)
        return customer

    @property
    def books(self) -> Holds:
        return self.errands.books

    async def think_of(self, operation: Json) -> None:
        await self.perform(self.errands.in_own_words(operation))

    async def perform(self, operation: Json) -> None:
        self.is_waiting, self.errands.is_quoting = False, not self.is_unheard
        try:
            await self.errands.perform(operation, now=self.scene.town.now)
        except AssertionError as error:
            tell(error, self.errands)
            raise

    async def ask_again(self, place: int) -> None:
        self.is_waiting = False
        try:
            await self.errands.ask_again(self.errands.sent[place % len(self.errands.sent)])
        except AssertionError as error:
            tell(error, self.errands)
            raise

    # --- time ---------------------------------------------------------------------------------------------------------

    def next_instant(self) -> datetime | None:
        """At which something of the customer's begins or ends."""
        customer, now = self.books.customers[WHO], self.scene.town.now
        instants = [hold.expires_at for hold in self.open_holds()]
        for lot in customer.lots:
            if lot.remaining:
                instants += [lot.active_at, *([lot.expires_at] if lot.expires_at else [])]
        return min((each for each in instants if each > now), default=None)

    async def let_pass(self, span: timedelta, *, is_heard: bool) -> None:
        self.errands.log.append(f"{span} pass")
        moment = self.scene.town.now + span
        await self.scene.town.wait_until(max(moment, self.edge or moment), is_heard=is_heard)
        self.is_unheard = self.is_waiting = not is_heard
        self.edge = None

    async def stand_before(self, instant: datetime) -> None:
        """A microsecond before; reads run on with the process's own clock, so they are asked after it."""
        self.errands.log.append(f"just before {instant}")
        await self.scene.town.wait_until(instant - EDGE, is_heard=False)
        self.is_unheard, self.is_waiting, self.edge = True, True, instant

    # --- what must hold after every step ------------------------------------------------------------------------------

    async def look(self) -> None:
        """Compare everything that can be read."""
        town = self.scene.town
        if self.edge is not None:
            await town.wait_until(self.edge)
        elif self.is_unheard:
            await town.hear()
        self.is_unheard, self.edge = False, None
        self.books.advance(town.now)
        try:
            await town.compare_customer(self.books, WHO, f"/v1/customers/{self.errands.customers[WHO]['id']}")
            for hold, held in zip(self.known_holds(), (each for each in self.errands.held if each), strict=True):
                shown = await held.desk.good("GET", f"/v1/holds/{held.id}")
                units = {wallet: hold.units_of(wallet) for wallet in {lot.wallet for lot, _ in hold.units}}
                assert (shown["state"], shown["wallets"]) == (hold.state, units), f"hold {hold.number}"
        except AssertionError as error:
            tell(error, self.errands)
            raise

    async def leave(self) -> None:
        """The ledger's rules, by the audit views."""
        try:
            await check(self.scene.owner)
        except AssertionError as error:
            tell(error, self.errands)
            raise

    # --- what can be thought of ---------------------------------------------------------------------------------------

    def known_holds(self) -> list[Hold]:
        return self.books.holds

    def open_holds(self) -> list[Hold]:
        now = self.scene.town.now
        return [hold for hold in self.books.holds if hold.state == "held" and hold.expires_at > now]

    def place_of(self, hold: Hold) -> int:
        """Among the story's holds, of which some were refused."""
        outcomes = self.errands.player.holds
        return next(i for i, each in enumerate(outcomes) if isinstance(each, dict) and each["hold"] == hold.number)

    def returnable(self) -> list[tuple[int, Purchase]]:
        """Purchases of which something is left, with their places."""
        found = []
        for place, outcome in enumerate(self.errands.player.purchases):
            if isinstance(outcome, dict):
                purchase = self.books.purchases[outcome["purchase"]]
                if not purchase.is_all_back:
                    found.append((place, purchase))
        return found
