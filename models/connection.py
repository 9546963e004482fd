"""How the house speaks to its database: one recipe per engine, fixed when an engine is made.

SQLite: WAL (a rollback journal where this SQLite has the WAL-reset fault), synchronous FULL, foreign keys and recursive
triggers on, BEGIN IMMEDIATE for whatever will write. PostgreSQL: 15 or later, UTC, READ COMMITTED; the operation log's
chain and every counter are taken under locks of their own.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

try:
    import pysqlite3.dbapi2 as sqlite_driver  # a SQLite without the WAL-reset fault, where there is a wheel
except ImportError:  # pragma: no cover - depends on the platform
    import sqlite3 as sqlite_driver

BUSY_MILLISECONDS = 10_000
TURN = 0.005
"""How soon, in seconds, whoever waits to write to SQLite looks again; the rules' runs leave gaps of twice that."""
__all__ = ["WRITES", "engine_options", "prepare_engine", "read_only", "sqlite_driver", "wal_is_safe"]

WRITES = "peony_writes"
"""Execution option of a connection that is about to write."""

ROOM = -128_000
"""What SQLite may keep of the file in memory while much is brought in; below 0: KiB."""

HIDDEN = "•"
"""Begins what the log holds instead of a secret value; alone in entries of releases before migration 0016."""

HIDDEN_DIGITS = 32
"""So many hexadecimal digits of a secret's SHA-256 follow it."""


def wal_is_safe(version: tuple[int, ...] = sqlite_driver.sqlite_version_info) -> bool:
    """Whether this SQLite is free of the WAL-reset fault (3.7.0 to 3.51.2, back-ported to 3.44.6 and 3.50.7).

    Source: sqlite.org/wal.html#walresetbug.
    """
    return version >= (3, 51, 3) or (3, 44, 6) <= version < (3, 45) or (3, 50, 7) <= version < (3, 51)


@dataclass
class WriteState:
    """What the database asks back while it logs a row: whose operation this is, and the row's difference."""

    operation: int | None = None
    name: str = ""
    columns: str = ""
    salt: str = ""
    digest: str = ""
    old: str | None = None
    new: str | None = None

    def forget(self) -> None:
        """Let no operation stand behind what comes now."""
        self.operation, self.name = None, ""

    def difference(self, old_row: str | None, new_row: str | None, secret: str) -> int:
        """Take in a row before and after (JSON objects); ``columns`` stays empty when nothing differs."""
        self.columns = ""
        old = {k: v for k, v in json.loads(old_row or "{}").items() if v is not None}
        new = {k: v for k, v in json.loads(new_row or "{}").items() if v is not None}
        names = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
        if not names:
            return 0
        self.columns = ",".join(names)
        for name in names:
            if name in secret.split(","):
                for side in (old, new):
                    if name in side:
                        side[name] = hidden(side[name])
        self.old = _dump({k: old[k] for k in names if k in old}) if old_row else None
        self.new = _dump({k: new[k] for k in names if k in new}) if new_row else None
        self.salt = secrets.token_hex(16)
        self.digest = value_digest(self.salt, self.old, self.new)
        return 1


def hidden(secret: str | int | None) -> str | None:
    """What the log holds instead of a secret: a digest that tells whether it is still the same.

    A password's hash is salted and an index is keyed already, so that nothing can be tried out on the digest.
    """
    if secret is None:
        return None
    return HIDDEN + hashlib.sha256(str(secret).encode()).hexdigest()[:HIDDEN_DIGITS]


def _dump(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def value_digest(salt: str, old: str | None, new: str | None) -> str:
    """SHA-256 of ``salt|old|new``; an absent side counts as empty."""
    return hashlib.sha256(f"{salt}|{old or ''}|{new or ''}".encode()).hexdigest()


MAPPED_BYTES = 256 * 1024**2
"""So much of SQLite's file is read as mapped memory, which all connections share instead of copying pages."""
CACHE_BYTES = 16 * 1024**2
"""So many bytes of pages each SQLite connection keeps; SQLite's own measure is 2 MiB."""


class UnknownEngineError(Exception):
    """The address of a database that is neither SQLite nor PostgreSQL; its word is what was named instead."""


def url_of(address: str) -> URL:
    """A database's address, with the driver that the house brings along.

    :raises sqlalchemy.exc.ArgumentError: it is no address.
    :raises UnknownEngineError: it is that of another kind of database.
    """
    url = make_url(address)
    match url.get_backend_name():
        case "sqlite":
            return url
        case "postgresql":
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise UnknownEngineError(other)


def engine_options(url: str | URL) -> dict[str, Any]:
    """What ``create_engine`` needs for this address."""
    if make_url(url).get_backend_name() == "sqlite":
        return {
            "module": sqlite_driver,
            "connect_args": {"timeout": BUSY_MILLISECONDS / 1000},
            "hide_parameters": True,
        }
    options = (
        "-c timezone=UTC -c lock_timeout=10s -c jit=off"  # compiling a hundred rules takes longer than asking them
    )
    return {
        "pool_size": 8,
        "max_overflow": 16,
        "pool_pre_ping": True,
        "hide_parameters": True,
        "connect_args": {"connect_timeout": 5, "options": options},
    }


def why_of(error: DBAPIError) -> str:
    """What the database itself said, in its first line."""
    return str(error.orig).strip().splitlines()[0]


def prepare_engine(engine: Engine) -> None:
    """Attach the recipe to an engine; once an engine."""
    event.listen(engine, "handle_error", _leave_out_values)
    if engine.dialect.name == "sqlite":
        file = DatabaseFile(engine.url.database or "")
        event.listen(engine, "do_connect", file.before_connect)
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "connect", file.after_connect)
        event.listen(engine, "begin", file.before_transaction)
        event.listen(engine, "begin", _on_sqlite_begin)
        event.listen(engine, "engine_disposed", file.forget)


