"""What rules give, what waits, and what was last seen in their files."""

import sqlalchemy as sa
from alembic import op

from models.migrations import BIG, INSTANT, among

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "rule_effect",
        sa.Column("rule", sa.String(60), nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("place", BIG, nullable=False),
        sa.Column("what", sa.String(300), nullable=False),
        sa.Column("amount", BIG, nullable=False),
        sa.Column("occasion", sa.String(60), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date()),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("rule_version_id", BIG, nullable=False),
        sa.Column("version", BIG, nullable=False, server_default="1"),
        sa.Column("archived_at", INSTANT),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_rule_effect_amount")),
        sa.CheckConstraint(
            among("kind", "points", "coupon", "gift", "message"), name=op.f("ck_rule_effect_kind_choice")
        ),
        sa.CheckConstraint(among("state", "waiting", "done"), name=op.f("ck_rule_effect_state_choice")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_rule_effect_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["rule_version_id"], ["rule_version.id"], name=op.f("fk_rule_effect_rule_version_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_effect")),
        sa.UniqueConstraint(
            "rule",
            "customer_id",
            "occasion",
            "kind",
            "place",
            name=op.f("uq_rule_effect_rule_customer_id_occasion_kind_place"),
        ),
    )
    for column in ("customer_id", "made_on", "rule_version_id", "state"):
        op.create_index(op.f(f"ix_rule_effect_{column}"), "rule_effect", [column])
    op.create_table(
        "rule_pending",
        sa.Column("rule", sa.String(60), nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("first", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_rule_pending_customer_id")),
        sa.PrimaryKeyConstraint("rule", "customer_id", name=op.f("pk_rule_pending")),
    )
    op.create_index(op.f("ix_rule_pending_due"), "rule_pending", ["due"])
    op.create_table(
        "rule_file",
        sa.Column("document", sa.String(30), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("document", name=op.f("pk_rule_file")),
    )
