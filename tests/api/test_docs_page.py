"""`/docs` and what it loads: everything from here, nothing inline that is script."""

import re

import httpx
import pytest

from app.api.docs_page import PAGE_PATHS, POLICY


async def test_the_page_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-security-policy"] == POLICY
    assert "://" not in page.text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {path for path in loaded if not path.startswith("data:")} == {*PAGE_PATHS} - {"/docs"}
    assert not re.search(r"<script(?![^>]*\ssrc=)", page.text)


@pytest.mark.parametrize("path", PAGE_PATHS)
async def test_what_the_page_loads_is_here(path: str, client: httpx.AsyncClient) -> None:
    client.headers.pop("Authorization")
    answer = await client.get(path)
    assert answer.status_code == 200
    kind = {"css": "text/css", "js": "text/javascript"}.get(path.rpartition(".")[2], "text/html")
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.content) > 200


def test_the_policy_lets_no_other_origin_in() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert not re.search(r"https?:|\*", POLICY)
