"""A stop while a process starts: SIGTERM and SIGINT end it cleanly before whatever it becomes looks after them."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

NUMBERS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stopped_by_signal() -> Iterator[Callable[[], None]]:
    """SIGTERM and SIGINT end the start with exit code 0; after the yielded call they are left to whoever serves.

    A second signal never interrupts the clean-up that the first has begun.
    """

    def ignore(_: int, __: FrameType | None) -> None:
        """Not SIG_IGN, which the programs that are started would inherit."""

    def gently() -> None:
        for number in NUMBERS:
            signal.signal(number, ignore)

    def stop(_: int, __: FrameType | None) -> None:
        gently()
        raise SystemExit(0)

    before = {number: signal.signal(number, stop) for number in NUMBERS}
    try:
        yield gently
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
