-- Adjustments above the declared sum: one person asks, another decides. Once it is approved it is posted, and names the posting.
create table adjustments (
    id uuid primary key,
    customer_id uuid not null,
    wallet text not null,
    points bigint not null check (points <> 0),
    reason text not null,
    asked_by text not null,
    asked_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null check (expires_at > asked_at),
    state text not null default 'pending' check (state in ('pending', 'approved', 'declined')),
    decided_by text check (decided_by <> asked_by),
    decided_at timestamptz,
    -- What came of the posting: a transaction, or the code of a refusal.
    tx_id uuid unique,
    refusal text,
    check ((state = 'pending') = (decided_by is null) and (decided_by is null) = (decided_at is null)),
    check (state = 'approved' or (tx_id is null and refusal is null)),
    check (tx_id is null or refusal is null)
)
--;
create index adjustments_open on adjustments (id) where state = 'pending' or (state = 'approved' and tx_id is null and refusal is null)
--;
-- A decision is made once, whoever has the right to write it.
create function refuse_second_decision() returns trigger language plpgsql as $$
begin
    if old.state <> 'pending' and (new.state, new.decided_by, new.decided_at) is distinct from (old.state, old.decided_by, old.decided_at)
        or old.tx_id is distinct from new.tx_id and old.tx_id is not null
        or old.refusal is distinct from new.refusal and old.refusal is not null then
        raise exception 'adjustment % has been decided', old.id using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$
--;
create trigger adjustments_decided_once before update on adjustments for each row execute function refuse_second_decision()
--;
create trigger adjustments_kept before delete or truncate on adjustments for each statement execute function refuse_change()
--;
do $$
begin
    if exists (select from pg_roles where rolname = 'loyalty_app') then
        grant select, insert on adjustments to loyalty_app;
        grant update (state, decided_by, decided_at, tx_id, refusal) on adjustments to loyalty_app;
    end if;
end
$$
