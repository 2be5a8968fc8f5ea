-- What the running self-audit has found and not yet seen mended.
create table audit_findings (
    id uuid primary key,
    check_name text not null,
    customer_id uuid,
    tx_id text,
    expected text not null,
    found text not null,
    found_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    gone_at timestamptz
)
--;
create index audit_findings_open on audit_findings (customer_id) where gone_at is null
--;
-- How far each of its rounds has come, and what it counted.
create table audit_passes (
    name text primary key,
    cursor uuid,
    began_at timestamptz,
    ended_at timestamptz,
    customers bigint not null default 0,
    txs bigint not null default 0,
    findings bigint not null default 0
)
