"""How many examples a property test tries, and which.

By default the same ones each time, about a minute for all tests together, so that a run says the same on every machine.
`EXAMPLES` in the environment sets another number for each test and lets chance choose: a hunt.
"""

import os

from hypothesis import HealthCheck, settings

HUNT = int(os.environ.get("EXAMPLES", "0"))


def examples(default: int) -> settings:
    return settings(
        max_examples=HUNT or default,
        derandomize=not HUNT,
        deadline=None,  # Machines differ.
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
