"""Why a text is no YAML, in the words of whoever typed it: Chinese punctuation, tabs, missing spaces, indentation.

Each mistake that is recognised is mended for the reader's own use, so that what stands behind it is told too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from rules.language.faults import Fault, Place, short

ODD_SPACES = "\t\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f\u2060\u3000\ufeff"
"""White space that is no plain space, and characters that nobody sees."""
QUOTES = "“”‘’＂＇"
PUNCTUATION: dict[str, tuple[str, LazyString]] = {
    "：": (":", _l("colon")),
    "，": (",", _l("comma")),
    "、": (",", _l("comma")),
    "；": (",", _l("semicolon")),
    **dict.fromkeys("｛", ("{", _l("brace"))),
    **dict.fromkeys("｝", ("}", _l("brace"))),
    **dict.fromkeys("［【", ("[", _l("bracket"))),
    **dict.fromkeys("］】", ("]", _l("bracket"))),
    **dict.fromkeys("“”＂", ('"', _l("quotation mark"))),
    **dict.fromkeys("‘’＇", ("'", _l("quotation mark"))),
    **dict.fromkeys("—–－―‐−·•●", ("-", _l("dash"))),
}
"""What is typed with a Chinese keyboard: what to write, and what it is called."""
_INDENT = re.compile(f"[ {ODD_SPACES}]*")
_BLOCK = re.compile(r"^( *)(?:.*[:-] )?[|>][+-]?\d?[+-]?\s*(?:#.*)?$")
_COLON = re.compile(r"( *(?:- +)?[A-Za-z0-9_-]+) *：[ \u3000]*")
_NO_SPACE = re.compile(rf"( *(?:- +)?[A-Za-z_][\w-]*):(?=[^ \n/:])[{ODD_SPACES}]*")
_DASH = re.compile(r"( *)([—–－―‐−·•●])[ \u3000]*(?=\S)")
_BRACED = re.compile(r"""([^"'#]*?(?:: |- ) *)\{[A-Za-z_]\w*\}(?= *[^\s,}\]#])""")
_KEY_OR_ITEM = re.compile(r" *(?:- |(?:- +)?[A-Za-z_][\w-]*:(?: |$))")
_NO_DASH_SPACE = re.compile(r"( *)-(?=[A-Za-z_]+: )")


@dataclass(frozen=True)
class Mistake:
    """What is wrong in a line (from 0) at a column (from 0), and the line as it was probably meant."""

    line: int
    column: int
    message: LazyString
    mended: str

    def fault(self, file: str) -> Fault:
        return Fault(Place(file, self.line + 1, self.column + 1), self.message)


def odd_punctuation(typed: str) -> LazyString:
    """«The Chinese colon ： stands here; write : instead.»"""
    signs = list(dict.fromkeys(typed))
    name = PUNCTUATION[signs[0]][1]
    write = " ".join(PUNCTUATION[sign][0] for sign in signs)
    return _l(
        "The Chinese %(name)s %(typed)s stands here; write %(write)s instead.",
        name=name,
        typed=" ".join(signs),
        write=write,
    )


def odd_space(space: str) -> LazyString:
    """What is wrong with a space that is none."""
    if space == "\t":
        return _l("A tab stands here; write spaces instead.")
    if space == "\u3000":
        return _l("A full-width space stands here; write plain spaces instead.")
    return _l("An invisible character (U+%(code)s) stands here; take it out or write a plain space.", code=_code(space))


def _code(sign: str) -> str:
    return f"{ord(sign):04X}"


def diagnosed(text: str, error: Any) -> tuple[list[Mistake], bool]:
    """The mistakes that explain why a text cannot be parsed; and whether they were recognised, not only described."""
    lines = text.split("\n")
    if mistakes := list(_everywhere(lines)):
        return mistakes, True
    if (mistake := _unclosed(lines)) is not None:
        return [mistake], True
    last = error.problem_mark.line if error.problem_mark else 0
    first = error.context_mark.line if error.context_mark else last
    for number in dict.fromkeys((last, first, last - 1)):
        if 0 <= number < len(lines) and (mistake := _signs(number, lines[number]) or _dash(lines, number)) is not None:
            return [mistake], True
    if (mistake := _indentation(lines, last)) is not None:
        return [mistake], True
    column = error.problem_mark.column if error.problem_mark else 0
    return [_described(lines, last, column, error)], False


def _everywhere(lines: list[str]) -> Iterator[Mistake]:
    """Mistakes that can be seen in a line by itself."""
    block: int | None = None
    before = 0
    for number, line in enumerate(lines):
        content = line.strip(" ")
        indent = len(line) - len(line.lstrip(" "))
        if block is not None and (not content or indent > block):
            continue
        block = indent if _BLOCK.match(line) else None
        if not content or content.startswith("#"):
            continue
        mistake = _spaces(number, line, before) or _marks(number, line)
        if mistake is not None:
            yield mistake
        before = _column_of_content(line if mistake is None else mistake.mended)


def _column_of_content(line: str) -> int:
    """Where a line that follows this one in the same part begins."""
    match = re.match(r" *(?:- +)*", line)
    start = match.end() if match else 0
    return start + 2 if line.rstrip().endswith(":") else start


def _spaces(number: int, line: str, before: int) -> Mistake | None:
    match = _INDENT.match(line)
    indent = match.group() if match else ""
    odd = next((place for place, sign in enumerate(indent) if sign != " "), None)
    if odd is None or line[len(indent) :].startswith("#") or len(indent) == len(line):
        return None
    width = sum({"\u3000": 2, "\ufeff": 0}.get(sign, 1) for sign in indent)
    return Mistake(
        number, odd, odd_space(indent[odd]), " " * (before if "\t" in indent else width) + line[len(indent) :]
    )


def _marks(number: int, line: str) -> Mistake | None:
    if match := _COLON.match(line):
        column = line.index("：")
        return Mistake(number, column, odd_punctuation("："), f"{match[1]}: {line[match.end() :]}")
    if match := _NO_SPACE.match(line):
        message = _l("A space belongs behind the colon: %(write)s", write=short(f"{match[1].strip(' -')}: …"))
        return Mistake(number, match.end(1), message, f"{match[1]}: {line[match.end() :]}")
    if match := _DASH.match(line):
        return Mistake(number, match.end(1), odd_punctuation(match[2]), f"{match[1]}- {line[match.end() :]}")
    if match := _NO_DASH_SPACE.match(line):
        message = _l("A space belongs behind the dash of a list: - %(write)s", write=short(line[match.end() :]))
        return Mistake(number, match.end(1), message, f"{match[1]}- {line[match.end() :]}")
    if match := _BRACED.match(line):
        end = _end_of_text(line, match.end(1))
        text = line[match.end(1) : end]
        message = _l('A text that begins with a brace is put in quotation marks: "%(text)s"', text=short(text))
        return Mistake(number, match.end(1), message, f'{match[1]}"{text}"{line[end:]}')
    return None


def _end_of_text(line: str, start: int) -> int:
    """Where a text ends that begins at a column, before the brackets that close those opened in front of it."""
    before = line[:start]
    opened = sum(before.count(sign) for sign in "[{") - sum(before.count(sign) for sign in "]}")
    end = len(line.rstrip())
    while opened > 0 and end > start + 1 and line[end - 1] in "]} ":
        opened -= line[end - 1] != " "
        end -= 1
    return start + len(line[start:end].rstrip())


def _unclosed(lines: list[str]) -> Mistake | None:
    """A quotation mark that opens a text and has none to close it before the next key or item."""
    quote, opened = "", (0, 0)
    block: int | None = None
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip(" "))
        if not quote:
            if block is not None and (not line.strip() or indent > block):
                continue
            block = indent if _BLOCK.match(line) else None
        elif _KEY_OR_ITEM.match(line):
            break
        column = 0
        while column < len(line):
            sign = line[column]
            if quote:
                column += sign == "\\" and quote == '"'
                quote = "" if sign == quote else quote
            elif sign in "\"'" and line[:column].rstrip(" ")[-1:] in ("", "[", "{", ",", ":", "-"):
                quote, opened = sign, (number, column)
            elif sign == "#" and line[column - 1 : column] in ("", " "):
                break
            column += 1
    return _to_close(lines[opened[0]], *opened, quote) if quote else None


