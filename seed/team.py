"""Who works in the demo: twelve therapists and eight others, what they are able to do, and what they have learnt."""

from __future__ import annotations

from datetime import date, time, timedelta
from random import Random
from typing import Any

from models.organisation import ShiftTemplate, Staff, StaffSkill, StaffStore, StaffTitle, TrainingResult
from seed import menu
from seed.names import name_of
from seed.people import HISTORY_DAYS

THERAPISTS_A_STORE = 4
THERAPISTS = THERAPISTS_A_STORE * len(menu.STORES)
LEVELS = ("首席", "高级", "中级", "初级")
OTHERS = (
    (StaffTitle.MANAGER, 1, "店长"),
    (StaffTitle.RECEPTION, 1, "前台"),
    (StaffTitle.CONSULTANT, 1, "顾问"),
    (StaffTitle.MANAGER, 2, "店长"),
    (StaffTitle.RECEPTION, 2, "前台"),
    (StaffTitle.MANAGER, 3, "店长"),
    (StaffTitle.RECEPTION, 3, "前台"),
    (StaffTitle.OFFICE, 1, "财务"),
)
CONSULTANT, OFFICE = 15, 20
"""Numbers among the staff."""
FURTHER_STORES = ((CONSULTANT, 2), (CONSULTANT, 3), (OFFICE, 2), (OFFICE, 3), (5, 3))
SHIFTS = (("早班", 10 * 60, 18 * 60 + 30), ("晚班", 12 * 60 + 30, 21 * 60))
"""Name, and the minutes of the day from and to."""
PASS_MARK = 60

Rows = list[tuple[Any, list[dict[str, Any]]]]


def team_rows(random: Random, today: date) -> Rows:
    """Staff with their skills, further stores, courses taken, and the shifts they are planned by."""
    staff = staff_rows(random, today)
    return [
        (Staff, staff),
        (StaffStore, [{"id": n, "staff_id": a, "store_id": b} for n, (a, b) in enumerate(FURTHER_STORES, 1)]),
        (StaffSkill, _skills()),
        (ShiftTemplate, _shift_templates()),
        (TrainingResult, _training(random, today, staff)),
    ]


def staff_rows(random: Random, today: date) -> list[dict[str, Any]]:
    """Twelve therapists, four a store, then the eight others."""
    therapists = [
        (StaffTitle.THERAPIST, store, level, 3_500 + 500 * (THERAPISTS_A_STORE - place))
        for store in range(1, len(menu.STORES) + 1)
        for place, level in enumerate(LEVELS, 1)
    ]
    others = [(title, store, level, 6_000) for title, store, level in OTHERS]
    return [
        {
            "id": n,
            "name": name_of(random),
            "position": title,
            "level": level,
            "store_id": store,
            "hired_on": today - timedelta(days=_hired_ago(random, store, level)),
            "monthly_pay": menu.fen(pay),
        }
        for n, (title, store, level, pay) in enumerate((*therapists, *others), 1)
    ]


def _hired_ago(random: Random, store: int, level: str) -> int:
    """The youngest came within the two years that are told, everybody else between the opening and their beginning."""
    if level == LEVELS[-1]:
        return random.randint(300, 600)
    return random.randint(HISTORY_DAYS + 10, menu.STORES[store - 1][3])


def _skills() -> list[dict[str, Any]]:
    return [
        {"id": (person - 1) * len(menu.SERVICES) + service, "staff_id": person, "service_id": service}
        for person in range(1, THERAPISTS + 1)
        for service in range(1, len(menu.SERVICES) + 1)
    ]


def _shift_templates() -> list[dict[str, Any]]:
    return [
        {
            "id": (store - 1) * len(SHIFTS) + n,
            "store_id": store,
            "name": name,
            "starts_at": time(begins // 60, begins % 60),
            "ends_at": time(ends // 60, ends % 60),
        }
        for store in range(1, len(menu.STORES) + 1)
        for n, (name, begins, ends) in enumerate(SHIFTS, 1)
    ]


def _training(random: Random, today: date, staff: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Therapists take every course, hygiene each year again; who fails takes it again a month later."""
    rows: list[dict[str, Any]] = []
    for person in staff[:THERAPISTS]:
        for course, (_, _, valid_months) in enumerate(menu.COURSES, 1):
            ago = random.randint(60, min(valid_months * 30, 290))
            first = random.randint(52, 98)
            scores = [first] if first >= PASS_MARK else [first, random.randint(70, 90)]
            rows += [
                {
                    "staff_id": person["id"],
                    "course_id": course,
                    "taken_on": today - timedelta(days=ago - 30 * attempt),
                    "score": score,
                    "passed": score >= PASS_MARK,
                }
                for attempt, score in enumerate(scores)
            ]
    return [{"id": n, **row} for n, row in enumerate(rows, 1)]
