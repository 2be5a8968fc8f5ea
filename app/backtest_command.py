"""The command `backtest`: a trial with a progress bar, its report as JSON and, if asked for, as a page."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from app.api.backtest_page import page_of
from app.backtest import Asked, backtest, run_asked, workers_here
from app.config import CannotStart
from app.processors import run_anywhere
from app.progress import progress_bar
from app.storage.backtests import open_past


def run_row(url: str, backtest_id: str, *, workers: int | None) -> None:
    """A back-test that was asked for over HTTP. Raises `CannotStart`."""
    run_anywhere()  # The worker that has started it may have to stay on one.
    asyncio.run(run_asked(url, UUID(backtest_id), workers=workers or workers_here()))


def try_draft(
    url: str,
    draft: str | None,
    *,
    start: str | None,
    until: str | None,
    last: int | None,
    workers: int | None,
    html: str | None,
) -> str:
    """The report as JSON text. Raises `CannotStart`."""
    asked = Asked(start=_instant(start, "--from"), end=_instant(until, "--until"), last=last)
    report = asyncio.run(_try(url, draft, asked, workers=workers or workers_here()))
    if html is not None:
        try:
            Path(html).write_bytes(page_of(report))
        except OSError as error:
            raise CannotStart(f"{html} can't be written: {error.strerror}") from None
    return orjson.dumps(report, option=orjson.OPT_INDENT_2).decode()


def _instant(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise CannotStart(f"{option} needs a time with an offset, as 2026-11-01T00:00:00+03:00")
    return instant


async def _try(url: str, draft: str | None, asked: Asked, *, workers: int) -> dict[str, Any]:
    document = await _kept_draft(url) if draft is None else _read(draft)
    with progress_bar("deciding again", is_shown=sys.stderr.isatty()) as bar:
        task = bar.add_task("baskets", total=None)

        async def tell(done: int, total: int | None) -> bool:
            bar.update(task, completed=done, total=total)
            return True

        report = await backtest(url, document, asked, workers=workers, tell=tell)
    if report is None:
        raise CannotStart("the back-test was stopped")
    return report


async def _kept_draft(url: str) -> bytes:
    async with open_past(url) as past:
        draft = await past.draft()
    if draft is None:
        raise CannotStart("there is no draft: name a file")
    return draft.encode()


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CannotStart(f"{path} can't be read: {error.strerror}") from None
