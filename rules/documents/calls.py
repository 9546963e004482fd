"""Whom the call list names."""

from __future__ import annotations

from collections.abc import Iterator

from flask_babel import lazy_gettext as _l

from rules.language.faults import Fault
from rules.language.reading import Count, Days, Document


class CallsDocument(Document):
    """``rules/calls.yaml``: for whom a call is due, and when a card is worth a word.

    .. code-block:: yaml

        version: 1
        birthdays: 7d
        card_ends: 30d
        card_ends_soon: 7d
        sessions_left: 2
        dormant: 60d
        dormant_for: 60d
        most: 60
    """

    birthdays: Days
    card_ends: Days
    card_ends_soon: Days
    sessions_left: Count
    dormant: Days
    dormant_for: Days
    most: Count

    def misfits(self) -> Iterator[Fault]:
        """An end that is urgent before it is near."""
        if self.card_ends_soon > self.card_ends:
            yield Fault(self.place, _l("A card cannot end soon before it is near its end."))
