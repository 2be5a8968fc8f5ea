"""A rush of registrations: each needs one connection of the pool, never a second one while it holds the first."""

import asyncio
import time

from app.flows.publish_program import CONFIRM_SECONDS
from app.storage.engine import CONNECT_SECONDS, POOL_MAX
from tests.kit import Desk


async def test_more_registrations_at_once_than_connections_wait_for_nothing_but_each_other(till: Desk) -> None:
    await asyncio.sleep(CONFIRM_SECONDS + 0.1)  # By now the newest program has to be asked for again.
    started = time.monotonic()
    answers = await asyncio.gather(
        *(till.post("/v1/customers", {"card": f"RUSH{place}"}) for place in range(3 * POOL_MAX))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert time.monotonic() - started < CONNECT_SECONDS
