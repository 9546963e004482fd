"""The SQL by which the database itself logs, refuses and marks: generated from the entities for both engines.

Everything here is dropped before a migration and made again after it; ``doctor`` compares what stands with what should.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Table, UniqueConstraint, text

from models import value_triggers
from models.connection import HIDDEN, HIDDEN_DIGITS
from models.entity import EVERYBODY, Base, Entity, entities, table_of
from models.field import Privacy
from models.invariants import NoGaps, NoOverlap, OneStep
from models.log import LogBase
from models.names import Name
from models.types import Encrypted

NO_ACTOR = "write without an actor"


def install(connection: Connection) -> None:
    """Make every trigger and generated constraint; they must not stand yet."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks pending cannot be altered
        connection.exec_driver_sql("SET CONSTRAINTS ALL DEFERRED")
    percent = "%" if connection.dialect.name == "sqlite" else "%%"  # psycopg reads % as a placeholder
    for statement in statements(connection.dialect.name):
        connection.exec_driver_sql(statement.replace("%", percent))


def uninstall(connection: Connection) -> None:
    """Drop every trigger (and, on PostgreSQL, generated constraint) that ``install`` makes."""
    if connection.dialect.name == "sqlite":
        names = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
        for name in names:
            connection.execute(text(f'DROP TRIGGER "{name}"'))
        return
    for function in {**_POSTGRES_FUNCTIONS, **value_triggers.POSTGRES_FUNCTIONS}:
        connection.execute(text(f"DROP FUNCTION IF EXISTS {function}() CASCADE"))
    for entity in entities():
        for rule in entity.no_overlap:
            connection.execute(
                text(
                    f'ALTER TABLE IF EXISTS "{entity.named()}" DROP CONSTRAINT IF EXISTS {_overlap_name(entity, rule)}'
                )
            )


def statements(dialect: str) -> list[str]:
    """The statements, in order, for ``sqlite`` or ``postgresql``."""
    return list(_sqlite() if dialect == "sqlite" else _postgres())


def _log_tables() -> list[Table]:
    logs = {table_of(mapper.class_) for mapper in Base.registry.mappers if issubclass(mapper.class_, LogBase)}
    return sorted(logs, key=lambda table: table.name)


def _append_only_tables() -> list[Table]:
    events = {table_of(entity) for entity in entities() if entity.append_only}
    return sorted(events | {*_log_tables()}, key=lambda table: table.name)


def _unique_keys(table: Table) -> Iterator[list[str]]:
    yield [column.name for column in table.primary_key.columns]
    for constraint in sorted(table.constraints, key=lambda c: str(c.name)):
        if isinstance(constraint, UniqueConstraint):
            yield [column.name for column in constraint.columns]
    for column in table.columns:
        if column.unique:
            yield [column.name]


def _secret(entity: type[Entity]) -> list[str]:
    """Columns that the log holds a digest of; what is encrypted stands in it as it is kept."""
    secret = (found for found in entity.fields().values() if found.info.privacy is Privacy.SECRET)
    return [found.name for found in secret if not found.encrypted]


def _mark_columns(entity: type[Entity]) -> list[str]:
    """The columns that name whoever has to be looked at again when a row changes."""
    if not entity.logged() or not entity.marks:
        return []
    if entity.named() == "customer":
        return ["id", "merged_into_id", "referrer_id"]
    return ["customer_id"] if "customer_id" in entity.fields() else []


def _mark_parent(entity: type[Entity]) -> list[str]:
    """The column and the table through which a row that may change belongs to a customer, where none names her."""
    fields, within = entity.fields(), entity.within
    if not entity.logged() or entity.append_only or within is None or "customer_id" in fields:
        return []
    parent = next(key.column.table for key in fields[within].column.foreign_keys)
    return [within, parent.name] if "customer_id" in parent.columns else []


def _overlap_name(entity: type[Entity], rule: NoOverlap) -> str:
    return f"no_overlap_{entity.named()}_{rule.owner}"


# ---------------------------------------------------------------------------------------------------- SQLite


