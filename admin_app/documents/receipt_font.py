"""The font of a receipt: of Noto Sans CJK what the receipt needs, embedded, so that every reader shows the same.

A PDF that names a font without embedding it is shown by the reader's own, which may lack digits or characters (𠮷).
reportlab embeds TrueType outlines only, and the font has others (CFF), so the characters are redrawn one by one.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from itertools import count
from typing import Any, NamedTuple

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from noto_cjk_sans_jp_regular import FONT_PATH
from reportlab.pdfbase import pdfmetrics, ttfonts

UNITS = 1000
NOT_THERE = ".notdef"
ASCENT, DESCENT = 880, -120
_BETWEEN = 1.0
"""How far a redrawn outline may be from the drawn one, in thousandths of its size."""
_UNSEEN = {"Cc", "Cf", "Mn"}
"""Categories of characters that take no room of their own."""


class Glyph(NamedTuple):
    """A character as it is drawn, and how wide it is (thousandths of the size)."""

    outline: Any
    width: int


_glyphs: dict[str, Glyph] = {}
_drawing = threading.Lock()
_names = count(1)


def width_of(text: str, size: float) -> float:
    """How wide a text is in this font (points)."""
    _draw(text)
    return sum(_glyphs[letter].width for letter in text) * size / UNITS


class _Source:
    """The font as it was published. It stays open: that takes 60 MB, and opening it half a second."""

    def __init__(self) -> None:
        self.file = TTFont(str(FONT_PATH), lazy=True)
        self.names = self.file.getBestCmap()
        self.drawn = self.file.getGlyphSet()
        self.simplified = self._simplified_forms()

    def _simplified_forms(self) -> dict[str, str]:
        """Characters that China writes otherwise than Japan, whose forms the font shows by itself."""
        table = self.file["GSUB"].table
        script = next(record.Script for record in table.ScriptList.ScriptRecord if record.ScriptTag == "hani")
        language = next(record.LangSys for record in script.LangSysRecord if record.LangSysTag == "ZHS ")
        features = [table.FeatureList.FeatureRecord[place] for place in language.FeatureIndex]
        lookups = [
            place for feature in features if feature.FeatureTag == "locl" for place in feature.Feature.LookupListIndex
        ]
        forms: dict[str, str] = {}
        for place in lookups:
            for part in table.LookupList.Lookup[place].SubTable:
                forms |= getattr(getattr(part, "ExtSubTable", part), "mapping", {})
        return forms

    def glyph(self, letter: str) -> Glyph:
        """How a character is drawn; a box where the font does not have it, nothing where nobody sees it."""
        pen = TTGlyphPen(None)
        if unicodedata.category(letter) in _UNSEEN:
            return Glyph(pen.glyph(), 0)
        return self._named(self.names.get(ord(letter), NOT_THERE), pen)

    def not_there(self) -> Glyph:
        return self._named(NOT_THERE, TTGlyphPen(None))

    def _named(self, name: str, pen: TTGlyphPen) -> Glyph:
        glyph = self.drawn[self.simplified.get(name, name)]
        glyph.draw(Cu2QuPen(pen, _BETWEEN, reverse_direction=True))
        return Glyph(pen.glyph(), round(glyph.width))


_source = cache(_Source)


def _draw(text: Iterable[str]) -> None:
    """Draw the characters that were not drawn yet."""
    missing = {letter for letter in text if letter not in _glyphs}
    if not missing:
        return
    with _drawing:  # the source reads its file as it goes
        source = _source()
        _glyphs[NOT_THERE] = source.not_there()
        for letter in missing:
            _glyphs[letter] = source.glyph(letter)


@contextmanager
def embedded(text: str) -> Iterator[str]:
    """The name of a font that has the characters of this text, for one document."""
    name = f"Receipt{next(_names)}"
    pdfmetrics.registerFont(ttfonts.TTFont(name, BytesIO(_built(name, "".join(sorted(set(text)))))))
    try:
        yield name
    finally:
        pdfmetrics._fonts.pop(name, None)  # noqa: SLF001 - reportlab has no word for it


def _built(name: str, letters: str) -> bytes:
    """A TrueType font of these characters."""
    _draw(letters)
    order = [NOT_THERE, *(f"u{ord(letter):05X}" for letter in letters)]
    chosen = [_glyphs[NOT_THERE], *(_glyphs[letter] for letter in letters)]
    builder = FontBuilder(UNITS, isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap({ord(letter): order[place] for place, letter in enumerate(letters, 1)})
    builder.setupGlyf({glyph: drawn.outline for glyph, drawn in zip(order, chosen, strict=True)})
    sides = {glyph: getattr(drawn.outline, "xMin", 0) for glyph, drawn in zip(order, chosen, strict=True)}
    builder.setupHorizontalMetrics({g: (d.width, sides[g]) for g, d in zip(order, chosen, strict=True)})
    builder.setupHorizontalHeader(ascent=ASCENT, descent=DESCENT)
    builder.setupNameTable({"familyName": name, "styleName": "Regular", "psName": name})
    builder.setupOS2(sTypoAscender=ASCENT, sTypoDescender=DESCENT, usWinAscent=ASCENT, usWinDescent=-DESCENT)
    builder.setupPost()
    file = BytesIO()
    builder.save(file)
    return file.getvalue()


def _to_unicode(name: str, subset: list[int]) -> str:
    """Which characters the codes of a font mean, for copying and reading aloud.

    reportlab's own writes a character beyond the first 65,536 with five digits, which no reader understands.
    """
    pairs = [f"<{code:02X}> <{chr(letter).encode('utf-16-be').hex().upper()}>" for code, letter in enumerate(subset)]
    parts = [pairs[start : start + 100] for start in range(0, len(pairs), 100)]
    blocks = [line for part in parts for line in (f"{len(part)} beginbfchar", *part, "endbfchar")]
    return "\n".join(
        [
            "/CIDInit /ProcSet findresource begin",
            "12 dict begin",
            "begincmap",
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
            f"/CMapName /{name} def",
            "/CMapType 2 def",
            "1 begincodespacerange",
            f"<00> <{len(subset) - 1:02X}>",
            "endcodespacerange",
            *blocks,
            "endcmap",
            "CMapName currentdict /CMap defineresource pop",
            "end",
            "end",
        ]
    )


ttfonts.makeToUnicodeCMap = _to_unicode
