"""What belongs to a row: the entities that refer to it, each with its newest rows, read when it is opened.

Which of them have rows is asked in one statement. What is a part of the row (a sale's lines) is shown at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from models.customers import Customer, kin_of
from models.entity import AnySelect, Entity, db, entities
from models.field import Field, Kind
from models.standing import WAITING_URGENT, Alert
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


@dataclass(frozen=True)
class Related:
    """An entity of which some rows refer to the row shown; ``tab`` is None until it is opened."""

    entity: type[Entity]
    by: Field
    tab: Tab | None

    @property
    def key(self) -> str:
        """How an address names it: ``visit.customer_id``."""
        return self.by.key


def related_to(entity: type[Entity], row_id: int, access: Access, opened: str = "") -> list[Related]:
    """All that has rows she may see; the one that is opened, and the parts of the row, with its newest rows."""
    references = list(_references(entity, access))
    if not references:
        return []
    asked = select(*(_rows(other, by, row_id, access).with_only_columns(other.id).exists() for other, by in references))
    present = db.session.execute(asked).one()
    return [
        Related(other, by, _tab(other, by, row_id, access) if opened == by.key or _is_part(entity, other, by) else None)
        for (other, by), some in zip(references, present, strict=True)
        if some
    ]


def related_tab(entity: type[Entity], row_id: int, access: Access, key: str) -> Tab | None:
    """The newest rows of the one that an address names; None where it names none of hers to see."""
    found = next(((other, by) for other, by in _references(entity, access) if by.key == key), None)
    return _tab(*found, row_id, access) if found is not None else None


def _references(entity: type[Entity], access: Access) -> Iterator[tuple[type[Entity], Field]]:
    for other in entities():
        if other.screen is None or not access.may(Action.VIEW, other):
            continue
        for by in other.fields().values():
            if by.kind is Kind.REFERENCE and by.target == entity.named() and not by.info.generated:
                yield other, by


def _is_part(entity: type[Entity], other: type[Entity], by: Field) -> bool:
    return other.within == by.name and by.name != "customer_id"


def _rows(other: type[Entity], by: Field, row_id: int, access: Access) -> AnySelect:
    """The rows that refer to one; to a customer, those that still stand with records merged into hers as well."""
    of_it = by.column.in_(kin_of(row_id)) if by.target == Customer.named() else by.column == row_id
    return select(other).where(of_it, access.rows(other))


def _tab(other: type[Entity], by: Field, row_id: int, access: Access) -> Tab:
    """The newest rows; sensitive columns stay on their own screen."""
    first = [WAITING_URGENT] if other is Alert else []
    query = _rows(other, by, row_id, access).order_by(*first, other.id.desc()).limit(NEWEST + 1)
    rows = list(db.session.scalars(query))
    hidden = sensitive_shown(list_fields(other, access), access)
    fields = [one for one in list_fields(other, access) if one.name not in {by.name, *hidden}]
    return Tab(other, by, fields, rows[:NEWEST], len(rows) > NEWEST, Cells(rows, fields, access))
