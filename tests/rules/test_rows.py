"""Which rows exist for somebody: a look-up opens one customer for a while, and each hears what is meant for her."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from admin_app.operations.customers import AssignInput, LookUpInput
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Missing
from admin_app.rulebook import access_for
from models.actor import SYSTEM, Actor, ActorKind
from models.booking import Appointment, AppointmentSource, AppointmentStatus, Segment
from models.care import Treatment
from models.customers import CareRole, Contraindication, Customer
from models.entity import db
from models.log import Operation
from models.names import Name
from models.organisation import Staff
from models.sales import Visit, VisitSource
from models.standing import Alert, Task
from rules.decisions.access import LOOK_UP_LASTS, Access
from rules.documents.roles import RolesDocument
from rules.language.reading import read_document
from tests.cast import NOON, TODAY, create, raw_operation
from tests.conftest import House
from tests.rules.texts import SHIPPED, replaced
from tests.salon_day import Salon

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)


def roles(text: str) -> RolesDocument:
    return read_document(RolesDocument, text, "rules/roles.yaml")


# ------------------------------------------------------------------------------------------------ rows: look-ups


def access_at(actor: Actor, moment: datetime) -> Access:
    return replace(access_for(actor), now=moment)


def seen(found: Access) -> set[int]:
    return set(db.session.scalars(select(Customer.id).where(found.rows(Customer))))


def look_up(house: House, role: str, number: str = "V003") -> datetime:
    """Cora belongs to the second store; when she was looked up."""
    perform(Name.LOOK_UP_CUSTOMER, LookUpInput(number=number), actor=house.actor(role))
    query = select(Operation.at).where(Operation.name == Name.LOOK_UP_CUSTOMER.value).order_by(Operation.id.desc())
    at = db.session.scalars(query.limit(1)).one()
    db.session.rollback()
    return at


@pytest.mark.parametrize(
    ("later", "open_"),
    [
        (timedelta(0), True),
        (timedelta(minutes=29, seconds=59), True),
        (LOOK_UP_LASTS, True),
        (LOOK_UP_LASTS + timedelta(milliseconds=1), False),
        (timedelta(days=1), False),
    ],
)
def test_a_look_up_opens_a_customer_for_half_an_hour(house: House, later: timedelta, open_: bool) -> None:
    at = look_up(house, "reception")
    assert (house.ids["cora"] in seen(access_at(house.actor("reception"), at + later))) is open_


def test_a_look_up_opens_what_is_hers_to_nobody_else(house: House) -> None:
    at = look_up(house, "reception")
    assert house.ids["cora"] not in seen(access_at(house.actor("manager"), at))
    assert house.ids["cora"] not in seen(access_at(house.actor("reception", id=999), at))
    assert house.ids["cora"] not in seen(access_at(replace(house.actor("reception"), kind=ActorKind.TOKEN), at))


def test_a_look_up_of_one_opens_no_other(house: House) -> None:
    at = look_up(house, "consultant", "V002")
    found = seen(access_at(house.actor("consultant"), at))
    assert found == {house.ids["anna"], house.ids["berta"]}


def test_a_look_up_opens_her_rows_too(house: House) -> None:
    with raw_operation():
        danger = Contraindication(customer_id=house.ids["cora"], kind="allergy")
        db.session.add(danger)
        db.session.flush()
        number = danger.id
    actor = house.actor("reception")
    at = look_up(house, "reception")
    for moment, rows in ((at, {number}), (at + timedelta(hours=1), set())):
        found = access_at(actor, moment).rows(Contraindication)
        assert set(db.session.scalars(select(Contraindication.id).where(found))) == rows


def test_a_look_up_that_found_nobody_opens_nobody(house: House) -> None:
    with pytest.raises(Missing):
        perform(Name.LOOK_UP_CUSTOMER, LookUpInput(number="V9"), actor=house.actor("reception"))
    assert house.ids["cora"] not in seen(access_for(house.actor("reception")))


def test_who_may_no_longer_look_up_sees_no_more_of_it(house: House) -> None:
    at = look_up(house, "reception")
    text = replaced("roles", "      - look_up_customer\n      - record_consent\n", "      - record_consent\n")
    assert text.count("look_up_customer") == 2
    without = Access(house.actor("reception"), roles(text), at)
    assert house.ids["cora"] not in seen(without)


# -------------------------------------------------------------------------------------------- rows: who hears what


def alerts_for(house: House, said: str) -> set[str]:
    """The roles whose alerts somebody sees who sees her store and of whom this is said."""
    document = roles(
        f"version: 1\nroles:\n  - {{id: reception, name: R, may: {{alert: [view], task: [view]}}, {said}}}\n"
    )
    found = Access(house.actor("reception"), document, NOW)
    told = {alert.to_role for alert in db.session.scalars(select(Alert).where(found.rows(Alert)))}
    asked = {task.to_role for task in db.session.scalars(select(Task).where(found.rows(Task)))}
    assert told == asked
    return told


@pytest.fixture
def told(house: House) -> House:
    """An alert and a task for each of three roles, about Berta of her store and about Cora of another."""
    with raw_operation():
        for role in ("reception", "consultant", "manager"):
            for customer in ("berta", "cora"):
                values = {"source": "x", "occasion": f"{role}:{customer}", "text": "x", "to_role": role}
                values["customer_id"] = house.ids[customer]
                db.session.add(Alert(**values, raised_at=NOW))
                db.session.add(Task(**values, due_on=NOW.date()))
    return house


def test_each_hears_her_own(told: House) -> None:
    assert alerts_for(told, "sees: store") == {"reception"}


def test_some_hear_others_too(told: House) -> None:
    assert alerts_for(told, "sees: store, hears: [consultant]") == {"reception", "consultant"}


def test_some_hear_everything(told: House) -> None:
    assert alerts_for(told, "sees: store, hears: ['*']") == {"reception", "consultant", "manager"}


def test_whoever_hears_everything_still_hears_it_of_her_own_customers_only(told: House) -> None:
    document = roles(SHIPPED["roles"])
    found = Access(told.actor("manager"), document, NOW)
    customers = {alert.customer_id for alert in db.session.scalars(select(Alert).where(found.rows(Alert)))}
    assert customers == {told.ids["berta"]}
    assert alerts_for(told, "sees: assigned, hears: ['*']") == set()


def test_an_alert_about_one_of_the_staff_goes_to_her_own_store(house: House) -> None:
    """Nobody's customer, and somebody of the staff: who sees one store hears of its staff, who sees all of all."""
    with raw_operation():
        for staff in ("therapist_staff", "other_staff"):
            values = {"source": "x", "occasion": staff, "text": staff, "to_role": "manager", "raised_at": NOW}
            db.session.add(Alert(**values, staff_id=house.ids[staff]))
        db.session.add(Alert(source="x", occasion="x", text="nobody", to_role="manager", raised_at=NOW))

    def heard(role: str) -> set[str]:
        found = Access(house.actor(role), roles(SHIPPED["roles"]), NOW)
        return set(db.session.scalars(select(Alert.text).where(found.rows(Alert))))

    assert heard("manager") == {"therapist_staff", "nobody"}
    assert heard("owner") == {"therapist_staff", "other_staff", "nobody"}


