"""What the demo knows of its customers beside their sales: who looks after them, allergies, wishes, skin readings."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

from models.assessments import Assessment, Reading
from models.customers import (
    CareRole,
    Concern,
    ConcernKind,
    Contraindication,
    CustomerAssignment,
    DangerKind,
    Preference,
    PreferenceKind,
    Severity,
)
from seed.people import HERS, STORY, Person
from seed.rota import Rota
from seed.team import CONSULTANT, Rows
from seed.when import When

SUBSTANCES = ("酒精", "果酸", "花粉", "阿司匹林", "青霉素", "乳胶")
WISHES = (
    (PreferenceKind.MUSIC, "轻音乐"),
    (PreferenceKind.SCENT, "薰衣草"),
    (PreferenceKind.DRINK, "玫瑰花茶"),
    (PreferenceKind.TEMPERATURE, "26 度"),
    (PreferenceKind.TOUCH, "力度轻一点"),
)
NOON = 12 * 60


def care_rows(random: Random, when: When, everybody: list[Person], rota: Rota) -> Rows:
    """Assignments, dangers, wishes, concerns and readings."""
    return [
        (CustomerAssignment, _assignments(random, when, everybody, rota)),
        (Contraindication, _dangers(random, everybody)),
        (Preference, _wishes(random, everybody)),
        (Concern, _concerns(random, when.today, everybody)),
        *_assessments(random, when.today, everybody),
    ]


def _assignments(random: Random, when: When, everybody: list[Person], rota: Rota) -> list[dict[str, Any]]:
    """The best customers have the consultant, one in three a therapist who was there at her first visit."""
    rows: list[dict[str, Any]] = []
    for person in everybody:
        first, chance = when.day(person.habit.since), random.random()
        since = when.at(first, NOON)
        if person.habit.tier in {"gold", "platinum", "diamond", STORY}:
            rows.append(
                {"customer_id": person.id, "staff_id": CONSULTANT, "care_role": CareRole.CONSULTANT, "since": since}
            )
        if person.told is not None and person.told.about in HERS:
            rows.append({"customer_id": person.id, "staff_id": 1, "care_role": CareRole.THERAPIST, "since": since})
        elif person.id % 3 == 0:
            there = rota.therapists(person.row["store_id"], first, NOON + 60)
            therapist = there[int(chance * len(there))]
            rows.append(
                {"customer_id": person.id, "staff_id": therapist, "care_role": CareRole.THERAPIST, "since": since}
            )
    return [{"id": n, **row} for n, row in enumerate(rows, 1)]


def _dangers(random: Random, everybody: list[Person]) -> list[dict[str, Any]]:
    chosen = [person for person in everybody if person.allergic]
    return [
        {
            "id": n,
            "customer_id": person.id,
            "kind": DangerKind.ALLERGY,
            "substance": random.choice(SUBSTANCES),
            "severity": random.choice(list(Severity)),
        }
        for n, person in enumerate(chosen, 1)
    ]


def _wishes(random: Random, everybody: list[Person]) -> list[dict[str, Any]]:
    chosen = [(person, wish) for person in everybody[:200] for wish in random.sample(WISHES, k=2)]
    return [
        {"id": n, "customer_id": person.id, "kind": kind, "value": value, "liked": True}
        for n, (person, (kind, value)) in enumerate(chosen, 1)
    ]


def _concerns(random: Random, today: date, everybody: list[Person]) -> list[dict[str, Any]]:
    chosen = everybody[:160]
    return [
        {
            "id": n,
            "customer_id": person.id,
            "kind": random.choice(list(ConcernKind)),
            "area": random.choice(("面颊", "额头", "眼周", "肩颈", "鼻翼")),
            "opened_on": today - timedelta(days=person.habit.since),
        }
        for n, person in enumerate(chosen, 1)
    ]


def _assessments(random: Random, today: date, everybody: list[Person]) -> Rows:
    assessments: list[dict[str, Any]] = []
    readings: list[dict[str, Any]] = []
    for person in [one for one in everybody if one.id % 6 == 0]:
        base = {"moisture": random.randint(28, 55), "oil": random.randint(20, 60), "sensitivity": random.randint(5, 75)}
        days = person.days_ago
        for step, ago in enumerate(dict.fromkeys((days[0], days[(len(days) - 1) // 2]))):
            number = len(assessments) + 1
            assessments.append(
                {
                    "id": number,
                    "customer_id": person.id,
                    "template_id": 1,
                    "staff_id": CONSULTANT,
                    "assessed_on": today - timedelta(days=ago),
                }
            )
            values = (
                base["moisture"] + 6 * step,
                base["oil"] - 4 * step,
                base["sensitivity"] - 3 * step,
                50 + 5 * step,
            )
            for parameter, value in enumerate(values, 1):
                readings.append(
                    {
                        "id": len(readings) + 1,
                        "assessment_id": number,
                        "parameter_id": parameter,
                        "value": max(0, min(100, value)),
                    }
                )
    return [(Assessment, assessments), (Reading, readings)]
