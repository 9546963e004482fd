"""A small salon on one morning, as the browser tests find it: a menu, two therapists, and an allergy to know of.

Staff get names from the demo's own list of invented ones, so that pages read as they do in a salon.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from playwright.sync_api import Locator, Page
from sqlalchemy import select

from admin_app.operations.kernel import perform
from models.accounts import User
from models.customers import Contraindication, DangerKind
from models.entity import db
from models.names import Name
from models.organisation import Shift, Staff
from seed.names import name_of
from tests.cast import create, raw_operation
from tests.conftest import House

MORNING = datetime(2026, 11, 22, 2, tzinfo=UTC)
"""Ten o'clock in the store, when it opens."""

PEOPLE = ("manager", "reception", "consultant", "therapist", "auditor", "owner", "finance")


def at(hour: int, minute: int = 0) -> datetime:
    """A time of that day on the store's own clock."""
    return MORNING + timedelta(hours=hour - 10, minutes=minute)


def row(page: Page, rows: str, place: int) -> Locator:
    """A row of a list within a form: ``row(page, "lines", 1)`` is the first line of a bill."""
    return page.locator(f"[data-rows={rows}] .row-form").nth(place - 1)


def pick(select: Locator, title: str) -> None:
    """Choose the option of this title, whatever else it says: a price, a level, what is left."""
    option = select.locator("option").filter(has_text=re.compile(rf"^{re.escape(title)}( ·|$)"))
    select.select_option(value=option.get_attribute("value"))


@dataclass
class Salon:
    """The house with its menu; ``names`` are those of staff and users, by role."""

    house: House
    ids: dict[str, int]
    names: Mapping[str, str]

    def do(self, name: Name, role: str = "reception", **values: Any) -> dict[str, Any]:
        """An operation by somebody of the cast, in the first store."""
        answer = perform(name, values, actor=self.house.actor(role, name=self.names[role]))
        db.session.rollback()  # nothing of this thread's stands in the way of the pages
        return answer

    def booked(self, customer: str, service: str, hour: int, minute: int = 0) -> int:
        """A booking with the therapist; its number."""
        wanted = [{"service": self.ids[service], "staff": self.ids["therapist_staff"]}]
        told = {"customer": self.ids[customer], "store": self.ids["first"], "starts_at": at(hour, minute)}
        return int(self.do(Name.BOOK, services=wanted, **told)["id"])

    def recharged(self, yuan: int, customer: str = "anna") -> None:
        told = {"customer": self.ids[customer], "store": self.ids["first"]}
        self.do(Name.RECHARGE, amount=yuan * 100, method="wechat", **told)

    def card_opened(self, customer: str = "anna") -> int:
        """A card of five facials; its number."""
        told = {"customer": self.ids[customer], "store": self.ids["first"], "package": self.ids["five"]}
        return int(self.do(Name.OPEN_CARD, method="alipay", **told)["card"])

    def sold(self, service: str, customer: str = "anna", method: str = "cash", **line: Any) -> int:
        """One service, given by the therapist; the number of its receipt."""
        lines = [{"service": self.ids[service], "performer": self.ids["therapist_staff"], **line}]
        told = {"customer": self.ids[customer], "store": self.ids["first"], "lines": lines}
        return int(self.do(Name.SELL, method=method, **told)["sale"])

    def rows(self, entity: Any, **where: Any) -> list[Any]:
        """Rows as they stand now, in their order."""
        db.session.rollback()
        return list(db.session.scalars(select(entity).filter_by(**where).order_by(entity.id)))


def open_salon(house: House) -> Salon:
    """Names, menu, skills, shifts and an allergy."""
    ids, names = house.kept("street", lambda: _opened(dict(house.ids)))
    return Salon(house, ids, names)


def _opened(ids: dict[str, int]) -> tuple[dict[str, int], dict[str, str]]:
    names = _named(ids)
    ids["second_staff"] = create("staff", name=name_of(Random(7)), position="therapist", store_id=ids["first"])
    times = {"busy_minutes": "45", "idle_minutes": "15", "manual_fee": "25"}
    ids["facial"] = create("service", name="补水护理", price="298", follow_up_days="3", **times)
    ids["neck"] = create("service", name="肩颈按摩", price="168", busy_minutes="30", manual_fee="20")
    ids["peel"] = create("service", name="果酸焕肤", price="498", contraindicated_by="果酸", **times)
    ids["cream"] = create("product", name="保湿面霜", price="200")
    ids["five"] = create("package", name="补水护理五次卡", price="1200", valid_days="365")
    create("package_item", package_id=ids["five"], service_id=ids["facial"], quantity="5")
    for staff in ("therapist_staff", "second_staff"):
        for service in ("facial", "neck", "peel"):
            create("staff_skill", staff_id=ids[staff], service_id=ids[service])
    with raw_operation():
        for staff in ("therapist_staff", "second_staff"):
            told = {"staff_id": ids[staff], "store_id": ids["first"]}
            db.session.add(Shift(**told, starts_at=at(10), ends_at=at(20)))
        db.session.add(Contraindication(customer_id=ids["anna"], kind=DangerKind.ALLERGY, substance="果酸"))
    return ids, names


def _named(ids: Mapping[str, int]) -> dict[str, str]:
    """Give staff and users invented names."""
    random = Random(22)
    names = {role: name_of(random) for role in PEOPLE}
    with raw_operation():
        for role, name in names.items():
            db.session.get_one(User, ids[role]).name = name
            if f"{role}_staff" in ids:
                db.session.get_one(Staff, ids[f"{role}_staff"]).name = name
    return names
