"""Any entity that forms may write, from a sheet: new rows are made, those that are there are corrected."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import UniqueConstraint, select

from admin_app.importing.report import RowFault, SheetReport
from admin_app.importing.rows import CHUNK, Prepared, Reader, heading, report_of, unused
from admin_app.importing.tables import Table
from admin_app.importing.taking import Corrections, make_named, resolve_made, take
from admin_app.rulebook import access_for
from admin_app.titles import called
from admin_app.values import read_value
from models.actor import Actor
from models.entity import Entity, db, table_of
from models.field import Kind


def import_table(
    entity: type[Entity], table: Table, actor: Actor, dry_run: bool, default_store: int | None
) -> SheetReport:
    """Take a sheet of any entity. A row is known by what is unique in it, or by its name in its store.

    Entities without either (an allergy, a preference) are known by the whole row.
    """
    access = access_for(actor)
    reader = Reader(entity, table, access, default_store)
    reading = reader.read()
    report = report_of(entity.named(), table, reading)
    report.unused = unused(table, set(reader.columns.values()))
    make_named(reader, reading.prepared, report, actor, dry_run)
    resolve_made(reader, reading.prepared, report, dry_run)
    matcher = _Matcher(entity)
    fresh, corrections = matcher.sort(reading.prepared, report, Corrections(entity, report, access))
    take(entity, [*fresh, *corrections.rows], report, actor, dry_run=dry_run)
    return report


class _Matcher:
    """Says which row of the salon a row of the sheet is."""

    def __init__(self, entity: type[Entity]) -> None:
        self.entity = entity
        self.fields = entity.fields()
        self.zone = current_app.config["PEONY"].zone
        self.keys = self._keys()

    def _keys(self) -> list[tuple[str, ...]]:
        """Sets of fields by which a row is known, the shortest first."""
        found = [
            tuple(column.name for column in constraint.columns)
            for constraint in table_of(self.entity).constraints
            if isinstance(constraint, UniqueConstraint)
        ]
        keys = sorted(key for key in found if not any(self.fields[name].info.generated for name in key))
        if "name" in self.fields and not any("name" in key for key in keys):
            keys.append(("name", "store_id") if "store_id" in self.fields else ("name",))
        return sorted(keys, key=len)

    def _value(self, name: str, text: Any) -> Any:
        return read_value(self.fields[name], text, self.zone)

    def sort(
        self, prepared: list[Prepared], report: SheetReport, corrections: Corrections
    ) -> tuple[list[Prepared], Corrections]:
        """The new rows, and what the others correct; rows that stand twice in the sheet are told."""
        there = {key: self._there(key, prepared) for key in self.keys}
        whole = self._whole(prepared) if not self.keys else {}
        first: dict[Any, Prepared] = {}
        fresh: list[Prepared] = []
        for given in prepared:
            marks = self._marks(given)
            twin = next((first[mark] for mark in marks if mark in first), None)
            if twin is not None:
                names = next(mark for mark in marks if mark in first)[0]
                column = heading(self.entity, report.table, names[0])
                reason = _("The same as in row %(row)s.", row=twin.row.number)
                report.duplicates.append(RowFault(given.row, column, reason))
                continue
            first |= dict.fromkeys(marks, given)
            rows = next((rows for mark in marks if (rows := there.get(mark[0], {}).get(mark[1]))), None)
            if rows is None and not self.keys:
                rows = whole.get(self._written(given))
            if rows is None:
                fresh.append(given)
            elif len(rows) > 1 and self.keys:
                reason = _("%(count)s rows have this name already; correct them by hand.", count=len(rows))
                column = heading(self.entity, report.table, self.keys[-1][0])
                report.refused.append(RowFault(given.row, column, reason))
            else:
                corrections.add(given, rows[0], called([rows[0]], corrections.access)[0])
        return fresh, corrections

    def _marks(self, given: Prepared) -> list[tuple[tuple[str, ...], Any]]:
        """What the row is known by: each set of fields that it has whole."""
        marks = [
            (key, tuple(self._value(name, given.values[name]) for name in key))
            for key in self.keys
            if all(name in given.values for name in key)
        ]
        return marks[:1] if marks else ([] if self.keys else [((next(iter(self.fields)),), self._written(given))])

    def _there(self, key: tuple[str, ...], prepared: list[Prepared]) -> dict[Any, list[Any]]:
        """The rows of the salon that have what rows of the sheet have in these fields."""
        column = self.fields[key[0]].column
        wanted = {self._value(key[0], row.values[key[0]]) for row in prepared if key[0] in row.values}
        found: dict[Any, list[Any]] = defaultdict(list)
        values = list(wanted)
        for start in range(0, len(values), CHUNK):
            query = select(self.entity).where(column.in_(values[start : start + CHUNK])).order_by(self.entity.id)
            for row in db.session.scalars(query):
                found[tuple(getattr(row, name) for name in key)].append(row)
        return found

    def _whole(self, prepared: list[Prepared]) -> dict[Any, list[Any]]:
        """The rows of the salon by all that rows of the sheet say, for entities that have no key."""
        anchor = next((f for f in self.fields.values() if f.kind is Kind.REFERENCE and f.required), None)
        if anchor is None:
            return {}
        ids = sorted({int(row.values[anchor.name]) for row in prepared if anchor.name in row.values})
        found: dict[Any, list[Any]] = defaultdict(list)
        names = {frozenset(row.values) for row in prepared}
        for start in range(0, len(ids), CHUNK):
            for row in db.session.scalars(select(self.entity).where(anchor.column.in_(ids[start : start + CHUNK]))):
                for said in names:
                    found[frozenset((name, _hashable(getattr(row, name))) for name in said)].append(row)
        return found

    def _written(self, given: Prepared) -> Any:
        return frozenset((name, _hashable(self._value(name, text))) for name, text in given.values.items())


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
