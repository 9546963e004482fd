"""Tables kept as text (.csv, .txt): in which encoding, with which delimiter, and quoted how."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from flask_babel import gettext as _

from admin_app.documents.sheets import DANGEROUS
from admin_app.importing.sheets import Limits, Sheet, UnreadableFileError, rows_of

SAMPLE_ROWS = 50
_CONTROLS = re.compile(r"[\x01-\x08\x0e-\x1f]")
_AS_TEXT = re.compile(r'="([^"]*)"')
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SURE = 0.75
MARGIN = 0.15


def read_text(name: str, content: bytes, limits: Limits, codec: str | None = None) -> list[Sheet]:
    """The one table of a text file, in the encoding of a ``codec`` or in that which its bytes tell.

    :raises UnreadableFileError: its encoding is not certain, or another than this; a quotation never ends.
    """
    text, encoding = decoded(content) if codec is None else (decoded_as(name, content, codec), codec)
    if len(_CONTROLS.findall(text[:10_000])) * 50 > len(text[:10_000]):
        raise UnreadableFileError(_("%(path)s: not a spreadsheet or CSV file that can be read", path=name))
    if re.match(r"\s*<(?:!doctype|html|table|\?xml|meta)", text, re.IGNORECASE):
        raise UnreadableFileError(
            _(
                "%(name)s: this is a web page saved as a spreadsheet; open it in Excel or WPS and save it as .xlsx",
                name=name,
            )
        )
    return [Sheet(name, tuple(rows_of(name, _rows(name, text), limits)), encoding=encoding)]


_NO_TEXTS = {"idna", "punycode", "undefined", "unicode-escape", "unicode_escape", "raw-unicode-escape", "utf-7"}
"""Codecs that no program writes tables in."""


def codec_of(encoding: str) -> str:
    """The name of the codec of an encoding, however it is written (``GBK``, ``Big5``, ``UTF 8``).

    :raises UnreadableFileError: there is no such encoding.
    """
    try:
        name = codecs.lookup(encoding).name
        with suppress(UnicodeDecodeError):
            b"a".decode(encoding)  # refused where it is none of texts
    except (LookupError, ValueError):
        name = ""
    if not name or name in _NO_TEXTS:
        raise UnreadableFileError(
            _(
                "There is no encoding called %(encoding)s; usual ones are utf-8, gb18030 (GBK, mainland China), "
                "big5 (Taiwan, Hong Kong), cp1252 (Western Europe), utf-16 (Excel's «Unicode text»).",
                encoding=encoding,
            )
        )
    return {"gb2312": "gb18030", "gbk": "gb18030", "big5": "cp950"}.get(name, name)


def decoded_as(name: str, content: bytes, codec: str) -> str:
    """The text in this encoding.

    :raises UnreadableFileError: the file says that it is in another, or holds what this has no letter for.
    """
    marked = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)
    if marked is not None and not codec.startswith(marked.removesuffix("-sig")):
        raise UnreadableFileError(
            _(
                "%(name)s: the file says by its first bytes that it is %(found)s; leave --encoding out.",
                name=name,
                found=marked.removesuffix("-sig"),
            )
        )
    try:
        return content.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = _("%(name)s, line %(line)s: this is not %(encoding)s.", name=name, line=line, encoding=codec)
        raise UnreadableFileError(message) from error


def decoded(content: bytes) -> tuple[str, str]:
    """The text and its encoding, which its bytes tell.

    :raises UnreadableFileError: several are as likely, or none is.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strictly(content, encoding), encoding.removesuffix("-sig")
    if content.count(0) * 10 > len(content):
        return _wide(content)
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return _of_a_country(content)


