"""Sudden death: a process that rings up sales is killed again and again, and no acknowledged operation is lost or done
twice.

Each run of the tests kills 20 times on SQLite and 5 on PostgreSQL; ``PEONY_TEST_KILLS=1000 python -m pytest
tests/admin_app/test_kill.py`` does it as often as it says on both engines.
"""

from __future__ import annotations

import os
import random
import signal
from typing import Any

import pytest
from sqlalchemy import func, select, text

from admin_app.doctor.books import queries
from admin_app.operations.kernel import perform
from models.actor import SYSTEM
from models.cards import CardItem
from models.entity import db
from models.log import EntryKind, Operation
from models.names import Name
from models.sales import PaymentMethod, Sale
from tests.admin_app import at_work
from tests.admin_app.houses import faults
from tests.cast import create
from tests.conftest import House
from tests.menu import bill, build_menu
from tests.processes import Process

KILLS = {"sqlite": 20, "postgresql": 5}
DAY = (Name.SELL, Name.RECHARGE, Name.REDEEM_SESSION)
AN_OPERATION = 60
"""About so many statements has one of them."""


def the_day(house: House) -> list[tuple[str, dict[str, Any]]]:
    """Sales, a session of a card and a recharge, over and over; there is money and there are sessions enough."""
    ids, menu = house.ids, build_menu(house.ids)
    anna = {"customer": ids["anna"], "store": ids["first"]}
    perform(Name.RECHARGE, {**anna, "amount": 10**9, "method": PaymentMethod.CASH}, actor=SYSTEM)
    many = create("package", name="年卡", price="8000")
    create("package_item", package_id=many, service_id=menu["massage"], quantity=9_000)
    opened = perform(Name.OPEN_CARD, {**anna, "package": many, "method": "cash"}, actor=SYSTEM)
    item = db.session.scalar(select(CardItem.id).where(CardItem.card_id == opened["card"]))
    work = [
        (Name.SELL, bill(ids, menu, method="cash")),
        (Name.REDEEM_SESSION, {**anna, "item": item, "performer": ids["therapist_staff"]}),
        (Name.SELL, bill(ids, menu, method="stored_value")),
        (Name.RECHARGE, {**anna, "amount": 100_000, "method": "wechat"}),
    ]
    return [(str(name), data) for name, data in work]


def killed(house: House, work: list[tuple[str, dict[str, Any]]], word: str, chance: random.Random) -> list[Any]:
    """Let a process work until it is killed, from outside at some moment or by itself at some statement."""
    inside = chance.random() < 0.5
    dies_after = chance.randrange(1, 4 * AN_OPERATION) if inside else 0
    worker = Process(house.settings, at_work.trade, work, word, dies_after)
    said = []
    if not inside:
        said = [worker.said() for _ in range(chance.randrange(1, 8))]
        worker.process.join(chance.uniform(0, 0.03))  # so long it goes on
        worker.process.kill()
    said += worker.everything()
    assert worker.end() == -signal.SIGKILL
    return said


def books() -> list[Any]:
    """What the doctor's queries find."""
    db.session.rollback()
    with db.engine.connect() as connection:
        return [row for query in queries().values() for row in connection.execute(text(query.finding)).all()]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_till_that_is_killed_loses_nothing_and_does_nothing_twice(house: House) -> None:
    chance = random.Random(1122)
    work = the_day(house)
    answers: dict[str, Any] = {}
    unanswered = 0
    done = select(func.count()).select_from(Operation).where(Operation.name.in_(DAY), Operation.kind == EntryKind.WRITE)
    before = db.session.scalar(done) or 0
    for kill in range(int(os.environ.get("PEONY_TEST_KILLS") or KILLS[house.engine])):
        db.session.remove()
        said = killed(house, work[kill % len(work) :] + work[: kill % len(work)], f"kill-{kill}", chance)
        answers |= {one[1]: one[2] for one in said if one[0] == "done"}
        assert books() == []
        for _, key, name, data in (one for one in said if one[0] == "begun"):
            again = perform(name, data, actor=SYSTEM, key=key)
            if key in answers:
                assert again == {**answers[key], "again": True}
            else:
                unanswered += 1
                answers[key] = {word: value for word, value in again.items() if word != "again"}
        assert db.session.scalar(done) == before + len(answers), "each once"
        assert books() == []
    sales = {answer["sale"] for answer in answers.values()}
    assert len(sales) == len(answers), "each with a receipt of its own"
    assert set(db.session.scalars(select(Sale.id).where(Sale.id.in_(sales)))) == sales
    assert unanswered > 0, "some died in the middle"
    assert faults() == []
