"""Second factors and recovery codes; PINs for approvals and requests for them; since when a password is set."""

import sqlalchemy as sa
from alembic import op

from models.migrations import BIG, INSTANT, MONEY, among, as_it_stands

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "second_factor",
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("counter", BIG, nullable=False),
        sa.Column("version", BIG, nullable=False, server_default="1"),
        sa.Column("archived_at", INSTANT, nullable=True),
        sa.Column("id", BIG, nullable=False),
        _count("counter", "ck_second_factor_counter_range"),
        _count("version", "ck_second_factor_version_range"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factor")),
        _refers("second_factor", "user_id", "user"),
        _moment("archived_at", "ck_second_factor_archived_at_range"),
        sa.CheckConstraint(among("kind", "app", "passkey"), name=op.f("ck_second_factor_kind_choice")),
    )
    op.create_index(op.f("ix_second_factor_user_id"), "second_factor", ["user_id"])
    op.create_table(
        "recovery_code",
        sa.Column("id", BIG, nullable=False),
        sa.Column("user_id", BIG, nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_recovery_code_user_id")),
    )
    op.create_index(op.f("ix_recovery_code_user_id"), "recovery_code", ["user_id"])
    op.create_table(
        "approval_request",
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("operation", sa.String(40), nullable=False),
        sa.Column("asked_by", BIG, nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("total", MONEY, nullable=True),
        sa.Column("working", sa.Text(), nullable=True),
        sa.Column("why", sa.String(200), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("answered_by", BIG, nullable=True),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.Column("answer", sa.String(200), nullable=True),
        sa.Column("approval_id", BIG, nullable=True),
        sa.Column("version", BIG, nullable=False, server_default="1"),
        sa.Column("archived_at", INSTANT, nullable=True),
        sa.Column("id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk_approval_request_store_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approval.id"], name=op.f("fk_approval_request_approval_id"), ondelete="RESTRICT"
        ),
        _moment("answered_at", "ck_approval_request_answered_at_range"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_request")),
        sa.CheckConstraint(among("state", "open", "allowed", "refused"), name=op.f("ck_approval_request_state_choice")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_approval_request_customer_id"), ondelete="RESTRICT"
        ),
        _count("version", "ck_approval_request_version_range"),
        _moment("archived_at", "ck_approval_request_archived_at_range"),
        sa.ForeignKeyConstraint(
            ["answered_by"], ["user.id"], name=op.f("fk_approval_request_answered_by"), ondelete="RESTRICT"
        ),
        _moment("at", "ck_approval_request_at_range"),
        sa.ForeignKeyConstraint(
            ["asked_by"], ["user.id"], name=op.f("fk_approval_request_asked_by"), ondelete="RESTRICT"
        ),
        sa.CheckConstraint('"total" >= 0 AND "total" <= 999999999999999', name=op.f("ck_approval_request_total_range")),
    )
    op.create_index(op.f("ix_approval_request_answered_by"), "approval_request", ["answered_by"])
    op.create_index(op.f("ix_approval_request_approval_id"), "approval_request", ["approval_id"])
    op.create_index(op.f("ix_approval_request_asked_by"), "approval_request", ["asked_by"])
    op.create_index(op.f("ix_approval_request_at"), "approval_request", ["at"])
    op.create_index(op.f("ix_approval_request_customer_id"), "approval_request", ["customer_id"])
    op.create_index(op.f("ix_approval_request_store_id"), "approval_request", ["store_id"])
    with op.batch_alter_table("user", copy_from=as_it_stands(op.get_bind(), "user")) as batch:
        batch.add_column(sa.Column("password_set_at", INSTANT))
        batch.add_column(sa.Column("pin_hash", sa.String(200)))
        batch.create_check_constraint(op.f("ck_user_password_set_at_range"), _moments("password_set_at"))
    with op.batch_alter_table("user_session", copy_from=as_it_stands(op.get_bind(), "user_session")) as batch:
        batch.add_column(sa.Column("confirmed_at", INSTANT))


def _moments(column: str) -> str:
    return f"\"{column}\" >= '1900-01-01 00:00:00+00' AND \"{column}\" <= '2199-12-31 23:59:59+00'"


def _moment(column: str, name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(_moments(column), name=op.f(name))


def _count(column: str, name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f'"{column}" >= 0 AND "{column}" <= 1000000000000', name=op.f(name))


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=name, ondelete="RESTRICT")
