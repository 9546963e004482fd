"""Changes of the schema, one file each under ``versions``; run by ``admin_app/upgrade.py``.

A migration alters a table through ``op.batch_alter_table(name, copy_from=as_it_stands(op.get_bind(), name))`` and names
constraints with ``op.f("ck_room_turnover")``. PostgreSQL then alters in place; SQLite copies the table, and
``as_it_stands`` is what keeps its CHECKs, its partial indexes and the names of its constraints.
"""

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
    table = Table(name, MetaData(), autoload_with=connection)
    known = {constraint.name for constraint in table.constraints}
    for check in inspect(connection).get_check_constraints(name):
        if check["name"] not in known:
            table.append_constraint(CheckConstraint(check["sqltext"], name=check["name"]))
    return table
