"""Facts of what is on the menu: products and services alike, by the column that names them on lines and gifts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, String, case, cast, func, select

from models.cards import GiftIssue
from models.catalogue import Product, Service
from models.entity import AnySelect, table_of
from models.sales import Sale, SaleLine
from models.till import Reversal
from rules.evaluation.dialect import days_between
from rules.evaluation.frame import Frame, reach, sum_if
from rules.evaluation.value_sources import taken_back
from rules.language.facts import Fact, Source

Named = SQLColumnExpression[Any]
"""The column that says which product, or which service, it was."""


def own(entity: type[Product | Service]) -> Callable[[Frame, Fact], ColumnElement[Any]]:
    """A fact that stands in its own row."""

    def column(frame: Frame, fact: Fact) -> ColumnElement[Any]:
        if fact.name == "price":
            return table_of(entity).c.price
        if fact.name == "on_sale":
            return case((entity.on_sale, 1), else_=0)
        return cast(table_of(entity).c[fact.name], String)

    return column


def _lines(frame: Frame, days: int | None, which: Named, columns: Sequence[ColumnElement[Any]]) -> AnySelect:
    """Over the lines that stand."""
    return (
        select(which.label("subject_id"), *columns)
        .select_from(SaleLine)
        .join(Sale, Sale.id == SaleLine.sale_id)
        .where(which.is_not(None), frame.within(Sale.business_day, days), ~taken_back(frame, line=True))
        .group_by(which)
    )


def _selling(which: Named, frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    def made(fact: Fact) -> ColumnElement[Any]:
        what = SaleLine.quantity if fact.family.pattern == "sold_{n}d" else SaleLine.amount
        return sum_if(frame.within(Sale.business_day, fact.days), what).label(fact.name)

    return _lines(frame, reach(facts), which, [made(fact) for fact in facts])


def _last_sold(which: Named, frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    columns = [days_between(frame.day, func.max(Sale.business_day)).label(fact.name) for fact in facts]
    return _lines(frame, None, which, columns)


def _returned(which: Named, frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    """On the day it was taken back."""
    columns = [sum_if(frame.within(Reversal.business_day, f.days), SaleLine.quantity).label(f.name) for f in facts]
    return (
        select(which.label("subject_id"), *columns)
        .select_from(SaleLine)
        .join(Reversal, Reversal.sale_line_id == SaleLine.id)
        .where(which.is_not(None), frame.within(Reversal.business_day, reach(facts)))
        .group_by(which)
    )


def _given_away(which: Named, frame: Frame, facts: Sequence[Fact]) -> AnySelect:
    columns = [sum_if(frame.within(GiftIssue.business_day, f.days), GiftIssue.quantity).label(f.name) for f in facts]
    given = which.is_not(None), frame.within(GiftIssue.business_day, reach(facts))
    return select(which.label("subject_id"), *columns).where(*given).group_by(which)


def sources(on_line: Named, on_gift: Named) -> dict[Source, Callable[[Frame, Sequence[Fact]], AnySelect]]:
    """The sources of products, or of services."""
    return {
        Source.SELLING: lambda frame, facts: _selling(on_line, frame, facts),
        Source.LAST_SOLD: lambda frame, facts: _last_sold(on_line, frame, facts),
        Source.TAKEN_BACK: lambda frame, facts: _returned(on_line, frame, facts),
        Source.GIFTS: lambda frame, facts: _given_away(on_gift, frame, facts),
    }
