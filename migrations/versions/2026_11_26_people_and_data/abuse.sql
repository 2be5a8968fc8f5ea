-- Look-ups that found nobody, by terminal, person or shop: the newest of the last day, as many as the limits ask for. One row each, written on a miss only.
create table lookup_misses (
    whose text primary key,
    times timestamptz[] not null,
    last_at timestamptz not null
)
--;
-- What every process asks for once a second: whose budget has changed.
create index lookup_misses_last on lookup_misses (last_at)
--;
comment on table lookup_misses is 'The budget of look-up misses: a row a terminal, person or shop that has missed, never what was asked for'
--;
-- What a human should look at. One row a kind, till, subject and day; what comes again is counted.
create table alerts (
    id uuid primary key,
    kind text not null,
    shop text not null,
    terminal text not null,
    customer_id uuid,
    day date not null,
    raised_at timestamptz not null default clock_timestamp(),
    last_at timestamptz not null default clock_timestamp(),
    times bigint not null default 1 check (times > 0),
    tx_id uuid,
    facts jsonb not null check (jsonb_typeof(facts) = 'object'),
    state text not null default 'new' check (state in ('new', 'seen', 'dismissed', 'confirmed')),
    decided_by text,
    decided_at timestamptz,
    check ((decided_by is null) = (decided_at is null) and (state = 'new') = (decided_by is null)),
    unique nulls not distinct (kind, shop, terminal, customer_id, day)
)
--;
create index alerts_state on alerts (state, id)
--;
comment on table alerts is 'What looks like abuse: raised by declared limits, decided by a human; no personal data'
--;
-- How far the feed was watched, and what is usual at each till.
create table watch (
    id integer primary key default 1 check (id = 1),
    position bigint not null default 0 check (position >= 0)
)
--;
insert into watch default values
--;
create table tills_watched (
    shop text not null,
    terminal text not null,
    habits jsonb not null,
    primary key (shop, terminal)
)
--;
do $$
begin
    if exists (select from pg_roles where rolname = 'loyalty_app') then
        grant select, insert, update on lookup_misses, tills_watched to loyalty_app;
        grant select, insert on alerts to loyalty_app;
        grant update (last_at, times, state, decided_by, decided_at) on alerts to loyalty_app;
        grant select on watch to loyalty_app;
        grant update (position) on watch to loyalty_app;
    end if;
end
$$
