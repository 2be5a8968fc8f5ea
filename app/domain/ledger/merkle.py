"""The tree that folds many leaves into one hash, as RFC 6962, section 2.1, has it: anybody's library can check a path.

A leaf is hashed after a byte 0x00, two subtrees after 0x01, so that neither can be passed off as the other. The left
subtree is the largest full one; a tree of no leaves is the hash of nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

EMPTY = sha256().digest()


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class _Peak(NamedTuple):
    """A full subtree of 2^height leaves."""

    height: int
    hash: bytes
    is_above_target: bool


@dataclass(slots=True)
class Tree:
    """Leaves are added one by one; memory holds one hash for each bit of their number."""

    size: int = 0
    index: int | None = None
    """The place of the leaf that a path is wanted of."""
    _peaks: list[_Peak] = field(default_factory=list)
    _path: list[bytes] = field(default_factory=list)

    def add(self, leaf: bytes, *, is_target: bool = False) -> None:
        if is_target:
            if self.index is not None:
                raise ValueError(f"leaf {self.index} is the target already")
            self.index = self.size
        self.size += 1
        peaks = self._peaks
        peak = _Peak(0, leaf_hash(leaf), is_target)
        while peaks and peaks[-1].height == peak.height:
            peak = _join(peaks.pop(), peak, self._path)
        peaks.append(peak)

    def root(self) -> bytes:
        return self._fold([])

    def path(self) -> list[bytes]:
        """The hashes beside the target's way up, from the leaf on. Raises ValueError where no leaf was the target."""
        if self.index is None:
            raise ValueError("no leaf is the target")
        path = list(self._path)
        self._fold(path)
        return path

    def _fold(self, path: list[bytes]) -> bytes:
        """The root; subtrees are joined from the smallest on, and `path` goes on up to it."""
        if not self._peaks:
            return EMPTY
        *rest, right = self._peaks
        for left in reversed(rest):
            right = _join(left, right, path)
        return right.hash


def _join(left: _Peak, right: _Peak, path: list[bytes]) -> _Peak:
    if left.is_above_target:
        path.append(right.hash)
    elif right.is_above_target:
        path.append(left.hash)
    is_above = left.is_above_target or right.is_above_target
    return _Peak(left.height + 1, node_hash(left.hash, right.hash), is_above)


def root_by_path(leaf: bytes, *, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and its path lead to (RFC 9162, section 2.1.3.2); None where the path is no path of such a
    leaf: too long, too short, or of a place outside the tree.
    """
    if not 0 <= index < size:
        return None
    place, last, found = index, size - 1, leaf_hash(leaf)
    for beside in path:
        if last == 0:
            return None
        if place % 2 or place == last:
            found = node_hash(beside, found)
            while not place % 2 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, beside)
        place, last = place >> 1, last >> 1
    return found if last == 0 else None
