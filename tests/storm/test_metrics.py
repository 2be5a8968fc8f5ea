"""The figures of several workers add up to what was sent."""

import asyncio
import re
from collections import Counter

from tests.storm.stands import Ground, Till, fresh, redemption, sale, tills

CLIENTS = 12
SECONDS_MAX = 5.0  # An answer is counted just after it has left.

_SAMPLE = re.compile(r"^(?P<name>kopilka_\w+)(?P<labels>\{[^}]*\})? (?P<value>[0-9.e+]+)$", re.MULTILINE)


async def test_what_workers_count_adds_up_to_what_was_sent(arena: Ground) -> None:
    bearers = [await arena.key(f"M{place}") for place in range(CLIENTS)]
    customers = [await arena.customer(points=100) for _ in range(CLIENTS)]
    with tills(arena.service.url, bearers) as crowd:
        before = await _figures(crowd[0])
        accrued = await asyncio.gather(*map(_do, [arena] * CLIENTS, crowd, customers))
        expected = {
            'kopilka_requests_total{method="POST",route="/v1/accrue",status="201"}': 10 * CLIENTS,
            'kopilka_requests_total{method="POST",route="/v1/redeem",status="201"}': CLIENTS,
            'kopilka_requests_total{method="POST",route="/v1/redeem",status="409"}': 3 * CLIENTS,
            'kopilka_requests_total{method="POST",route="/v1/quote",status="422"}': CLIENTS,
            'kopilka_request_seconds_count{method="POST",route="/v1/accrue"}': 10 * CLIENTS,
            'kopilka_refusals_total{code="insufficient_points"}': 3 * CLIENTS,
            'kopilka_refusals_total{code="validation_error"}': CLIENTS,
            'kopilka_points_issued_total{wallet="points"}': sum(accrued),
            'kopilka_points_redeemed_total{wallet="points"}': 10 * CLIENTS,
            "kopilka_round_size_sum": 14 * CLIENTS,  # A repeated request passes through a round too.
        }
        now = before
        for _ in range(int(SECONDS_MAX / 0.1)):
            now = await _figures(crowd[0])
            if all(now[name] - before[name] == figure for name, figure in expected.items()):
                break
            await asyncio.sleep(0.1)
        assert {name: now[name] - before[name] for name in expected} == expected
        assert now["kopilka_requests_in_flight"] == 1, "the one that asks"
    await arena.audit()


async def _do(arena: Ground, till: Till, customer: str) -> int:
    """One till's requests; how many points they brought."""
    replies = [await till.post("/v1/accrue", sale(customer)) for _ in range(8)]
    key, body = fresh("same"), sale(customer)
    replies += [await till.post("/v1/accrue", body, key=key) for _ in range(2)]
    replies.append(await till.post("/v1/redeem", redemption(customer, 10)))
    key, body = fresh("much"), redemption(customer, 1_000_000)
    refused = [await till.post("/v1/redeem", body, key=key) for _ in range(3)]
    bad = await till.call("POST", "/v1/quote", {"basket": {"lines": [], "unknown": 1}})
    assert {reply.status for reply in replies} == {201}
    assert {reply.status for reply in refused} == {409}
    assert bad.status == 422
    arena.note(replies)
    new = {reply.json()["tx_id"]: reply.json() for reply in replies if "totals" in reply.json()}
    return sum(answer["totals"]["accrued"]["points"] for answer in new.values())


async def _figures(till: Till) -> Counter[str]:
    reply = await till.call("GET", "/metrics")
    return Counter(
        {f"{m['name']}{m['labels'] or ''}": float(m["value"]) for m in _SAMPLE.finditer(reply.body.decode())}
    )
