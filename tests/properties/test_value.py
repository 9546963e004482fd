"""A salon's money by chance: whatever is sold, paid in, used, taken back, given away and merged, in whatever order,
everybody has exactly what plain arithmetic says, and all that must hold of the ledger holds after each step.

Each run of the tests makes the histories of ``SIZES``;
``PEONY_TEST_VALUE=1000x50 python -m pytest tests/properties/test_value.py`` makes 1,000 of 50 steps on each engine.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import event, insert, select, text

from admin_app.doctor.books import queries
from admin_app.operations import kernel
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Refused
from admin_app.rulebook import refresh
from models.actor import SYSTEM
from models.cards import CardItem
from models.customers import Customer
from models.entity import db, table_of
from models.names import Name
from models.organisation import Store
from models.sales import SaleLine
from tests.cast import NOON, raw_operation
from tests.conftest import House
from tests.menu import build_menu
from tests.properties.by_heart import CARD_PRICE, IN_LOTS, SERVICES, WORTH, Books, No, Sale
from tests.rules.texts import SHIPPED

SIZES = {"sqlite": "15x50", "postgresql": "4x30"}
"""Histories and the steps of each."""

STANDING = text(
    "SELECT a.customer_id, a.kind, a.card_item_id, b.balance FROM account a JOIN account_balance b"
    " ON b.account_id = a.id WHERE b.balance <> 0"
)
LOTS = text(
    "SELECT l.customer_id, a.kind, l.expires_on, b.remaining FROM lot l JOIN account a ON a.id = l.account_id"
    " JOIN lot_balance b ON b.lot_id = l.id WHERE b.remaining > 0"
)
FAULTS = [query.finding for query in queries().values()]

somebody = st.integers(0, 2)
anywhere = st.integers(0, 1)
things = st.lists(st.sampled_from(sorted(WORTH)), min_size=1, max_size=3)
shares = st.lists(
    st.tuples(
        st.sampled_from(("stored_value", "deposit", "on_account", "stored_value", "wechat")),
        st.sampled_from((0.3, 0.5, 1)),
    ),
    max_size=2,
)
in_money = st.sampled_from(("cash", "wechat"))
amounts = st.sampled_from((12_345, 90_000, 100_000, 250_000, 500_000))


class Till(RuleBasedStateMachine):
    """Three customers, two stores, a till, and somebody who knows everything by heart."""

    house: House
    restore: Callable[[], None]
    menu: dict[str, int]

    @initialize()
    def begin(self) -> None:
        type(self).restore()
        self.at: datetime = NOON
        kernel.now = lambda: self.at
        self.books = Books()
        self.items: dict[tuple[int, str], int] = {}
        with raw_operation():
            stores = insert(table_of(Store)).returning(Store.id)
            self.stores = [db.session.scalar(stores.values(name=f"店{n}-{id(self)}")) for n in range(2)]
            who = insert(table_of(Customer)).returning(Customer.id)
            values = {"store_id": self.stores[0], "registered_on": NOON.date(), "public_id": ""}
            self.people = [
                db.session.scalar(who.values(**{**values, "name": f"客{n}", "public_id": f"{id(self)}-{n}"}))
                for n in range(3)
            ]

        for n in range(3):
            self.recharge(n, 0, 250_000, "cash")

    @property
    def day(self) -> date:
        return self.at.date()

    def who(self, number: int) -> int:
        """A customer who still stands for herself."""
        found = self.people[number]
        return self.books.into.get(found, found)

    def both(self, name: Name, data: dict[str, Any], known: Callable[[Books], Any]) -> tuple[Any, Any]:
        """Do it in the house and by heart: both do it, or both refuse."""
        before = copy.deepcopy(self.books)
        try:
            mine = known(self.books)
        except No as no:
            self.books = before
            try:
                perform(name, data, actor=SYSTEM)
            except Refused:
                return None, None
            raise AssertionError(f"{name} was done, and should be refused: {no}") from no
        return perform(name, data, actor=SYSTEM), mine

    # --------------------------------------------------------------------------------------------------- at the till

    def split(self, total: int, shares: list[tuple[str, float]], rest: str) -> dict[str, int]:
        paid: Counter[str] = Counter()
        for way, share in shares:
            paid[way] += int((total - paid.total()) * share)
        paid[rest] += total - paid.total()
        return {way: amount for way, amount in paid.items() if amount}

    def bill(self, who: int, store: int, wanted: list[str], paid: dict[str, int]) -> dict[str, Any]:
        therapist = self.house.ids["therapist_staff"]
        lines: list[dict[str, Any]] = [
            {"service": self.menu[one], "performer": therapist} if one in SERVICES else {"product": self.menu[one]}
            for one in wanted
        ]
        payments = [{"method": way, "amount": amount} for way, amount in paid.items()]
        return {"customer": who, "store": store, "lines": lines, "payments": payments}

    def sell(self, who: int, where: int, wanted: list[str], shares: list[tuple[str, float]], rest: str) -> Sale | None:
        store = self.stores[where]
        paid = self.split(sum(WORTH[one] for one in wanted), shares, rest)
        priced = [(one, WORTH[one]) for one in wanted]
        done, sale = self.both(
            Name.SELL, self.bill(who, store, wanted, paid), lambda b: b.sell(who, store, priced, paid, self.day)
        )
        return self.named(sale, done)

    def named(self, sale: Any, done: Any) -> Any:
        if sale is not None:
            sale.name = done["sale"]
        return sale

    @rule(n=somebody, where=anywhere, wanted=things, shares=shares, rest=in_money)
    def she_buys(self, n: int, where: int, wanted: list[str], shares: list[tuple[str, float]], rest: str) -> None:
        self.sell(self.who(n), where, wanted, shares, rest)

    @rule(n=somebody, where=anywhere, wanted=things, shares=shares, rest=in_money)
    def she_buys_and_gives_it_back(
        self, n: int, where: int, wanted: list[str], shares: list[tuple[str, float]], rest: str
    ) -> None:
        """Earning and taking back, however often, leaves everything as it was."""
        before = self.standing()
        sale = self.sell(self.who(n), where, wanted, shares, rest)
        if sale is not None:
            self.take_back(sale, [])
        assert self.standing() == before

    @rule(n=somebody, where=anywhere, amount=amounts, way=in_money)
    def she_recharges(self, n: int, where: int, amount: int, way: str) -> None:
        self.recharge(n, where, amount, way)

    def recharge(self, n: int, where: int, amount: int, way: str) -> None:
        who, store = self.who(n), self.stores[where]
        data = {"customer": who, "store": store, "amount": amount, "method": way}
        done, sale = self.both(Name.RECHARGE, data, lambda b: b.recharge(who, store, amount, way, self.day))
        self.named(sale, done)

    @rule(n=somebody, where=anywhere, amount=amounts, way=in_money)
    def she_leaves_a_deposit(self, n: int, where: int, amount: int, way: str) -> None:
        who, store = self.who(n), self.stores[where]
        data = {"customer": who, "store": store, "amount": amount, "method": way}
        done, sale = self.both(Name.TAKE_DEPOSIT, data, lambda b: b.deposit(who, store, amount, way, self.day))
        self.named(sale, done)

    @rule(n=somebody, where=anywhere, share=st.sampled_from((0.1, 0.5, 1, 1.2)), way=in_money)
    def she_pays_what_she_owes(self, n: int, where: int, share: float, way: str) -> None:
        who, store = self.who(n), self.stores[where]
        amount = int(self.books.owes(who) * share) or 1
        data = {"customer": who, "store": store, "amount": amount, "method": way}
        self.both(Name.PAY_DEBT, data, lambda b: b.pay_debt(who, store, amount, way, self.day))

    # ----------------------------------------------------------------------------------------------------- cards

    @rule(n=somebody, where=anywhere, shares=shares, rest=in_money)
    def she_opens_a_card(self, n: int, where: int, shares: list[tuple[str, float]], rest: str) -> None:
        self.open_card(self.who(n), where, self.split(CARD_PRICE, shares, rest))

    def open_card(self, who: int, where: int, paid: dict[str, int]) -> None:
        store = self.stores[where]
        payments = [{"method": way, "amount": amount} for way, amount in paid.items()]
        data = {"customer": who, "store": store, "package": self.menu["package"], "payments": payments}
        done, sale = self.both(Name.OPEN_CARD, data, lambda b: b.open_card(who, store, paid, self.day))
        if self.named(sale, done) is None:
            return
        card = self.books.cards[-1]
        card.name = done["card"]
        of = {self.menu[service]: service for service in SERVICES}
        for item in db.session.scalars(select(CardItem).where(CardItem.card_id == card.name)):
            self.items[card.place, of[item.service_id]] = item.id

    @rule(
        data=st.data(), n=somebody, where=anywhere, service=st.sampled_from(sorted(SERVICES)), count=st.integers(1, 3)
    )
    def she_redeems(self, data: st.DataObject, n: int, where: int, service: str, count: int) -> None:
        if not self.books.cards:
            self.open_card(self.who(n), where, {"cash": CARD_PRICE})
        if not self.books.cards:
            return
        place = data.draw(st.integers(0, len(self.books.cards) - 1))
        card, store = self.books.cards[place], self.stores[where]
        who = card.owner if n else self.who(n)
        given = {"customer": who, "store": store, "item": self.items[card.place, service], "sessions": count}
        given["performer"] = self.house.ids["therapist_staff"]
        done, sale = self.both(
            Name.REDEEM_SESSION, given, lambda b: b.redeem(who, store, b.cards[place], service, count, self.day)
        )
        self.named(sale, done)

    @rule(data=st.data(), where=anywhere, way=in_money)
    def a_card_is_refunded(self, data: st.DataObject, where: int, way: str) -> None:
        if not self.books.cards:
            return
        place = data.draw(st.integers(0, len(self.books.cards) - 1))
        card, store = self.books.cards[place], self.stores[where]
        given = {"card": card.name, "method": way, "why": "x", "store": store}
        done, back = self.both(Name.REFUND_CARD, given, lambda b: b.refund(store, b.cards[place], way, self.day))
        assert done is None or done["total"] == back

    @rule(data=st.data(), n=somebody)
    def a_card_is_given_away(self, data: st.DataObject, n: int) -> None:
        if not self.books.cards:
            return
        place = data.draw(st.integers(0, len(self.books.cards) - 1))
        card, to = self.books.cards[place], self.who(n)
        given = {"card": card.name, "to": to, "why": "x"}
        self.both(Name.TRANSFER_CARD, given, lambda b: b.transfer(b.cards[place], to, self.day))

    # --------------------------------------------------------------------------------- taking back, merging, closing

    def take_back(self, sale: Sale, places: list[int]) -> None:
        lines = db.session.scalars(select(SaleLine.id).where(SaleLine.sale_id == sale.name).order_by(SaleLine.position))
        ids = lines.all()
        number = self.books.sales.index(sale)
        given = {"sale": sale.name, "lines": [ids[place] for place in places], "why": "x"}

        def known(books: Books) -> None:
            same = books.sales[number]
            books.reverse(same, [same.lines[place] for place in places], self.day)

        self.both(Name.REVERSE_SALE, given, known)

    @rule(data=st.data())
    def a_sale_is_taken_back(self, data: st.DataObject) -> None:
        if not self.books.sales:
            return
        sale = data.draw(st.sampled_from(range(len(self.books.sales))))
        one = self.books.sales[sale]
        self.take_back(one, data.draw(st.sampled_from(([], [len(one.lines) - 1]))))

    @rule(n=somebody, m=somebody, chance=st.integers(0, 5))
    def two_become_one(self, n: int, m: int, chance: int) -> None:
        lost, kept = self.who(n), self.who(m)
        if chance or lost == kept:
            return
        given = {"customer": lost, "into": kept, "why": "x"}
        self.both(Name.MERGE_CUSTOMERS, given, lambda b: b.merge(lost, kept, self.stores[0], self.day))

    @rule(where=anywhere, chance=st.integers(0, 3))
    def a_day_is_closed(self, where: int, chance: int) -> None:
        if chance:
            return
        store = self.stores[where]

        def close(books: Books) -> int:
            books.open_day(store, self.day)
            books.closed.add((store, self.day))
            return books.cash[store, self.day]

        data = {"store": store, "counted": 0, "why": "x"}
        done, expected = self.both(Name.CLOSE_DAY, data, close)
        assert done is None or done["expected"] == expected

    @rule(days=st.sampled_from((1, 1, 1, 40, 380)))
    def time_goes_by(self, days: int) -> None:
        self.at += timedelta(days=days)

    # ----------------------------------------------------------------------------------------------- what must hold

    def standing(self) -> dict[tuple[Any, ...], int]:
        db.session.rollback()
        found = db.session.execute(STANDING).all()
        return {(who, kind, item): much for who, kind, item, much in found if who in self.people}

    @invariant()
    def everybody_has_what_she_should(self) -> None:
        if not hasattr(self, "books"):
            return
        known: Counter[tuple[object, ...]] = Counter()
        for (who, kind, own), much in self.books.standing().items():
            known[who, kind, None if own is None else self.items[own]] = much  # type: ignore[index]
        assert self.standing() == dict(known)
        lots = db.session.execute(LOTS).all()
        hers = [(who, kind, _date(ends), left) for who, kind, ends, left in lots if who in self.people]
        assert Counter(hers) == self.books.lots_left()
        assert all(kind in IN_LOTS for _, kind, *_ in hers)

    @invariant()
    def the_books_are_in_order(self) -> None:
        connection = db.session.connection()
        assert [row for finding in FAULTS for row in connection.exec_driver_sql(finding).all()] == []
        db.session.rollback()


def _date(value: Any) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _restorer(house: House) -> Callable[[], None]:
    """What puts the database back to how it is now; on PostgreSQL each history has stores of its own."""
    db.session.remove()
    db.engine.dispose()
    if house.engine != "sqlite":
        return lambda: None
    event.listen(db.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    file = house.folder / "peony.db"
    kept = house.folder.parent / "kept.db"
    shutil.copyfile(file, kept)

    def restore() -> None:
        db.session.remove()
        db.engine.dispose()
        for left in house.folder.glob("peony.db*"):
            left.unlink()
        shutil.copyfile(kept, file)

    return restore


@pytest.mark.timeout(3600)
def test_everybody_has_what_she_should_whatever_happens(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "now", kernel.now)
    menu = build_menu(house.ids)
    alike = re.sub(
        r"(services|products|points_rate): \d+%", r"\1: 100%", SHIPPED["tiers"]
    )  # a recharge moves tiers at once
    perform(Name.ACTIVATE_RULES, {"texts": {"tiers": alike}}, actor=SYSTEM)
    refresh()
    count, steps = map(int, (os.environ.get("PEONY_TEST_VALUE") or SIZES[house.engine]).split("x"))

    class OfThisHouse(Till):
        pass

    OfThisHouse.house, OfThisHouse.menu, OfThisHouse.restore = house, menu, staticmethod(_restorer(house))
    phases = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
    run_state_machine_as_test(
        OfThisHouse,
        settings=settings(
            max_examples=count,
            stateful_step_count=steps,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )
