"""Row changes that the program logs itself, where no trigger stood while the row came."""

from __future__ import annotations

import json
import secrets

from sqlalchemy import Connection, insert

from models.connection import value_digest
from models.log import RowChange, RowValue


def log_inserted(connection: Connection, operation: int, entity: str, row: int, values: str) -> None:
    """Log a row as inserted; ``values``: a JSON object as ``triggers.logged_row`` makes it."""
    salt = secrets.token_hex(16)
    change = {
        "operation_id": operation,
        "entity": entity,
        "row_id": row,
        "kind": "insert",
        "columns": ",".join(sorted(json.loads(values))),
        "digest": value_digest(salt, None, values),
    }
    number = connection.execute(insert(RowChange).returning(RowChange.id), change).scalar_one()
    connection.execute(insert(RowValue), {"row_change_id": number, "salt": salt, "old": None, "new": values})