def _sqlite() -> Iterator[str]:
    for entity in entities():
        if entity.logged():
            yield from _sqlite_log(entity)
        marks = _mark_columns(entity)
        if marks:
            yield from _sqlite_mark(entity.named(), marks)
        if through := _mark_parent(entity):
            yield from _sqlite_mark_parent(entity.named(), *through)
        if entity.moves_all:
            yield _sqlite_mark_all(entity.named(), entity.moves_all)
        for overlap in entity.no_overlap:
            yield from _sqlite_no_overlap(entity, overlap)
        for gaps in entity.no_gaps:
            yield from _sqlite_no_gaps(entity.named(), gaps)
        for step in entity.one_step:
            yield from _sqlite_one_step(entity.named(), step)
    for table in _append_only_tables():
        yield from _sqlite_append_only(table)
    yield from _sqlite_row_value()
    for table in _log_tables():
        yield _sqlite_with_an_actor(table)
    yield from value_triggers.sqlite()


def _sqlite_row(entity: type[Entity], side: str) -> str:
    """A JSON object of the row's columns; ciphertext in hexadecimal."""
    parts: list[str] = []
    for column in sorted(table_of(entity).columns, key=lambda column: column.name):
        value = f'{side}."{column.name}"'
        if isinstance(column.type, Encrypted):
            value = f"CASE WHEN {value} IS NOT NULL THEN hex({value}) END"
        parts.append(f"'{column.name}', {value}")
    return f"json_object({', '.join(parts)})"


def logged_row(entity: type[Entity], dialect: str) -> str:
    """The SQL of row ``t`` as its insertion would be logged: a JSON object without what is missing, as text."""
    secret = _secret(entity)
    if dialect == "sqlite":
        row = _sqlite_row(entity, "t")
        for name in secret:
            row = row.replace(f"'{name}', t.\"{name}\"", f"'{name}', peony_hidden(t.\"{name}\")")
        return f"json_patch('{{}}', {row})"
    hidden = "".join(
        f" || CASE WHEN t.\"{name}\" IS NULL THEN '{{}}'"
        f" ELSE jsonb_build_object('{name}', {_postgres_hidden(f't.{chr(34)}{name}{chr(34)}')}) END"
        for name in secret
    )
    return f"(jsonb_strip_nulls(to_jsonb(t)){hidden})::text"


def _postgres_hidden(value: str) -> str:
    """The SQL of what the log holds instead of a secret: see ``models.connection.hidden``."""
    return f"'{HIDDEN}' || left(encode(sha256(convert_to(({value})::text, 'UTF8')), 'hex'), {HIDDEN_DIGITS})"


def _sqlite_log(entity: type[Entity]) -> Iterator[str]:
    table, secret = entity.named(), ",".join(_secret(entity))
    for kind in ("insert", "update", "delete"):
        old = "NULL" if kind == "insert" else _sqlite_row(entity, "OLD")
        new = "NULL" if kind == "delete" else _sqlite_row(entity, "NEW")
        row = "OLD.id" if kind == "delete" else "NEW.id"
        yield (
            f'CREATE TRIGGER log_{table}_{kind} AFTER {kind.upper()} ON "{table}" BEGIN\n'
            f"  SELECT RAISE(ABORT, '{NO_ACTOR}') WHERE peony_operation() IS NULL;\n"
            f"  SELECT peony_difference({old}, {new}, '{secret}');\n"
            f"  INSERT INTO row_change (operation_id, entity, row_id, kind, columns, digest)\n"
            f"    SELECT peony_operation(), '{table}', {row}, '{kind}', peony_columns(), peony_digest()\n"
            f"    WHERE peony_columns() <> '';\n"
            f"  INSERT INTO row_value (row_change_id, salt, old, new)\n"
            f"    SELECT last_insert_rowid(), peony_salt(), peony_old(), peony_new() WHERE peony_columns() <> '';\n"
            f"END"
        )


def _sqlite_mark(table: str, columns: list[str]) -> Iterator[str]:
    for kind, sides in (("insert", ("NEW",)), ("update", ("NEW", "OLD")), ("delete", ("OLD",))):
        body = ""
        for column in columns:
            for side in sides:
                always = kind != "update" or (side == "NEW" and column == columns[0])
                changed = "" if always else f" AND OLD.{column} IS NOT NEW.{column}"
                body += (
                    f"  INSERT INTO changed_customer (customer_id, source) SELECT {side}.{column}, '{table}'"
                    f" WHERE {side}.{column} IS NOT NULL{changed};\n"
                )
        yield f'CREATE TRIGGER mark_{table}_{kind} AFTER {kind.upper()} ON "{table}" BEGIN\n{body}END'


def _sqlite_mark_parent(table: str, column: str, parent: str) -> Iterator[str]:
    for kind, side in (("insert", "NEW"), ("update", "NEW"), ("delete", "OLD")):
        yield (
            f'CREATE TRIGGER mark_{table}_{kind} AFTER {kind.upper()} ON "{table}" BEGIN\n'
            f"  INSERT INTO changed_customer (customer_id, source) SELECT customer_id, '{table}' FROM \"{parent}\""
            f" WHERE id = {side}.{column} AND customer_id IS NOT NULL;\nEND"
        )


def _sqlite_mark_all(table: str, columns: Sequence[str]) -> str:
    differs = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in columns)
    return (
        f'CREATE TRIGGER mark_all_{table} AFTER UPDATE OF {", ".join(columns)} ON "{table}" WHEN {differs} BEGIN\n'
        f"  INSERT INTO changed_customer (customer_id) VALUES ({EVERYBODY});\nEND"
    )


def _sqlite_no_overlap(entity: type[Entity], rule: NoOverlap) -> Iterator[str]:
    table, live = entity.named(), f"({rule.when})"
    for kind in ("insert", "update"):
        yield (
            f'CREATE TRIGGER {_overlap_name(entity, rule)}_{kind} BEFORE {kind.upper()} ON "{table}"\n'
            f"WHEN {live.replace('archived_at', 'NEW.archived_at')} BEGIN\n"
            f"  SELECT RAISE(ABORT, '{_overlap_name(entity, rule)}') WHERE EXISTS (\n"
            f'    SELECT 1 FROM "{table}" WHERE {rule.owner} = NEW.{rule.owner} AND {rule.starts} < NEW.{rule.ends}\n'
            f"    AND {rule.ends} > NEW.{rule.starts} AND {live} AND id <> coalesce(NEW.id, -1));\n"
            f"END"
        )


def _sqlite_no_gaps(table: str, rule: NoGaps) -> Iterator[str]:
    same = " AND ".join(f"{column} = NEW.{column}" for column in rule.per)
    yield (
        f'CREATE TRIGGER no_gaps_{table}_insert BEFORE INSERT ON "{table}" BEGIN\n'
        f"  SELECT RAISE(ABORT, 'no_gaps_{table}') WHERE NEW.{rule.number} <>\n"
        f'    (SELECT coalesce(max({rule.number}), 0) + 1 FROM "{table}" WHERE {same});\n'
        f"END"
    )
    columns = ", ".join((rule.number, *rule.per))
    for kind, event in (("update", f"UPDATE OF {columns}"), ("delete", "DELETE")):
        yield (
            f'CREATE TRIGGER no_gaps_{table}_{kind} BEFORE {event} ON "{table}" BEGIN\n'
            f"  SELECT RAISE(ABORT, 'no_gaps_{table}');\nEND"
        )


def _sqlite_one_step(table: str, rule: OneStep) -> Iterator[str]:
    for kind, event in (("insert", "INSERT"), ("update", f"UPDATE OF {rule.column}")):
        yield (
            f'CREATE TRIGGER one_step_{table}_{kind} BEFORE {event} ON "{table}"\n'
            f"WHEN NEW.{rule.column} IS NOT NULL BEGIN\n"
            f"  SELECT RAISE(ABORT, 'one_step_{table}') WHERE EXISTS (SELECT 1 FROM \"{table}\" WHERE\n"
            f"    (id = NEW.{rule.column} AND {rule.column} IS NOT NULL) OR {rule.column} = NEW.id);\nEND"
        )


def _erasable(table: Table) -> list[str]:
    """Of a customer's events, the ciphertexts: erasing her empties them, nothing else of an event ever changes."""
    if "customer_id" not in table.columns:
        return []
    return [column.name for column in table.columns if isinstance(column.type, Encrypted)]


