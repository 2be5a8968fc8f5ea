"""Types of what a round writes: each list of rows is one parameter.

Locks: none; nothing is rewritten. The release before works on this schema, and knows nothing of the types.
Whoever migrates back ends this release's processes first.

Revision: 0007, after 0006
"""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent / "2026_11_27_rounds_as_rows"
_TYPES = ("new_book", "new_claim", "new_tx", "new_entry", "new_lot", "new_answer", "new_tier", "new_purchase")


def upgrade() -> None:
    for statement in (_SQL / "types.sql").read_text(encoding="utf-8").split("\n--;\n"):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    for name in _TYPES:
        op.execute(f"drop type {name}")
