"""SQL by hand: done as one operation, or from outside the house."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from models.connection import WRITES
from models.entity import db, entity_named
from tests.cast import raw_operation
from tests.conftest import House


def refusal(*statements: str, name: str = "") -> str:
    """What the database says against statements done as one operation; "" when it takes them."""
    try:
        with raw_operation():
            if name:
                go_by(name)
            for statement in statements:
                db.session.execute(text(statement))
    except DBAPIError as error:
        return str(error.orig)
    return ""


def refusals(statements: dict[str, str], name: str = "") -> dict[str, str]:
    """The same for many statements, each for itself, all of them taken back."""
    found: dict[str, str] = {}
    with raw_operation():
        if name:
            go_by(name)
        for key, statement in statements.items():
            savepoint = db.session.begin_nested()
            try:
                db.session.execute(text(statement))
                found[key] = ""
            except DBAPIError as error:
                found[key] = str(error.orig)
            savepoint.rollback()
    return found


def go_by(name: str) -> None:
    """Let the running operation be one of another name."""
    connection = db.session.connection()
    if connection.dialect.name == "sqlite":
        connection.connection.info["write_state"].name = name
    else:
        connection.execute(text("SELECT set_config('peony.name', :name, true)"), {"name": name})


def without_operation(statement: str) -> str:
    """What the house's own connection says against a statement that no operation stands behind."""
    session = db.session()
    session.rollback()
    session.connection(execution_options={WRITES: True})
    try:
        session.execute(text(statement))
    except DBAPIError as error:
        return str(error.orig)
    finally:
        session.rollback()
    return ""


def rows(query: str, **values: Any) -> list[tuple[Any, ...]]:
    db.session.rollback()
    return [tuple(row) for row in db.session.execute(text(query), values)]


def one(query: str, **values: Any) -> Any:
    return rows(query, **values)[0][0]


MOMENT = "'2000-01-01 00:00:00.000000'"
FREE = {
    "attendance": {"at": MOMENT},
    "card_item": {"service_id": "(SELECT max(id) FROM service)"},
    "day_close": {"business_day": "'2000-01-01'"},
    "gift_issue": {"approval_id": "NULL"},
    "reversal": {"sale_line_id": "(SELECT max(id) FROM sale_line)"},
    "rule_version": {"number": "99"},
    "sale": {"public_id": "'x'", "number": "number + 1"},
    "sale_line": {"position": "99"},
    "staff_share": {"staff_id": "(SELECT max(id) FROM staff)"},
    "voucher": {"code": "'another'"},
}
"""What a second row must have of its own, lest it be refused for being the same as the first."""


def copied(table: str, row: int, **changed: str) -> str:
    """A statement that puts in the row a second time, with other SQL for the columns named."""
    columns = [column.name for column in db.metadata.tables[table].columns if column.name != "id"]
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(changed.get(name, f'"{name}"') for name in columns)
    return f'INSERT INTO "{table}" ({names}) SELECT {values} FROM "{table}" WHERE id = {row}'


def changed(table: str, row: int, values: dict[str, str]) -> str:
    """A statement that gives a row other values: of an event, that puts in a second one with them."""
    if entity_named(table).append_only:
        return copied(table, row, **{**FREE.get(table, {}), **values})
    listed = ", ".join(f'"{name}" = {value}' for name, value in (values or {"id": "id"}).items())
    return f'UPDATE "{table}" SET {listed} WHERE id = {row}'


def instant(at: datetime) -> str:
    """A moment as a literal that both engines take for the same."""
    return f"'{at:%Y-%m-%d %H:%M:%S.%f}'"


def hang_up() -> None:
    """Close every connection of the house; it opens new ones as it needs them."""
    db.session.remove()
    db.engine.dispose()


@contextmanager
def outside(house: House) -> Iterator[Any]:
    """Another program's connection: Python's own sqlite3, or psycopg; nothing of the house is in it."""
    hang_up()
    if house.engine == "sqlite":
        connection: Any = sqlite3.connect(house.folder / "peony.db", isolation_level=None)
    else:
        address = make_url(house.settings.url).set(drivername="postgresql")
        connection = psycopg.connect(address.render_as_string(hide_password=False), autocommit=True)
    with closing(connection):
        yield connection


def attacks(connection: Any, statements: list[str]) -> dict[str, str]:
    """What the database says against each statement of another program; "" where it takes it."""
    found = {}
    for statement in statements:
        connection.execute("BEGIN")
        try:
            connection.execute(statement)
            found[statement] = ""
        except (sqlite3.Error, psycopg.Error) as error:
            found[statement] = str(error)
        connection.execute("ROLLBACK")
    return found
