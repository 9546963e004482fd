"""Databases made by earlier commits come to this release: some migrations were edited after they had been committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from flask import Flask
from sqlalchemy import Connection, text

from admin_app.upgrade import SCRIPTS, SchemaError, newest, standing, upgrade
from models import schema
from models.connection import WRITES
from models.entity import db
from tests import engines
from tests.admin_app.houses import opened
from tests.admin_app.test_upgrade_first import ROWS

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
    with opened(data_dir=folder, database_url=url) as app:
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
