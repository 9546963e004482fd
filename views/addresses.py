"""What stands in addresses: numbers of rows that a database can hold, days, and nothing that is dropped unsaid."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Flask
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from werkzeug.routing import IntegerConverter, Map

from admin_app.operations.refusals import Refused
from admin_app.values import LARGEST_ID, whole_number
from models.numbers import day_of

EARLIEST, LATEST = date(1990, 1, 1), date(2999, 12, 31)
"""The days that an address may ask for lie between these."""

CALLED = {
    "before": _l("Older"),
    "day": _l("Day"),
    "from": _l("From day"),
    "id": _l("Row number"),
    "kind": _l("Kind"),
    "month": _l("Month"),
    "page": _l("Page"),
    "store": _l("Store"),
    "to": _l("To day"),
    "why": _l("Reasons"),
}
"""What the parameters of pages are called on the page."""


class BadAddress(Refused):
    """A parameter of an address that is no value of its kind: the page says so and shows nothing else."""

    def __init__(self, name: str, message: LazyString) -> None:
        label = CALLED.get(name, name)
        super().__init__(_l("%(param)s: %(message)s", param=label, message=message), name, "address")


def number_in(args: Mapping[str, str], name: str) -> int | None:
    """The row that a parameter names; None without one.

    :raises BadAddress: it is no number of a row.
    """
    said = args.get(name, "").strip()
    number = whole_number(said)
    if said and number is None:
        raise BadAddress(name, _l("A whole number is needed here."))
    return number


def day_in(args: Mapping[str, str], name: str) -> date | None:
    """The day that a parameter names, between EARLIEST and LATEST; None without one.

    :raises BadAddress: there is no such day.
    """
    said = args.get(name, "").strip()
    day = day_of(said) if said else None
    if said and (day is None or not EARLIEST < day < LATEST):
        raise BadAddress(name, _l("There is no such day; write it as 2026-11-22."))
    return day


def takes_only(args: Mapping[str, str], *names: str) -> None:
    """:raises BadAddress: a parameter is none that the page knows."""
    for name in args:
        if name not in names:
            raise BadAddress(name, _l("This page has nothing to choose by that."))


class RowNumber(IntegerConverter):
    """``<int:…>`` with a maximum in every route: beyond it there is no such page."""

    def __init__(self, map: Map, *args: Any, **options: Any) -> None:
        super().__init__(map, *args, **{"max": LARGEST_ID - 1, **options})


def bound_numbers(app: Flask) -> None:
    """Give the integers of all routes their maximum; called before any route is added."""
    app.url_map.converters["int"] = RowNumber
