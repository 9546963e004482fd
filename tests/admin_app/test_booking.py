"""Bookings: placed where therapist, bed, device and customer are free together, and what becomes of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from admin_app.operations.refusals import Refused
from models.booking import (
    Appointment,
    AppointmentEvent,
    BookingClaim,
    ClosedPeriod,
    Resource,
    Segment,
    Waitlist,
)
from models.entity import db, entity_named
from models.log import Operation as LogEntry
from models.names import Name
from models.organisation import Shift, Staff, StaffSkill
from models.sales import Visit
from tests.cast import NOON, TODAY, create
from tests.salon_day import Salon

TOMORROW = NOON + timedelta(days=1)
"""Noon in the salon; it is open from ten to nine."""


def at(hours: float) -> datetime:
    """So many hours from tomorrow's noon."""
    return TOMORROW + timedelta(hours=hours)


@pytest.fixture
def desk(salon: Salon) -> Salon:
    """Two therapists of the first store who can give everything, one of the second; no room or device is needed."""
    salon.ids["amy"], salon.ids["bea"] = salon.ids["therapist_staff"], salon.ids["consultant_staff"]
    for who in ("amy", "bea", "other_staff"):
        for what in ("hydra", "eye"):
            create("staff_skill", staff_id=salon.ids[who], service_id=salon.ids[what])
    return salon


def wish(
    desk: Salon, starts_at: datetime, *services: tuple[str, str | None], customer: str = "anna", **values: Any
) -> dict[str, Any]:
    rows = [
        {"service": desk.ids[what], "staff": None if who is None else desk.ids[who]}
        for what, who in services or (("hydra", "amy"),)
    ]
    store = {"store": desk.ids["first"]}
    return {"customer": desk.ids[customer], "starts_at": starts_at, "services": rows, **store, **values}


def book(desk: Salon, *asked: Any, role: str = "reception", **values: Any) -> int:
    return int(desk.do(Name.BOOK, role=role, **wish(desk, *asked, **values))["id"])


def taken(desk: Salon, *asked: Any, role: str = "reception", **values: Any) -> str:
    """The sentence with which a wish is refused because something is taken."""
    asked_for = wish(desk, *asked, **values)
    assert desk.refused(Name.BOOK, role=role, **asked_for) == ("taken", "starts_at")
    return desk.said(Name.BOOK, role=role, **asked_for)


def make(desk: Salon, name: str, **values: Any) -> int:
    """A service that asks for more; Amy and Bea can give it."""
    desk.ids[name] = create("service", name=name, price="100", **{"busy_minutes": 60, **values})
    for who in ("amy", "bea"):
        create("staff_skill", staff_id=desk.ids[who], service_id=desk.ids[name])
    return desk.ids[name]


def staff_of(desk: Salon, booking: int) -> list[int]:
    return [row.staff_id for row in desk.rows(Segment, appointment_id=booking, archived_at=None)]


# ------------------------------------------------------------------------------------------------------- placed


def test_a_booking_claims_therapist_and_customer(desk: Salon) -> None:
    booking = book(desk, at(0))
    [row] = desk.rows(Appointment, id=booking)
    kept = (row.starts_at, row.ends_at, row.business_day, row.booked_on, row.status.value)
    assert kept == (at(0), at(1), TODAY + timedelta(1), TODAY, "booked")
    claims = desk.rows(BookingClaim)
    assert {(claim.starts_at, claim.ends_at) for claim in claims} == {(at(0), at(1))}
    resources = {claim.resource_id for claim in claims}
    held = [(one.staff_id, one.customer_id) for one in desk.rows(Resource) if one.id in resources]
    assert sorted(held, key=str) == sorted([(desk.ids["amy"], None), (None, desk.ids["anna"])], key=str)
    [event] = desk.rows(AppointmentEvent)
    assert (event.status.value, event.by) == ("booked", "用户reception")


def test_services_follow_each_other(desk: Salon) -> None:
    booking = book(desk, at(0), ("hydra", "amy"), ("eye", "bea"))
    spans = [(row.starts_at, row.ends_at, row.staff_id) for row in desk.rows(Segment)]
    assert spans == [(at(0), at(1), desk.ids["amy"]), (at(1), at(2), desk.ids["bea"])]
    assert desk.rows(Appointment, id=booking)[0].ends_at == at(2)


def test_a_therapist_is_taken_once_and_the_nearest_times_are_told(desk: Salon) -> None:
    book(desk, at(0))
    said = taken(desk, at(0.5), customer="berta")
    assert "员工therapist" in said
    assert "13:00、13:15、13:30" in said
    book(desk, at(1), customer="berta")
    book(desk, at(-1), customer="cora", role="owner")


def test_any_therapist_who_is_free_will_do(desk: Salon) -> None:
    first = book(desk, at(0), ("hydra", None))
    second = book(desk, at(0), ("hydra", None), customer="berta")
    assert sorted(staff_of(desk, first) + staff_of(desk, second)) == sorted([desk.ids["amy"], desk.ids["bea"]])
    assert [row.asked_for for row in desk.rows(Segment)] == [False, False]
    desk.ids["dora"] = create("customer", name="朵拉", store_id=desk.ids["first"])
    said = taken(desk, at(0), ("hydra", None), customer="dora")
    assert "13:00" in said