def test_whoever_may_not_see_alerts_hears_none(told: House) -> None:
    document = roles("version: 1\nroles:\n  - {id: reception, name: R, sees: all, hears: ['*']}\n")
    found = Access(told.actor("reception"), document, NOW)
    assert db.session.scalars(select(Alert.id).where(found.rows(Alert))).all() == []


# ------------------------------------------------------------------------------- who is assigned, was served, came


def assign(house: House, customer: str, staff: str) -> None:
    data = AssignInput(customers=[house.ids[customer]], staff=house.ids[staff], care_role=CareRole.CONSULTANT)
    perform(Name.ASSIGN_CUSTOMERS, data, actor=SYSTEM)
    db.session.rollback()


def seen_by(house: House, role: str) -> set[str]:
    """Who of the cast's customers exists for somebody."""
    found = seen(access_for(house.actor(role)))
    return {name for name in ("anna", "berta", "cora") if house.ids[name] in found}


def test_whom_somebody_else_looks_after_is_not_seen(sqlite_house: House) -> None:
    assign(sqlite_house, "cora", "other_staff")
    assert seen_by(sqlite_house, "consultant") == {"anna"}
    assign(sqlite_house, "anna", "other_staff")
    assert seen_by(sqlite_house, "consultant") == set()


def test_a_store_sees_whom_its_staff_look_after(sqlite_house: House) -> None:
    assign(sqlite_house, "cora", "other_staff")
    assert seen_by(sqlite_house, "reception") == {"anna", "berta"}
    assign(sqlite_house, "cora", "consultant_staff")
    assert seen_by(sqlite_house, "reception") == {"anna", "berta", "cora"}
    assign(sqlite_house, "cora", "other_staff")
    assert seen_by(sqlite_house, "reception") == {"anna", "berta"}


