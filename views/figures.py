"""Figures that agree with the rows behind them: a figure is what the filters of a list find, counted or added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, func, select, true

from models.entity import Entity, db
from rules.decisions.access import Access, Sight
from rules.documents.roles import Action
from views.listing import read_listing
from views.navigation import list_address

Filters = Mapping[str, Any]
"""The parameters of a list's address."""


@dataclass(frozen=True)
class Figure:
    """Rows of an entity within ``among`` that fit ``filters``, counted, or their ``of`` added up.

    Figures of one entity that share ``among`` are read in one statement. The sum of a ``turned`` figure is shown with
    its sign turned: what the house's books hold as less than nothing is something given away.
    """

    entity: type[Entity]
    among: Filters
    filters: Filters = field(default_factory=dict)
    of: str | None = None
    turned: bool = False

    @property
    def asked(self) -> dict[str, str]:
        return {name: str(value) for name, value in {**self.among, **self.filters}.items()}

    @property
    def address(self) -> str:
        """The list of exactly its rows."""
        return list_address(self.entity.named(), self.asked)

    def visible(self, access: Access) -> bool:
        """Whether she may see the rows, all that they are chosen by, and what is added up."""
        if not access.may(Action.VIEW, self.entity):
            return False
        if self.of is not None and access.sight(self.entity.fields()[self.of]) is not Sight.CLEAR:
            return False
        return not read_listing(self.entity, access, self.asked).faults


def values(figures: Sequence[Figure], access: Access) -> list[int]:
    """What each figure comes to, in their order: one statement for each entity and ``among``."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, one in enumerate(figures):
        groups.setdefault((one.entity, *sorted(one.among.items())), []).append(place)
    found: dict[int, int] = {}
    for places in groups.values():
        group = [figures[place] for place in places]
        found |= dict(zip(places, _read(group, access), strict=True))
    return [found[place] for place in range(len(figures))]


def _read(group: Sequence[Figure], access: Access) -> list[int]:
    entity, among = group[0].entity, group[0].among
    common = read_listing(entity, access, {name: str(value) for name, value in among.items()})
    query = select(*(_column(one, access) for one in group)).select_from(entity)
    row = db.session.execute(query.where(access.rows(entity), *common.all_conditions())).one()
    return [-value if one.turned else value for one, value in zip(group, row, strict=True)]


def _column(one: Figure, access: Access) -> ColumnElement[int]:
    own = read_listing(one.entity, access, {name: str(value) for name, value in one.filters.items()})
    amount = 1 if one.of is None else one.entity.fields()[one.of].column
    fits = and_(true(), *own.conditions)
    return cast(func.coalesce(func.sum(case((fits, amount), else_=0)), 0), BigInteger)