ERASING = f"coalesce(peony_name(), '') = '{Name.ERASE_CUSTOMER}'"


def _sqlite_append_only(table: Table) -> Iterator[str]:
    refuse = f"SELECT RAISE(ABORT, '{table.name} is append-only')"
    erasable = _erasable(table)
    if erasable:
        kept = ", ".join(f'"{column.name}"' for column in table.columns if column.name not in erasable)
        emptied = " AND ".join(f'NEW."{name}" IS NULL' for name in erasable)
        yield (
            f'CREATE TRIGGER append_only_{table.name}_erase BEFORE UPDATE ON "{table.name}" BEGIN\n'
            f"  {refuse} WHERE NOT ({ERASING} AND {emptied});\nEND"
        )
        yield (
            f'CREATE TRIGGER append_only_{table.name}_update BEFORE UPDATE OF {kept} ON "{table.name}" BEGIN\n'
            f"  {refuse};\nEND"
        )
    for kind in ("DELETE",) if erasable else ("UPDATE", "DELETE"):
        yield (
            f'CREATE TRIGGER append_only_{table.name}_{kind.lower()} BEFORE {kind} ON "{table.name}" BEGIN\n'
            f"  {refuse};\nEND"
        )
    keys = [" AND ".join(f'"{name}" = NEW."{name}"' for name in key) for key in _unique_keys(table)]
    there = " OR ".join(f'EXISTS (SELECT 1 FROM "{table.name}" WHERE {key})' for key in keys)
    yield (
        f'CREATE TRIGGER append_only_{table.name}_insert BEFORE INSERT ON "{table.name}" BEGIN\n'
        f"  {refuse} WHERE {there};\nEND"
    )


def _sqlite_row_value() -> Iterator[str]:
    yield (
        "CREATE TRIGGER row_value_update BEFORE UPDATE ON row_value BEGIN\n"
        "  SELECT RAISE(ABORT, 'row_value is append-only');\nEND"
    )
    yield (
        "CREATE TRIGGER row_value_delete BEFORE DELETE ON row_value BEGIN\n"
        f"  SELECT RAISE(ABORT, 'row_value is append-only') WHERE NOT ({ERASING});\n"
        "END"
    )
    yield (
        "CREATE TRIGGER row_value_insert BEFORE INSERT ON row_value BEGIN\n"
        "  SELECT RAISE(ABORT, 'row_value is append-only')\n"
        "    WHERE EXISTS (SELECT 1 FROM row_value WHERE row_change_id = NEW.row_change_id);\nEND"
    )


def _sqlite_with_an_actor(table: Table) -> str:
    return (
        f'CREATE TRIGGER with_an_actor_{table.name} BEFORE INSERT ON "{table.name}" BEGIN\n'
        f"  SELECT RAISE(ABORT, '{NO_ACTOR}') WHERE peony_operation() IS NULL;\nEND"
    )


# ------------------------------------------------------------------------------------------------ PostgreSQL

