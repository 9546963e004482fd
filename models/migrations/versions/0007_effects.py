"""When a message that a rule gives may leave, and why it is held back."""

import sqlalchemy as sa
from alembic import op

from models.migrations import INSTANT, among, as_it_stands

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.batch_alter_table("rule_effect", copy_from=as_it_stands(op.get_bind(), "rule_effect")) as batch:
        batch.add_column(sa.Column("not_before", INSTANT))
        batch.add_column(sa.Column("held_because", sa.String(24)))
        batch.drop_constraint(op.f("ck_rule_effect_state_choice"), type_="check")
        batch.create_check_constraint(
            op.f("ck_rule_effect_state_choice"), among("state", "waiting", "done", "held", "held_out")
        )
        batch.create_check_constraint(
            op.f("ck_rule_effect_held_because_choice"), among("held_because", "rule_limit", "house_limit", "no_consent")
        )
        batch.create_check_constraint(op.f("ck_rule_effect_held"), "state <> 'held' OR held_because IS NOT NULL")
