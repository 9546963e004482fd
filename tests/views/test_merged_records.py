"""Two records of one person are one person everywhere: lists, pages, the call list, the therapist's day, tags, tier."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, update

from admin_app.calling import calls
from admin_app.evaluation import evaluate
from admin_app.frames import frame_of
from admin_app.holdings import tier_held
from admin_app.operations.kernel import perform
from admin_app.operations.merged_standing import MOVED
from admin_app.rulebook import access_for
from models.actor import SYSTEM
from models.booking import Appointment, AppointmentStatus
from models.care import FollowUp
from models.customers import Customer
from models.entity import Entity, db, entities
from models.field import Kind
from models.names import Name
from models.sales import Visit
from models.standing import CustomerTag, Membership, Tag, Task
from rules.evaluation.sources import facts_of
from rules.language.facts import fact_named
from tests import factory
from tests.cast import NOON, TODAY, create, raw_operation
from tests.conftest import House
from tests.views.pages import rows_linked, words
from tests.views.salon_day import MORNING, booked, done, service
from views.listing import read_listing
from views.related import related_tab, related_to


def merge(house: House, lost: str = "cora", kept: str = "anna") -> None:
    data = {"customer": house.ids[lost], "into": house.ids[kept], "why": "同一人"}
    perform(Name.MERGE_CUSTOMERS, data, actor=house.actor("owner"))


def about_customers() -> list[type[Entity]]:
    """Every entity whose rows are a customer's."""
    return [
        entity
        for entity in entities()
        if any(one.kind is Kind.REFERENCE and one.target == "customer" for one in entity.fields().values())
        and entity is not Customer
    ]


def test_each_entity_with_a_customer_reads_through_the_record_that_stays(sqlite_house: House) -> None:
    house, rows = sqlite_house, factory.fill(sqlite_house)
    with raw_operation():
        over = {"status": AppointmentStatus.FINISHED}
        db.session.execute(update(Appointment).values(over))
    merge(house)
    access = access_for(house.actor("owner"))
    anna, cora = house.ids["anna"], house.ids["cora"]
    tabs = {
        (one.entity, one.by.name): {row.id for row in tab.rows}
        for one in related_to(Customer, anna, access)
        if (tab := related_tab(Customer, anna, access, one.key)) is not None
    }
    looked_at = 0
    for entity in about_customers():
        name, field = entity.named(), "customer_id"
        both = {rows[name][side] for side in factory.SIDES}
        if entity in MOVED:
            live = (entity.fields()[field].column == cora, entity.fields()["archived_at"].column.is_(None))
            assert db.session.scalars(select(entity.id).where(*live)).all() == [], f"{name} moves"
        if entity.screen is None:
            continue
        listing = read_listing(entity, access, {field: str(anna), "archived": "all"})
        listing.size = 100
        found = {row.id for row in listing.rows()[0]}
        assert not listing.faults
        assert both <= found, f"the list of {name}"
        assert both <= tabs[entity, field], f"the tab of {name}"
        looked_at += 1
    assert looked_at >= 25


@pytest.fixture
def pair(sqlite_house: House) -> House:
    """Anna, and Berta who is the same person: gold by import, treated, with a task and a follow-up due today, a tag."""
    house, ids = sqlite_house, sqlite_house.ids
    ids["peel"] = create("service", name="焕肤", price="298", busy_minutes=60, follow_up_days="1")
    with time_machine.travel(NOON - timedelta(days=1)):
        visit = {"customer_id": ids["berta"], "store_id": ids["first"], "business_day": TODAY - timedelta(1)}
        with raw_operation():
            db.session.add(Visit(**visit, arrived_at=NOON - timedelta(days=1)))
        given = {"customer": ids["berta"], "service": ids["peel"], "staff": ids["therapist_staff"]}
        perform(Name.RECORD_TREATMENT, {**given, "store": ids["first"], "advice": "防晒"}, actor=SYSTEM)
    tag = db.session.scalars(select(Tag.id).order_by(Tag.id)).first()
    perform(Name.TAG_CUSTOMERS, {"customers": [ids["berta"]], "tag": tag}, actor=house.actor("owner"))
    ids["tag"] = tag or 0
    with raw_operation():
        gold = {"tier": "gold", "since": TODAY, "valid_until": TODAY + timedelta(365)}
        db.session.add(Membership(customer_id=ids["berta"], **gold))
        db.session.add(Membership(customer_id=ids["anna"], tier="silver", since=TODAY))
        todo = {"source": "by_hand", "occasion": "x", "text": "送生日券", "to_role": "reception", "due_on": TODAY}
        db.session.add(Task(customer_id=ids["berta"], **todo))
    return house


