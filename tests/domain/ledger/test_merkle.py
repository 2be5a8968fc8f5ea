"""The tree against published vectors, against the definition of RFC 6962, and every path of every small tree."""

from hashlib import sha256

import pytest

from app.domain.ledger.audit.roots import DayAudit, HeadRow, RootRow
from app.domain.ledger.merkle import Tree, root_by_path
from app.domain.ledger.roots import Head
from app.proof_check import _climb
from tests.domain.ledger.root_days import BEGINS, DAY, head

SIZES = range(71)

# The reference leaves and roots of Certificate Transparency's own tests.
CT_LEAVES = [
    bytes.fromhex(each)
    for each in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# Likewise: (index, size, path).
CT_PATHS = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]


def grown(leaves: list[bytes], *, target: int | None = None) -> Tree:
    tree = Tree()
    for place, leaf in enumerate(leaves):
        tree.add(leaf, is_target=place == target)
    return tree


def defined_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return sha256(b"\x01" + defined_root(leaves[:left]) + defined_root(leaves[left:])).digest()


def defined_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1, likewise."""
    if len(leaves) == 1:
        return []
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    if index < left:
        return [*defined_path(index, leaves[:left]), defined_root(leaves[left:])]
    return [*defined_path(index - left, leaves[left:]), defined_root(leaves[:left])]


def test_roots_are_the_published_ones() -> None:
    assert [grown(CT_LEAVES[:size]).root().hex() for size in range(9)] == CT_ROOTS


@pytest.mark.parametrize(("index", "size", "path"), CT_PATHS)
def test_paths_are_the_published_ones(index: int, size: int, path: list[str]) -> None:
    assert [each.hex() for each in grown(CT_LEAVES[:size], target=index).path()] == path


@pytest.mark.parametrize("size", SIZES)
def test_every_path_of_a_tree_leads_to_its_root_and_no_other_does(size: int) -> None:
    leaves = [b"leaf %d" % place for place in range(size)]
    root = defined_root(leaves)
    assert grown(leaves).root() == root
    for index, leaf in enumerate(leaves):
        tree = grown(leaves, target=index)
        path = tree.path()
        assert (tree.index, tree.size, tree.root()) == (index, size, root)
        assert path == defined_path(index, leaves)
        for check in (root_by_path, _climb):  # The service's and the one that stands alone.
            assert check(leaf, index=index, size=size, path=path) == root
            assert check(b"another leaf", index=index, size=size, path=path) != root
            assert check(leaf, index=(index + 1) % (size + 1), size=size, path=path) != root
            assert check(leaf, index=index, size=size, path=[*path, root]) is None
            if path:
                assert check(leaf, index=index, size=size, path=path[:-1]) is None
                assert check(leaf, index=index, size=size, path=[*path[:-1], leaf]) != root


def test_nothing_is_at_a_place_outside_the_tree() -> None:
    for check in (root_by_path, _climb):
        for index, size in ((0, 0), (-1, 1), (1, 1), (5, 4)):
            assert check(b"", index=index, size=size, path=[]) is None


def test_memory_grows_with_the_bits_of_the_number_of_leaves() -> None:
    tree = Tree()
    for place in range(10_000):
        tree.add(b"%d" % place, is_target=place == 4_711)
        assert len(tree._peaks) <= tree.size.bit_length()
    assert len(tree.path()) <= 14


def test_a_tree_has_one_target() -> None:
    tree = grown([b"a", b"b"], target=0)
    with pytest.raises(ValueError, match="target already"):
        tree.add(b"c", is_target=True)
    with pytest.raises(ValueError, match="no leaf"):
        grown([b"a"]).path()


@pytest.mark.parametrize("size", SIZES)
def test_the_audit_folds_the_same_tree_by_itself(size: int) -> None:
    heads: list[Head] = [head(place) for place in range(size)]
    audit = DayAudit(RootRow(DAY, BEGINS, BEGINS, size, b"", b"", b""))
    for place, each in enumerate(heads):
        assert not list(audit.stored(HeadRow(*each, place)))
    assert audit.tree() == grown([each.leaf() for each in heads]).root()