def _strictly(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableFileError(_unsure()) from error


def _unsure(*likely: str) -> str:
    message: str = _(
        "The encoding of the file is not certain; save it as «CSV UTF-8» or as .xlsx, or name it: --encoding %(name)s "
        "(or another, if it comes from another country).",
        name=" / ".join(likely or _TYPICAL),
    )
    return message


def _wide(content: bytes) -> tuple[str, str]:
    """UTF-16 without its mark: of the ASCII characters in it, the zero bytes are on one side."""
    zeros = [content[place::2].count(0) for place in (0, 1)]
    if len(content) % 2 or not (zeros[0] > 4 * zeros[1] or zeros[1] > 4 * zeros[0]):
        raise UnreadableFileError(_unsure())
    encoding = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return _strictly(content, encoding), encoding


def _of_a_country(content: bytes) -> tuple[str, str]:
    """What Windows writes in China, in Taiwan and Hong Kong, or in Western Europe: the one its bytes are typical of."""
    texts = {encoding: text for encoding in _TYPICAL if (text := _decoded_or_none(content, encoding)) is not None}
    scores = {encoding: _TYPICAL[encoding](content) + _headed(text) for encoding, text in texts.items()}
    likely = sorted(scores, key=lambda encoding: scores[encoding], reverse=True)
    second = scores[likely[1]] if len(likely) > 1 else 0.0
    if not likely or scores[likely[0]] < SURE or scores[likely[0]] - second < MARGIN:
        raise UnreadableFileError(_unsure(*likely))
    return texts[likely[0]], likely[0]


def _decoded_or_none(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _simplified(content: bytes) -> float:
    """The share of two-byte characters that stand in the first level of GB 2312, or are its punctuation."""
    pairs = re.findall(rb"[\x81-\xfe][\x30-\xfe]", content)
    usual = sum(pair[1] >= 0xA1 and (0xB0 <= pair[0] <= 0xD7 or 0xA1 <= pair[0] <= 0xA3) for pair in pairs)
    return usual / len(pairs) if pairs else 0.0


def _traditional(content: bytes) -> float:
    """The share of two-byte characters that stand in the first level of Big5, or are its punctuation."""
    pairs = re.findall(rb"[\x81-\xfe][\x40-\xfe]", content)
    return sum(0xA1 <= pair[0] <= 0xC6 for pair in pairs) / len(pairs) if pairs else 0.0


def _western(content: bytes) -> float:
    """The share of bytes beyond ASCII that are a letter with an accent, alone among letters of ASCII."""
    others = len(re.findall(rb"[\x80-\xff]", content))
    alone = re.findall(
        rb"(?<![\x80-\xff])[\x8a\x8c\x8e\x92\x9a\x9c\x9e\x9f\xc0-\xd6\xd8-\xf6\xf8-\xff](?![\x80-\xff])", content
    )
    return len(alone) / others if others else 0.0


USUAL = 0.2
"""What speaks for the mainland's encoding beforehand: a character or two are typical of several."""
_TYPICAL = {
    "gb18030": lambda content: _simplified(content) + USUAL if _simplified(content) else 0.0,
    "cp950": _traditional,
    "cp1252": _western,
}
_HEADINGS = ("姓名", "会员", "手机", "电话", "名称", "日期", "會員", "手機", "電話", "名稱")


def _headed(text: str) -> float:
    """A word that stands at the head of such tables is no chance."""
    head = text[:500]
    return 0.3 if any(word in head for word in _HEADINGS) else 0.0


def _rows(name: str, text: str) -> Iterator[tuple[int, list[Any]]]:
    delimiter = _delimiter(text)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        rows = list(_tolerant(name, text, delimiter))
    for number, cells in enumerate(rows, 1):
        yield number, [_without_guard(cell) for cell in cells]


def _delimiter(text: str) -> str:
    """The one that gives the most rows of the same width; what Excel writes depends on the country."""

    def regularity(delimiter: str) -> tuple[int, int]:
        reader = csv.reader(io.StringIO(text[:200_000], newline=""), delimiter=delimiter)
        try:
            widths = Counter(len(row) for row, _n in zip(reader, range(SAMPLE_ROWS), strict=False) if len(row) > 1)
        except csv.Error:
            return 0, 0
        width, rows = max(widths.items(), key=lambda pair: (pair[1], pair[0]), default=(0, 0))
        return rows, width

    return max(",;\t|", key=regularity)


def _tolerant(name: str, text: str, delimiter: str) -> Iterator[list[str]]:
    """Rows in which a quotation mark inside a quoted cell was not doubled: it ends the cell only before a delimiter.

    :raises UnreadableFileError: a quotation never ends, or goes on over a line with such a mark in it.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    row: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == '"':
            cell, at = _quoted(name, text, at + 1, delimiter)
        else:
            match = re.compile(f"[^{re.escape(delimiter)}\n]*").match(text, at)
            assert match is not None
            cell, at = match.group(), match.end()
        row.append(cell)
        if at >= len(text) or text[at] == "\n":
            yield row
            row = []
        elif at + 1 == len(text):
            row.append("")
            yield row
        at += 1


def _quoted(name: str, text: str, at: int, delimiter: str) -> tuple[str, int]:
    start, undoubled = at, False
    ends = (delimiter, "\n")
    while (at := text.find('"', at)) >= 0:
        following = text[at + 1 : at + 2]
        if not following or following in ends:
            inside = text[start:at]
            if undoubled and "\n" in inside:
                break
            return inside.replace('""', '"'), at + 1
        undoubled = undoubled or following != '"'
        at += 2 if following == '"' else 1
    line = text.count("\n", 0, start) + 1
    raise UnreadableFileError(
        _("%(name)s, line %(line)s: a quotation mark opens here and never closes", name=name, line=line)
    )


def _without_guard(cell: str) -> str:
    """Text without what spreadsheets and exports put around it to keep it text: ``="139…"``, an apostrophe in front."""
    cell = cell.strip(" \t")
    if match := _AS_TEXT.fullmatch(cell):
        return match[1]
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*DANGEROUS, *"0123456789")) else cell
