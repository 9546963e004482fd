"""What must always be true is kept by the database itself: SQL by hand cannot break it, on either engine."""

from __future__ import annotations

import pytest
from sqlalchemy import CheckConstraint
from sqlalchemy import Enum as SqlEnum

from models.entity import entities, table_of
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
    "card_change_amount": {"amount": "-1"},
    "card_item_sessions": {"sessions": "0"},
    "card_price": {"sold_for": "-1"},
    "card_span": {"expires_on": PAST},
    "closed_period_span": {"ends_at": "starts_at"},
    "concern_span": {"resolved_on": PAST},
    "contraindication_span": {"since": "'2026-11-22'", "until": PAST},
    "course_length": {"hours": "-1"},
    "customer_assignment_span": {"until": raw.MOMENT},
    "customer_birth_day": {"birth_month": "1", "birth_day": "0"},
    "customer_birth_month": {"birth_month": "13", "birth_day": "1"},
    "customer_birth_year": {"birth_year": "1899"},
    "customer_birthday_exists": {"birth_month": "4", "birth_day": "31"},
    "customer_birthday_whole": {"birth_month": "4", "birth_day": "NULL"},
    "customer_contact_every_days": {"contact_every_days": "-1"},
    "customer_merged": {"merged_into_id": "id"},
    "customer_referrer": {"referrer_id": "id"},
    "customer_tag_held": {"held": "false", "by_hand": "false"},
    "customer_tag_span": {"until": raw.MOMENT},
    "day_close_difference": {"difference": "1"},
    "day_close_reason": {"counted_cash": "expected_cash + 1", "difference": "1", "reason": "NULL"},
    "follow_up_outcome": {"done_at": raw.MOMENT},
    "gift_issue_one_thing": {"product_id": "(SELECT min(id) FROM product)"},
    "gift_issue_quantity": {"quantity": "0"},
    "gift_points": {"points": "-1"},
    "kpi_target_amount": {"amount": "0"},
    "leave_span": {"ends_at": "starts_at"},
    "lot_span": {"expires_on": PAST},
    "membership_validity": {"valid_until": PAST},
    "package_item_one_thing": {"service_id": "NULL", "product_id": "NULL"},
    "package_item_quantity": {"quantity": "0"},
    "package_price": {"valid_days": "0"},
    "payment_amount": {"amount": "0"},
    "product_levels": {"reorder_level": "2", "maximum_level": "1"},
    "product_opening": {"months_after_opening": "0"},
    "product_price": {"cost": "-1"},
    "relation_two": {"other_id": "customer_id"},
    "room_turnover": {"turnover_minutes": "241"},
    "rule_effect_amount": {"amount": -1},
    "rule_effect_held": {"state": "'held'"},
    "rule_match_span": {"until": PAST},
    "sale_line_amount": {"amount": "amount + 1"},
    "sale_line_card": {"card_id": "(SELECT min(id) FROM card)"},
    "sale_line_discount_reason": {"discount": "1", "amount": "amount - 1", "discount_reason": "NULL"},
    "sale_line_one_thing": {"product_id": "(SELECT min(id) FROM product)"},
    "sale_line_quantity": {"quantity": "0", "amount": "0"},
    "sale_number": {"number": "0"},
    "sale_source": {"source_key": "'x'"},
    "schedule_every_minutes": {"daily_at": "NULL", "every_minutes": "1441"},
    "schedule_one_rhythm": {"daily_at": "NULL", "every_minutes": "NULL"},
    "segment_span": {"busy_until": "starts_at"},
    "service_minutes": {"busy_minutes": "0"},
    "service_price": {"price": "-1"},
    "service_supply_quantity": {"quantity_milli": "0"},
    "shift_span": {"ends_at": "starts_at"},
    "shift_template_hours": {"ends_at": "starts_at"},
    "staff_employment": {"hired_on": "'2026-11-22'", "left_on": PAST},
    "staff_share_permille": {"permille": "1001"},
    "store_hours": {"closes_at": "opens_at"},
    "tag_exclusive": {"exclusive": "true", "group": "NULL"},
    "task_finished": {"finished_at": raw.MOMENT},
    "till_shift_opening_cash": {"opening_cash": "-1"},
    "training_result_score": {"score": "101"},
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


def spoken() -> dict[str, str]:
    """The entity of each CHECK with a message."""
    return {
        str(check.name): entity.named()
        for entity in entities()
        for check in table_of(entity).constraints
        if isinstance(check, CheckConstraint) and "message" in check.info
    }


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
    unrefused = {name: what for name, what in said.items() if name not in what}
    assert set(unrefused) == {"ck_sale_number"}
    assert "no_gaps_sale" in unrefused["ck_sale_number"]


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
