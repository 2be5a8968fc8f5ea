"""Progress: a bar where somebody watches, a line every few seconds where the output is a file."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from loadtest.till.tally import Tally

LINE_EVERY_SECONDS = 10.0


class Screen:
    """Shows how far a run is; use as a context."""

    def __init__(self, console: Console, *, steps: int) -> None:
        self._console = console
        self._steps = steps
        self._progress = Progress(
            TextColumn("Sending"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("send", total=steps, counts="")
        self._done = 0
        self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def tell(self, tally: Tally) -> None:
        """One step further."""
        self._done += 1
        self._progress.update(self._task, completed=self._done, counts=_counts(tally))
        if not self._console.is_terminal and time.monotonic() - self._last_line >= LINE_EVERY_SECONDS:
            self._last_line = time.monotonic()
            self._console.print(f"{self._done} of {self._steps}: {_counts(tally)}")

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._progress.console.print(text, markup=False, highlight=False)


def _counts(tally: Tally) -> str:
    accepted = sum(outcomes.accepted for outcomes in tally.outcomes)
    replayed = sum(outcomes.replayed for outcomes in tally.outcomes)
    refused = sum(outcomes.refused.total() for outcomes in tally.outcomes)
    return f"accepted {accepted}, replayed {replayed}, refused {refused}, repeats {tally.repeats}"
