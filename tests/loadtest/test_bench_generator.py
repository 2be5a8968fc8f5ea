"""The generator checks what it was told: versions in a row, balances that stand at the last of them."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.generator import GeneratorFailed, Job, Outcome, generate, perform
from loadtest.scenarios import Chain, Customer, Till
from tests.loadtest.tiny_service import tiny_service

CHAIN = Chain(
    tills=(Till(key="key", shop="S1", terminal="T1"),),
    customers=(Customer(id="one", phone="+79000000000", card="290000000000"),),
)


def job(directory: Path, *, port: int, **more: object) -> Job:
    chain = directory / "chain.json"
    CHAIN.write(chain)
    values = {"scenario": "hot", "connections": 3, "seconds": 0.2, "seed": 1, "root": os.getpid(), **more}
    return Job(port=port, chain=str(chain), **values)  # type: ignore[arg-type]


def version(number: int, *, status: bytes = b"201 Created") -> bytes:
    body = b'{"version":%d}' % number
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)


async def told(directory: Path, reply: Callable[[int], bytes], **more: object) -> Outcome:
    async with tiny_service(reply) as service:
        return await perform(job(directory, port=service.port, **more))


async def test_a_gap_between_versions_is_a_wrong_answer(tmp_path: Path) -> None:
    outcome = await told(tmp_path, lambda number: version(number + (number > 5)))
    assert any("versions of" in error for error in outcome.errors)
    assert outcome.right > 10


async def test_a_version_given_twice_is_a_wrong_answer(tmp_path: Path) -> None:
    outcome = await told(tmp_path, lambda number: version(max(2, number)))
    assert any("versions of" in error for error in outcome.errors)


async def test_the_balance_is_asked_for_and_has_to_be_right(tmp_path: Path) -> None:
    """The tiny service answers a balance with 201 and the last version: only the status is wrong."""
    outcome = await told(tmp_path, version)
    assert (outcome.wrong, outcome.statuses) == (1, {"201": outcome.right})
    assert outcome.errors[0].startswith("a balance isn't at its last acknowledged version: 201 where 200 is right")


async def test_who_keeps_no_versions_is_not_asked_for_them(tmp_path: Path) -> None:
    outcome = await told(tmp_path, lambda _: version(1), is_audited=False)
    assert (outcome.wrong, outcome.errors) == (0, ())
    assert outcome.p50_ms is not None
    assert outcome.max_ms is not None
    assert 0 < outcome.p50_ms <= outcome.max_ms < 1000


async def test_warming_up_is_not_counted_and_its_versions_are_checked(tmp_path: Path) -> None:
    whole = await told(tmp_path, lambda number: version(number + (number > 5)), warm_up_seconds=0.2)
    assert any("versions of" in error for error in whole.errors)
    async with tiny_service(version) as service:
        outcome = await perform(job(tmp_path, port=service.port, warm_up_seconds=0.3, rate=300.0))
    assert service.requests > outcome.right > 30
    assert outcome.seconds > 0.1


async def test_history_that_cannot_be_made_stops_the_generator(tmp_path: Path) -> None:
    with pytest.raises(GeneratorFailed, match="to be repeated were not made"):
        await told(tmp_path, lambda _: version(1, status=b"500 Oh"), scenario="replay")


async def test_a_generator_that_cannot_work_says_why(tmp_path: Path) -> None:
    job = Job(
        port=1,
        chain=str(tmp_path / "none.json"),
        scenario="accrue",
        connections=1,
        seconds=0.1,
        seed=1,
        root=os.getpid(),
    )
    with pytest.raises(GeneratorFailed, match=r"none\.json"):
        await asyncio.to_thread(generate, job)
