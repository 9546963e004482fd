"""What a file holds before anything is understood: sheets of rows of cells, within limits."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from datetime import time as clock_time
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin_app.values import NoValue

LARGEST_FILE = 100 * 1024 * 1024
MOST_UNPACKED = 1024 * 1024 * 1024
MOST_ROWS = 1_000_000
MOST_COLUMNS = 500
MOST_CELLS = 20_000_000
MOST_SECONDS = 600


class UnreadableFileError(Exception):
    """The file is not a table; one sentence."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its number in the sheet, counted from 1."""

    number: int
    cells: tuple[Any, ...]


@dataclass(frozen=True)
class Sheet:
    """A sheet as it stands: its rows that are not empty. ``encoding`` is that in which a text was read."""

    name: str
    rows: tuple[Row, ...]
    hidden: bool = False
    encoding: str | None = None


class Limits:
    """How much may be read of one file: rows, cells and seconds."""

    def __init__(self) -> None:
        self.rows = self.cells = 0
        self.until = time.monotonic() + MOST_SECONDS

    def count(self, sheet: str, cells: int) -> None:
        """Count a row.

        :raises UnreadableFileError: it is one too many.
        """
        self.rows, self.cells = self.rows + 1, self.cells + cells
        if self.rows > MOST_ROWS:
            raise UnreadableFileError(_("%(name)s: more than a million rows", name=sheet))
        if self.cells > MOST_CELLS:
            raise UnreadableFileError(_("%(name)s: more than %(most)s million cells", name=sheet, most=20))
        if self.rows % 10_000 == 0 and time.monotonic() > self.until:
            raise UnreadableFileError(_("%(name)s: reading took longer than ten minutes; split the file", name=sheet))


def rows_of(sheet: str, numbered: Iterable[tuple[int, list[Any]]], limits: Limits) -> Iterator[Row]:
    """Rows that are not empty, with their cells as values; what stands far to the right belongs to no table."""
    for number, cells in numbered:
        values = [_cell(cell) for cell in cells[:MOST_COLUMNS]]
        while values and values[-1] is None:
            values.pop()
        if values:
            limits.count(sheet, len(values))
            yield Row(number, tuple(values))


_EXPONENT = re.compile(r"[0-9](?:\.[0-9]+)?E\+[0-9]{1,2}", re.IGNORECASE)
LOST_DIGITS = _l("A spreadsheet has shortened this number and lost its digits; write it in full, as text.")
ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!")
LARGEST_EXACT = 10**15
"""A spreadsheet keeps fifteen digits of a number."""


def _cell(value: Any) -> Any:
    """Whole numbers come as floats from a spreadsheet; a midnight is a day; what has no value says why."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        if abs(value) >= LARGEST_EXACT:
            return NoValue(f"{value:g}", LOST_DIGITS)
        return int(value) if value.is_integer() else value
    if isinstance(value, datetime) and value.time() == clock_time():
        return value.date()
    return value


def _text(value: str) -> Any:
    if not value or value.isspace():
        return None
    if value[0] == "#" and value in ERRORS:
        return error_cell(value)
    return NoValue(value, LOST_DIGITS) if _EXPONENT.fullmatch(value.strip()) else value


def error_cell(shown: str) -> NoValue:
    """A cell that shows the error of a formula."""
    return NoValue(shown, _l("The cell shows an error; write its value."))


def formula_cell(formula: str) -> NoValue:
    """A formula whose value was never saved with it."""
    reason = _l("The formula was never computed; open the file in a spreadsheet program and save it.")
    return NoValue("=" + formula.removeprefix("="), reason)
