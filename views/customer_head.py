"""What is said of a customer before anything else: dangers in red, her tier, her tags, what is open for her."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import or_, select

from admin_app.holdings import tier_held
from admin_app.i18n import in_her_language, text_of
from admin_app.operations.kernel import business_day, now
from models.customers import Contraindication, Customer, current_id
from models.entity import db
from models.standing import MOST_URGENT_FIRST, Alert, CustomerTag, Membership, Tag, Task
from rules.decisions.access import Access, Sight
from rules.decisions.tiers import Held
from rules.documents.roles import Action
from views.tiers import tier_label


@dataclass(frozen=True)
class Head:
    """What stands at the head of her page, as far as it may be seen; ``shown_dangers`` are rows whose substance was
    shown in clear.
    """

    dangers: list[str]
    shown_dangers: list[int]
    held: Held | None
    tags: list[tuple[str, str]]
    open: list[tuple[str, int, str]]

    @property
    def tier(self) -> str:
        """Her tier by its name; one that is gone by its short name."""
        return "" if self.held is None else tier_label(self.held.tier)


def customer_head(customer_id: int, access: Access) -> Head:
    """As far as this person may see it. That there is a danger is said to all, of what kind only to who may know."""
    dangers, shown = _dangers(customer_id, access)
    held = tier_held(db.session(), customer_id) if access.may(Action.VIEW, Membership) else None
    return Head(
        dangers,
        shown,
        held,
        _tags(customer_id, access),
        _open(customer_id, access),
    )


def _dangers(customer_id: int, access: Access) -> tuple[list[str], list[int]]:
    found, shown = dangers_of([customer_id], access)
    return found.get(customer_id, []), shown


def dangers_of(customers: Collection[int], access: Access) -> tuple[dict[int, list[str]], list[int]]:
    """What is dangerous for each of these customers, and the rows whose substance is said in clear."""
    lasting = or_(Contraindication.until.is_(None), Contraindication.until >= business_day(now()))
    owner = current_id()
    live = (owner.in_(customers), Contraindication.archived_at.is_(None), lasting)
    query = select(Contraindication, owner).join(Customer, Customer.id == Contraindication.customer_id).where(*live)
    rows = db.session.execute(query.order_by(Contraindication.id)).all()
    if not access.may(Action.VIEW, Contraindication):
        return {hers: [_("Take care: ask who serves this customer")] for _row, hers in rows}, []
    clear = access.sight(Contraindication.fields()["substance"]) is Sight.CLEAR
    found: dict[int, list[str]] = defaultdict(list)
    for row, hers in rows:
        told = f"{row.kind.label}: {row.substance}" if clear and row.substance else str(row.kind.label)
        found[hers].append(told)
    return found, [row.id for row, _hers in rows if clear and row.substance]


def _tags(customer_id: int, access: Access) -> list[tuple[str, str]]:
    if not access.may(Action.VIEW, CustomerTag):
        return []
    held = (CustomerTag.customer_id == customer_id, CustomerTag.until.is_(None), CustomerTag.held)
    query = select(Tag).join(CustomerTag, CustomerTag.tag_id == Tag.id).where(*held).order_by(Tag.slug)
    tags = db.session.scalars(query)
    return [(in_her_language(tag.name, tag.name_en), f"tag-{tag.colour.value}") for tag in tags]


def _open(customer_id: int, access: Access) -> list[tuple[str, int, str]]:
    """Alerts and tasks that wait."""
    found: list[tuple[str, int, str]] = []
    kinds: tuple[tuple[Any, Any, tuple[Any, ...]], ...] = (
        (Alert, Alert.closed_at, MOST_URGENT_FIRST),
        (Task, Task.finished_at, (Task.due_on,)),
    )
    for entity, done, order in kinds:
        if access.may(Action.VIEW, entity):
            query = select(entity).where(access.rows(entity), entity.customer_id == customer_id, done.is_(None))
            found += [
                (entity.named(), row.id, text_of(row))
                for row in db.session.scalars(query.order_by(*order, entity.id).limit(5))
            ]
    return found
