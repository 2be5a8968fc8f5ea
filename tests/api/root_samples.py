"""A day's root and a proof under it, as tests of the edge use them: a tree of two heads, and real hashes."""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from app.domain.ledger.merkle import Tree
from app.domain.ledger.roots import FIRST, DayRoot, Head, Window, root_of
from app.flows.ledger_roots import Proof
from tests.api import samples

TX = b'{"customer_id":"%b","tx_id":"%b","version":1}' % (str(samples.CUSTOMER).encode(), str(samples.PURCHASE).encode())


def root(day: date) -> DayRoot:
    return root_of(_tree(_head()), _window(day), previous=FIRST)


def proof() -> Proof:
    head, tree = _head(), _tree(_head())
    day = root_of(tree, _window(date(2026, 11, 21)), previous=FIRST)
    return Proof(TX, FIRST, head.hash, (), head, index=tree.index or 0, path=tree.path(), root=day)


def _window(day: date) -> Window:
    begins_at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Window(day, begins_at, begins_at + timedelta(days=1), "UTC")


def _head() -> Head:
    return Head(UUID(str(samples.CUSTOMER)), UUID(str(samples.PURCHASE)), 1, sha256(FIRST + TX).digest())


def _tree(head: Head) -> Tree:
    tree = Tree()
    tree.add(b"another head")
    tree.add(head.leaf(), is_target=True)
    return tree
