"""Rows that stand alone: entries, purchases, holds, events, claims, keys without what they belong to.

Each check is one statement over whole tables. It gives customer, transaction, expected and found, as text, and only for
rows that are wrong: of a clean ledger it says nothing.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.identifiers import NOBODY
from app.domain.ledger.audit import Check, Finding
from app.storage.audit import Snapshot

ANSWERS_KEPT = timedelta(days=30)  # The contract's promise; what a later release drops is older.
_PREFETCH = 500
_NOBODY = str(NOBODY)

_ENTRY_WITHOUT_TX = """
select e.customer_id::text, e.tx_id::text, 'a transaction of this customer', count(*) || ' entries'
from entries e
where not exists (select from txs t where t.customer_id = e.customer_id and t.tx_id = e.tx_id)
group by e.customer_id, e.tx_id
"""
_TX_REPEATED = """
select null, tx_id::text, 'one transaction', count(*)::text from txs group by tx_id having count(*) > 1
"""
_TX_PARENT = """
select t.customer_id::text, t.tx_id::text,
    case t.kind when 'return' then 'an earlier purchase of this customer' else 'an earlier hold of this customer' end,
    coalesce(t.parent_tx::text, 'none')
from txs t left join txs p on p.tx_id = t.parent_tx and p.customer_id = t.customer_id
    and p.kind in ('purchase', 'hold')
where t.kind in ('return', 'capture', 'release') and (
    p.tx_id is null or (p.version >= t.version and t.version > 0) or (p.kind = 'purchase' and t.kind <> 'return')
    or (p.kind = 'hold' and t.kind = 'return' and not exists (
        select from purchases u where u.id = p.tx_id and u.customer_id = p.customer_id)))
union all
select t.customer_id::text, t.tx_id::text, 'no parent', t.parent_tx::text
from txs t
where t.parent_tx is not null and t.kind in ('purchase', 'redeem', 'activate', 'expire', 'adjust', 'event', 'hold')
"""
_TX_WITHOUT_EVENT = """
select t.customer_id::text, t.tx_id::text, 'an event of version ' || t.version, 'none'
from txs t
where not exists (
    select from events e where e.tx_id = t.tx_id and e.customer_id = t.customer_id and e.version = t.version)
"""
_EVENT_WITHOUT_TX = """
select e.customer_id::text, e.tx_id::text, 'a transaction of version ' || e.version, 'none'
from events e
where not exists (
    select from txs t where t.tx_id = e.tx_id and t.customer_id = e.customer_id and t.version = e.version)
"""
_TX_CLAIMS = """
select t.customer_id::text, t.tx_id::text,
    (t.idempotency_key is not null)::int || ' keys, ' || (t.receipt is not null)::int || ' receipts',
    coalesce(c.keys, 0) || ' keys, ' || coalesce(c.receipts, 0) || ' receipts'
from txs t left join (
    select answer_id, count(*) filter (where kind = 'k') as keys, count(*) filter (where kind = 'r') as receipts
    from claims group by answer_id
) c on c.answer_id = t.tx_id
where coalesce(c.keys, 0) <> (t.idempotency_key is not null)::int
    or coalesce(c.receipts, 0) <> (t.receipt is not null)::int
"""
# What older keys were answered may be gone; a receipt's transaction is there for ever. A call of many receipts (`c`)
# has its key before its answer, and none where it died and nobody has repeated it.
_CLAIM_WITHOUT_ANSWER = """
select null, c.answer_id::text, 'an answer to the key ' || c.digest, 'none'
from claims c
where c.kind = 'k' and c.answer_id >= $1
    and not exists (select from answers a where a.id = c.answer_id)
    and not exists (select from purchases p where p.id = c.answer_id)
    and not exists (select from holds h where h.id = c.answer_id)
union all
select null, c.answer_id::text, 'a transaction with the receipt ' || c.digest, 'none'
from claims c
where c.kind in ('r', 'f') and not exists (select from txs t where t.tx_id = c.answer_id)
"""
_PURCHASE_WITHOUT_TX = """
select p.customer_id::text, p.id::text, 'a transaction of kind purchase', 'none'
from purchases p
where not exists (select from txs t where t.tx_id = p.id and t.customer_id = p.customer_id and t.kind = 'purchase')
    and not exists (
        select from txs t where t.parent_tx = p.id and t.customer_id = p.customer_id and t.kind = 'capture')
