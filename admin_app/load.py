"""Load mode: many rows at once into an empty database. Triggers down, rows in, triggers up, one entry with counts and
digests.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Column, Connection, Table, func, insert, select, text

from admin_app.operations.kernel import Operation, perform
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Input, operation, the_machine
from models import triggers
from models.actor import Actor
from models.connection import insert_by_driver, with_room
from models.customers import Customer
from models.entity import AnySelect, db
from models.log import EntryKind
from models.names import Name
from models.value_triggers import rebuild_balances


class Loader:
    """Takes rows, table by table, and remembers how many and what; ``operation`` is the number of its entry."""

    def __init__(self, connection: Connection, operation: int) -> None:
        self.connection = connection
        self.operation = operation
        self.counts: dict[str, int] = {}
        self.digests: dict[str, Any] = {}

    def add(self, table: Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows; every row has the same keys."""
        if rows:
            _write(self.connection, table, rows)
        self._note(table, len(rows), *(repr(tuple(row.values())) for row in rows))

    def derive(self, table: Table, rows: AnySelect) -> None:
        """Insert what a SELECT of the table's columns makes of rows that are there; its own text is the digest."""
        columns = [column.name for column in rows.selected_columns]
        fresh = insert(table).from_select(columns, rows)
        made = self.connection.execute(fresh, execution_options={"preserve_rowcount": True})
        self._note(table, made.rowcount, str(rows), repr(rows.compile().params))

    def _note(self, table: Table, count: int, *what: str) -> None:
        self.counts[table.name] = self.counts.get(table.name, 0) + count
        digest = self.digests.setdefault(table.name, hashlib.sha256())
        for one in what:
            digest.update(one.encode())

    @contextmanager
    def without_indexes(self, column: str, *tables: Table) -> Iterator[None]:
        """Take down the indexes that begin with a column in whose order the rows do not come, and build them once at
        the end. Those in whose order they come grow at their end only, which is quicker and needs no room to sort.
        """
        found = (index for table in tables for index in table.indexes if not index.unique)
        down = sorted((i for i in found if next(iter(i.columns)).name == column), key=lambda i: str(i.name))
        for index in down:
            index.drop(self.connection)
        yield
        for index in down:
            index.create(self.connection)


def _write(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """By the driver itself, many times as quick as an INSERT through all layers: PostgreSQL's COPY, SQLite's own many.

    Values go through their column's own type, as an INSERT's would.
    """
    columns = [c for c in table.columns if c.name in rows[0] or c.default is not None]
    values = _values(connection, columns, rows)
    if connection.dialect.name == "sqlite":
        insert_by_driver(connection, table.name, [column.name for column in columns], values)
        return
    names = ", ".join(f'"{column.name}"' for column in columns)
    driver: Any = connection.connection.cursor()
    with driver as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in values:
            copy.write_row(row)


def _values(connection: Connection, columns: list[Column[Any]], rows: list[dict[str, Any]]) -> Iterator[list[Any]]:
    """The rows as the driver takes them, column by column."""
    dialect = connection.dialect
    writers = [column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
    given: list[list[Any]] = []
    for column, write in zip(columns, writers, strict=True):
        name = column.name
        plain = [row[name] for row in rows] if name in rows[0] else [_default(column) for _ in rows]
        given.append([None if v is None else write(v) for v in plain] if write else plain)
    return map(list, zip(*given, strict=True))


def _default(column: Column[Any]) -> Any:
    default: Any = column.default
    return default.arg(None) if default.is_callable else default.arg


class LoadInput(Input):
    """Why so much is brought in at once."""

    why: str


_work: list[Any] = []


@operation(Name.LOAD, label=_l("Bulk load"), kind=EntryKind.LOAD, permitted=the_machine, form=False)
def load_rows(op: Operation, data: LoadInput) -> Answer:
    """Run the waiting loader within one entry.

    :raises Refused: the salon has customers already.
    """
    connection = op.session.connection()
    if connection.scalar(select(func.count()).select_from(Customer)):
        raise Refused(_l("This is for an empty salon only."))
    loader = Loader(connection, op.number)
    triggers.uninstall(connection)
    with with_room(connection):
        _work[-1](loader)
    rebuild_balances(connection)
    triggers.install(connection)
    connection.execute(text("ANALYZE"))  # without it the planner knows nothing of the new rows
    op.reason = data.why
    op.detail = {"counts": loader.counts, "digests": {name: d.hexdigest()[:16] for name, d in loader.digests.items()}}
    return {"counts": loader.counts}


def load(work: Any, why: str, actor: Actor) -> dict[str, int]:
    """Let ``work(loader)`` fill an empty salon, whole or not at all; rows by table."""
    with _waiting(work):
        counts: dict[str, int] = perform(Name.LOAD, LoadInput(why=why), actor=actor)["counts"]
        return counts


@contextmanager
def _waiting(work: Any) -> Iterator[None]:
    _work.append(work)
    gc.freeze()  # the collector need not walk through the whole house for every few rows
    try:
        yield
    finally:
        gc.unfreeze()
        _work.pop()


def align_sequences(connection: Connection) -> None:
    """After rows with ids of their own: PostgreSQL's counters go on behind the largest."""
    if connection.dialect.name != "postgresql":
        return
    for table in db.metadata.sorted_tables:
        key = list(table.primary_key.columns)
        if len(key) == 1 and key[0].autoincrement is not False and not key[0].foreign_keys:
            sequence = connection.scalar(
                text("SELECT pg_get_serial_sequence(:t, :c)"), {"t": f'"{table.name}"', "c": key[0].name}
            )
            if sequence:
                largest = connection.scalar(select(func.max(key[0])))
                if largest:
                    connection.execute(text("SELECT setval(:s, :v)"), {"s": sequence, "v": largest})
