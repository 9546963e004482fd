"""What was given on a sale that is taken back can be withdrawn; a voucher can be taken once more; texts of alerts and
tasks in both languages, with a link to what they are about.
"""

import sqlalchemy as sa
from alembic import op

from models.migrations import BIG, among, as_it_stands

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    with op.batch_alter_table("rule_effect", copy_from=as_it_stands(op.get_bind(), "rule_effect")) as batch:
        batch.drop_constraint(op.f("ck_rule_effect_state_choice"), type_="check")
        batch.create_check_constraint(
            op.f("ck_rule_effect_state_choice"), among("state", "waiting", "done", "held", "held_out", "withdrawn")
        )
    with op.batch_alter_table("voucher", copy_from=as_it_stands(op.get_bind(), "voucher")) as batch:
        batch.add_column(sa.Column("taking", BIG, nullable=False, server_default="1"))
        batch.drop_constraint(op.f("uq_voucher_platform_code"), type_="unique")
        batch.create_unique_constraint(op.f("uq_voucher_platform_code_taking"), ["platform", "code", "taking"])
        batch.create_check_constraint(op.f("ck_voucher_taking_range"), _within_range("taking"))
    with op.batch_alter_table("voucher", copy_from=as_it_stands(op.get_bind(), "voucher")) as batch:
        batch.alter_column("taking", server_default=None)
    with op.batch_alter_table("alert", copy_from=as_it_stands(op.get_bind(), "alert")) as batch:
        batch.add_column(sa.Column("text_en", sa.String(300)))
        batch.add_column(sa.Column("about", sa.String(40)))
        batch.add_column(sa.Column("about_id", BIG))
        batch.add_column(sa.Column("also_to", sa.Text()))
        batch.create_check_constraint(op.f("ck_alert_about_id_range"), _within_range("about_id"))
    with op.batch_alter_table("task", copy_from=as_it_stands(op.get_bind(), "task")) as batch:
        batch.add_column(sa.Column("text_en", sa.String(300)))


def _within_range(column: str) -> str:
    return f'"{column}" >= 0 AND "{column}" <= 1000000000000'
