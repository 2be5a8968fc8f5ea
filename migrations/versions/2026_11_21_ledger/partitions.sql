create function month_bound(month timestamptz) returns uuid language sql immutable strict as $$
    select (lpad(to_hex((extract(epoch from month) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$
--;
-- Whoever names a partition itself meets the same guards.
create function guard_partition(parent text, child text) returns void language plpgsql as $$
begin
    if parent in ('txs', 'entries') then
        execute format(
            'create trigger append_only before update or delete or truncate on %I for each statement execute function refuse_change()',
            child
        );
    end if;
    if parent = 'entries' then
        execute format(
            'create trigger balanced after insert on %I referencing new table as fresh'
            ' for each statement execute function refuse_unbalanced_entries()',
            child
        );
    end if;
end
$$
--;
-- Makes the monthly partitions up to the given moment; runs with its owner's rights, since the application may not create tables.
-- A month whose rows have begun to land in the default partition stays there.
create function ensure_partitions(until timestamptz) returns integer language plpgsql security definer as $$
declare
    parent text;
    month timestamptz;
    child text;
    made integer := 0;
begin
    perform pg_advisory_xact_lock(hashtextextended('kopilka partitions', 0));  -- Several processes may start at once.
    foreach parent in array array['txs', 'entries', 'purchases', 'answers', 'events'] loop
        month := date_trunc('month', clock_timestamp() at time zone 'UTC') at time zone 'UTC';
        while month <= until and month <= clock_timestamp() + interval '1 year' loop
            child := parent || to_char(month at time zone 'UTC', '_YYYY_MM');
            if to_regclass(child) is null then
                begin
                    execute format(
                        'create table %I partition of %I for values from (%L) to (%L)',
                        child, parent, month_bound(month), month_bound((month at time zone 'UTC' + interval '1 month') at time zone 'UTC')
                    );
                    perform guard_partition(parent, child);
                    made := made + 1;
                exception when check_violation then null;
                end;
            end if;
            month := (month at time zone 'UTC' + interval '1 month') at time zone 'UTC';
        end loop;
    end loop;
    return made;
end
$$
--;
do $$
begin
    execute format('alter function ensure_partitions(timestamptz) set search_path = %I, pg_temp', current_schema());
    revoke all on function ensure_partitions(timestamptz), guard_partition(text, text) from public;
end
$$
--;
create table txs_other partition of txs default
--;
create table entries_other partition of entries default
--;
create table purchases_other partition of purchases default
--;
create table answers_other partition of answers default
--;
create table events_other partition of events default
--;
select guard_partition('txs', 'txs_other'), guard_partition('entries', 'entries_other')
--;
select ensure_partitions(clock_timestamp() + interval '2 months')
