"""The suite's short form: a minute of accidents with a fixed seed. `make chaos` is the long one."""

from tests.chaos.plan import short
from tests.chaos.report import report
from tests.chaos.run import run

SEED = 4


async def test_a_minute_of_accidents_makes_and_loses_nothing() -> None:
    said: list[str] = [f"seed {SEED}"]
    outcome = await run(short(SEED), say=said.append)
    said += report(outcome)
    print("\n".join(said))  # noqa: T201 - shown when it fails, and by -s
    assert outcome.is_clean, "\n".join(said)
    assert outcome.is_measured, "\n".join(said)