def _to_close(line: str, number: int, column: int, quote: str) -> Mistake:
    end = _end_of_text(line, column)
    if line[end - 1] in QUOTES:
        return Mistake(number, end - 1, odd_punctuation(line[end - 1]), f"{line[: end - 1]}{quote}{line[end:]}")
    message = _l(
        "The quotation mark %(quote)s that opens here is never closed: write %(quote)s at the end of the text too.",
        quote=quote,
    )
    return Mistake(number, column, message, f"{line[:end]}{quote}{line[end:]}")


def _signs(number: int, line: str) -> Mistake | None:
    """Chinese punctuation of a line, outside plain quotes and comments."""
    mended, first, typed = list(line), -1, ""
    quote = ""
    for column, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and (column == 0 or line[column - 1] in " [{,:"):
            quote = sign
        elif sign == "#" and line[column - 1 : column] in ("", " "):
            break
        elif sign in PUNCTUATION and sign not in "—–－―‐−·•●":
            first = column if first < 0 else first
            typed += sign
            mended[column] = PUNCTUATION[sign][0] + (" " if sign in "：，、；" else "")
    return Mistake(number, first, odd_punctuation(typed), "".join(mended)) if typed else None


def _indentation(lines: list[str], number: int) -> Mistake | None:
    """A line that begins at another column than those beside it."""
    if not 0 < number < len(lines) or not lines[number].strip():
        return None
    line = lines[number]
    above = next((one for one in reversed(lines[:number]) if one.strip() and not one.strip().startswith("#")), "")
    wanted, indent = _column_of_content(above), len(line) - len(line.lstrip(" "))
    if wanted == indent or line.lstrip().startswith("- ") or not re.match(r" *[\w-]+:( |$)", line):
        return None
    message = _l(
        "The indentation does not fit: this line begins with %(now)s spaces, and %(wanted)s belong there.",
        now=indent,
        wanted=wanted,
    )
    return Mistake(number, indent, message, " " * wanted + line.lstrip(" "))


