create table customers (
    id uuid primary key,
    version bigint not null default 0 check (version >= 0),
    revision bigint not null default 0,
    balances jsonb not null default '{}',
    tier text,
    paid bigint not null default 0,
    purchases bigint not null default 0 check (purchases >= 0),
    units bigint not null default 0,
    last_purchase_at timestamptz,
    due_at timestamptz,
    head bytea not null default decode(repeat('00', 32), 'hex') check (octet_length(head) = 32),
    updated_at timestamptz not null default clock_timestamp(),
    is_blocked boolean not null default false,
    registered_at timestamptz not null default clock_timestamp(),
    -- The last guard of balances: available not below its floor (0, or a debt that a return has made), nothing negative aside.
    constraint balances_above_floor check (
        not jsonb_path_exists(balances, '$.* ? (@.available < @.floor || @.floor > 0 || @.pending < 0 || @.held < 0)')
    )
) with (fillfactor = 70)
--;
create index customers_due on customers (due_at) where due_at is not null
--;
comment on table customers is 'One row a customer: the whole state a purchase locks, reads and writes. No personal data.'
--;
create table profiles (
    customer_id uuid primary key references customers (id),
    wrapped_key bytea,
    sealed bytea,
    tags text[] not null default '{}',
    referrer uuid
)
--;
comment on table profiles is 'Personal data, sealed with a key of the customer''s own that the master key wraps; erasing is destroying that key.'
--;
create table identifiers (
    digest bytea primary key check (octet_length(digest) = 32),
    kind text not null check (kind in ('phone', 'card', 'external_id')),
    customer_id uuid not null references customers (id),
    is_blocked boolean not null default false
)
--;
create index identifiers_customer on identifiers (customer_id)
--;
comment on table identifiers is 'Keyed hashes of phones, cards and external ids; the values themselves are sealed in the profile.'
--;
create table programs (
    version integer primary key check (version > 0),
    document text not null,
    published_at timestamptz not null default clock_timestamp(),
    published_by text not null
)
--;
create table drafts (
    id integer primary key default 1 check (id = 1),
    document text not null,
    updated_at timestamptz not null default clock_timestamp(),
    updated_by text not null
)
--;
create table keys (
    id text primary key,
    digest bytea not null unique check (octet_length(digest) = 32),
    role text not null check (role in ('pos', 'shop', 'marketer', 'analyst', 'support', 'admin', 'ops')),
    shops text[] not null default '{}',
    terminal text not null default '',
    created_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz,
    last_used_at timestamptz
)
--;
-- What is unique for ever: idempotency keys, receipts, fiscal documents. The digest is the first half of a SHA-256 over kind and value.
create table claims (
    digest uuid primary key,
    kind "char" not null check (kind in ('k', 'r', 'f')),
    fingerprint uuid,
    answer_id uuid not null
) partition by hash (digest)
--;
create table claims_0 partition of claims for values with (modulus 4, remainder 0)
--;
create table claims_1 partition of claims for values with (modulus 4, remainder 1)
--;
create table claims_2 partition of claims for values with (modulus 4, remainder 2)
--;
create table claims_3 partition of claims for values with (modulus 4, remainder 3)
--;
create table txs (
    customer_id uuid not null,
    version bigint not null,
    tx_id uuid not null,
    kind text not null check (
        kind in ('purchase', 'redeem', 'hold', 'capture', 'release', 'return', 'expire', 'activate', 'adjust', 'convert', 'merge', 'event', 'transfer')
    ),
    idempotency_key text,
    shop text,
    terminal text,
    receipt text,
    parent_tx uuid,
    program integer,
    at timestamptz not null,
    created_at timestamptz not null,
    hash bytea not null check (octet_length(hash) = 32),
    reason text,
    primary key (customer_id, version, tx_id),
    check ((version = 0) = (customer_id = '00000000-0000-0000-0000-000000000000'))
) partition by range (tx_id)
--;
create table entries (
    customer_id uuid not null,
    tx_id uuid not null,
    seq integer not null check (seq > 0),
    account text not null,
    wallet text not null,
    amount bigint not null check (amount <> 0),
    lot_id uuid,
    rule text,
    primary key (customer_id, tx_id, seq)
) partition by range (tx_id)
--;
create table lots (
    customer_id uuid not null references customers (id),
    lot_id uuid not null,
    wallet text not null,
    tx_id uuid not null,
    remaining bigint not null check (remaining >= 0),
    active_at timestamptz not null,
    expires_at timestamptz,
    is_pending boolean not null,
    primary key (customer_id, lot_id)
) with (fillfactor = 80)
--;
create table purchases (
    id uuid not null,
    customer_id uuid not null,
    shop text not null,
    terminal text not null,
    program integer not null,
    at timestamptz not null,
    -- The very bytes that were answered; what was asked, for back-tests; why each rule did or did not apply.
    answer bytea not null,
    basket bytea not null,
    verdicts bytea not null,
    -- What returns need and change: [{id, qty_milli, paid, accrued, redeemed_units, returned_milli, refunded, taken_back, given_back}].
    lines jsonb not null,
    is_all_back boolean not null default false,
    primary key (id, customer_id)
) partition by range (id)
--;
create table answers (
    id uuid not null,
    status smallint not null,
    body bytea not null,
    primary key (id)
) partition by range (id)
--;
create table events (
    tx_id uuid not null,
    seq smallint not null default 1,
    customer_id uuid not null,
    version bigint not null,
    kind text not null,
    published_at timestamptz,
    primary key (tx_id, seq)
) partition by range (tx_id)
