"""Who may do what, and whose data it is: keys in pairs, people, the audit log, the auditor's role.

Locks: new tables and nullable columns only; nothing is rewritten or scanned. A lock is waited for by at most the lock
timeout. The release before works on this schema.

Revision: 0005, after 0004
"""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent / "2026_11_25_trust"
_PARTS = ("keys.sql", "audit_log.sql", "adjustments.sql", "auditor.sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '2s'")
    op.execute("set local statement_timeout = '60s'")
    for part in _PARTS:
        for statement in (_SQL / part).read_text(encoding="utf-8").split("\n--;\n"):
            if statement.strip():
                op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refuses: who did what would be forgotten."""
    raise NotImplementedError("the audit log is never dropped by a migration")
