"""Rows of any entity that forms may write, from a table whose headings are labels, field names or their aliases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin_app.importing.report import RowFault, SheetReport
from admin_app.importing.tables import Row, Table, plain
from admin_app.operations.entities import may_write, refuse_future_birthday
from admin_app.operations.kernel import Operation, perform
from admin_app.operations.refusals import Forbidden, Refused
from admin_app.operations.registry import Answer, Input, operation
from admin_app.values import Unreadable, read_value, said_in_every_language, write_value
from models.actor import Actor
from models.entity import Entity, db, entity_named, table_of
from models.field import Field, Kind
from models.names import Name

CHUNK = 500


def columns_of(entity: type[Entity], table: Table) -> dict[str, int]:
    """Field names with the place of their column."""
    places = {field.name: _place(table, field) for field in entity.fields().values()}
    return {name: place for name, place in places.items() if place is not None}


def _place(table: Table, field: Field) -> int | None:
    return None if field.info.generated else table.column(*headings_of(field))


def unused(entity: type[Entity], table: Table, *also: str) -> list[str]:
    """Headings that nothing is made of, and those that stand a second time."""
    used = set(columns_of(entity, table).values())
    used |= {place for name in also if (place := table.column(name)) is not None}
    return [heading for place, heading in enumerate(table.headings) if heading and place not in used]


def headings_of(field: Field) -> list[str]:
    """What a field may be called at the head of a column."""
    return [field.name, *said_in_every_language(field.label), *field.info.aliases]


@dataclass(frozen=True)
class Prepared:
    """A row that can be taken: ``values`` by field as written, ``more`` what an importer of its own adds."""

    row: Row
    values: dict[str, Any]
    more: dict[str, Any]


Importer = Callable[[Table, Row, dict[str, int]], tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]]


def prepare(entity: type[Entity], table: Table, extra: Importer | None = None) -> tuple[list[Prepared], list[RowFault]]:
    """Read every cell: rows that can be taken, and the faults of those that cannot, each at its column."""
    columns, zone = columns_of(entity, table), current_app.config["PEONY"].zone
    fields = entity.fields()
    taken: list[Prepared] = []
    refused: list[RowFault] = []
    for row in table.rows:
        values: dict[str, Any] = {}
        faults: list[tuple[str, str]] = []
        for name, place in columns.items():
            cell = row.cells[place] if place < len(row.cells) else None
            try:
                value = None if fields[name].kind is Kind.REFERENCE else read_value(fields[name], cell, zone)
            except Unreadable as error:
                faults.append((table.headings[place], str(error)))
                continue
            if value is not None:
                values[name] = write_value(fields[name].kind, value, zone)
            elif fields[name].kind is Kind.REFERENCE and plain(cell):
                values[name] = plain(cell)
        more: dict[str, Any] = {}
        if extra is not None:
            added, more, found = extra(table, row, columns)
            values |= added
            faults += found
        if faults:
            refused.append(RowFault(row, "、".join(c for c, _ in faults), "；".join(r for _, r in faults)))
        else:
            taken.append(Prepared(row, values, more))
    return taken, refused


class ImportInput(Input):
    """A part of a file: rows as (row number, values, more)."""

    entity: str
    rows: list[tuple[int, dict[str, Any], dict[str, Any]]]


def _may_import(op: Operation, data: ImportInput) -> bool:
    return may_write(op.access, entity_named(data.entity), Name.IMPORT_ROWS)


Fill = Callable[[Operation, Any, dict[str, Any]], None]
FILLS: dict[str, Fill] = {}
"""What an entity's importer does with a new row beyond its fields."""


