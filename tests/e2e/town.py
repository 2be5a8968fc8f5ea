"""The service on a stage, with a clock that a test moves, and everything that can be read of a customer held against
the model's books.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.e2e.errands import Errands
from tests.e2e.held_clock import HeldClock, clock_of
from tests.kit import Desk, Stage, client_of, served_here, small_program
from tests.model import strategies
from tests.model.arithmetic import Json
from tests.model.books import Books

START = datetime(2040, 2, 10, 12, tzinfo=UTC)  # Later than whatever the real clock has stamped on the customers.


@dataclass(slots=True)
class Town:
    """The service on a stage, with a desk in each shop and channel."""

    clock: HeldClock
    office: Desk
    desks: dict[tuple[str, str], Desk]
    bystander: str  # A customer whom no story is about.
    now: datetime = START

    async def wait(self, days: int) -> None:
        """Days pass; the service hears of it with its next round, which is about an act that no rule knows."""
        await self.wait_until(self.now + timedelta(days=days))

    async def wait_until(self, moment: datetime, *, is_heard: bool = True) -> None:
        """Likewise; unless heard of, the service learns of it with whatever it is asked next."""
        self.now = moment
        await self.clock.hold(moment)
        if is_heard:
            await self.hear()

    async def hear(self) -> None:
        desk = next(iter(self.desks.values()))
        heard = await desk.post(f"/v1/customers/{self.bystander}/events", {"type": "a day has passed"})
        assert heard.status_code == 201, heard.text

    async def compare(self, errands: Errands, past: dict[datetime, Json]) -> None:
        errands.books.advance(self.now)
        try:
            for name, customer in errands.customers.items():
                await self.compare_customer(errands.books, name, f"/v1/customers/{customer['id']}")
                for then, balances in list(past.items())[-1::-3]:
                    shown = await self.office.good("GET", f"/v1/customers/{customer['id']}/balance?as_of={utc(then)}")
                    assert bare(shown["wallets"]) == balances[name], f"as of {then}"
        except AssertionError as error:
            tell(error, errands)
            raise

    async def compare_balances(self, errands: Errands) -> None:
        """Also puts them into the cache, for a later read to count in what time has brought since."""
        balances = balances_of(errands.books, now=self.now)
        for name, customer in errands.customers.items():
            shown = await self.office.good("GET", f"/v1/customers/{customer['id']}/balance")
            assert bare(shown["wallets"]) == balances[name], f"customer {name} before the last days"

    async def compare_customer(self, books: Books, name: str, path: str) -> None:
        """Everything that can be read of a customer."""
        get, state = self.office.good, books.state(name)
        history = (await get("GET", f"{path}/history?limit=100"))["items"]
        assert [item["version"] for item in history] == list(range(len(history), 0, -1))
        shown = await get("GET", f"{path}/balance?min_version={len(history)}")
        assert (shown["version"], shown["wallets"]) == (len(history), with_horizon(books, name, now=self.now))
        lots = (await get("GET", f"{path}/lots?limit=100"))["items"]
        assert {wallet: [lot_of(lot) for lot in lots if lot["wallet"] == wallet] for wallet in state["lots"]} == {
            wallet: [(lot["remaining"], lot["active_at"], lot["expires_at"]) for lot in each]
            for wallet, each in state["lots"].items()
        }
        profile = await get("GET", path)
        said = (profile["tier"], profile["purchases"], profile["balances"])
        assert said == (state["tier"], state["purchases"], state["balances"])
        later = self.now + timedelta(days=20, minutes=1)
        shown = await get("GET", f"{path}/balance?as_of={utc(later)}")
        assert bare(shown["wallets"]) == balances_of(deepcopy(books), now=later)[name], "as of 20 days later"


def balances_of(books: Books, *, now: datetime) -> Json:
    """By customer, with what time has brought by `now`."""
    books.advance(now)
    return {name: books.balances(name) for name in books.customers}


def with_horizon(books: Books, name: str, *, now: datetime) -> Json:
    """The balance endpoint's wallets by the model: what expires next, and what becomes active next."""
    wallets: Json = {}
    for wallet, balance in books.balances(name).items():
        lots = [lot for lot in books.customers[name].lots if lot.wallet == wallet and lot.remaining]
        waiting = [lot for lot in lots if not lot.is_active and not lot.never_becomes_active]
        wallets[wallet] = {
            **balance,
            "next_expiry": soonest([(lot.expires_at, lot.remaining) for lot in lots if lot.expires_at]),
            "next_activation": soonest([(lot.active_at, lot.remaining) for lot in waiting]),
        }
    return wallets


def soonest(changes: list[tuple[datetime, int]]) -> Json | None:
    if not changes:
        return None
    first = min(at for at, _ in changes)
    return {"points": sum(units for at, units in changes if at == first), "at": utc(first)}


def lot_of(shown: Json) -> tuple[int, datetime, datetime | None]:
    ends = shown["expires_at"]
    return shown["remaining"], datetime.fromisoformat(shown["active_at"]), ends and datetime.fromisoformat(ends)


def bare(wallets: Json) -> Json:
    return {wallet: {name: each[name] for name in ("available", "pending", "held")} for wallet, each in wallets.items()}


def utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def tell(error: AssertionError, errands: Errands) -> None:
    """The whole sequence, and how far it went."""
    error.add_note(f"program {json.dumps(errands.program)}")
    error.add_note("\n".join(json.dumps(each) for each in errands.log))


@asynccontextmanager
async def town_on(stage: Stage) -> AsyncIterator[Town]:
    async with clock_of(stage) as clock, served_here(stage) as edge, client_of(edge) as http:
        desks = {
            (shop, channel): Desk(http, await stage.key(role, shop=shop, terminal=f"T{channel}"))
            for shop in strategies.SHOPS
            for channel, role in (("pos", "pos"), ("online", "shop"))
        }
        office = Desk(http, await stage.key("admin"))
        await office.publish(small_program())
        yield Town(clock, office, desks, await office.register())