def test_a_customer_is_in_one_place_also_across_stores(desk: Salon) -> None:
    book(desk, at(0))
    taken(desk, at(0), ("hydra", "bea"))
    there = {"store": desk.ids["second"], "role": "owner"}
    taken(desk, at(0.5), ("hydra", "other_staff"), **there)
    book(desk, at(1), ("hydra", "other_staff"), **there)


def test_a_therapist_is_in_one_place_also_across_stores(desk: Salon) -> None:
    create("staff_store", staff_id=desk.ids["amy"], store_id=desk.ids["second"])
    book(desk, at(0))
    taken(desk, at(0), customer="cora", store=desk.ids["second"], role="owner")
    book(desk, at(1), customer="cora", store=desk.ids["second"], role="owner")


def test_she_is_free_while_a_mask_sets(desk: Salon) -> None:
    """Half an hour's work, then half an hour's rest: the next may begin in it, the same customer may not."""
    make(desk, "mask", busy_minutes=30, idle_minutes=30)
    book(desk, at(0), ("mask", "amy"))
    taken(desk, at(0.25), customer="berta")
    book(desk, at(0.5), customer="berta")
    taken(desk, at(0.5), ("hydra", "bea"))


def test_her_buffer_is_hers_and_the_customer_may_go(desk: Salon) -> None:
    make(desk, "strong", buffer_minutes=30)
    book(desk, at(0), ("strong", "amy"))
    taken(desk, at(1), customer="berta")
    book(desk, at(1), ("hydra", "bea"))
    book(desk, at(1.5), customer="berta")


# ----------------------------------------------------------------------------------------------- beds and devices


@pytest.fixture
def rooms(desk: Salon) -> Salon:
    """A body room with one bed that takes a quarter of an hour to make ready, and a service that needs it."""
    desk.ids["room"] = create("room", name="身体房", store_id=desk.ids["first"], kind="body", turnover_minutes=15)
    desk.ids["bed"] = create("bed", name="一号床", room_id=desk.ids["room"])
    facial = create("room", name="面部房", store_id=desk.ids["first"], kind="facial")
    create("bed", name="二号床", room_id=facial)
    make(desk, "spa", room_kind="body")
    return desk


def test_a_bed_is_of_the_right_room_and_made_ready_between_two(rooms: Salon) -> None:
    booking = book(rooms, at(0), ("spa", "amy"))
    assert [row.bed_id for row in rooms.rows(Segment, appointment_id=booking)] == [rooms.ids["bed"]]
    said = taken(rooms, at(1), ("spa", "bea"), customer="berta")
    assert "一号床" in said
    assert "13:15" in said
    book(rooms, at(1.25), ("spa", "bea"), customer="berta")


def test_two_beds_take_two(rooms: Salon) -> None:
    create("bed", name="三号床", room_id=rooms.ids["room"])
    book(rooms, at(0), ("spa", "amy"))
    book(rooms, at(0), ("spa", "bea"), customer="berta")
    assert len({row.bed_id for row in rooms.rows(Segment)}) == 2


def test_a_store_without_such_a_room_cannot(rooms: Salon) -> None:
    create("staff_skill", staff_id=rooms.ids["other_staff"], service_id=rooms.ids["spa"])
    asked = wish(rooms, at(0), ("spa", "other_staff"), store=rooms.ids["second"])
    assert rooms.refused(Name.BOOK, role="owner", **asked) == ("no_room", "services")


def test_a_device_is_taken_once(desk: Salon) -> None:
    make(desk, "laser", equipment_needed="脱毛仪")
    assert desk.refused(Name.BOOK, **wish(desk, at(0), ("laser", "amy"))) == ("no_equipment", "services")
    desk.ids["device"] = create("equipment", name="脱毛仪", store_id=desk.ids["first"])
    booking = book(desk, at(0), ("laser", "amy"))
    assert [row.equipment_id for row in desk.rows(Segment, appointment_id=booking)] == [desk.ids["device"]]
    assert "脱毛仪" in taken(desk, at(0.5), ("laser", "bea"), customer="berta")
    create("equipment", name="脱毛仪", store_id=desk.ids["first"], serial_number="2")
    book(desk, at(0.5), ("laser", "bea"), customer="berta")


# ------------------------------------------------------------------------------------------- who can, and when


def test_whoever_gives_it_has_the_skill_and_works_there(desk: Salon) -> None:
    desk.ids["untaught"] = create("service", name="没人会", price="1", busy_minutes=5)
    cases = [(("untaught", None),), (("untaught", "amy"),), (("hydra", "other_staff"),), (("hydra", "manager_staff"),)]
    named = ("skill", "services-0-staff")
    said = [desk.refused(Name.BOOK, role="owner", **wish(desk, at(0), *case)) for case in cases]
    assert said == [("skill", "services"), named, named, named]
    second = (("hydra", "amy"), ("hydra", "manager_staff"))
    assert desk.refused(Name.BOOK, **wish(desk, at(0), *second)) == ("skill", "services-1-staff")
    desk.do(Name.EDIT_ENTITY, role="owner", entity="staff", id=desk.ids["amy"], values={"left_on": str(TODAY)})
    assert desk.refused(Name.BOOK, **wish(desk, at(0))) == ("skill", "services-0-staff")


