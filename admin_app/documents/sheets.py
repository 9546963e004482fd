"""xlsx and CSV files, row by row: a cell is text, a number, an amount, a date or a time, never a formula.

Values come typed: ``int``, ``Decimal`` (an amount of money in yuan), ``date``, ``datetime`` (the salon's own clock,
without a zone), ``time``, and text. In xlsx they are real numbers and dates; in CSV they are plain text that Peony and
spreadsheet programs read back.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet would run: such text gets an apostrophe in front (OWASP: CSV injection)."""

NUMBER_FORMATS: dict[type, str] = {
    Decimal: "#,##0.00",
    datetime: "yyyy-mm-dd hh:mm:ss",
    date: "yyyy-mm-dd",
    time: "hh:mm",
}
COLUMN_WIDTH = 16

Sheet = tuple[str, Sequence[str], Iterable[Sequence[Any]]]


def is_dangerous(value: Any) -> bool:
    """Whether a spreadsheet program might run the text; numbers come typed and are none."""
    return isinstance(value, str) and value.startswith(DANGEROUS)


def csv_text(value: Any) -> Any:
    """The value as it stands in a CSV file."""
    if is_dangerous(value):
        return "'" + value
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return value


def write_sheets(path: Path, sheets: Iterable[Sheet]) -> int:
    """An xlsx file with a frozen, bold first row in each sheet; how many rows below were written."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    rows = 0
    with xlsxwriter.Workbook(str(path), options) as workbook:
        bold = workbook.add_format({"bold": True})
        formats = {kind: workbook.add_format({"num_format": code}) for kind, code in NUMBER_FORMATS.items()}
        quoted = workbook.add_format({"quote_prefix": True})
        for name, headings, body in sheets:
            page = workbook.add_worksheet(_sheet_name(name))
            page.freeze_panes(1, 0)
            page.set_column(0, max(len(headings) - 1, 0), COLUMN_WIDTH)
            page.write_row(0, 0, [str(heading) for heading in headings], bold)
            for number, cells in enumerate(body, 1):
                for place, value in enumerate(cells):
                    _write_cell(page, number, place, value, formats, quoted)
                rows += 1
    return rows


def _write_cell(page: Worksheet, row: int, place: int, value: Any, formats: dict[type, Format], quoted: Format) -> None:
    """One typed cell; text that might be run stays text even when somebody edits it."""
    if is_dangerous(value):
        page.write_string(row, place, value, quoted)
    else:
        page.write(row, place, value, formats.get(type(value)))


def _sheet_name(name: str) -> str:
    """Excel allows 31 letters and none of these in a sheet's name."""
    return "".join(" " if letter in "[]:*?/\\'" else letter for letter in name)[:31].strip() or "Sheet"


def write_csv(path: Path, headings: Sequence[str], body: Iterable[Sequence[Any]]) -> int:
    """A CSV file that Excel opens in Chinese; how many rows below the first were written."""
    rows = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([csv_text(str(heading)) for heading in headings])
        for cells in body:
            writer.writerow([csv_text(cell) for cell in cells])
            rows += 1
    return rows
