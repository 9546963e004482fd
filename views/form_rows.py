"""Lists within a form: lines of a bill, payments. Each row is a small form; one left as it came is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wtforms import BooleanField, FieldList, Form, FormField

MOST_ROWS = 50


def folded(fields: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    """Fields in two parts: those that are always seen, and those that stand aside while nothing is wrong with them."""
    every = list(fields)
    aside = [one for one in every if (one.render_kw or {}).get("data-aside") and not one.errors]
    return [one for one in every if one not in aside], aside


class RowForm(Form):
    """One row of a list."""

    @property
    def parts(self) -> tuple[list[Any], list[Any]]:
        """What is always seen, and what stands aside."""
        return folded(self)

    @property
    def blank(self) -> bool:
        """Whether nobody has put anything into it."""
        return all(_untouched(one) for one in self)


def _untouched(one: Any) -> bool:
    if isinstance(one, BooleanField):
        return not one.data
    default = one.default() if callable(one.default) else one.default
    return (one.data or "") in ("", default or "")


class RowsField(FieldList):  # type: ignore[type-arg]  # generic in the stubs only
    """A list of rows, as a table that grows by a button."""

    def __init__(self, row: type[RowForm], **options: Any) -> None:
        options.setdefault("max_entries", MOST_ROWS)
        super().__init__(FormField(row), **options)

    @property
    def row_forms(self) -> list[RowForm]:
        """The rows as they stand."""
        return [entry.form for entry in self.entries]

    @property
    def filled(self) -> list[RowForm]:
        """The rows in which there is something."""
        return [form for form in self.row_forms if not form.blank]

    def grow(self) -> None:
        """Show one more row."""
        if len(self.entries) < MOST_ROWS:
            self.append_entry()


def faults_of(form: Any) -> list[tuple[str, str, str]]:
    """Every fault at a field of a form: the field's id, what it is called (of a row with its number), the message."""
    found: list[tuple[str, str, str]] = []
    for one in form:
        if isinstance(one, RowsField):
            found += [
                (one.id, str(one.label.text), str(fault)) for fault in one.errors if not isinstance(fault, (dict, list))
            ]
            for number, row in enumerate(one.row_forms, 1):
                found += [(part, f"{one.label.text} {number} · {label}", said) for part, label, said in faults_of(row)]
        else:
            found += [(one.id, str(one.label.text), str(fault)) for fault in one.errors]
    return found


def tell(form: Any, path: str | None, message: str) -> bool:
    """Put a message at the field it is about: ``amount``, or ``lines-1-price`` for one of the second row filled in.

    False where the form has no such field.
    """
    name, _, rest = (path or "").partition("-")
    if name not in form:
        return False
    one = form[name]
    inner = _within(one, rest) if isinstance(one, RowsField) and rest else None
    if inner is None:
        one.errors = [*one.errors, message]
    else:
        inner.errors = [*inner.errors, message]
        one.errors = [*one.errors, {inner.short_name: [message]}]
    return True


def _within(rows: RowsField, path: str) -> Any | None:
    place, _, name = path.partition("-")
    there = rows.filled or rows.row_forms
    if not place.isdecimal() or int(place) >= len(there) or name not in there[int(place)]:
        return None
    return there[int(place)][name]
