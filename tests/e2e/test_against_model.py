"""The whole service against the independent model: random sequences through HTTP and the database, days passing on a
clock that the test holds; every answer compared, and at the end everything that can be read.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.verification import findings
from tests.e2e.errands import Errands
from tests.e2e.town import Town, balances_of, tell, town_on
from tests.kit import Stage
from tests.model import busy, sequences, strategies
from tests.model.arithmetic import Json
from tests.model.corners import CORNERS
from tests.model.examples import HUNT, examples

SEQUENCES = 12  # That a batch runs side by side under one program.
BATCHES = (HUNT or 480) // SEQUENCES
DAYS = [0, 0, 1, 2, 13, 14, 15, 31]


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences that share a program, the days that pass before each of their steps and after all of them, and a later
    version of the program with the step that it is published before, or none.
    """

    program: Json
    sequences: list[list[Json]]
    days: list[int]
    days_after: int
    later: Json | None = None
    published_before: int = 0


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    if draw(st.integers(0, 2)):
        program = draw(busy.programs())
        later, play = draw(busy.programs(after=program)), busy.operations(program, with_holds=True)
    else:
        program = draw(strategies.programs())
        later, play = (
            draw(strategies.programs(after=program)),
            sequences.operations(program, ops=(*sequences.OPS, *sequences.HOLDS)),
        )
    together = [draw(play) for _ in range(SEQUENCES)]
    steps = max(len(each) for each in together)
    *days, days_after = [draw(st.sampled_from(DAYS)) for _ in range(steps + 1)]
    return Batch(program, together, days, days_after, later=later, published_before=draw(st.integers(0, 2 * steps)))


def drawn(count: int) -> list[Batch]:
    """So many batches, the same ones each time unless chance is asked for."""
    found: list[Batch] = []

    @settings(examples(count), max_examples=count, phases=[Phase.generate], database=None)
    @given(batches())
    def draw(batch: Batch) -> None:
        found.append(batch)

    draw()
    return found


async def play(town: Town, batch: Batch) -> None:
    """All sequences of a batch, step by step side by side; compared at every step, and in full at the end."""
    await town.wait(1)
    await town.office.publish(batch.program)
    errands = [Errands(town.office, town.desks, batch.program, each) for each in batch.sequences]
    await asyncio.gather(*(each.register() for each in errands))
    past: dict[datetime, list[Json]] = {}
    for step, days in enumerate(batch.days):
        if days:
            past[town.now] = [balances_of(each.books, now=town.now) for each in errands]
            await town.wait(days)
        if batch.later is not None and step == batch.published_before:
            await town.office.publish(batch.later)
            for each in errands:
                each.books.publish(batch.later)
        await asyncio.gather(*(take_step(town, each, step) for each in errands if step < len(each.operations)))
    for each in errands:
        await town.compare_balances(each)
    await town.wait(batch.days_after)
    await asyncio.gather(
        *(
            town.compare(each, {then: balances[place] for then, balances in past.items()})
            for place, each in enumerate(errands)
        )
    )


async def take_step(town: Town, errands: Errands, step: int) -> None:
    try:
        await errands.perform(errands.operations[step], now=town.now)
    except AssertionError as error:
        tell(error, errands)
        raise


@pytest.fixture
async def town(stage: Stage) -> AsyncIterator[Town]:
    async with town_on(stage) as town:
        yield town


async def test_hundreds_of_sequences_end_where_the_model_says(town: Town, stage: Stage) -> None:
    for batch in drawn(BATCHES):
        await play(town, batch)
    assert await findings(stage.database_url) == []


async def test_corners_end_where_the_model_says(town: Town, stage: Stage) -> None:
    for program, operations in CORNERS.values():
        days = [operation["days"] for operation in operations]
        for days_after in (0, 14):
            await play(town, Batch(program, [operations], days, days_after))
    assert await findings(stage.database_url) == []
