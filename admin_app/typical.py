"""What facts look like in this salon: the example beside a threshold that somebody is about to set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import quantiles
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin_app.stored_facts import facts_at
from models.customers import Customer
from rules.evaluation.dialect import among
from rules.language.facts import Fact, FactType, Source

SAMPLE = 400
"""Customers asked: enough to tell a usual value from a rare one."""


@dataclass(frozen=True)
class Typical:
    """A quarter have at most ``low``, half at most ``middle``, a quarter more than ``high``; or the value most have."""

    middle: int | str
    low: int | None = None
    high: int | None = None


def typical(session: Session, facts: Iterable[Fact], as_of: date) -> dict[str, Typical]:
    """Of each fact of customers that a column holds, by its name; nothing where nobody has a value."""
    asked = [fact for fact in dict.fromkeys(facts) if fact.type is not FactType.TAG and fact.source is not Source.TAGS]
    ids = _sample(session)
    if not asked or not ids:
        return {}
    rows = session.execute(select(facts_at(session, as_of, asked, among(ids)))).mappings().all()
    values = {fact.name: [row[fact.name] for row in rows if row[fact.name] is not None] for fact in asked}
    return {fact.name: _of(fact, values[fact.name]) for fact in asked if values[fact.name]}


def _sample(session: Session) -> list[int]:
    """Customers spread evenly over all numbers."""
    last = session.scalar(select(func.max(Customer.id))) or 0
    step = max(last // SAMPLE, 1)
    spread = select(Customer.id).where(Customer.id.in_(range(last, 0, -step)), Customer.archived_at.is_(None))
    return list(session.scalars(spread))


def _of(fact: Fact, values: Sequence[Any]) -> Typical:
    if fact.type in (FactType.CHOICE, FactType.TIER, FactType.FLAG):
        return Typical(Counter(values).most_common(1)[0][0])
    if len(values) == 1:
        return Typical(int(values[0]))
    low, middle, high = (int(one) for one in quantiles(values, n=4, method="inclusive"))
    return Typical(middle, low, high)
