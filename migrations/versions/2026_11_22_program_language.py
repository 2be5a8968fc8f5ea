"""What the whole program language needs: counters, coupons, draws, segments, card types, gift cards, back-tests.

Locks: new columns are nullable or have constant defaults, so nothing is rewritten; each table is held for an instant,
for at most the lock timeout. The release before works on this schema: it neither reads nor writes what is new.

Revision: 0002, after 0001
"""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent / "2026_11_22_program_language"


def upgrade() -> None:
    op.execute("set local lock_timeout = '2s'")
    op.execute("set local statement_timeout = '60s'")
    for part in ("columns.sql", "tables.sql", "rights.sql"):
        for statement in (_SQL / part).read_text(encoding="utf-8").split("\n--;\n"):
            if statement.strip():
                op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Refuses: counters, coupons and draws would be lost, and with them what customers were promised."""
    raise NotImplementedError("counters, coupons and draws are never dropped by a migration")
