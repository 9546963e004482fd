"""The triggers that mark whom the rules have to look at again: both customers of a row that moves."""

from __future__ import annotations

from datetime import timedelta

import time_machine
from sqlalchemy import delete, select, text

from admin_app.operations.kernel import perform
from models.actor import SYSTEM
from models.booking import Segment
from models.catalogue import Service
from models.entity import db
from models.names import Name
from models.rulebook import ChangedCustomer
from tests.cast import NOON, create, raw_operation
from tests.conftest import House


def marks_of(house: House, statement: str) -> dict[str, int]:
    """How often a statement marks whom."""
    names = {house.ids[name]: name for name in ("anna", "berta", "cora")}
    with raw_operation():
        db.session.execute(delete(ChangedCustomer))
    with raw_operation():
        db.session.execute(text(statement))
    marked = [names[number] for number in db.session.scalars(select(ChangedCustomer.customer_id))]
    return {name: marked.count(name) for name in marked}


def test_a_row_of_a_customer_marks_its_customers(house: House) -> None:
    anna, berta = house.ids["anna"], house.ids["berta"]
    row = create("contraindication", customer_id=anna, kind="allergy", substance="果酸")
    table = "contraindication"
    assert marks_of(house, f"UPDATE {table} SET severity = 'severe' WHERE id = {row}") == {"anna": 1}
    assert marks_of(house, f"UPDATE {table} SET customer_id = {berta} WHERE id = {row}") == {"anna": 1, "berta": 1}
    assert marks_of(house, f"DELETE FROM {table} WHERE id = {row}") == {"berta": 1}
    columns = "id, customer_id, kind, severity, version"
    created = f"INSERT INTO {table} ({columns}) VALUES (900, {anna}, 'allergy', 'mild', 1)"
    assert marks_of(house, created) == {"anna": 1}


def test_a_customer_marks_who_referred_them_and_what_they_are_merged_into(house: House) -> None:
    anna, berta, cora = (house.ids[name] for name in ("anna", "berta", "cora"))
    change = "UPDATE customer SET {} WHERE id = " + str(anna)
    assert marks_of(house, change.format("job = '教师'")) == {"anna": 1}
    assert marks_of(house, change.format(f"referrer_id = {berta}")) == {"anna": 1, "berta": 1}
    assert marks_of(house, change.format("job = '医生'")) == {"anna": 1}
    assert marks_of(house, change.format(f"referrer_id = {cora}")) == {"anna": 1, "berta": 1, "cora": 1}
    assert marks_of(house, change.format(f"merged_into_id = {berta}, referrer_id = NULL")) == {
        "anna": 1,
        "berta": 1,
        "cora": 1,
    }


def test_a_row_below_a_customers_row_marks_that_customer(house: House) -> None:
    create("staff_skill", staff_id=house.ids["therapist_staff"], service_id=_service())
    booking = {
        "customer": house.ids["anna"],
        "store": house.ids["first"],
        "starts_at": NOON + timedelta(days=1),
        "services": [{"service": _service(), "staff": None}],
    }
    with time_machine.travel(NOON):
        perform(Name.BOOK, booking, actor=SYSTEM)
    segment = db.session.scalars(select(Segment)).one()
    row = segment.id
    db.session.rollback()
    assert marks_of(house, f"UPDATE segment SET asked_for = NOT asked_for WHERE id = {row}") == {"anna": 1}
    copy = "staff_id, service_id, asked_for, starts_at, busy_until, ends_at, version"
    statement = f"INSERT INTO segment (id, appointment_id, {copy}) SELECT 900, appointment_id, {copy} FROM segment"
    assert marks_of(house, statement) == {"anna": 1}
    assert marks_of(house, "DELETE FROM segment WHERE id = 900") == {"anna": 1}


def _service() -> int:
    known = db.session.scalar(select(Service.id).where(Service.name == "补水"))
    return known or create("service", name="补水", price="298", busy_minutes=60)
