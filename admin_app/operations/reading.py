"""Reads that the log must know of: revealing a masked value, opening a sensitive record, exporting, reading the log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from admin_app.operations.authors import one_at_a_time
from admin_app.operations.kernel import Operation, begin_of_day, one_of
from admin_app.operations.refusals import Forbidden, Missing, Refused
from admin_app.operations.registry import Answer, Input, anybody, operation
from models.actor import Actor
from models.entity import entity_named
from models.log import EntryKind
from models.log import Operation as LogOperation
from models.names import Name
from rules.decisions.access import Sight
from rules.documents.roles import Action


class RevealInput(Input):
    """One field of one row, and why it has to be seen."""

    entity: str
    id: int
    field: str
    why: str = ""


def _may_reveal(op: Operation, data: RevealInput) -> bool:
    return op.access.may(Action.REVEAL, entity_named(data.entity))


@operation(Name.REVEAL_FIELD, label=_l("Reveal"), kind=EntryKind.READ, permitted=_may_reveal, form=False)
def reveal_field(op: Operation, data: RevealInput) -> Answer:
    """Log that a masked value is shown. The value itself is read afterwards: it never stands in log or answer."""
    entity = entity_named(data.entity)
    row = one_of(op.session, op.access, entity, data.id)
    field = entity.fields().get(data.field)
    if field is None or op.access.sight(field) is not Sight.MASKED:
        raise Forbidden(_l("There is nothing to reveal here."), data.field)
    one_at_a_time(op)
    most = current_app.config["PEONY"].reveals_per_day
    if _times(op, begin_of_day(op.day), LogOperation.result == "done") >= most:
        raise Refused(_l("You have revealed as many values today as one person may."), data.field, "too_many")
    op.logged_subject = (row.named(), row.id)
    op.reason = data.why or None
    op.detail = {"field": data.field}
    return {}


def _times(op: Operation, since: datetime, *which: ColumnElement[bool]) -> int:
    """How many entries of this operation the asker has in the log since then."""
    mine = (LogOperation.name == op.spec.name, LogOperation.actor_id == op.actor.id, LogOperation.at >= since)
    return op.session.scalar(select(func.count()).where(*mine, *which)) or 0


class ReadInput(Input):
    """Rows whose sensitive fields were shown in clear."""

    entity: str
    ids: list[int]
    fields: list[str]


@operation(Name.READ_RECORD, label=_l("Read"), kind=EntryKind.READ, permitted=anybody, form=False)
def read_record(op: Operation, data: ReadInput) -> Answer:
    """Log that sensitive values were shown. One row is the entry's subject; several stand in its detail."""
    if len(data.ids) == 1:
        op.logged_subject = (data.entity, data.ids[0])
    op.detail = {"fields": data.fields, "rows": data.ids[:200], "entity": data.entity}
    return {}


class NumberSearchInput(Input):
    """A search by a whole number or its last four digits. The number itself is not logged."""

    entity: str
    whole: bool
    found: int


MOST_AN_HOUR = {Name.SEARCH_NUMBER: 120, Name.LOOK_UP_CUSTOMER: 20}
"""Numbers that one person may try, whether they find somebody or not."""


def hold_back(op: Operation) -> None:
    """Stop one person from trying all numbers.

    :raises Refused: she has tried as many within the hour as one may.
    """
    most = MOST_AN_HOUR[Name(op.spec.name)]
    if not op.actor.unrestricted and _times(op, op.at - timedelta(hours=1)) >= most:
        raise Refused(_l("Too many searches by number within an hour."), None, "too_many")


@operation(Name.SEARCH_NUMBER, label=_l("Search by number"), kind=EntryKind.READ, permitted=anybody, form=False)
def search_number(op: Operation, data: NumberSearchInput) -> Answer:
    """Log a search by number, and stop one person from trying them all."""
    hold_back(op)
    op.detail = {"entity": data.entity, "whole": data.whole, "found": data.found}
    return {}


class ExportInput(Input):
    """What left the house: the file's shape and digest."""

    entity: str
    format: str
    rows: int
    columns: list[str]
    filter: dict[str, Any]
    sha256: str


def _may_export(op: Operation, data: ExportInput) -> bool:
    return op.access.may(Action.EXPORT, entity_named(data.entity))


@operation(
    Name.EXPORT_ROWS, label=_l("Export"), kind=EntryKind.EXPORT, permitted=_may_export, form=False, confirmed=True
)
def export_rows(op: Operation, data: ExportInput) -> Answer:
    """Log an export, before its first byte leaves."""
    op.detail = data.model_dump(exclude={"version"})
    return {}


class LogInput(Input):
    """A look into the log, or an export of it."""

    filter: dict[str, Any] = {}
    format: str = "page"
    rows: int = 0
    head: str = ""
    sha256: str = ""


def _may_read_log(op: Operation, data: LogInput) -> bool:
    return op.actor.unrestricted or op.access.opens("log")


@operation(Name.READ_LOG, label=_l("Read the log"), kind=EntryKind.READ, permitted=_may_read_log, form=False)
def read_log(op: Operation, data: LogInput) -> Answer:
    """Log that the log was read or proved."""
    op.detail = data.model_dump(exclude={"version"})
    return {}


@operation(
    Name.EXPORT_LOG,
    label=_l("Export the log"),
    kind=EntryKind.EXPORT,
    permitted=_may_read_log,
    form=False,
    confirmed=True,
)
def export_log(op: Operation, data: LogInput) -> Answer:
    """Log that the log was exported, with its head, before the first byte leaves."""
    op.detail = data.model_dump(exclude={"version"})
    return {}


class PageInput(Input):
    """A page that was asked for in vain: of which entity and row, and whether it looked as if it did not exist; or
    the path to which a form was sent without its CSRF word.
    """

    page: str
    entity: str | None = None
    row: int | None = None
    missing: bool = False
    forged: bool = False


FORGED_AN_HOUR = 60
"""So many forged forms an hour stand in the log, of people signed in and of strangers each: nobody fills the disk."""


def forged_are_logged(session: Session, at: datetime, actor: Actor) -> bool:
    """Whether one more forged form is written down."""
    known = LogOperation.actor_id.is_not(None) if actor.id is not None else LogOperation.actor_id.is_(None)
    forged = (LogOperation.name == str(Name.OPEN_PAGE), LogOperation.result == "forged", known)
    query = select(func.count()).where(*forged, LogOperation.at > at - timedelta(hours=1))
    return (session.scalar(query) or 0) < FORGED_AN_HOUR


@operation(Name.OPEN_PAGE, label=_l("Open a page"), kind=EntryKind.READ, permitted=anybody, form=False)
def open_page(op: Operation, data: PageInput) -> Answer:
    """Always refuse, so that the refusal stands in the log."""
    if data.forged:
        raise Refused(_l("This form is too old or came from somewhere else."), data.page, "forged")
    if data.missing:
        raise Missing(_l("There is no such page, or it is not yours to see."), data.page)
    raise Forbidden(_l("Your role does not allow this."), data.page)
