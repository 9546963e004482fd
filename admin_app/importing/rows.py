"""Rows of any entity that forms may write, from a table whose headings are labels, field names or their aliases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin_app.importing.outside import CORRECT_IT, LEFT_OUT, OutsideWords
from admin_app.importing.report import RowFault, SheetReport
from admin_app.importing.tables import Row, Table, plain
from admin_app.references import References, made_by_name
from admin_app.values import NoChoice, NoValue, Unreadable, read_value, said_in_every_language, write_value
from models.entity import Entity, table_of
from models.field import Field, Kind
from rules.decisions.access import Access

CHUNK = 500
NEW_STORE = 0
"""Stands for the first store of a salon that has none yet."""

FIRST_STORE = "总店"
STANDS_APART = ("merged_into_id", "erased_at", "archived_at")
"""Fields of rows that are no longer worked with: an export has them, an import leaves them."""

_UNSAID = {"未知", "不详", "保密", "未填写", "unknown", "n/a", "-", "--", "/"}
"""Words that say of a choice that nothing is known."""


def columns_of(entity: type[Entity], table: Table) -> dict[str, int]:
    """Field names with their columns."""
    places = {field.name: _column(table, field) for field in entity.fields().values()}
    return {name: place for name, place in places.items() if place is not None}


def _column(table: Table, field: Field) -> int | None:
    return None if field.info.generated else table.column(*headings_of(field))


def unused(table: Table, used: set[int]) -> list[str]:
    """Headings that nothing is made of, and those that stand a second time."""
    return [heading for place, heading in enumerate(table.headings) if heading and place not in used]


def headings_of(field: Field) -> list[str]:
    """What a field may be called at the head of a column; what a spreadsheet usually says comes first."""
    return [field.name, *field.info.aliases, *said_in_every_language(field.label)]


def cell_of(row: Row, column: int | None) -> Any:
    """The cell of a row in a column; None where there is none."""
    return row.cells[column] if column is not None and column < len(row.cells) else None


def text_of(row: Row, column: int | None) -> str:
    """A cell as text.

    :raises Unreadable: what stands there has no value.
    """
    cell = cell_of(row, column)
    if isinstance(cell, NoValue):
        raise Unreadable(cell.reason)
    return plain(cell)


def heading(entity: type[Entity], table: Table, field: str | None) -> str:
    """The heading of a field's column; the field's label where the table has none."""
    known = entity.fields().get(field or "")
    if known is None:
        return field or ""
    column = _column(table, known)
    return table.headings[column] if column is not None else str(known.label)


@dataclass
class Prepared:
    """A row that can be taken: ``values`` by field as written, ``more`` what an importer of its own adds.

    ``id`` and ``version`` are those of the row it corrects; ``later`` are references to rows of the same sheet;
    ``defaults`` are the fields of which the sheet says nothing.
    """

    row: Row
    values: dict[str, Any]
    more: dict[str, Any] = field(default_factory=dict)
    later: dict[str, str] = field(default_factory=dict)
    defaults: frozenset[str] = frozenset()
    id: int | None = None
    version: int | None = None


@dataclass
class Reading:
    """What reading a table gave: rows that can be taken, rows that cannot, cells that were left out.

    ``made`` are the rows of other entities that the sheet names and that a name is enough for, ``outside`` the words
    that are none of a column's choices.
    """

    prepared: list[Prepared] = field(default_factory=list)
    refused: list[RowFault] = field(default_factory=list)
    lost: list[RowFault] = field(default_factory=list)
    apart: list[RowFault] = field(default_factory=list)
    made: dict[str, set[str]] = field(default_factory=dict)
    outside: OutsideWords = field(default_factory=OutsideWords)


def report_of(kind: str, table: Table, reading: Reading) -> SheetReport:
    """What is to be told of a sheet once it has been read."""
    return SheetReport(
        table, kind, refused=reading.refused, lost=reading.lost, duplicates=reading.apart, outside=reading.outside
    )


@dataclass
class Faults:
    """What is wrong with a row: faults for which it is refused, and cells that it does without."""

    fatal: list[tuple[str, str]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)


Importer = Callable[[Row, dict[str, Any], dict[str, Any], Faults], None]
"""Reads what an entity's sheet has beside its fields: adds to values and more, or tells faults."""


