"""Coming months' partitions are made beside their table and attached, so that no sale waits for them.

Made as a part of it at once, a partition locks its whole table, and a batch of the relay that is under way is waited
for with all tills behind: up to a second, once a month. Attached, it locks the default partition alone, which no sale
touches. Who reads a whole table does: returns of purchases, repeats of answers, the relay of events. They may wait
behind it for as long as it waits for another of them, `lock_timeout` at most.

A call makes one table's partitions and is over: who holds one lock and waits for the next could wait in a circle with
those who take them in another order. Whoever wants all calls until nothing was made; the release before, which calls
once an hour, has them five hours later, two months ahead.

Locks: one function is replaced. The release before works on this schema.

Revision: 0009, after 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# As 0001 has it, but for how a partition is made, and how much at once.
_ENSURE_PARTITIONS = """
create or replace function ensure_partitions(until timestamptz) returns integer language plpgsql security definer as $$
declare
    parent text;
    month timestamptz;
    next_month timestamptz;
    child text;
    made integer := 0;
begin
    perform pg_advisory_xact_lock(hashtextextended('kopilka partitions', 0));  -- Several processes may start at once.
    foreach parent in array array['txs', 'entries', 'purchases', 'answers', 'events'] loop
        month := date_trunc('month', clock_timestamp() at time zone 'UTC') at time zone 'UTC';
        while month <= until and month <= clock_timestamp() + interval '1 year' loop
            child := parent || to_char(month at time zone 'UTC', '_YYYY_MM');
            next_month := (month at time zone 'UTC' + interval '1 month') at time zone 'UTC';
            if to_regclass(child) is null then
                begin{make}
                    perform guard_partition(parent, child);
                    made := made + 1;
                exception when check_violation then null;
                end;
            end if;
            month := next_month;
        end loop;{after_a_table}
    end loop;
    return made;
end
$$
"""
_ATTACHED = """
                    execute format('create table %I (like %I including all)', child, parent);
                    execute format(
                        'alter table %I attach partition %I for values from (%L) to (%L)',
                        parent, child, month_bound(month), month_bound(next_month)
                    );"""
_AS_A_PART = """
                    execute format(
                        'create table %I partition of %I for values from (%L) to (%L)',
                        child, parent, month_bound(month), month_bound(next_month)
                    );"""
_IS_OVER = """
        exit when made > 0;"""
# Replacing a function forgets its settings.
_SEARCH_PATH = """
do $$
begin
    execute format('alter function ensure_partitions(timestamptz) set search_path = %I, pg_temp', current_schema());
end
$$
"""


def _replace(*, make: str, after_a_table: str) -> None:
    op.execute("set local lock_timeout = '2s'")
    op.execute("set local statement_timeout = '60s'")
    connection = op.get_bind()
    connection.exec_driver_sql(_ENSURE_PARTITIONS.format(make=make, after_a_table=after_a_table))
    connection.exec_driver_sql(_SEARCH_PATH)


def upgrade() -> None:
    _replace(make=_ATTACHED, after_a_table=_IS_OVER)


def downgrade() -> None:
    """Partitions stay as they are: those that were attached are no others."""
    _replace(make=_AS_A_PART, after_a_table="")
