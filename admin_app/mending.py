"""Values that a new release does not take, set to the nearest that it takes, where somebody asks for it at an upgrade.

Some of them stand in events, which nothing else changes. Each change is in the operation log, with both values.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Connection, insert, inspect, text

from admin_app.operations import chain
from admin_app.operations.kernel import now
from models.actor import Actor
from models.connection import take_operation
from models.entity import EVERYBODY, entities
from models.log import EntryKind, Operation, RowChange, RowValue
from models.migrations import OutsideValue, as_json
from models.names import Name


@dataclass(frozen=True)
class Mended:
    """The values of a row before and after, as JSON by column."""

    table: str
    row: int
    before: dict[str, str]
    after: dict[str, str]

    def lines(self) -> list[str]:
        """What became of each value, a line each."""
        return [
            _(
                "%(table)s, row %(row)s, %(column)s: %(before)s → %(after)s",
                table=self.table,
                row=self.row,
                column=column,
                before=json.loads(before),
                after="–" if (after := json.loads(self.after[column])) is None else after,
            )
            for column, before in self.before.items()
        ]


class Mender:
    """Sets values to the nearest that is allowed, and numbers that may be missing to none.

    A date keeps its place before or after the others, so that what has ended stays ended. The triggers are down.
    """

    def __init__(self) -> None:
        self.mended: list[Mended] = []

    def __call__(self, connection: Connection, values: Sequence[OutsideValue]) -> None:
        """Mend the rows, in their order."""
        rows: dict[tuple[str, int], list[OutsideValue]] = defaultdict(list)
        for value in values:
            rows[value.table, value.row].append(value)
        optional = {table: _optional(connection, table) for table, _ in rows}
        for (table, row), outside in rows.items():
            wanted = {value.column: _nearest(connection, value, optional[table]) for value in outside}
            wanted |= _renumbered(table, wanted)
            before = _read(connection, table, row, wanted)
            changes = ", ".join(f'"{column}" = {literal}' for column, literal in wanted.items())
            connection.execute(text(f'UPDATE "{table}" SET {changes} WHERE id = :id'), {"id": row})
            self.mended.append(Mended(table, row, before, _read(connection, table, row, wanted)))

    def write_log(self, connection: Connection, before: str, after: str, actor: Actor) -> None:
        """Write the entry of the upgrade with every change under it; the triggers stand again."""
        number = take_operation(connection, Name.UPGRADE)
        for mended in self.mended:
            salt, old, new = secrets.token_hex(16), _object(mended.before), _object(mended.after)
            change = {
                "operation_id": number,
                "entity": mended.table,
                "row_id": mended.row,
                "kind": "update",
                "columns": ",".join(sorted(mended.before)),
                "digest": hashlib.sha256(f"{salt}|{old}|{new}".encode()).hexdigest(),
            }
            row_change = connection.execute(insert(RowChange).returning(RowChange.id), change).scalar_one()
            connection.execute(insert(RowValue), {"row_change_id": row_change, "salt": salt, "old": old, "new": new})
        entry = {
            "id": number,
            "name": Name.UPGRADE,
            "kind": EntryKind.RUN,
            "at": now(),
            "actor_kind": actor.kind.value,
            "actor_id": actor.id,
            "actor_name": actor.name[:60],
            "actor_role": actor.role[:30],
            "address": actor.address[:64],
            "agent": actor.agent[:200],
            "result": "done",
            "detail": {"before": before, "after": after, "mended": len(self.mended)},
        }
        connection.execute(insert(Operation), entry)
        connection.execute(text(f"INSERT INTO changed_customer (customer_id) VALUES ({EVERYBODY})"))
        chain.link(connection, number)


def _optional(connection: Connection, table: str) -> set[str]:
    return {column["name"] for column in inspect(connection).get_columns(table) if column["nullable"]}


def _nearest(connection: Connection, value: OutsideValue, optional: set[str]) -> str:
    """The SQL literal of the value to set."""
    dated = value.least.startswith("'")
    if not dated and value.column in optional:
        return "NULL"
    below = text(f'SELECT "{value.column}" < {value.least} FROM "{value.table}" WHERE id = :id')
    low = bool(connection.scalar(below, {"id": value.row}))
    literal = value.least if low else value.most
    moment = dated and " " in literal
    return _fixed_width(literal, low) if moment and connection.dialect.name == "sqlite" else literal


def _fixed_width(literal: str, low: bool) -> str:
    """A moment as SQLite keeps it; as text, the second of the greatest one comes after the bound itself."""
    moment = datetime.fromisoformat(literal.strip("'")).replace(tzinfo=None)
    if not low:
        moment -= timedelta(microseconds=1)
    return f"'{moment.isoformat(' ', 'microseconds')}'"


def _renumbered(table: str, wanted: dict[str, str]) -> dict[str, str]:
    """The number of a row that comes among others: after their last."""
    found: dict[str, str] = {}
    for entity in entities():
        for rule in entity.no_gaps if entity.named() == table else ():
            if not wanted.keys() & {rule.number, *rule.per}:
                continue
            bounds = entity.fields()[rule.number].range
            assert bounds is not None
            own = {column: f'"{table}"."{column}"' for column in rule.per} | wanted
            among = " AND ".join(f'o."{column}" = {own[column]}' for column in rule.per)
            found[rule.number] = (
                f'(SELECT coalesce(max(o."{rule.number}"), 0) + 1 FROM "{table}" AS o WHERE o.id <> "{table}".id'
                f' AND {among} AND o."{rule.number}" BETWEEN {bounds.least} AND {bounds.most})'
            )
    return found


def _read(connection: Connection, table: str, row: int, columns: dict[str, Any]) -> dict[str, str]:
    shown = ", ".join(as_json(connection, column) for column in columns)
    found = connection.execute(text(f'SELECT {shown} FROM "{table}" WHERE id = :id'), {"id": row}).one()
    return {column: "null" if value is None else value for column, value in zip(columns, found, strict=True)}


def _object(values: dict[str, str]) -> str:
    """A JSON object, in which a value that is missing is left out, as the triggers do."""
    return "{" + ", ".join(f'"{column}": {value}' for column, value in sorted(values.items()) if value != "null") + "}"
