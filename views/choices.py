"""What a choice of a form says beside its name: a customer's tier and balance, a price, what is left on a card.

Lists in forms and look-ups on the server show the same. Each kind of row is described in a fixed number of statements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from admin_app.holdings import cards_held, stored_of, tiers_of
from admin_app.operations.kernel import business_day, now
from admin_app.staffing import skills_of, stores_of
from admin_app.titles import called
from admin_app.values import money
from models.cards import Card, CardItem
from models.catalogue import Package, Product, Service
from models.customers import Customer
from models.entity import Entity, db
from models.organisation import Staff
from models.standing import Membership
from models.value import Account
from rules.decisions.access import Access, Sight, masked
from rules.documents.roles import Action
from views.tiers import tier_label

LAST = 4
"""So many digits of a number tell two customers of one name apart."""


@dataclass(frozen=True)
class Offered:
    """A row as a choice: its title, what else is said of it, and attributes that a script narrows the list by."""

    row_id: int
    title: str
    more: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    usable: bool = True

    @property
    def label(self) -> str:
        return f"{self.title} · {self.more}" if self.more else self.title


def offered(rows: Sequence[Entity], access: Access) -> list[Offered]:
    """Rows of one entity as choices; those that can be used first, else in their order."""
    if not rows:
        return []
    titles = {row.id: title for row, title in zip(rows, called(rows, access), strict=True)}
    describe = _DESCRIBED.get(rows[0].named())
    made = describe(rows, titles, access) if describe else [Offered(row.id, titles[row.id]) for row in rows]
    return sorted(made, key=lambda one: not one.usable)


Titles = dict[int, str]


def _customers(rows: Sequence[Any], titles: Titles, access: Access) -> list[Offered]:
    ids = [row.id for row in rows]
    tiers = tiers_of(db.session(), ids) if access.may(Action.VIEW, Membership) else {}
    stored = stored_of(db.session(), ids, business_day(now())) if access.may(Action.VIEW, Account) else {}
    return [
        Offered(
            row.id,
            titles[row.id],
            " · ".join(
                part
                for part in (
                    phone_end(row, access),
                    tier_label(tiers[row.id]) if row.id in tiers else "",
                    money(stored[row.id]) if stored.get(row.id) else "",
                )
                if part
            ),
        )
        for row in rows
    ]


def phone_end(customer: Customer, access: Access) -> str:
    """The last digits of a customer's number, as far as it may be seen: «no. 1234»."""
    declared = Customer.fields()["phone"]
    sight = access.sight(declared)
    if sight is Sight.HIDDEN or not customer.phone:
        return ""
    shown = customer.phone if sight is Sight.CLEAR else masked(customer.phone, declared.kind) or ""
    digits = shown[-LAST:]
    return _("no. %(end)s", end=digits) if digits.isdigit() else ""


def _services(rows: Sequence[Any], titles: Titles, _access: Access) -> list[Offered]:
    return [
        Offered(
            row.id,
            titles[row.id],
            money(row.price) + " · " + _("%(n)s min", n=row.busy_minutes + row.idle_minutes),
            usable=row.on_sale,
        )
        for row in rows
    ]


def _priced(rows: Sequence[Any], titles: Titles, _access: Access) -> list[Offered]:
    return [Offered(row.id, titles[row.id], money(row.price), usable=row.on_sale) for row in rows]


def _staff(rows: Sequence[Any], titles: Titles, _access: Access) -> list[Offered]:
    ids = [row.id for row in rows]
    skills, stores = skills_of(db.session(), ids), stores_of(db.session(), ids)
    return [
        Offered(
            row.id,
            titles[row.id],
            row.level or "",
            {
                "data-gives": " ".join(map(str, skills.get(row.id, ()))),
                "data-stores": " ".join(map(str, sorted(stores.get(row.id, ())))),
            },
        )
        for row in rows
    ]


def _card_items(rows: Sequence[Any], titles: Titles, _access: Access) -> list[Offered]:
    """Sessions by their service and card, with what is left and until when; what cannot be used last, and why."""
    day = business_day(now())
    cards = {row.id: row for row in db.session.scalars(select(Card).where(Card.id.in_({one.card_id for one in rows})))}
    names = dict(
        db.session.execute(
            select(Service.id, Service.name).where(Service.id.in_({one.service_id for one in rows}))
        ).all()
    )
    left = {
        item.item_id: item.left for held in cards_held(db.session(), day, Card.id.in_(cards)) for item in held.items
    }
    order = sorted(rows, key=lambda one: (cards[one.card_id].expires_on is None, cards[one.card_id].expires_on, one.id))
    return [_card_item(row, cards[row.card_id], names[row.service_id], left.get(row.id, 0), day) for row in order]


def _card_item(row: CardItem, card: Card, service: str, left: int, day: Any) -> Offered:
    ended = card.expires_on is not None and card.expires_on < day
    until = "" if card.expires_on is None else _("until %(day)s", day=card.expires_on.isoformat())
    if ended and card.expires_on is not None:
        state = _("ended on %(day)s", day=card.expires_on.isoformat())
    elif left <= 0:
        state = _("used up")
    else:
        state = _("%(left)s of %(of)s left", left=left, of=row.sessions)
    more = " · ".join(part for part in (card.name, state, "" if ended else until) if part)
    return Offered(row.id, service, more, {"data-service": str(row.service_id)}, usable=left > 0 and not ended)


_DESCRIBED: dict[str, Callable[[Sequence[Any], Titles, Access], list[Offered]]] = {
    Customer.named(): _customers,
    Service.named(): _services,
    Product.named(): _priced,
    Package.named(): _priced,
    Staff.named(): _staff,
    CardItem.named(): _card_items,
}
