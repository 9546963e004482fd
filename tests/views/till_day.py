"""A day at the till, told by hand: what the pages of the owner, the auditor and the books must say of it.

In the first store on the day before: a deposit of 100 in cash, and the day closed with ten too little. Today: see
``a_day``. In the second store, today: Cora recharges 500 in cash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import time_machine
from sqlalchemy import select

from admin_app.operations.kernel import perform
from admin_app.operations.registry import Answer
from models.cards import CardItem
from models.entity import db
from tests.cast import NOON, create
from tests.conftest import House


@dataclass
class Till:
    """Somebody at the till of a store, with a menu."""

    house: House
    menu: dict[str, int]
    role: str = "owner"
    store: str = "first"

    def do(self, name: str, **values: Any) -> Answer:
        return perform(name, values, actor=self.house.actor(self.role))

    def sell(self, customer: str, line: dict[str, Any], method: str = "cash", **values: Any) -> Answer:
        return self.at("sell", customer, lines=[line], method=method, **values)

    def at(self, name: str, customer: str, **values: Any) -> Answer:
        place = {"customer": self.house.ids[customer], "store": self.house.ids[self.store]}
        return self.do(name, **{**place, **values})

    def care(self, **values: Any) -> dict[str, Any]:
        return {"service": self.menu["care"], "performer": self.house.ids["therapist_staff"], **values}

    def clean(self, **values: Any) -> dict[str, Any]:
        return {"service": self.menu["clean"], "performer": self.house.ids["therapist_staff"], **values}

    def card(self, customer: str, method: str) -> tuple[int, int]:
        """A card of ten: its number, and its item's."""
        seller = self.house.ids["consultant_staff"]
        made = self.at("open_card", customer, package=self.menu["ten"], method=method, seller=seller)
        return made["card"], db.session.scalars(select(CardItem.id).where(CardItem.card_id == made["card"])).one()


def a_till(house: House) -> Till:
    """A menu of two services (298 and 198), a product for 100, and a card of ten for 1,980."""
    return Till(house, house.kept("till", _menu))


def _menu() -> dict[str, int]:
    menu = {
        "care": create("service", name="补水", price="298", manual_fee="25", busy_minutes=60),
        "clean": create("service", name="清洁", price="198", manual_fee="18", busy_minutes=45),
        "lotion": create("product", name="乳液", price="100"),
        "ten": create("package", name="补水十次", price="1980"),
    }
    create("package_item", package_id=menu["ten"], service_id=menu["care"], quantity=10)
    return menu


def a_day(house: House) -> Till:
    """Everything that a till does, once; the moment is ``NOON``."""
    return Till(house, house.kept("day", lambda: _day(house).menu))


def _day(house: House) -> Till:
    till, staff = a_till(house), house.ids
    with time_machine.travel(NOON - timedelta(days=1), tick=False):
        till.at("take_deposit", "berta", amount=10_000, method="cash")
        till.do("close_day", store=staff["first"], counted=9_000, why="少十元")
    till.sell("anna", till.care(manner="named"))
    till.sell("berta", till.clean(price=10_000, why="老客"), "wechat")
    till.at("recharge", "anna", amount=100_000, method="cash", seller=staff["reception_staff"])
    till.sell("anna", till.care(), "stored_value")
    _card, item = till.card("berta", "wechat")
    till.at("redeem_session", "berta", item=item, performer=staff["therapist_staff"])
    till.sell("anna", {"product": till.menu["lotion"], "seller": staff["reception_staff"]}, "on_account")
    till.at("pay_debt", "anna", amount=4_000, method="cash")
    voucher = {"method": "voucher", "amount": 19_800, "platform": "meituan", "code": "M1", "settle_price": 9_900}
    till.at("sell", "berta", lines=[till.clean()], payments=[voucher])
    till.at("take_deposit", "berta", amount=20_000, method="cash")
    till.at("give_gift", "anna", product=till.menu["lotion"], why="生日")
    wrong = till.sell("anna", till.clean(), "alipay")
    till.do("reverse_sale", sale=wrong["sale"], why="收错了")
    refunded, _item = till.card("berta", "cash")
    till.do("refund_card", card=refunded, method="cash", why="搬家", store=staff["first"])
    other = Till(house, till.menu, store="second")
    other.at("recharge", "cora", amount=50_000, method="cash")
    return till
