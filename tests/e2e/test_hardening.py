"""The service as it stands on a network: ports apart, headers on every answer, origins, limits by setting."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.api.docs_page import PAGE_PATHS
from tests.kit import LiveService, Stage, client_of, free_port, live, served_here

ORIGIN = "https://console.example"
INTERNAL = ("/openapi.json", "/metrics", *PAGE_PATHS)
ALWAYS = {"cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}


@pytest.fixture
def internal_port() -> int:
    return free_port()


@pytest.fixture
async def fortress(stage: Stage, internal_port: int) -> AsyncIterator[LiveService]:
    """Two workers with every setting of this kind."""
    async with live(
        stage, workers=2, INTERNAL_PORT=str(internal_port), CORS_ORIGINS=f"{ORIGIN}, https://b.example:8443",
        HSTS_SECONDS="31536000", HEAD_SECONDS_MAX="1", HEAD_BYTES_MAX="2048", HEADERS_MAX="12", CONNECTIONS_MAX="32",
    ) as service:  # fmt: skip
        yield service


async def test_settings_guard_every_worker(fortress: LiveService, internal_port: int) -> None:
    async with (
        httpx.AsyncClient(base_url=fortress.url) as public,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{internal_port}") as internal,
    ):
        await _ports_are_apart(public, internal)
        await _pages_of_listed_origins_may_call(public)
        answers = [await public.get("/health/live"), await public.get("/v1/nothing"), await internal.get("/docs")]
        for answer in answers:
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
            assert answer.headers.items() >= ALWAYS.items()
            assert "server" not in answer.headers
    for _ in range(8):  # Of eight connections each of two workers has some.
        status = await _raw(fortress, b"GET /health/live HTTP/1.1\r\nHost: kopilka\r\nX: " + b"x" * 2_048 + b"\r\n\r\n")
        assert status == 431
        status = await _raw(fortress, b"GET /health/live HTTP/1.1\r\n" + b"X: 1\r\n" * 13 + b"\r\n")
        assert status == 431
    slow = await asyncio.gather(*(_raw(fortress, b"GET /health/live HTTP/1.1\r\nHost: k") for _ in range(8)))
    assert set(slow) == {408}
    await _checks_are_answered_when_all_slots_are_taken(fortress, internal_port)
    assert fortress.stop() == 0


async def _checks_are_answered_when_all_slots_are_taken(fortress: LiveService, internal_port: int) -> None:
    """More strangers than both workers hold; each goes after a second of silence, so they come all at once."""
    port = int(fortress.url.rpartition(":")[2])
    strangers = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(160)))
    for _ in range(6):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{internal_port}") as internal:
            assert (await internal.get("/health/live")).status_code == 200
    turned_away = await asyncio.gather(*(asyncio.wait_for(reader.read(12), 5) for reader, _ in strangers))
    assert turned_away.count(b"HTTP/1.1 503") >= 160 - 2 * 32
    for _, writer in strangers:
        writer.close()


async def _ports_are_apart(public: httpx.AsyncClient, internal: httpx.AsyncClient) -> None:
    for path in INTERNAL:
        assert (await internal.get(path)).status_code == 200, path
        hidden = await public.get(path)
        nothing = await public.get("/v1/nothing")
        assert hidden.status_code == 404, path
        told, same = hidden.json(), nothing.json()
        assert {**told, "request_id": ""} == {**same, "request_id": ""}
        forged = {"Host": str(internal.base_url.netloc, "ascii"), "X-Forwarded-Port": str(internal.base_url.port)}
        assert (await public.get(path, headers=forged)).status_code == 404
    assert (await internal.post("/v1/accrue", json={})).status_code == 404
    assert (await public.post("/v1/accrue", json={})).status_code == 401
    for client in (public, internal):
        assert (await client.get("/health/ready")).status_code == 200


async def _pages_of_listed_origins_may_call(public: httpx.AsyncClient) -> None:
    sent = "authorization,content-digest,content-type,idempotency-key,signature,signature-input,x-deadline-ms"
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": sent}
    allowed = await public.options("/v1/quote", headers={"Origin": ORIGIN, **asks})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert allowed.headers.items() >= ALWAYS.items()
    assert allowed.headers["x-request-id"]
    # A session is no page's but our own: neither its cookie nor its guard may come from elsewhere.
    guarded = {**asks, "Access-Control-Request-Headers": "x-csrf-token"}
    assert (await public.options("/v1/quote", headers={"Origin": ORIGIN, **guarded})).status_code == 400
    read = await public.get("/v1/customers/x", headers={"Origin": ORIGIN})
    assert (read.status_code, read.headers["access-control-allow-origin"]) == (401, ORIGIN)
    strangers = ("https://evil.example", "http://console.example", f"{ORIGIN}.evil.example", f"{ORIGIN}:444", "null")
    for stranger in strangers:
        refused = await public.options("/v1/quote", headers={"Origin": stranger, **asks})
        assert refused.status_code == 400
        read = await public.get("/v1/customers/x", headers={"Origin": stranger})
        for answer in (refused, read):
            assert "access-control-allow-origin" not in answer.headers
    for answer in (allowed, read):
        assert "access-control-allow-credentials" not in answer.headers


async def test_by_default_no_page_may_call_and_all_is_at_one_port(stage: Stage) -> None:
    async with served_here(stage) as edge, client_of(edge) as http:
        asks = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
        for answer in (await http.options("/v1/quote", headers=asks), await http.get("/health/live", headers=asks)):
            assert not any(name.startswith("access-control-") for name in answer.headers)
            assert "strict-transport-security" not in answer.headers
        for path in INTERNAL:
            assert (await http.get(path)).status_code == 200


async def test_no_answer_may_be_framed_kept_or_guessed(stage: Stage) -> None:
    async with served_here(stage) as edge, client_of(edge) as http:
        for path in ("/health/live", "/v1/nothing", "/v1/customers/x", "/metrics", *INTERNAL):
            answer = await http.get(path)
            assert answer.headers.items() >= ALWAYS.items(), path
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        bad = await http.post("/v1/quote", content=b"{", headers={"Content-Type": "application/json"})
        assert bad.headers.items() >= ALWAYS.items()


async def _raw(service: LiveService, sent: bytes) -> int:
    """The status of what is answered to these bytes, on a connection of its own that we leave open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(service.url.rpartition(":")[2]))
    writer.write(sent)
    status = int((await asyncio.wait_for(reader.readline(), 5)).split()[1])
    writer.close()
    return status


def test_no_page_of_ours_loads_from_elsewhere() -> None:
    """Also the pages that are made elsewhere: what is fetched names its address."""
    pages = Path(__file__).parents[2] / "app"
    for page in (*pages.rglob("*.mako"), *pages.rglob("*.html")):
        text = page.read_text()
        assert not [part for part in ("http://", "https://", "<script") if part in text], page
