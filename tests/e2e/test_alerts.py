"""Alerts: raised from the feed beside the tills, decided by a human through HTTP."""

import asyncio
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import orjson
import pytest

from app.clock import DatabaseClock
from app.domain.abuse.tills import LEARNED_MIN, Habits, TillLimits
from app.flows import watch_tills
from app.flows.publish_program import ProgramShelf
from app.flows.relay import Relay
from app.flows.watch_tills import WatchTills
from app.storage.alerts import AlertsDatabase
from app.storage.engine import Database
from app.storage.feed import FeedDatabase
from app.storage.reads import ReadsDatabase
from tests.e2e.checks import refused
from tests.e2e.test_roles import NOBODY
from tests.kit import Desk, Stage, line, refund

LIMITS = TillLimits(same_customer=2, returns=1, sum_times=4)


async def watched(stage: Stage, limits: TillLimits = LIMITS) -> int:
    """Relays, then watches; how many alerts were raised or counted."""
    database = Database(stage.database_url)
    await database.open()
    try:
        await Relay(FeedDatabase(database)).run_once()
        programs = ProgramShelf(ReadsDatabase(database), clock=DatabaseClock())
        return await WatchTills(AlertsDatabase(database), programs=programs, limits=limits).run_once()
    finally:
        await database.close()


async def alerts(desk: Desk, **query: str) -> list[dict[str, Any]]:
    """All pages, the newest first."""
    found: list[dict[str, Any]] = []
    cursor = ""
    asked = "&".join(f"{name}={value}" for name, value in {**query, "limit": "1"}.items())
    while True:
        page = await desk.good("GET", f"/v1/alerts?{asked}{cursor}")
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


@pytest.fixture
async def support(till: Desk, stage: Stage) -> Desk:
    return Desk(till.http, await stage.key("support"))


