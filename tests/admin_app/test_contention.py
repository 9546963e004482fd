"""No conflict, ever: four processes want the same therapist at the same time, in two stores; one of them gets her."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import func, insert, select, text

from admin_app.operations.kernel import business_day, now
from models.booking import Appointment, BookingClaim, Resource
from models.customers import Customer
from models.entity import db, table_of
from models.log import EntryKind, Operation
from models.names import Name
from tests.admin_app import at_work
from tests.admin_app.houses import faults
from tests.cast import TODAY, raw_operation
from tests.conftest import WIDE, House
from tests.menu import build_menu
from tests.processes import Process, barrier

PROCESSES, GROUPS, TRIES = 4, 100 if WIDE else 25, 25
BOOKINGS, PEOPLE = 16, 10
"""Groups of times that are booked, and how many customers each process has who want each."""

OVERLAPS = text(
    "SELECT count(*) FROM booking_claim a JOIN booking_claim b ON b.resource_id = a.resource_id AND b.id > a.id"
    " AND b.starts_at < a.ends_at AND b.ends_at > a.starts_at WHERE a.archived_at IS NULL AND b.archived_at IS NULL"
)


def times(house: House, count: int, a_day: int) -> list[datetime]:
    """Beginnings two hours apart, from tomorrow's opening on."""
    zone = house.settings.zone
    day = business_day(now()) + timedelta(days=1)
    first = [datetime.combine(day + timedelta(days=n), time(10), zone) for n in range(count)]
    return [at + timedelta(hours=2 * part) for at in first for part in range(a_day)][:count]


def wanted(house: House) -> dict[str, Any]:
    menu = build_menu(house.ids)
    with raw_operation():
        made = insert(table_of(Resource)).values(staff_id=house.ids["therapist_staff"]).returning(Resource.id)
        resource = db.session.execute(made).scalar_one()
    stores = (house.ids["first"], house.ids["second"])
    staff = house.ids["therapist_staff"]
    ids = {"customer": house.ids["anna"], "service": menu["facial"], "staff": staff, "resource": resource}
    return {**ids, "stores": stores}


def test_thousands_of_claims_on_one_therapist_one_winner_each_time(house: House) -> None:
    """Written straight against the database's own rule, in two stores, at times that overlap in many ways."""
    groups = times(house, GROUPS, 4)
    args = (wanted(house), groups, TRIES)
    db.session.remove()
    start = barrier(PROCESSES)
    workers = [Process(house.settings, at_work.claim, start, number, *args) for number in range(PROCESSES)]
    tried, won = 0, Counter[int]()
    for worker in workers:
        attempts, winners = worker.said()
        tried += attempts
        won.update(winners)
        assert worker.end() == 0
    assert tried == PROCESSES * GROUPS * TRIES
    assert won == dict.fromkeys(range(GROUPS), 1), "one winner each time"
    assert db.session.scalar(OVERLAPS) == 0
    assert db.session.scalar(select(func.count()).select_from(BookingClaim)) == GROUPS
    assert faults() == []


def asked(house: House, menu: dict[str, int], number: int) -> list[tuple[int, dict[str, Any]]]:
    """What the customers of one process want: the therapist, in the process's store, at overlapping times."""
    store = house.ids[("first", "second")[number % 2]]
    people = [10_000 + PEOPLE * number + n for n in range(PEOPLE)]
    values = {"store_id": store, "registered_on": TODAY}
    with raw_operation():
        rows = [{"id": n, "name": f"客{n}", "public_id": f"p{n}", **values} for n in people]
        db.session.execute(insert(table_of(Customer)), rows)
    found = []
    for group, opens in enumerate(times(house, BOOKINGS, 4)):
        for turn, customer in enumerate(people):
            begins = opens + at_work.OFFSETS[(number + turn) % len(at_work.OFFSETS)]
            services = [{"service": menu["facial"], "staff": house.ids["therapist_staff"] if turn % 2 else None}]
            data = {"customer": customer, "store": store, "starts_at": begins, "services": services}
            found.append((group, data))
    return found


def test_six_hundred_bookings_one_winner_a_slot_and_the_others_are_told_when(house: House) -> None:
    menu = build_menu(house.ids)
    work = [asked(house, menu, number) for number in range(PROCESSES)]
    db.session.remove()
    start = barrier(PROCESSES)
    workers = [Process(house.settings, at_work.book, start, one) for one in work]
    answers = [answer for worker in workers for answer in worker.everything()]
    assert [worker.end() for worker in workers] == [0] * PROCESSES
    booked = Counter(group for group, code, _ in answers if code == "booked")
    assert len(answers) == PROCESSES * BOOKINGS * PEOPLE >= 600
    assert booked == dict.fromkeys(range(BOOKINGS), 1)
    refused = [said for _, code, said in answers if code == "taken"]
    assert len(refused) == len(answers) - BOOKINGS, "every other one was told that it is taken"
    assert all("员工therapist" in said for said in refused), "by name"
    assert all(len(re.findall(r"\d\d:\d\d", said)) == 3 for said in refused), "and the three nearest free times"
    assert db.session.scalar(OVERLAPS) == 0
    assert db.session.scalar(select(func.count()).select_from(Appointment)) == BOOKINGS
    of_book = select(func.count()).select_from(Operation).where(Operation.name == Name.BOOK)
    assert db.session.scalar(of_book.where(Operation.kind == EntryKind.REFUSAL)) == len(refused)
    assert faults() == []
