"""When a rule that has hours of its own was last asked, which table's row marked a customer, and since when somebody is
asked to tell her that her tier ends.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations import INSTANT

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("rule_slot", sa.Column("asked_at", INSTANT))
    op.add_column("changed_customer", sa.Column("source", sa.String(40)))
    op.add_column("membership", sa.Column("told_on", sa.Date()))