_POSTGRES_FUNCTIONS = {
    "peony_log": f"""
DECLARE
  current_operation text := coalesce(current_setting('peony.operation', true), '');
  was jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{{}}' ELSE jsonb_strip_nulls(to_jsonb(OLD)) END;
  is_now jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{{}}' ELSE jsonb_strip_nulls(to_jsonb(NEW)) END;
  names text[]; old_values text; new_values text; new_salt text; change bigint;
BEGIN
  IF current_operation = '' THEN RAISE EXCEPTION '{NO_ACTOR}'; END IF;
  SELECT array_agg(key ORDER BY key COLLATE "C") INTO names FROM jsonb_object_keys(was || is_now) AS key
    WHERE was -> key IS DISTINCT FROM is_now -> key;
  IF names IS NULL THEN RETURN NULL; END IF;
  SELECT jsonb_object_agg(key, CASE WHEN key = ANY (TG_ARGV)
    THEN to_jsonb({_postgres_hidden("was ->> key")}) ELSE was -> key END)::text INTO old_values
    FROM unnest(names) AS key WHERE was ? key;
  SELECT jsonb_object_agg(key, CASE WHEN key = ANY (TG_ARGV)
    THEN to_jsonb({_postgres_hidden("is_now ->> key")}) ELSE is_now -> key END)::text INTO new_values
    FROM unnest(names) AS key WHERE is_now ? key;
  IF TG_OP = 'UPDATE' THEN
    old_values := coalesce(old_values, '{{}}');
    new_values := coalesce(new_values, '{{}}');
  END IF;
  new_salt := replace(gen_random_uuid()::text, '-', '');
  INSERT INTO row_change (operation_id, entity, row_id, kind, columns, digest)
    VALUES (current_operation::bigint, TG_TABLE_NAME,
      (CASE WHEN TG_OP = 'DELETE' THEN was ELSE is_now END ->> 'id')::bigint,
      lower(TG_OP), array_to_string(names, ','),
      encode(sha256(convert_to(concat(new_salt, '|', old_values, '|', new_values), 'UTF8')), 'hex'))
    RETURNING id INTO change;
  INSERT INTO row_value (row_change_id, salt, old, new) VALUES (change, new_salt, old_values, new_values);
  RETURN NULL;
END""",
    "peony_append_only": f"""
DECLARE
  erasable text[] := TG_ARGV::text[];
BEGIN
  IF coalesce(current_setting('peony.name', true), '') = '{Name.ERASE_CUSTOMER}' THEN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'row_value' THEN RETURN OLD; END IF;
    IF TG_OP = 'UPDATE' AND cardinality(erasable) > 0 AND to_jsonb(OLD) - erasable = to_jsonb(NEW) - erasable
      AND NOT EXISTS (SELECT 1 FROM unnest(erasable) AS name WHERE to_jsonb(NEW) ->> name IS NOT NULL)
    THEN RETURN NEW; END IF;
  END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END""",
    "peony_no_truncate": """
BEGIN
  RAISE EXCEPTION '% cannot be emptied', TG_TABLE_NAME;
END""",
    "peony_mark": """
DECLARE
  was jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) END;
  is_now jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) END;
  part text;
BEGIN
  FOREACH part IN ARRAY TG_ARGV LOOP
    INSERT INTO changed_customer (customer_id, source) SELECT DISTINCT who, TG_TABLE_NAME FROM (
      SELECT (is_now ->> part)::bigint AS who WHERE part = TG_ARGV[0] OR is_now -> part IS DISTINCT FROM was -> part
      UNION SELECT (was ->> part)::bigint WHERE is_now -> part IS DISTINCT FROM was -> part
    ) AS named WHERE who IS NOT NULL;
  END LOOP;
  RETURN NULL;
END""",
    "peony_mark_parent": """
DECLARE
  named jsonb := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
BEGIN
  EXECUTE format('INSERT INTO changed_customer (customer_id, source) SELECT customer_id, %L FROM %I WHERE id = %L '
    'AND customer_id IS NOT NULL', TG_TABLE_NAME, TG_ARGV[1], named ->> TG_ARGV[0]);
  RETURN NULL;
END""",
    "peony_mark_all": f"""
BEGIN
  INSERT INTO changed_customer (customer_id) SELECT {EVERYBODY} WHERE EXISTS (
    SELECT 1 FROM unnest(TG_ARGV) AS part WHERE to_jsonb(OLD) -> part IS DISTINCT FROM to_jsonb(NEW) -> part);
  RETURN NULL;
END""",
    "peony_one_step": """
DECLARE
  target text := to_jsonb(NEW) ->> TG_ARGV[0];
  taken boolean;
BEGIN
  IF target IS NULL THEN RETURN NEW; END IF;
  PERFORM pg_advisory_xact_lock(7366);
  EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I WHERE (id = %L AND %I IS NOT NULL) OR %I = %L)',
    TG_TABLE_NAME, target, TG_ARGV[0], TG_ARGV[0], NEW.id) INTO taken;
  IF taken THEN RAISE EXCEPTION 'one_step_%', TG_TABLE_NAME; END IF;
  RETURN NEW;
END""",
    "peony_no_gaps": """
DECLARE
  is_now jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
  last bigint; part text; same text := 'true';
BEGIN
  IF TG_OP = 'DELETE' THEN RAISE EXCEPTION 'no_gaps_%', TG_TABLE_NAME; END IF;
  IF TG_OP = 'UPDATE' THEN
    FOREACH part IN ARRAY TG_ARGV LOOP
      IF is_now -> part IS DISTINCT FROM to_jsonb(OLD) -> part THEN RAISE EXCEPTION 'no_gaps_%', TG_TABLE_NAME; END IF;
    END LOOP;
    RETURN NEW;
  END IF;
  FOREACH part IN ARRAY TG_ARGV[1:] LOOP
    same := same || format(' AND %I = %L', part, is_now ->> part);
  END LOOP;
  EXECUTE format('SELECT coalesce(max(%I), 0) FROM %I WHERE %s', TG_ARGV[0], TG_TABLE_NAME, same) INTO last;
  IF (is_now ->> TG_ARGV[0])::bigint <> last + 1 THEN RAISE EXCEPTION 'no_gaps_%', TG_TABLE_NAME; END IF;
  RETURN NEW;
END""",
}