def shift(desk: Salon, who: str, begins: str, ends: str) -> list[int]:
    """Plan tomorrow's shift; the bookings that it breaks."""
    template = create(
        "shift_template", name=f"{who}{begins}", store_id=desk.ids["first"], starts_at=begins, ends_at=ends
    )
    day = TODAY + timedelta(1)
    staff = [desk.ids[who]]
    planned = {"staff": staff, "template": template, "first_day": day, "last_day": day}
    return desk.do(Name.PLAN_SHIFT, role="owner", **planned).get("broken_bookings", [])


def test_once_shifts_are_planned_only_who_has_one_works(desk: Salon) -> None:
    shift(desk, "amy", "10:00", "13:00")
    book(desk, at(0))
    taken(desk, at(0.25), ("hydra", "bea"), customer="berta")
    taken(desk, at(0.25), customer="berta")
    assert "11:00" in taken(desk, at(1), customer="berta")


def test_who_is_on_leave_is_away(desk: Salon) -> None:
    desk.do(Name.RECORD_LEAVE, role="owner", staff=desk.ids["amy"], kind="sick", starts_at=at(-2), ends_at=at(1))
    taken(desk, at(0.25))
    book(desk, at(1))


@pytest.mark.parametrize("who", [None, "amy"])
def test_a_closed_period_is_everybodys_or_one_persons(desk: Salon, who: str | None) -> None:
    whose = {} if who is None else {"staff_id": desk.ids[who]}
    span = {"starts_at": at(0), "ends_at": at(2)}
    create("closed_period", store_id=desk.ids["first"], reason="盘点", **span, **whose)
    taken(desk, at(0))
    if who is None:
        taken(desk, at(0), ("hydra", "bea"))
    else:
        book(desk, at(0), ("hydra", "bea"))
    book(desk, at(2), ("hydra", "amy"), customer="berta")


def test_a_holiday_takes_no_bookings(desk: Salon) -> None:
    holidays = {"holidays": [str(TODAY + timedelta(1))]}
    desk.do(Name.EDIT_ENTITY, role="owner", entity="store", id=desk.ids["first"], values=holidays)
    taken(desk, at(0))
    book(desk, at(24))


@pytest.mark.parametrize(
    "starts_at",
    [
        at(-2.25),
        at(8.25),
        at(0) + timedelta(minutes=5),
        NOON - timedelta(minutes=15),
        NOON + timedelta(days=91),
    ],
    ids=["before opening", "not done by closing", "between two steps", "past", "too far ahead"],
)
def test_it_is_within_hours_at_full_steps_and_not_too_far_ahead(desk: Salon, starts_at: datetime) -> None:
    taken(desk, starts_at)


@pytest.mark.parametrize("starts_at", [at(-2), at(8), NOON + timedelta(minutes=15), NOON + timedelta(days=89)])
def test_the_first_and_the_last_time_of_a_day_are_good(desk: Salon, starts_at: datetime) -> None:
    book(desk, starts_at)


@pytest.mark.usefixtures("in_english")
def test_nothing_free_on_the_day_is_said(desk: Salon) -> None:
    create("closed_period", store_id=desk.ids["first"], reason="装修", starts_at=at(-12), ends_at=at(12))
    assert "Nothing is free on this day" in taken(desk, at(0))


# -------------------------------------------------------------------------------------------- what becomes of it


def become(desk: Salon, name: Name, booking: int, **values: Any) -> dict[str, Any]:
    return desk.do(name, booking=booking, **values)


def refused(desk: Salon, name: Name, booking: int, **values: Any) -> tuple[str, str | None]:
    return desk.refused(name, booking=booking, **values)


def live(desk: Salon) -> int:
    return len(desk.rows(BookingClaim, archived_at=None))


def test_a_booking_is_confirmed(desk: Salon) -> None:
    booking = book(desk, at(0))
    become(desk, Name.CONFIRM_BOOKING, booking)
    assert desk.rows(Appointment)[0].status.value == "confirmed"
    assert [row.status.value for row in desk.rows(AppointmentEvent)] == ["booked", "confirmed"]


def test_a_booking_moves_also_over_its_own_time(desk: Salon) -> None:
    booking = book(desk, at(0), ("hydra", "amy"), ("eye", "bea"))
    become(desk, Name.MOVE_BOOKING, booking, starts_at=at(0.5), reason="她会晚到")
    [row] = desk.rows(Appointment)
    assert (row.starts_at, row.ends_at, row.status.value) == (at(0.5), at(2.5), "booked")
    assert staff_of(desk, booking) == [desk.ids["amy"], desk.ids["bea"]]
    assert live(desk) == 4
    book(desk, at(-0.5), customer="berta")
    become(desk, Name.MOVE_BOOKING, booking, starts_at=at(26), staff=desk.ids["bea"])
    assert staff_of(desk, booking) == [desk.ids["bea"], desk.ids["bea"]]
    assert desk.rows(Appointment)[0].business_day == TODAY + timedelta(2)


