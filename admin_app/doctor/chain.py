"""The operation log, link by link: edits, deletions, swaps, cut tails, re-hashes, rows outside any link."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select, text

from admin_app.anchors import AnchorError, anchor_lines, faults_of, unsent_anchors
from admin_app.doctor.faults import FirstFaults
from admin_app.operations.chain import OPERATION_COLUMNS, START, content_of, operation_text
from models.cipher import keyring
from models.entity import db, table_of
from models.log import LogLink, Operation
from models.names import Name

BATCH = 5_000


def check_chain() -> tuple[int, list[str]]:
    """Walk the whole chain, recomputing every digest; how many row changes and operations were read."""
    faults = FirstFaults()
    looked_at, expected, previous = 0, 1, START
    with db.engine.connect() as connection:
        missing_values: list[int] = []
        for batch in _batches(connection):
            changes = _changes(connection, [link[1] for link in batch], faults, missing_values)
            for link in batch:
                seq, operation_id, rows, before, stored = link[:5]
                own = changes.get(operation_id, [])
                looked_at += len(own) + 1
                if seq != expected:
                    faults.tell(_("link %(expected)s is missing", expected=expected))
                if before != previous:
                    faults.tell(_("link %(seq)s does not hold the link before it", seq=seq))
                if rows != len(own):
                    faults.tell(
                        _(
                            "operation %(operation_id)s had %(rows)s row changes, now %(now)s",
                            operation_id=operation_id,
                            rows=rows,
                            now=len(own),
                        )
                    )
                if link[5] is None:
                    faults.tell(
                        _("operation %(operation_id)s of link %(seq)s is missing", operation_id=operation_id, seq=seq)
                    )
                elif keyring().chain(before, content_of(operation_text(link[5:]), own)) != stored:
                    faults.tell(
                        _("operation %(operation_id)s or its row changes were altered", operation_id=operation_id)
                    )
                expected, previous = seq + 1, stored
        _unlinked(connection, faults)
        _explain(connection, missing_values, faults)
    return looked_at, list(faults)


def _batches(connection: Any) -> Iterator[list[Any]]:
    """Links in their order, each with its operation's columns (all None where that is gone)."""
    last = 0
    links = (LogLink.seq, LogLink.operation_id, LogLink.rows, LogLink.previous, LogLink.hash)
    query = select(*links, *OPERATION_COLUMNS).outerjoin(Operation, Operation.id == LogLink.operation_id)
    while True:
        batch = list(connection.execute(query.where(LogLink.seq > last).order_by(LogLink.seq).limit(BATCH)))
        if not batch:
            return
        yield batch
        last = batch[-1][0]


_LINE = "id || '|' || entity || '|' || row_id || '|' || kind || '|' || columns || '|' || digest"
_SQLITE = f"""SELECT operation_id, id, {_LINE}, digest, v.row_change_id, salt, old, new
  FROM row_change LEFT JOIN row_value v ON v.row_change_id = id
 WHERE operation_id BETWEEN ? AND ? ORDER BY id"""
_POSTGRES = f"""SELECT operation_id, id, {_LINE}, v.row_change_id IS NOT NULL,
       digest = encode(sha256(convert_to(concat(salt, '|', old, '|', new), 'UTF8')), 'hex')
  FROM row_change LEFT JOIN row_value v ON v.row_change_id = id
 WHERE operation_id BETWEEN %s AND %s ORDER BY id"""


def _changes(connection: Any, operations: list[int], faults: FirstFaults, missing: list[int]) -> dict[int, list[str]]:
    """The row changes of these operations as the chain reads them; their values are checked on the way.

    Read through the driver's own cursor: this is the inner loop of the proof.
    """
    sqlite = connection.dialect.name == "sqlite"
    wanted: dict[int, list[str]] = {operation: [] for operation in operations}
    cursor = connection.connection.cursor()
    cursor.execute(_SQLITE if sqlite else _POSTGRES, (min(operations), max(operations)))
    if sqlite:
        for operation, change, line, digest, valued, salt, old, new in cursor:
            if operation in wanted:
                wanted[operation].append(line)
                if valued is None:
                    missing.append(change)
                elif hashlib.sha256(f"{salt}|{old or ''}|{new or ''}".encode()).hexdigest() != digest:
                    faults.tell(_("the values of row change %(change)s were altered", change=change))
    else:
        for operation, change, line, valued, sound in cursor:
            if operation in wanted:
                wanted[operation].append(line)
                if not valued:
                    missing.append(change)
                elif not sound:
                    faults.tell(_("the values of row change %(change)s were altered", change=change))
    cursor.close()
    return wanted


