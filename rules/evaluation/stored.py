"""Facts as they stand in ``customer_fact``: one narrow row a customer, so that everybody is looked at in one pass.

What is kept does not age: of days since and days until, the day itself is kept, and every other value changes only by a
change or at an edge that ``crossing`` knows. What is a matter of other facts is worked out from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, Insert, and_, func, insert, literal, select

from models.entity import AnySelect, table_of
from models.rulebook import CustomerFact
from models.standing import Membership
from rules.evaluation.dialect import quotient
from rules.evaluation.frame import Frame, same_customer
from rules.evaluation.sources import facts_of, is_of_the_day, of_the_day
from rules.language.facts import Fact, FactType, fact_named

Columns = Mapping[str, str]
"""The column of ``customer_fact`` that keeps a fact, by the fact's name."""

_kept = table_of(CustomerFact)
NUMBERS = tuple(column.name for column in _kept.columns if column.name.startswith("n"))
TEXTS = tuple(column.name for column in _kept.columns if column.name.startswith("t"))
UNTIL = ("card_ends_in_days", "birthday_in_days")
"""Days that shrink."""
LIVE = (FactType.TAG, FactType.TIER)
"""What rules themselves set: asked of the tags and tiers as they stand."""
PARTS = {"away_percent": ("visits_total", "days_since_visit", "days_since_first_visit")}
"""Facts that are worked out from others."""


def kept_for(facts: Iterable[Fact]) -> list[Fact]:
    """What has to be kept so that these facts can be told."""
    names = {name for fact in facts for name in PARTS.get(fact.name, (fact.name,))}
    found = (fact_named(name) for name in sorted(names))
    return [fact for fact in found if fact is not None and not is_of_the_day(fact) and fact.type not in LIVE]


def room_for(fact: Fact) -> Sequence[str]:
    """The columns that can keep a fact."""
    return TEXTS if fact.type is FactType.CHOICE else NUMBERS


def rows_of(frame: Frame, columns: Columns) -> AnySelect:
    """These facts of the customers looked at as they are now, each as the column that keeps it."""
    facts = [fact for name in columns if (fact := fact_named(name)) is not None]
    found = facts_of(frame, facts)
    made = [_day_of(frame, fact, found.c[fact.name]).label(columns[fact.name]) for fact in facts]
    return select(found.c.customer_id, *made)


def filling(rows: AnySelect) -> Insert:
    """Keep what ``rows_of`` tells; whoever it tells of must not have a row yet."""
    return insert(_kept).from_select(list(rows.selected_columns.keys()), rows)


def stored_facts_of(frame: Frame, facts: Sequence[Fact], columns: Columns) -> FromClause:
    """What ``sources.facts_of`` says, told from what is kept."""
    chosen: list[ColumnElement[Any]] = [_told(frame, fact, columns).label(fact.name) for fact in facts]
    rows: AnySelect = select(_kept.c.customer_id, *chosen)
    if any(fact.type is FactType.TIER for fact in facts):
        current = and_(same_customer(Membership.customer_id, _kept, frame.among), Membership.ended_on.is_(None))
        rows = rows.outerjoin_from(_kept, table_of(Membership), current)
    return (rows if frame.among is None else rows.where(frame.among(_kept.c.customer_id))).subquery("facts")


def _told(frame: Frame, fact: Fact, columns: Columns) -> ColumnElement[Any]:
    if (same := of_the_day(frame, fact)) is not None:
        return literal(same, BigInteger)
    if fact.type is FactType.TIER:
        return table_of(Membership).c.tier
    if fact.name == "away_percent":
        first, last, visits = (_told(frame, part, columns) for part in kept_for([fact]))  # in the order of the alphabet
        return quotient(last * 100 * (visits - 1), func.nullif(first - last, 0))
    return _days_to(frame, fact, _kept.c[columns[fact.name]])


def _day_of(frame: Frame, fact: Fact, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A number of days as the day it speaks of, counted from the year 1; any other value as it is."""
    if fact.type is not FactType.DAYS:
        return value
    today = literal(frame.as_of.toordinal(), BigInteger)
    return today + value if fact.name in UNTIL else today - value


def _days_to(frame: Frame, fact: Fact, kept: ColumnElement[Any]) -> ColumnElement[Any]:
    """The same the other way round."""
    if fact.type is not FactType.DAYS:
        return kept
    today = literal(frame.as_of.toordinal(), BigInteger)
    return kept - today if fact.name in UNTIL else today - kept
