"""What is wrong with a rule file, where, and what would mend it: in the reader's own language."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l


@dataclass(frozen=True, order=True)
class Place:
    """A spot in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong at one place."""

    place: Place
    message: LazyString

    def __str__(self) -> str:
        place = self.place
        return str(
            _l(
                "%(file)s line %(line)s, column %(column)s: %(message)s",
                file=place.file,
                line=place.line,
                column=place.column,
                message=str(self.message),
            )
        )


class Faults(Exception):
    """A document that cannot be taken: all its faults, in the order of the file."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: fault.place)
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


def nearest(word: str, among: Iterable[str]) -> str | None:
    """The known word that was most likely meant."""
    close = difflib.get_close_matches(word, list(among), n=1, cutoff=0.6)
    return close[0] if close else None


def unknown(word: str, among: Iterable[str], what: LazyString) -> LazyString:
    """«There is no <what> called <word>; did you mean …?»"""
    near = nearest(word, among)
    if near is None:
        return _l("There is no %(what)s called %(word)s.", what=what, word=word)
    return _l("There is no %(what)s called %(word)s; did you mean %(near)s?", what=what, word=word, near=near)
