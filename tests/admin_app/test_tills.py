"""Twenty tills at once, and a disk that is full: nobody is shown a locked database, and nothing is lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, func, insert, select

from admin_app.operations.kernel import perform
from models.actor import SYSTEM
from models.customers import Customer
from models.entity import db, table_of
from models.log import EntryKind, Operation, OperationKey
from models.names import Name
from models.sales import PaymentMethod, Sale
from models.value import Account, AccountBalance, AccountKind
from tests.admin_app.houses import faults
from tests.cast import TODAY, raw_operation
from tests.conftest import House
from tests.menu import FACIAL, bill, build_menu

TILLS, EACH, PEOPLE = 20, 5, 7
PAID_IN = 90_000
"""Without a bonus, so that it can be counted by hand."""


def people(house: House) -> list[int]:
    """Customers with stored value for so many facials that the last of them are refused."""
    ids = list(range(10_000, 10_000 + PEOPLE))
    values = {"store_id": house.ids["first"], "registered_on": TODAY}
    with raw_operation():
        rows = [{"id": n, "name": f"客{n}", "public_id": f"p{n}", **values} for n in ids]
        db.session.execute(insert(table_of(Customer)), rows)
    for customer in ids:
        for _ in range(3):
            data = {"customer": customer, "store": house.ids["first"], "amount": PAID_IN, "method": "cash"}
            perform(Name.RECHARGE, data, actor=SYSTEM)
    return ids


def principal(customer: int) -> int:
    hers = (Account.customer_id == customer, Account.kind == AccountKind.PRINCIPAL)
    query = select(AccountBalance.balance).join(Account, Account.id == AccountBalance.account_id).where(*hers)
    return db.session.scalar(query) or 0


def at_the_till(house: House, data: list[dict[str, Any]], said: list[tuple[int, Any]]) -> threading.Thread:
    """A till of its own, that rings up one bill after another and notes what came of each."""

    def work() -> None:
        with house.app.app_context():
            for one in data:
                try:
                    said.append((one["customer"], perform(Name.SELL, one, actor=SYSTEM)))
                except Exception as error:  # noqa: BLE001 - looked at by the test
                    said.append((one["customer"], error))
            db.session.remove()

    return threading.Thread(target=work)


def test_twenty_tills_sell_at_once_and_nothing_is_lost(house: House) -> None:
    """To the same few customers, out of their stored value, until it is used up."""
    customers, menu = people(house), build_menu(house.ids)
    before = db.session.scalar(select(func.count()).select_from(Sale)) or 0
    paid = bill(house.ids, menu, method="stored_value")
    said: list[tuple[int, Any]] = []
    tills = []
    for till in range(TILLS):
        data = [{**paid, "customer": customers[(till + turn) % PEOPLE]} for turn in range(EACH)]
        tills.append(at_the_till(house, data, said))
    db.session.remove()
    for till in tills:
        till.start()
    for till in tills:
        till.join()
    sold = Counter(customer for customer, answer in said if isinstance(answer, dict))
    refused = {getattr(answer, "code", repr(answer)) for _, answer in said if not isinstance(answer, dict)}
    affordable = 3 * PAID_IN // FACIAL
    asked = Counter(customer for customer, _ in said)
    assert len(said) == TILLS * EACH
    assert refused == {"not_enough"}, "no lock and no fault of the database was shown"
    assert sold == {one: min(asked[one], affordable) for one in customers}
    assert {one: principal(one) for one in customers} == {one: 3 * PAID_IN - sold[one] * FACIAL for one in customers}
    numbers = db.session.scalars(select(Sale.number).order_by(Sale.number)).all()
    assert numbers == list(range(1, before + sold.total() + 1))
    assert faults() == []


# ------------------------------------------------------------------------------------------------ a full disk


@contextmanager
def full_disk() -> Iterator[None]:
    """The database file can take no further page."""

    def limit(connection: Any, record: Any, proxy: Any = None) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def lift(connection: Any, record: Any, proxy: Any = None) -> None:
        connection.execute("PRAGMA max_page_count = 4294967294")

    db.session.remove()
    event.listen(db.engine, "checkout", limit)
    try:
        yield
    finally:
        event.remove(db.engine, "checkout", limit)
        event.listen(db.engine, "checkout", lift, once=True)
        db.session.remove()
        db.engine.dispose()


def test_a_full_disk_is_said_and_loses_nothing(sqlite_house: House) -> None:
    house = sqlite_house
    browser = house.browser("reception")
    anna = house.ids["anna"]
    form = {"customer": anna, "amount": "900", "method": PaymentMethod.CASH.value, "store": house.ids["first"]}
    form["shown_total"] = PAID_IN
    paid_in, key = 0, ""
    with full_disk():
        for turn in range(200):
            key = f"full-{turn}"
            answer = browser.post(f"/do/recharge/?on={anna}", {**form, "op_id": key})
            if answer.status_code != 302:
                break
            paid_in += 1
        assert answer.status_code == 503
        assert "满" in answer.text
        assert browser.get(f"/customer/details/?id={anna}").status_code == 200, "the house can still be read"
    assert principal(anna) == paid_in * PAID_IN
    assert db.session.scalar(select(func.count()).select_from(Sale)) == paid_in
    assert db.session.get(OperationKey, key) is None
    again = [browser.post(f"/do/recharge/?on={anna}", {**form, "op_id": key}).status_code for _ in range(2)]
    assert again == [302, 302]
    assert principal(anna) == (paid_in + 1) * PAID_IN, "the same key, once there is room: once"
    recharges = select(func.count()).select_from(Operation).where(Operation.name == Name.RECHARGE)
    assert db.session.scalar(recharges.where(Operation.kind == EntryKind.WRITE)) == paid_in + 1
    assert faults("sessions") == []
