"""Rows of an entity out of the house: the fields she may see, as she may see them, in a file that is logged first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, func, select

from admin_app.documents.sheets import write_csv, write_sheets
from admin_app.operations.kernel import perform
from admin_app.operations.reading import ExportInput
from admin_app.operations.refusals import Refused
from admin_app.rulebook import access_for, words_of
from admin_app.titles import titles_of
from admin_app.values import show_value
from models.actor import Actor
from models.entity import AnySelect, Entity, db
from models.field import Field, Kind
from models.names import Name
from rules.decisions.access import Access, Sight, masked

PAGE = 2_000


@dataclass(frozen=True)
class Selection:
    """What of an entity: further conditions, how they were said, and the order."""

    entity: type[Entity]
    conditions: Sequence[ColumnElement[bool]] = ()
    said: dict[str, Any] = field(default_factory=dict)


def export_to(path: Path, chosen: Selection, actor: Actor) -> int:
    """Write the rows to an .xlsx or .csv file and log it; how many there were.

    :raises Refused: more rows than may leave at once, or she may not export.
    """
    access = access_for(actor)
    fields = exported_fields(access, chosen.entity)
    query = select(chosen.entity).where(access.rows(chosen.entity), *chosen.conditions)
    most = current_app.config["PEONY"].export_rows
    if (db.session.scalar(select(func.count()).select_from(query.limit(most + 1).subquery())) or 0) > most:
        raise Refused(_l("More than %(most)s rows; narrow the filter.", most=most), None, "too_many")
    headings = [str(one.label) for one in fields]
    body = _body(query, chosen.entity, fields, access)
    if path.suffix.lower() == ".csv":
        rows = write_csv(path, headings, body)
    else:
        rows = write_sheets(path, [(str(chosen.entity.plural), headings, body)])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    data = ExportInput(
        entity=chosen.entity.named(),
        format=path.suffix.lower().lstrip("."),
        rows=rows,
        columns=[one.name for one in fields],
        filter=chosen.said,
        sha256=digest,
    )
    try:
        perform(Name.EXPORT_ROWS, data, actor=actor)
    except Refused:
        path.unlink()
        raise
    return rows


def exported_fields(access: Access, entity: type[Entity]) -> list[Field]:
    """What she sees of the entity, save what the house keeps for itself."""
    kept = {"id", "version", "archived_at", "source_key", "public_id"}
    return [one for one in entity.fields().values() if one.name not in kept and access.sight(one) is not Sight.HIDDEN]


def _body(query: AnySelect, entity: type[Entity], fields: list[Field], access: Access) -> Iterator[list[Any]]:
    """Rows by pages of ids, so that memory does not grow with the file."""
    labels = {one.name: dict(words_of(one.info.words)) for one in fields if one.info.words}
    last = 0
    while True:
        page = list(db.session.scalars(query.where(entity.id > last).order_by(entity.id).limit(PAGE)))
        if not page:
            return
        titles = titles_of(page, fields, access)
        for row in page:
            yield [_cell(row, one, titles, access, labels) for one in fields]
        last = page[-1].id
        db.session.expunge_all()


Labels = dict[str, dict[str, str]]


def _cell(row: Entity, one: Field, titles: dict[tuple[str, int], str], access: Access, labels: Labels) -> Any:
    value = getattr(row, one.name)
    if value is None:
        return ""
    if access.sight(one) is Sight.MASKED:
        return masked(value, one.kind)
    if one.kind is Kind.REFERENCE:
        return titles.get((one.target, value), f"#{value}")
    if one.kind is Kind.NUMBER and isinstance(value, int):
        return value
    if one.kind is Kind.MONEY:
        return value / 100
    if one.info.words:
        return labels[one.name].get(value, value)
    return show_value(one.kind, value, current_app.config["PEONY"].zone)