async def test_what_is_unusual_at_a_till_is_an_alert(
    till: Desk, support: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    customer, other = await till.register(), await till.register()
    bought = [(await till.accrue(customer, line(price=10_000))).json() for _ in range(4)]
    await till.accrue(other)
    for purchase in bought[:3]:
        await till.good("POST", f"/v1/purchases/{purchase['id']}/returns", refund())
    known = Habits(hours=[LEARNED_MIN] * 24, sizes=[0] * 14 + [LEARNED_MIN] + [0] * 49)
    await owner.execute("insert into tills_watched values ('S1', 'T1', $1)", orjson.dumps(known.to_document()).decode())
    dear = (await till.accrue(None, line(price=70_000))).json()
    assert await watched(stage) == 3
    found = {alert["kind"]: alert for alert in await alerts(support)}
    assert found.keys() == {"same_customer", "many_returns", "high_sum"}
    again: Mapping[str, Any] = found["same_customer"]
    assert (again["shop"], again["terminal"], again["customer"], again["state"]) == ("S1", "T1", customer, "new")
    assert (again["times"], again["facts"]) == (2, {"limit": 2, "count": 4})
    assert (found["many_returns"]["times"], found["many_returns"]["customer"]) == (2, None)
    assert found["high_sum"]["tx_id"] == dear["tx_id"]
    assert found["high_sum"]["facts"] == {"paid": 70_000, "usual_below": 16_384}
    # What was watched is not watched again; what comes again is counted.
    assert await watched(stage) == 0
    await till.accrue(customer)
    assert await watched(stage) == 1
    (again,) = await alerts(support, kind="same_customer")
    assert again["times"] == 3
    metrics = (await till.http.get("/metrics")).text
    assert 'kopilka_alerts_new{kind="same_customer"} 1.0' in metrics


async def test_an_hour_far_from_the_tills_usual_ones_is_an_alert(
    till: Desk, support: Desk, stage: Stage, owner: asyncpg.Connection
) -> None:
    hour = (await owner.fetchval("select clock_timestamp()")).astimezone(ZoneInfo("Europe/Moscow")).hour
    hours = [0] * 24
    hours[(hour + 12) % 24] = LEARNED_MIN
    known = Habits(hours=hours, sizes=[0] * 14 + [LEARNED_MIN] + [0] * 49)
    await owner.execute("insert into tills_watched values ('S1', 'T1', $1)", orjson.dumps(known.to_document()).decode())
    sold = (await till.accrue(None)).json()
    assert await watched(stage, TillLimits(rare_hour_permille=5)) == 1
    (alert,) = await alerts(support, kind="rare_hour")
    assert (alert["tx_id"], alert["facts"]["receipts_then"], alert["facts"]["receipts"]) == (
        sold["tx_id"],
        0,
        LEARNED_MIN,
    )


async def test_processes_that_watch_at_once_raise_nothing_twice(till: Desk, support: Desk, stage: Stage) -> None:
    customer = await till.register()
    for _ in range(7):
        await till.accrue(customer)
    raised = await asyncio.gather(*(watched(stage) for _ in range(4)))
    assert sum(raised) + await watched(stage) == 1  # One alert, in one batch; nobody else found anything of it.
    (alert,) = await alerts(support)
    assert alert["times"] == 5


async def test_a_run_is_bounded_and_the_next_one_goes_on(
    till: Desk, support: Desk, stage: Stage, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_tills, "BATCH", 2)
    monkeypatch.setattr(watch_tills, "BATCHES_MAX", 2)
    customer = await till.register()
    for _ in range(7):
        await till.accrue(customer)
    reached = []
    for _ in range(3):
        await watched(stage)
        reached.append(await owner.fetchval("select position from watch"))
    assert reached == [4, 7, 7]
    assert [alert["times"] for alert in await alerts(support)] == [5]


async def test_where_nothing_is_declared_nothing_is_read(till: Desk, stage: Stage, owner: asyncpg.Connection) -> None:
    for _ in range(3):
        await till.accrue(None)
    assert await watched(stage, TillLimits()) == 0
    assert await owner.fetchval("select position from watch") == 0
    assert await owner.fetchval("select count(*) from tills_watched") == 0


async def test_what_fails_half_way_is_watched_again_as_a_whole(
    till: Desk, support: Desk, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await till.register()
    for _ in range(3):
        await till.accrue(customer)
    with monkeypatch.context() as broken:
        broken.setattr("app.storage.alerts.KEEP_POSITION", "select 1 / 0, $1::bigint")
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the database calls it
            await watched(stage)
    assert await alerts(support) == []
    assert await watched(stage) == 1
    assert [alert["times"] for alert in await alerts(support)] == [1]


async def test_history_is_learned_and_raises_nothing(
    till: Desk, support: Desk, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_tills, "RAISED_FOR", watch_tills.RAISED_FOR * -1)  # All of it is long ago.
    customer = await till.register()
    for _ in range(3):
        await till.accrue(customer)
    assert await watched(stage) == 0
    assert await alerts(support) == []


async def test_what_comes_again_after_it_was_dismissed_is_new(till: Desk, support: Desk, stage: Stage) -> None:
    customer = await till.register()

    async def again(times: int = 3) -> dict[str, Any]:
        for _ in range(times):
            await till.accrue(customer)
        await watched(stage)
        (alert,) = await alerts(support)
        return alert

    path = f"/v1/alerts/{(await again())['id']}"
    assert (await support.good("POST", path, {"state": "dismissed"}))["state"] == "dismissed"
    alert = await again(1)
    assert (alert["state"], alert["times"], alert["decided_by"], alert["decided_at"]) == ("new", 2, None, None)
    for state in ("seen", "confirmed"):
        decided = await support.good("POST", path, {"state": state})
        alert = await again(1)
        assert (alert["state"], alert["times"]) == (state, decided["times"] + 1)
        assert (alert["decided_by"], alert["decided_at"]) == (decided["decided_by"], decided["decided_at"])


async def test_a_human_decides_once(till: Desk, support: Desk, admin: Desk, stage: Stage) -> None:
    customer = await till.register()
    for _ in range(3):
        await till.accrue(customer)
    await watched(stage)
    (alert,) = await alerts(support, state="new", shop="S1")
    path = f"/v1/alerts/{alert['id']}"
    seen = await support.post(path, {"state": "seen"}, key="seen")
    assert (seen.json()["state"], seen.json()["decided_by"] is not None) == ("seen", True)
    assert (await support.post(path, {"state": "seen"}, key="seen")).headers["Idempotent-Replayed"] == "true"
    assert (await admin.good("POST", path, {"state": "confirmed"}))["state"] == "confirmed"
    document = refused(await support.post(path, {"state": "dismissed"}), 409, "alert_decided")
    assert document["state"] == "confirmed"
    assert await alerts(support, state="new") == []
    assert [each["id"] for each in await alerts(support, state="confirmed")] == [alert["id"]]
    refused(await support.post(path, {"state": "new"}), 422, "validation_error")
    refused(await support.post(f"/v1/alerts/{NOBODY}", {"state": "seen"}), 404, "not_found")
    refused(await till.get("/v1/alerts"), 403, "insufficient_scope")
    log = await admin.good("GET", "/v1/audit-log?action=decide_alert")
    assert [(deed["object"], deed["details"]["state"]) for deed in log["items"]][:2] == [
        (f"alerts/{alert['id']}", "confirmed"),
        (f"alerts/{alert['id']}", "seen"),
    ]
