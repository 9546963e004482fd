"""Load mode: many rows at once into an empty database. Triggers down, rows in, triggers up, one entry with counts and
digests.
"""

from __future__ import annotations

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
from models.customers import Customer
from models.entity import db
from models.log import EntryKind
from models.names import Name
from models.value_triggers import rebuild_balances

BATCH = 1_000


class Loader:
    """Takes rows, table by table, and remembers how many and what; ``operation`` is the number of its entry."""

    def __init__(self, connection: Connection, operation: int) -> None:
        self.connection = connection
        self.operation = operation
        self.counts: dict[str, int] = {}
        self.digests: dict[str, Any] = {}

    def add(self, table: Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows; every row has the same keys."""
        if self.connection.dialect.name == "postgresql":
            _copy(self.connection, table, rows)
        else:
            for start in range(0, len(rows), BATCH):
                self.connection.execute(insert(table), rows[start : start + BATCH])
        self.counts[table.name] = self.counts.get(table.name, 0) + len(rows)
        digest = self.digests.setdefault(table.name, hashlib.sha256())
        for row in rows:
            digest.update(repr(sorted(row.items())).encode())


def _copy(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """PostgreSQL's COPY: about ten times an INSERT. Values go through their column's own type, as an INSERT's would."""
    if not rows:
        return
    columns = [c for c in table.columns if c.name in rows[0] or c.default is not None]
    written: list[Any] = [
        c.type.dialect_impl(connection.dialect).bind_processor(connection.dialect) or (lambda v: v) for c in columns
    ]
    names = ", ".join(f'"{column.name}"' for column in columns)
    driver: Any = connection.connection.cursor()
    with driver as cursor, cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in rows:
            values = (row[c.name] if c.name in row else _default(c) for c in columns)
            copy.write_row([None if v is None else write(v) for v, write in zip(values, written, strict=True)])


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
    try:
        yield
    finally:
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