def _postgres() -> Iterator[str]:
    for name, body in {**_POSTGRES_FUNCTIONS, **value_triggers.POSTGRES_FUNCTIONS}.items():
        yield f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body${body}$body$"
    for entity in entities():
        table = entity.named()
        if entity.logged():
            yield from _on(table, f"log_{table}", "AFTER INSERT OR DELETE OR UPDATE", "peony_log", _secret(entity))
            yield from _on(table, f"no_truncate_{table}", "BEFORE TRUNCATE", "peony_no_truncate", [], "STATEMENT")
        marks = _mark_columns(entity)
        if marks:
            yield from _on(table, f"mark_{table}", "AFTER INSERT OR DELETE OR UPDATE", "peony_mark", marks)
        if through := _mark_parent(entity):
            yield from _on(table, f"mark_{table}", "AFTER INSERT OR DELETE OR UPDATE", "peony_mark_parent", through)
        if entity.moves_all:
            yield from _on(table, f"mark_all_{table}", "AFTER UPDATE", "peony_mark_all", list(entity.moves_all))
        for overlap in entity.no_overlap:
            yield _postgres_no_overlap(entity, overlap)
        for gaps in entity.no_gaps:
            columns = [gaps.number, *gaps.per]
            yield from _on(table, f"no_gaps_{table}", "BEFORE INSERT OR DELETE OR UPDATE", "peony_no_gaps", columns)
        for step in entity.one_step:
            when = f"BEFORE INSERT OR UPDATE OF {step.column}"
            yield from _on(table, f"one_step_{table}", when, "peony_one_step", [step.column])
    for only in _append_only_tables():
        yield from _postgres_append_only(only.name, _erasable(only))
    yield from _postgres_append_only("row_value", [])
    for table, name, when, function in value_triggers.POSTGRES_TRIGGERS:
        yield from _on(table, name, when, function, [])


def _on(table: str, name: str, when: str, function: str, args: list[str], each: str = "ROW") -> Iterator[str]:
    """A trigger that fires in every session, whatever ``session_replication_role`` says."""
    listed = ", ".join(f"'{arg}'" for arg in args)
    yield f'CREATE TRIGGER {name} {when} ON "{table}" FOR EACH {each} EXECUTE FUNCTION {function}({listed})'
    yield f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER {name}'


def _postgres_append_only(table: str, erasable: list[str]) -> Iterator[str]:
    yield from _on(table, f"append_only_{table}", "BEFORE DELETE OR UPDATE", "peony_append_only", erasable)
    if table not in {entity.named() for entity in entities() if entity.logged()}:
        yield from _on(table, f"no_truncate_{table}", "BEFORE TRUNCATE", "peony_no_truncate", [], "STATEMENT")


def _postgres_no_overlap(entity: type[Entity], rule: NoOverlap) -> str:
    """``int8range`` stands in for ``=`` under GiST, so that no extension is needed."""
    return (
        f'ALTER TABLE "{entity.named()}" ADD CONSTRAINT {_overlap_name(entity, rule)} EXCLUDE USING gist '
        f"(int8range({rule.owner}, {rule.owner}, '[]') WITH &&, tstzrange({rule.starts}, {rule.ends}) WITH &&) "
        f"WHERE ({rule.when})"
    )