@pytest.mark.parametrize(("store", "comes"), [("first", True), ("second", False)])
def test_a_store_sees_who_came_to_it(sqlite_house: House, store: str, comes: bool) -> None:
    with raw_operation():
        place = {"customer_id": sqlite_house.ids["cora"], "store_id": sqlite_house.ids[store], "business_day": TODAY}
        db.session.add(Visit(**place, arrived_at=NOON, source=VisitSource.WALK_IN))
    assert ("cora" in seen_by(sqlite_house, "reception")) is comes


def test_who_was_served_is_seen_by_who_served(sqlite_house: House) -> None:
    salon = Salon(sqlite_house)
    by_another = salon.line("hydra", performer=salon.ids["manager_staff"])
    salon.sell(by_another, customer="cora", role="owner")
    assert seen_by(sqlite_house, "therapist") == {"anna"}
    salon.sell("hydra", customer="berta")
    assert seen_by(sqlite_house, "therapist") == {"anna", "berta"}
    assert seen_by(sqlite_house, "consultant") == {"anna"}


def test_who_was_treated_is_seen_by_who_treated(sqlite_house: House) -> None:
    place = {"store_id": sqlite_house.ids["first"], "business_day": TODAY}
    place["service_id"] = create("service", name="护理", price="298", busy_minutes="45")
    with raw_operation():
        for customer, staff in (("berta", "therapist_staff"), ("cora", "other_staff")):
            who = {"customer_id": sqlite_house.ids[customer], "staff_id": sqlite_house.ids[staff]}
            db.session.add(Treatment(**who, **place))
    assert seen_by(sqlite_house, "therapist") == {"anna", "berta"}


# --------------------------------------------------------------------------------------------------- who is booked


def booked(house: House, status: str = "booked", staff: str = "therapist_staff", moved: bool = False) -> None:
    """Berta comes at noon to somebody."""
    service = create("service", name="护理", price="298", busy_minutes="45")
    until = NOON + timedelta(minutes=45)
    with raw_operation():
        place = {"customer_id": house.ids["berta"], "store_id": house.ids["first"], "business_day": TODAY}
        over = TODAY if status in {"cancelled", "no_show"} else None
        times = {"starts_at": NOON, "ends_at": until, "booked_on": TODAY, "ended_on": over}
        row = Appointment(**place, **times, source=AppointmentSource.PHONE, status=AppointmentStatus(status))
        db.session.add(row)
        db.session.flush()
        served = {"appointment_id": row.id, "service_id": service, "staff_id": house.ids[staff]}
        times = {"starts_at": NOON, "busy_until": until, "ends_at": until, "archived_at": NOON if moved else None}
        db.session.add(Segment(**served, **times))


def test_whoever_is_booked_with_her_is_hers_to_see(house: House) -> None:
    therapist = access_for(house.actor("therapist"))
    assert house.ids["berta"] not in seen(therapist)
    booked(house)
    assert house.ids["berta"] in seen(therapist)
    assert db.session.scalars(select(Appointment.id).where(therapist.rows(Appointment))).all() != []


@pytest.mark.parametrize(
    "how", [{"status": "cancelled"}, {"status": "no_show"}, {"staff": "other_staff"}, {"moved": True}]
)
def test_a_booking_that_is_off_or_with_somebody_else_opens_nobody(house: House, how: dict[str, Any]) -> None:
    booked(house, **how)
    assert house.ids["berta"] not in seen(access_for(house.actor("therapist")))


def test_a_part_of_a_booking_is_seen_with_it_alone(sqlite_house: House) -> None:
    booked(sqlite_house)
    for store, many in (("first", 1), ("second", 0)):
        actor = sqlite_house.actor("reception", stores=frozenset({sqlite_house.ids[store]}))
        found = access_for(actor).rows(Segment)
        assert len(db.session.scalars(select(Segment.id).where(found)).all()) == many


def test_each_sees_the_staff_of_their_stores_and_themselves(sqlite_house: House) -> None:
    document = roles("version: 1\nroles:\n  - {id: therapist, name: T, sees: served, may: {staff: [view]}}\n")
    for store, others in (("first", {"reception_staff"}), ("second", {"other_staff"})):
        actor = sqlite_house.actor("therapist", stores=frozenset({sqlite_house.ids[store]}))
        found = set(db.session.scalars(select(Staff.id).where(Access(actor, document, NOW).rows(Staff))))
        assert sqlite_house.ids["therapist_staff"] in found
        for who in ("reception_staff", "other_staff"):
            assert (sqlite_house.ids[who] in found) is (who in others)


def test_a_booking_opens_nobody_to_a_consultant(house: House) -> None:
    booked(house, staff="consultant_staff")
    assert house.ids["berta"] not in seen(access_for(house.actor("consultant")))
