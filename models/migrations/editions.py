"""Earlier editions of migrations.

Before a test held their hashes, some migrations were edited after they had been committed, and for a while the first
release's schema grew without a number of its own. A database that was made in between bears the number of a revision
but not its schema. What it lacks is added here, before the migrations that follow; the upgrade then compares the whole
schema with the models, as ever.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection

from models.migrations import BIG, among, as_it_stands, where


def complete(connection: Connection, revision: str) -> str:
    """Bring the schema to the last edition of a revision; the revision that it is of then."""
    op = Operations(MigrationContext.configure(connection))
    if revision == "0001":
        return _first(connection, op)
    if revision == "0005":
        _kept_facts(connection, op)
    elif revision == "0008":
        _index(connection, op, "rule_match", "ix_rule_match_since", ["since"])
    elif revision == "0009":
        _indexes_of_rules(connection, op)
    return revision


def _indexes(connection: Connection, table: str) -> dict[str, bool]:
    """The indexes of a table; whether each is of some rows only."""
    partial = f"{connection.dialect.name}_where"
    found = sa.inspect(connection).get_indexes(table)
    return {str(index["name"]): partial in index.get("dialect_options", {}) for index in found}


def _index(connection: Connection, op: Operations, table: str, name: str, columns: list[str]) -> None:
    if name not in _indexes(connection, table):
        op.create_index(op.f(name), table, columns)


# ------------------------------------------------------------------------------------------- 0001


def _first(connection: Connection, op: Operations) -> str:
    """The first release was made without migrations for half a day; in the end it had all that 0003 brings."""
    if sa.inspect(connection).has_table("ledger_entry"):
        return "0003"
    for table in sa.inspect(connection).get_table_names():
        _spell_choices_out(connection, op, table)
    _strict_logins(connection, op)
    _known_intervals(connection, op)
    _one_target_each(connection, op)
    return "0001"


_CHOICES = re.compile(r"""^"?(\w+)"? (?:IN \((.+)\)|= ANY \(.*?ARRAY\[(.+)\].*\))$""", re.DOTALL)
"""The CHECK of a closed list as it was written: on SQLite as it stands, on PostgreSQL as it shows it."""


def _spell_choices_out(connection: Connection, op: Operations, table: str) -> None:
    """The CHECK of a closed list is written with OR, which both engines keep as it is."""
    stale = []
    for check in sa.inspect(connection).get_check_constraints(table):
        found = _CHOICES.match(_bare(check["sqltext"]))
        if check["name"] and check["name"].endswith("_choice") and found:
            stale.append((check["name"], found[1], re.findall(r"'([^']*)'", found[2] or found[3])))
    if not stale:
        return
    with op.batch_alter_table(table, copy_from=as_it_stands(connection, table)) as batch:
        for name, column, values in stale:
            batch.drop_constraint(op.f(name), type_="check")
            batch.create_check_constraint(op.f(name), sa.text(among(column, *values)))


def _bare(condition: str) -> str:
    """Without the parentheses around it and PostgreSQL's casts."""
    plain = re.sub(r"::(?:character varying|text)(?:\(\d+\))?(?:\[\])?", "", condition).strip()
    while plain.startswith("(") and plain.endswith(")"):
        plain = plain[1:-1].strip()
    return re.sub(r"^\((\"?\w+\"?)\)", r"\1", plain)


LOGIN = (
    "login = lower(login) AND length(login) >= 2"
    " AND substr(login, 1, 1) NOT IN ('-', '.', '_', '@') AND login NOT LIKE '% %'"
)
"""CHECK ``ck_user_login`` of the last edition of 0001."""


def _strict_logins(connection: Connection, op: Operations) -> None:
    checks = {check["name"]: check["sqltext"] for check in sa.inspect(connection).get_check_constraints("user")}
    if "substr" in checks["ck_user_login"].lower():
        return
    with op.batch_alter_table("user", copy_from=as_it_stands(connection, "user")) as batch:
        batch.drop_constraint(op.f("ck_user_login"), type_="check")
        batch.create_check_constraint(op.f("ck_user_login"), sa.text(LOGIN))


def _known_intervals(connection: Connection, op: Operations) -> None:
    name = "ck_customer_contact_every_days"
    if name in {check["name"] for check in sa.inspect(connection).get_check_constraints("customer")}:
        return
    with op.batch_alter_table("customer", copy_from=as_it_stands(connection, "customer")) as batch:
        condition = sa.text("contact_every_days IS NULL OR contact_every_days >= 0")
        batch.create_check_constraint(op.f(name), condition)


def _one_target_each(connection: Connection, op: Operations) -> None:
    if "uq_kpi_target_staff" in _indexes(connection, "kpi_target"):
        return
    with op.batch_alter_table("kpi_target", copy_from=as_it_stands(connection, "kpi_target")) as batch:
        batch.drop_constraint(op.f("uq_kpi_target_store_id_staff_id_metric_month"), type_="unique")
    staff = ["store_id", "staff_id", "metric", "month"]
    op.create_index(op.f("uq_kpi_target_staff"), "kpi_target", staff, unique=True, **where("staff_id IS NOT NULL"))
    store = ["store_id", "metric", "month"]
    op.create_index(op.f("uq_kpi_target_store"), "kpi_target", store, unique=True, **where("staff_id IS NULL"))


# -------------------------------------------------------------------------------------- 0005, 0009


def _kept_facts(connection: Connection, op: Operations) -> None:
    """The first edition of 0005 had no tables of facts, and took runs that were cut short for whole ones."""
    if sa.inspect(connection).has_table("customer_fact"):
        return
    op.execute(sa.text("UPDATE evaluation_run SET whole = false, last_customer_id = 0 WHERE ended_at IS NULL"))
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


def _indexes_of_rules(connection: Connection, op: Operations) -> None:
    """The first editions of 0009 had fewer indexes."""
    _index(connection, op, "rule_match", "ix_rule_match_rule_since", ["rule", "since"])
    _index(connection, op, "rule_pending", "ix_rule_pending_customer_id", ["customer_id"])
    if "ix_rule_match_since" in _indexes(connection, "rule_match"):
        op.drop_index(op.f("ix_rule_match_since"), "rule_match")
    if not _indexes(connection, "customer")["ix_customer_merged_into_id"]:
        op.drop_index(op.f("ix_customer_merged_into_id"), "customer")
        merged = where("merged_into_id IS NOT NULL")
        op.create_index(op.f("ix_customer_merged_into_id"), "customer", ["merged_into_id"], **merged)