def _leave_out_values(context: ExceptionContext) -> None:
    """Keep values of rows out of what an error says, before it reaches log or screen.

    PostgreSQL names them in its lines DETAIL and CONTEXT, and after a colon where a text is none of a type (class 22).
    """
    driver, wrapped = context.original_exception, context.sqlalchemy_exception
    said = str(driver)
    plain = (said.splitlines() or [""])[0]
    if (getattr(driver, "sqlstate", None) or "").startswith("22"):
        plain = _QUOTED.sub("…", plain)
    if plain == said:
        return
    driver.args = (plain,)
    if wrapped is not None:
        wrapped.args = tuple(str(arg).replace(said, plain) for arg in wrapped.args)


_QUOTED = re.compile(r'".*"', re.DOTALL)

FILE_REPLACED = "the database file was deleted or replaced while the program was running"


class DatabaseFile:
    """The identity of an engine's SQLite file, from its first connection until the engine is disposed.

    A connection stays open on a file that was deleted or replaced under it, and whatever it commits is lost with that
    file. So each transaction first compares device and inode; a mismatch is an ``OperationalError`` until a restart.
    """

    def __init__(self, path: str) -> None:
        self.path = "" if ":memory:" in path or path.startswith("file:") else path
        self.identity: tuple[int, int] | None = None

    def before_connect(self, *_: object) -> None:
        """SQLite would make a new, empty file where the old one is missing."""
        if not self.unchanged():
            raise sqlite_driver.OperationalError(FILE_REPLACED)

    def after_connect(self, *_: object) -> None:
        if self.identity is None:
            self.identity = self._identity_on_disk()

    def before_transaction(self, *_: object) -> None:
        if not self.unchanged():
            raise OperationalError(None, None, sqlite_driver.OperationalError(FILE_REPLACED))

    def unchanged(self) -> bool:
        return self.identity is None or self.identity == self._identity_on_disk()

    def forget(self, *_: object) -> None:
        self.identity = None

    def _identity_on_disk(self) -> tuple[int, int] | None:
        if not self.path:
            return None
        try:
            status = Path(self.path).stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


