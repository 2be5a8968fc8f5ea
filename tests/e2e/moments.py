"""One customer on a held clock: what is told now, what is told of other moments, and whether the two agree."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.held_clock import HeldClock, clock_of
from tests.kit import Desk, Stage, client_of, line, served_here

Json = dict[str, Any]


@dataclass(slots=True)
class Scene:
    """The service on a held clock, one customer, and what was told of that customer at each moment."""

    clock: HeldClock
    office: Desk
    till: Desk
    customer: str = ""
    bystander: str = ""  # Whom no story is about.
    now: datetime = datetime(2040, 3, 1, 12, tzinfo=UTC)
    told: dict[datetime, Json] = field(default_factory=dict)

    async def hold(self, now: str | datetime) -> None:
        """The service hears of it with its next round."""
        self.now = datetime.fromisoformat(now) if isinstance(now, str) else now
        await self.clock.hold(self.now)
        if self.bystander:
            await self.till.good("POST", f"/v1/customers/{self.bystander}/events", {"type": "time has passed"})

    async def publish(self, program: Json) -> int:
        """As of now: the table stamps a version by the real clock."""
        version = await self.office.publish(program)
        stamp = "update programs set published_at = $1 where version = $2"
        await self.clock.connection.execute(stamp, self.now, version)
        return version

    async def sell(self, price: int, **more: Any) -> Json:
        sold = await self.till.accrue(self.customer, line(price=price), **more)
        assert sold.status_code == 201, sold.text
        answer: Json = sold.json()
        return answer

    async def place(self, body: Json, *, seconds: int) -> str:
        placed = await self.till.good("POST", "/v1/holds", {**body, "ttl_seconds": seconds})
        return str(placed["id"])

    async def as_of(self, moment: str | datetime) -> Json:
        text = moment if isinstance(moment, str) else moment.astimezone(UTC).isoformat()
        answer: Json = await self.till.good(
            "GET", f"/v1/customers/{self.customer}/balance?as_of={text.replace('+', '%2B')}"
        )
        return answer

    async def tier(self, moment: str) -> tuple[str | None, int | None]:
        """(tier, program) of a moment."""
        answer = await self.as_of(moment)
        return answer["tier"], answer["program"]

    async def read(self) -> Json:
        """What is told now by the calls that know nothing of other moments."""
        path = f"/v1/customers/{self.customer}"
        balance = await self.till.good("GET", f"{path}/balance")
        profile = await self.office.good("GET", path)
        lots = await self.till.good("GET", f"{path}/lots?limit=100")
        current = await self.office.good("GET", "/v1/program")
        return {
            "version": balance["version"],
            "wallets": balance["wallets"],
            "lots": lots["items"],
            "tier": profile["tier"],
            "program": current["version"],
        }

    async def look(self) -> None:
        """Note what is told now. Of an instant at which something is posted the last is kept: all of it was by then."""
        self.told[self.now] = await self.read()

    async def look_ahead(self, **span: float) -> None:
        """What is told of the moment before it has come is what is told when it is there; but whoever else is served
        then may have posted the end of a hold.
        """
        then = self.now + timedelta(**span)
        ahead = essence(await self.as_of(then))
        await self.hold(then)
        await self.look()
        assert ahead | {"version": 0} == essence(self.told[then]) | {"version": 0}, then

    async def look_back(self) -> None:
        for moment, told in self.told.items():
            assert essence(await self.as_of(moment)) == essence(told), moment


def essence(told: Json) -> Json:
    """Without what tells the calls apart, and without the names of lots that nothing has posted yet."""
    lots = [{name: value for name, value in lot.items() if name not in {"id", "tx_id"}} for lot in told["lots"]]
    return {name: told[name] for name in ("version", "wallets", "tier", "program")} | {"lots": lots}


@asynccontextmanager
async def scene_on(stage: Stage, program: Json, *, start: str = "2040-03-01T12:00:00+00:00") -> AsyncIterator[Scene]:
    async with clock_of(stage) as clock, served_here(stage) as edge, client_of(edge) as http:
        scene = Scene(
            clock,
            Desk(http, await stage.key("admin")),
            Desk(http, await stage.key("pos", shop="S1", terminal="T1")),
        )
        await scene.hold(start)
        await scene.publish(program)
        scene.customer, scene.bystander = await scene.office.register(), await scene.office.register()
        yield scene
