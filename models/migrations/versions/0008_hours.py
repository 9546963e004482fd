"""When a rule with hours was last asked, which table's row marked a customer, since when somebody is asked to tell her
that her tier ends; and who gained a rule on a day is found without looking at all that ever did.
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
    op.create_index(op.f("ix_rule_match_since"), "rule_match", ["since"])
