"""Who works when: the duties of any day, and the shifts, leave and attendance of the two weeks around today."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from models.organisation import Attendance, AttendanceKind, Leave, LeaveKind, Shift, StaffTitle
from seed.chance import beside
from seed.team import HOUSE, OFFICE, SHIFTS, SPECIALISTS, THERAPISTS, Rows
from seed.when import When

OPENS, CLOSES = SHIFTS[0][1], SHIFTS[-1][2]
WEEK = 7
LEAVES = (
    # number among the staff, kind, days from today, days long, reason; never two therapists of one store at once
    (2, LeaveKind.HOLIDAY, -24, 5, "年假，陪家人出游"),
    (7, LeaveKind.SICK, -9, 2, "感冒发烧"),
    (11, LeaveKind.PERSONAL, -3, 1, "参加孩子家长会"),
    (4, LeaveKind.TRAINING, -2, 2, "外出参加芳香疗法培训"),
    (10, LeaveKind.SICK, 0, 1, "肠胃不适"),
    (6, LeaveKind.HOLIDAY, 2, 4, "年假，回老家"),
    (14, LeaveKind.PERSONAL, 4, 1, "办理证件"),
    (3, LeaveKind.HOLIDAY, 12, 5, "婚假后补休"),
    (15, LeaveKind.TRAINING, 16, 2, "皮肤管理师进修"),
)
CONSULTANT_ROUND = (1, 2, 3, 1, 2, 3, None)
"""Where the consultant is on each day of a week that begins like the demo's day."""


@dataclass(frozen=True)
class Duty:
    """Somebody's shift: where, and between which minutes of the day."""

    staff: int
    store: int
    begins: int
    ends: int


class Rota:
    """Therapists take turns in early and late shifts and have a day off a week; no store stands without either."""

    def __init__(self, staff: list[dict[str, Any]], today: date) -> None:
        self.staff = staff
        self._first_day_off = today.weekday() + 1  # whoever signs in for the demo is at work on its first day
        self._known: dict[date, list[Duty]] = {}
        self._leave: dict[int, set[date]] = defaultdict(set)
        for person, _, begins, days, _ in LEAVES:
            self._leave[person] |= {today + timedelta(days=begins + n) for n in range(days)}

    def duties(self, day: date) -> list[Duty]:
        if day not in self._known:
            self._known[day] = [*self._therapists(day), *self._others(day), *self._specialists(day)]
        return self._known[day]

    def therapists(self, store: int, day: date, minute: int) -> list[int]:
        """Who is there to begin a treatment of those given every day."""
        return [one for one in self.givers(store, day, minute) if one in THERAPISTS]

    def givers(self, store: int, day: date, minute: int) -> list[int]:
        """Therapists and specialists who are there to begin a treatment."""
        return [
            duty.staff
            for duty in self.duties(day)
            if duty.store == store and duty.staff not in HOUSE and duty.begins <= minute <= duty.ends - 60
        ]

    def desk(self, store: int, day: date) -> list[Duty]:
        """Who speaks with customers: manager, reception, consultant."""
        return [
            duty for duty in self.duties(day) if duty.store == store and duty.staff in HOUSE and duty.staff != OFFICE
        ]

    def manager_of(self, store: int) -> str:
        """The name of a store's manager."""
        managers = (one for one in self.staff if one["position"] is StaffTitle.MANAGER)
        return next(str(one["name"]) for one in managers if one["store_id"] == store)

    def _is_there(self, person: dict[str, Any], day: date, day_off: int) -> bool:
        return bool(
            person["hired_on"] <= day
            and day.weekday() != (self._first_day_off + day_off) % 7
            and day not in self._leave[person["id"]]
        )

    def _therapists(self, day: date) -> list[Duty]:
        by_store: dict[int, list[int]] = defaultdict(list)
        for person in (self.staff[number - 1] for number in THERAPISTS):
            if self._is_there(person, day, (person["id"] - 1) % 4):
                by_store[person["store_id"]].append(person["id"])
        week = day.isocalendar().week
        return [
            Duty(person, store, *SHIFTS[(place + week) % len(SHIFTS)][1:])
            for store, working in by_store.items()
            for place, person in enumerate(working)
        ]

    def _others(self, day: date) -> list[Duty]:
        """Managers open, receptions close; the consultant goes round the stores; the office keeps the week-end."""
        found: list[Duty] = []
        for person in (self.staff[number - 1] for number in HOUSE):
            title, store = person["position"], person["store_id"]
            if title is StaffTitle.CONSULTANT:
                store = CONSULTANT_ROUND[(day.weekday() + 1 - self._first_day_off) % 7]
            off = {StaffTitle.MANAGER: 1, StaffTitle.RECEPTION: 2, StaffTitle.OFFICE: 4}.get(title, 5)
            resting = title is StaffTitle.OFFICE and day.weekday() == 6
            if store is not None and not resting and self._is_there(person, day, off):
                found.append(Duty(person["id"], store, *SHIFTS[title is StaffTitle.RECEPTION][1:]))
        return found

    def _specialists(self, day: date) -> list[Duty]:
        """Early and late shifts week by week, with a day off."""
        week = day.isocalendar().week
        return [
            Duty(number, person["store_id"], *SHIFTS[(number + week) % len(SHIFTS)][1:])
            for number in SPECIALISTS
            if self._is_there(person := self.staff[number - 1], day, 2 + number % 4)
        ]


def rota_rows(random: Random, when: When, rota: Rota) -> Rows:
    """The week behind and the week ahead."""
    days = [when.today + timedelta(days=n) for n in range(-WEEK, WEEK)]
    return [
        (Shift, _numbered([_shift(when, day, duty) for day in days for duty in rota.duties(day)])),
        (Leave, _numbered([_leave(when, *leave) for leave in LEAVES])),
        (Attendance, _attendance(random, when, rota, days[: WEEK + 1])),
    ]


def _numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": n, **row} for n, row in enumerate(rows, 1)]


def _shift(when: When, day: date, duty: Duty) -> dict[str, Any]:
    return {
        "staff_id": duty.staff,
        "store_id": duty.store,
        "starts_at": when.at(day, duty.begins),
        "ends_at": when.at(day, duty.ends),
    }


def _leave(when: When, person: int, kind: LeaveKind, begins: int, days: int, reason: str) -> dict[str, Any]:
    first = when.today + timedelta(days=begins)
    return {
        "staff_id": person,
        "kind": kind,
        "starts_at": when.at(first, OPENS),
        "ends_at": when.at(first + timedelta(days=days - 1), CLOSES),
        "reason": reason,
    }


def _attendance(random: Random, when: When, rota: Rota, days: list[date]) -> list[dict[str, Any]]:
    """Most come a little early, one in twenty a little late; nobody goes before her time."""
    rows: list[dict[str, Any]] = []
    later = beside(random)
    for day in days:
        for duty in rota.duties(day):
            draws = later if duty.staff in SPECIALISTS else random
            late = draws.random() < 0.05
            came = duty.begins + (draws.randint(3, 12) if late else -draws.randint(2, 15))
            went = duty.ends + draws.randint(0, 25)
            for kind, minute in ((AttendanceKind.ARRIVED, came), (AttendanceKind.LEFT, went)):
                row = {"staff_id": duty.staff, "store_id": duty.store, "kind": kind, "at": when.at(day, minute)}
                rows.append({**row, "business_day": day})
    return _numbered(sorted((r for r in rows if when.has_been(r["at"])), key=lambda r: (r["at"], r["staff_id"])))
