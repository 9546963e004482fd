"""Spreadsheets and CSV files as tables of cells. Formulas that stand as text stay text."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from flask_babel import gettext as _
from python_calamine import CalamineError, CalamineWorkbook

from admin_app.documents.sheets import DANGEROUS

LARGEST_FILE = 100 * 1024 * 1024
MOST_ROWS = 1_000_000


class UnreadableFileError(Exception):
    """The file is not a table; one sentence."""


@dataclass(frozen=True)
class Row:
    """A row with its number in the sheet, counted from 1."""

    number: int
    cells: tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """A sheet: the headings of its first row that is not empty, and the rows below."""

    name: str
    headings: tuple[str, ...]
    rows: tuple[Row, ...]

    def column(self, *names: str) -> int | None:
        """The place of the first heading that is one of these."""
        wanted = {name.strip().lower() for name in names}
        return next((place for place, heading in enumerate(self.headings) if heading.lower() in wanted), None)


def read_tables(path: Path) -> list[Table]:
    """Every sheet of a workbook, or the one table of a CSV file.

    :raises UnreadableFileError: it is neither, or too large.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UnreadableFileError(_("%(path)s: larger than 100 MB", path=path))
        if path.suffix.lower() == ".csv":
            return [_table(path.stem, _csv_rows(path))]
        workbook = CalamineWorkbook.from_path(str(path))
        return [_table(name, _sheet_rows(workbook, name)) for name in workbook.sheet_names]
    except OSError as error:
        raise UnreadableFileError(_("%(path)s: %(why)s", path=path, why=error.strerror or error)) from error
    except (CalamineError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFileError(_("%(path)s: not a spreadsheet or CSV file that can be read", path=path)) from error


def _csv_rows(path: Path) -> Iterator[list[Any]]:
    text = _decoded(path.read_bytes())
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)  # what Excel writes depends on the country
    for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
        yield [_without_guard(cell) for cell in cells]


def _decoded(content: bytes) -> str:
    """UTF-8, UTF-16 with its mark (Excel's «Unicode text»), or what Excel writes on a Chinese Windows."""
    if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030")


def _without_guard(cell: str) -> str:
    """The apostrophe that our own exports put before what a spreadsheet would run."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(DANGEROUS) else cell


def _sheet_rows(workbook: CalamineWorkbook, name: str) -> Iterator[list[Any]]:
    yield from workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)


def _table(name: str, rows: Iterator[list[Any]]) -> Table:
    numbered = [(number, cells) for number, cells in enumerate(rows, 1) if any(c not in (None, "") for c in cells)]
    if len(numbered) > MOST_ROWS:
        raise UnreadableFileError(_("%(name)s: more than a million rows", name=name))
    if not numbered:
        return Table(name, (), ())
    (_number, headings), *body = numbered
    return Table(
        name,
        tuple(str(heading or "").strip() for heading in headings),
        tuple(Row(number, tuple(_cell(cell) for cell in cells)) for number, cells in body),
    )


def _cell(value: Any) -> Any:
    """Whole numbers come as floats from a spreadsheet; a midnight is a day."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date()
    return None if value == "" else value


def fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain(value: Any) -> str:
    """A cell as text, the same whichever way it was kept: for keys and failed-rows files."""
    if value is None:
        return ""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value).strip()
