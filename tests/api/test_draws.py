"""The calls about draws, before any flow: days that are none, terms that can't be, and the snippets for customers."""

import hashlib
import hmac
from typing import Any

import httpx
import pytest

from app.api.draws import CHECK as CHECK_TICKET
from app.api.prize_draws import CHECK as CHECK_PRIZES
from tests.api import draw_samples
from tests.api.doubles import MemoryService
from tests.api.draw_samples import PURCHASE

SECRET = bytes(range(32))
PRIZE_DRAW = draw_samples.terms()


async def post(client: httpx.AsyncClient, path: str, body: Any) -> httpx.Response:
    headers = {"Authorization": "Bearer admin", "Idempotency-Key": "k"}
    return await client.post(path, json=body, headers=headers)


async def test_a_day_is_shown_to_anybody(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/draws/2026-11-21", headers={"Authorization": ""})
    answer = response.json()
    assert response.status_code == 200
    assert answer.pop("algorithm").startswith("The commitment is SHA-256")
    assert answer == {"date": "2026-11-21", "commitment": "c0" * 32, "secret": "5e" * 32}


@pytest.mark.parametrize(
    "text", ["today", "2026-11-31", "2026-1-1", "20261121", "2026-W47-6", "0000-01-01", "2026-11-21T00:00", "%00", "-"]
)
async def test_what_is_no_day_is_not_there(client: httpx.AsyncClient, service: MemoryService, text: str) -> None:
    response = await client.get(f"/v1/draws/{text}")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert service.asked == []


async def test_a_prize_draw_is_shown_to_anybody(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/v1/prize-draws/new-year", headers={"Authorization": ""})).json()
    assert answer["prizes"] == [
        {"id": "tv", "count": 1, "gift": "TV-55", "title": {}},
        {"id": "mug", "count": 2, "gift": None, "title": {"en": "A mug"}},
    ]
    assert answer["winners"] == [{"prize": "tv", "place": 1, "purchase": PURCHASE}]
    entrants = (await client.get("/v1/prize-draws/new-year/entrants?limit=1", headers={"Authorization": ""})).json()
    assert entrants == {"items": [PURCHASE], "next": "cursor"}


@pytest.mark.parametrize("draw_id", ["%00", "a%20b", "-", "x" * 65, "%D1%8F"])
async def test_what_is_no_prize_draw_is_not_there(
    client: httpx.AsyncClient, service: MemoryService, draw_id: str
) -> None:
    for path in (f"/v1/prize-draws/{draw_id}", f"/v1/prize-draws/{draw_id}/entrants"):
        response = await client.get(path)
        assert (response.status_code, response.json()["code"]) == (404, "not_found"), path
    assert service.asked == []


async def test_a_prize_draw_is_announced(client: httpx.AsyncClient) -> None:
    response = await post(client, "/v1/prize-draws", PRIZE_DRAW)
    assert (response.status_code, response.json()["id"]) == (201, "new-year")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"until": PRIZE_DRAW["from"]}, "/until"),
        ({"id": "new year"}, "/id"),
        ({"id": ""}, "/id"),
        ({"title": {"english": "x"}}, "/title/english"),
        ({"title": {"en": ""}}, "/title/en"),
        ({"shops": []}, "/shops"),
        ({"min_paid": -1}, "/min_paid"),
        ({"one_prize_a_customer": 1}, "/one_prize_a_customer"),
        ({"prizes": []}, "/prizes"),
        ({"prizes": [{"id": "tv"}]}, "/prizes/0"),
        ({"prizes": [{"id": "tv", "gift": "TV", "title": {"en": "A TV"}}]}, "/prizes/0"),
        ({"prizes": [{"id": "tv", "title": {}}]}, "/prizes/0"),
        ({"prizes": [{"id": "tv", "gift": "TV", "count": 0}]}, "/prizes/0/count"),
        ({"prizes": [{"id": "tv", "gift": "TV"}, {"id": "tv", "gift": "TV"}]}, "/prizes/1/id"),
        ({"prizes": [{"id": "a", "gift": "A", "count": 9999}, {"id": "b", "gift": "B", "count": 2}]}, "/prizes"),
        ({"winners": []}, "/winners"),
    ],
    ids=str,
)
async def test_a_mistake_in_the_terms_is_pointed_at(
    client: httpx.AsyncClient, service: MemoryService, change: dict[str, Any], pointer: str
) -> None:
    response = await post(client, "/v1/prize-draws", {**PRIZE_DRAW, **change})
    assert response.status_code == 422, response.text
    assert pointer in [error["pointer"] for error in response.json()["errors"]]
    assert service.asked == []


def test_the_snippet_for_tickets_runs_as_it_stands() -> None:
    day = {"secret": SECRET.hex(), "commitment": hashlib.sha256(SECRET).hexdigest()}
    names: dict[str, Any] = {"day": day, "rule": "lucky", "shop": "S1", "terminal": "T1", "number": "000123"}
    exec(CHECK_TICKET, names)  # noqa: S102 - our own documentation
    mac = hmac.digest(SECRET, b"lucky\nS1\nT1\n000123", "sha256").hex()
    assert (names["ticket"], names["choice"]) == (mac[:16], mac[16:32])


def test_the_snippet_for_prize_draws_runs_as_it_stands() -> None:
    entrants = ["a", "b", "c"]
    listed = hashlib.sha256(b"a\nb\nc").hexdigest()
    draw = {"secret": SECRET.hex(), "commitment": hashlib.sha256(SECRET).hexdigest(), "list_hash": listed}
    names: dict[str, Any] = {"draw": draw, "entrants": entrants}
    exec(CHECK_PRIZES, names)  # noqa: S102 - our own documentation
    assert names["ranked"] == sorted(
        entrants, key=lambda each: hmac.digest(SECRET, f"{listed}\n{each}".encode(), "sha256")
    )
