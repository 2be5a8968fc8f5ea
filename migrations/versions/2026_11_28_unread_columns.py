"""No statistics of what is stored of a purchase to be told, and by which nobody searches.

PostgreSQL gathers them of thirty thousand purchases each time it analyses the table: answers, baskets and the rest are
fetched, unpacked and sorted, 0.6 of 1.2 seconds of a processor in each minute of a young shop's full day, and what
tills ask meanwhile waits. Without them it is a fifth.

Locks: of statistics and vacuum only, tills go on; nothing is rewritten. It waits 2 s at most for a vacuum or ANALYZE by
hand, or a vacuum against wraparound, fails, and can then simply be run again. The release before works on this schema.

Revision: 0008, after 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_UNREAD = ("answer", "basket", "verdicts", "lines", "uses")
# As 0001 has it; a partition takes nothing of this over from its table.
_GUARD_PARTITION = """
create or replace function guard_partition(parent text, child text) returns void language plpgsql as $$
begin
    if parent in ('txs', 'entries') then
        execute format(
            'create trigger append_only before update or delete or truncate on %I for each statement'
            ' execute function refuse_change()',
            child
        );
    end if;
    if parent = 'entries' then
        execute format(
            'create trigger balanced after insert on %I referencing new table as fresh'
            ' for each statement execute function refuse_unbalanced_entries()',
            child
        );
    end if;{more}
end
$$
"""
_AND_PURCHASES = """
    if parent = 'purchases' then
        execute format('alter table %I {columns}', child);
    end if;"""


def _statistics(target: int) -> str:
    return ", ".join(f"alter column {name} set statistics {target}" for name in _UNREAD)


def upgrade() -> None:
    op.execute("set local lock_timeout = '2s'")
    op.execute("set local statement_timeout = '60s'")
    more = _AND_PURCHASES.format(columns=_statistics(0))
    op.get_bind().exec_driver_sql(_GUARD_PARTITION.format(more=more))
    op.execute(f"alter table purchases {_statistics(0)}")


def downgrade() -> None:
    """Nothing is lost: the statistics return with the next ANALYZE."""
    op.execute("set local lock_timeout = '2s'")
    op.execute("set local statement_timeout = '60s'")
    op.get_bind().exec_driver_sql(_GUARD_PARTITION.format(more=""))
    op.execute(f"alter table purchases {_statistics(-1)}")