"""
_HOLD_WITHOUT_TX = """
select h.customer_id::text, h.id::text, 'a transaction of kind hold', 'none'
from holds h
where not exists (select from txs t where t.tx_id = h.id and t.customer_id = h.customer_id and t.kind = 'hold')
"""
# Of customers the postings tell; nobody's aren't remembered so long.
_HOLD_RESOLVED = """
select h.customer_id::text, h.id::text, 'a posting that ended it', h.resolved_tx::text
from holds h
where h.customer_id = '00000000-0000-0000-0000-000000000000' and h.resolved_tx is not null and not exists (
    select from txs t
    where t.tx_id = h.resolved_tx and t.customer_id = h.customer_id and t.parent_tx = h.id
        and t.kind in ('capture', 'release'))
"""
_TIER_WITHOUT_TX = """
select c.customer_id::text, null, 'a transaction of version ' || c.version, 'none'
from tier_changes c
where not exists (select from txs t where t.customer_id = c.customer_id and t.version = c.version)
"""
_ACT_WITHOUT_TX = """
select a.customer_id::text, a.tx_id::text, 'a transaction of kind event', 'none'
from acts a
where not exists (select from txs t where t.tx_id = a.tx_id and t.customer_id = a.customer_id and t.kind = 'event')
"""
_PURCHASE_RETURNED = """
select p.customer_id::text, p.id::text,
    case when r.parent_tx is null then 'no line returned' else 'a line returned' end,
    case when r.parent_tx is null then 'a line returned' else 'none' end
from purchases p left join (select distinct customer_id, parent_tx from txs where kind = 'return') r
    on r.parent_tx = p.id and r.customer_id = p.customer_id
where jsonb_path_exists(p.lines, '$[*].returned_milli ? (@ > 0)') <> (r.parent_tx is not null)
"""
# Whoever may insert may make a key; whoever makes one by a command or call is told of in the log, at once or when they
# repeat what was cut off. Keys from before there was a log are let be.
_KEY_UNNOTED = """
select null, 'keys/' || k.id, 'a row of the audit log: who made it', 'none'
from keys k
where k.revoked_at is null and k.created_at >= (select min(at) from audit_log)
    and k.created_at < clock_timestamp() - interval '1 hour' and not exists (
        select from audit_log a
        where a.action in ('create_key', 'rotate_key') and a.outcome = 'done'
            and coalesce(a.details ->> 'id', substr(a.object, 6)) = k.id)
"""
# Likewise; who was made by a command that was cut off is reset, which is told of. A provider's people have no password,
# and at each sign-in the provider's role, whichever stands here.
_PERSON_UNNOTED = """
select null, 'people/' || p.id, 'a row of the audit log: who made it', 'none'
from people p
where p.login is not null and p.disabled_at is null and p.created_at < clock_timestamp() - interval '1 hour'
    and not exists (
        select from audit_log a
        where a.action in ('create_person', 'reset_person') and a.outcome = 'done' and a.object = 'people/' || p.id)
"""
STATEMENTS: Mapping[Check, str] = {
    Check.ENTRY_WITHOUT_TX: _ENTRY_WITHOUT_TX,
    Check.TX_REPEATED: _TX_REPEATED,
    Check.TX_PARENT: _TX_PARENT,
    Check.TX_WITHOUT_EVENT: _TX_WITHOUT_EVENT,
    Check.EVENT_WITHOUT_TX: _EVENT_WITHOUT_TX,
    Check.TX_CLAIMS: _TX_CLAIMS,
    Check.CLAIM_WITHOUT_ANSWER: _CLAIM_WITHOUT_ANSWER,
    Check.PURCHASE_WITHOUT_TX: _PURCHASE_WITHOUT_TX,
    Check.PURCHASE_RETURNED: _PURCHASE_RETURNED,
    Check.ACT_WITHOUT_TX: _ACT_WITHOUT_TX,
    Check.HOLD_WITHOUT_TX: _HOLD_WITHOUT_TX,
    Check.HOLD_RESOLVED: _HOLD_RESOLVED,
    Check.TIER_WITHOUT_TX: _TIER_WITHOUT_TX,
    Check.KEY_UNNOTED: _KEY_UNNOTED,
    Check.PERSON_UNNOTED: _PERSON_UNNOTED,
}


async def find_strays(snapshot: Snapshot) -> AsyncIterator[Finding]:
    """One statement after another; each is streamed, since all of a table may be wrong."""
    for check, statement in STATEMENTS.items():
        arguments = [_id_of(snapshot.now - ANSWERS_KEPT)] if check is Check.CLAIM_WITHOUT_ANSWER else []
        async for row in snapshot.strays.cursor(statement, *arguments, prefetch=_PREFETCH):
            customer, tx, expected, found = row
            yield Finding(check, None if customer == _NOBODY else customer, tx, expected=expected, found=found)


def _id_of(moment: datetime) -> UUID:
    """The least id made at that moment or later: ids begin with their milliseconds."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
