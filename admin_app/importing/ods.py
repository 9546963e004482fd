"""Spreadsheets of LibreOffice and WPS in the open format (.ods), read row by row.

Source: OpenDocument 1.3 part 3, 9 (tables) and 19.385 (values).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, time
from typing import Any
from zipfile import ZipFile

from admin_app.importing.sheets import MOST_COLUMNS, Limits, Sheet, error_cell, formula_cell, rows_of
from admin_app.importing.xlsx import XmlReader

_ERROR = re.compile(r"#[A-Z/0]+[!?]?|Err:[0-9]{3}")
_TIME = re.compile(r"PT([0-9]+)H([0-9]+)M([0-9]+)(?:[.,][0-9]+)?S")
MOST_REPEATS = 1_000
"""A row that is written once for more than so many is an ornament, not so many people."""


def read_ods(zipped: ZipFile, limits: Limits) -> list[Sheet]:
    """Every sheet, hidden ones marked."""
    reader = _Reader(zipped)
    names: list[str] = []
    rows: dict[str, list[Any]] = {}
    for name, number, cells in reader.rows():
        if name not in rows:
            names.append(name)
            rows[name] = []
        rows[name].append((number, cells))
    return [
        Sheet(name, tuple(rows_of(name, rows.get(name, []), limits)), reader.styles.get(style, False))
        for name, style in reader.tables
    ]


class _Reader:
    """Walks through the one part that holds all sheets."""

    def __init__(self, zipped: ZipFile) -> None:
        self.xml = XmlReader(zipped, "content.xml")
        self.styles: dict[str, bool] = {}
        self.tables: list[tuple[str, str]] = []
        self.done: list[tuple[str, int, list[Any]]] = []
        self.style = ""
        self.number = self.row_repeats = self.cell_repeats = 1
        self.cells: list[Any] = []
        self.cell: dict[str, str] = {}
        self.text: list[str] = []
        self.depth = self.notes = 0

    def rows(self) -> Iterator[tuple[str, int, list[Any]]]:
        parser = self.xml.parser
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._characters
        for _piece in self.xml.chunks():
            yield from self.done
            self.done.clear()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "style":
            self.style = attributes.get("style:name", "")
        elif local == "table-properties":
            self.styles[self.style] = attributes.get("table:display") == "false"
        elif local == "table":
            self.tables.append((attributes.get("table:name", ""), attributes.get("table:style-name", "")))
            self.number = 1
        elif local == "table-row":
            self.row_repeats, self.cells = int(attributes.get("table:number-rows-repeated", "1")), []
        elif local in {"table-cell", "covered-table-cell"}:
            self.cell, self.text = attributes, []
            self.cell_repeats = int(attributes.get("table:number-columns-repeated", "1"))
        elif local == "annotation":
            self.notes += 1
        elif local == "p" and not self.notes:
            self.text += ["\n"] if self.text else []
            self.depth += 1
        elif local == "s" and self.depth:
            self.text.append(" " * int(attributes.get("text:c", "1")))

    def _characters(self, data: str) -> None:
        if self.depth and not self.notes:
            self.text.append(data)

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local == "annotation":
            self.notes -= 1
        elif local == "p" and not self.notes:
            self.depth -= 1
        elif local in {"table-cell", "covered-table-cell"}:
            room = MOST_COLUMNS - len(self.cells)
            self.cells += [self._value()] * min(self.cell_repeats, max(room, 0))
        elif local == "table-row":
            if any(cell is not None for cell in self.cells):
                for place in range(min(self.row_repeats, MOST_REPEATS)):
                    self.done.append((self.tables[-1][0], self.number + place, self.cells))
            self.number += self.row_repeats

    def _value(self) -> Any:
        kind, text = self.cell.get("office:value-type"), "".join(self.text)
        if "table:formula" in self.cell:
            if self.cell.get("calcext:value-type") == "error" or _ERROR.fullmatch(text):
                return error_cell(text)
            if kind is None and not text:
                return formula_cell(self.cell["table:formula"].partition(":")[2])
        match kind:
            case "float" | "currency" | "percentage":
                return float(self.cell["office:value"])
            case "boolean":
                return self.cell.get("office:boolean-value") == "true"
            case "date":
                return datetime.fromisoformat(self.cell["office:date-value"].replace("Z", ""))
            case "time":
                match = _TIME.fullmatch(self.cell.get("office:time-value", ""))
                return time(int(match[1]) % 24, int(match[2]), int(match[3])) if match else text
        return text or None
