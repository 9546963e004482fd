"""Whom a run has still to settle; after which run everybody stood as the rules say."""

import sqlalchemy as sa
from alembic import op

from models.migrations import BIG

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("evaluation_run", sa.Column("whole", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(sa.text('UPDATE evaluation_run SET whole = "full"'))
    op.create_table(
        "run_customer",
        sa.Column("run_id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["evaluation_run.id"], name=op.f("fk_run_customer_run_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_run_customer_customer_id")),
        sa.PrimaryKeyConstraint("run_id", "customer_id", name=op.f("pk_run_customer")),
    )
