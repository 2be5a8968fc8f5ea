"""The ledger as a whole, read once: every transaction of every customer with the balances after it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg

_TXS = """
select a.tx_id, a.customer_id, a.version, a.kind, a.parent_tx, a.idempotency_key,
    extract(epoch from pg_xact_commit_timestamp(t.xmin))::float as committed
from audit_tx a join txs t on t.tx_id = a.tx_id::uuid and t.version = a.version
    and t.customer_id = coalesce(a.customer_id::uuid, '00000000-0000-0000-0000-000000000000')
order by a.customer_id, a.version
"""
_MOVES = """
select e.customer_id, t.version, e.wallet, e.account, sum(e.amount)::bigint as amount
from audit_entry e join audit_tx t using (tx_id)
where e.customer_id is not null and e.account like 'customer:%'
group by 1, 2, 3, 4 order by 1, 2
"""

Purses = Mapping[str, Mapping[str, int]]  # Wallet -> available, pending, held.


@dataclass(frozen=True, slots=True)
class Tx:
    tx_id: str
    customer: str | None
    version: int
    kind: str
    parent: str | None
    key: str | None
    committed: float  # Seconds since 1970.


@dataclass(slots=True)
class Books:
    """txs by id; after: balances by customer and version, in order."""

    txs: dict[str, Tx] = field(default_factory=dict)
    of: dict[str, dict[int, Tx]] = field(default_factory=dict)
    after: dict[str, dict[int, Purses]] = field(default_factory=dict)

    def at(self, customer: str, version: int) -> Purses:
        """The balances after a version; nothing before the first."""
        return self.after.get(customer, {}).get(version, {})


async def read_books(owner: asyncpg.Connection) -> Books:
    books = Books()
    for row in await owner.fetch(_TXS):
        tx = Tx(
            row["tx_id"], row["customer_id"], row["version"], row["kind"], row["parent_tx"], row["idempotency_key"],
            row["committed"],
        )  # fmt: skip
        books.txs[tx.tx_id] = tx
        if tx.customer is not None:
            books.of.setdefault(tx.customer, {})[tx.version] = tx
    moves: dict[tuple[str, int], list[tuple[str, str, int]]] = {}
    for row in await owner.fetch(_MOVES):
        moves.setdefault((row["customer_id"], row["version"]), []).append(
            (row["wallet"], row["account"].removeprefix("customer:"), row["amount"])
        )
    for customer, versions in books.of.items():
        running: dict[str, dict[str, int]] = {}
        after = books.after[customer] = {}
        for version in sorted(versions):
            for wallet, state, amount in moves.get((customer, version), ()):
                purse = running.setdefault(wallet, {"available": 0, "pending": 0, "held": 0})
                purse[state] += amount
            after[version] = {wallet: dict(purse) for wallet, purse in running.items()}
    return books


def told(balances: Purses) -> dict[str, tuple[int, int, int]]:
    """What an answer says of wallets that are not empty, to be compared."""
    return {
        wallet: (purse["available"], purse["pending"], purse["held"])
        for wallet, purse in balances.items()
        if purse["available"] or purse["pending"] or purse["held"]
    }
