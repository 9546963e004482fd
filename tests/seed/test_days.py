"""The demo's working days and what was said and agreed: rota, leave, attendance, courses, packages, contacts."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from flask import current_app

from models.entity import table_of
from models.organisation import AttendanceKind, StaffTitle
from models.sales import LineKind
from seed import menu
from seed.demo import SEED
from seed.reference import reference_rows
from seed.rota import Rota, rota_rows
from seed.when import When
from tests.seed.conftest import DAY, MORNING, Rows, Salon, generated

Span = tuple[datetime, datetime]


def now_rows() -> Rows:
    """As the demo of half past ten has them."""
    return generated(moment=MORNING)


def planned(today: date) -> Rows:
    """Staff, shifts and leave as a demo of another day has them."""
    when = When.of(today, current_app.config["PEONY"].zone)
    reference = {table_of(entity).name: rows for entity, rows in reference_rows(Random(SEED), today)}
    rota = rota_rows(Random(SEED), when, Rota(reference["staff"], today))
    return reference | {table_of(entity).name: rows for entity, rows in rota}


def spans(rows: Rows, table: str) -> dict[int, list[Span]]:
    found: dict[int, list[Span]] = defaultdict(list)
    for row in rows[table]:
        found[row["staff_id"]].append((row["starts_at"], row["ends_at"]))
    return found


def overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


# --------------------------------------------------------------------------------------------- who works when


@pytest.mark.parametrize("today", [date(2026, 12, 28) + timedelta(days=n) for n in range(7)], ids=str)
def test_nobody_is_planned_twice_or_while_away(one: Salon, today: date) -> None:
    rows = planned(today)
    away = spans(rows, "leave")
    for person, shifts in spans(rows, "shift").items():
        ordered = sorted(shifts)
        assert not any(overlap(a, b) for a, b in pairwise(ordered)), person
        assert not any(overlap(shift, leave) for shift in shifts for leave in away[person]), person


def test_shifts_follow_the_templates_of_their_store(one: Salon) -> None:
    rows, zone = now_rows(), current_app.config["PEONY"].zone
    hours = {(row["store_id"], row["starts_at"], row["ends_at"]) for row in rows["shift_template"]}
    for row in rows["shift"]:
        begins, ends = row["starts_at"].astimezone(zone), row["ends_at"].astimezone(zone)
        assert (row["store_id"], begins.time(), ends.time()) in hours


@pytest.mark.parametrize("today", [date(2026, 12, 28) + timedelta(days=n) for n in range(7)], ids=str)
def test_every_store_has_two_therapists_from_opening_to_closing(one: Salon, today: date) -> None:
    rows = planned(today)
    therapists = {row["id"] for row in rows["staff"] if row["position"] is StaffTitle.THERAPIST}
    by_day: dict[tuple[int, date], list[Span]] = defaultdict(list)
    for row in rows["shift"]:
        if row["staff_id"] in therapists:
            by_day[row["store_id"], row["starts_at"].date()].append((row["starts_at"], row["ends_at"]))
    assert len(by_day) == 3 * 14
    assert [key for key, shifts in by_day.items() if len({begins for begins, _ in shifts}) != 2] == []


def test_people_work_in_a_store_of_theirs(one: Salon) -> None:
    rows = now_rows()
    allowed = {(row["id"], row["store_id"]) for row in rows["staff"]}
    further = {(row["staff_id"], row["store_id"]) for row in rows["staff_store"]}
    assert not allowed & further, "a further store is not the home store"
    worked = {(row["staff_id"], row["store_id"]) for table in ("shift", "attendance") for row in rows[table]}
    assert worked <= allowed | further
    assert worked & further


def test_who_gave_a_treatment_this_week_was_on_duty(one: Salon) -> None:
    rows = now_rows()
    shifts = spans(rows, "shift")
    sold = {row["id"]: row["sold_at"] for row in rows["sale"] if row["business_day"] >= DAY - timedelta(days=7)}
    lines = {row["id"]: sold[row["sale_id"]] for row in rows["sale_line"] if row["sale_id"] in sold}
    shares = [row for row in rows["staff_share"] if row["sale_line_id"] in lines]
    assert shares
    for share in shares:
        at = lines[share["sale_line_id"]]
        assert any(begins <= at < ends for begins, ends in shifts[share["staff_id"]]), share


def test_attendance_comes_and_goes_in_turn_and_fits_the_shifts(one: Salon) -> None:
    rows, shifts = now_rows(), spans(now_rows(), "shift")
    by_day: dict[tuple[int, date], list[tuple[datetime, AttendanceKind]]] = defaultdict(list)
    for row in rows["attendance"]:
        by_day[row["staff_id"], row["business_day"]].append((row["at"], row["kind"]))
        assert row["at"] <= MORNING
    for (person, day), events in by_day.items():
        kinds = [kind for _, kind in events]
        assert kinds == [AttendanceKind.ARRIVED, AttendanceKind.LEFT][: 1 if day == DAY else 2]
        assert any(abs(events[0][0] - begins) <= timedelta(minutes=15) for begins, _ in shifts[person])
    assert {day for _, day in by_day} == {DAY - timedelta(days=n) for n in range(8)}


def test_nobody_is_trained_before_she_is_hired_and_a_failure_is_made_good(one: Salon) -> None:
    rows = now_rows()
    hired = {row["id"]: row["hired_on"] for row in rows["staff"]}
    last: dict[tuple[int, int], tuple[date, bool]] = {}
    for row in rows["training_result"]:
        assert hired[row["staff_id"]] < row["taken_on"] < DAY
        assert row["passed"] is (row["score"] >= 60)
        last[row["staff_id"], row["course_id"]] = (row["taken_on"], row["passed"])
    assert all(passed for _, passed in last.values())
    assert any(not row["passed"] for row in rows["training_result"])


# ------------------------------------------------------------------------------------- things and packages

CARDS = {"补水 10 次": 1_980, "祛痘 12 次": 2_980, "抗衰 10 次": 4_580, "肩颈 10 次": 1_380}


@pytest.mark.parametrize("card", CARDS)
def test_the_cards_are_sold_as_told(one: Salon, card: str) -> None:
    word, count, _ = card.split()
    rows = now_rows()
    found = [row for row in rows["package"] if word in row["name"] and "次卡" in row["name"]]
    assert [row["price"] for row in found] == [CARDS[card] * 100]
    items = [row for row in rows["package_item"] if row["package_id"] == found[0]["id"]]
    service = {row["id"]: row["name"] for row in rows["service"]}
    assert [(word in service[row["service_id"]], row["quantity"]) for row in items] == [(True, int(count))]


def test_a_package_costs_less_than_its_parts(one: Salon) -> None:
    rows = now_rows()
    price = {name: {row["id"]: row["price"] for row in rows[name]} for name in ("service", "product")}
    parts: dict[int, int] = defaultdict(int)
    for row in rows["package_item"]:
        each = price["service"].get(row["service_id"]) or price["product"][row["product_id"]]
        parts[row["package_id"]] += each * row["quantity"]
    assert [row["name"] for row in rows["package"] if not 0 < row["price"] < parts[row["id"]]] == []


def test_every_service_uses_up_something_that_is_used_in_the_house(one: Salon) -> None:
    rows = now_rows()
    retail = {row["id"] for row in rows["product"] if row["use"] == "retail"}
    assert {row["service_id"] for row in rows["service_supply"]} == {row["id"] for row in rows["service"]}
    assert not retail & {row["product_id"] for row in rows["service_supply"]}


def test_equipment_was_bought_since_the_store_opened(one: Salon) -> None:
    rows = now_rows()
    opened = {row["id"]: row["opened_on"] for row in rows["store"]}
    assert {row["store_id"] for row in rows["equipment"]} == set(opened)
    assert [row for row in rows["equipment"] if not opened[row["store_id"]] <= row["bought_on"] < DAY] == []
    assert len({row["serial_number"] for row in rows["equipment"]}) == len(rows["equipment"])
    assert not [name for name, _ in menu.EQUIPMENT if re.search(r"激光|射频|注射|医", name)]


# ------------------------------------------------------------------------------------- what was said and agreed


def test_mothers_are_older_than_daughters_and_friends_are_those_who_came_through_them(one: Salon) -> None:
    rows = now_rows()
    people = {row["id"]: row for row in rows["customer"]}
    for row in rows["relation"]:
        one_, other = people[row["customer_id"]], people[row["other_id"]]
        if row["notes"] == "母女":
            assert other["birth_year"] - one_["birth_year"] >= 20
        if row["kind"] == "friend":
            assert other["referrer_id"] == one_["id"]
    assert {"母女", "姐妹", "夫妻", "同事"} <= {row["notes"] for row in rows["relation"]}


def test_who_speaks_with_a_customer_is_hired_and_at_work(one: Salon) -> None:
    rows = now_rows()
    hired = {row["id"]: row["hired_on"] for row in rows["staff"]}
    first = {row["id"]: row["first_visit_on"] for row in rows["customer"]}
    shifts = spans(rows, "shift")
    for row in rows["interaction"]:
        day = row["at"].date()
        assert hired[row["staff_id"]] <= day
        assert first[row["customer_id"]] < day
        if day > DAY - timedelta(days=7):
            assert any(begins <= row["at"] < ends for begins, ends in shifts[row["staff_id"]])
    complaints = [row for row in rows["interaction"] if row["complaint"]]
    assert 5 <= len(complaints) < len(rows["interaction"]) // 10
    assert all(row["handling"] and row["outcome"] for row in complaints)


def test_everybody_was_asked_at_her_first_visit_and_withdrew_only_what_she_gave(one: Salon) -> None:
    rows = now_rows()
    first = {row["id"]: row["first_visit_on"] for row in rows["customer"]}
    state: dict[tuple[int, str], bool] = {}
    for row in rows["consent_event"]:
        key = (row["customer_id"], row["purpose"])
        if key in state:
            assert state[key]
            assert not row["given"]
        else:
            assert row["at"].date() == first[row["customer_id"]]
        state[key] = row["given"]
    assert {customer for (customer, purpose), given in state.items() if purpose == "health_data" and given} == set(
        first
    )


def test_a_therapist_sells_or_gives_what_the_line_says(one: Salon) -> None:
    rows = now_rows()
    kind = {row["id"]: row["kind"] for row in rows["sale_line"]}
    for share in rows["staff_share"]:
        assert (share["share_role"] == "performer") is (kind[share["sale_line_id"]] is LineKind.SERVICE)
