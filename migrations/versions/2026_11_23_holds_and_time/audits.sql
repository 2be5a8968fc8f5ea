-- What the running self-audit has found and not yet seen mended. `stage` is the part of a pass that found it, and that must look again.
create table audit_findings (
    id uuid primary key,
    stage text not null,
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
-- A finding stays one, however often and by whomever it is seen.
create unique index audit_findings_one on audit_findings (
    stage, check_name, coalesce(customer_id, '00000000-0000-0000-0000-000000000000'), coalesce(tx_id, '')
) where gone_at is null
--;
create index audit_findings_open on audit_findings (customer_id) where gone_at is null
--;
create index audit_findings_listed on audit_findings (id) where gone_at is null
--;
-- How far each stage has come, and what it has counted: in the pass at hand or the last one, and ever.
create table audit_passes (
    name text primary key,
    cursor uuid,
    began_at timestamptz,
    ended_at timestamptz,
    txs bigint not null default 0,
    customers_ever bigint not null default 0,
    txs_ever bigint not null default 0
)
--;
-- Whoever is frozen is looked up at every scrape of the metrics.
create index customers_frozen on customers (id) where frozen_at is not null
