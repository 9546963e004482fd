"""Every row of a logged table against the last values that the log has for it, in one pass.

The log and the table are read side by side in the order of the row numbers, so that only one row is held at a time.
What came by a bulk load has no entry of its own: such rows are counted against what the load wrote down of itself, and
compared in whatever has changed since.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from itertools import groupby
from operator import itemgetter
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Column, Connection, Table, select

from admin_app.doctor.faults import MANY, FirstFaults
from admin_app.new_salon import KEPT
from models.connection import HIDDEN
from models.entity import Entity, db, entities, table_of
from models.field import Privacy
from models.log import Operation, RowChange
from models.names import Name
from models.triggers import logged_row
from models.types import Encrypted, Flag, Instant, TimeOfDay

_object = json.JSONDecoder().raw_decode
_UNREAD = object()
READ_AT_ONCE = 5_000
SHOWN = (Privacy.OPEN, Privacy.BUSINESS)
LONGEST_SHOWN = 60
SET_BY_MIGRATIONS = {("sale", "imported")}
"""Columns that an upgrade filled in anew, without an entry for each row."""


def check_rows() -> tuple[int, list[str]]:
    """Compare every row with the log; how many rows and row changes were read, and a sentence for each difference."""
    engine = db.engine
    found = engine.connect()
    if engine.dialect.name == "postgresql":  # both readings see one moment, whoever writes meanwhile
        found = found.execution_options(isolation_level="REPEATABLE READ")
    with found as connection, connection.begin():
        proof = _Proof(_history_of(connection))
        for entity in entities():
            if entity.logged():
                _prove(connection, entity, proof)
    return proof.looked_at, proof.faults


@dataclass(frozen=True)
class _History:
    """What the log says of rows that have no entry of their own."""

    loaded: Counter[str]
    kept: frozenset[str]
    upgraded: int
    """The number of the last upgrade; 0 where there was none."""


def _history_of(connection: Connection) -> _History:
    names = [str(one) for one in (Name.LOAD, Name.OPEN_SALON, Name.UPGRADE)]
    loaded: Counter[str] = Counter()
    kept: frozenset[str] = frozenset()
    upgraded = 0
    query = select(Operation.id, Operation.name, Operation.detail).where(
        Operation.name.in_(names), Operation.result == "done"
    )
    for number, name, detail in connection.execute(query):
        if name == Name.LOAD:
            loaded.update((detail or {}).get("counts", {}))
        elif name == Name.OPEN_SALON and "kept" not in (detail or {}):  # by a release that logged no row that stayed
            kept = frozenset(entity.named() for entity in KEPT)
        elif name == Name.UPGRADE:
            upgraded = max(upgraded, number)
    return _History(loaded, kept, upgraded)


@dataclass
class _Proof:
    history: _History
    looked_at: int = 0
    faults: FirstFaults = field(default_factory=lambda: FirstFaults(MANY))


@dataclass
class _Logged:
    """What the log says of one row: whether it is there, its values as far as they are known, since which entry."""

    there: bool | None = None
    whole: bool = False
    """Whether the log has every value: the row was inserted under it, and nobody was erased since."""
    born: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    operation: int = 0


def _prove(connection: Connection, entity: type[Entity], proof: _Proof) -> None:
    table, name = table_of(entity), entity.named()
    loaded = proof.history.loaded[name]
    unlogged: list[int] = []
    count, gone_by_entry = 0, 0
    rows = _rows(connection, table, entity, named=_is_named(connection, name))
    log = groupby(_changes(connection, name), key=itemgetter(0))
    row, change = next(rows, None), next(log, None)
    while row is not None or change is not None:
        if change is None or (row is not None and row[0] < change[0]):
            assert row is not None
            unlogged.append(row[0])
            row = next(rows, None)
            proof.looked_at += 1
            continue
        changes = list(change[1])
        proof.looked_at += len(changes)
        number = change[0]
        change = next(log, None)
        found = row[1] if row is not None and row[0] == number else None
        if found is not None:
            proof.looked_at += 1
            row = next(rows, None)
            if len(changes) == 1 and changes[0][1] == "insert" and changes[0][5] == found:
                continue
        logged = _fold(changes)
        if not logged.born:
            if logged.there:
                count += 1
            else:
                gone_by_entry += 1
        _compare(entity, number, logged, found, proof)
    _tell_of_unlogged(name, unlogged, loaded - count - gone_by_entry, proof)


def _tell_of_unlogged(name: str, unlogged: list[int], expected: int, proof: _Proof) -> None:
    """Rows that no entry names, against as many as a bulk load brought and no entry names either."""
    if name in proof.history.kept:
        return
    if expected <= 0:
        for number in unlogged:
            proof.faults.tell(
                _("%(table)s, row %(row)s: stands in the table; the log knows of no such row", table=name, row=number)
            )
    elif len(unlogged) > expected:
        more = len(unlogged) - expected
        proof.faults.tell(
            ngettext(
                "%(table)s: %(num)s row more than was loaded has no entry in the log",
                "%(table)s: %(num)s rows more than were loaded have no entry in the log",
                more,
                table=name,
            )
        )
    elif len(unlogged) < expected:
        fewer = expected - len(unlogged)
        proof.faults.tell(
            ngettext(
                "%(table)s: %(num)s row that was loaded is gone without an entry in the log",
                "%(table)s: %(num)s rows that were loaded are gone without an entry in the log",
                fewer,
                table=name,
            )
        )


def _fold(changes: list[Any]) -> _Logged:
    """The last values of a row: from its newest change back, as far as older ones tell of other columns."""
    logged = _Logged(there=changes[-1][1] != "delete", born=changes[0][1] == "insert", operation=changes[-1][2])
    if not logged.there:
        logged.born = any(kind == "insert" for _row, kind, *_rest in changes)
        return logged
    values = logged.values
    known: set[str] = set()
    for _row, kind, _operation, valued, columns, new in reversed(changes):
        if kind == "delete" or valued is None:  # before that the row was another, or its values were erased
            break
        if kind == "insert":
            values |= _object(new)[0] | values
            logged.born = logged.whole = True
            break
        if columns in known:
            continue
        known.add(columns)
        for name in columns.split(","):
            values.setdefault(name, _UNREAD)
        for name, value in _object(new)[0].items():
            if values[name] is _UNREAD:
                values[name] = value
        for name in columns.split(","):
            if values[name] is _UNREAD:
                values[name] = None
    return logged


def _compare(entity: type[Entity], number: int, logged: _Logged, found: str | None, proof: _Proof) -> None:
    name = entity.named()
    if found is None:
        if logged.there:
            proof.faults.tell(
                _("%(table)s, row %(row)s: is gone; the log knows of no deletion", table=name, row=number)
            )
        return
    if not logged.there:
        proof.faults.tell(
            _("%(table)s, row %(row)s: stands in the table; the log says it was deleted", table=name, row=number)
        )
        return
    stands: dict[str, Any] = _object(found)[0]
    columns = table_of(entity).columns
    before_upgrade = logged.operation < proof.history.upgraded
    for column in columns:
        if not logged.whole and column.name not in logged.values:
            continue
        wanted, value = logged.values.get(column.name), stands.get(column.name)
        if wanted == value or _plain(column, wanted) == _plain(column, value):
            continue
        if _not_provable(column, wanted, before_upgrade):
            continue
        proof.faults.tell(
            _(
                "%(table)s, row %(row)s, %(column)s: the log has %(logged)s, the row has %(found)s",
                table=name,
                row=number,
                column=column.name,
                logged=_shown(entity, column, wanted),
                found=_shown(entity, column, value),
            )
        )


def _not_provable(column: Column[Any], wanted: Any, before_upgrade: bool) -> bool:
    """A secret of which an earlier release logged no digest; what a migration filled in."""
    if wanted == HIDDEN:
        return True
    if not before_upgrade:
        return False
    return (wanted is None and not column.nullable) or (column.table.name, column.name) in SET_BY_MIGRATIONS


def _plain(column: Column[Any], value: Any) -> Any:
    """A value as both engines would write it, so that a log that moved between them still fits."""
    if value is None:
        return None
    if isinstance(column.type, Encrypted):
        return str(value).removeprefix("\\x").lower()
    try:
        if isinstance(column.type, Flag):
            return bool(value)
        if isinstance(column.type, Instant):
            at = datetime.fromisoformat(value)
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at
        if isinstance(column.type, TimeOfDay):
            return time.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    return value


def _shown(entity: type[Entity], column: Column[Any], value: Any) -> str:
    """A value as a finding says it: nothing of a person but that there is one."""
    if value is None:
        return str(_("nothing"))
    known = entity.fields().get(column.name)
    privacy = known.info.privacy if known is not None else Privacy.OPEN
    personal = known is not None and known.key in {"customer.name", "customer.birthday", "customer.notes"}
    if privacy not in SHOWN or personal:
        return "••••"
    said = str(value)
    return f"«{said[:LONGEST_SHOWN]}…»" if len(said) > LONGEST_SHOWN else f"«{said}»"


# ------------------------------------------------------------------------------------------------ reading


def _changes(connection: Connection, name: str) -> Iterator[Any]:
    """Row, kind, operation, row of values (None: erased), columns and new values of each change, in order."""
    place = "?" if connection.dialect.name == "sqlite" else "%s"
    query = (
        "SELECT c.row_id, c.kind, c.operation_id, v.row_change_id, c.columns, v.new FROM row_change c"
        f" LEFT JOIN row_value v ON v.row_change_id = c.id WHERE c.entity = {place} ORDER BY c.row_id, c.id"
    )
    return _read(connection, "peony_log", query, (name,))


def _is_named(connection: Connection, name: str) -> bool:
    """Whether the log names any row of a table."""
    return connection.scalar(select(RowChange.id).where(RowChange.entity == name).limit(1)) is not None


def _rows(connection: Connection, table: Table, entity: type[Entity], *, named: bool) -> Iterator[Any]:
    """Number and content of each row, in order; the content only where the log has something to compare it with."""
    row = logged_row(entity, connection.dialect.name) if named else "NULL"
    return _read(connection, "peony_rows", f'SELECT id, {row} FROM "{table.name}" AS t ORDER BY id', ())


def _read(connection: Connection, cursor: str, query: str, given: tuple[Any, ...]) -> Iterator[Any]:
    """The rows of a query, a few thousand at a time, through the driver's own cursor."""
    driver: Any = connection.connection
    own = driver.cursor() if connection.dialect.name == "sqlite" else driver.cursor(name=cursor)
    try:
        own.execute(query, given) if given else own.execute(query)
        while part := own.fetchmany(READ_AT_ONCE):
            yield from part
    finally:
        own.close()
