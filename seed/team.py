"""Who works in the demo: therapists, specialists and others, what they are able to do, and what they have learnt."""

from __future__ import annotations

from datetime import date, time, timedelta
from random import Random
from typing import Any

from models.organisation import ShiftTemplate, Staff, StaffSkill, StaffStore, StaffTitle, TrainingResult
from seed import menu
from seed.chance import beside
from seed.names import name_of
from seed.people import HISTORY_DAYS

THERAPISTS_A_STORE = 4
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
FEW_SERVICES = ((1, "美甲美睫师"), (2, "美甲美睫师"), (3, "美甲美睫师"), (1, "养发师"))
"""The specialists: store and level."""
THERAPISTS = range(1, THERAPISTS_A_STORE * len(menu.STORES) + 1)
HOUSE = range(THERAPISTS.stop, THERAPISTS.stop + len(OTHERS))
SPECIALISTS = range(HOUSE.stop, HOUSE.stop + len(FEW_SERVICES))
CONSULTANT, OFFICE = 15, 20
"""Numbers among the staff, as the three ranges are; ``HOUSE`` are those who give no services."""
LEARNT = {
    "首席": ("面部护理", "身体护理", "头皮养护"),
    "高级": ("面部护理", "身体护理"),
    "中级": ("面部护理",),
    "美甲美睫师": ("手足护理", "美睫美眉"),
    "养发师": ("头皮养护",),
}
"""Categories of the services sold seldom that each level gives."""
OF_PREMIUM = ("首席", "高级")
"""Levels that give the premium ones of them."""
YOUNGEST = {LEVELS[-1], *(level for _, level in FEW_SERVICES)}
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
        (StaffSkill, _skills(staff)),
        (ShiftTemplate, _shift_templates()),
        (TrainingResult, _training(random, today, staff)),
    ]


def staff_rows(random: Random, today: date) -> list[dict[str, Any]]:
    """Twelve therapists, four a store, then the eight others, then the four specialists."""
    therapists = [
        (StaffTitle.THERAPIST, store, level, 3_500 + 500 * (THERAPISTS_A_STORE - place))
        for store in range(1, len(menu.STORES) + 1)
        for place, level in enumerate(LEVELS, 1)
    ]
    others = [(title, store, level, 6_000) for title, store, level in OTHERS]
    specialists = [(StaffTitle.THERAPIST, store, level, 4_500) for store, level in FEW_SERVICES]
    later = beside(random)
    first = [_person(random, today, n, *one) for n, one in enumerate((*therapists, *others), 1)]
    return first + [_person(later, today, n, *one) for n, one in zip(SPECIALISTS, specialists, strict=True)]


def _person(
    random: Random, today: date, number: int, title: StaffTitle, store: int, level: str, pay: int
) -> dict[str, Any]:
    return {
        "id": number,
        "name": name_of(random),
        "position": title,
        "level": level,
        "store_id": store,
        "hired_on": today - timedelta(days=_hired_ago(random, store, level)),
        "monthly_pay": menu.fen(pay),
    }


def _hired_ago(random: Random, store: int, level: str) -> int:
    """The youngest came within the two years that are told, everybody else between the opening and their beginning."""
    if level in YOUNGEST:
        return random.randint(300, 600)
    return random.randint(HISTORY_DAYS + 10, menu.STORES[store - 1][3])


def gives(level: str, service: int) -> bool:
    """Whether somebody of this level gives this service, one of those sold seldom."""
    row = menu.service(service)
    return row["category"] in LEARNT.get(level, ()) and (row["grade"] != "premium" or level in OF_PREMIUM)


def _skills(staff: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every therapist gives what is sold every day and the trial; the rest is given as ``LEARNT`` says."""
    pairs = [(person, service) for person in THERAPISTS for service in (*menu.EVERYDAY, menu.TRIAL)]
    pairs += [(one["id"], service) for one in staff for service in menu.SELDOM if gives(one["level"], service)]
    return [{"id": n, "staff_id": person, "service_id": service} for n, (person, service) in enumerate(pairs, 1)]


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
    """Who gives services takes every course, hygiene each year again; who fails takes it again a month later."""
    rows: list[dict[str, Any]] = []
    later = beside(random)
    for person in [one for one in staff if one["id"] not in HOUSE]:
        draws = later if person["id"] in SPECIALISTS else random
        for course, (_, _, valid_months) in enumerate(menu.COURSES, 1):
            ago = draws.randint(60, min(valid_months * 30, 290))
            first = draws.randint(52, 98)
            scores = [first] if first >= PASS_MARK else [first, draws.randint(70, 90)]
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
