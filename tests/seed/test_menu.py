"""The demo's long menu: who gives what, and what is sold seldom beside what is sold every day."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

import pytest

from models.entity import table_of
from models.sales import LineKind, ShareRole
from seed import menu
from seed.chance import beside
from seed.people import STORIES
from seed.reference import reference_rows
from seed.team import HOUSE, SPECIALISTS, THERAPISTS
from tests.seed.conftest import DAY, MORNING, Rows, Salon, generated
from views.forms import SHORT_LIST

SEED = 3


def reference() -> Rows:
    return {table_of(entity).name: rows for entity, rows in reference_rows(Random(SEED), DAY)}


def able(rows: Rows) -> dict[int, set[int]]:
    """Who can give each service."""
    found: dict[int, set[int]] = defaultdict(set)
    for row in rows["staff_skill"]:
        found[row["service_id"]].add(row["staff_id"])
    return found


@pytest.mark.parametrize("table", ["service", "staff"])
def test_there_are_so_many_that_they_are_looked_up(table: str) -> None:
    assert len(reference()[table]) > SHORT_LIST


def test_everyday_services_the_trial_and_those_sold_seldom_are_the_whole_menu() -> None:
    assert [*menu.EVERYDAY, menu.TRIAL, *menu.SELDOM] == [row["id"] for row in reference()["service"]]
    assert menu.service(menu.TRIAL)["name"] == "团购体验护理"


def test_each_number_among_the_staff_is_of_one_group() -> None:
    assert [*THERAPISTS, *HOUSE, *SPECIALISTS] == [row["id"] for row in reference()["staff"]]


def test_everything_is_given_by_somebody_and_nobody_gives_everything() -> None:
    rows = reference()
    given = able(rows)
    assert set(given) == {row["id"] for row in rows["service"]}
    gives = Counter(number for people in given.values() for number in people)
    assert set(gives) == {*THERAPISTS, *SPECIALISTS}
    assert max(gives.values()) < len(given)
    assert max(gives[number] for number in SPECIALISTS) < min(gives[number] for number in THERAPISTS)
    assert len({(row["staff_id"], row["service_id"]) for row in rows["staff_skill"]}) == len(rows["staff_skill"])


def test_who_gives_a_service_or_is_booked_for_it_is_able_to(one: Salon) -> None:
    rows = generated(moment=MORNING)
    given = able(rows)
    services = {row["id"]: row["service_id"] for row in rows["sale_line"] if row["kind"] is LineKind.SERVICE}
    gave = [
        (services[row["sale_line_id"]], row["staff_id"])
        for row in rows["staff_share"]
        if row["share_role"] is ShareRole.PERFORMER
    ]
    booked = [(row["service_id"], row["staff_id"]) for row in rows["segment"]]
    assert [pair for pair in (*gave, *booked) if pair[1] not in given[pair[0]]] == []
    assert {number for _, number in gave} == {*THERAPISTS, *SPECIALISTS}
    assert any(service in menu.SELDOM for service, _ in booked)


def test_what_is_sold_seldom_is_sold_less_than_anything_sold_every_day(one: Salon) -> None:
    rows = generated(moment=MORNING)
    sold = Counter(row["service_id"] for row in rows["sale_line"] if row["kind"] is LineKind.SERVICE)
    assert 0 < max(sold[number] for number in menu.SELDOM) < min(sold[number] for number in menu.EVERYDAY)
    assert 0.02 < sum(sold[number] for number in menu.SELDOM) / sold.total() < 0.1
    assert sum(1 for number in menu.SELDOM if sold[number]) >= len(menu.SELDOM) - 1


def test_stories_and_people_with_allergies_keep_to_what_is_sold_every_day(one: Salon) -> None:
    rows = generated(moment=MORNING)
    careful = {row["customer_id"] for row in rows["contraindication"]} | {*range(1, len(STORIES) + 1)}
    theirs = {row["id"] for row in rows["sale"] if row["customer_id"] in careful}
    assert [row for row in rows["sale_line"] if row["sale_id"] in theirs and row["service_id"] in menu.SELDOM] == []


def test_a_session_of_a_card_is_of_the_cards_service(one: Salon) -> None:
    rows = generated(moment=MORNING)
    held = {row["id"]: row["service_id"] for row in rows["card_item"]}
    sessions = [row for row in rows["sale_line"] if row["card_item_id"] is not None]
    assert sessions
    assert [row for row in sessions if row["service_id"] != held[row["card_item_id"]]] == []


def test_a_treatment_names_the_part_of_the_body_that_its_service_is_for(one: Salon) -> None:
    areas: dict[str, set[str]] = defaultdict(set)
    for row in generated(moment=MORNING)["treatment"]:
        areas[menu.service(row["service_id"])["category"]].add(row["area"])
    assert areas["面部护理"] == {"面部"}
    assert areas["手足护理"] == {"手足"}


def test_a_generator_beside_another_leaves_it_as_it_is() -> None:
    first, second = Random(SEED), Random(SEED)
    other = beside(first)
    assert other.random() != second.random()
    second = Random(SEED)
    assert [first.random() for _ in range(3)] == [second.random() for _ in range(3)]
    assert beside(first).random() == beside(second).random()
