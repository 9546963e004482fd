"""Whom a run has still to settle, after which run everybody stood as the rules say, and the facts kept of everybody."""

import sqlalchemy as sa
from alembic import op

from models.migrations import BIG

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("evaluation_run", sa.Column("whole", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(sa.text('UPDATE evaluation_run SET whole = "full" WHERE ended_at IS NOT NULL'))
    # a run that was cut short before kept no facts of those it had reached: it is not taken up again
    op.execute(sa.text("UPDATE evaluation_run SET last_customer_id = 0 WHERE ended_at IS NULL"))
    op.create_table(
        "run_customer",
        sa.Column("run_id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["evaluation_run.id"], name=op.f("fk_run_customer_run_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_run_customer_customer_id")),
        sa.PrimaryKeyConstraint("run_id", "customer_id", name=op.f("pk_run_customer")),
    )
    op.create_table(
        "fact_slot",
        sa.Column("fact", sa.String(60), nullable=False),
        sa.Column("kept_in", sa.String(4), nullable=False),
        sa.Column("filled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("fact", name=op.f("pk_fact_slot")),
        sa.UniqueConstraint("kept_in", name=op.f("uq_fact_slot_kept_in")),
    )
    op.create_table(
        "customer_fact",
        sa.Column("customer_id", BIG, nullable=False),
        *(sa.Column(f"n{place}", BIG) for place in range(60)),
        *(sa.Column(f"t{place}", sa.String(40)) for place in range(6)),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_customer_fact_customer_id")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customer_fact")),
    )
