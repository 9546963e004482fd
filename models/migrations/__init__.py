"""Changes of the schema, one file each under ``versions``; run by ``admin_app/upgrade.py``.

A migration alters a table through ``op.batch_alter_table(name, copy_from=as_it_stands(op.get_bind(), name))`` and names
constraints with ``op.f("ck_room_turnover")``. PostgreSQL then alters in place; SQLite copies the table, and
``as_it_stands`` is what keeps its CHECKs, its partial indexes and the names of its constraints.
"""

from collections.abc import Mapping
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


class RowsInTheWay(Exception):
    """Rows hold values that the new schema does not take; ``rows`` names some of them."""

    def __init__(self, rows: list[str]) -> None:
        super().__init__("; ".join(rows))
        self.rows = rows


MOST_NAMED = 20


def refuse_rows(connection: Connection, conditions: Mapping[str, Mapping[str, str]]) -> None:
    """Look for rows that the coming CHECKs, by table and column, would refuse.

    :raises RowsInTheWay: there are some.
    """
    rows: list[str] = []
    for table, columns in conditions.items():
        broken = " OR ".join(f"NOT ({condition})" for condition in columns.values())
        query = f'SELECT * FROM "{table}" WHERE {broken} ORDER BY id LIMIT {MOST_NAMED}'
        for row in connection.execute(text(query)).mappings().all():
            for column, condition in columns.items():
                one = f'SELECT 1 FROM "{table}" WHERE id = :id AND NOT ({condition})'
                if connection.execute(text(one), {"id": row["id"]}).first():
                    rows.append(f"{table} {row['id']}: {column} {row[column]}")
    if rows:
        raise RowsInTheWay(rows[:MOST_NAMED])
