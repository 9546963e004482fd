"""What must always be true is kept by the database itself: SQL by hand cannot break it, on either engine."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import CheckConstraint
from sqlalchemy import Enum as SqlEnum

from models.entity import entities, table_of
from models.field import RANGES, Range
from tests import factory
from tests.conftest import House
from tests.models import raw

PAST = "'2000-01-01'"

BROKEN: dict[str, dict[str, str]] = {
    "account_card_item": {"card_item_id": "(SELECT min(id) FROM card_item)"},
    "account_commodity": {"commodity": "'points'"},
    "account_owner": {"customer_id": "NULL"},
    "alert_closed": {"closed_at": raw.MOMENT},
    "appointment_ended": {"status": "'cancelled'", "ended_on": "NULL"},
    "appointment_span": {"ends_at": "starts_at"},
    "assessment_parameter_range": {"minimum": "maximum"},
    "booking_claim_span": {"ends_at": "starts_at"},
    "card_span": {"expires_on": PAST},
    "closed_period_span": {"ends_at": "starts_at"},
    "concern_span": {"resolved_on": PAST},
    "contraindication_span": {"since": "'2026-11-22'", "until": PAST},
    "customer_assignment_span": {"until": raw.MOMENT},
    "customer_birthday_exists": {"birth_month": "4", "birth_day": "31"},
    "customer_birthday_whole": {"birth_month": "4", "birth_day": "NULL"},
    "customer_merged": {"merged_into_id": "id"},
    "customer_referrer": {"referrer_id": "id"},
    "customer_tag_held": {"held": "false", "by_hand": "false"},
    "customer_tag_span": {"until": raw.MOMENT},
    "day_close_difference": {"difference": "1"},
    "day_close_reason": {"counted_cash": "expected_cash + 1", "difference": "1", "reason": "NULL"},
    "follow_up_outcome": {"done_at": raw.MOMENT},
    "gift_issue_one_thing": {"product_id": "(SELECT min(id) FROM product)"},
    "leave_span": {"ends_at": "starts_at"},
    "lot_span": {"expires_on": PAST},
    "membership_validity": {"valid_until": PAST},
    "package_item_one_thing": {"service_id": "NULL", "product_id": "NULL"},
    "payment_amount": {"amount": "0"},
    "product_levels": {"reorder_level": "2", "maximum_level": "1"},
    "relation_two": {"other_id": "customer_id"},
    "rule_effect_held": {"state": "'held'"},
    "rule_match_span": {"until": PAST},
    "sale_line_amount": {"amount": "amount + 1"},
    "sale_line_card": {"card_id": "(SELECT min(id) FROM card)"},
    "sale_line_discount_reason": {"discount": "1", "amount": "amount - 1", "discount_reason": "NULL"},
    "sale_line_one_thing": {"product_id": "(SELECT min(id) FROM product)"},
    "sale_source": {"source_key": "'x'"},
    "schedule_one_rhythm": {"daily_at": "NULL", "every_minutes": "NULL"},
    "segment_span": {"busy_until": "starts_at"},
    "shift_span": {"ends_at": "starts_at"},
    "shift_template_hours": {"ends_at": "starts_at"},
    "staff_employment": {"hired_on": "'2026-11-22'", "left_on": PAST},
    "store_hours": {"closes_at": "opens_at"},
    "tag_exclusive": {"exclusive": "true", "group": "NULL"},
    "task_finished": {"finished_at": raw.MOMENT},
    "user_login": {"login": "'Anna'"},
    "voucher_settle_price": {"settle_price": "amount + 1"},
}
"""For each CHECK with a message, what makes a good row break it."""

BIRTHDAYS = {
    ("solar", 2, 29): True,
    ("solar", 2, 30): False,
    ("lunar", 2, 30): True,
    ("lunar", 1, 31): False,
    ("solar", 1, 31): True,
    ("solar", 1, 32): False,
    ("solar", 11, 31): False,
    ("lunar", 12, 30): True,
}


@pytest.fixture
def known(house: House) -> factory.Rows:
    return factory.fill(house)


RANGED = {
    f"ck_{entity.named()}_{one.name}_range": (entity.named(), one.name, one.range)
    for entity in entities()
    for one in entity.fields().values()
    if one.range is not None
}
"""The CHECKs that follow from the ranges of fields."""


def spoken() -> dict[str, str]:
    """The entity of each CHECK with a message, save those of ranges."""
    return {
        str(check.name): entity.named()
        for entity in entities()
        for check in table_of(entity).constraints
        if isinstance(check, CheckConstraint) and "message" in check.info and check.name not in RANGED
    }


def sql_of(value: object) -> str:
    return str(value) if isinstance(value, int) else f"'{value}'"


def outside(bounds: Range, above: bool) -> str:
    """The nearest value that a range leaves out, as SQL."""
    end = bounds.most if above else bounds.least
    step: Any = {int: 1, date: timedelta(1), datetime: timedelta(seconds=1)}[type(end)]
    return sql_of(end + step if above else end - step)


def birthday(calendar: str, month: int, day: int) -> dict[str, str]:
    return {"birth_calendar": f"'{calendar}'", "birth_month": str(month), "birth_day": str(day)}


# --------------------------------------------------------------------------------------------------- single rows


def test_every_check_is_tried_here() -> None:
    assert set(spoken()) == {f"ck_{name}" for name in BROKEN}


def test_every_check_refuses_the_row_it_is_for(house: House, known: factory.Rows) -> None:
    broken = {
        name: raw.changed(entity, known[entity]["own"], BROKEN[name.removeprefix("ck_")])
        for name, entity in spoken().items()
    }
    said = raw.refusals(broken)
    assert {name: what for name, what in said.items() if name not in what} == {}


@pytest.mark.parametrize("above", [False, True], ids=["below", "above"])
def test_no_stored_number_or_date_is_outside_its_range(house: House, known: factory.Rows, above: bool) -> None:
    """Each is refused by its own CHECK, or by another of the same table that it breaks as well."""
    said = raw.refusals(
        {
            name: raw.changed(entity, known[entity]["own"], {column: outside(bounds, above)})
            for name, (entity, column, bounds) in RANGED.items()
        }
    )
    assert len(said) > 250
    others = {RANGED[name][0]: what for name, what in said.items() if not re.search(r"ck_|no_gaps|no_overlap", what)}
    again = {"reversal": "reversal is append-only"}  # on SQLite a line's second reversal is stopped before its CHECKs
    assert others == (again if house.engine == "sqlite" else {})
    assert sum(name in what for name, what in said.items()) > 200


def test_every_number_and_date_of_an_entity_has_a_range() -> None:
    without = {
        one.key
        for entity in entities()
        for one in entity.fields().values()
        if one.kind in RANGES and one.range is None and not one.column.primary_key
    }
    assert without == set()


def test_the_same_rows_are_taken_when_nothing_is_broken(house: House, known: factory.Rows) -> None:
    said = raw.refusals({entity: raw.changed(entity, known[entity]["own"], {}) for entity in spoken().values()})
    assert {name: what for name, what in said.items() if what} == {}


def test_a_birthday_is_a_day_of_its_calendar(house: House) -> None:
    anna = house.ids["anna"]
    said = raw.refusals({str(one): raw.changed("customer", anna, birthday(*one)) for one in BIRTHDAYS})
    taken = {one: said[str(one)] == "" for one in BIRTHDAYS}
    assert taken == BIRTHDAYS


def test_closed_lists_are_kept_by_the_database(house: House, known: factory.Rows) -> None:
    columns = [
        (entity.named(), column.name)
        for entity in entities()
        for column in table_of(entity).columns
        if isinstance(column.type, SqlEnum) and entity.named() in known
    ]
    attempts = {
        f"{entity}.{column}": raw.changed(entity, known[entity]["own"], {column: "'nonsense'"})
        for entity, column in columns
    }
    said = raw.refusals(attempts)
    assert len(attempts) > 40
    unrefused = {name: what for name, what in said.items() if f"ck_{name.replace('.', '_')}_choice" not in what}
    assert set(unrefused) == {"account.kind", "account.commodity"}, "which stand in other checks too"
    assert all("ck_account_" in what for what in unrefused.values())


def test_a_reference_points_to_something(house: House) -> None:
    assert "foreign key" in raw.refusal("UPDATE customer SET store_id = 999").lower()


def test_nothing_that_is_referred_to_can_be_deleted(house: House, known: factory.Rows) -> None:
    used = ("store", "staff", "customer", "service", "product", "tag", "schedule")
    said = raw.refusals({name: f"DELETE FROM {name} WHERE id = {known[name]['own']}" for name in used})
    assert {name: what for name, what in said.items() if "foreign key" not in what.lower()} == {}
