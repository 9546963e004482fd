"""Archived and erased rows: they stay where they are referred to, and nothing new is written about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import lazy_gettext as _l

from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Spec
from models.log import EntryKind

MERGED = _l("This record was merged into another; use that one.")
ERASED = _l("What was known of this person was erased; choose somebody else.")


def ensure_in_use(rows: Iterable[Any], field: str | None, *, archived: bool = False) -> None:
    """Let rows pass that a new record may refer to; with ``archived`` also those that were put away.

    :raises Refused: one was merged, erased or archived; the message stands at ``field``.
    """
    for row in rows:
        if getattr(row, "merged_into_id", None) is not None:
            raise Refused(MERGED, field, "merged")
        if archived:
            continue
        if getattr(row, "erased_at", None) is not None:
            raise Refused(ERASED, field, "erased")
        if row.written_by.archives and row.archived_at is not None:
            message = _l("%(what)s was archived. Restore it first, or choose another.", what=row.label)
            raise Refused(message, field, "archived")


def refusal_of(spec: Spec, row: Any) -> Refused | None:
    """Why an operation cannot be done on a row that was merged, erased or archived; None where it can."""
    subject = spec.subject_field()
    if subject is None or spec.kind is not EntryKind.WRITE:
        return None
    try:
        ensure_in_use([row], None, archived=subject.ask.archived)
    except Refused as refusal:
        return refusal
    return None


def takes(spec: Spec, row: Any) -> bool:
    """Whether an operation can be done on a row as it is kept."""
    return refusal_of(spec, row) is None
