"""Numbers in addresses: each names a row, and none is larger than a database can hold."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

from admin_app.values import LARGEST_ID


class RowNumber(IntegerConverter):
    """``<int:…>`` with a maximum in every route: beyond it there is no such page."""

    def __init__(self, map: Map, *args: Any, **options: Any) -> None:
        super().__init__(map, *args, **{"max": LARGEST_ID - 1, **options})


def bound_numbers(app: Flask) -> None:
    """Give the integers of all routes their maximum; called before any route is added."""
    app.url_map.converters["int"] = RowNumber
