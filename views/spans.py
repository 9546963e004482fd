"""What a report is about: one day or one month, the one before it to compare with, and one store or all of hers."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from flask import request
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin_app.operations.refusals import Missing
from models.entity import db
from models.numbers import day_of
from models.organisation import Store
from views.addresses import EARLIEST, LATEST, BadAddress, day_in, number_in
from views.person import access, refuse


@dataclass(frozen=True)
class Span:
    """From one day to another, both in it; a ``month`` that is not over yet ends today."""

    first: date
    last: date
    month: bool = False

    @property
    def said(self) -> str:
        """As it stands in an address and on a page."""
        return f"{self.first:%Y-%m}" if self.month else self.first.isoformat()

    @property
    def short(self) -> str:
        """The same for the head of a column: month and day, or the days of a month that is not over."""
        if not self.month:
            return f"{self.first:%m-%d}"
        return self.said if self.last == _end_of(self.first) else f"{self.first:%m-%d}…{self.last:%d}"

    @property
    def args(self) -> dict[str, str]:
        return {"month" if self.month else "day": self.said}

    def filters(self, name: str) -> dict[str, date]:
        """The filters of a list on a column of days."""
        return {f"{name}.from": self.first, f"{name}.to": self.last}

    def before(self) -> Span:
        """The day before, or as many days of the month before."""
        if not self.month:
            return Span(self.first - timedelta(1), self.first - timedelta(1))
        first = (self.first - timedelta(1)).replace(day=1)
        whole = self.last == _end_of(self.first)
        last = _end_of(first) if whole else min(first.replace(day=1) + (self.last - self.first), _end_of(first))
        return Span(first, last, month=True)

    def after(self) -> Span:
        """The day after, or the whole month after."""
        if not self.month:
            return Span(self.last + timedelta(1), self.last + timedelta(1))
        first = _end_of(self.first) + timedelta(1)
        return Span(first, _end_of(first), month=True)


def _end_of(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def read_span(args: Mapping[str, str], today: date) -> Span:
    """The day or the month that an address asks for; today where it asks for none.

    :raises BadAddress: there is no such day or month.
    """
    if args.get("month", "").strip():
        first = _month(args["month"])
        end = _end_of(first)
        return Span(first, today if first <= today <= end else end, month=True)
    day = day_in(args, "day") or today
    return Span(day, day)


def _month(said: str) -> date:
    match = re.fullmatch(r"(\d{4})-(\d{1,2})", said.strip())
    first = day_of(f"{match[1]}-{match[2]}-01") if match else None
    if first is None or not EARLIEST < first < LATEST:
        raise BadAddress("month", _l("There is no such month; write it as 2026-11."))
    return first


def chosen_store(page: str) -> tuple[Sequence[Store], int | None]:
    """The stores she may choose from, and the one chosen.

    :raises Missing: it is none of them.
    :raises BadAddress: it is no number.
    """
    living = select(Store).where(access().rows(Store), Store.archived_at.is_(None)).order_by(Store.id)
    stores, chosen = db.session.scalars(living).all(), number_in(request.args, "store")
    if chosen is not None and chosen not in {one.id for one in stores}:
        raise refuse(Missing, page)
    return stores, chosen
