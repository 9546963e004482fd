"""Making the schema, and reading it back as text so that two schemas can be compared word for word."""

from __future__ import annotations

import re

from sqlalchemy import Connection, Engine, Sequence, create_engine, text
from sqlalchemy.schema import CreateSchema, DropSchema

from models import triggers
from models.connection import engine_options, prepare_engine
from models.entity import Base

OPERATION_NUMBERS = Sequence("operation_id_seq", metadata=Base.metadata)
SCRATCH = "peony_scratch"
_OF_ALEMBIC = re.compile(r"(table|column|constraint|index) alembic_version(_pkc)?(\.|$)")


def create(connection: Connection) -> None:
    """Every table, index and trigger, in an empty database."""
    Base.metadata.create_all(connection)
    triggers.install(connection)


def schema_of(connection: Connection, schema: str = "public") -> dict[str, str]:
    """The standing schema: the definition of each table, view, index, constraint, rule, function, trigger by name."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(
            text(
                "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
            )
        )
        found = {f"{kind} {name}": _plain(sql) for kind, name, _, sql in rows}
    else:
        rows = connection.execute(text(_POSTGRES_SCHEMA), {"schema": schema})
        found = {name: _plain(definition.replace(f"{schema}.", "")) for name, definition in rows}
    return {name: definition for name, definition in found.items() if not _OF_ALEMBIC.match(name)}


def expected_schema(engine: Engine) -> dict[str, str]:
    """What ``schema_of`` would say of a database made from the models today, on the same kind of engine."""
    with engine.connect() as connection:  # of which the version is known then
        kind = connection.dialect.name, connection.dialect.server_version_info
    if kind not in _expected:
        _expected[kind] = _made_on_sqlite() if engine.dialect.name == "sqlite" else _made_beside(engine)
    return dict(_expected[kind])


_expected: dict[object, dict[str, str]] = {}
"""By kind of engine and its version: while a process lives its models stay as they are."""


def _made_on_sqlite() -> dict[str, str]:
    fresh = create_engine("sqlite://", **engine_options("sqlite://"))
    prepare_engine(fresh)
    with fresh.begin() as connection:
        create(connection)
        found = schema_of(connection)
    fresh.dispose()
    return found


def _made_beside(engine: Engine) -> dict[str, str]:
    """In a schema of its own in a PostgreSQL database, of which nothing is left."""
    with engine.connect() as connection:
        connection.execute(DropSchema(SCRATCH, cascade=True, if_exists=True))
        connection.execute(CreateSchema(SCRATCH))
        connection.execute(text(f"SET LOCAL search_path TO {SCRATCH}"))
        create(connection)
        found = schema_of(connection, SCRATCH)
        connection.rollback()
        return found


def differences(standing: dict[str, str], expected: dict[str, str]) -> list[str]:
    """One line per definition that is missing, altered or not ours."""
    missing = [f"missing: {name}" for name in expected if name not in standing]
    altered = [f"altered: {name}" for name in expected if name in standing and standing[name] != expected[name]]
    foreign = [f"not ours: {name}" for name in standing if name not in expected]
    return sorted(missing) + sorted(altered) + sorted(foreign)


def _plain(definition: str) -> str:
    """White space, quotes around plain names and the order of a table's columns say nothing."""
    plain = re.sub(r"\s+", " ", re.sub(r'"(\w+)"', r"\1", definition)).strip()
    if not plain.startswith("CREATE TABLE"):
        return plain
    head, _, body = plain.partition("(")
    return f"{head}({', '.join(sorted(_parts(body.removesuffix(')'))))})"


def _parts(body: str) -> list[str]:
    """A table's columns and constraints: split at the commas outside parentheses."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(body):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(body[start:place].strip())
            start = place + 1
    return [*parts, body[start:].strip()]


_POSTGRES_SCHEMA = """
SELECT 'column ' || t.relname || '.' || a.attname,
       format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
       || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
       || coalesce(' COLLATE ' || nullif(c.collname, 'default'), '')
  FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid JOIN pg_namespace n ON n.oid = t.relnamespace
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  LEFT JOIN pg_collation c ON c.oid = a.attcollation
 WHERE n.nspname = :schema AND t.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint ' || t.relname || '.' || c.conname, pg_get_constraintdef(c.oid)
  FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = c.connamespace
 WHERE n.nspname = :schema AND c.contype <> 't'
UNION ALL
SELECT 'index ' || c.relname, pg_get_indexdef(c.oid)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relkind = 'i'
UNION ALL
SELECT 'trigger ' || g.tgname, pg_get_triggerdef(g.oid) || ' ' || g.tgenabled::text
  FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid JOIN pg_namespace n ON n.oid = t.relnamespace
 WHERE n.nspname = :schema AND NOT g.tgisinternal
UNION ALL
SELECT 'function ' || p.proname, p.prosrc
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = :schema
UNION ALL
SELECT 'view ' || c.relname, pg_get_viewdef(c.oid)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relkind IN ('v', 'm')
UNION ALL
SELECT 'rule ' || c.relname || '.' || r.rulename, pg_get_ruledef(r.oid)
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = :schema AND r.rulename <> '_RETURN'
UNION ALL
SELECT 'sequence ' || c.relname, '' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = :schema AND c.relkind = 'S'
"""
