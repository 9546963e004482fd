"""What the demo knows of its customers beside their sales: who looks after them, allergies, wishes, skin readings."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
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
from seed.people import Person
from seed.reference import Rows

SUBSTANCES = ("酒精", "果酸", "花粉", "阿司匹林", "青霉素", "乳胶")
WISHES = (
    (PreferenceKind.MUSIC, "轻音乐"),
    (PreferenceKind.SCENT, "薰衣草"),
    (PreferenceKind.DRINK, "玫瑰花茶"),
    (PreferenceKind.TEMPERATURE, "26 度"),
    (PreferenceKind.TOUCH, "力度轻一点"),
)
CONSULTANT = 15
"""The consultant's number among the staff."""


def care_rows(random: Random, today: date, everybody: list[Person]) -> Rows:
    """Assignments, dangers, wishes, concerns and readings."""
    return [
        (CustomerAssignment, _assignments(random, today, everybody)),
        (Contraindication, _dangers(random, everybody)),
        (Preference, _wishes(random, everybody)),
        (Concern, _concerns(random, today, everybody)),
        *_assessments(random, today, everybody),
    ]


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(4), UTC)


def _assignments(random: Random, today: date, everybody: list[Person]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for person in everybody:
        since = _noon(today - timedelta(days=person.habit.since))
        if person.habit.tier in {"gold", "platinum", "diamond", "story"}:
            rows.append(
                {"customer_id": person.id, "staff_id": CONSULTANT, "care_role": CareRole.CONSULTANT, "since": since}
            )
        if person.id % 3 == 0:
            therapist = (person.row["store_id"] - 1) * 4 + random.randint(1, 4)
            rows.append(
                {"customer_id": person.id, "staff_id": therapist, "care_role": CareRole.THERAPIST, "since": since}
            )
    return [{"id": n, **row} for n, row in enumerate(rows, 1)]


def _dangers(random: Random, everybody: list[Person]) -> list[dict[str, Any]]:
    chosen = [person for person in everybody if person.id % 14 == 5]
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
        for step, ago in enumerate(
            sorted({person.habit.since, (person.habit.since + person.habit.away) // 2}, reverse=True)
        ):
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
