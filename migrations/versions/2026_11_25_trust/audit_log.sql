-- Who did what, when, from where, with which result. Each process appends to a chain of its own, so that nobody waits for another.
create table audit_log (
    instance text not null check (instance <> ''),
    seq bigint not null check (seq > 0),
    -- Begins with the microseconds of `at`: its order is that of time, over all chains.
    id uuid not null unique,
    at timestamptz not null,
    actor_kind text not null check (actor_kind in ('key', 'person', 'operator', 'service', 'unknown')),
    actor text not null,
    action text not null,
    object text not null,
    outcome text not null check (outcome in ('done', 'refused', 'failed')),
    ip text not null,
    request_id text not null,
    details jsonb not null check (jsonb_typeof(details) = 'object'),
    hash bytea not null check (octet_length(hash) = 32),
    primary key (instance, seq)
)
--;
comment on table audit_log is
    'The audit log. hash_0 = SHA-256("kopilka audit log" LF instance), hash_n = SHA-256(hash_{n-1} || RFC 8785 JSON of the other columns but instance), times in UTC microseconds. Rows of the action log_heads name the heads of the other chains.'
--;
create index audit_log_actor on audit_log (actor, id)
--;
create index audit_log_action on audit_log (action, id)
--;
create index audit_log_object on audit_log (object, id)
--;
create index audit_log_outcome on audit_log (outcome, id)
--;
create trigger audit_log_append_only before update or delete or truncate on audit_log for each statement execute function refuse_change()
--;
do $$
begin
    if exists (select from pg_roles where rolname = 'loyalty_app') then
        grant select, insert on audit_log to loyalty_app;
    end if;
end
$$
