"""The strip above every form about a person: dangers first, then tier, stored value and cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, render_template, request
from sqlalchemy import select

from admin_app.holdings import Balances, HeldCard, balances_of, cards_held
from admin_app.operations.kernel import business_day, now
from admin_app.operations.refusals import Missing
from admin_app.titles import title_of
from admin_app.values import whole_number
from models.cards import Card
from models.customers import Customer
from models.entity import Entity, db
from models.value import Account
from rules.decisions.access import Access
from rules.documents.roles import Action
from views.choices import phone_end
from views.customer_head import Head, customer_head
from views.person import access, log_read, refuse


@dataclass(frozen=True)
class Strip:
    """What whoever fills in a form must know of the customer; None where it may not be seen."""

    customer_id: int
    name: str
    phone_end: str
    head: Head
    balances: Balances | None
    cards: list[HeldCard] | None


def register(app: Flask) -> None:
    app.add_url_rule("/customer-strip", "customer_strip", customer_strip_page)


def customer_strip_page() -> Any:
    """The strip of the customer just chosen in a form."""
    if not access().may(Action.VIEW, Customer):
        raise refuse(Missing, "customer_strip", "customer")
    strip = strip_of(whole_number(request.args.get("id")), access())
    if strip is None:
        raise refuse(Missing, "customer_strip", "customer", whole_number(request.args.get("id")))
    return render_template("customer_strip.html", strip=strip)


def strip_of(customer_id: int | None, access: Access) -> Strip | None:
    """The strip of a customer, as far as this person may see it; the log knows of substances that it shows."""
    if customer_id is None or not access.may(Action.VIEW, Customer):
        return None
    find = select(Customer).where(Customer.id == customer_id, access.rows(Customer))
    if db.session.scalar(find) is None:
        return None
    head = customer_head(customer_id, access)
    if head.shown_dangers:
        log_read("contraindication", head.shown_dangers, ["substance"])
    customer = db.session.scalars(find).one()  # read anew: writing the log has ended the read before
    session, day = db.session(), business_day(now())
    hers = (Card.customer_id == customer_id, access.rows(Card))
    return Strip(
        customer_id,
        title_of(customer, access),
        phone_end(customer, access),
        head,
        balances_of(session, customer_id, day) if access.may(Action.VIEW, Account) else None,
        cards_held(session, day, *hers) if access.may(Action.VIEW, Card) else None,
    )


def customer_of(row: Entity | None) -> int | None:
    """The customer that a row is, or is about."""
    if row is None or isinstance(row, Customer):
        return None if row is None else row.id
    number = getattr(row, "customer_id", None)
    return number if isinstance(number, int) else None
