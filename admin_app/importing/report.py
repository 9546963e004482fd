"""What came of an import, and the file of what was not taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask_babel import gettext as _

from admin_app.documents.sheets import write_sheets
from admin_app.importing.outside import OutsideWords
from admin_app.importing.tables import Row, Table, plain

MOST_LINES = 200
"""Lines of one sort on a terminal; the file has all of them."""


@dataclass(frozen=True)
class RowFault:
    """Why a row or a cell was not taken: the column it is about, by its heading, and the reason.

    ``outside`` says that the reason stands among the words that are none of the choices.
    """

    row: Row
    column: str
    reason: str
    outside: bool = False


@dataclass(frozen=True)
class Change:
    """A value of a row that was there already, before and after."""

    row: Row
    title: str
    column: str
    before: str
    after: str


@dataclass
class SheetReport:
    """What came of one sheet.

    ``refused`` and ``duplicates`` are rows that were not taken, ``lost`` cells that were not taken of rows that were,
    ``changes`` what became of rows that were there already, ``notes`` what somebody should look at; ``outside`` are the
    words that are none of a column's choices, ``first_store`` says whether rows need a store in a salon that has none.
    """

    table: Table
    kind: str
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: list[RowFault] = field(default_factory=list)
    refused: list[RowFault] = field(default_factory=list)
    lost: list[RowFault] = field(default_factory=list)
    notes: list[RowFault] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    also: dict[str, Any] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    first_store: bool = False
    outside: OutsideWords = field(default_factory=OutsideWords)

    def counts(self) -> dict[str, Any]:
        return {
            "sheet": self.table.name,
            "kind": self.kind,
            "rows": len(self.table.rows),
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "duplicates": len(self.duplicates),
            "refused": len(self.refused),
            "lost": len(self.lost),
            "unused": self.unused,
            "outside": self.outside.counts(),
            **self.also,
        }

    def lines(self) -> list[str]:
        """What a person must know, a line each: refused rows, cells not taken, corrections."""
        lines = [*self.outside.lines(self.table.name), *self._faults(self.refused)]
        lost = [fault for fault in self.lost if not fault.outside]
        lines += [_("%(line)s Taken without it.", line=line) for line in self._faults(lost)]
        lines += self._faults(self.notes)
        lines += [self._change(change) for change in self.changes]
        if len(lines) > MOST_LINES:
            lines = [*lines[:MOST_LINES], _("and %(count)s more lines", count=len(lines) - MOST_LINES)]
        return lines

    def _faults(self, faults: Iterable[RowFault]) -> list[str]:
        return [
            _(
                "%(sheet)s, row %(row)s, %(column)s: %(reason)s",
                sheet=self.table.name,
                row=fault.row.number,
                column=fault.column,
                reason=fault.reason,
            )
            for fault in faults
        ]

    def _change(self, change: Change) -> str:
        line: str = _(
            "%(sheet)s, row %(row)s, %(who)s: %(column)s: %(before)s → %(after)s",
            sheet=self.table.name,
            row=change.row.number,
            who=change.title,
            column=change.column,
            before=change.before or "–",
            after=change.after or "–",
        )
        return line


def write_failed_rows(path: Path, reports: list[SheetReport]) -> None:
    """One sheet per sheet read: what was not taken as it stood, with number, column and reason before it."""
    sheets = []
    for report in reports:
        sorts = (
            (_("not taken"), report.refused),
            (_("duplicates"), report.duplicates),
            (_("cells not taken"), report.lost),
        )
        for title, faults in sorts:
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
