-- What a posting has left of the customer's tier, for balances of the past: [[tier, until], …], each until the next begins, the last for ever.
-- A row only where that has changed.
create table tier_changes (
    customer_id uuid not null references customers (id),
    version bigint not null,
    tx_id uuid not null,
    since timestamptz not null,
    path jsonb not null,
    primary key (customer_id, version)
)
