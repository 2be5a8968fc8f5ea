"""Only our own server serves the application: another one, which has none of its limits and checks, doesn't start."""

import os
import subprocess
import sys

import httpx
import pytest

from app.main import ONLY_SERVE, app
from tests.kit import free_port


@pytest.mark.parametrize(
    ("words", "said"),
    [(["app.main:app"], ONLY_SERVE), (["app.main:create_app", "--factory"], "settings")],
    ids=["application", "factory"],
)
def test_another_server_does_not_start_and_says_why(words: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uvicorn", *words, "--port", str(free_port())],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert said in done.stderr


async def test_nor_does_one_without_a_start_answer_anything() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://kopilka") as http:
        with pytest.raises(RuntimeError, match="python -m app serve"):
            await http.get("/health/live")