def _unlinked(connection: Any, faults: FirstFaults) -> None:
    """Operations without a link, row changes without an operation."""
    loose = text(
        "SELECT o.id FROM operation o LEFT JOIN log_link l ON l.operation_id = o.id"
        " WHERE l.seq IS NULL ORDER BY o.id LIMIT 20"
    )
    for operation in connection.execute(loose).scalars():
        faults.tell(_("operation %(operation)s has no link", operation=operation))
    orphans = text(
        "SELECT c.id FROM row_change c LEFT JOIN operation o ON o.id = c.operation_id"
        " WHERE o.id IS NULL ORDER BY c.id LIMIT 20"
    )
    for change in connection.execute(orphans).scalars():
        faults.tell(_("row change %(change)s belongs to no operation", change=change))


def _explain(connection: Any, missing: list[int], faults: FirstFaults) -> None:
    """Values are missing only of customers who were erased."""
    if not missing:
        return
    erased = set(connection.execute(text("SELECT id FROM customer WHERE erased_at IS NOT NULL")).scalars())
    for start in range(0, len(missing), BATCH):
        part = missing[start : start + BATCH]
        rows = connection.execute(
            text("SELECT id, entity, row_id FROM row_change WHERE id BETWEEN :low AND :high"),
            {"low": part[0], "high": part[-1]},
        )
        gone = set(part)
        for change, entity, row_id in rows:
            if change in gone and _owner(connection, entity, row_id) not in erased:
                faults.tell(_("the values of row change %(change)s are missing, and nobody was erased", change=change))


def _owner(connection: Any, entity: str, row_id: int) -> int | None:
    if entity == "customer":
        return row_id
    from models.entity import entity_named

    table = table_of(entity_named(entity))
    if "customer_id" not in table.c:
        return None
    found: int | None = connection.scalar(select(table.c.customer_id).where(table.c.id == row_id))
    return found


def check_anchors() -> tuple[int, list[str]]:
    """The heads that were written down outside the database still stand in it; each is signed, holds the one before it,
    and has reached the second place.
    """
    lines = [line for line in anchor_lines() if line.strip()]
    faults = FirstFaults()
    with db.engine.connect() as connection:
        for line in lines:
            at, seq, digest = [*line.split(), "", "0", ""][:3]
            if not seq.isdecimal():
                continue  # told below
            stored = connection.scalar(select(LogLink.hash).where(LogLink.seq == int(seq)))
            if stored is None and int(seq) > 0:
                faults.tell(_("the log had %(seq)s links at %(at)s; its end has been cut off", seq=seq, at=at))
            elif int(seq) > 0 and stored != digest:
                faults.tell(
                    _("link %(seq)s is not the one written down at %(at)s: the chain was made anew", seq=seq, at=at)
                )
        details = connection.scalars(select(Operation.detail).where(Operation.name == str(Name.ANCHOR_LOG))).all()
    keys = {detail["key"] for detail in details if detail and "key" in detail}
    for fault in faults_of(lines, keys):
        faults.tell(fault)
    _second_place(faults)
    return len(lines), list(faults)


def _second_place(faults: FirstFaults) -> None:
    try:
        waiting = len(unsent_anchors())
    except (AnchorError, OSError) as error:
        faults.tell(_("the second place of the anchors: %(why)s", why=error))
    else:
        if waiting:
            faults.tell(_("anchors that have not reached the second place: %(count)s", count=waiting))
