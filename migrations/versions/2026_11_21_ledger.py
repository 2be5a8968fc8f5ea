"""The ledger, the customers, the programs, and the audit views.

Locks: everything is new, nothing waits. The application's role may insert postings but neither change nor delete them.
What grows for ever is partitioned by month of its UUIDv7 id, so a look-up by id touches one partition;
`ensure_partitions` makes the coming months, and whatever a skewed clock names lands in the default partition.

Revision: 0001, the first
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent / "2026_11_21_ledger"


def upgrade() -> None:
    op.execute("set local lock_timeout = '2s'")
    op.execute("set local statement_timeout = '60s'")
    for part in ("tables.sql", "guards.sql", "partitions.sql", "views.sql", "rights.sql"):
        for statement in (_SQL / part).read_text(encoding="utf-8").split("\n--;\n"):
            if statement.strip():
                op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refuses: below the first migration there is no ledger to keep."""
    raise NotImplementedError("the ledger is never dropped by a migration; drop the database instead")
