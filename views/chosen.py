"""The rows that a sent form, or an address, has chosen: a list that is searched has to show them again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.datastructures import MultiDict

from admin_app.values import whole_number

if TYPE_CHECKING:
    from views.forms import Blueprint

MOST_CHOSEN = 1_000


def chosen_ids(blueprints: Iterable[Blueprint], values: MultiDict[str, str]) -> dict[str, list[int]]:
    """By field (``customer``), and by field of a row (``services-staff``, whatever its number): the rows chosen."""
    found: dict[str, list[int]] = {}
    for plan in blueprints:
        if plan.target is not None:
            found[plan.name] = _numbers(values.getlist(plan.name))
        for part in plan.rows:
            if part.target is not None:
                name = re.compile(rf"{re.escape(plan.name)}-\d+-{re.escape(part.name)}")
                sent = [one for key in values if name.fullmatch(key) for one in values.getlist(key)]
                found[f"{plan.name}-{part.name}"] = _numbers(sent)
    return found


def _numbers(sent: Iterable[str]) -> list[int]:
    numbers = (whole_number(one) for text in sent for one in text.split(","))
    return list(dict.fromkeys(number for number in numbers if number is not None))[:MOST_CHOSEN]
