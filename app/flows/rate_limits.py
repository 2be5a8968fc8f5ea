"""Requests a key may send in a second, by its role.

Counted in the process: a dictionary's look-up a request, and no limit of it is a defence of value. What follows: a key
whose connections reach several processes has the rate in each of them.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping

from app.domain.abuse.rates import Rate
from app.domain.rejections import Rejected, Rejection
from app.flows.requests import Caller, Role

KEYS_MAX = 10_000  # A chain's tills; the key that was refused or served longest ago is forgotten, its bucket full.


class RateLimits:
    def __init__(self, rates: Mapping[Role, int]) -> None:
        """rates: requests a second; a role with 0, or left out, has no limit."""
        self._rates = {role: Rate(most) for role, most in rates.items() if most}
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def check(self, caller: Caller) -> None:
        """Raises `Rejected(RATE_LIMITED)`."""
        rate = self._rates.get(caller.role)
        if rate is None:
            return
        self._full_at[caller.key_id], wait = rate.take(self._full_at.get(caller.key_id, 0.0), time.monotonic())
        self._full_at.move_to_end(caller.key_id)
        if len(self._full_at) > KEYS_MAX:
            self._full_at.popitem(last=False)
        if wait > 0:
            raise Rejected(
                Rejection.RATE_LIMITED,
                "This key sends too many requests.",
                facts={"retry_after_ms": max(1, int(wait * 1_000))},
            )
