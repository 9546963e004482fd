"""Alerts about staff, products and operations: once when a rule begins to hold, once for each operation, never in a
flood when a rule is new.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from admin_app import watching
from admin_app.evaluation import evaluate
from admin_app.operations.entities import EditInput
from admin_app.operations.kernel import business_day, now, perform
from admin_app.operations.refusals import Forbidden
from admin_app.operations.rules import ActivateInput
from admin_app.rulebook import access_for, refresh
from admin_app.watching import WatchInput, look, watch
from models.actor import SYSTEM
from models.booking import Appointment, AppointmentSource, AppointmentStatus, Segment
from models.entity import db
from models.log import Operation
from models.names import Name
from models.organisation import Staff
from models.rulebook import WatchMatch, WatchState
from models.sales import LineKind, Sale, SaleLine
from models.standing import Alert, Severeness
from tests.cast import NOON, create, raw_operation
from tests.conftest import House

pytestmark = pytest.mark.usefixtures("in_english")

UNSOLD = (
    "about: product, when: {days_since_sold: {at_least: 90}}, "
    "then: [{alert: {to: manager, text: '{name}: {days_since_sold}', within: 48h, severity: info}}]"
)
MISSED = "about: staff, when: {no_shows_30d: {at_least: 2}}, then: [{alert: {to: manager, text: '{name}: {position}'}}]"
TWICE = (
    "about: operation, when: {operation: edit_entity, times_today: {at_least: 2}}, "
    "then: [{alert: {to: owner, text: '{name} ({role}), {operation}: {times_today}'}}]"
)


def rules(*said: str) -> None:
    """These rules of this kind are in force, called w1, w2 …, and no others of the alerts."""
    text = "version: 1\nwatch:\n" + "".join(f"  - {{id: w{n}, name: W, {one}}}\n" for n, one in enumerate(said, 1))
    text = text if said else "version: 1\n"
    perform(Name.ACTIVATE_RULES, ActivateInput(texts={"alerts": text}), actor=SYSTEM)
    refresh()


def today() -> date:
    return business_day(now())


def told() -> list[str]:
    return list(db.session.scalars(select(Alert.text).where(Alert.source.startswith("w")).order_by(Alert.id)))


def sold(house: House, product: int, day: date) -> None:
    with raw_operation():
        last = select(func.max(Sale.number)).where(Sale.business_day == day)
        sale = Sale(store_id=house.ids["first"], business_day=day, number=(db.session.scalar(last) or 0) + 1)
        sale.sold_at, sale.total = NOON, 100
        db.session.add(sale)
        db.session.flush()
        line = {"sale_id": sale.id, "position": 1, "kind": LineKind.PRODUCT, "product_id": product, "item": "x"}
        db.session.add(SaleLine(**line, amount=100))


def missed(house: House, staff: str, day: date) -> None:
    span = {"starts_at": NOON, "ends_at": NOON + timedelta(hours=1)}
    with raw_operation():
        values = {"customer_id": house.ids["anna"], "store_id": house.ids["first"], "source": AppointmentSource.PHONE}
        values |= {"status": AppointmentStatus.NO_SHOW, "business_day": day, "booked_on": day, "ended_on": day}
        row = Appointment(**values, **span)
        db.session.add(row)
        db.session.flush()
        made = {"appointment_id": row.id, "service_id": _service(), "staff_id": house.ids[staff]}
        db.session.add(Segment(**made, **span, busy_until=span["ends_at"]))


def _service() -> int:
    from models.catalogue import Service

    known = db.session.scalars(select(Service)).first()
    if known is None:
        known = Service(name="护理", price=100, busy_minutes=30)
        db.session.add(known)
        db.session.flush()
    return known.id


def edited(house: House, role: str = "owner", customer: str = "anna") -> None:
    data = EditInput(entity="customer", id=house.ids[customer], values={"notes": f"{now()}"})
    perform(Name.EDIT_ENTITY, data, actor=house.actor(role))


# ------------------------------------------------------------------------------------------ staff and products


def test_an_alert_is_raised_when_it_begins_to_hold_and_not_every_night(house: House) -> None:
    rules(UNSOLD)
    product = create("product", name="面膜", price="98")
    sold(house, product, today() - timedelta(89))
    for days in range(3):
        evaluate(today() + timedelta(days))
        assert told() == (["面膜: 90"] if days else [])
    [alert] = db.session.scalars(select(Alert).where(Alert.source == "w1"))
    assert (alert.to_role, alert.severity, alert.customer_id, alert.staff_id) == (
        "manager",
        Severeness.INFO,
        None,
        None,
    )
    assert alert.due_at == alert.raised_at + timedelta(hours=48)


def test_it_is_raised_again_when_it_begins_again(house: House) -> None:
    rules(UNSOLD)
    product = create("product", name="面膜", price="98")
    sold(house, product, today() - timedelta(89))
    evaluate(today())
    evaluate(today() + timedelta(1))
    sold(house, product, today() + timedelta(2))
    evaluate(today() + timedelta(2))
    assert db.session.scalars(select(WatchMatch)).all() == []
    evaluate(today() + timedelta(92))
    assert told() == ["面膜: 90", "面膜: 90"]


def test_a_new_rule_only_takes_note_of_those_it_finds(house: House) -> None:
    old, young = (create("product", name=name, price="98") for name in ("旧", "新"))
    sold(house, old, today() - timedelta(200))
    sold(house, young, today() - timedelta(89))
    rules(UNSOLD)
    evaluate(today())
    assert told() == []
    assert db.session.scalars(select(WatchMatch.subject_id)).all() == [old]
    evaluate(today() + timedelta(1))
    assert told() == ["新: 90"]


def test_a_rule_that_speaks_of_something_else_now_is_new(house: House) -> None:
    rules(MISSED)
    missed(house, "therapist_staff", today())
    missed(house, "therapist_staff", today())
    evaluate(today())
    product = create("product", name="面膜", price="98")
    sold(house, product, today() - timedelta(200))
    rules(UNSOLD)
    evaluate(today())
    assert told() == []
    assert [(m.rule, m.subject_id) for m in db.session.scalars(select(WatchMatch))] == [("w1", product)]


def test_an_alert_about_one_of_the_staff_names_her(house: House) -> None:
    rules(MISSED)
    evaluate(today())
    for _ in range(2):
        missed(house, "therapist_staff", today())
    missed(house, "manager_staff", today())
    evaluate(today())
    [alert] = db.session.scalars(select(Alert).where(Alert.source == "w1"))
    assert (alert.staff_id, alert.text) == (house.ids["therapist_staff"], "员工therapist: Therapist")


def test_between_full_runs_what_is_done_by_day_counts_too(house: House) -> None:
    """And what only time can change waits for the night."""
    rules(MISSED, UNSOLD)
    product = create("product", name="面膜", price="98")
    sold(house, product, today() - timedelta(89))
    evaluate(today())
    for _ in range(2):
        missed(house, "therapist_staff", today())
    tomorrow = today() + timedelta(1)
    watch(tomorrow, full=False)
    assert told() == ["员工therapist: Therapist"]
    watch(tomorrow, full=True)
    assert told() == ["员工therapist: Therapist", "面膜: 90"]


def test_a_rule_at_rest_lets_go_and_begins_anew(house: House) -> None:
    rules(MISSED)
    evaluate(today())
    for _ in range(2):
        missed(house, "therapist_staff", today())
    rules("enabled: no, " + MISSED)
    evaluate(today())
    assert told() == []
    rules(MISSED)
    evaluate(today())
    assert told() == ["员工therapist: Therapist"]


def test_nothing_is_left_of_a_rule_that_is_gone(house: House) -> None:
    rules(MISSED, TWICE)
    for _ in range(2):
        missed(house, "therapist_staff", today())
    evaluate(today())
    assert db.session.scalars(select(WatchState.rule).order_by(WatchState.rule)).all() == ["w1", "w2"]
    rules()
    evaluate(today())
    assert db.session.scalars(select(WatchState)).all() == []
    assert db.session.scalars(select(WatchMatch)).all() == []


def test_whoever_is_archived_is_no_longer_found(house: House) -> None:
    rules(MISSED)
    evaluate(today())
    for _ in range(2):
        missed(house, "therapist_staff", today())
    with raw_operation():
        db.session.get_one(Staff, house.ids["therapist_staff"]).archived_at = NOON
    evaluate(today())
    assert told() == []


# -------------------------------------------------------------------------------------------------- operations


def test_each_operation_is_told_once_and_who_did_it(house: House) -> None:
    rules(TWICE)
    for _ in range(3):
        edited(house, "manager")
    edited(house, "reception")
    evaluate(today())
    evaluate(today())
    assert told() == [f"用户manager (Manager), Edit: {n}" for n in (2, 3)]
    staff = set(db.session.scalars(select(Alert.staff_id).where(Alert.source == "w1")))
    assert staff == {house.ids["manager_staff"]}
    edited(house, "reception")
    evaluate(today(), full=False)
    assert told()[2:] == ["用户reception (Reception), Edit: 2"]


def test_what_was_done_before_the_rule_came_into_force_is_not_told(house: House) -> None:
    for _ in range(3):
        edited(house)
    rules(TWICE)
    evaluate(today())
    assert told() == []
    edited(house)
    evaluate(today())
    assert len(told()) == 1


def test_what_is_done_while_a_rule_rests_is_not_told_later(house: House) -> None:
    rules("enabled: no, " + TWICE)
    for _ in range(3):
        edited(house)
    evaluate(today())
    rules(TWICE)
    evaluate(today())
    assert told() == []


def test_what_is_done_after_the_day_waits_and_is_not_lost(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when it was written before something of the day itself."""
    rules("about: operation, when: {operation: edit_entity}, then: [{alert: {to: owner, text: '{hour}'}}]")
    from admin_app.operations import kernel

    zone = house.settings.zone
    day = today() + timedelta(1)
    for hour in (24, 23):
        at = datetime.combine(day, time(), zone) + timedelta(hours=hour)
        monkeypatch.setattr(kernel, "now", lambda at=at: at)
        edited(house, "manager")
    monkeypatch.undo()
    evaluate(day)
    assert told() == []
    evaluate(day + timedelta(1))
    assert sorted(told()) == ["0", "23"]


