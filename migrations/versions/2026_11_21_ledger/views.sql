-- Stable and read-only; names and types change only with a new major version. Ids are text, as in the API.
create view audit_tx as
select
    tx_id::text as tx_id, kind, idempotency_key, shop, terminal, receipt,
    nullif(customer_id, '00000000-0000-0000-0000-000000000000')::text as customer_id,
    version, parent_tx::text as parent_tx, program, at, created_at, hash
from txs
--;
create view audit_entry as
select
    tx_id::text || '-' || lpad(seq::text, 6, '0') as entry_id, tx_id::text as tx_id, account,
    nullif(customer_id, '00000000-0000-0000-0000-000000000000')::text as customer_id,
    wallet, amount, lot_id::text as lot_id, rule
from entries
--;
create view audit_balance as
select
    c.id::text as customer_id, w.key as wallet,
    (w.value ->> 'available')::bigint as available, (w.value ->> 'pending')::bigint as pending, (w.value ->> 'held')::bigint as held,
    c.version
from customers c cross join lateral jsonb_each(c.balances) w
--;
create view audit_lot as
select customer_id::text as customer_id, wallet, lot_id::text as lot_id, tx_id::text as tx_id, remaining, active_at, expires_at
from lots
--;
-- Holds come with a later migration; the columns are here so that whoever reads them need not change.
create view audit_hold as
select
    null::text as hold_id, null::text as customer_id, null::text as wallet, null::bigint as amount, null::text as state,
    null::timestamptz as expires_at, null::text as tx_id, null::text as resolved_tx
where false
--;
create view audit_purchase_line as
select
    p.id::text as purchase_id, l.value ->> 'id' as line_id,
    (l.value ->> 'qty_milli')::numeric / 1000 as qty, (l.value ->> 'returned_milli')::numeric / 1000 as qty_returned,
    w.wallet,
    coalesce((l.value -> 'accrued' ->> w.wallet)::bigint, 0) as accrued,
    coalesce((l.value -> 'taken_back' ->> w.wallet)::bigint, 0) as taken_back,
    coalesce((l.value -> 'redeemed_units' ->> w.wallet)::bigint, 0) as redeemed,
    coalesce((l.value -> 'given_back' ->> w.wallet)::bigint, 0) as given_back
from purchases p
cross join lateral jsonb_array_elements(p.lines) l
left join lateral (
    select jsonb_object_keys(l.value -> 'accrued') as wallet
    union
    select jsonb_object_keys(l.value -> 'redeemed_units')
) w on true
--;
create view audit_event as
select
    tx_id::text || '-' || seq::text as event_id, tx_id::text as tx_id,
    nullif(customer_id, '00000000-0000-0000-0000-000000000000')::text as customer_id, version, published_at
from events
--;
-- The daily account, by the program's local day.
create view audit_day as
with moved as (
    select
        (t.created_at at time zone coalesce((select document::json ->> 'timezone' from programs order by version desc limit 1), 'UTC'))::date as day,
        e.account, e.wallet,
        sum(e.amount) filter (where e.amount > 0) as came, -sum(e.amount) filter (where e.amount < 0) as went
    from entries e join txs t using (customer_id, tx_id)
    group by 1, 2, 3
)
select
    day, account, wallet,
    coalesce(sum(coalesce(came, 0) - coalesce(went, 0)) over before, 0)::bigint as opening,
    coalesce(came, 0)::bigint as "in", coalesce(went, 0)::bigint as "out",
    (sum(coalesce(came, 0) - coalesce(went, 0)) over upto)::bigint as closing
from moved
window
    before as (partition by account, wallet order by day rows between unbounded preceding and 1 preceding),
    upto as (partition by account, wallet order by day rows unbounded preceding)
