"""Points that wait are found without reading the messages and coupons that wait beside them."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_index(op.f("ix_rule_effect_state_kind"), "rule_effect", ["state", "kind"])
    op.drop_index(op.f("ix_rule_effect_state"), "rule_effect")
