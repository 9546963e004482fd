"""What a report is about: one day or one month, the one before it to compare with, and one store or all of hers."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from flask import request
from sqlalchemy import select

from admin_app.operations.refusals import Missing
from admin_app.values import whole_number
from models.entity import db
from models.numbers import day_of
from models.organisation import Store
from views.person import access, refuse

EARLIEST, LATEST = date(1990, 1, 1), date(2999, 12, 31)


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


def read_span(args: Mapping[str, str], today: date) -> tuple[Span, bool]:
    """The day or the month that an address asks for, and whether it could be understood; else it is today's."""
    if args.get("month"):
        first = _month(args["month"])
        fits = first is not None
        first = first or today.replace(day=1)
        end = _end_of(first)
        return Span(first, today if first <= today <= end else end, month=True), fits
    day = day_of(args["day"]) if args.get("day") else today
    fits = day is not None and EARLIEST < day < LATEST
    return (Span(day, day) if day is not None and fits else Span(today, today)), fits


def _month(said: str) -> date | None:
    match = re.fullmatch(r"(\d{4})-(\d{1,2})", said.strip())
    first = day_of(f"{match[1]}-{match[2]}-01") if match else None
    return first if first is not None and EARLIEST < first < LATEST else None


def chosen_store(page: str) -> tuple[Sequence[Store], int | None]:
    """The stores she may choose from, and the one chosen.

    :raises Missing: it is none of them.
    """
    living = select(Store).where(access().rows(Store), Store.archived_at.is_(None)).order_by(Store.id)
    stores, chosen = db.session.scalars(living).all(), whole_number(request.args.get("store"))
    if chosen is not None and chosen not in {one.id for one in stores}:
        raise refuse(Missing, page)
    return stores, chosen
