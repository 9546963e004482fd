"""A salon that is open for a day: a small menu, operations asked for as at the counter, and what became of the books.

Money is in fen. The menu: ``hydra`` 298 yuan, ``eye`` 168, ``trial`` 99 (a trial), ``cream`` 200 (goods); the package
``ten`` is ten ``hydra`` for 1,980 yuan, ``pair`` two ``hydra`` and one ``eye`` for 700, ``box`` holds goods.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select, text

from admin_app.doctor.books import queries
from admin_app.operations.kernel import perform
from admin_app.operations.ledger import Ledger
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer
from admin_app.operations.rules import ActivateInput
from admin_app.rulebook import refresh
from models.actor import SYSTEM
from models.entity import db
from models.names import Name
from models.sales import Payment, Sale, SaleLine
from models.standing import Membership
from models.value import Account, AccountBalance, AccountKind, LedgerEntry
from tests.cast import NOON, TODAY, create, raw_operation
from tests.conftest import House

HYDRA, EYE, TRIAL, CREAM, TEN, PAIR = 29_800, 16_800, 9_900, 20_000, 198_000, 70_000
Amounts = dict[AccountKind, int]


class Salon:
    """The house with a menu, at noon of the day."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.ids = house.kept("counter", self._menu)

    def _menu(self) -> dict[str, int]:
        self.ids = dict(self.house.ids)
        service = {"busy_minutes": 60, "manual_fee": "25"}
        self.ids["hydra"] = create("service", name="补水", price="298", **service)
        self.ids["eye"] = create("service", name="眼部", price="168", **service)
        self.ids["trial"] = create("service", name="团购体验", price="99", grade="trial", **service)
        self.ids["cream"] = create("product", name="面霜", price="200")
        self.ids["ten"] = create("package", name="补水10次", price="1980", valid_days=100)
        self.ids["pair"] = create("package", name="双人套餐", price="700")
        for package, thing, what, many in (
            ("ten", "service", "hydra", 10),
            ("pair", "service", "hydra", 2),
            ("pair", "service", "eye", 1),
        ):
            values = {"package_id": self.ids[package], f"{thing}_id": self.ids[what], "quantity": many}
            create("package_item", **values)
        return self.ids

    # ------------------------------------------------------------------------------------------------ doing

    def do(self, name: Name, *, role: str = "reception", key: str | None = None, **values: Any) -> Answer:
        """An operation by somebody of the cast; ``system`` is the house itself."""
        actor = SYSTEM if role == "system" else self.house.actor(role)
        return perform(name, values, actor=actor, key=key)

    def refused(self, name: Name, **values: Any) -> tuple[str, str | None]:
        """The word and the field of the refusal, which has changed nothing."""
        before = self.entries()
        with pytest.raises(Refused) as refusal:
            self.do(name, **values)
        db.session.rollback()
        assert self.entries() == before
        return refusal.value.code, refusal.value.field

    def said(self, name: Name, **values: Any) -> str:
        """The sentence of the refusal."""
        with pytest.raises(Refused) as refusal:
            self.do(name, **values)
        db.session.rollback()
        return str(refusal.value)

    def line(self, what: str, quantity: int = 1, **values: Any) -> dict[str, Any]:
        """A line of a bill; the therapist gave what is a service."""
        if what == "cream":
            return {"product": self.ids[what], "quantity": quantity, **values}
        given_by = {"performer": self.ids["therapist_staff"]}
        return {"service": self.ids[what], "quantity": quantity, **given_by, **values}

    def bill(self, *what: str | dict[str, Any], customer: str | None = "anna", **values: Any) -> dict[str, Any]:
        """What is asked of ``sell``: these things, all paid in cash unless something else is said."""
        lines = [self.line(one) if isinstance(one, str) else one for one in what]
        who = {} if customer is None else {"customer": self.ids[customer]}
        paid = {} if "payments" in values else {"method": "cash"}
        return {**who, "store": self.ids["first"], "lines": lines, **paid, **values}

    def sell(self, *what: str | dict[str, Any], role: str = "reception", key: str | None = None, **values: Any) -> int:
        """A sale; its number among all."""
        return int(self.do(Name.SELL, role=role, key=key, **self.bill(*what, **values))["sale"])

    def recharge(self, amount: int, customer: str = "anna", method: str = "cash", **values: Any) -> Answer:
        values = {"store": self.ids["first"], **values}
        return self.do(Name.RECHARGE, customer=self.ids[customer], amount=amount, method=method, **values)

    def open_card(self, package: str = "ten", customer: str = "anna", **values: Any) -> int:
        """A card; its number among all."""
        values = {"method": "cash", "store": self.ids["first"], **values}
        answer = self.do(Name.OPEN_CARD, customer=self.ids[customer], package=self.ids[package], **values)
        return int(answer["card"])

    def redemption(self, item: int, customer: str = "anna", **values: Any) -> dict[str, Any]:
        given_by = {"performer": self.ids["therapist_staff"], "store": self.ids["first"]}
        return {"customer": self.ids[customer], "item": item, **given_by, **values}

    def redeem(self, item: int, customer: str = "anna", *, role: str = "reception", **values: Any) -> Answer:
        return self.do(Name.REDEEM_SESSION, role=role, **self.redemption(item, customer, **values))

    def reverse(self, sale: int, *lines: int, **values: Any) -> Answer:
        return self.do(Name.REVERSE_SALE, sale=sale, lines=list(lines), why="按错了", **values)

    def spend_points(self, points: int, customer: str = "anna") -> None:
        """Points of the oldest lot used for something, as an exchange would."""
        with raw_operation():
            op = db.session.info["operation"]
            ledger = Ledger(op, self.ids["first"], op.day)
            lot, _ = ledger.lots(self.ids[customer], AccountKind.POINTS, usable=False)[0]
            ledger.take_lots([(lot.id, points)], ledger.house(AccountKind.POINTS_ISSUED))

    def put_in_force(self, document: str, text: str) -> None:
        """A document of the rules as it holds from now on."""
        perform(Name.ACTIVATE_RULES, ActivateInput(texts={document: text}), actor=SYSTEM)
        refresh()

    def give_tier(self, tier: str, customer: str = "anna") -> None:
        """A tier that she holds from now on."""
        with raw_operation():
            db.session.add(Membership(customer_id=self.ids[customer], tier=tier, since=TODAY))

    # --------------------------------------------------------------------------------------------- looking

    def rows(self, entity: type[Any], **where: Any) -> list[Any]:
        """Rows as they stand, in their order."""
        db.session.rollback()
        return list(db.session.scalars(select(entity).filter_by(**where).order_by(entity.id)))

    def entries(self) -> int:
        db.session.rollback()
        return db.session.scalar(select(func.count()).select_from(LedgerEntry)) or 0

    def lines_of(self, sale: int) -> list[SaleLine]:
        return self.rows(SaleLine, sale_id=sale)

    def paid(self, sale: int) -> list[tuple[str, int]]:
        return [(row.method.value, row.amount) for row in self.rows(Payment, sale_id=sale)]

    def has(self, customer: str = "anna") -> Amounts:
        """What stands on her accounts, by kind; what stands at nothing is left out."""
        db.session.rollback()
        query = (
            select(Account.kind, func.sum(AccountBalance.balance))
            .join(AccountBalance, AccountBalance.account_id == Account.id)
            .where(Account.customer_id == self.ids[customer])
            .group_by(Account.kind)
        )
        return {kind: int(amount) for kind, amount in db.session.execute(query) if amount}

    def books(self, store: str | None = None) -> Amounts:
        """What the house's own accounts come to, in one store or in all."""
        db.session.rollback()
        query = select(Account.kind, func.sum(LedgerEntry.amount)).join(Account, Account.id == LedgerEntry.account_id)
        query = query.where(Account.customer_id.is_(None)).group_by(Account.kind)
        if store is not None:
            query = query.where(LedgerEntry.store_id == self.ids[store])
        return {kind: int(amount) for kind, amount in db.session.execute(query) if amount}

    def last_sale(self) -> Sale:
        return self.rows(Sale)[-1]

    def faults(self) -> dict[str, list[tuple[Any, ...]]]:
        """What the doctor's queries find wrong in the books."""
        db.session.rollback()
        found = {name: db.session.execute(text(query.finding)).all() for name, query in queries().items()}
        return {name: [tuple(row) for row in rows] for name, rows in found.items() if rows}


def days_on(days: int) -> time_machine.travel:
    """Noon, so many days later."""
    return time_machine.travel(NOON + timedelta(days=days))
