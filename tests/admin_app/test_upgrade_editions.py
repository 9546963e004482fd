"""Databases made by earlier commits come to this release: some migrations were edited after they had been committed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from flask import Flask
from sqlalchemy import Connection, select, text

from admin_app.upgrade import SCRIPTS, SchemaError, newest, standing, upgrade
from models import schema
from models.actor import command_actor
from models.connection import WRITES
from models.customers import Customer
from models.entity import db
from models.log import Operation, RowChange, RowValue
from models.sales import Payment, Sale, SaleLine
from tests import engines
from tests.admin_app.houses import opened
from tests.admin_app.test_commands import Inside
from tests.admin_app.test_upgrade_first import ROWS, faults_beside

DATA = Path(__file__).parents[1] / "data"
ENGINES = ("sqlite", "postgresql")


def execute(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


@dataclass(frozen=True)
class Edition:
    """A schema as some earlier commit made it.

    ``file`` holds the tables that it began from, ``upto`` the revision to which today's migrations take them, ``undo``
    what its own edition did not have yet, ``stamp`` the number that it bore.
    """

    file: str
    upto: str
    stamp: str
    undo: tuple[str, ...] = ()


EDITIONS = {
    "the very first": Edition("release_0001_first", "0001", "0001"),
    "any interval": Edition(
        "release_0001", "0001", "0001", ("ALTER TABLE customer DROP CONSTRAINT ck_customer_contact_every_days",)
    ),
    "the ledger without a number": Edition("release_0001", "0003", "0001"),
    "runs without facts": Edition("release_0001", "0005", "0005", ("DROP TABLE customer_fact", "DROP TABLE fact_slot")),
    "matches without an index": Edition("release_0001", "0008", "0008", ("DROP INDEX ix_rule_match_since",)),
    "matches by day alone": Edition(
        "release_0001",
        "0009",
        "0009",
        (
            "DROP INDEX ix_rule_match_rule_since",
            "DROP INDEX ix_rule_pending_customer_id",
            "DROP INDEX ix_customer_merged_into_id",
            "CREATE INDEX ix_rule_match_since ON rule_match (since)",
            "CREATE INDEX ix_customer_merged_into_id ON customer (merged_into_id)",
        ),
    ),
    "waiting without an index": Edition(
        "release_0001",
        "0009",
        "0009",
        (
            "DROP INDEX ix_rule_pending_customer_id",
            "DROP INDEX ix_customer_merged_into_id",
            "CREATE INDEX ix_customer_merged_into_id ON customer (merged_into_id)",
        ),
    ),
}
WIDEST = ("the very first", "the ledger without a number", "matches by day alone")
"""What the others lack these lack too: enough for the second engine."""
INTERVAL = ", CONSTRAINT ck_customer_contact_every_days CHECK (contact_every_days IS NULL OR contact_every_days >= 0)"


def tables_of(edition: Edition, engine: str) -> list[str]:
    """The statements of its file; SQLite cannot drop a CHECK, so there it is left out from the beginning."""
    content = (DATA / f"{edition.file}.{engine}.sql").read_text(encoding="utf-8")
    if engine == "sqlite" and edition.upto == "0001" and edition.undo:
        assert INTERVAL in content
        content = content.replace(INTERVAL, "")
    return content.splitlines()


@contextmanager
def made(edition: Edition, engine: str, folder: Path, rows: tuple[str, ...] = ROWS) -> Iterator[Flask]:
    url = f"sqlite:///{folder / 'old.db'}" if engine == "sqlite" else engines.fresh(engines.needed(), "edition")
    with opened(data_dir=folder, database_url=url, language="en") as app:
        with db.engine.connect().execution_options(**{WRITES: True}) as connection:
            if engine == "sqlite":
                connection.connection.execute("PRAGMA foreign_keys=OFF")
            with connection.begin():
                execute(connection, *tables_of(edition, engine), *rows)
                execute(connection, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
                execute(connection, "INSERT INTO alembic_version VALUES ('0001')")
                config = Config(attributes={"connection": connection})
                config.set_main_option("script_location", str(SCRIPTS))
                command.upgrade(config, edition.upto)
                if engine == "postgresql" or edition.upto != "0001":
                    execute(connection, *edition.undo)
                execute(connection, f"UPDATE alembic_version SET version_num = '{edition.stamp}'")
            if engine == "sqlite":
                connection.connection.execute("PRAGMA foreign_keys=ON")
        yield app


@pytest.mark.parametrize("engine", ENGINES)
def test_every_edition_comes_to_this_release_with_every_row(
    tmp_path: Path, subtests: pytest.Subtests, engine: str
) -> None:
    for name in EDITIONS if engine == "sqlite" else WIDEST:
        edition = EDITIONS[name]
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        with subtests.test(name), made(edition, engine, folder):
            assert standing() == edition.stamp
            upgrade()
            assert standing() == newest()
            with db.engine.connect() as connection:
                assert schema.differences(schema.schema_of(connection), schema.expected_schema(db.engine)) == []
                assert connection.scalar(text("SELECT amount FROM payment WHERE id = 1")) == 29_800
                assert connection.scalar(text("SELECT name FROM customer WHERE id = 1")) == "老客"


@pytest.mark.parametrize("engine", ENGINES)
def test_runs_that_were_cut_short_are_no_whole_ones(tmp_path: Path, engine: str) -> None:
    """The first edition of 0005 took them for such."""
    with made(EDITIONS["runs without facts"], engine, tmp_path):
        run = (
            'INSERT INTO evaluation_run (id, as_of, "full", whole, started_at, last_customer_id)'
            " VALUES (1, '2026-11-22', true, true, '2026-11-22 04:00:00.000000', 7)"
        )
        with db.engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            execute(connection, run)
        upgrade()
        row = db.session.execute(text("SELECT whole, last_customer_id FROM evaluation_run")).one()
        assert (bool(row[0]), row[1]) == (False, 0)


def test_a_row_that_does_not_fit_is_said_and_nothing_changed(tmp_path: Path) -> None:
    """The very first release took every sign-in name."""
    bad = (
        'INSERT INTO "user" (login, name, role, password_hash, must_change_password, active, version)'
        " VALUES ('.owner', '老板', 'owner', 'x', false, true, 1)"
    )
    with made(EDITIONS["the very first"], "sqlite", tmp_path, (*ROWS, bad)):
        with db.engine.connect() as connection:
            before = schema.schema_of(connection)
        with pytest.raises(SchemaError, match="ck_user_login"):
            upgrade()
        assert standing() == "0001"
        with db.engine.connect() as connection:
            assert schema.schema_of(connection) == before


# ------------------------------------------------------------------------------------------- values outside ranges

EARLY = (
    *ROWS,
    "INSERT INTO sale (public_id, store_id, business_day, number, customer_id, visit_id, sold_at, total, imported,"
    " version) VALUES ('y1', 1, '0202-01-05', 1, 1, 1, '0202-01-05 04:00:00.000000', 100, false, 1)",
    "INSERT INTO sale (public_id, store_id, business_day, number, customer_id, visit_id, sold_at, total, imported,"
    " version) VALUES ('y2', 1, '0202-03-01', 1, 1, 1, '2026-03-01 04:00:00.000000', 200, false, 1)",
    "INSERT INTO sale_line (sale_id, position, kind, item, quantity, discount, amount)"
    " VALUES (2, 1, 'service', '补水', 3000000, 0, 100), (3, 1, 'service', '补水', 1, 0, 200)",
    "INSERT INTO payment (sale_id, customer_id, store_id, business_day, paid_at, method, amount)"
    " VALUES (2, 1, 1, '0202-01-05', '2999-01-05 04:00:00.000000', 'unknown', 100),"
    " (3, 1, 1, '2026-03-01', '2026-03-01 04:00:00.000000', 'unknown', 200)",
    "UPDATE customer SET contact_every_days = 4000 WHERE id = 1",
)
"""Sales of the year 202, as an older release imported them, a quantity and an interval beyond today's ranges."""


