"""`proof FILE`: whether a posting is under a root that was kept, from a saved answer of
`GET /v1/customers/{id}/proof/{tx_id}` alone.

Nothing but Python's standard library, and nothing of the service: copy this file, read it, and run
`python proof_check.py FILE --root ROOT`. Each step is computed anew; what the file says of a result is compared, never
believed.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

_FILE_MAX = 64 * 1024 * 1024  # 1,000 links of 500 lines are 50 MB.


class ProofRefused(Exception):
    """`str()` is one line that says which step doesn't hold."""


def check_proof(proof: Mapping[str, Any], *, kept: str | None) -> str:
    """What the proof proves, as one line.

    Args:
        kept: the root of the posting's day as it was kept, in hexadecimal digits; None leaves that to the reader.

    Raises:
        ProofRefused
    """
    try:
        tx, root = _check_chain(proof), _check_tree(proof)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ProofRefused(f"this is no proof: {type(error).__name__} {error}".splitlines()[0]) from None
    if kept is not None and kept.strip().lower() != root.hex():
        raise ProofRefused(f"it leads to the root {root.hex()}, which is not the one that was kept")
    told = f"transaction {tx['tx_id']} of customer {tx['customer_id']} is under the root of {proof['date']}"
    finality = "" if proof["is_final"] is True else ", a day that was not closed yet"
    return f"{told}{finality}: {root.hex()}"


def _check_chain(proof: Mapping[str, Any]) -> Mapping[str, Any]:
    """The posting, once its chain has led to the head."""
    forms = [proof["tx"], *proof["links"]]
    chained = _bytes(proof["previous_hash"])
    for place, form in enumerate(forms):
        chained = sha256(chained + form.encode()).digest()
        if place == 0 and chained != _bytes(proof["hash"]):
            raise ProofRefused("the posting's hash is another one")
    first, last, head = json.loads(forms[0]), json.loads(forms[-1]), proof["head"]
    if chained != _bytes(head["hash"]):
        raise ProofRefused("the chain doesn't lead to the head")
    for name in ("tx_id", "customer_id", "version"):
        if last[name] != head[name]:
            raise ProofRefused(f"the head has another {name} than the last posting")
    if first["customer_id"] != head["customer_id"]:
        raise ProofRefused("the posting is of another customer than the head")
    return dict(first)


def _check_tree(proof: Mapping[str, Any]) -> bytes:
    """The root that the head leads to."""
    head = proof["head"]
    leaf = UUID(head["customer_id"]).bytes + UUID(head["tx_id"]).bytes
    leaf += head["version"].to_bytes(8, "big") + _bytes(head["hash"])
    tree = _climb(leaf, index=proof["index"], size=proof["heads"], path=[_bytes(each) for each in proof["path"]])
    if tree is None or tree != _bytes(proof["tree"]):
        raise ProofRefused("the path doesn't lead to the tree")
    day = proof["date"].encode("ascii")
    root = sha256(b"kopilka root\n" + _bytes(proof["previous"]) + day + tree).digest()
    if root != _bytes(proof["root"]):
        raise ProofRefused("the tree doesn't lead to the root")
    return root


def _climb(leaf: bytes, *, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """RFC 6962: a left subtree is the largest full one. The path is taken from its end, from the root down."""
    if not 0 <= index < size:
        return None
    if size == 1:
        return None if path else sha256(b"\x00" + leaf).digest()
    if not path:
        return None
    left = 1 << (size - 1).bit_length() - 1
    if index < left:
        below = _climb(leaf, index=index, size=left, path=path[:-1])
        return None if below is None else sha256(b"\x01" + below + path[-1]).digest()
    below = _climb(leaf, index=index - left, size=size - left, path=path[:-1])
    return None if below is None else sha256(b"\x01" + path[-1] + below).digest()


def _bytes(text: str) -> bytes:
    value = bytes.fromhex(text)
    if len(value) != 32 or len(text) != 64:
        raise ValueError("a hash has 64 hexadecimal digits")
    return value


def check_file(name: str, *, kept: str | None) -> str:
    """As `check_proof`, of a saved answer."""
    try:
        path = Path(name)
        if path.stat().st_size > _FILE_MAX:
            raise ProofRefused(f"{name} is too large for a proof")
        proof = json.loads(path.read_bytes())
    except OSError as error:
        raise ProofRefused(f"{name} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ProofRefused(f"{name} is not JSON") from None
    if not isinstance(proof, dict):
        raise ProofRefused(f"{name} is no proof")
    return check_proof(proof, kept=kept)


def main(arguments: Sequence[str] | None = None) -> int:
    """0: it holds; 1: it doesn't, or can't be read."""
    parser = argparse.ArgumentParser(prog="proof", description="Check that a posting is under a root that was kept.")
    parser.add_argument("file", metavar="FILE", help="a saved answer of GET /v1/customers/{id}/proof/{tx_id}")
    parser.add_argument("--root", help="the root of its day, as it was kept")
    asked = parser.parse_args(arguments)
    try:
        said = check_file(asked.file, kept=asked.root)
    except ProofRefused as error:
        print(f"the proof does not hold: {error}", file=sys.stderr)  # noqa: T201 - a command speaks
        return 1
    print(said)  # noqa: T201 - likewise
    if asked.root is None:
        print("compare this root with the one that was kept", file=sys.stderr)  # noqa: T201 - likewise
    return 0


if __name__ == "__main__":
    sys.exit(main())