@operation(Name.IMPORT_ROWS, label=_l("Import"), permitted=_may_import, form=False)
def import_rows(op: Operation, data: ImportInput) -> Answer:
    """Make the rows; one that the database refuses is named by its number, and the part is not taken."""
    entity, zone = entity_named(data.entity), current_app.config["PEONY"].zone
    fields = entity.fields()
    fill = FILLS.get(data.entity)
    made: list[tuple[Any, dict[str, Any]]] = []
    for _, written, more in data.rows:
        for name in written:
            if not op.access.writes(fields[name], creating=True):
                raise Forbidden(_l("You may not write this field."), name)
        row = entity(**{name: read_value(fields[name], text, zone) for name, text in written.items()})
        if "registered_on" in fields:
            row.registered_on = op.day  # type: ignore[attr-defined]  # asked just before
        refuse_future_birthday(op, row)
        made.append((row, more))
    op.session.add_all([row for row, _ in made])
    op.session.flush()
    if fill is not None:
        for row, more in made:
            fill(op, row, more)
    op.detail = {"entity": data.entity, "rows": len(made)}
    return {"ids": [row.id for row, _ in made]}


def take(
    entity: type[Entity], prepared: Sequence[Prepared], report: SheetReport, actor: Actor, *, dry_run: bool = False
) -> list[int]:
    """Import in parts. A part the database refuses is taken row by row, so that only the bad rows stay out.

    A dry run does the same and takes each part back.
    """
    ids: list[int] = []
    for start in range(0, len(prepared), CHUNK):
        part = prepared[start : start + CHUNK]
        try:
            ids += _perform(entity, part, actor, dry_run)
        except Forbidden:
            raise
        except Refused:
            for one in part:
                try:
                    ids += _perform(entity, [one], actor, dry_run)
                except Refused as refusal:
                    column = heading(entity, report.table, refusal.field)
                    report.refused.append(RowFault(one.row, column, str(refusal)))
    report.created += len(ids)
    return ids


def _perform(entity: type[Entity], part: Sequence[Prepared], actor: Actor, dry_run: bool) -> list[int]:
    rows = [(one.row.number, one.values, one.more) for one in part]
    answer = perform(Name.IMPORT_ROWS, ImportInput(entity=entity.named(), rows=rows), actor=actor, rehearse=dry_run)
    ids: list[int] = answer["ids"]
    return ids


def heading(entity: type[Entity], table: Table, field: str | None) -> str:
    """The heading of a field's column; the field's own name where the table has none."""
    known = entity.fields().get(field or "")
    place = _place(table, known) if known is not None else None
    return table.headings[place] if place is not None else (field or "")


def existing(op_session: Any, entity: type[Entity], name: str, values: Sequence[Any]) -> Iterator[Any]:
    """Rows that have one of these values in a field."""
    column = table_of(entity).c[name]
    for start in range(0, len(values), CHUNK):
        yield from op_session.scalars(select(entity).where(column.in_(values[start : start + CHUNK])))


def import_table(entity: type[Entity], table: Table, actor: Actor, dry_run: bool) -> SheetReport:
    """Any entity: rows whose first unique field is there already are left as they are."""
    report = SheetReport(table, entity.named(), unused=unused(entity, table))
    prepared, report.refused = prepare(entity, table)
    unique = next((f.name for f in entity.fields().values() if f.column.unique and not f.info.generated), None)
    if unique is not None:
        known = {
            str(getattr(row, unique))
            for row in existing(db.session, entity, unique, [p.values.get(unique) for p in prepared])
        }
        fresh = [one for one in prepared if one.values.get(unique) not in known]
        report.unchanged = len(prepared) - len(fresh)
        prepared = _without_doubles(fresh, unique, entity, report)
    take(entity, prepared, report, actor, dry_run=dry_run)
    return report


def _without_doubles(
    prepared: list[Prepared], unique: str, entity: type[Entity], report: SheetReport
) -> list[Prepared]:
    """The first row of each value; the others stand in the sheet twice."""
    first: dict[Any, Prepared] = {}
    for one in prepared:
        value = one.values.get(unique)
        if value is not None and value in first:
            reason = _l("The same as in row %(row)s.", row=first[value].row.number)
            report.duplicates.append(RowFault(one.row, heading(entity, report.table, unique), str(reason)))
        else:
            first[value if value is not None else one.row.number] = one
    return list(first.values())
