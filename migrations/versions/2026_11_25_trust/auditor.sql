-- The auditor's role: reads the ledger's views and the audit log, and nothing else; no phone, e-mail or name stands in them, and no key.
-- It may connect once the operator gives it a password or a certificate. A database's owner who may not create roles goes on without it.
do $$
begin
    if not exists (select from pg_roles where rolname = 'loyalty_auditor') then
        begin
            create role loyalty_auditor login;
        exception
            when duplicate_object or unique_violation then null;  -- Another database's first start was faster.
            when insufficient_privilege then raise warning 'role loyalty_auditor could not be made: %', sqlerrm;
        end;
    end if;
end
$$
--;
do $$
declare
    view_name text;
begin
    if not exists (select from pg_roles where rolname = 'loyalty_auditor') then
        return;
    end if;
    execute format('grant usage on schema %I to loyalty_auditor', current_schema());
    for view_name in select viewname from pg_views where schemaname = current_schema() and starts_with(viewname, 'audit_') loop
        execute format('grant select on %I to loyalty_auditor', view_name);
    end loop;
    grant select on audit_log to loyalty_auditor;
end
$$
--;
-- What the application was once given and never used. A key's role, shops and demands are never changed, nor are a pool's terms.
do $$
begin
    if not exists (select from pg_roles where rolname = 'loyalty_app') then
        return;
    end if;
    revoke update on coupon_pools, segments, keys from loyalty_app;
    grant update (last_used_at, revoked_at) on keys to loyalty_app;
end
$$
--;
-- Whoever may make a temporary table may put it before ours in a statement of the same session. PostgreSQL lets everybody.
do $$
begin
    execute format('revoke temporary on database %I from public', current_database());
exception when insufficient_privilege then
    raise warning 'temporary tables stay allowed: %', sqlerrm;
end
$$
