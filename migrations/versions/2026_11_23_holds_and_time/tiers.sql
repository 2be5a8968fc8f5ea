-- What a posting has left of the customer's tier, for balances of the past: [[tier, until], …], each from where the one before
-- ends, the last for ever. A row only where that has changed.
create table tier_changes (
    customer_id uuid not null references customers (id),
    version bigint not null,
    path jsonb not null,
    primary key (customer_id, version)
)
