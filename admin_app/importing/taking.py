"""Rows into the salon: the operation that makes and corrects them, in parts, so that only bad rows stay out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from admin_app.importing.report import Change, RowFault, SheetReport
from admin_app.importing.rows import CHUNK, FIRST_STORE, NEW_STORE, Prepared, Reader, heading
from admin_app.operations.entities import may_write, refuse_future_birthday
from admin_app.operations.kernel import Operation, check_version, perform
from admin_app.operations.refusals import Forbidden, Missing, Refused
from admin_app.operations.registry import Answer, Input, operation
from admin_app.references import References, reference_names
from admin_app.values import Unreadable, read_value, show_value, write_value
from models.actor import Actor
from models.entity import Entity, entity_named
from models.field import Field, Kind
from models.names import Name
from models.organisation import Store
from rules.decisions.access import Access, Sight, masked
from rules.documents.roles import Action


class ImportedRow(BaseModel):
    """A row of a file: its number there, the row it corrects, values by field, and what its importer adds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    row: int
    values: dict[str, Any]
    more: dict[str, Any] = {}
    id: int | None = None
    version: int | None = None


class ImportInput(Input):
    """A part of a file."""

    entity: str
    rows: list[ImportedRow]


def _may_import(op: Operation, data: ImportInput) -> bool:
    entity = entity_named(data.entity)
    corrects = any(row.id is not None for row in data.rows)
    return may_write(op.access, entity, Name.IMPORT_ROWS) and (not corrects or op.access.may(Action.EDIT, entity))


Fill = Callable[[Operation, Any, dict[str, Any]], None]
FILLS: dict[str, Fill] = {}
"""What an entity's importer does with a row beyond its fields."""


@operation(Name.IMPORT_ROWS, label=_l("Import"), permitted=_may_import, form=False)
def import_rows(op: Operation, data: ImportInput) -> Answer:
    """Make and correct rows; what the database refuses is named by its field, and the part is not taken."""
    entity, zone = entity_named(data.entity), current_app.config["PEONY"].zone
    fields = entity.fields()
    first_store = _check_references(op, entity, data.rows)
    there = _corrected(op, entity, data.rows)
    done: list[tuple[Any, dict[str, Any]]] = []
    made: list[Any] = []
    for given in data.rows:
        values: dict[str, Any] = {}
        for name, text in given.values.items():
            if not op.access.writes(fields[name], creating=given.id is None):
                raise Forbidden(_l("You may not write this field."), name)
            values[name] = read_value(fields[name], text, zone)
        if given.id is None:
            row: Any = entity(**values)
            made.append(row)
        else:
            row = there[given.id]
            check_version(row, given.version)
            for name, value in values.items():
                setattr(row, name, value)
        _set_registered(op, row, given)
        refuse_future_birthday(op, row)
        done.append((row, given.more))
    op.session.add_all(made)
    op.session.flush()
    fill = FILLS.get(data.entity)
    if fill is not None:
        for row, more in done:
            fill(op, row, more)
    op.detail = {"entity": data.entity, "rows": len(made), "corrected": len(done) - len(made)}
    return {"ids": [row.id for row, _ in done], "first_store": first_store}


def _set_registered(op: Operation, row: Any, given: ImportedRow) -> None:
    """The day on which somebody was first written down: as the file says, else today."""
    if "registered_on" in row.fields():
        written = given.more.get("registered_on")
        if written is not None:
            row.registered_on = date.fromisoformat(written)
        elif given.id is None:
            row.registered_on = op.day


def _corrected(op: Operation, entity: type[Entity], rows: Sequence[ImportedRow]) -> dict[int, Any]:
    ids = {row.id for row in rows if row.id is not None}
    if not ids:
        return {}
    found = {
        row.id: row for row in op.session.scalars(select(entity).where(entity.id.in_(ids), op.access.rows(entity)))
    }
    if len(found) != len(ids):
        raise Missing(_l("There is no such row, or it is not yours to see."))
    return found


def _check_references(op: Operation, entity: type[Entity], rows: Sequence[ImportedRow]) -> bool:
    """Whether the rows needed the first store to be made.

    :raises Missing: a row refers to one that is not there, or not the actor's to see.
    """
    made = False
    for field in entity.fields().values():
        if field.kind is not Kind.REFERENCE:
            continue
        ids = {int(row.values[field.name]) for row in rows if field.name in row.values}
        if field.target == Store.named() and NEW_STORE in ids:
            ids.remove(NEW_STORE)
            made |= _use_first_store(op, field, rows)
        target = entity_named(field.target)
        seen = select(target.id).where(target.id.in_(ids), op.access.rows(target))
        if ids and len(set(op.session.scalars(seen))) != len(ids):
            raise Missing(_l("There is no such row, or it is not yours to see."), field.name)
    return made