def test_moving_does_not_make_a_therapist_one_asked_for_by_name(desk: Salon) -> None:
    booking = book(desk, at(0), ("hydra", "amy"), ("eye", None))
    become(desk, Name.MOVE_BOOKING, booking, starts_at=at(1))
    rows = desk.rows(Segment, appointment_id=booking, archived_at=None)
    assert [(row.staff_id, row.asked_for) for row in rows] == [(desk.ids["amy"], True), (desk.ids["amy"], False)]
    become(desk, Name.MOVE_BOOKING, booking, starts_at=at(1), staff=desk.ids["bea"])
    rows = desk.rows(Segment, appointment_id=booking, archived_at=None)
    assert [(row.staff_id, row.asked_for) for row in rows] == [(desk.ids["bea"], False)] * 2


def test_two_services_of_one_visit_stay_on_one_bed(desk: Salon) -> None:
    """Bed and therapist are made ready once, after the last of them."""
    room = create("room", name="身体房", store_id=desk.ids["first"], kind="body", turnover_minutes=15)
    bed = create("bed", name="床", room_id=room)
    for name in ("neck", "spa"):
        make(desk, name, room_kind="body", buffer_minutes=10)
    book(desk, at(0), ("neck", "amy"), ("spa", "amy"))
    [resource] = desk.rows(Resource, bed_id=bed)
    claims = [(one.starts_at, one.ends_at) for one in desk.rows(BookingClaim, resource_id=resource.id)]
    assert claims == [(at(0), at(1)), (at(1), at(2.25))]
    [amy] = desk.rows(Resource, staff_id=desk.ids["amy"])
    ends = [one.ends_at for one in desk.rows(BookingClaim, resource_id=amy.id)]
    assert ends == [at(1), at(2) + timedelta(minutes=10)]


# ---------------------------------------------------------------------------------------- archived, left, on leave


def put_away(desk: Salon, entity: str, row: int) -> dict[str, Any]:
    return desk.do(Name.ARCHIVE_ENTITY, role="owner", entity=entity, id=row)


@pytest.mark.parametrize(
    ("entity", "row", "field"),
    [
        ("customer", "anna", "customer"),
        ("service", "hydra", "services-0-service"),
        ("staff", "amy", "services-0-staff"),
    ],
)
def test_what_was_archived_is_not_booked(desk: Salon, entity: str, row: str, field: str) -> None:
    put_away(desk, entity, desk.ids[row])
    assert desk.refused(Name.BOOK, role="owner", **wish(desk, at(0))) == ("archived", field)
    waiting = {"customer": desk.ids["anna"], "service": desk.ids["hydra"], "staff": desk.ids["amy"]}
    asked = {**waiting, "wanted_on": TODAY, "store": desk.ids["first"]}
    assert desk.refused(Name.WAIT_FOR_TIME, role="owner", **asked) == ("archived", field.rsplit("-", maxsplit=1)[-1])


def test_a_booking_of_an_archived_therapist_moves_to_somebody_else(desk: Salon) -> None:
    booking = book(desk, at(0))
    put_away(desk, "staff", desk.ids["amy"])
    moved = {"booking": booking, "starts_at": at(1)}
    assert desk.refused(Name.MOVE_BOOKING, **moved) == ("archived", "staff")
    desk.do(Name.MOVE_BOOKING, **moved, staff=desk.ids["bea"])


def test_who_cannot_give_it_is_named_with_the_reason(desk: Salon) -> None:
    def why(person: str) -> str:
        with pytest.raises(Refused) as refused:
            desk.do(Name.BOOK, role="owner", **wish(desk, at(0), ("hydra", person)))
        return str(refused.value)

    assert "二店美容师不在本店" in why("other_staff")
    assert "员工manager不做" in why("manager_staff")


def test_whoever_was_erased_is_not_booked_and_her_booking_is_not_moved(desk: Salon) -> None:
    booking = book(desk, at(0))
    gone = {"customer": desk.ids["anna"], "confirm": "安娜", "why": "依法删除"}
    assert desk.do(Name.ERASE_CUSTOMER, role="owner", **gone)["broken_bookings"] == [booking]
    assert desk.refused(Name.BOOK, role="owner", **wish(desk, at(3))) == ("erased", "customer")
    moved = {"booking": booking, "starts_at": at(1)}
    assert desk.refused(Name.MOVE_BOOKING, role="owner", **moved) == ("erased", None)


def test_new_rows_do_not_refer_to_archived_ones(desk: Salon) -> None:
    put_away(desk, "service", desk.ids["eye"])
    values = {"staff_id": desk.ids["other_staff"], "service_id": desk.ids["eye"]}
    made = {"entity": "staff_skill", "values": values}
    assert desk.refused(Name.CREATE_ENTITY, role="owner", **made) == ("archived", "service_id")


def test_whoever_leaves_is_booked_to_her_last_day(desk: Salon) -> None:
    days = [book(desk, at(24 * day), ("hydra", "amy")) for day in range(3)]
    row = desk.rows(Staff, id=desk.ids["amy"])[0]
    last = {"left_on": (TODAY + timedelta(2)).isoformat()}
    edit = {"entity": "staff", "id": row.id, "values": last, "version": row.version}
    assert desk.do(Name.EDIT_ENTITY, role="owner", **edit)["broken_bookings"] == days[2:]
    book(desk, at(26), ("hydra", "amy"))
    assert desk.refused(Name.BOOK, **wish(desk, at(50), ("hydra", "amy"))) == ("skill", "services-0-staff")