def test_after_a_merge_and_a_full_evaluation_she_is_one_person(pair: House) -> None:
    anna, berta = pair.ids["anna"], pair.ids["berta"]
    merge(pair, "berta", "anna")
    with time_machine.travel(NOON):
        evaluate(TODAY, full=True, actor=SYSTEM)
        db.session.rollback()
        held = tier_held(db.session(), anna)
        assert held is not None
        assert held.tier == "gold"
        assert tier_held(db.session(), berta) is None
        days = fact_named("days_since_visit")
        assert days is not None
        facts = facts_of(frame_of(db.session(), TODAY, lambda column: column == anna), [days])
        assert db.session.execute(select(facts.c.days_since_visit)).scalars().all() == [1]
        for number in ("V001", "V002", "13900000001", "13900000002", "贝塔", "安娜"):
            assert found_by(pair, number) == [anna], number
        [call] = [
            one for one in calls(db.session(), access_for(pair.actor("reception")), TODAY) if one.customer_id == anna
        ]
        assert {reason.why.value for reason in call.reasons} >= {"task", "follow_up"}
        page = pair.browser("owner").get(f"/customer/details/?id={anna}").text
        for said in ("送生日券", "防晒"):
            assert said in page
        tagged = db.session.scalars(
            select(CustomerTag.tag_id).where(CustomerTag.customer_id == anna, CustomerTag.until.is_(None))
        )
        assert pair.ids["tag"] in set(tagged)
        therapist = words(pair.browser("therapist").get("/my-day").text)
        assert "安娜" in therapist, "she asks how the treatment went"
        assert db.session.scalars(select(FollowUp.customer_id)).all() == [anna]


def found_by(house: House, said: str) -> list[int]:
    browser = house.browser("owner")
    answer = browser.post("/customer/", {"q": said})
    page = browser.get(answer.location).text if answer.status_code == 302 else answer.text
    return rows_linked(page, "customer")


def test_an_exact_look_up_by_an_old_number_opens_the_record_that_stays(sqlite_house: House) -> None:
    merge(sqlite_house, "cora", "anna")
    for number in ("13900000003", "V003"):
        answer = perform(Name.LOOK_UP_CUSTOMER, {"number": number}, actor=sqlite_house.actor("reception"))
        assert answer["id"] == sqlite_house.ids["anna"]


def test_the_page_of_a_merged_record_leads_to_the_one_that_stays(sqlite_house: House) -> None:
    merge(sqlite_house)
    answer = sqlite_house.browser("owner").get(f"/customer/details/?id={sqlite_house.ids['cora']}")
    assert (answer.status_code, answer.location) == (302, f"/customer/details/?id={sqlite_house.ids['anna']}")


def test_whoever_sees_one_record_of_a_person_sees_what_belongs_to_all(sqlite_house: House) -> None:
    """Cora of the second store was treated there; her record is merged into Anna's, who is the consultant's."""
    house = sqlite_house
    with raw_operation():
        visit = Visit(customer_id=house.ids["cora"], store_id=house.ids["second"], business_day=TODAY)
        db.session.add(visit)
        db.session.flush()
        number = visit.id
    merge(house)
    access = access_for(house.actor("consultant"))
    assert db.session.scalar(select(Visit.id).where(access.rows(Visit))) == number
    assert db.session.scalar(select(Customer.id).where(Customer.id == house.ids["anna"], access.rows(Customer)))


def test_pages_of_the_day_read_finished_and_cancelled_bookings_through_the_record_that_stays(
    sqlite_house: House,
) -> None:
    house, ids = sqlite_house, sqlite_house.ids
    with time_machine.travel(MORNING, tick=False):
        of = service(house)
        over, off = booked(house, of, 10, "berta"), booked(house, of, 12, "berta")
        for name in (Name.ARRIVE, Name.FINISH_VISIT):
            done(house, name, booking=over)
        done(house, Name.CANCEL_BOOKING, booking=off)
        merge(house, "berta", "anna")
        my_day = house.browser("therapist").get("/my-day").text
        day = house.browser("owner").get(f"/bookings?store={ids['first']}").text
    assert db.session.get_one(Appointment, over).customer_id == ids["berta"]
    for page in (my_day, day):
        assert "安娜" in words(page)
        assert "贝塔" not in words(page)
    for page, act in ((my_day, "record_treatment"), (day, "sell")):
        assert set(re.findall(rf"/do/{act}/\?on=(\d+)", page)) == {str(ids["anna"])}


def test_erasing_a_person_erases_all_her_records(sqlite_house: House) -> None:
    house = sqlite_house
    merge(house)
    gone: dict[str, Any] = {"customer": house.ids["anna"], "confirm": "安娜", "why": "依法删除"}
    perform(Name.ERASE_CUSTOMER, gone, actor=house.actor("owner"))
    db.session.rollback()
    records = db.session.scalars(select(Customer).where(Customer.id.in_([house.ids["anna"], house.ids["cora"]]))).all()
    assert [(row.phone, row.member_no, row.erased_at is None) for row in records] == [(None, None, False)] * 2


def test_what_both_records_have_is_there_once(sqlite_house: House) -> None:
    house, ids = sqlite_house, sqlite_house.ids
    tag = db.session.scalars(select(Tag.id).order_by(Tag.id)).first()
    for who in ("anna", "cora"):
        perform(Name.TAG_CUSTOMERS, {"customers": [ids[who]], "tag": tag}, actor=house.actor("owner"))
        create("relation", customer_id=ids[who], other_id=ids["berta"], kind="friend")
        care = {"customers": [ids[who]], "staff": ids["consultant_staff"], "care_role": "consultant"}
        perform(Name.ASSIGN_CUSTOMERS, care, actor=SYSTEM)
    create("relation", customer_id=ids["cora"], other_id=ids["anna"], kind="friend")
    merge(house)
    tags = select(CustomerTag).where(CustomerTag.customer_id == ids["anna"], CustomerTag.until.is_(None))
    assert len(db.session.scalars(tags).all()) == 1