def _dash(lines: list[str], number: int) -> Mistake | None:
    """A line that begins where the dashes of a list stand, and looks like its other items."""
    line = lines[number]
    indent = len(line) - len(line.lstrip(" "))
    if not line.strip() or not _is_item(lines[:number], line, indent):
        return None
    message = _l("The dash of a list item is missing: write - %(item)s", item=short(line.strip()))
    return Mistake(number, indent, message, f"{line[:indent]}- {line[indent:]}")


_FLOW = re.compile(r"(?:(?P<key>[\w-]+): +)?[{\[]")
_KEY = re.compile(r"([\w-]+):(?: |$)")


def _is_item(before: list[str], line: str, indent: int) -> bool:
    """Whether a line looks like the item of the list that stands at its own column, without the dash."""
    peers = (one for one in reversed(before) if one.strip() and len(one) - len(one.lstrip(" ")) <= indent)
    peer = next((one for one in peers if not one.strip().startswith("#")), "")
    if not peer.startswith(" " * indent + "- "):
        return False
    item, mine = peer[indent:].removeprefix("-").lstrip(" "), line[indent:]
    its, own = _FLOW.match(item), _FLOW.match(mine)
    if its and own and (its["key"] is None) == (own["key"] is None):
        return True
    key, own_key = _KEY.match(item), _KEY.match(mine)
    return key is not None and own_key is not None and key[1] == own_key[1]


NO_MAPPING = "no keys with values"
_PROBLEMS = (
    (NO_MAPPING, _l("The file must consist of keys with values.")),
    ("mapping values are not allowed", _l("A colon stands within a text; put the whole text in quotation marks.")),
    ("did not find expected ',' or '}'", _l("A comma, or the } at the end, is missing before this.")),
    ("did not find expected ',' or ']'", _l("A comma, or the ] at the end, is missing before this.")),
    ("unexpected end of stream", _l("Quotation marks or brackets are opened and never closed.")),
    ("unexpected document indicator", _l("Quotation marks or brackets are opened and never closed.")),
    ("could not find expected ':'", _l("A colon with a space is missing, as in name: value.")),
    ("unknown escape character", _l("In double quotation marks a backslash is written twice.")),
    ("alphabetic or numeric character", _l("A text that begins with * or & is put in quotation marks.")),
    ("cannot start any token", _l("A text that begins with such a character is put in quotation marks.")),
    ("did not find expected", _l("The indentation does not fit, or a dash or a colon is missing here.")),
)
"""What the parser says, and what that mostly means."""


def _described(lines: list[str], number: int, column: int, error: Any) -> Mistake:
    problem = error.problem or str(error)
    other = _l("This is not YAML: %(problem)s.", problem=problem)
    message = next((message for words, message in _PROBLEMS if words in problem), other)
    if re.search("unexpected end of stream|alphabetic or numeric", problem) and error.context_mark:
        number, column = error.context_mark.line, error.context_mark.column  # where it begins
    return Mistake(number, column, message, lines[number] if number < len(lines) else "")


SAVE_AS_UTF8 = _l("Save it again as UTF-8 (in Notepad: Save as, Encoding: UTF-8).")


def encoding_fault(text: str) -> LazyString:
    """What a file that is no UTF-8 was saved as, as far as its bytes tell (they stand in ``text`` as surrogates)."""
    raw = text.encode("utf-8", errors="surrogateescape")[:4096]
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or raw.count(0) * 4 > len(raw):
        return _l("This is not UTF-8 but UTF-16, which Notepad calls Unicode. %(mend)s", mend=SAVE_AS_UTF8)
    try:
        raw[:-1].decode("gb18030", errors="strict") if len(raw) % 2 else raw.decode("gb18030", errors="strict")
    except UnicodeDecodeError as error:
        if error.start < len(raw) - 4:
            return _l("This is not UTF-8. %(mend)s", mend=SAVE_AS_UTF8)
    return _l("This is not UTF-8 but GBK, which Notepad calls ANSI. %(mend)s", mend=SAVE_AS_UTF8)
