"""What the rules ask of every customer stands whole in an index that begins with her; who gained a rule on a day stands
in one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for table, before, now, columns, beside in (
        ("visit", "customer_id", "customer_id_business_day", ["customer_id", "business_day"], []),
        ("sale", "customer_id", "customer_id_business_day", ["customer_id", "business_day", "total"], ["id"]),
        (
            "payment",
            "customer_id",
            "customer_id_business_day",
            ["customer_id", "business_day", "method", "amount", "sale_id"],
            [],
        ),
        ("payment", "sale_id", "sale_id_business_day", ["sale_id", "business_day", "method"], []),
        ("sale_line", "sale_id", "sale_id_kind", ["sale_id", "kind", "amount", "quantity", "service_id"], ["id"]),
    ):
        op.create_index(op.f(f"ix_{table}_{now}"), table, columns, postgresql_include=beside)
        op.drop_index(op.f(f"ix_{table}_{before}"), table)
    op.create_index(op.f("ix_rule_match_rule_since"), "rule_match", ["rule", "since"])
    op.drop_index(op.f("ix_rule_match_since"), "rule_match")
    op.create_index(op.f("ix_rule_pending_customer_id"), "rule_pending", ["customer_id"])
    merged = sa.text("merged_into_id IS NOT NULL")
    op.drop_index(op.f("ix_customer_merged_into_id"), "customer")
    op.create_index(
        op.f("ix_customer_merged_into_id"),
        "customer",
        ["merged_into_id"],
        sqlite_where=merged,
        postgresql_where=merged,
    )
