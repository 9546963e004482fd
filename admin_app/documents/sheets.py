"""xlsx and CSV files, row by row: whatever stands in a cell is text or number, never a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""What a spreadsheet would run: such text gets an apostrophe in front (OWASP: CSV injection)."""

Sheet = tuple[str, Sequence[str], Iterable[Sequence[Any]]]


def defused(value: Any) -> Any:
    """Text that a spreadsheet program shall not run; numbers as they are."""
    if isinstance(value, str) and value.startswith(DANGEROUS) and not _is_number(value):
        return "'" + value
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def write_sheets(path: Path, sheets: Iterable[Sheet]) -> int:
    """An xlsx file with a frozen, bold first row in each sheet; how many rows below were written."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    rows = 0
    with xlsxwriter.Workbook(str(path), options) as workbook:
        bold = workbook.add_format({"bold": True})
        for name, headings, body in sheets:
            page = workbook.add_worksheet(_sheet_name(name))
            page.freeze_panes(1, 0)
            page.write_row(0, 0, [str(heading) for heading in headings], bold)
            for number, cells in enumerate(body, 1):
                page.write_row(number, 0, cells)
                rows += 1
    return rows


def _sheet_name(name: str) -> str:
    """Excel allows 31 letters and none of these in a sheet's name."""
    return "".join(" " if letter in "[]:*?/\\'" else letter for letter in name)[:31].strip() or "Sheet"


def write_csv(path: Path, headings: Sequence[str], body: Iterable[Sequence[Any]]) -> int:
    """A CSV file that Excel opens in Chinese; how many rows below the first were written."""
    rows = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([defused(str(heading)) for heading in headings])
        for cells in body:
            writer.writerow([defused(cell) for cell in cells])
            rows += 1
    return rows
