alter table customers
    -- How many holds are open; whoever reads the customer's lots reads these too.
    add column holds integer not null default 0 check (holds >= 0),
    -- Since when the books don't add up: nothing may be redeemed until they do.
    add column frozen_at timestamptz
--;
-- Units of the lot that open holds have set aside; `remaining` doesn't include them.
alter table lots add column held bigint not null default 0 check (held >= 0)
--;
-- What paid a purchase that was captured: [[wallet, lot, units], …] in the order taken. Null: its own entries tell.
alter table purchases add column spent jsonb
--;
create table holds (
    -- The posting that placed it; for a held basket the purchase's id too.
    id uuid not null,
    customer_id uuid not null,
    kind text not null check (kind in ('purchase', 'redeem')),
    shop text not null,
    terminal text not null,
    program integer not null,
    at timestamptz not null,
    expires_at timestamptz not null,
    state text not null default 'held' check (state in ('held', 'captured', 'released', 'expired')),
    resolved_tx uuid,
    -- What was set aside, in the order taken: [[wallet, lot, units], …].
    units jsonb not null,
    -- Of a held basket, as in purchases: what a release gives back.
    lines jsonb not null default '[]',
    uses jsonb,
    draws jsonb,
    -- Of a held basket: the decision that a capture carries out, and what its answer is made of. Nothing once it is resolved.
    decision bytea,
    answer bytea not null,
    basket bytea,
    verdicts bytea,
    primary key (id, customer_id),
    check ((state = 'held') = (resolved_tx is null))
) with (fillfactor = 70)
--;
create index holds_due on holds (expires_at) where state = 'held'
--;
create index holds_open on holds (customer_id) where state = 'held'
--;
create or replace view audit_hold as
select
    h.id::text as hold_id, nullif(h.customer_id, '00000000-0000-0000-0000-000000000000')::text as customer_id,
    u.wallet, coalesce(u.amount, 0) as amount, h.state, h.expires_at, h.id::text as tx_id, h.resolved_tx::text as resolved_tx
from holds h
left join lateral (
    select each.value ->> 0 as wallet, sum((each.value ->> 2)::bigint)::bigint as amount
    from jsonb_array_elements(h.units) each group by 1
) u on true
