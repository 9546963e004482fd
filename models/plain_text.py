"""Text as it is stored and as it is compared: what nobody sees is removed, and one character has one form."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.resources import files

_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"
_INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f\u2028\u2029\u202a-\u202e"
_INVISIBLE += "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
_REMOVED = re.compile(f"[{_CONTROL}{_INVISIBLE}]")
_PICTURES = "\u2190-\u2bff\u3030\u303d\U0001f000-\U0001faff"
_JOINER = re.compile(f"\u200d(?![{_PICTURES}])|(?<![{_PICTURES}\ufe0f])\u200d")
"""A zero-width joiner stays between pictures, where it makes one of several, and nowhere else."""
_VARIANTS = re.compile("[\ufe00-\ufe0f\u200d]")
DOTS = "·•‧∙⋅・･．.｡‐"
_DOTS = re.compile(f"[{re.escape(DOTS)}\u2022\u00b7\u0387\u16eb\u2024\u2219\u30fb]")
_NUMERIC_LOOK = {
    "，": ",",
    "．": ".",
    "：": ":",
    "－": "-",
    "＋": "+",
    "／": "/",
    "（": "(",
    "）": ")",
    "％": "%",
    "−": "-",
    "–": "-",
    "—": "-",
    "﹣": "-",
    "‐": "-",
    "‑": "-",
    "\u00a0": " ",
    "\u2007": " ",
    "\u202f": " ",
    "\u2009": " ",
    "\u3000": " ",
}


def visible(text: str) -> str:
    """A text in its composed form (NFC), without control, invisible and direction characters."""
    return _JOINER.sub("", _REMOVED.sub("", unicodedata.normalize("NFC", text)))


def folded(text: str) -> str:
    """A text as it is compared: compatibility form (NFKC), no case, nothing invisible, no variants of a character."""
    plain = _VARIANTS.sub("", _REMOVED.sub("", unicodedata.normalize("NFKC", text)))
    return unicodedata.normalize("NFKC", plain.lower())


def joined(text: str) -> str:
    """The same without white space and without the dots inside a name (阿依古丽·买买提)."""
    return "".join(_DOTS.sub("", folded(text)).split())


@cache
def _simple_characters() -> dict[int, str]:
    """Traditional characters, each with its usual simplified one, from the table of OpenCC."""
    table = (files("opencc") / "dictionary" / "TSCharacters.txt").read_text("utf-8")
    pairs = (line.split() for line in table.splitlines() if line)
    return {ord(character): simple for character, simple, *_others in pairs}


def simplified(text: str) -> str:
    """A text with each traditional character as its simplified one, as names are compared: never as they are stored.

    One character always gives one character, whatever stands beside it: the beginning of a text stays its beginning.
    """
    return text if text.isascii() else text.translate(_simple_characters())


def plain_digits(text: str) -> str:
    """A number as written, in the digits and signs of ASCII.

    Every decimal digit counts (１２, ١٢). A superscript or an encircled number does not: 5² is not 52.
    """
    return "".join(map(_plain_digit, _REMOVED.sub("", text))).strip()


def _plain_digit(letter: str) -> str:
    if letter.isascii():
        return letter
    return str(unicodedata.decimal(letter)) if letter.isdecimal() else _NUMERIC_LOOK.get(letter, letter)
