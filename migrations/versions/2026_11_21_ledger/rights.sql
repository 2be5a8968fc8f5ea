-- The application's role: it may not change or delete postings, nor touch the schema. A database's owner who may not create roles goes on
-- without it; the triggers stand all the same.
do $$
begin
    if not exists (select from pg_roles where rolname = 'loyalty_app') then
        begin
            create role loyalty_app login;
        exception
            when duplicate_object or unique_violation then null;  -- Another database's first start was faster.
            when insufficient_privilege then raise warning 'role loyalty_app could not be made: %', sqlerrm;
        end;
    end if;
    -- Who owns the schema may also work as the application: `serve` steps down to this role whichever address it was given.
    if exists (select from pg_roles where rolname = 'loyalty_app') and not pg_has_role(current_user, 'loyalty_app', 'member') then
        begin
            execute format('grant loyalty_app to %I', current_user);
        exception when insufficient_privilege then raise warning 'role loyalty_app could not be joined: %', sqlerrm;
        end;
    end if;
end
$$
--;
do $$
begin
    if not exists (select from pg_roles where rolname = 'loyalty_app') then
        return;
    end if;
    execute format('grant usage on schema %I to loyalty_app', current_schema());
    execute format('grant select on all tables in schema %I to loyalty_app', current_schema());
    grant insert on customers, profiles, identifiers, programs, drafts, keys, claims, txs, entries, lots, purchases, answers, events to loyalty_app;
    grant update on customers, profiles, identifiers, drafts, keys, lots to loyalty_app;
    grant update (lines, is_all_back) on purchases to loyalty_app;
    grant update (published_at) on events to loyalty_app;
    grant delete on identifiers to loyalty_app;
    grant execute on function ensure_partitions(timestamptz) to loyalty_app;
end
$$