def test_a_leave_lists_the_bookings_it_breaks(desk: Salon) -> None:
    book(desk, at(-1), ("hydra", "amy"))
    broken = book(desk, at(1), ("hydra", "amy"))
    book(desk, at(3), ("hydra", "bea"))
    cancelled = book(desk, at(2), ("hydra", "amy"))
    become(desk, Name.CANCEL_BOOKING, cancelled)
    away = {"staff": desk.ids["amy"], "kind": "sick", "starts_at": at(1.5), "ends_at": at(6)}
    assert desk.do(Name.RECORD_LEAVE, role="owner", **away)["broken_bookings"] == [broken]


def test_archiving_and_closing_list_the_bookings_they_break(desk: Salon) -> None:
    room = create("room", name="身体房", store_id=desk.ids["first"], kind="body")
    bed = create("bed", name="床", room_id=room)
    device = create("equipment", name="射频仪", store_id=desk.ids["first"])
    spa = make(desk, "spa", room_kind="body", equipment_needed="射频仪")
    booking = book(desk, at(0), ("spa", "amy"))
    [skill] = desk.rows(StaffSkill, staff_id=desk.ids["amy"], service_id=spa)
    closed = {"store_id": desk.ids["first"], "reason": "停电", "starts_at": at(0.5), "ends_at": at(2)}
    made = desk.do(Name.CREATE_ENTITY, role="owner", entity="closed_period", values=closed)
    assert made["broken_bookings"] == [booking]
    for entity, row in (
        ("bed", bed),
        ("room", room),
        ("equipment", device),
        ("staff_skill", skill.id),
        ("service", spa),
        ("staff", desk.ids["amy"]),
        ("customer", desk.ids["anna"]),
        ("store", desk.ids["first"]),
    ):
        assert put_away(desk, entity, row).get("broken_bookings") == [booking], entity
    assert "broken_bookings" not in put_away(desk, "staff", desk.ids["bea"])


def edit(desk: Salon, entity: str, row: int, **values: str) -> list[int]:
    """The bookings that new values of a row break."""
    version = desk.rows(entity_named(entity), id=row)[0].version
    edited = {"entity": entity, "id": row, "values": values, "version": version}
    return desk.do(Name.EDIT_ENTITY, role="owner", **edited).get("broken_bookings", [])


def test_hours_and_closed_days_list_the_bookings_they_break(desk: Salon) -> None:
    early, late, next_day = book(desk, at(-2)), book(desk, at(8)), book(desk, at(24))
    book(desk, at(0), ("hydra", "other_staff"), customer="berta", store=desk.ids["second"], role="owner")
    store = desk.ids["first"]
    assert edit(desk, "store", store, opens_at="10:00", closes_at="21:00") == []
    assert edit(desk, "store", store, opens_at="10:15") == [early]
    assert edit(desk, "store", store, opens_at="10:00", closes_at="20:45") == [late]
    assert edit(desk, "store", store, closes_at="21:00", holidays=str(TODAY + timedelta(2))) == [next_day]


def test_shifts_list_the_bookings_they_no_longer_cover(desk: Salon) -> None:
    first, second = book(desk, at(-2), ("hydra", "amy")), book(desk, at(4), ("hydra", "amy"))
    of_bea = book(desk, at(4), ("hydra", "bea"), customer="berta")
    assert shift(desk, "amy", "10:00", "13:00") == [second]
    assert shift(desk, "amy", "16:00", "20:00") == []
    assert shift(desk, "bea", "10:00", "15:00") == [of_bea]
    morning, evening, _ = [row.id for row in desk.rows(Shift)]
    assert edit(desk, "shift", evening, starts_at=f"{TODAY + timedelta(1)} 17:00") == [second]
    assert edit(desk, "shift", evening, starts_at=f"{TODAY + timedelta(1)} 16:00") == []
    assert put_away(desk, "shift", morning)["broken_bookings"] == [first]
    assert put_away(desk, "shift", evening)["broken_bookings"] == [first, second]


def test_without_any_shift_everybody_works(desk: Salon) -> None:
    book(desk, at(0), ("hydra", "amy"))
    assert shift(desk, "amy", "15:00", "17:00") != []
    assert "broken_bookings" not in put_away(desk, "shift", desk.rows(Shift)[0].id)


def test_what_becomes_unfit_lists_the_bookings_it_breaks(desk: Salon) -> None:
    room = create("room", name="身体房", store_id=desk.ids["first"], kind="body")
    other = create("room", name="面部房", store_id=desk.ids["first"], kind="facial")
    bed = create("bed", name="床", room_id=room)
    device = create("equipment", name="射频仪", store_id=desk.ids["first"])
    make(desk, "spa", room_kind="body", equipment_needed="射频仪")
    booking = book(desk, at(0), ("spa", "amy"))
    assert edit(desk, "bed", bed, name="靠窗床") == edit(desk, "room", room, name="一号房") == []
    assert edit(desk, "bed", bed, room_id=str(other)) == [booking]
    assert edit(desk, "bed", bed, room_id=str(room)) == []
    assert edit(desk, "room", room, kind="facial") == [booking]
    assert edit(desk, "equipment", device, model="X") == []
    assert edit(desk, "equipment", device, name="超声仪") == [booking]
    assert edit(desk, "equipment", device, name="射频仪", store_id=str(desk.ids["second"])) == [booking]