def _on_sqlite_connect(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    state = record.info["write_state"] = WriteState()
    for pragma in (
        f"busy_timeout={BUSY_MILLISECONDS}",
        f"journal_mode={'WAL' if wal_is_safe() else 'DELETE'}",
        f"mmap_size={MAPPED_BYTES}",
        f"cache_size=-{CACHE_BYTES // 1024}",
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
    for name in ("operation", "name", "columns", "salt", "digest", "old", "new"):
        connection.create_function(f"peony_{name}", 0, lambda name=name: getattr(state, name))
    connection.create_function("peony_difference", 3, state.difference)
    connection.create_function("peony_hidden", 1, hidden)


def _on_sqlite_begin(connection: Connection) -> None:
    connection.connection.info["write_state"].forget()  # what an earlier transaction did lends nothing to this one
    if connection.get_execution_options().get(WRITES):
        _wait_to_write(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _wait_to_write(connection: Connection) -> None:
    """Begin a write as soon as nobody else writes.

    SQLite itself would look after ever longer pauses, up to 100 ms, and miss the short gaps that a busy writer leaves.

    :raises OperationalError: somebody wrote all the while.
    """
    raw, until = connection.connection, time.monotonic() + BUSY_MILLISECONDS / 1000
    raw.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < until:
            try:
                raw.execute("BEGIN IMMEDIATE")
            except sqlite_driver.OperationalError as error:
                if "locked" not in str(error):
                    break
                time.sleep(TURN)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises what stands in the way
    finally:
        raw.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")


@contextmanager
def read_only(connection: Connection) -> Iterator[None]:
    """Let the database refuse whatever writes: on SQLite within the block, on PostgreSQL to the end of the transaction,
    which must not have begun yet.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(text("SET TRANSACTION READ ONLY"))
        yield
        return
    connection.exec_driver_sql("PRAGMA query_only=ON")
    try:
        yield
    finally:
        connection.exec_driver_sql("PRAGMA query_only=OFF")


def keeps_others_waiting(engine: Engine) -> bool:
    """Whether who writes is the only one: so it is on SQLite, and on PostgreSQL it is not."""
    return engine.dialect.name == "sqlite"


def give_way(engine: Engine) -> None:
    """Between two writes of many: let whoever waits to write come in."""
    if keeps_others_waiting(engine):
        time.sleep(2 * TURN)


def insert_by_driver(
    connection: Connection, table: str, columns: Collection[str], rows: Iterable[Sequence[Any]]
) -> None:
    """On SQLite: rows past all layers, many times as quick as an INSERT through them; values as its driver takes."""
    names, places = ", ".join(f'"{name}"' for name in columns), ", ".join("?" for _ in columns)
    driver: Any = connection.connection.cursor()
    driver.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({places})', rows)
    driver.close()


@contextmanager
def with_room(connection: Connection) -> Iterator[None]:
    """Let SQLite keep much of the file in memory while millions of rows come in."""
    if connection.dialect.name != "sqlite":
        yield
        return
    usual = connection.exec_driver_sql("PRAGMA cache_size").scalar()
    connection.exec_driver_sql(f"PRAGMA cache_size={ROOM}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size={usual}")


@contextmanager
def written_once(engine: Engine) -> Iterator[None]:
    """Let SQLite write what comes in by the million straight into its file, which the WAL would have it do twice.

    A rollback journal holds only pages that were there before, and a salon that is filled has hardly any. Where another
    process has the file open, all stays as it is. Nothing of this engine is in use meanwhile but what begins within.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    event.listen(engine, "connect", _leave_wal)
    engine.dispose()
    try:
        yield
    finally:
        event.remove(engine, "connect", _leave_wal)
        engine.dispose()


def _leave_wal(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA busy_timeout=0")
    with suppress(sqlite_driver.OperationalError):  # somebody else is there
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")


def note_sizes(connection: Connection) -> None:
    """Let SQLite count again what has grown tenfold since it last did; PostgreSQL does so by itself.

    By these counts it chooses its ways through large tables.

    Source: sqlite.org/lang_analyze.html, «Periodically run PRAGMA optimize».
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA optimize=0x10012")


def take_operation(connection: Connection, name: str) -> int:
    """Number the operation that this transaction is, and tell the database so that it lets it write.

    With the transaction ends what was told.
    """
    if connection.dialect.name == "sqlite":
        number: int = connection.scalar(text("SELECT coalesce(max(id), 0) + 1 FROM operation"))
        state: WriteState = connection.connection.info["write_state"]
        state.operation, state.name = number, name
        return number
    number = connection.scalar(text("SELECT nextval('operation_id_seq')"))
    settings = text("SELECT set_config('peony.operation', :number, true), set_config('peony.name', :name, true)")
    connection.execute(settings, {"number": str(number), "name": name})
    return number


def lock_day(connection: Connection, store_id: int, *, closing: bool = False) -> None:
    """Keep a store's day from being closed while something is written for it; ``closing`` waits for all who write.

    On SQLite the write transaction is that lock already.
    """
    if connection.dialect.name != "sqlite":
        way = "" if closing else "_shared"
        connection.execute(text(f"SELECT pg_advisory_xact_lock{way}(7367, :store)"), {"store": store_id})


def lock_facts(connection: Connection) -> None:
    """Stand in line for keeping facts, so that whoever reads them last writes them last.

    On SQLite whoever writes is alone; what was read before is still the last if nobody has counted on: ``facts_kept``.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(7368)"))


def facts_kept(connection: Connection) -> int:
    """How often facts have been kept in this SQLite file; the number goes with the transaction."""
    count: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    return count


def count_facts_kept(connection: Connection) -> None:
    """Facts have been kept once more."""
    connection.exec_driver_sql(f"PRAGMA user_version={(facts_kept(connection) + 1) % 2**31}")


def lock_rules(connection: Connection) -> None:
    """Stand in line for settling customers: two runs at once would take away the same bit twice. On SQLite as above."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(7369)"))


def lock_chain(connection: Connection) -> None:
    """Stand in line for the next link. On SQLite the write transaction is that line already."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(7365)"))
