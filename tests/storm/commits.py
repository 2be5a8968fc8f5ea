"""Which chunk between service and database asks for a commit, and which one answers it.

A transaction says COMMIT. A round that locks nothing is one statement that commits by itself: it is known by the number
of its parameters and by its first one, customers as no other statement has them, and its answer by its one row, which
says that all was as it was read.
"""

import re

from app.storage.round_writes import WRITE
from tests.storm.proxy import Mark, Side

_PARAMETERS = max(int(number) for number in re.findall(r"\$(\d+)", WRITE))
# Of the message Bind: the formats of so many parameters, all binary, their number, and the first one's beginning: an
# array (its size; one dimension, no nulls, a type, so many from 1) that is empty, or whose first has a size and as many
# columns as a book.
_COLUMNS = 14
_WRITE = re.compile(
    re.escape(b"\x00\x01" * _PARAMETERS + _PARAMETERS.to_bytes(2, "big"))
    + rb".{4}\x00\x00\x00\x01\x00\x00\x00\x00.{4}"
    + rb"(?:\x00\x00\x00\x00|.{4}\x00\x00\x00\x01.{4}" + re.escape(_COLUMNS.to_bytes(4, "big")) + rb")",
    re.DOTALL,
)  # fmt: skip
# Of the answer: a row of two columns, the one true and the other null; one row was asked for.
_WRITTEN = re.compile(re.escape(b"\x00\x02\x00\x00\x00\x01\x01\xff\xff\xff\xffs\x00\x00\x00\x04"))
_COMMIT, _COMMITTED = b"COMMIT;", b"COMMIT\x00"


def commit() -> Mark:
    """The chunk that asks for a commit; the write of a transaction isn't one."""
    return _Commits(asked=True)


def committed() -> Mark:
    """The chunk that answers it."""
    return _Commits(asked=False)


class _Commits:
    def __init__(self, *, asked: bool) -> None:
        self._asked = asked
        self._is_begun = False

    def __call__(self, side: Side, data: bytes) -> bool:
        if side is Side.OUT and b"BEGIN;" in data:
            self._is_begun = True
        whole, alone = (_COMMIT, _WRITE) if self._asked else (_COMMITTED, _WRITTEN)
        is_mine = side is (Side.OUT if self._asked else Side.BACK)
        is_marked = is_mine and (whole in data or (not self._is_begun and alone.search(data) is not None))
        if (is_mine and whole in data) or b"ROLLBACK" in data:
            self._is_begun = False
        return is_marked