class Reader:
    """Reads the rows of one table as rows of an entity.

    A cell that cannot be read costs the row only where the row cannot be without it; otherwise it is left out and told.
    """

    def __init__(self, entity: type[Entity], table: Table, access: Access, default_store: int | None = None) -> None:
        self.entity, self.table, self.access = entity, table, access
        self.columns = columns_of(entity, table)
        self.fields = entity.fields()
        self.zone = current_app.config["PEONY"].zone
        self.default_store = default_store
        self.references = References(access)
        self.made: dict[str, set[str]] = {}

    def read(self, importer: Importer | None = None) -> Reading:
        """Read every row."""
        self._load_references()
        reading = Reading(made=self.made)
        apart = [(name, self._apart_column(name)) for name in STANDS_APART if name in self.fields]
        for row in self.table.rows:
            put_away = next((c for _, c in apart if c is not None and plain(cell_of(row, c))), None)
            if put_away is not None:
                reason = str(_l("This row was put away, merged or erased; it is not brought over."))
                reading.apart.append(RowFault(row, self.table.headings[put_away], reason))
                continue
            self._read_row(row, importer, reading)
        return reading

    def _apart_column(self, name: str) -> int | None:
        return self.table.column(*headings_of(self.fields[name]))

    def _read_row(self, row: Row, importer: Importer | None, reading: Reading) -> None:
        values: dict[str, Any] = {}
        more: dict[str, Any] = {}
        later: dict[str, str] = {}
        faults, outside = Faults(), set[str]()
        for name, column in self.columns.items():
            try:
                self._read_cell(name, cell_of(row, column), values, later)
            except Unreadable as error:
                sort = faults.fatal if self.fields[name].required else faults.lost
                sort.append((self.table.headings[column], str(error)))
                if isinstance(error, NoChoice):
                    outside.add(self.table.headings[column])
                    optional = not self.fields[name].required
                    reading.outside.add(self.table.headings[column], error, LEFT_OUT if optional else CORRECT_IT)
        defaults = self._default_store(values, faults)
        if importer is not None:
            importer(row, values, more, faults)
        if faults.fatal:
            told = [*faults.fatal, *faults.lost]
            reading.refused.append(RowFault(row, "、".join(c for c, _ in told), "；".join(r for _, r in told)))
            return
        reading.lost += [RowFault(row, column, reason, column in outside) for column, reason in faults.lost]
        reading.prepared.append(Prepared(row, values, more, later, defaults))

    def _read_cell(self, name: str, cell: Any, values: dict[str, Any], later: dict[str, str]) -> None:
        """:raises Unreadable: the cell means nothing that the field takes."""
        field = self.fields[name]
        if field.kind is Kind.REFERENCE:
            if isinstance(cell, NoValue):
                raise Unreadable(cell.reason)
            if plain(cell):
                self._read_reference(field, plain(cell), values, later)
            elif field.required and not (name == "store_id" and self.default_store is not None):
                raise Unreadable(_l("This must not be empty."))
            return
        if field.kind is Kind.CHOICE and not field.required and plain(cell).lower() in _UNSAID:
            return
        value = read_value(field, cell, self.zone)
        if value is not None:
            values[name] = write_value(field.kind, value, self.zone)

    def _read_reference(self, field: Field, written: str, values: dict[str, Any], later: dict[str, str]) -> None:
        if field.name == "store_id" and self.default_store == NEW_STORE and written == FIRST_STORE:
            values[field.name] = str(NEW_STORE)
            return
        if field.target == self.entity.named():
            later[field.name] = written
            return
        try:
            values[field.name] = str(self.references.find(field.target, written))
        except Unreadable:
            if not made_by_name(field.target):
                raise
            self.made.setdefault(field.target, set()).add(written)
            later[field.name] = written

    def _default_store(self, values: dict[str, Any], faults: Faults) -> frozenset[str]:
        """Put a row that names no store into the usual one; the fields that were filled so."""
        field = self.fields.get("store_id")
        if field is None or not field.required or "store_id" in values:
            return frozenset()
        if self.default_store is None:
            if "store_id" not in self.columns:
                faults.fatal.append((str(field.label), str(_l("Choose a store."))))
            return frozenset()
        column = heading(self.entity, self.table, "store_id")
        if any(faulty == column for faulty, _ in faults.fatal):
            return frozenset()
        values["store_id"] = str(self.default_store)
        return frozenset({"store_id"})

    def _load_references(self) -> None:
        for name, column in self.columns.items():
            field = self.fields[name]
            if field.kind is Kind.REFERENCE:
                self.references.load(field.target, {plain(cell_of(row, column)) for row in self.table.rows})

    def missing(self, prepared: Sequence[Prepared]) -> Iterator[tuple[Prepared, Field, str]]:
        """References that can be looked for only when the rows they mean have been made."""
        for row in prepared:
            for name, written in row.later.items():
                yield row, self.fields[name], written


def existing(op_session: Any, entity: type[Entity], name: str, values: Sequence[Any]) -> Iterator[Any]:
    """Rows that have one of these values in a field."""
    column = table_of(entity).c[name]
    for start in range(0, len(values), CHUNK):
        yield from op_session.scalars(select(entity).where(column.in_(values[start : start + CHUNK])))