def test_a_closed_period_brought_back_lists_the_bookings_it_breaks(desk: Salon) -> None:
    closed = {"store_id": desk.ids["first"], "reason": "停电", "starts_at": at(0.5), "ends_at": at(2)}
    period = desk.do(Name.CREATE_ENTITY, role="owner", entity="closed_period", values=closed)["id"]
    put_away(desk, "closed_period", period)
    booking = book(desk, at(0))
    [row] = desk.rows(ClosedPeriod)
    back = {"entity": "closed_period", "id": period, "version": row.version}
    assert desk.do(Name.RESTORE_ENTITY, role="owner", **back)["broken_bookings"] == [booking]


def test_a_booking_that_cannot_move_keeps_its_time(desk: Salon) -> None:
    booking = book(desk, at(0))
    book(desk, at(2), customer="berta")
    assert refused(desk, Name.MOVE_BOOKING, booking, starts_at=at(1.5)) == ("taken", "starts_at")
    assert desk.rows(Appointment, id=booking)[0].starts_at == at(0)
    assert live(desk) == 4


def test_a_cancelled_booking_stays_and_its_time_is_free(desk: Salon) -> None:
    booking = book(desk, at(0))
    become(desk, Name.CANCEL_BOOKING, booking, reason="出差")
    [row] = desk.rows(Appointment)
    assert (row.status.value, row.ended_on) == ("cancelled", TODAY)
    assert desk.rows(AppointmentEvent)[-1].reason == "出差"
    assert live(desk) == 0
    book(desk, at(0), customer="berta")


def test_who_did_not_come_is_known_afterwards(desk: Salon) -> None:
    booking = book(desk, at(0))
    assert refused(desk, Name.NO_SHOW, booking) == ("too_early", None)
    with time_machine.travel(at(0.5)):
        become(desk, Name.NO_SHOW, booking)
    [row] = desk.rows(Appointment)
    assert (row.status.value, row.ended_on) == ("no_show", TODAY + timedelta(1))
    assert live(desk) == 0


def test_she_arrives_and_goes(desk: Salon) -> None:
    booking = book(desk, at(0))
    assert refused(desk, Name.ARRIVE, booking) == ("other_day", None)
    assert refused(desk, Name.FINISH_VISIT, booking) == ("not_here", None)
    with time_machine.travel(at(0)):
        visit = become(desk, Name.ARRIVE, booking)["visit"]
        [row] = desk.rows(Visit)
        assert (row.id, row.source.value, row.left_at) == (visit, "booked", None)
        assert refused(desk, Name.ARRIVE, booking) == ("not_open", None)
    with time_machine.travel(at(0.75)):
        become(desk, Name.FINISH_VISIT, booking)
        assert desk.rows(Visit)[0].left_at is not None
        assert live(desk) == 0
        assert refused(desk, Name.FINISH_VISIT, booking) == ("not_here", None)
    assert [row.status.value for row in desk.rows(AppointmentEvent)] == ["booked", "arrived", "finished"]


def test_what_is_over_stays_over(desk: Salon) -> None:
    booking = book(desk, at(0))
    become(desk, Name.CANCEL_BOOKING, booking)
    after: dict[Name, dict[str, Any]] = {
        Name.CONFIRM_BOOKING: {},
        Name.MOVE_BOOKING: {"starts_at": at(3)},
        Name.CANCEL_BOOKING: {},
    }
    said = {name: refused(desk, name, booking, **values) for name, values in after.items()}
    assert set(said.values()) == {("not_open", None)}


# -------------------------------------------------------------------------------------------------- waiting list


def test_waiting_is_settled_by_a_booking_on_that_day(desk: Salon) -> None:
    day = TODAY + timedelta(1)
    for who, when in (("anna", day), ("berta", day), ("anna", day + timedelta(1))):
        desk.do(
            Name.WAIT_FOR_TIME,
            customer=desk.ids[who],
            service=desk.ids["hydra"],
            wanted_on=when,
            staff=desk.ids["amy"],
            note="下午",
            store=desk.ids["first"],
        )
    book(desk, at(0))
    assert [row.settled_at is not None for row in desk.rows(Waitlist)] == [True, False, False]


# -------------------------------------------------------------------------------------------------------- danger


def test_what_is_contraindicated_is_not_booked_without_a_reason(desk: Salon) -> None:
    make(desk, "acid", contraindicated_by=["孕期", "果酸"])
    create("contraindication", customer_id=desk.ids["anna"], kind="allergy", substance="果酸")
    asked = wish(desk, at(0), ("hydra", "amy"), ("acid", "amy"))
    assert desk.refused(Name.BOOK, **asked) == ("contraindicated", "override")
    assert "果酸" in desk.said(Name.BOOK, **asked)
    desk.do(Name.BOOK, **asked, override="医生同意")


@pytest.mark.parametrize(("kind", "stops"), [("allergy", True), ("medication", True), ("pregnancy", False)])
def test_an_allergy_to_nobody_knows_what_stops_what_somebody_may_be_allergic_to(
    desk: Salon, kind: str, *, stops: bool
) -> None:
    make(desk, "acid", contraindicated_by=["植入器械", "果酸"])
    create("contraindication", customer_id=desk.ids["anna"], kind=kind)
    asked = wish(desk, at(0), ("acid", "amy"))
    if stops:
        assert desk.refused(Name.BOOK, **asked) == ("contraindicated", "override")
        assert "果酸 (档案未写明具体禁忌)" in desk.said(Name.BOOK, **asked)
        assert "植入器械" not in desk.said(Name.BOOK, **asked)
    desk.do(Name.BOOK, **asked, override="问过了" if stops else "")


