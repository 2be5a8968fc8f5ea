"""Accidents. Each is a coroutine that makes one happen, waits, and puts right again what would not heal by itself.

kills.py: processes that end · freezes.py: processes that stand still · lines.py: connections · cache.py: what Redis
tells · disks.py: no room · clock.py: a wrong time · crowds.py: too many tills, tills that leave · locks.py: a customer
locked by an instance that was cut off
"""

import importlib
import pkgutil
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.chaos.load import Load
from tests.chaos.site import Site


@dataclass(slots=True)
class Strike:
    """One accident: what it hit, when it began and was over; times of the monotonic clock."""

    kind: str
    began: float
    hit: str = ""
    ended: float = 0.0
    is_measured: bool = True  # False: it could not be made to happen here; `hit` says why.
    seconds: dict[str, float] = field(default_factory=dict)  # What was measured, by name.


@dataclass(slots=True)
class Scene:
    """What an accident happens to."""

    site: Site
    load: Load
    luck: random.Random
    strike: Strike

    def one(self) -> int:
        """An instance."""
        return self.luck.randrange(len(self.site.services))

    def not_measured(self, why: str) -> None:
        self.strike.is_measured = False
        self.strike.hit = why


Fault = Callable[[Scene], Awaitable[None]]
_FAULTS: dict[str, Fault] = {}


def fault(kind: str) -> Callable[[Fault], Fault]:
    """Registers an accident under its name in the plan."""

    def register(run: Fault) -> Fault:
        _FAULTS[kind] = run
        return run

    return register


def all_faults() -> dict[str, Fault]:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return _FAULTS


async def strike(kind: str, site: Site, load: Load, luck: random.Random) -> Strike:
    """Makes one happen. Raises `KeyError` for a kind that isn't known."""
    scene = Scene(site, load, luck, Strike(kind, time.monotonic()))
    await all_faults()[kind](scene)
    scene.strike.ended = scene.strike.ended or time.monotonic()
    return scene.strike
