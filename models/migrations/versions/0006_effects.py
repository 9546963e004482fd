"""When a message that a rule gives may leave."""

import sqlalchemy as sa
from alembic import op

from models.migrations import INSTANT, as_it_stands

revision = "0006"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("rule_effect", copy_from=as_it_stands(op.get_bind(), "rule_effect")) as batch:
        batch.add_column(sa.Column("not_before", INSTANT))
