"""A file in: each sheet goes to whoever understands it; what came of it is kept, what was not taken is written out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l

from admin_app.importing.balances import import_balances, is_balances
from admin_app.importing.customers import import_customers, is_customers
from admin_app.importing.report import SheetReport, write_failed_rows
from admin_app.importing.rows import columns_of, import_table
from admin_app.importing.sales import import_sales, is_sales
from admin_app.importing.tables import Table, UnreadableFileError, fingerprint, read_tables
from admin_app.operations.kernel import Operation, now, perform
from admin_app.operations.registry import Answer, Input, anybody, operation
from admin_app.start import first_store
from models.actor import Actor
from models.clock import ImportRun
from models.entity import Entity, entities
from models.names import Name
from models.screen import WrittenBy


@dataclass
class FileReport:
    """What came of a file: its sheets, those nobody understood, and the file of rows not taken."""

    sheets: list[SheetReport] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    failed_file: Path | None = None
    dry_run: bool = False

    def counts(self) -> dict[str, Any]:
        return {
            "sheets": [sheet.counts() for sheet in self.sheets],
            "left": self.left,
            "failed_file": str(self.failed_file) if self.failed_file else None,
            "dry_run": self.dry_run,
        }


OF_A_SALON = ("customers", "sales", "balances")
"""Sheets as salons keep them; whatever else is imported is one entity by the headings of its fields."""


def importable() -> dict[str, type[Entity]]:
    """The entities that can be imported, by the word a command uses."""
    plain = [entity for entity in entities() if entity.imports and entity.written_by == WrittenBy.FORM]
    return {entity.named_plural(): entity for entity in plain}


def import_file(kind: str, path: Path, actor: Actor, dry_run: bool = False) -> FileReport:
    """Bring in a file of ``customers`` (with the sales a workbook may hold beside them), ``sales``, ``balances`` or
    another entity.

    :raises UnreadableFileError: the file, or every sheet of it, is not what was said.
    """
    tables = read_tables(path)
    report = FileReport(dry_run=dry_run)
    store = first_store("总店", actor) if kind in OF_A_SALON else 0
    if kind == "customers":
        _each(report, tables, is_customers, lambda table: import_customers(table, store, actor, dry_run))
    if kind in {"customers", "sales"}:
        _each(report, tables, is_sales, lambda table: import_sales(table, store, actor, dry_run))
    if kind == "balances":
        _each(report, tables, is_balances, lambda table: import_balances(table, store, actor, dry_run))
    if kind not in OF_A_SALON:
        entity = importable()[kind]
        _each(report, tables, lambda t: bool(columns_of(entity, t)), lambda t: import_table(entity, t, actor, dry_run))
    if not report.sheets:
        found = "; ".join("、".join(filter(None, table.headings)) or "–" for table in tables)
        said = {"file": path, "kind": kind, "found": found}
        message = _l("%(file)s: no sheet has the headings of %(kind)s; there are: %(found)s", **said)
        raise UnreadableFileError(str(message))
    taken = {sheet.table.name for sheet in report.sheets}
    report.left = [table.name for table in tables if table.name not in taken]
    _finish(report, path, actor)
    return report


def _each(report: FileReport, tables: list[Table], fits: Any, take: Any) -> None:
    report.sheets += [take(table) for table in tables if fits(table)]


def _finish(report: FileReport, path: Path, actor: Actor) -> None:
    if any(sheet.refused or sheet.duplicates for sheet in report.sheets):
        folder = current_app.config["PEONY"].data_dir / "imports"
        at = now().astimezone(current_app.config["PEONY"].zone)
        report.failed_file = folder / f"{path.stem[:60]}-{at:%Y%m%d-%H%M%S}-{at.microsecond // 1000:03d}.xlsx"
        write_failed_rows(report.failed_file, report.sheets)
    if not report.dry_run and any(sheet.created for sheet in report.sheets):
        sheets = [_counts(sheet) for sheet in report.sheets]
        data = ImportRunInput(file_name=path.name[:120], content_hash=fingerprint(path), sheets=sheets)
        perform(Name.NOTE_IMPORT, data, actor=actor)


def _counts(sheet: SheetReport) -> dict[str, Any]:
    counts = sheet.counts()
    return {name: counts[name] for name in ("sheet", "created", "unchanged", "duplicates", "refused")}


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
