"""What belongs to a row: the entities that refer to it, each with its newest rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from models.customers import Customer, kin_of
from models.entity import Entity, db, entities
from models.field import Field, Kind
from rules.decisions.access import Access
from rules.documents.roles import Action
from views.cells import Cells, list_fields, sensitive_shown

NEWEST = 5


@dataclass(frozen=True)
class Tab:
    """Rows of one entity that refer to the row shown."""

    entity: type[Entity]
    by: Field
    fields: list[Field]
    rows: list[Any]
    more: bool
    cells: Cells


def related_tabs(entity: type[Entity], row_id: int, access: Access) -> list[Tab]:
    """One tab per reference that has rows she may see; sensitive columns stay on their own screen."""
    tabs: list[Tab] = []
    for other in entities():
        if other.screen is None or not access.may(Action.VIEW, other):
            continue
        for by in other.fields().values():
            if by.kind is Kind.REFERENCE and by.target == entity.named() and not by.info.generated:
                tab = _tab(other, by, row_id, access)
                if tab.rows:
                    tabs.append(tab)
    return tabs


def _tab(other: type[Entity], by: Field, row_id: int, access: Access) -> Tab:
    of_it = by.column.in_(kin_of(row_id)) if by.target == Customer.named() else by.column == row_id
    query = select(other).where(of_it, access.rows(other)).order_by(other.id.desc()).limit(NEWEST + 1)
    rows = list(db.session.scalars(query))
    hidden = sensitive_shown(list_fields(other, access), access)
    fields = [one for one in list_fields(other, access) if one.name not in {by.name, *hidden}]
    return Tab(other, by, fields, rows[:NEWEST], len(rows) > NEWEST, Cells(rows, fields, access))