def _use_first_store(op: Operation, field: Field, rows: Sequence[ImportedRow]) -> bool:
    """Put the rows of a salon without a store into its first one; whether it was made for them."""
    store = op.session.scalar(select(Store).order_by(Store.id).limit(1))
    made = store is None
    if store is None:
        store = Store(name=FIRST_STORE)
        op.session.add(store)
        op.session.flush()
    for row in rows:
        if row.values.get(field.name) == str(NEW_STORE):
            row.values[field.name] = str(store.id)
    return made


# --------------------------------------------------------------------------------------------- in parts


def take(
    entity: type[Entity], prepared: Sequence[Prepared], report: SheetReport, actor: Actor, *, dry_run: bool = False
) -> dict[int, int]:
    """Import in parts; the ids of what was made or corrected, by the number of the row in the sheet.

    A part the database refuses is taken row by row, so that only the bad rows stay out. A dry run does the same and
    takes each part back.
    """
    ids: dict[int, int] = {}
    for start in range(0, len(prepared), CHUNK):
        part = prepared[start : start + CHUNK]
        try:
            ids |= _perform(entity, part, report, actor, dry_run)
        except Forbidden:
            raise
        except Refused:
            for row in part:
                try:
                    ids |= _perform(entity, [row], report, actor, dry_run)
                except Refused as refusal:
                    column = heading(entity, report.table, refusal.field)
                    report.refused.append(RowFault(row.row, column, str(refusal)))
    for row in prepared:
        if row.row.number in ids:
            if row.id is None:
                report.created += 1
            else:
                report.updated += 1
    return ids


def _perform(
    entity: type[Entity], part: Sequence[Prepared], report: SheetReport, actor: Actor, dry_run: bool
) -> dict[int, int]:
    rows = [ImportedRow(row=p.row.number, values=dict(p.values), more=p.more, id=p.id, version=p.version) for p in part]
    answer = perform(Name.IMPORT_ROWS, ImportInput(entity=entity.named(), rows=rows), actor=actor, rehearse=dry_run)
    report.first_store |= answer["first_store"]
    return dict(zip((p.row.number for p in part), answer["ids"], strict=True))


# ------------------------------------------------------------------------------------------- corrections


class Corrections:
    """What rows of a sheet change in rows that are there already."""

    def __init__(self, entity: type[Entity], report: SheetReport, access: Access) -> None:
        self.entity, self.report, self.access = entity, report, access
        self.fields = entity.fields()
        self.zone = current_app.config["PEONY"].zone
        self.rows: list[Prepared] = []

    def add(self, given: Prepared, row: Any, title: str, more: dict[str, Any] | None = None) -> None:
        """Compare a row of the sheet with the one it means; what differs is corrected and shown."""
        values: dict[str, Any] = {}
        for name, text in given.values.items():
            if name in given.defaults:
                continue
            before, after = getattr(row, name), read_value(self.fields[name], text, self.zone)
            if before == after:
                continue
            column = heading(self.entity, self.report.table, name)
            if not self.access.writes(self.fields[name]):
                reason = _("You may not write this field.")
                self.report.lost.append(RowFault(given.row, column, reason))
                continue
            values[name] = text
            shown = (self._shown(name, before), self._shown(name, after))
            self.report.changes.append(Change(given.row, title, column, *shown))
        if values or more:
            self.rows.append(Prepared(given.row, values, more or {}, given.later, id=row.id, version=row.version))
        else:
            self.report.unchanged += 1

    def _shown(self, name: str, value: Any) -> str:
        if value is None:
            return ""
        field = self.fields[name]
        if self.access.sight(field) is not Sight.CLEAR:
            return masked(value, field.kind) or ""
        if field.kind is Kind.REFERENCE:
            return reference_names({field.target: {value}}, self.access)[field.target, value]
        return show_value(field.kind, value, self.zone)


def make_named(reader: Reader, prepared: Sequence[Prepared], report: SheetReport, actor: Actor, dry_run: bool) -> None:
    """Make the headings and brands that rows to be taken name and nobody has made yet."""
    made: dict[str, set[str]] = {}
    for _row, field, written in reader.missing(prepared):
        if field.target in reader.made:
            made.setdefault(field.target, set()).add(written)
    for target, names in made.items():
        report.also.setdefault("made", {})[target] = sorted(names)
        if not dry_run:
            rows = [ImportedRow(row=0, values={"name": name}) for name in sorted(names)]
            perform(Name.IMPORT_ROWS, ImportInput(entity=target, rows=rows), actor=actor)


def resolve_made(reader: Reader, prepared: Sequence[Prepared], report: SheetReport, dry_run: bool) -> None:
    """Put the references to what was just made into the rows that name it."""
    references = References(reader.access)
    for row, field, written in reader.missing(prepared):
        if field.target == reader.entity.named() or dry_run:
            continue
        references.load(field.target, [written])
        try:
            row.values[field.name] = write_value(field.kind, references.find(field.target, written), reader.zone)
        except Unreadable as error:
            report.lost.append(RowFault(row.row, heading(reader.entity, report.table, field.name), str(error)))
