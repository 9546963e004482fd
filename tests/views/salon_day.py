"""A day in the salon for the tests of its pages: services, skills, bookings, value and cards, by their operations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from admin_app.operations.kernel import perform
from models.cards import CardItem
from models.entity import db
from models.sales import Sale
from tests.cast import create
from tests.conftest import House

MORNING = datetime(2026, 11, 22, 2, tzinfo=UTC)
"""Ten o'clock in the store, when it opens."""


def at(hour: int, minute: int = 0) -> datetime:
    """A time of that day on the store's own clock."""
    return MORNING + timedelta(hours=hour - 10, minutes=minute)


def done(house: House, name: str, role: str = "owner", **values: Any) -> dict[str, Any]:
    """An operation by a member of the cast."""
    return perform(name, values, actor=house.actor(role))


def service(
    house: House, name: str = "补水护理", skilled: tuple[str, ...] = ("therapist_staff",), **values: Any
) -> int:
    """A service of 298 yuan, 45 busy and 15 idle minutes, that these are able to give."""
    told = {"price": "298", "busy_minutes": "45", "idle_minutes": "15", "manual_fee": "25", **values}
    number = create("service", name=name, **told)
    for staff in skilled:
        create("staff_skill", staff_id=house.ids[staff], service_id=number)
    return number


def booked(house: House, of: int, hour: int, customer: str = "anna", minute: int = 0, **values: Any) -> int:
    """A booking of one service with the therapist, in the first store."""
    asked = {"service": of, "staff": house.ids[values.pop("staff", "therapist_staff")]}
    told = {"customer": house.ids[customer], "store": house.ids["first"], "starts_at": at(hour, minute), **values}
    return int(done(house, "book", services=[asked], **told)["id"])


def sold(house: House, of: int, customer: str | None = "anna", method: str = "cash", **line: Any) -> Sale:
    """The receipt of one service, given by the therapist."""
    told = {"store": house.ids["first"], "method": method, "customer": house.ids[customer] if customer else None}
    made = done(house, "sell", lines=[{"service": of, "performer": house.ids["therapist_staff"], **line}], **told)
    return db.session.get_one(Sale, made["sale"])


def recharged(house: House, yuan: int, customer: str = "anna") -> None:
    told = {"customer": house.ids[customer], "store": house.ids["first"]}
    done(house, "recharge", amount=yuan * 100, method="wechat", **told)


def card(
    house: House, of: int, sessions: int = 3, days: int = 100, customer: str = "anna", name: str = "三次卡"
) -> int:
    """A card of one service; the number of its item."""
    package = create("package", name=name, price="600", valid_days=str(days))
    create("package_item", package_id=package, service_id=of, quantity=str(sessions))
    told = {"customer": house.ids[customer], "store": house.ids["first"]}
    made = done(house, "open_card", package=package, method="cash", **told)
    return db.session.scalars(select(CardItem.id).where(CardItem.card_id == made["card"])).one()


def redeemed(house: House, item: int, customer: str = "anna", **values: Any) -> Sale:
    """A session from a card, given by the therapist."""
    told = {"customer": house.ids[customer], "store": house.ids["first"], "performer": house.ids["therapist_staff"]}
    made = done(house, "redeem_session", item=item, **told, **values)
    return db.session.get_one(Sale, made["sale"])


def treated(house: House, of: int, customer: str = "anna", **values: Any) -> int:
    """A treatment recorded by the therapist."""
    told = {"customer": house.ids[customer], "store": house.ids["first"], "staff": house.ids["therapist_staff"]}
    return int(done(house, "record_treatment", service=of, **told, **values)["id"])
