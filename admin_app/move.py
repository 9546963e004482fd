"""Moving house: every row, the log and its chain included, into another empty database."""

from __future__ import annotations

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_babel import gettext as _
from sqlalchemy import (
    Connection,
    Engine,
    LargeBinary,
    Table,
    TableClause,
    column,
    create_engine,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy import table as table_clause
from sqlalchemy.exc import ArgumentError, OperationalError

from admin_app import at_rest
from admin_app.load import align_sequences
from admin_app.upgrade import SCRIPTS, SchemaError, newest
from models import schema, triggers
from models.connection import WRITES, UnknownEngineError, engine_options, prepare_engine, url_of, why_of
from models.entity import Base, db
from models.types import Encrypted

PAGE = 2_000


def move_to(address: str) -> int:
    """Copy everything; how many rows. The target is made from nothing and compared count by count.

    :raises SchemaError: the target cannot be used, or did not come out the same; it is left empty.
    :raises AtWorkError: somebody is at work here, who would go on writing into the old database.
    """
    target = _target(address)
    try:
        with at_rest.alone():
            return _moved(target)
    finally:
        target.dispose()


def _moved(target: Engine) -> int:
    moved = 0
    still = {"isolation_level": "REPEATABLE READ"} if db.engine.dialect.name == "postgresql" else {}
    with (
        db.engine.connect().execution_options(**still, **{WRITES: True}) as source,
        source.begin(),
        target.connect().execution_options(**{WRITES: True}) as sink,
        sink.begin(),
    ):
        _keep_writers_out(source)
        _check_empty(sink)
        Base.metadata.create_all(sink)
        _without_checks(sink)
        for table in Base.metadata.sorted_tables:
            moved += _copy(source, sink, table.name)
        triggers.install(sink)
        align_sequences(sink)
        if sink.dialect.name == "postgresql":
            sink.execute(text("SELECT setval('operation_id_seq', (SELECT max(id) FROM operation))"))
        MigrationContext.configure(sink).stamp(ScriptDirectory(str(SCRIPTS)), newest())
        amiss = schema.differences(schema.schema_of(sink), schema.expected_schema(target))
        if amiss:
            raise SchemaError(_("The new database did not come out right: %(what)s", what=amiss[0]))
    return moved


def _keep_writers_out(source: Connection) -> None:
    """Every write makes an entry in the log; on SQLite the write that has begun is that lock already."""
    if source.dialect.name == "postgresql":
        source.execute(text("LOCK TABLE operation IN EXCLUSIVE MODE"))


def _check_empty(connection: Connection) -> None:
    if inspect(connection).get_table_names():
        raise SchemaError(_("The database to move to is not empty."))


def _target(address: str) -> Engine:
    try:
        url = url_of(address)
        engine = create_engine(url, **engine_options(url))
    except UnknownEngineError as error:
        raise SchemaError(_("%(address)s: neither a sqlite nor a postgresql database", address=address)) from error
    except ArgumentError as error:
        raise SchemaError(_("%(address)s: not a database address", address=address)) from error
    prepare_engine(engine)
    try:
        with engine.connect() as connection:
            _check_empty(connection)
    except OperationalError as error:
        engine.dispose()
        raise SchemaError(_("The database cannot be reached: %(why)s", why=why_of(error))) from error
    except SchemaError:
        engine.dispose()
        raise
    return engine


def _without_checks(sink: Connection) -> None:
    """Rows that refer to their own table come in any order; references are checked at the end."""
    if sink.dialect.name == "sqlite":
        sink.execute(text("PRAGMA defer_foreign_keys=ON"))
        return
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_key_constraints:
            if key.referred_table is table:
                sink.execute(
                    text(f'ALTER TABLE "{table.name}" ALTER CONSTRAINT "{key.name}" DEFERRABLE INITIALLY DEFERRED')
                )


def _copy(source: Connection, sink: Connection, name: str) -> int:
    table = Base.metadata.tables[name]
    plain = _with_ciphertexts_as_they_are(table)
    order = [plain.c[column.name] for column in table.primary_key.columns]
    rows, done = source.execution_options(stream_results=True).execute(select(plain).order_by(*order)), 0
    for part in rows.mappings().partitions(PAGE):
        sink.execute(insert(plain), [dict(row) for row in part])
        done += len(part)
    if sink.scalar(select(func.count()).select_from(table)) != done:
        raise SchemaError(_("%(name)s: not every row arrived.", name=name))
    _restore_checks(sink, name)
    return done


def _with_ciphertexts_as_they_are(table: Table) -> TableClause:
    """The table for copying: no value is opened and sealed anew, for the log has each ciphertext as it stands."""
    types = {c.name: LargeBinary() if isinstance(c.type, Encrypted) else c.type for c in table.columns}
    return table_clause(table.name, *(column(name, kind) for name, kind in types.items()))


def _restore_checks(sink: Connection, name: str) -> None:
    if sink.dialect.name == "sqlite":
        return
    table = Base.metadata.tables[name]
    for key in table.foreign_key_constraints:
        if key.referred_table is table:
            sink.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
            sink.execute(text(f'ALTER TABLE "{name}" ALTER CONSTRAINT "{key.name}" NOT DEFERRABLE'))
            sink.execute(text("SET CONSTRAINTS ALL DEFERRED"))