# -------------------------------------------------------------------------------- only this booking, only this moment


@pytest.mark.parametrize(
    ("name", "values"),
    [(Name.CANCEL_BOOKING, {}), (Name.MOVE_BOOKING, {"starts_at": at(3)}), (Name.NO_SHOW, {})],
    ids=["cancel", "move", "no-show"],
)
def test_only_the_claims_of_the_booking_itself_are_released(desk: Salon, name: Name, values: dict[str, Any]) -> None:
    booking, other = book(desk, at(0)), book(desk, at(1), customer="berta")
    of_other = {row.id for row in desk.rows(Segment, appointment_id=other)}
    before = {row.id for row in desk.rows(BookingClaim, archived_at=None) if row.segment_id in of_other}
    with time_machine.travel(at(0.5) if name is Name.NO_SHOW else NOON):
        become(desk, name, booking, **values)
    assert {row.id for row in desk.rows(BookingClaim, archived_at=None) if row.segment_id in of_other} == before
    assert len(before) == 2


def test_finishing_a_visit_releases_its_own_claims_alone(desk: Salon) -> None:
    booking, _ = book(desk, at(0)), book(desk, at(1), customer="berta")
    with time_machine.travel(at(0)):
        become(desk, Name.ARRIVE, booking)
        become(desk, Name.FINISH_VISIT, booking)
    assert live(desk) == 2


def test_the_log_shows_a_booking_on_the_booking(desk: Salon) -> None:
    booking = book(desk, at(0))
    desk.do(Name.WAIT_FOR_TIME, customer=desk.ids["anna"], service=desk.ids["hydra"], wanted_on=TODAY, note="")
    become(desk, Name.CONFIRM_BOOKING, booking)
    logged = select(LogEntry.name, LogEntry.subject_kind, LogEntry.subject_id).order_by(LogEntry.id.desc()).limit(3)
    [confirm, wait, placed] = [tuple(row) for row in db.session.execute(logged)]
    assert placed == ("book", "appointment", booking)
    assert wait == ("wait_for_time", "waitlist", desk.rows(Waitlist)[0].id)
    assert confirm == ("confirm_booking", "appointment", booking)


def test_an_empty_note_of_the_waiting_list_is_no_note(desk: Salon) -> None:
    asked = {"customer": desk.ids["anna"], "service": desk.ids["hydra"], "wanted_on": TODAY}
    desk.do(Name.WAIT_FOR_TIME, **asked, note="下午")
    desk.do(Name.WAIT_FOR_TIME, **asked, note="")
    assert [row.note for row in desk.rows(Waitlist)] == ["下午", None]


SECOND = timedelta(seconds=1)


def test_a_no_show_begins_with_the_minute_of_the_booking(desk: Salon) -> None:
    booking = book(desk, at(0))
    with time_machine.travel(at(0) - SECOND, tick=False):
        assert refused(desk, Name.NO_SHOW, booking) == ("too_early", None)
    with time_machine.travel(at(0), tick=False):
        become(desk, Name.NO_SHOW, booking)


def test_an_arrival_is_taken_from_the_first_to_the_last_second_of_its_day(desk: Salon) -> None:
    bookings = [book(desk, at(0)), book(desk, at(2), customer="berta")]
    midnight = at(-12)
    for outside in (midnight - SECOND, midnight + timedelta(days=1)):
        with time_machine.travel(outside, tick=False):
            assert refused(desk, Name.ARRIVE, bookings[0]) == ("other_day", None)
    for booking, inside in zip(bookings, (midnight, midnight + timedelta(days=1) - SECOND), strict=True):
        with time_machine.travel(inside, tick=False):
            become(desk, Name.ARRIVE, booking)


def test_a_start_is_offered_until_its_own_second(desk: Salon) -> None:
    with time_machine.travel(at(0), tick=False):
        book(desk, at(0))
    with time_machine.travel(at(1) + SECOND, tick=False):
        taken(desk, at(1), customer="berta")


def test_who_works_at_the_store_no_longer_is_not_booked_there(desk: Salon) -> None:
    link = create("staff_store", staff_id=desk.ids["other_staff"], store_id=desk.ids["first"])
    book(desk, at(0), ("hydra", "other_staff"), role="owner")
    desk.do(Name.ARCHIVE_ENTITY, role="owner", entity="staff_store", id=link)
    asked = wish(desk, at(2), ("hydra", "other_staff"), customer="berta")
    assert desk.refused(Name.BOOK, role="owner", **asked) == ("skill", "services-0-staff")


def test_equipment_is_the_kind_needed_and_in_use(desk: Salon) -> None:
    make(desk, "laser", equipment_needed="脱毛仪")
    create("equipment", name="蒸汽机", store_id=desk.ids["first"])
    create("equipment", name="脱毛仪", store_id=desk.ids["second"])
    assert desk.refused(Name.BOOK, **wish(desk, at(0), ("laser", "amy"))) == ("no_equipment", "services")
    device = create("equipment", name="脱毛仪", store_id=desk.ids["first"])
    booking = book(desk, at(0), ("laser", "amy"))
    assert [row.equipment_id for row in desk.rows(Segment, appointment_id=booking)] == [device]
    desk.do(Name.ARCHIVE_ENTITY, role="owner", entity="equipment", id=device)
    assert desk.refused(Name.BOOK, **wish(desk, at(3), ("laser", "amy"))) == ("no_equipment", "services")


