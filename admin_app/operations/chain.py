"""The chain of the operation log: one link per operation, each holding the one before it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, insert, select

from models.cipher import keyring
from models.connection import lock_chain
from models.entity import table_of
from models.log import LogLink, Operation, RowChange

START = "0" * 64

OPERATION_COLUMNS = tuple(
    table_of(Operation).c[name]
    for name in (
        "id",
        "name",
        "kind",
        "at",
        "actor_kind",
        "actor_id",
        "actor_name",
        "actor_role",
        "session_id",
        "address",
        "agent",
        "store_id",
        "subject_kind",
        "subject_id",
        "reason",
        "result",
        "detail",
        "run_id",
    )
)
CHANGE_COLUMNS = tuple(table_of(RowChange).c[name] for name in ("id", "entity", "row_id", "kind", "columns", "digest"))


def operation_text(row: Iterable[Any]) -> str:
    """An operation, column by column, as the chain reads it."""
    return json.dumps([_plain(value) for value in row], ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def change_text(row: Iterable[Any]) -> str:
    """A row change as the chain reads it."""
    return "|".join(map(str, row))


def content_of(operation: str, changes: Iterable[str]) -> bytes:
    return "\n".join((operation, *changes)).encode()


def link(connection: Connection, operation_id: int) -> str:
    """Take the next link for an operation: the last statement of its transaction. The new head."""
    operation = connection.execute(select(*OPERATION_COLUMNS).where(Operation.id == operation_id)).one()
    own = select(*CHANGE_COLUMNS).where(RowChange.operation_id == operation_id).order_by(RowChange.id)
    changes = [change_text(row) for row in connection.execute(own)]
    content = content_of(operation_text(operation), changes)
    lock_chain(connection)
    seq, previous = head(connection)
    fresh = keyring().chain(previous, content)
    values = {"seq": seq + 1, "operation_id": operation_id, "rows": len(changes), "previous": previous, "hash": fresh}
    connection.execute(insert(LogLink), values)
    return fresh


def head(connection: Connection) -> tuple[int, str]:
    """Number and hash of the last link; (0, zeros) of an empty log."""
    last = connection.execute(select(LogLink.seq, LogLink.hash).order_by(LogLink.seq.desc()).limit(1)).first()
    return (last.seq, last.hash) if last else (0, START)
