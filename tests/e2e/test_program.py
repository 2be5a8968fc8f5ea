"""The program: drafts, mistakes with their places, versions; what decides a request from when on."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx

from tests.e2e.checks import ago, instant, pointers, refused
from tests.kit import Desk, Stage, line, purchase, small_program


def giving(units: int, **parts: Any) -> dict[str, Any]:
    """A program that gives so many points a purchase."""
    return small_program(rules=[{"id": "base", "kind": "bonus", "give": {"units": units}}], **parts)


async def test_a_draft_is_kept_and_decides_nothing(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    kept = await admin.good("PUT", "/v1/program/draft", giving(5))
    findings = kept.pop("findings")
    assert kept == giving(5)
    assert {finding["severity"] for finding in findings} == {"info"}  # How much it gives at most.
    assert await admin.good("GET", "/v1/program/draft") == giving(5)
    assert await admin.good("POST", "/v1/program/draft/check") == {"findings": findings}
    sold = (await till.accrue(customer)).json()
    assert (sold["program"], sold["totals"]["accrued"]) == (1, {"points": 100})


async def test_what_starts_after_a_publish_is_decided_by_it(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    for version in range(2, 7):
        assert await admin.publish(giving(version)) == version
        body = purchase(customer)
        quoted = await till.good("POST", "/v1/quote", body)
        assert (quoted["program"], quoted["totals"]["accrued"]) == (version, {"points": version})
        sold = await till.good("POST", "/v1/accrue", body)
        assert (sold["program"], sold["totals"]["accrued"]) == (version, {"points": version})


async def test_versions_are_listed_newest_first_and_never_change(admin: Desk) -> None:
    for units in (2, 3):
        await admin.publish(giving(units))
    newest = await admin.good("GET", "/v1/program")
    assert (newest["version"], newest["document"]) == (3, giving(3))
    assert abs(instant(newest["published_at"]) - ago()) < timedelta(seconds=10)
    first = await admin.good("GET", "/v1/program/versions?limit=2")
    assert [item["version"] for item in first["items"]] == [3, 2]
    rest = await admin.good("GET", f"/v1/program/versions?limit=2&cursor={first['next']}")
    assert ([item["version"] for item in rest["items"]], rest["next"]) == ([1], None)


async def test_going_back_publishes_an_earlier_version_under_a_new_number(till: Desk, admin: Desk) -> None:
    customer = await till.register()
    await admin.publish(giving(7))
    assert await admin.good("POST", "/v1/program/versions/1/republish") == {"version": 3}
    sold = (await till.accrue(customer)).json()
    assert (sold["program"], sold["totals"]["accrued"]) == (3, {"points": 100})
    assert await admin.good("GET", "/v1/program/draft") == giving(7)
    for version in ("9", "0", "-1", "x", "9" * 30):
        refused(await admin.post(f"/v1/program/versions/{version}/republish"), 404, "not_found")


async def test_nothing_is_published_without_a_draft(http: httpx.AsyncClient, stage: Stage) -> None:
    marketer = Desk(http, await stage.key("marketer"))
    for path in ("/v1/program", "/v1/program/draft"):
        refused(await marketer.get(path), 404, "not_found")
    for path in ("/v1/program/publish", "/v1/program/draft/check", "/v1/program/versions/1/republish"):
        refused(await marketer.post(path), 404, "not_found")
    assert await marketer.good("GET", "/v1/program/versions") == {"items": [], "next": None}
    assert await marketer.publish(giving(1)) == 1


async def test_a_draft_with_mistakes_is_refused_with_a_pointer_to_each(admin: Desk) -> None:
    document = {
        "currency": "RUB",
        "timezone": "Mars/Olympus",
        "wallets": {"points": {"value": -1, "expires": 3}},
        "redemption": {"max_share": 0.3, "wallets": ["stars"]},
        "lanes": [{"id": "a", "combine": "sometimes"}],
        "tiers": [{"id": "gold", "from": 10}, {"id": "gold", "from": 5}],
        "rules": [
            {"id": "r1", "kind": "discount", "lane": "b", "give": {"percent": "110"}},
            {"id": "r1", "kind": "bonus", "give": {"percent": "5", "units": 3}},
            {"id": "r3", "kind": "bonus", "when": {"tier": ["platinum"]}, "give": {}},
            {"id": "r4", "kind": "bonus", "when": {"weekday": [8], "hours": []}, "give": {"units": 1.5}},
        ],
    }
    problem = refused(await admin.call("PUT", "/v1/program/draft", document), 422, "program_invalid")
    assert pointers(problem) >= {
        "/timezone",
        "/wallets/points/value",
        "/wallets/points/expires",
        "/redemption/max_share",
        "/redemption/wallets/0",
        "/lanes/0/combine",
        "/rules/0/lane",
        "/rules/0/give/percent",
        "/rules/1/give",
        "/rules/1/id",
        "/rules/2/when/tier/0",
        "/rules/2/give",
        "/rules/3/when",
        "/rules/3/give/units",
    }
    assert all(fault.keys() == {"pointer", "code", "message"} for fault in problem["errors"])
    assert await admin.good("GET", "/v1/program/draft") == small_program()  # Nothing is kept of it.


async def test_a_doubtful_draft_is_kept_and_its_doubts_are_told(admin: Desk) -> None:
    rule = {"id": "r", "kind": "bonus", "when": {"segment": ["sleeping"]}, "give": {"units": 1}}
    gift = {
        "id": "g",
        "kind": "reward",
        "when": {"all": [{"weekday": 1}, {"weekday": 2}]},
        "give": {"coupon": "pool-1"},
    }
    document = small_program(rules=[rule, gift])

    kept = await admin.good("PUT", "/v1/program/draft", document)
    doubts = [(each["severity"], each["pointer"], each["code"]) for each in kept["findings"]]
    assert doubts[:3] == [
        ("error", "/rules/0/when/segment/0", "unknown_segment"),
        ("error", "/rules/1/give/coupon", "unknown_pool"),
        ("error", "/rules/1/when", "never_true"),
    ]
    assert all(each["message"].endswith(".") for each in kept["findings"])
    assert await admin.good("POST", "/v1/program/draft/check") == {"findings": kept["findings"]}

    await admin.good("POST", "/v1/segments", {"id": "sleeping"})
    left = (await admin.good("POST", "/v1/program/draft/check"))["findings"]
    assert "unknown_segment" not in {each["code"] for each in left}
    assert await admin.good("POST", "/v1/program/publish") == {"version": 2}


async def test_the_schema_is_there_for_who_may_read_programs(till: Desk, stage: Stage) -> None:
    for role in ("marketer", "analyst"):
        response = await Desk(till.http, await stage.key(role)).get("/v1/program/schema")
        assert (response.status_code, response.headers["content-type"]) == (200, "application/schema+json")
        assert response.json()["required"] == ["currency", "timezone", "wallets", "rules"]
    refused(await till.get("/v1/program/schema"), 403, "insufficient_scope")


async def test_only_marketers_write_and_analysts_read(till: Desk, stage: Stage) -> None:
    marketer = Desk(till.http, await stage.key("marketer"))
    analyst = Desk(till.http, await stage.key("analyst"))
    assert await marketer.publish(giving(2)) == 2
    for path in ("/v1/program", "/v1/program/draft", "/v1/program/versions"):
        assert (await analyst.get(path)).status_code == 200
        refused(await till.get(path), 403, "insufficient_scope")
    for desk in (till, analyst, Desk(till.http, await stage.key("support"))):
        refused(await desk.call("PUT", "/v1/program/draft", giving(9)), 403, "insufficient_scope")
        refused(await desk.post("/v1/program/publish"), 403, "insufficient_scope")
        refused(await desk.post("/v1/program/versions/1/republish"), 403, "insufficient_scope")


async def test_a_repeated_publish_is_published_once(till: Desk, admin: Desk) -> None:
    await admin.good("PUT", "/v1/program/draft", giving(3))
    first = await admin.post("/v1/program/publish", key="once")
    again = await admin.post("/v1/program/publish", key="once")
    assert (first.content, again.headers["Idempotent-Replayed"]) == (again.content, "true")
    assert len((await admin.good("GET", "/v1/program/versions"))["items"]) == 2


async def test_programs_published_at_once_have_a_version_each(admin: Desk) -> None:
    answers = await asyncio.gather(*(admin.good("POST", "/v1/program/publish") for _ in range(6)))
    assert sorted(answer["version"] for answer in answers) == [2, 3, 4, 5, 6, 7]


async def test_a_program_that_gives_nothing_may_be_published(till: Desk, admin: Desk) -> None:
    """Without a wallet to redeem from and without rules a basket costs what it costs."""
    await admin.publish(small_program(rules=[], redemption={"wallets": []}))
    sold = (await till.accrue(await till.register(), line(price=777, qty="1.5"))).json()
    assert (sold["totals"]["gross"], sold["totals"]["paid"]) == (1166, 1166)  # 1,165.5, half-up.
    assert (sold["totals"]["accrued"], sold["effects"], sold["redeem"]) == ({"points": 0}, [], {"wallets": {}})