def test_a_day_beyond_the_horizon_is_too_far_and_the_last_one_is_not(desk: Salon) -> None:
    with time_machine.travel(NOON, tick=False):
        last = NOON + timedelta(days=91)
        assert desk.refused(Name.BOOK, **wish(desk, last)) == ("taken", "starts_at")
        assert desk.refused(Name.BOOK, **wish(desk, last + SECOND)) == ("too_far", "starts_at")


def test_a_service_that_rests_beyond_closing_is_not_begun(desk: Salon) -> None:
    """Half an hour's work and an hour's rest; the salon closes at nine."""
    make(desk, "mask", busy_minutes=30, idle_minutes=60)
    taken(desk, at(8), ("mask", "amy"))
    book(desk, at(7.5), ("mask", "amy"))


def test_what_is_left_empty_stays_empty(desk: Salon) -> None:
    booking, other = book(desk, at(0), note="靠窗"), book(desk, at(2), customer="berta")
    become(desk, Name.CANCEL_BOOKING, booking, reason="出差")
    become(desk, Name.CANCEL_BOOKING, other)
    assert [row.note for row in desk.rows(Appointment)] == ["靠窗", None]
    assert [row.reason for row in desk.rows(AppointmentEvent)] == [None, None, "出差", None]
    reasons = select(LogEntry.reason).where(LogEntry.name == Name.CANCEL_BOOKING).order_by(LogEntry.id)
    assert list(db.session.scalars(reasons)) == ["出差", None]


def test_a_bed_in_use_stands_in_a_room_in_use(rooms: Salon) -> None:
    """An archived bed or room takes nobody; nor does a bed of another room."""
    second = create("room", name="第二身体房", store_id=rooms.ids["first"], kind="body", turnover_minutes=0)
    create("bed", name="四号床", room_id=second)
    rooms.do(Name.ARCHIVE_ENTITY, role="owner", entity="room", id=second)
    third = create("bed", name="五号床", room_id=rooms.ids["room"])
    rooms.do(Name.ARCHIVE_ENTITY, role="owner", entity="bed", id=third)
    booking = book(rooms, at(0), ("spa", "amy"))
    assert [row.bed_id for row in rooms.rows(Segment, appointment_id=booking)] == [rooms.ids["bed"]]
    assert "一号床" in taken(rooms, at(0), ("spa", "bea"), customer="berta")


def test_an_evening_that_is_taken_is_known_before_the_database_is_asked(desk: Salon) -> None:
    book(desk, at(7))
    said = taken(desk, at(7.5), customer="berta")
    assert "员工therapist" in said
    assert "18:00" in said


# ------------------------------------------------------------------------------------------------------- merged


def merge(desk: Salon, lost: str = "anna", kept: str = "berta") -> dict[str, Any]:
    return {"role": "owner", "customer": desk.ids[lost], "into": desk.ids[kept], "why": "同一人"}


def test_bookings_that_are_not_over_move_to_the_record_that_stays(desk: Salon) -> None:
    coming, over = book(desk, at(0)), book(desk, at(2))
    become(desk, Name.CANCEL_BOOKING, over)
    desk.do(Name.MERGE_CUSTOMERS, **merge(desk))
    whose = {row.id: row.customer_id for row in desk.rows(Appointment)}
    assert whose == {coming: desk.ids["berta"], over: desk.ids["anna"]}
    assert "客户" in taken(desk, at(0.5), ("hydra", "bea"), customer="berta")
    become(desk, Name.MOVE_BOOKING, coming, starts_at=at(1))
    assert book(desk, at(0), ("hydra", "bea"), customer="berta")


def test_whoever_is_here_stays_here_when_records_are_merged(desk: Salon) -> None:
    booking = book(desk, NOON + timedelta(hours=1))
    become(desk, Name.ARRIVE, booking)
    desk.do(Name.MERGE_CUSTOMERS, **merge(desk))
    become(desk, Name.FINISH_VISIT, booking)
    assert desk.rows(Appointment, id=booking)[0].customer_id == desk.ids["berta"]
    assert book(desk, NOON + timedelta(hours=1), ("hydra", "bea"), customer="berta")


def test_bookings_of_both_at_the_same_time_are_named(desk: Salon) -> None:
    book(desk, at(0))
    mine = book(desk, at(3))
    book(desk, at(0.5), ("hydra", "bea"), customer="berta")
    book(desk, at(3.5), ("eye", "bea"), customer="berta")
    assert desk.refused(Name.MERGE_CUSTOMERS, **merge(desk)) == ("booked", None)
    day = TODAY + timedelta(1)
    said = desk.said(Name.MERGE_CUSTOMERS, **merge(desk))
    assert f"{day} 12:00–13:00 第一店 / {day} 12:30–13:30 第一店；{day} 15:00–16:00" in said
    become(desk, Name.CANCEL_BOOKING, mine)
    assert f"{day} 15:00" not in desk.said(Name.MERGE_CUSTOMERS, **merge(desk))
