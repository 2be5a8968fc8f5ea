"""Bugs about what time brings."""

from app.flows import post_round, read_customer, return_lines
from tests.chaos.plants import plant


@plant(
    "expiry-by-the-job-only",
    faults=["jobs killed", "service killed", "jobs killed"],
    caught_by=["time needs no job", "holds end once"],
    commands=["serve"],
)
def expiry_by_the_job_only() -> None:
    """Lots become active and expire, and holds end, when the job comes by; nobody else looks at the time.

    With the job alive it is right again within seconds, which is why the suite also looks while every job is dead.
    """
    for module in (post_round, read_customer, return_lines):
        setattr(module, "bring_up_to_date", lambda *_: [])  # noqa: B010 - mypy knows another function there
