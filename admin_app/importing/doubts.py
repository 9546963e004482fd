"""Cells that can be read, but not as what was meant: told by the other cells of their column."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask_babel import lazy_gettext as _l

from admin_app.importing.tables import Row, Table, plain
from admin_app.values import NoValue
from models.numbers import phone_number
from models.plain_text import plain_digits

_OF_ANOTHER_COUNTRY = _l(
    "Other numbers of this column are of another country; if this is one too, write it with + and the country's code."
)
_NUMBER_FOR_NAME = _l("A name is not a number; are the columns in the right order?")


def with_certain_phones(table: Table, column: int) -> Table:
    """A landline without its country's code counts only where the column is of this country.

    020 7496 0351 is London and Guangzhou. It is taken for Guangzhou where the column has a mobile of the mainland, or
    nothing that speaks for another country.
    """
    written = [(row, plain(_at(row, column))) for row in table.rows]
    numbers = {text: phone_number(text) for _row, text in written if text}
    local = {text for text, number in numbers.items() if number is not None and _is_landline_without_code(text, number)}
    mobiles = any(number is not None and number.startswith("+861") and len(number) == 14 for number in numbers.values())
    foreign = sum(number is not None and not number.startswith("+86") for number in numbers.values())
    unreadable = sum(
        number is None for text, number in numbers.items() if plain_digits(text).lstrip("(").startswith("0")
    )
    if not local or mobiles or not (foreign or unreadable > len(local)):
        return table
    rows = [_with(row, column, NoValue(text, _OF_ANOTHER_COUNTRY)) if text in local else row for row, text in written]
    return replace(table, rows=tuple(rows))


def _is_landline_without_code(text: str, number: str) -> bool:
    return number.startswith("+86") and not plain_digits(text).lstrip("( ").startswith(("+", "00"))


def with_names(table: Table, column: int) -> Table:
    """A name of nothing but digits stands in the wrong column."""
    reading = [(row, plain(_at(row, column))) for row in table.rows]
    rows = [
        _with(row, column, NoValue(text, _NUMBER_FOR_NAME)) if plain_digits(text).isdecimal() else row
        for row, text in reading
    ]
    return replace(table, rows=tuple(rows))


def _at(row: Row, column: int) -> Any:
    return row.cells[column] if column < len(row.cells) else None


def _with(row: Row, column: int, cell: Any) -> Row:
    return Row(row.number, (*row.cells[:column], cell, *row.cells[column + 1 :]))
