"""A file in: each sheet goes to whoever understands it; what came of it is kept, what was not taken is written out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin_app.backup import back_up
from admin_app.importing.balances import import_balances, is_balances
from admin_app.importing.customers import import_customers, is_customers
from admin_app.importing.doubts import with_certain_phones, with_names
from admin_app.importing.entities import import_table
from admin_app.importing.people import Coming
from admin_app.importing.report import SheetReport, write_failed_rows
from admin_app.importing.rows import FIRST_STORE, NEW_STORE, columns_of, headings_of
from admin_app.importing.sales_sheet import import_sales, is_sales
from admin_app.importing.tables import Table, UnreadableFileError, fingerprint, plain, read_tables
from admin_app.operations.house import BackUpInput
from admin_app.operations.kernel import Operation, now, perform
from admin_app.operations.registry import Answer, Input, anybody, operation
from models.actor import Actor
from models.clock import ImportRun
from models.customers import Customer
from models.entity import Entity, db, entities
from models.field import Kind
from models.names import Name
from models.organisation import Store
from models.screen import WrittenBy


@dataclass
class FileReport:
    """What came of a file: its sheets, those nobody understood, hidden ones, and the file of rows not taken.

    ``aside`` are rows that are no data, with their sheet: titles above the headings, totals and signatures below;
    ``encoding`` is that in which a text was read, ``made_store`` the store that the file made, or would make, in a
    salon without one.
    """

    sheets: list[SheetReport] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    aside: list[tuple[str, int, str]] = field(default_factory=list)
    failed_file: Path | None = None
    encoding: str | None = None
    made_store: str | None = None
    dry_run: bool = False
    backup: Path | None = None

    def counts(self) -> dict[str, Any]:
        return {
            "sheets": [sheet.counts() for sheet in self.sheets],
            "left": self.left,
            "hidden": self.hidden,
            "aside": [{"sheet": sheet, "row": row, "text": text} for sheet, row, text in self.aside],
            "failed_file": str(self.failed_file) if self.failed_file else None,
            "encoding": self.encoding,
            "made_store": self.made_store,
            "dry_run": self.dry_run,
            "backup": str(self.backup) if self.backup else None,
        }


OF_A_SALON = ("customers", "sales", "balances")
"""Sheets as salons keep them; whatever else is imported is one entity by the headings of its fields."""


def importable() -> dict[str, type[Entity]]:
    """The entities that can be imported, by the word a command uses."""
    plain = [entity for entity in entities() if entity.imports and entity.written_by == WrittenBy.FORM]
    return {entity.named_plural(): entity for entity in plain}


def kind_called(word: str) -> str | None:
    """The kind of file that a word names; of an entity its name in singular does too. None where there is none."""
    kinds = {entity.named(): name for name, entity in importable().items()}
    kinds |= {"sale": "sales", "balance": "balances"}
    return word if word in {*OF_A_SALON, *importable()} else kinds.get(word)


def heading_words() -> set[str]:
    """What a column may be called in any file, by which the row of headings is recognised."""
    return {
        word for entity in importable().values() for field in entity.fields().values() for word in headings_of(field)
    }


def import_file(
    kind: str,
    path: Path,
    actor: Actor,
    dry_run: bool = False,
    hidden: bool = False,
    save: Callable[[], Path] | None = None,
    encoding: str | None = None,
) -> FileReport:
    """Bring in a file of ``customers`` (with the sales a workbook may hold beside them), ``sales``, ``balances`` or
    another entity. Sheets that are hidden are left unless ``hidden`` says otherwise. ``save`` makes a backup before
    the first row is written, and gives its path. ``encoding`` is that of a text whose bytes are not to be asked.

    :raises UnreadableFileError: the file, or every sheet of it, is not what was said.
    """
    every = [_without_doubts(kind, table) for table in read_tables(path, heading_words(), encoding)]
    tables = [table for table in every if hidden or not table.hidden]
    report = FileReport(dry_run=dry_run, hidden=[table.name for table in every if table.hidden and not hidden])
    report.encoding = next((table.encoding for table in every), None)
    if save is not None and not dry_run:
        report.backup = save()
    if kind in OF_A_SALON:
        _import_salon(report, kind, tables, actor)
    else:
        entity, store = importable()[kind], _only_store()
        _each(
            report,
            tables,
            lambda table: bool(columns_of(entity, table)),
            lambda table: import_table(entity, table, actor, dry_run, store),
        )
    if not report.sheets:
        found = "; ".join("、".join(filter(None, table.headings)) or "–" for table in tables)
        said = {"file": path, "kind": kind, "found": found}
        message = _l("%(file)s: no sheet has the headings of %(kind)s; there are: %(found)s", **said)
        raise UnreadableFileError(str(message))
    report.made_store = FIRST_STORE if any(sheet.first_store for sheet in report.sheets) else None
    taken = {sheet.table.name for sheet in report.sheets}
    report.left = [table.name for table in tables if table.name not in taken]
    report.aside = [
        (sheet.table.name, row.number, " ".join(filter(None, map(plain, row.cells)))[:80])
        for sheet in {sheet.table.name: sheet for sheet in report.sheets}.values()
        for row in sheet.table.aside
    ]
    _finish(report, path, actor)
    return report


def save_before_import(actor: Actor) -> Path:
    """A backup that undoes an import as a whole; its path.

    :raises admin_app.backup.BackupError: it could not be made, and nothing may be imported.
    """
    settings = current_app.config["PEONY"]
    at = now().astimezone(settings.zone)
    name = f"before-import-{at:%Y%m%d-%H%M%S}-{at.microsecond // 1000:03d}.backup"
    path: Path = settings.data_dir / "backups" / name
    size, digest = back_up(path)
    perform(Name.BACK_UP, BackUpInput(path=path.name, size=size, sha256=digest), actor=actor)
    return path


def _import_salon(report: FileReport, kind: str, tables: list[Table], actor: Actor) -> None:
    """Sheets as salons keep them; rows that name no store come into the first one."""
    dry_run, coming = report.dry_run, Coming()
    if kind == "customers":
        _each(report, tables, is_customers, lambda t: import_customers(t, _first_store(), actor, dry_run, coming))
    if kind in {"customers", "sales"}:
        _each(report, tables, is_sales, lambda t: import_sales(t, _first_store(), actor, dry_run, coming))
    if kind == "balances":
        members = [table for table in tables if is_balances(table)]
        report.sheets += import_balances(members, _first_store(), actor, dry_run)


def _first_store() -> int:
    """The first store; a salon without one gets it with the first row that needs it."""
    known = db.session.scalar(select(Store.id).order_by(Store.id).limit(1))
    return NEW_STORE if known is None else known


def _only_store() -> int | None:
    """The only store there is; a salon without one gets it with the first row that needs it."""
    stores = list(db.session.scalars(select(Store.id).order_by(Store.id).limit(2)))
    if len(stores) > 1:
        return None
    return stores[0] if stores else NEW_STORE


def _without_doubts(kind: str, table: Table) -> Table:
    entity = importable().get(kind, Customer)
    for name, column in columns_of(entity, table).items():
        if entity.fields()[name].kind is Kind.PHONE:
            table = with_certain_phones(table, column)
        elif entity is Customer and name == "name":
            table = with_names(table, column)
    return table


def _each(report: FileReport, tables: list[Table], fits: Any, take: Any) -> None:
    report.sheets += [take(table) for table in tables if fits(table)]


def _finish(report: FileReport, path: Path, actor: Actor) -> None:
    if any(sheet.refused or sheet.duplicates or sheet.lost for sheet in report.sheets):
        folder = current_app.config["PEONY"].data_dir / "imports"
        at = now().astimezone(current_app.config["PEONY"].zone)
        report.failed_file = folder / f"{path.stem[:60]}-{at:%Y%m%d-%H%M%S}-{at.microsecond // 1000:03d}.xlsx"
        write_failed_rows(report.failed_file, report.sheets)
    if not report.dry_run and any(sheet.created or sheet.updated for sheet in report.sheets):
        sheets = [_counts(sheet) for sheet in report.sheets]
        data = ImportRunInput(file_name=path.name[:120], content_hash=fingerprint(path), sheets=sheets)
        perform(Name.NOTE_IMPORT, data, actor=actor)


def _counts(sheet: SheetReport) -> dict[str, Any]:
    counts = sheet.counts()
    return {name: counts[name] for name in ("sheet", "created", "updated", "unchanged", "duplicates", "refused")}


class ImportRunInput(Input):
    """What came of a file, sheet by sheet."""

    file_name: str
    content_hash: str
    sheets: list[dict[str, Any]]


@operation(Name.NOTE_IMPORT, label=_l("Import"), permitted=anybody, form=False)
def note_import(op: Operation, data: ImportRunInput) -> Answer:
    """Keep what came of an import."""
    rows = [ImportRun(file_name=data.file_name, content_hash=data.content_hash, at=op.at, **s) for s in data.sheets]
    op.session.add_all(rows)
    op.session.flush()
    return {"ids": [row.id for row in rows]}
