-- The program's counters: budgets, uses, stocks, bags. Locked once a round, with what the whole round uses.
create table counters (
    name text primary key,
    period text not null default '',
    used bigint not null default 0 check (used >= 0)
) with (fillfactor = 50)
--;
create table coupon_pools (
    id text primary key,
    uses_max bigint check (uses_max > 0),
    per_customer bigint check (per_customer > 0),
    starts_at timestamptz,
    ends_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null
)
--;
comment on table coupon_pools is 'Bounds of the codes that are made for a pool; a code keeps those it was made with.'
--;
create table coupons (
    code text primary key,
    pool text references coupon_pools (id),
    customer_id uuid references customers (id),
    uses bigint not null default 0 check (uses >= 0),
    uses_max bigint,
    per_customer bigint,
    starts_at timestamptz,
    ends_at timestamptz,
    is_blocked boolean not null default false,
    -- Whether a reward or a prize has given it to the customer.
    is_given boolean not null default false,
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null,
    -- The last guard of a code's uses.
    constraint coupon_within_uses check (uses_max is null or uses <= uses_max)
) with (fillfactor = 80)
--;
create index coupons_pool on coupons (pool, code)
--;
-- Codes that a reward may still give out.
create index coupons_free on coupons (pool, code) where customer_id is null and uses = 0 and not is_blocked
--;
create table segments (
    id text primary key,
    title text,
    created_at timestamptz not null default clock_timestamp()
)
--;
-- A gift card is a customer without a person: its balance is a wallet, its lots and its chain are like everybody's.
create table gift_cards (
    customer_id uuid primary key references customers (id),
    wallet text not null,
    -- Units that activation puts on it; null: the till says how many.
    units bigint check (units > 0),
    expire_after_days integer check (expire_after_days > 0),
    state text not null default 'made' check (state in ('made', 'active', 'blocked')),
    batch text,
    made_at timestamptz not null default clock_timestamp(),
    made_by text not null,
    activated_at timestamptz,
    expires_at timestamptz,
    blocked_at timestamptz
)
--;
-- Other acts than purchases that were rewarded; the posting and the answer stand with the others.
create table acts (
    tx_id uuid primary key,
    customer_id uuid not null references customers (id),
    type text not null,
    at timestamptz not null,
    data jsonb not null default '{}',
    verdicts bytea not null,
    -- What it took of counters, as in purchases; nothing gives it back.
    uses jsonb
)
--;
-- The day's commitment as it was when the day's first ticket was drawn: another secret for the same day is refused.
create table draw_days (
    day date primary key,
    commitment text not null check (commitment ~ '^[0-9a-f]{64}$'),
    created_at timestamptz not null default clock_timestamp()
)
--;
create table prize_draws (
    id text primary key,
    title jsonb not null default '{}',
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    -- Who enters, and what is drawn: {"shops", "min_paid", "one_prize_a_customer", "prizes": [{"id", "count", …}]}.
    terms jsonb not null,
    commitment text not null check (commitment ~ '^[0-9a-f]{64}$'),
    state text not null default 'announced' check (state in ('announced', 'frozen', 'drawn')),
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null,
    frozen_at timestamptz,
    entrants integer,
    list_hash text,
    drawn_at timestamptz,
    secret text,
    winners jsonb,
    check (state = 'announced' or (entrants is not null and list_hash is not null)),
    check ((state = 'drawn') = (secret is not null and winners is not null))
)
--;
create table prize_draw_entries (
    draw_id text not null references prize_draws (id),
    place integer not null check (place > 0),
    purchase_id uuid not null,
    customer_id uuid not null,
    primary key (draw_id, place),
    unique (draw_id, purchase_id)
)
--;
create trigger prize_draw_entries_append_only before update or delete or truncate on prize_draw_entries
    for each statement execute function refuse_change()
--;
create table backtests (
    id uuid primary key,
    state text not null default 'running' check (state in ('running', 'done', 'cancelled', 'failed')),
    -- The draft that was tried, and its SHA-256.
    document text not null,
    draft bytea not null check (octet_length(draft) = 32),
    asked jsonb not null,
    done bigint not null default 0,
    total bigint,
    report jsonb,
    failure text,
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null,
    beat_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz
)
--;
create index backtests_draft on backtests (draft, finished_at) where state = 'done'