def test_what_the_house_does_is_never_told(house: House) -> None:
    rules("about: operation, when: {rows: {at_least: 0}}, then: [{alert: {to: owner, text: '{operation}'}}]")
    perform(Name.EDIT_ENTITY, EditInput(entity="customer", id=house.ids["anna"], values={"notes": "x"}), actor=SYSTEM)
    for _ in range(2):
        evaluate(today())
    assert told() == []


def test_a_refusal_can_be_told(house: House) -> None:
    rules("about: operation, when: {refused: yes}, then: [{alert: {to: owner, text: '{name}: {operation}'}}]")
    with pytest.raises(Forbidden):
        edited(house, "auditor")
    evaluate(today())
    assert told() == ["用户auditor: Edit"]


# --------------------------------------------------------------------------------------------------- the log


def entries() -> int:
    return db.session.scalar(select(func.count()).where(Operation.name == Name.WATCH.value)) or 0


def test_a_look_that_finds_nothing_is_written_down_on_full_runs_only(house: House) -> None:
    rules(MISSED, TWICE)
    evaluate(today())
    before = entries()
    watch(today(), full=False)
    assert entries() == before
    evaluate(today())
    assert entries() == before + 1


def test_without_such_rules_nothing_is_written_down(house: House) -> None:
    rules()
    evaluate(today())
    assert entries() == 0


