"""The edge around a service in memory, and a client that speaks to it without a network."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.api.edge import Edge
from app.main import build_app
from tests.api.doubles import MemoryService, opened


@pytest.fixture
async def service() -> MemoryService:
    return MemoryService()


@pytest.fixture
def edge(service: MemoryService) -> Edge:
    edge = build_app(lambda: opened(service), phone_region="RU", public_url="https://kopilka.example")
    edge.open(service)
    return edge


@pytest.fixture
async def client(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    """Sends the till's key and JSON unless told otherwise."""
    transport = httpx.ASGITransport(app=edge)
    headers = {"Authorization": "Bearer till"}
    async with httpx.AsyncClient(transport=transport, base_url="http://kopilka", headers=headers) as client:
        yield client
