"""One worker of a back-test: a process that reads its part of the customers and decides it again, and tells how far it
is over a pipe of its own.

What it says is a number (purchases done), the sums at the end, or a text: why it failed. It has nothing to clean up
when it is killed, and ends by itself when its parent was: a pipe without a reader can't be written to.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeAlias

import orjson

from app.config import CannotStart
from app.domain.backtest.past import Past, PastRow, read_past
from app.domain.backtest.sums import Sums
from app.domain.backtest.trial import Trial
from app.domain.coupons import Coupon, normal_code
from app.domain.program import Program
from app.domain.programs import ProgramInvalid, read_program
from app.storage.backtests import PastDatabase, Span, open_past

NICENESS = 10  # Tills come first.
Said: TypeAlias = int | Sums | str


@dataclass(frozen=True, slots=True)
class Work:
    """What one worker needs; it crosses to another process."""

    url: str
    document: bytes
    span: Span
    part: int
    parts: int


def read_draft(document: bytes) -> Program:
    """Raises `CannotStart`."""
    try:
        return read_program(orjson.loads(document))
    except ProgramInvalid as invalid:
        raise CannotStart(str(invalid)) from None
    except orjson.JSONDecodeError as error:
        raise CannotStart(f"the draft is no JSON: {error}") from None


def work(task: Work, said: "Connection[Said, None]") -> None:
    """The process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is its parent's, who ends it.
    os.nice(NICENESS)
    try:
        said.send(asyncio.run(_decide_part(task, said.send)))
    except BrokenPipeError:  # The parent was killed, and couldn't end its children: nobody listens any more.
        return
    except Exception as error:  # noqa: BLE001 - told to whoever waits, which a traceback of a child is not
        said.send(f"{type(error).__name__}: {error}")


async def _decide_part(task: Work, say: Callable[[int], None]) -> Sums:
    async with open_past(task.url) as past:
        draft = read_draft(task.document)
        trial = Trial(draft, values=_values(await past.documents()), workers=task.parts)
        # Values have no cycles, so counting references frees them; looking for cycles among them again and again took
        # half of the time. What an exception leaves is young, and found between the batches.
        gc.collect()
        gc.freeze()
        gc.disable()
        async for rows in past.part(task.span, part=task.part, parts=task.parts):
            await _decide(trial, rows, past)
            say(trial.sums.baskets + trial.sums.unreadable)
            gc.collect(0)
        return trial.close()


async def _decide(trial: Trial, rows: Sequence[PastRow], database: PastDatabase) -> None:
    pasts = []
    for row in rows:
        try:
            pasts.append(read_past(row, trial.zone))
        except (ValueError, KeyError, TypeError):
            trial.sums.unreadable += 1
    stored = await _stored_coupons(pasts, database)
    for past in pasts:
        trial.decide(past, _coupons(past, stored) if past.basket.coupons else {})


async def _stored_coupons(pasts: Sequence[Past], database: PastDatabase) -> Mapping[str, Coupon]:
    sent = [code for past in pasts for code in past.basket.coupons]
    # The cursor's transaction is open on this connection; a statement between its fetches is part of it.
    return await database.coupons(sent) if sent else {}


def _coupons(past: Past, stored: Mapping[str, Coupon]) -> dict[str, Coupon]:
    """The stored codes of a basket; what nobody knew that day has been made since."""
    codes = {normal_code(code) for code in past.basket.coupons} - past.unknown_codes
    return {code: stored[code] for code in codes if code in stored}


def _values(documents: Mapping[int, str]) -> dict[int, dict[str, int]]:
    """What a unit of each wallet buys, by version; a version that this release can't read has no values."""
    values = {}
    for version, document in documents.items():
        wallets = orjson.loads(document).get("wallets", {})
        values[version] = {wallet: terms.get("value", 1) for wallet, terms in wallets.items()}
    return values
