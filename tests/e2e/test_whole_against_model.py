"""The whole service against the independent model where everything runs out: limits, caps, pools, stocks, codes; draws
with the service's own secrets; returns that give back, sets that convert, tiers that fall. Through HTTP and the
database, one story after another.
"""

from datetime import date

import pytest
from hypothesis import Phase, given, settings

from app.vault import KeyringVault
from app.verification import findings
from tests.e2e.town import START, tell, town_on
from tests.e2e.whole_errands import WholeErrands
from tests.kit import Stage
from tests.model import whole
from tests.model.arithmetic import Json
from tests.model.corners import HOLD_CORNERS
from tests.model.examples import HUNT, examples

STORIES = HUNT or 30
STAGE_MAX = 100  # A story takes a year, and times end with the year 2199.


def drawn(count: int) -> list[tuple[Json, list[Json]]]:
    """So many stories, the same ones each time unless chance is asked for."""
    found: list[tuple[Json, list[Json]]] = []

    @settings(examples(count), max_examples=count, phases=[Phase.generate], database=None)
    @given(whole.stories(start=START, with_holds=True))
    def draw(story: tuple[Json, list[Json]]) -> None:
        found.append(story)

    draw()
    return found


@pytest.mark.parametrize("corner", HOLD_CORNERS)
async def test_holds_in_corners(stage: Stage, corner: str) -> None:
    await play(stage, [HOLD_CORNERS[corner]])


@pytest.mark.parametrize("part", range(-(-STORIES // STAGE_MAX)))
async def test_everything_that_runs_out_and_comes_back(stage: Stage, part: int) -> None:
    await play(stage, drawn(min(STAGE_MAX, STORIES - part * STAGE_MAX)))


async def play(stage: Stage, stories: list[tuple[Json, list[Json]]]) -> None:
    """One after another; each step and the end compared."""
    vault = KeyringVault(stage.keyring())

    def secret_of(day: date) -> bytes:
        return vault.draw_secret(day.isoformat())

    async with town_on(stage) as town:
        for number, (program, operations) in enumerate(stories):
            await town.wait(1)
            errands = WholeErrands(town.office, town.desks, program, operations, number=number, secret_of=secret_of)
            await errands.prepare(town.now)
            await town.office.publish(errands.program)
            try:
                for operation in errands.operations:
                    if operation["days"]:
                        await town.wait(operation["days"])
                    await errands.perform(operation, now=town.now)
            except AssertionError as error:
                tell(error, errands)
                raise
            await town.compare(errands, {})
    assert await findings(stage.database_url) == []
