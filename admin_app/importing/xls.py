"""Workbooks of Excel up to 2003 (.xls)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from typing import Any

import xlrd

from admin_app.importing.sheets import Limits, Sheet, error_cell, rows_of


def read_xls(content: bytes, limits: Limits) -> list[Sheet]:
    """Every sheet, hidden ones marked; rows are kept only as long as they are, so a stray cell costs nothing.

    :raises xlrd.XLRDError: it is no workbook, or protected by a password.
    """
    with xlrd.open_workbook(file_contents=content, ragged_rows=True, on_demand=True, logfile=_Silent()) as book:
        return [
            Sheet(page.name, tuple(rows_of(page.name, _rows(page, book.datemode), limits)), page.visibility != 0)
            for page in book.sheets()
        ]


class _Silent:
    """Where xlrd writes what it wonders about."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing is kept."""


def _rows(page: Any, datemode: int) -> Iterator[tuple[int, list[Any]]]:
    for number in range(page.nrows):
        yield number + 1, [_value(cell, datemode) for cell in page.row(number)]


def _value(cell: Any, datemode: int) -> Any:
    match cell.ctype:
        case xlrd.XL_CELL_EMPTY | xlrd.XL_CELL_BLANK:
            return None
        case xlrd.XL_CELL_ERROR:
            return error_cell(xlrd.error_text_from_code.get(cell.value, "#?"))
        case xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        case xlrd.XL_CELL_DATE:
            return _day(cell.value, datemode)
    return cell.value


def _day(serial: float, datemode: int) -> Any:
    try:
        moment = xlrd.xldate_as_datetime(serial, datemode)
    except (ValueError, OverflowError):
        return serial
    return time(moment.hour, moment.minute, moment.second) if 0 <= serial < 1 and not datemode else moment
