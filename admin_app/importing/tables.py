"""Sheets as tables: which row has the headings, which rows are no data, and what a heading means."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError
from zipfile import BadZipFile, ZipFile

import xlrd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin_app.importing.ods import read_ods
from admin_app.importing.sheets import LARGEST_FILE, MOST_UNPACKED, Limits, Row, Sheet, UnreadableFileError
from admin_app.importing.text_files import codec_of, read_text
from admin_app.importing.xls import read_xls
from admin_app.importing.xlsx import read_xlsx
from admin_app.values import NoValue
from models.plain_text import folded

__all__ = ["Row", "Table", "UnreadableFileError", "fingerprint", "plain", "read_tables"]

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
HEADINGS_WITHIN = 20
"""The headings stand in one of the first rows; above them stand titles."""

_TRADITIONAL = str.maketrans(
    "會員號機電話聯絡餘額備註項積贈數級別產門顧問過歷曆稱價時間長類開檔編單實費師據儲幣簡",
    "会员号机电话联络余额备注项积赠数级别产门顾问过历历称价时间长类开档编单实费师据储币简",
)
_IN_BRACKETS = re.compile(r"[(\[【<「].*?[)\]】>」]")
_PUNCTUATION = re.compile(r"[\s_\-:;,.*/\\'\"#、]+")
_SPACE = re.compile(r"^ +| +$|(?<=[^ -~]) +| +(?=[^ -~])")
_TOTAL = re.compile(r"(?:合计|总计|小计|共计|汇总|总数|本页合计|total|grandtotal|subtotal|sum)[:：]?")
_SIGNED = re.compile(
    r"(?:制表|制单|填表|审核|复核|经办|打印|导出|操作员|报表|店长签字)[^:：]{0,6}[:：].*|共\d+[条行位人]?.*|第\d+页.*"
)


@dataclass(frozen=True)
class Table:
    """A sheet understood: its headings and the rows of data below; ``aside`` are titles above and totals below.

    ``encoding`` is that in which a text was read.
    """

    name: str
    headings: tuple[str, ...]
    rows: tuple[Row, ...]
    aside: tuple[Row, ...] = ()
    hidden: bool = False
    encoding: str | None = None

    def column(self, *names: str) -> int | None:
        """The column of the first of these headings that the table has, in the order in which they are given."""
        whole, bare = {}, {}
        for place, heading in reversed(list(enumerate(self.headings))):
            whole[heading_key(heading)] = place
            bare[heading_key(_IN_BRACKETS.sub("", folded(heading)))] = place
        for name in names:
            for keys in (whole, bare):
                if (key := heading_key(name)) and key in keys:
                    return keys[key]
        return None


def heading_key(heading: str) -> str:
    """A heading as it is compared: without case, spaces, punctuation, brackets and traditional forms."""
    spaced = _PUNCTUATION.sub(" ", re.sub(r"[()\[\]【】]", "", folded(heading)))
    return _SPACE.sub("", spaced).translate(_TRADITIONAL)


def read_tables(path: Path, vocabulary: Collection[str] = (), encoding: str | None = None) -> list[Table]:
    """Every sheet of a workbook, or the one table of a text file; ``vocabulary`` are words that headings may be,
    ``encoding`` is that of the text where it is not to be told by its bytes.

    :raises UnreadableFileError: it is neither, too large, or protected, or the encoding is not the file's.
    """
    keys = {heading_key(word) for word in vocabulary}
    return [table_of(sheet, keys) for sheet in read_sheets(path, encoding)]


def read_sheets(path: Path, encoding: str | None = None) -> list[Sheet]:
    """The sheets of a file, by what it holds and not by its name.

    :raises UnreadableFileError: see ``read_tables``.
    """
    limits, codec = Limits(), None if encoding is None else codec_of(encoding)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UnreadableFileError(_("%(path)s: larger than 100 MB", path=path))
        with path.open("rb") as file:
            head = file.read(8)
        if codec is not None and (head[:4] == ZIP or head == OLE):
            message = _("%(path)s: a workbook is in no encoding of its own; leave --encoding out.", path=path)
            raise UnreadableFileError(message)
        if head[:4] == ZIP:
            return _zipped_sheets(path, limits)
        if head == OLE:
            return read_xls(path.read_bytes(), limits)
        return read_text(path.stem, path.read_bytes(), limits, codec)
    except OSError as error:
        raise UnreadableFileError(_("%(path)s: %(why)s", path=path, why=error.strerror or error)) from error
    except xlrd.XLRDError as error:
        if "encrypted" in str(error).lower() or _is_encrypted(path):
            raise UnreadableFileError(_("%(path)s: protected by a password; save it without one", path=path)) from error
        raise UnreadableFileError(_unreadable(path)) from error
    except (BadZipFile, ExpatError, KeyError, ValueError, IndexError, OverflowError, NotImplementedError) as error:
        raise UnreadableFileError(_unreadable(path)) from error
    except (xlrd.compdoc.CompDocError, AssertionError) as error:
        raise UnreadableFileError(_unreadable(path)) from error


def _unreadable(path: Path) -> str:
    return str(_("%(path)s: not a spreadsheet or CSV file that can be read", path=path))


def _is_encrypted(path: Path) -> bool:
    """A workbook of today with a password is an envelope that holds this stream."""
    return "EncryptedPackage".encode("utf-16-le") in path.read_bytes()


def _zipped_sheets(path: Path, limits: Limits) -> list[Sheet]:
    with ZipFile(path) as zipped:
        parts = zipped.infolist()
        if any(part.flag_bits & 1 for part in parts):
            raise UnreadableFileError(_("%(path)s: protected by a password; save it without one", path=path))
        if sum(part.file_size for part in parts) > MOST_UNPACKED:
            raise UnreadableFileError(_("%(path)s: larger than 1 GB when unpacked", path=path))
        if "content.xml" in zipped.NameToInfo:
            return read_ods(zipped, limits)
        return read_xlsx(zipped, limits)


# ------------------------------------------------------------------------------------------ rows of a table


def table_of(sheet: Sheet, vocabulary: set[str]) -> Table:
    """Find the headings of a sheet, and put aside what is no data."""
    if not sheet.rows:
        return Table(sheet.name, (), (), hidden=sheet.hidden, encoding=sheet.encoding)
    place = _heading_place(sheet.rows, vocabulary)
    headings = _labels(sheet.rows[place])
    body = list(sheet.rows[place + 1 :])
    if body and _is_second_heading(headings, body[0]):
        headings = _joined_headings(headings, body.pop(0))
    aside = list(sheet.rows[:place])
    rows: list[Row] = []
    for row in body:
        (aside if _is_footer(row) else rows).append(row)
    data = tuple(_without_doubles(headings, rows))
    return Table(sheet.name, tuple(headings), data, tuple(aside), sheet.hidden, sheet.encoding)


def _labels(row: Row) -> list[str]:
    return [" ".join(str(cell).split()) if cell is not None else "" for cell in row.cells]


def _heading_place(rows: tuple[Row, ...], vocabulary: set[str]) -> int:
    """The first row with two words that headings may be, unless a row above has one and is as wide."""
    before: int | None = None
    for place, row in enumerate(rows[:HEADINGS_WITHIN]):
        known = sum(_is_heading(cell, vocabulary) for cell in row.cells)
        if known >= 2:
            return place if before is None or _width(rows[before]) < _width(row) else before
        if known and before is None:
            before = place
    return before or 0


def _is_heading(cell: Any, vocabulary: set[str]) -> bool:
    if not isinstance(cell, str):
        return False
    return heading_key(cell) in vocabulary or heading_key(_IN_BRACKETS.sub("", folded(cell))) in vocabulary


def _width(row: Row) -> int:
    return sum(cell is not None for cell in row.cells)


def _is_second_heading(headings: list[str], row: Row) -> bool:
    """Whether a row divides the headings above: words only, under a heading that spans several columns."""
    filled = [place for place, cell in enumerate(row.cells) if cell is not None]
    if not all(isinstance(row.cells[place], str) and not re.search(r"\d", row.cells[place]) for place in filled):
        return False
    spans = [_parent(headings, place) for place in filled]
    return all(spans) and any(place >= len(headings) or not headings[place] for place in filled)


def _parent(headings: list[str], place: int) -> str:
    """The heading that spans a column: its own where the next one has none, or the nearest to the left."""
    if place < len(headings) and headings[place]:
        return headings[place] if place + 1 >= len(headings) or not headings[place + 1] else ""
    return next((heading for heading in reversed(headings[:place]) if heading), "")


def _joined_headings(headings: list[str], row: Row) -> list[str]:
    width = max(len(headings), len(row.cells))
    joined = [*headings, *[""] * (width - len(headings))]
    for place, cell in enumerate(row.cells):
        if cell is not None:
            joined[place] = _parent(headings, place) + str(cell).strip()
    return joined


def _is_footer(row: Row) -> bool:
    """Totals, and who made the list: few words and perhaps figures."""
    words = ["".join(folded(cell).split()) for cell in row.cells if isinstance(cell, str)]
    if not words or len(words) > 3:
        return False
    return _TOTAL.fullmatch(words[0]) is not None or all(map(_SIGNED.fullmatch, words))


def _without_doubles(headings: list[str], rows: list[Row]) -> list[Row]:
    """Where a heading stands twice, the first column has what either says; a cell of which both say something else has
    no value.
    """
    keys = [heading_key(heading) for heading in headings]
    doubles = [(keys.index(key), place) for place, key in enumerate(keys) if key and keys.index(key) < place]
    for first, other in doubles:
        rows = [_with_cell(row, first, _either(headings[first], _at(row, first), _at(row, other))) for row in rows]
    return rows


def _either(heading: str, cell: Any, other: Any) -> Any:
    if cell is None or other is None or plain(cell) == plain(other):
        return cell if cell is not None else other
    shown = f"{plain(cell)} / {plain(other)}"
    return NoValue(
        shown, _l("Two columns are called %(heading)s, and they differ: %(shown)s.", heading=heading, shown=shown)
    )


def _at(row: Row, place: int) -> Any:
    return row.cells[place] if place < len(row.cells) else None


def _with_cell(row: Row, place: int, cell: Any) -> Row:
    if _at(row, place) is cell:
        return row
    cells = [*row.cells, *[None] * (place + 1 - len(row.cells))]
    cells[place] = cell
    return Row(row.number, tuple(cells))


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
