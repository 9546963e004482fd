"""Changes of the schema, one file each under ``versions``; run by ``admin_app/upgrade.py``.

A migration alters a table through ``op.batch_alter_table(name, copy_from=as_it_stands(op.get_bind(), name))`` and names
constraints with ``op.f("ck_room_turnover")``. PostgreSQL then alters in place; SQLite copies the table, and
``as_it_stands`` is what keeps its CHECKs, its partial indexes and the names of its constraints.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Connection, DateTime, Integer, MetaData, Table, inspect, text

BIG = BigInteger().with_variant(Integer, "sqlite")
MONEY = BigInteger()
INSTANT = DateTime(timezone=True)


def among(column: str, *values: str) -> str:
    """The CHECK of a closed list."""
    return " OR ".join(f'"{column}" = {value!r}' for value in values)


def where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, for both engines."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def as_it_stands(connection: Connection, name: str) -> Table:
    """A table as the database has it now, every constraint with its name."""
    table = Table(name, MetaData(), autoload_with=connection, resolve_fks=False)
    known = {constraint.name for constraint in table.constraints}
    for check in inspect(connection).get_check_constraints(name):
        if check["name"] not in known:
            table.append_constraint(CheckConstraint(check["sqltext"], name=check["name"]))
    return table


@dataclass(frozen=True)
class OutsideValue:
    """A value that a coming CHECK refuses: where it stands, as JSON, and the bounds as SQL literals."""

    table: str
    row: int
    column: str
    value: str
    least: str
    most: str


class RowsInTheWay(Exception):
    """Rows hold values that the new schema does not take; ``rows`` are some of them."""

    def __init__(self, rows: list[OutsideValue]) -> None:
        super().__init__(f"{len(rows)} values")
        self.rows = rows


MOST_NAMED = 20
Mend = Callable[[Connection, Sequence[OutsideValue]], None]
_mend: ContextVar[Mend | None] = ContextVar("mend", default=None)


@contextmanager
def mending(mend: Mend | None) -> Iterator[None]:
    """Let what is outside be mended where migrations look for it, instead of refused."""
    token = _mend.set(mend)
    try:
        yield
    finally:
        _mend.reset(token)


_BOUNDS = re.compile(r'"\w+" >= (.+) AND "\w+" <= (.+)')


def refuse_rows(connection: Connection, conditions: Mapping[str, Mapping[str, str]]) -> None:
    """Look for values that the coming CHECKs, by table and column, would refuse; a condition names its two bounds.

    :raises RowsInTheWay: there are some, and nobody mends them.
    """
    mend = _mend.get()
    if mend is not None:
        mend(connection, list(_outside(connection, conditions)))
    if rows := list(islice(_outside(connection, conditions), MOST_NAMED)):
        raise RowsInTheWay(rows)


def _outside(connection: Connection, conditions: Mapping[str, Mapping[str, str]]) -> Iterator[OutsideValue]:
    for table, columns in conditions.items():
        broken = " OR ".join(f"NOT ({condition})" for condition in columns.values())
        each = ", ".join(f"NOT ({condition}), {as_json(connection, name)}" for name, condition in columns.items())
        query = text(f'SELECT id, {each} FROM "{table}" WHERE {broken} ORDER BY id')
        for row in connection.execute(query).all():
            for place, (column, condition) in enumerate(columns.items()):
                refused, value = row[1 + 2 * place], row[2 + 2 * place]
                bounds = _BOUNDS.fullmatch(condition)
                if refused and bounds is not None:
                    yield OutsideValue(table, row[0], column, value, bounds[1], bounds[2])


def as_json(connection: Connection, column: str) -> str:
    """The SQL that gives a column as JSON, also a date that Python does not know."""
    return f'json_quote("{column}")' if connection.dialect.name == "sqlite" else f'to_jsonb("{column}")::text'
