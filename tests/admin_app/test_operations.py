"""What is done with customers, staff, alerts and tasks; on both engines."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select

from admin_app.operations.customers import (
    AssessmentInput,
    AssignInput,
    ConsentInput,
    HandOverInput,
    LookUpInput,
    TagInput,
    UntagInput,
)
from admin_app.operations.entities import CreateInput, EditInput, RowInput
from admin_app.operations.kernel import now, perform
from admin_app.operations.reading import RevealInput
from admin_app.operations.refusals import Forbidden, Missing, Refused
from admin_app.operations.staff import AttendanceInput, LeaveInput, ShiftInput, TrainingInput
from admin_app.operations.todo import CloseAlertInput, FinishTaskInput
from admin_app.rulebook import access_for
from models.assessments import Reading
from models.customers import CareRole, Channel, ConsentEvent, Customer, CustomerAssignment, Purpose
from models.entity import db, entity_named
from models.log import Operation
from models.names import Name
from models.organisation import AttendanceKind, LeaveKind, Shift, TrainingResult
from models.standing import Alert, CustomerTag, Tag, Task
from tests.cast import TODAY, create, raw_operation
from tests.conftest import House


def current(customer: int, role: CareRole = CareRole.CONSULTANT) -> list[int]:
    query = select(CustomerAssignment.staff_id).where(
        CustomerAssignment.customer_id == customer,
        CustomerAssignment.care_role == role,
        CustomerAssignment.until.is_(None),
    )
    return list(db.session.scalars(query))


def test_assigning_takes_her_from_whoever_had_her(house: House) -> None:
    anna, berta, reception = (house.ids[name] for name in ("anna", "berta", "reception_staff"))
    data = AssignInput(customers=[anna, berta], staff=reception, why="换班")
    assert perform(Name.ASSIGN_CUSTOMERS, data, actor=house.actor("manager")) == {"assigned": 2}
    assert current(anna) == current(berta) == [reception]
    assert current(anna, CareRole.THERAPIST) == [house.ids["therapist_staff"]]
    ended = db.session.scalar(select(func.count()).where(CustomerAssignment.until.is_not(None)))
    assert ended == 1
    assert perform(Name.ASSIGN_CUSTOMERS, data, actor=house.actor("manager")) == {"assigned": 0}


def test_assigning_is_not_for_everybody_nor_for_foreign_customers(house: House) -> None:
    data = AssignInput(customers=[house.ids["anna"]], staff=house.ids["reception_staff"])
    with pytest.raises(Forbidden):
        perform(Name.ASSIGN_CUSTOMERS, data, actor=house.actor("reception"))
    foreign = AssignInput(customers=[house.ids["anna"], house.ids["cora"]], staff=house.ids["reception_staff"])
    with pytest.raises(Missing):
        perform(Name.ASSIGN_CUSTOMERS, foreign, actor=house.actor("manager"))


def test_whoever_is_named_must_be_there(sqlite_house: House) -> None:
    data = AssignInput(customers=[sqlite_house.ids["anna"]], staff=999, care_role="consultant")
    with pytest.raises(Missing) as missing:
        perform(Name.ASSIGN_CUSTOMERS, data, actor=sqlite_house.actor("manager"))
    assert missing.value.field == "staff"


def test_handing_over_moves_customers_and_open_tasks(house: House) -> None:
    leaving, staying = house.ids["consultant_staff"], house.ids["reception_staff"]
    with raw_operation():
        for number, done in enumerate((None, now())):
            values: dict[str, Any] = {"finished_at": done, "finished_by": "x" if done else None, "due_on": TODAY}
            task = Task(
                source="t", occasion=str(number), text="打电话", to_role="consultant", staff_id=leaving, **values
            )
            task.customer_id = house.ids["anna"]
            db.session.add(task)
    data = HandOverInput(staff=leaving, to=staying, why="离职")
    assert perform(Name.HAND_OVER_CUSTOMERS, data, actor=house.actor("manager")) == {"customers": 1, "tasks": 1}
    assert current(house.ids["anna"]) == [staying]
    assert db.session.scalars(select(Task.staff_id).order_by(Task.id)).all() == [staying, leaving]
    with pytest.raises(Refused):
        perform(
            Name.HAND_OVER_CUSTOMERS, HandOverInput(staff=staying, to=staying, why="x"), actor=house.actor("manager")
        )


def tag_id(slug: str) -> int:
    return db.session.scalars(select(Tag.id).where(Tag.slug == slug)).one()


def held(customer: int) -> set[str]:
    query = select(Tag.slug).join(CustomerTag, CustomerTag.tag_id == Tag.id)
    live = (CustomerTag.customer_id == customer, CustomerTag.until.is_(None), CustomerTag.held)
    return set(db.session.scalars(query.where(*live)))


def test_a_tag_is_put_on_and_taken_off_by_hand(house: House) -> None:
    anna, berta = house.ids["anna"], house.ids["berta"]
    data = {"customers": [anna, berta], "tag": tag_id("do-not-contact"), "why": "本人要求"}
    actor = house.actor("reception")
    assert perform(Name.TAG_CUSTOMERS, TagInput(**data), actor=actor) == {"tagged": 2}
    assert perform(Name.TAG_CUSTOMERS, TagInput(**data), actor=actor) == {"tagged": 0}
    assert held(anna) == held(berta) == {"do-not-contact"}
    perform(Name.UNTAG_CUSTOMERS, UntagInput(customers=[anna], tag=tag_id("do-not-contact")), actor=actor)
    assert (held(anna), held(berta)) == (set(), {"do-not-contact"})


def test_of_an_exclusive_group_one_tag_is_left(house: House) -> None:
    anna, actor = house.ids["anna"], house.actor("owner")
    for slug in ("layer-a", "layer-b"):
        perform(Name.TAG_CUSTOMERS, TagInput(customers=[anna], tag=tag_id(slug)), actor=actor)
    assert held(anna) == {"layer-b"}


def test_an_exact_look_up_opens_a_customer_of_another_store_for_half_an_hour(house: House) -> None:
    cora, actor = house.ids["cora"], house.actor("reception")
    with time_machine.travel("2026-11-22 10:00:00+08:00", tick=False) as clock:
        found = perform(Name.LOOK_UP_CUSTOMER, LookUpInput(number="139 0000 0003"), actor=actor)
        assert found == {"id": cora}
        seen = select(Customer.id).where(Customer.id == cora)
        assert db.session.scalar(seen.where(access_for(actor).rows(Customer))) == cora
        assert db.session.scalar(seen.where(access_for(house.actor("therapist")).rows(Customer))) is None
        clock.shift(timedelta(minutes=31))
        assert db.session.scalar(seen.where(access_for(actor).rows(Customer))) is None
    assert perform(Name.LOOK_UP_CUSTOMER, LookUpInput(number="V003"), actor=actor) == {"id": cora}


@pytest.mark.parametrize("number", ["0003", "1390000", "柯拉", "V0", "13999999999"])
def test_a_part_of_a_number_looks_up_nobody(house: House, number: str) -> None:
    with pytest.raises(Missing):
        perform(Name.LOOK_UP_CUSTOMER, LookUpInput(number=number), actor=house.actor("reception"))


def test_a_number_of_two_people_looks_up_neither(house: House) -> None:
    create("customer", name="女儿", phone="13900000003", store_id=house.ids["second"])
    with pytest.raises(Missing):
        perform(Name.LOOK_UP_CUSTOMER, LookUpInput(number="13900000003"), actor=house.actor("reception"))


def test_revealing_is_logged_and_has_a_limit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    small = house.settings.model_copy(update={"reveals_per_day": 2})
    monkeypatch.setitem(house.app.config, "PEONY", small)
    data = RevealInput(entity="customer", id=house.ids["anna"], field="phone", why="回电")
    for _ in range(2):
        assert perform(Name.REVEAL_FIELD, data, actor=house.actor("reception")) == {}
    with pytest.raises(Refused):
        perform(Name.REVEAL_FIELD, data, actor=house.actor("reception"))
    entries = db.session.scalars(
        select(Operation).where(Operation.name == "reveal_field", Operation.result == "done")
    ).all()
    assert [(e.subject_id, e.reason, e.detail) for e in entries] == [
        (house.ids["anna"], "回电", {"field": "phone"})
    ] * 2
    with pytest.raises(Forbidden):
        perform(Name.REVEAL_FIELD, data, actor=house.actor("therapist"))


def test_what_is_clear_or_hidden_cannot_be_revealed(house: House) -> None:
    for field in ("name", "phone_index", "nonsense"):
        with pytest.raises(Forbidden):
            data = RevealInput(entity="customer", id=house.ids["anna"], field=field)
            perform(Name.REVEAL_FIELD, data, actor=house.actor("reception"))


def test_nothing_of_a_row_that_is_not_there_or_not_seen_is_revealed(sqlite_house: House) -> None:
    for customer in (sqlite_house.ids["cora"], 999):
        with pytest.raises(Missing):
            data = RevealInput(entity="customer", id=customer, field="phone")
            perform(Name.REVEAL_FIELD, data, actor=sqlite_house.actor("reception"))


def test_consent_is_an_event_with_its_text(house: House) -> None:
    data = ConsentInput(
        customer=house.ids["anna"], purpose=Purpose.PHOTOS, text_version="2026-1", channel=Channel.VISIT
    )
    perform(Name.RECORD_CONSENT, data, actor=house.actor("reception"))
    perform(Name.RECORD_CONSENT, data.model_copy(update={"given": False}), actor=house.actor("reception"))
    given = db.session.scalars(select(ConsentEvent).order_by(ConsentEvent.id)).all()
    assert [one.given for one in given] == [True, False]
    assert given[0].witness_id == house.ids["reception_staff"]


def template(house: House) -> int:
    made = create("assessment_template", name="皮肤检测")
    create("assessment_parameter", template_id=made, slug="moisture", name="水分")
    create("assessment_parameter", template_id=made, slug="sensitivity", name="敏感度", minimum=0, maximum=50)
    return made


def test_an_assessment_takes_readings_by_name(house: House) -> None:
    data = AssessmentInput(customer=house.ids["anna"], template=template(house), readings=["水分 42", "sensitivity：7"])
    perform(Name.RECORD_ASSESSMENT, data, actor=house.actor("consultant"))
    assert sorted(db.session.scalars(select(Reading.value))) == [7, 42]


@pytest.mark.parametrize("reading", ["水分", "水分 很好", "水分 101", "敏感度 51", "油 3", ""])
def test_a_reading_that_cannot_be_is_refused_with_its_words(house: House, reading: str) -> None:
    data = AssessmentInput(customer=house.ids["anna"], template=template(house), readings=["水分 42", reading])
    with pytest.raises(Refused) as refused:
        perform(Name.RECORD_ASSESSMENT, data, actor=house.actor("consultant"))
    assert refused.value.field == "readings"
    assert db.session.scalar(select(func.count()).select_from(Reading)) == 0


def test_shifts_are_planned_all_or_none(house: House) -> None:
    early = create("shift_template", name="早班", store_id=house.ids["first"], starts_at="09:00", ends_at="17:00")
    staff = [house.ids["therapist_staff"], house.ids["consultant_staff"]]
    data = ShiftInput(staff=staff, template=early, first_day=TODAY, last_day=TODAY + timedelta(6))
    assert perform(Name.PLAN_SHIFT, data, actor=house.actor("manager")) == {"shifts": 14}
    overlapping = ShiftInput(staff=staff, template=early, first_day=TODAY + timedelta(6), last_day=TODAY + timedelta(8))
    with pytest.raises(Refused) as refused:
        perform(Name.PLAN_SHIFT, overlapping, actor=house.actor("manager"))
    assert refused.value.code == "overlap"
    assert db.session.scalar(select(func.count()).select_from(Shift)) == 14


def test_leave_attendance_and_training(house: House) -> None:
    staff, actor = house.ids["therapist_staff"], house.actor("manager")
    leave = LeaveInput(staff=staff, kind=LeaveKind.SICK, starts_at=now(), ends_at=now() + timedelta(days=1))
    perform(Name.RECORD_LEAVE, leave, actor=actor)
    with pytest.raises(Refused):
        perform(Name.RECORD_LEAVE, leave, actor=actor)
    came = AttendanceInput(staff=staff, kind=AttendanceKind.ARRIVED)
    perform(Name.RECORD_ATTENDANCE, came, actor=house.actor("therapist"))
    with pytest.raises(Refused):
        perform(Name.RECORD_ATTENDANCE, came, actor=house.actor("therapist"))
    course = create("course", name="敏感肌护理")
    data = TrainingInput(staff=staff, course=course, taken_on=date(2026, 1, 5), score=90)
    perform(Name.RECORD_TRAINING, data, actor=actor)
    assert db.session.scalars(select(TrainingResult.score)).one() == 90


def test_alerts_are_closed_and_tasks_finished_once(house: House) -> None:
    with raw_operation():
        alert = Alert(
            source="t", occasion="1", text="看", to_role="reception", customer_id=house.ids["anna"], raised_at=now()
        )
        task = Task(
            source="t", occasion="1", text="做", to_role="reception", customer_id=house.ids["anna"], due_on=TODAY
        )
        db.session.add_all([alert, task])
        db.session.flush()
        ids = alert.id, task.id
    actor = house.actor("reception")
    for _ in range(2):
        for name, data in (
            (Name.CLOSE_ALERT, CloseAlertInput(alert=ids[0], outcome="已联系")),
            (Name.FINISH_TASK, FinishTaskInput(task=ids[1], outcome="已联系")),
        ):
            try:
                perform(name, data, actor=actor)
            except Refused as refusal:
                assert refusal.code == "refused"
    assert db.session.get_one(Alert, ids[0]).closed_by == db.session.get_one(Task, ids[1]).finished_by == actor.name


def test_a_new_customer_belongs_to_the_store_she_was_made_in(house: House) -> None:
    made = perform(
        Name.CREATE_ENTITY, CreateInput(entity="customer", values={"name": "新客"}), actor=house.actor("reception")
    )
    assert db.session.get_one(Customer, made["id"]).store_id == house.ids["first"]


def test_a_consultant_is_assigned_whom_she_brings_in(house: House) -> None:
    made = perform(
        Name.CREATE_ENTITY, CreateInput(entity="customer", values={"name": "新客"}), actor=house.actor("consultant")
    )
    assert current(made["id"]) == [house.ids["consultant_staff"]]


def test_nobody_writes_a_row_out_of_her_own_sight(house: House) -> None:
    values = {"store_id": str(house.ids["second"])}
    with pytest.raises(Refused):
        data = EditInput(entity="customer", id=house.ids["berta"], values=values)
        perform(Name.EDIT_ENTITY, data, actor=house.actor("reception"))


def test_a_read_only_field_is_not_written(house: House) -> None:
    for field in ("member_no", "phone_index", "id", "version", "erased_at", "nonsense"):
        with pytest.raises(Forbidden):
            data = EditInput(entity="customer", id=house.ids["anna"], values={field: "1"})
            perform(Name.EDIT_ENTITY, data, actor=house.actor("reception"))


def test_an_event_is_never_put_away(house: House) -> None:
    with pytest.raises(Refused):
        perform(Name.ARCHIVE_ENTITY, RowInput(entity="interaction", id=1), actor=house.actor("owner"))


def test_an_entity_that_operations_write_has_no_form(house: House) -> None:
    for entity in ("sale", "membership", "customer_tag", "rule_version", "alert"):
        with pytest.raises(Forbidden):
            perform(Name.CREATE_ENTITY, CreateInput(entity=entity, values={}), actor=house.actor("owner"))


def test_a_short_name_that_rules_use_is_said_once(house: House) -> None:
    """A renamed tag would let go of whom «not: {tag: …}» keeps out."""
    tag = create("tag", slug="regular", name="常客")
    with pytest.raises(Forbidden) as refused:
        perform(Name.EDIT_ENTITY, {"entity": "tag", "id": tag, "values": {"slug": "other"}}, actor=house.actor("owner"))
    assert refused.value.field == "slug"
    writes = access_for(house.actor("owner")).writes
    for entity in ("tag", "assessment_parameter"):
        slug = entity_named(entity).fields()["slug"]
        assert (writes(slug, creating=True), writes(slug)) == (True, False)
