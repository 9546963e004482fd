"""What is wrong with a rule file, where, and what would mend it: in the reader's own language."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

MOST_FAULTS = 100
"""Faults of one file that are told at once."""
MOST_TYPED = 40
"""Letters of what was typed that a message repeats."""


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


def called(word: str, among: Mapping[str, Any]) -> list[str]:
    """The short names of what is called so, or nearly so: ``slipping (流失预警)`` and ``lost (流失客户)`` for 流失."""
    names = {name: key for key, names in among.items() if isinstance(names, tuple) for name in names if name}
    same = [name for name in names if name.lower() == word.lower()]
    within = same or [name for name in names if len(word) > 1 and word.lower() in name.lower()]
    close = within or difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return [f"{names[name]} ({name})" for name in close[:3]]


def unknown(word: str, among: Iterable[str], what: LazyString) -> LazyString:
    """«There is no <what> called <word>; did you mean …?» The nearest is looked up only when somebody reads it."""
    return LazyString(_unknown, short(word), among if isinstance(among, Mapping) else tuple(among), what)


def _unknown(word: str, among: Iterable[str], what: LazyString) -> str:
    near = nearest(word, among)
    if near is None and isinstance(among, Mapping):
        near = str(_l(" or ")).join(called(word, among)) or None
    if near is None:
        return str(_l("There is no %(what)s called %(word)s.", what=what, word=word))
    return str(_l("There is no %(what)s called %(word)s; did you mean %(near)s?", what=what, word=word, near=near))


def short(word: object) -> str:
    """A word as a message repeats it: of a long text its beginning, on a line."""
    text = " ".join(str(word).split())
    return text if len(text) <= MOST_TYPED else f"{text[:MOST_TYPED]}…"


def instead(write: str, typed: object) -> LazyString:
    """«Write 20000, not 2万.»"""
    return _l("Write %(write)s, not %(typed)s.", write=write, typed=short(typed))


@dataclass(frozen=True)
class Reading:
    """One of several ways to read a word: how it is written in a rule file, and what it then means."""

    write: str
    meaning: LazyString


Spelling = Callable[[str], str | tuple[Reading, ...] | None]
"""How a word is written in a rule file, or each of its readings; None where nobody can tell what was meant."""


def one_of_these(readings: Iterable[Reading], typed: object) -> LazyString:
    """«Write 200% (2 times) or 2% (2 in a hundred), not 2.»"""
    return LazyString(_one_of_these, tuple(readings), short(typed))


def _one_of_these(readings: tuple[Reading, ...], typed: str) -> str:
    ways = (str(_l("%(write)s (%(meaning)s)", write=one.write, meaning=one.meaning)) for one in readings)
    return str(_l("Write %(write)s, not %(typed)s.", write=str(_l(" or ")).join(ways), typed=typed))


def misfit(
    typed: object, need: LazyString, spelling: Spelling | None = None, fits: Callable[[str], bool] | None = None
) -> LazyString:
    """What is needed, and what to write in place of what was typed, where that can be told.

    ``fits`` says whether something would be taken there: nothing else is proposed.
    """
    text = str(typed)
    meant = None if spelling is None else spelling(text)
    if isinstance(meant, str):
        meant = (Reading(meant, need),)
    ways = [one for one in meant or () if one.write != text and (fits is None or fits(one.write))]
    if ways:
        mend = instead(ways[0].write, text) if len(ways) == 1 else one_of_these(ways, text)
        return _l("%(need)s %(mend)s", need=need, mend=mend)
    if not text.strip():
        return need
    return _l("%(need)s “%(typed)s” is not that.", need=need, typed=short(text))
