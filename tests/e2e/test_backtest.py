"""A draft tried on past baskets: the figures, in processes beside the service, over HTTP and from the command line."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.kit import Desk, Stage, client_of, line, served_here, small_program

SECONDS_MAX = 40

# 1 point of 1.00 for each 1.00 paid; the draft gives half of it, and 10 % off drinks, at most 15.00 a customer.
DRAFT = small_program(
    rules=[
        {"id": "base", "kind": "bonus", "give": {"per": {"amount": 200, "units": 1}}},
        {
            "id": "drinks",
            "kind": "discount",
            "title": {"en": "Drinks 10 % off"},
            "on": {"category": ["drinks"]},
            "give": {"percent": "10"},
            "limit": {"customer": {"max": 1500}, "budget": 2000},
        },
    ]
)


async def _ended(desk: Desk, backtest: str) -> dict[str, Any]:
    for _ in range(SECONDS_MAX * 5):
        found: dict[str, Any] = await desk.good("GET", f"/v1/program/backtests/{backtest}")
        if found["state"] != "running":
            return found
        await asyncio.sleep(0.2)
    raise AssertionError("the back-test does not end")


@pytest.fixture
async def past(admin: Desk, till: Desk) -> tuple[str, str]:
    """Two customers: one bought drinks for 100.00 twice, the other bread for 50.00."""
    drinker, eater = await admin.register(), await admin.register()
    for _ in range(2):
        bought = await till.accrue(drinker, line(price=10000, category="drinks/coffee"))
        assert bought.status_code == 201
    assert (await till.accrue(eater, line(price=5000, category="bread"))).status_code == 201
    return drinker, eater


async def test_the_report_says_what_the_draft_would_have_cost(admin: Desk, past: tuple[str, str], stage: Stage) -> None:
    await admin.good("PUT", "/v1/program/draft", DRAFT)
    asked = await admin.post("/v1/program/draft/backtest", {})
    assert asked.status_code == 202
    found = await _ended(admin, asked.json()["id"])
    assert (found["state"], found["failure"], found["done"], found["total"]) == ("done", None, 3, 3)
    report = found["report"]
    assert (report["baskets"], report["customers"], report["without_facts"], report["unreadable"]) == (3, 2, 0, 0)
    totals = report["totals"]
    assert totals["gross"] == 25000
    # 10.00 off the first drinks, then only 5.00 of 10.00: 15.00 is the customer's most.
    assert totals["discount"] == {"real": 0, "draft": 1500, "difference": 1500}
    # Really 100 + 100 + 50 points; half a point for each 1.00 of 90.00, 95.00 and 50.00: 45 + 47 + 25.
    points = totals["units"]["points"]
    assert (points["real"], points["draft"], points["value"]["draft"]) == (250, 117, 11700)
    assert totals["cost"]["real"] == 25000
    assert totals["cost"]["draft"] == 1500 + 11700
    rules = {rule["rule"]: rule for rule in report["rules"]}
    assert rules["drinks"]["draft"] == {"baskets": 2, "given": 1500, "cost": 1500}
    assert rules["drinks"]["title"] == {"en": "Drinks 10 % off"}
    assert report["limits"] == [
        {"rule": "drinks", "limited_by": "customer", "baskets": 1, "wanted": 1000, "given": 500}
    ]
    budget = next(each for each in report["budgets"] if each["name"] == "rule/drinks/budget")
    assert (budget["max"], budget["would_use"], budget["used_up_on"]) == (2000, 1500, None)
    assert report["customers_change"]["losers"] == {"customers": 2, "amount": 25000 - 13200}
    assert report["customers_change"]["winners"] == {"customers": 0, "amount": 0}
    # The drinker's first basket: 100.00 in points before, 10.00 + 45.00 after.
    assert {change["difference"] for change in report["changes"]} == {-4500, -4800, -2500}
    assert report["speed"]["baskets_per_second"] > 0


async def test_the_report_is_a_page_too(admin: Desk, past: tuple[str, str]) -> None:
    await admin.good("PUT", "/v1/program/draft", DRAFT)
    asked = await admin.good("POST", "/v1/program/draft/backtest", {"last": 2})
    assert (await _ended(admin, asked["id"]))["report"]["baskets"] == 2
    page = await admin.get(f"/v1/program/backtests/{asked['id']}/report")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Drinks 10 % off" in page.text
    assert "<svg" in page.text


async def test_a_day_before_the_first_purchase_has_none(admin: Desk, past: tuple[str, str]) -> None:
    await admin.good("PUT", "/v1/program/draft", DRAFT)
    period = {"from": "2020-01-01T00:00:00Z", "until": "2020-02-01T00:00:00Z"}
    asked = await admin.good("POST", "/v1/program/draft/backtest", period)
    found = await _ended(admin, asked["id"])
    assert (found["state"], found["report"]["baskets"]) == ("done", 0)
    assert (await admin.get(f"/v1/program/backtests/{asked['id']}/report")).status_code == 200


async def test_a_back_test_can_be_stopped(admin: Desk, past: tuple[str, str], owner: asyncpg.Connection) -> None:
    running = "00000000-0000-7000-8000-000000000002"  # A row that nobody works on: what a fast process would spoil.
    await owner.execute(
        "insert into backtests (id, document, draft, asked, created_by) values"
        " ($1, '{}', decode(repeat('00', 32), 'hex'), '{\"from\": null, \"until\": null, \"last\": 1}', 'x')",
        running,
    )
    assert (await admin.good("GET", f"/v1/program/backtests/{running}"))["state"] == "running"
    await admin.good("POST", f"/v1/program/backtests/{running}/cancel")
    found = await admin.good("GET", f"/v1/program/backtests/{running}")
    assert (found["state"], found["report"]) == ("cancelled", None)
    assert found["finished_at"] is not None
    missing = await admin.get("/v1/program/backtests/00000000-0000-7000-8000-000000000000")
    assert missing.status_code == 404


async def test_a_process_that_died_is_seen(admin: Desk, past: tuple[str, str], owner: asyncpg.Connection) -> None:
    await admin.good("PUT", "/v1/program/draft", DRAFT)
    await owner.execute(
        "insert into backtests (id, document, draft, asked, created_by, beat_at) values"
        " ('00000000-0000-7000-8000-000000000001', '{}', decode(repeat('00', 32), 'hex'),"
        " '{\"from\": null, \"until\": null, \"last\": null}', 'x', clock_timestamp() - interval '1 minute')"
    )
    found = await admin.good("GET", "/v1/program/backtests/00000000-0000-7000-8000-000000000001")
    assert (found["state"], found["report"]) == ("failed", None)
    page = await admin.get("/v1/program/backtests/00000000-0000-7000-8000-000000000001/report")
    assert page.status_code == 404


async def test_only_one_runs_at_a_time(admin: Desk, owner: asyncpg.Connection) -> None:
    await admin.good("PUT", "/v1/program/draft", DRAFT)
    await owner.execute(
        "insert into backtests (id, document, draft, asked, created_by) values"
        " ('00000000-0000-7000-8000-000000000001', '{}', decode(repeat('00', 32), 'hex'), '{}', 'x')"
    )
    refused = await admin.post("/v1/program/draft/backtest", {})
    assert (refused.status_code, refused.json()["code"]) == (503, "busy")


async def test_the_same_key_is_answered_the_same_while_one_runs(admin: Desk, owner: asyncpg.Connection) -> None:
    await admin.good("PUT", "/v1/program/draft", DRAFT)
    asked = await admin.post("/v1/program/draft/backtest", {}, key="once")
    await _ended(admin, asked.json()["id"])
    await owner.execute("update backtests set state = 'running', finished_at = null, beat_at = clock_timestamp()")
    again = await admin.post("/v1/program/draft/backtest", {}, key="once")
    assert (again.status_code, again.json()) == (202, asked.json())


async def test_publishing_can_need_a_fresh_back_test(stage: Stage) -> None:
    async with served_here(stage, publish_backtest_hours=24) as edge, client_of(edge) as http:
        admin = Desk(http, await stage.key("admin"))
        await admin.good("PUT", "/v1/program/draft", DRAFT)
        refused = await admin.post("/v1/program/publish")
        assert (refused.status_code, refused.json()["code"]) == (409, "backtest_required")
        asked = await admin.good("POST", "/v1/program/draft/backtest", {})
        assert (await _ended(admin, asked["id"]))["state"] == "done"
        assert (await admin.post("/v1/program/publish")).status_code == 200
        # Another draft has not been tried.
        await admin.good("PUT", "/v1/program/draft", {**DRAFT, "currency": "EUR"})
        assert (await admin.post("/v1/program/publish")).json()["code"] == "backtest_required"


async def test_there_must_be_a_draft(stage: Stage) -> None:
    async with served_here(stage) as edge, client_of(edge) as http:
        admin = Desk(http, await stage.key("admin"))
        assert (await admin.post("/v1/program/draft/backtest", {})).status_code == 404


@pytest.mark.parametrize("body", [{"last": 0}, {"last": "all"}, {"from": "yesterday"}, {"days": 3}])
async def test_what_is_asked_for_is_checked(admin: Desk, body: dict[str, Any]) -> None:
    assert (await admin.post("/v1/program/draft/backtest", body)).status_code == 422


async def test_the_command_line_tries_a_file(past: tuple[str, str], stage: Stage, tmp_path: Path) -> None:
    """With two workers: what each decides adds up."""
    draft, page = tmp_path / "draft.json", tmp_path / "report.html"
    draft.write_text(json.dumps(DRAFT))
    command = [sys.executable, "-m", "app", "backtest", str(draft), "--workers", "2", "--html", str(page)]
    environment = {**os.environ, "DATABASE_URL": stage.database_url, "DATA_DIR": str(stage.data_dir)}
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["baskets"], report["totals"]["cost"]["draft"], report["speed"]["workers"]) == (3, 13200, 2)
    assert page.read_bytes().startswith(b"<!doctype html>")


async def test_a_bad_file_is_one_line(stage: Stage, tmp_path: Path) -> None:
    draft = tmp_path / "draft.json"
    draft.write_text("{}")
    command = [sys.executable, "-m", "app", "backtest", str(draft)]
    environment = {**os.environ, "DATABASE_URL": stage.database_url, "DATA_DIR": str(stage.data_dir)}
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "mistakes in the program" in done.stderr
