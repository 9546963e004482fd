"""What came of an import, and the file of rows that were not taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask_babel import gettext as _

from admin_app.documents.sheets import write_sheets
from admin_app.importing.tables import Row, Table, plain


@dataclass(frozen=True)
class RowFault:
    """Why a row was not taken: the column it is about, by its heading, and the reason."""

    row: Row
    column: str
    reason: str


@dataclass
class SheetReport:
    """What came of one sheet."""

    table: Table
    kind: str
    created: int = 0
    unchanged: int = 0
    duplicates: list[RowFault] = field(default_factory=list)
    refused: list[RowFault] = field(default_factory=list)
    also: dict[str, Any] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, Any]:
        return {
            "sheet": self.table.name,
            "kind": self.kind,
            "rows": len(self.table.rows),
            "created": self.created,
            "unchanged": self.unchanged,
            "duplicates": len(self.duplicates),
            "refused": len(self.refused),
            "unused": self.unused,
            **self.also,
        }

    def lines(self) -> list[str]:
        """Each refused row in one line."""
        return [
            _(
                "%(sheet)s, row %(row)s, %(column)s: %(reason)s",
                sheet=self.table.name,
                row=fault.row.number,
                column=fault.column,
                reason=fault.reason,
            )
            for fault in self.refused
        ]


def write_failed_rows(path: Path, reports: list[SheetReport]) -> None:
    """One sheet per sheet read: the rows not taken as they were, with number, column and reason before them."""
    sheets = []
    for report in reports:
        for title, faults in ((_("not taken"), report.refused), (_("duplicates"), report.duplicates)):
            if faults:
                head = [_("Sheet"), _("Row"), _("Column"), _("Reason"), *report.table.headings]
                body = [
                    [report.table.name, fault.row.number, fault.column, fault.reason, *map(plain, fault.row.cells)]
                    for fault in faults
                ]
                sheets.append((f"{report.table.name[:20]} {title}", head, body))
    if sheets:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sheets(path, sheets)