def test_the_entry_says_what_was_raised(house: House) -> None:
    rules(TWICE)
    for _ in range(2):
        edited(house)
    evaluate(today())
    entry = db.session.scalars(select(Operation).where(Operation.name == Name.WATCH.value)).one()
    assert entry.detail == {"as_of": today().isoformat(), "rules": 1, "raised": 1}
    assert entry.run_id is not None


def test_nobody_but_the_machine_watches(house: House) -> None:
    with pytest.raises(Forbidden):
        perform(Name.WATCH, WatchInput(as_of=today(), full=True), actor=house.actor("owner"))


def test_looking_changes_nothing(house: House) -> None:
    rules(TWICE)
    for _ in range(2):
        edited(house)
    seen = look(db.session(), today(), full=True)
    assert seen.stirs()
    assert not db.session().dirty | db.session().new
    assert db.session.scalars(select(WatchState)).all() == []


def test_two_that_saw_the_same_raise_it_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another has written down meanwhile is found again within the operation."""
    rules(TWICE)
    for _ in range(2):
        edited(house)
    real = watching.perform

    def twice(*args: Any, **options: Any) -> Any:
        real(*args, **options)
        return real(*args, **options)

    monkeypatch.setattr(watching, "perform", twice)
    evaluate(today())
    assert len(told()) == 1


def test_many_operations_are_told_in_parts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "FEW", 2)
    rules(TWICE)
    for _ in range(4):
        edited(house, "manager")
    evaluate(today())
    assert (
        db.session.scalars(select(Alert.staff_id).where(Alert.source == "w1")).all() == [house.ids["manager_staff"]] * 3
    )


# ------------------------------------------------------------------------------------------------- who reads it

BOTH = (
    "about: operation, when: {operation: edit_entity, times_today: 2}, then: ["
    "{alert: {to: owner, text: '{name}（{role}）：{operation}', text_en: '{name} ({role}): {operation}'}}, "
    "{alert: {to: reception, text: '{name}（{role}）：{operation}', text_en: '{name} ({role}): {operation}'}}, "
    "{alert: {to: manager, text: '{name}'}}]"
)


def seen_by(house: House, role: str) -> list[Alert]:
    access = access_for(house.actor(role))
    return list(db.session.scalars(select(Alert).where(Alert.source == "w1", access.rows(Alert)).order_by(Alert.id)))


def test_a_person_gets_an_alert_once_however_many_roles_it_is_for(house: House) -> None:
    """The owner hears everybody, and had the same alert twice: as the owner's and as another role's."""
    rules(BOTH)
    for _ in range(2):
        edited(house, "manager")
    evaluate(today())
    once, other = db.session.scalars(select(Alert).where(Alert.source == "w1").order_by(Alert.id)).all()
    assert (once.to_role, once.also_to, other.to_role, other.also_to) == ("owner", ["reception"], "manager", None)
    assert [row.id for row in seen_by(house, "reception")] == [once.id]
    assert [row.id for row in seen_by(house, "owner")] == [once.id, other.id]
    evaluate(today())
    assert len(told()) == 2


def test_it_is_kept_in_both_languages_with_a_link_to_what_it_is_about(house: House) -> None:
    rules(BOTH, MISSED)
    for _ in range(2):
        edited(house, "manager")
    evaluate(today())
    for _ in range(2):
        missed(house, "therapist_staff", today())
    evaluate(today())
    edit = db.session.scalars(select(Operation.id).where(Operation.name == "edit_entity").order_by(Operation.id)).all()
    alert = db.session.scalars(select(Alert).where(Alert.source == "w1").order_by(Alert.id)).first()
    assert alert is not None
    assert (alert.text, alert.text_en) == ("用户manager（店长）：编辑", "用户manager (Manager): Edit")
    assert (alert.about, alert.about_id) == ("operation", edit[-1])
    staff = db.session.scalars(select(Alert).where(Alert.source == "w2")).one()
    assert (staff.about, staff.about_id, staff.text_en) == ("staff", house.ids["therapist_staff"], None)
