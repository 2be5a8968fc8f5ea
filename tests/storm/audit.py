"""What must hold of the ledger whenever nothing is under way, by the audit views alone. A failure names each broken
rule with its rows.
"""

from collections.abc import Iterable

import asyncpg

ROWS_SHOWN = 5

# Each finds what breaks the rule; none may find a row.
_RULES = {
    "the entries of a transaction sum to 0 in each wallet": """
        select tx_id, wallet, sum(amount) from audit_entry group by 1, 2 having sum(amount) <> 0""",
    "a customer's versions are 1..n without a gap": """
        select customer_id, count(*), min(version), max(version) from audit_tx where customer_id is not null
        group by 1 having count(*) <> max(version) or min(version) <> 1 or count(distinct version) <> count(*)""",
    "a balance has the version of its customer's last transaction": """
        select b.customer_id, b.version, t.version from audit_balance b
        full join (
            select customer_id, max(version) as version from audit_tx where customer_id is not null group by 1
        ) t using (customer_id)
        where b.version is distinct from t.version and coalesce(b.version, t.version) > 0
            and exists (select from audit_entry e where e.customer_id = coalesce(b.customer_id, t.customer_id))""",
    "balances equal their entries": """
        select customer_id, wallet, b.available, b.pending, b.held, e.available, e.pending, e.held
        from audit_balance b full join (
            select customer_id, wallet,
                coalesce(sum(amount) filter (where account = 'customer:available'), 0) as available,
                coalesce(sum(amount) filter (where account = 'customer:pending'), 0) as pending,
                coalesce(sum(amount) filter (where account = 'customer:held'), 0) as held
            from audit_entry where customer_id is not null and account like 'customer:%' group by 1, 2
        ) e using (customer_id, wallet)
        where coalesce(b.available, 0) <> coalesce(e.available, 0) or coalesce(b.pending, 0) <> coalesce(e.pending, 0)
            or coalesce(b.held, 0) <> coalesce(e.held, 0)""",
    "what lots hold is what balances say": """
        select customer_id, wallet, b.available, b.pending, l.remaining
        from audit_balance b full join (
            select customer_id, wallet, sum(remaining) as remaining from audit_lot group by 1, 2
        ) l using (customer_id, wallet)
        where greatest(coalesce(b.available, 0), 0) + coalesce(b.pending, 0) <> coalesce(l.remaining, 0)""",
    "no balance is ever below its floor, but for the debt of a return or of a till without connection": """
        select * from (
            select t.customer_id, wallet, version, kind, key, balance,
                lag(balance, 1, 0) over (partition by customer_id, wallet order by version) as before
            from (
                select e.customer_id, e.wallet, t.version, t.kind, coalesce(t.idempotency_key, '') as key,
                    sum(sum(e.amount)) over (partition by e.customer_id, e.wallet order by t.version) as balance
                from audit_entry e join audit_tx t using (tx_id)
                where e.account = 'customer:available' group by 1, 2, 3, 4, 5
            ) t
        ) moved
        where balance < 0 and balance < before and kind <> 'return'
            and not (kind = 'purchase' and key ^@ 'offline №')""",
    "a receipt stands for one transaction": """
        select shop, terminal, receipt, count(*) from audit_tx where receipt is not null
        group by 1, 2, 3 having count(*) > 1""",
    "a key stands for one transaction": """
        select shop, terminal, idempotency_key, count(*) from audit_tx where idempotency_key is not null
        group by 1, 2, 3 having count(*) > 1""",
    "each transaction has an event": """
        select t.tx_id from audit_tx t left join audit_event e using (tx_id) group by 1 having count(e.event_id) = 0""",
    "no more comes back than was bought": """
        select purchase_id, line_id from audit_purchase_line
        where qty_returned > qty or taken_back > accrued or given_back > redeemed""",
    "no two rounds ever waited for each other in a circle": """
        select datname, deadlocks from pg_stat_database where datname = current_database() and deadlocks > 0""",
}

_MISSING = "select t from unnest($1::text[]) t where not exists (select from audit_tx where tx_id = t)"


async def audit(owner: asyncpg.Connection, *, acknowledged: Iterable[str] = ()) -> None:
    """Fails with every rule that is broken; `acknowledged` are the transactions that somebody was told of."""
    broken = []
    for rule, query in _RULES.items():
        if rows := await owner.fetch(query):
            broken.append(f"{rule}: {[tuple(row) for row in rows[:ROWS_SHOWN]]}")
    if rows := await owner.fetch(_MISSING, list(acknowledged)):
        broken.append(
            f"each answered transaction exists: {len(rows)} are missing, {[row['t'] for row in rows[:ROWS_SHOWN]]}"
        )
    assert not broken, "\n".join(broken)


IDLE_IN_TRANSACTION = """
select pid, state, left(query, 80) from pg_stat_activity
where datname = current_database() and state like 'idle in transaction%'
    and state_change < clock_timestamp() - interval '1 second'
"""


async def idle_in_transaction(owner: asyncpg.Connection) -> list[tuple[object, ...]]:
    """Sessions that hold a transaction open, and perhaps locks, for more than a second while doing nothing."""
    return [tuple(row) for row in await owner.fetch(IDLE_IN_TRANSACTION)]
