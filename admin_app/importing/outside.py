"""Words in a column of choices that are none of them: how often each stands there, and what to do about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from flask_babel import LazyString, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin_app.values import NoChoice

CORRECT_IT = _l("Write one of the choices there and bring the file again.")
LEFT_OUT = _l("The cells are left out; write one of the choices there and bring the file again.")


@dataclass(frozen=True)
class OutsideWord:
    """A word under a heading, the choices there are, the nearest of them, and what to do to have it taken."""

    column: str
    word: str
    nearest: str | None
    choices: tuple[str, ...]
    todo: str

    def line(self, sheet: str, rows: int) -> str:
        parts = [
            ngettext(
                "%(sheet)s, %(column)s: «%(word)s» in %(num)d row is not one of the choices: %(known)s.",
                "%(sheet)s, %(column)s: «%(word)s» in %(num)d rows is not one of the choices: %(known)s.",
                rows,
                sheet=sheet,
                column=self.column,
                word=self.word,
                known="、".join(self.choices),
            )
        ]
        if self.nearest is not None:
            parts.append(_("Did you mean «%(near)s»?", near=self.nearest))
        return " ".join([*parts, self.todo])


class OutsideWords:
    """The words of one sheet, each with the number of its rows."""

    def __init__(self) -> None:
        self._rows: Counter[OutsideWord] = Counter()

    def add(self, column: str, error: NoChoice, todo: LazyString = CORRECT_IT) -> None:
        """Count a row."""
        self._rows[OutsideWord(column, error.word, error.nearest, error.choices, str(todo))] += 1

    def lines(self, sheet: str) -> list[str]:
        """What to do about each word, the most frequent first."""
        return [word.line(sheet, rows) for word, rows in self._rows.most_common()]

    def counts(self) -> list[dict[str, Any]]:
        return [
            {"column": word.column, "word": word.word, "rows": rows, "nearest": word.nearest, "todo": word.todo}
            for word, rows in self._rows.most_common()
        ]
