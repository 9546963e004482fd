"""What is too small, too large or in the future is refused at its field, and nothing is stored."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import func, select

from admin_app.operations.booking import BookInput, WaitInput
from admin_app.operations.entities import CreateInput
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import specs
from admin_app.values import Unreadable, read_value, write_value
from models.actor import SYSTEM
from models.customers import Customer
from models.entity import db, entities, entity_named
from models.field import Field, Kind
from models.screen import WrittenBy
from tests.conftest import House
from tests.web import english
from views.forms import operation_blueprints

pytestmark = pytest.mark.usefixtures("sqlite_house")

SERVICE = {"name": "补水", "price": "298", "busy_minutes": "45"}
PACKAGE = {"name": "十次", "price": "1980"}
REFUSED = (
    ("package", PACKAGE, "valid_days", "3000000"),
    ("package", PACKAGE, "valid_days", "0"),
    ("package", PACKAGE, "price", "-1"),
    ("service", SERVICE, "busy_minutes", "999999999999"),
    ("service", SERVICE, "busy_minutes", "0"),
    ("service", SERVICE, "price", "100000000.01"),
    ("service", SERVICE, "follow_up_days", "20271231"),
    ("service", SERVICE, "follow_up_days", "1天、7天"),
    ("service", SERVICE, "follow_up_days", "-1"),
    ("service", SERVICE, "follow_up_days", "1, 7.5"),
    ("customer", {"name": "客"}, "first_visit_on", "0202-03-01"),
    ("customer", {"name": "客"}, "birth_year", "1899"),
    ("customer", {"name": "客"}, "contact_every_days", "100000"),
)


def rows(entity: str) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(entity_named(entity))) or 0


def fault_at(page: str, field: str) -> str:
    """What is said at a field."""
    [fault] = re.findall(rf'<p class="fault" id="{field}-fault">([^<]*)</p>', page)
    return str(fault)


@pytest.mark.parametrize(("entity", "values", "field", "written"), REFUSED)
def test_a_form_refuses_it_at_the_field(
    sqlite_house: House, entity: str, values: dict[str, str], field: str, written: str
) -> None:
    browser, before = english(sqlite_house), rows(entity)
    sent = {**values, field: written}
    if entity == "customer":
        sent["store_id"] = str(sqlite_house.ids["first"])
    answer = browser.post(f"/{entity}/new/", sent)
    assert answer.status_code == 422
    assert rows(entity) == before
    assert "needed here" in fault_at(answer.text, field) or "allowed here" in fault_at(answer.text, field)
    assert f'value="{values["name"]}"' in answer.text, "what was written is still there"


def test_days_to_follow_up_are_whole_numbers() -> None:
    create = CreateInput(entity="service", values={**SERVICE, "follow_up_days": "1、7，30"})
    made = perform("create_entity", create, actor=SYSTEM)
    assert db.session.get_one(entity_named("service"), made["id"]).follow_up_days == ["1", "7", "30"]  # type: ignore[attr-defined]


def form_fields() -> list[Field]:
    return [
        one
        for entity in entities()
        if entity.written_by == WrittenBy.FORM
        for one in entity.fields().values()
        if one.range is not None and not one.info.generated
    ]


def test_every_field_of_a_form_takes_its_ends_and_nothing_beyond(sqlite_house: House) -> None:
    zone, steps = sqlite_house.settings.zone, {int: 1, date: timedelta(1), datetime: timedelta(minutes=1)}
    assert len(form_fields()) > 40
    for one in form_fields():
        assert one.range is not None
        step: Any = steps[type(one.range.least)]
        for value in (one.range.least, one.range.most):
            if one.kind is not Kind.INSTANT:
                assert read_value(one, write_value(one.kind, value, zone), zone) == value, one.key
        for value in (one.range.least - step, one.range.most + step):
            with pytest.raises(Unreadable):
                read_value(one, write_value(one.kind, value, zone), zone)


def test_every_number_and_date_that_an_operation_asks_for_has_a_range() -> None:
    for spec in specs():
        for plan in operation_blueprints(spec):
            for one in (plan, *plan.rows):
                if one.kind in {Kind.NUMBER, Kind.MONEY, Kind.DAY, Kind.INSTANT}:
                    assert one.range is not None, f"{spec.name}.{one.name}"


@pytest.mark.parametrize("day", [date(1899, 12, 31), date(2200, 1, 1), date(202, 3, 1)])
def test_an_operation_takes_no_day_outside_the_range(day: date) -> None:
    with pytest.raises(ValidationError, match="out of range"):
        WaitInput(customer=1, service=1, wanted_on=day)


def test_a_booking_in_another_age_is_refused_at_its_field(sqlite_house: House) -> None:
    browser = english(sqlite_house)
    sent = {"customer": sqlite_house.ids["anna"], "store": sqlite_house.ids["first"], "starts_at": "2500-01-01T10:00"}
    answer = browser.post("/do/book/", sent)
    assert answer.status_code == 422
    assert fault_at(answer.text, "starts_at") == "From 1900-01-01 to 2199-12-31 is allowed here."
    with pytest.raises(ValidationError):
        BookInput(customer=1, services=[], starts_at=datetime(2500, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("calendar", "days", "taken"), [("solar", -1, True), ("solar", 0, True), ("solar", 1, False), ("lunar", 400, False)]
)
def test_nobody_is_born_in_the_future(sqlite_house: House, calendar: str, days: int, taken: bool) -> None:
    from admin_app.operations.kernel import business_day, now

    born = business_day(now()) + timedelta(days)
    values = {"name": "小", "store_id": sqlite_house.ids["first"], "birth_calendar": calendar}
    values |= {"birth_year": born.year, "birth_month": born.month, "birth_day": min(born.day, 29)}
    if born.day > 29:
        values["birth_day"] = born.day if calendar == "solar" else 29
    create = CreateInput(entity="customer", values=values)
    if taken:
        perform("create_entity", create, actor=SYSTEM)
    else:
        with pytest.raises(Refused, match=r"未来|future") as refusal:
            perform("create_entity", create, actor=SYSTEM)
        assert refusal.value.field == "birth_year"
    assert rows("customer") == 3 + taken
    assert db.session.scalar(select(Customer.id).limit(1))