def mended_lines(engine: str, folder: Path) -> list[str]:
    """What is said of an upgrade that mends; by the command on SQLite."""
    if engine == "sqlite":
        db.session.remove()
        db.engine.dispose()
        door = Inside(folder)
        door.environment["PEONY_DATABASE_URL"] = f"sqlite:///{folder / 'old.db'}"
        return door.run("upgrade", "--mend-values").splitlines()
    return [line for row in upgrade(mend=command_actor("tester")).mended for line in row.lines()]


@pytest.mark.parametrize("engine", ENGINES)
def test_values_out_of_range_are_mended_and_logged_where_that_is_asked(tmp_path: Path, engine: str) -> None:
    """A date keeps its place before or after the others; a number that may be missing is left empty; receipts of one
    day are numbered on.
    """
    with made(EDITIONS["the very first"], engine, tmp_path, EARLY):
        lines = mended_lines(engine, tmp_path)
        assert standing() == newest()
        assert "sale, row 3, business_day: 0202-03-01 → 1900-01-01" in lines
        assert "customer, row 1, contact_every_days: 4000 → –" in lines
        sales = [(row.business_day, row.number) for row in db.session.scalars(select(Sale).order_by(Sale.id))]
        assert sales == [(date(2026, 2, 1), 1), (date(1900, 1, 1), 1), (date(1900, 1, 1), 2)]
        assert db.session.get_one(Sale, 2).sold_at.year == 1900
        assert db.session.get_one(Payment, 2).paid_at.isoformat()[:16] == "2199-12-31T23:59"
        assert db.session.get_one(SaleLine, 2).quantity == 1_000_000
        assert db.session.get_one(Customer, 1).contact_every_days is None
        [entry] = db.session.scalars(select(Operation).where(Operation.name == "upgrade"))
        assert (entry.actor_kind, entry.detail["mended"]) == ("command", 5)
        query = select(RowChange.columns, RowValue.old, RowValue.new).join(RowValue)
        logged = db.session.execute(query.where(RowChange.entity == "sale", RowChange.row_id == 3)).all()
        assert [(c, json.loads(old), json.loads(new)) for c, old, new in logged] == [
            (
                "business_day,number",
                {"business_day": "0202-03-01", "number": 1},
                {"business_day": "1900-01-01", "number": 2},
            )
        ]
        assert db.session.scalar(text("SELECT min(customer_id) FROM changed_customer")) == 0
        db.session.rollback()
        assert faults_beside(EARLY) == []
