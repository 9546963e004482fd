"""Workbooks of Excel and WPS (.xlsx), read row by row.

What stands far away costs nothing, hidden sheets are named as such, and an error or a formula that was never computed
is told apart from an empty cell. Sources: ECMA-376 part 1, 18.3 (sheets), 18.8 (styles).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from typing import Any
from xml.parsers import expat
from zipfile import BadZipFile, ZipFile

from flask_babel import lazy_gettext as _l

from admin_app.importing.sheets import MOST_COLUMNS, Limits, Sheet, error_cell, formula_cell, rows_of
from admin_app.values import NoValue

CHUNK = 1 << 16
_BUILT_IN_DAYS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_NOT_A_PLACE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h|m|s)[^\]]*\]', re.IGNORECASE)
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
LAST_DAY = 2_958_466
"""The serial number after the 31 December 9999."""

Start = Callable[[str, dict[str, str]], None]


class XmlReader:
    """Walks through a part of a zip file, element by element; names come without their prefix."""

    def __init__(self, zipped: ZipFile, part: str) -> None:
        self.file = zipped.open(part)
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.EntityDeclHandler = self._refuse

    def _refuse(self, *declaration: Any) -> None:
        raise BadZipFile("entities")

    def chunks(self) -> Iterator[None]:
        """Parse piece by piece, so that what was parsed can be taken between two of them."""
        with self.file:
            while piece := self.file.read(CHUNK):
                self.parser.Parse(piece, False)
                yield
            self.parser.Parse(b"", True)
            yield

    def each(self, start: Start) -> None:
        self.parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
        for _piece in self.chunks():
            pass


def read_xlsx(zipped: ZipFile, limits: Limits) -> list[Sheet]:
    """Every sheet of cells, hidden ones marked."""
    book = _Book(zipped)
    return [
        Sheet(name, tuple(rows_of(name, _SheetReader(book, part).rows(), limits)), hidden)
        for name, part, hidden in book.sheets
    ]


class _Book:
    """What the sheets of a workbook share."""

    def __init__(self, zipped: ZipFile) -> None:
        self.zipped = zipped
        self.from_1904 = self.computes_on_load = False
        listed: list[tuple[str, str, bool]] = []

        def workbook(name: str, attributes: dict[str, str]) -> None:
            if name == "workbookPr":
                self.from_1904 = attributes.get("date1904") in {"1", "true"}
            elif name == "calcPr":
                self.computes_on_load = attributes.get("fullCalcOnLoad") in {"1", "true"}
            elif name == "sheet":
                key = next((value for word, value in attributes.items() if word.endswith(":id")), "")
                listed.append((attributes["name"], key, attributes.get("state", "visible") != "visible"))

        path = self._main_part()
        XmlReader(zipped, path).each(workbook)
        folder = path.rpartition("/")[0]
        targets = self._relations(folder, path.rpartition("/")[2])
        parts = {key: part for key, (kind, part) in targets.items() if kind == "worksheet"}
        self.sheets = [(name, parts[key], hidden) for name, key, hidden in listed if key in parts]
        named = dict(targets.values())
        self.strings = self._strings(named.get("sharedStrings"))
        self.day_styles = self._day_styles(named.get("styles"))

    def _main_part(self) -> str:
        found = [part for kind, part in self._relations("", "").values() if kind == "officeDocument"]
        return found[0] if found else "xl/workbook.xml"

    def _relations(self, folder: str, part: str) -> dict[str, tuple[str, str]]:
        path = f"{folder}/_rels/{part}.rels".lstrip("/")
        found: dict[str, tuple[str, str]] = {}

        def relation(name: str, attributes: dict[str, str]) -> None:
            if name == "Relationship":
                target = attributes["Target"]
                whole = target.lstrip("/") if target.startswith("/") else f"{folder}/{target}".lstrip("/")
                found[attributes["Id"]] = (attributes["Type"].rpartition("/")[2], whole)

        XmlReader(self.zipped, path).each(relation)
        return {key: (kind, part) for key, (kind, part) in found.items() if part in self.zipped.NameToInfo}

    def _strings(self, part: str | None) -> list[str]:
        strings: list[str] = []
        if part is None:
            return strings
        reader = XmlReader(self.zipped, part)
        pieces: list[str] = []
        state = {"text": False, "reading_aid": False}

        def start(name: str, attributes: dict[str, str]) -> None:
            local = name.rpartition(":")[2]
            if local == "si":
                pieces.clear()
            elif local == "rPh":
                state["reading_aid"] = True
            elif local == "t":
                state["text"] = not state["reading_aid"]

        def end(name: str) -> None:
            local = name.rpartition(":")[2]
            if local == "si":
                strings.append(_unescaped("".join(pieces)))
            elif local == "rPh":
                state["reading_aid"] = False
            elif local == "t":
                state["text"] = False

        def text(data: str) -> None:
            if state["text"]:
                pieces.append(data)

        reader.parser.StartElementHandler = start
        reader.parser.EndElementHandler = end
        reader.parser.CharacterDataHandler = text
        for _piece in reader.chunks():
            pass
        return strings

    def _day_styles(self, part: str | None) -> frozenset[str]:
        """The styles that show a number as a day or a time."""
        if part is None:
            return frozenset()
        codes: dict[int, str] = {}
        styles: list[int] = []
        state = {"cells": False}

        def style(name: str, attributes: dict[str, str]) -> None:
            if name == "numFmt":
                codes[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
            elif name in {"cellXfs", "cellStyleXfs", "cellStyles", "dxfs"}:
                state["cells"] = name == "cellXfs"
            elif name == "xf" and state["cells"]:
                styles.append(int(attributes.get("numFmtId", "0")))

        XmlReader(self.zipped, part).each(style)
        return frozenset(str(place) for place, number in enumerate(styles) if _shows_day(number, codes))


def _shows_day(number: int, codes: dict[int, str]) -> bool:
    code = codes.get(number)
    if code is None:
        return number in _BUILT_IN_DAYS
    return re.search(r"[ymdhs]", _NOT_A_PLACE.sub("", code.partition(";")[0]), re.IGNORECASE) is not None


def _unescaped(text: str) -> str:
    """``_x000D_`` is how a control character is written."""
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


class _SheetReader:
    """Reads the cells of one sheet."""

    def __init__(self, book: _Book, part: str) -> None:
        self.book = book
        self.reader = XmlReader(book.zipped, part)
        self.done: list[tuple[int, list[Any]]] = []
        self.number = 0
        self.cells: list[Any] = []
        self.column = 0
        self.kind = self.style = self.text = self.formula = ""
        self.has_formula = False
        self.into: list[str] | None = None

    def rows(self) -> Iterator[tuple[int, list[Any]]]:
        parser = self.reader.parser
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._characters
        for _piece in self.reader.chunks():
            yield from self.done
            self.done.clear()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "c":
            self._begin_cell(attributes)
        elif local in {"v", "t", "f"}:
            self.into = []
            self.has_formula = self.has_formula or local == "f"
        elif local == "row":
            self.number = int(attributes.get("r") or self.number + 1)
            self.cells, self.column = [], 0

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        self.kind, self.style = attributes.get("t", "n"), attributes.get("s", "")
        self.text = self.formula = ""
        self.has_formula = False
        match = _REFERENCE.fullmatch(attributes.get("r", ""))
        if match is None:
            self.column += 1
            return
        self.column = 0
        for letter in match[1]:
            self.column = self.column * 26 + ord(letter) - 64

    def _characters(self, data: str) -> None:
        if self.into is not None:
            self.into.append(data)

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local == "c":
            if self.column <= MOST_COLUMNS:
                self.cells += [None] * (self.column - len(self.cells) - 1)
                self.cells.append(self._value())
        elif local in {"v", "t"}:
            self.text += "".join(self.into or ())
            self.into = None
        elif local == "f":
            self.formula = "".join(self.into or ())
            self.into = None
        elif local == "row" and self.cells:
            self.done.append((self.number, self.cells))

    def _value(self) -> Any:
        if self.kind == "e":
            return error_cell(self.text)
        if self.has_formula and self.kind != "str" and self._is_uncomputed():
            return formula_cell(self.formula)
        if self.kind == "s":
            return self.book.strings[int(self.text)] if self.text else None
        if self.kind in {"str", "inlineStr"}:
            return _unescaped(self.text)
        if not self.text:
            return None
        if self.kind == "b":
            return self.text == "1"
        if self.kind == "d":
            return datetime.fromisoformat(self.text.replace("Z", ""))
        number = float(self.text)
        return self._day(number) if self.style in self.book.day_styles else number

    def _is_uncomputed(self) -> bool:
        """Programs that cannot compute write nothing, or 0 and that Excel shall compute when it opens the file."""
        return not self.text or (self.text == "0" and self.book.computes_on_load)

    def _day(self, serial: float) -> Any:
        if not 0 <= serial < LAST_DAY - (1_462 if self.book.from_1904 else 0):
            return NoValue(self.text, _l("There is no such day; write it as 2026-11-22."))
        seconds = round(serial * 86_400)
        if self.book.from_1904:
            return datetime(1904, 1, 1) + timedelta(seconds=seconds)  # noqa: DTZ001 - a wall clock's
        if seconds < 86_400:
            return time(seconds // 3600, seconds // 60 % 60, seconds % 60)
        days, rest = divmod(seconds, 86_400)
        first = datetime(1899, 12, 31) if days < 60 else datetime(1899, 12, 30)  # noqa: DTZ001 - Excel has 1900-02-29
        return first + timedelta(days=days, seconds=rest)
