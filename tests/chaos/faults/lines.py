"""Connections that break, swallow, delay; commits and answers that are lost on the way."""

import asyncio
import random
from collections.abc import Callable

from tests.chaos.faults import Scene, fault
from tests.storm.commits import commit, committed
from tests.storm.proxy import Cut, Fate, Fault, Mark, Pass, Proxy, Side, holds, nothing_wrong

CREATED = b"HTTP/1.1 201"
LONG_SECONDS, SHORT_SECONDS = 3.0, 2.0
RESETS, RESET_PAUSE = 4, 0.3


@fault("database black-holed")
async def database_hole(scene: Scene) -> None:
    await _hole(scene, scene.site.database)


@fault("cache black-holed")
async def cache_hole(scene: Scene) -> None:
    await _hole(scene, scene.site.cache)


@fault("clients black-holed")
async def clients_hole(scene: Scene) -> None:
    await _hole(scene, scene.site.front)


@fault("database reset")
async def database_reset(scene: Scene) -> None:
    await _reset(scene, scene.site.database)


@fault("cache reset")
async def cache_reset(scene: Scene) -> None:
    await _reset(scene, scene.site.cache)


@fault("clients reset")
async def clients_reset(scene: Scene) -> None:
    await _reset(scene, scene.site.front)


@fault("cache slow")
async def cache_slow(scene: Scene) -> None:
    await _for_a_while(scene, scene.site.cache, lambda _side, _data: Pass(0.3), seconds=LONG_SECONDS)


@fault("answers lost")
async def answers_lost(scene: Scene) -> None:
    """The write stands, and the till doesn't hear of it, or only half."""
    luck = scene.luck
    for proxy in scene.site.front:
        proxy.fault = sometimes(luck, 0.3, holds(Side.BACK, CREATED), lambda: Cut(luck.choice([0, 1, -1])))
    await asyncio.sleep(SHORT_SECONDS)
    for proxy in scene.site.front:
        proxy.fault = nothing_wrong
    scene.strike.hit = "both instances' tills"


@fault("commits delayed")
async def commits_delayed(scene: Scene) -> None:
    luck = scene.luck
    late = sometimes(luck, 0.5, commit(), lambda: Pass(luck.uniform(0.2, 1.0)))
    await _for_a_while(scene, scene.site.database, late, seconds=LONG_SECONDS)


@fault("commits never arrive")
async def commits_cut(scene: Scene) -> None:
    cut = sometimes(scene.luck, 0.2, commit(), Cut)
    await _for_a_while(scene, scene.site.database, cut, seconds=SHORT_SECONDS)


@fault("commits unanswered")
async def commits_unanswered(scene: Scene) -> None:
    """The commit happened, and the instance never learns it."""
    cut = sometimes(scene.luck, 0.2, committed(), Cut)
    await _for_a_while(scene, scene.site.database, cut, seconds=SHORT_SECONDS)


def sometimes(luck: random.Random, share: float, mark: Mark, fate: Callable[[], Fate]) -> Fault:
    """That fate for a share of the chunks with the mark."""

    def choose(moving: Side, data: bytes) -> Fate:
        if mark(moving, data) and luck.random() < share:
            return fate()
        return Pass()

    return choose


async def _hole(scene: Scene, proxies: list[Proxy]) -> None:
    place = scene.one()
    proxies[place].is_black_hole = True
    await asyncio.sleep(LONG_SECONDS)
    proxies[place].is_black_hole = False
    proxies[place].cut_all()  # Those of that time would stay silent for ever.
    scene.strike.hit = scene.site.services[place].name


async def _reset(scene: Scene, proxies: list[Proxy]) -> None:
    place = scene.one()
    for _ in range(RESETS):
        proxies[place].cut_all()
        await asyncio.sleep(RESET_PAUSE)
    scene.strike.hit = scene.site.services[place].name


async def _for_a_while(scene: Scene, proxies: list[Proxy], fault_: Fault, *, seconds: float) -> None:
    place = scene.one()
    proxies[place].fault = fault_
    await asyncio.sleep(seconds)
    proxies[place].fault = nothing_wrong
    scene.strike.hit = scene.site.services[place].name
