"""Draws of held baskets can be checked like any other: of the day they were made on, whatever became of the hold."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.draw_check import verify_draws
from app.vault import KeyringVault
from app.verification import findings
from tests.e2e.held_clock import clock_of
from tests.e2e.hold_desk import capture, check, place, release
from tests.kit import Desk, Stage, client_of, purchase, refund, served_here, small_program

EVENING = datetime(2040, 3, 1, 20, 50, tzinfo=UTC)  # Ten to midnight in Moscow.
TTL = 1200
TERMS: Mapping[str, dict[str, Any]] = {
    "independent": {"chance": "0.5"},
    "bag": {"size": 4},
    "pity": {"chance": "0.2", "guarantee_every": 3},
}


@pytest.mark.parametrize("algorithm", TERMS)
async def test_the_check_of_draws_finds_nothing_wrong_with_holds(
    stage: Stage, owner: asyncpg.Connection, algorithm: str
) -> None:
    draw = {"algorithm": algorithm, **TERMS[algorithm], "prizes": [{"id": "p", "weight": 1, "units": 30, "stock": 9}]}
    async with clock_of(stage) as clock, served_here(stage) as edge, client_of(edge) as http:
        office = Desk(http, await stage.key("admin"))
        rule = {"id": "lucky", "kind": "random_reward", "give": {"draw": draw}}
        await office.publish(small_program(rules=[rule]))
        till = Desk(http, await stage.key("pos", shop="S1", terminal="T1"))
        await clock.hold(EVENING)
        await till.accrue(None)
        customer, other = await office.register(), await office.register()
        kept = await place(till, customer, ttl_seconds=TTL)
        lost = await place(till, customer, ttl_seconds=TTL)
        late = await place(till, other, ttl_seconds=TTL)
        open_ = await place(till, other, ttl_seconds=86_400)
        first = await release(till, lost["id"])
        assert first["state"] == "released"
        taken_over = await till.good("POST", "/v1/accrue", purchase(customer))
        assert [each["slip_of"] for each in taken_over["draws"]] == [lost["id"]]
        await clock.hold(EVENING + timedelta(seconds=TTL - 60))  # Past midnight.
        captured = await capture(till, kept["id"])
        assert captured["draws"][0]["day"] == "2040-03-01"
        await clock.hold(EVENING + timedelta(seconds=TTL))
        after = await till.good("POST", "/v1/accrue", purchase(other))
        assert [each["slip_of"] for each in after["draws"]] == [late["id"]]
        await till.good("POST", f"/v1/purchases/{captured['id']}/returns", refund())
        again = await till.good("POST", "/v1/accrue", purchase(customer))
        assert [each["slip_of"] for each in again["draws"]] == [kept["id"]]
        assert (await till.good("GET", f"/v1/holds/{open_['id']}"))["state"] == "held"
        said: list[str] = []
        days = EVENING.date() - timedelta(days=1), EVENING.date() + timedelta(days=2)
        vault = KeyringVault(stage.keyring())
        assert not await verify_draws(
            stage.owner_url, vault, first=days[0], last=days[1], say=said.append, progress=False
        ), said
        await check(owner)
        assert await findings(stage.database_url) == []
