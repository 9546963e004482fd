"""What rules about staff, products and operations have seen, and whom they find."""

import sqlalchemy as sa
from alembic import op

from models.migrations import BIG

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "watch_state",
        sa.Column("rule", sa.String(60), nullable=False),
        sa.Column("about", sa.String(20), nullable=False),
        sa.Column("seen", BIG, nullable=False),
        sa.PrimaryKeyConstraint("rule", name=op.f("pk_watch_state")),
    )
    op.create_table(
        "watch_match",
        sa.Column("rule", sa.String(60), nullable=False),
        sa.Column("subject_id", BIG, nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "subject_id", name=op.f("pk_watch_match")),
    )
