"""The demo's booking calendar: the two weeks behind as they went, and the two weeks ahead as far as they are booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from models.booking import (
    Appointment,
    AppointmentEvent,
    AppointmentSource,
    AppointmentStatus,
    BookingClaim,
    ClosedPeriod,
    Resource,
    Segment,
    Waitlist,
)
from models.sales import LineKind, SharePart, ShareRole, VisitSource
from rules.decisions import times
from seed import menu
from seed.people import STORIES, Person
from seed.rota import CLOSES, OPENS, Rota
from seed.team import HOUSE, THERAPISTS, Rows, gives
from seed.till import Tables
from seed.when import When

DAYS = 14
STEP = timedelta(minutes=15)
TURNOVER = 10
ROOMS_A_STORE = 4
ASKED_TODAY = 3
"""How many have asked for the first therapist today."""
SELDOM = 0.5
"""Of the days and stores, in how many somebody books a service that is sold seldom."""
KEPT, CANCELLED, MISSED = AppointmentStatus.FINISHED, AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW
REASONS = {CANCELLED: ("临时加班", "孩子生病", "改到下周"), MISSED: ("电话未接", "忘记了，已致歉")}
SOURCES = (AppointmentSource.WECHAT, AppointmentSource.WECHAT, AppointmentSource.PHONE, AppointmentSource.FRONT_DESK)
OVER = frozenset({KEPT, CANCELLED, MISSED})


@dataclass
class Calendar:
    """Rows of the calendar, and what is taken by whom."""

    random: Random
    when: When
    rota: Rota
    resources: list[dict[str, Any]] = field(default_factory=list)
    appointments: list[dict[str, Any]] = field(default_factory=list)
    segments: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    taken: dict[int, list[times.Span]] = field(default_factory=lambda: defaultdict(list))
    known: dict[tuple[str, int], int] = field(default_factory=dict)

    def resource(self, kind: str, number: int) -> int:
        """The resource of a person, bed or customer."""
        key = (kind, number)
        if key not in self.known:
            self.known[key] = len(self.resources) + 1
            row = {f"{name}_id": None for name in ("staff", "bed", "equipment", "customer")}
            self.resources.append({"id": self.known[key], **row, f"{kind}_id": number})
        return self.known[key]

    def need(self, store: int, service: int, staff: Iterable[int]) -> times.Need:
        """What one service needs here."""
        row = menu.service(service)
        rooms = (ROOMS_A_STORE,) if row["category"] == "身体护理" else range(1, ROOMS_A_STORE)
        beds = tuple(self.resource("bed", (store - 1) * ROOMS_A_STORE + room) for room in rooms)
        people = tuple(self.resource("staff", one) for one in staff)
        return times.Need(row["busy"], row["idle"], 0, people, beds, turnover=dict.fromkeys(beds, TURNOVER))

    def place(self, person: Person, needs: list[times.Need], at: datetime) -> list[times.Placed] | None:
        """Where it fits at this time, or None."""
        day = at.astimezone(self.when.zone).date()
        on_duty = {
            self.resource("staff", duty.staff): [(self.when.at(day, duty.begins), self.when.at(day, duty.ends))]
            for duty in self.rota.duties(day)
            if duty.staff not in HOUSE
        }
        known = times.Day(self.taken, on_duty)
        found = times.place(known, self.resource("customer", person.id), needs, at)
        return None if isinstance(found, times.Blocked) else found

    def write(
        self,
        person: Person,
        services: list[int],
        placed: list[times.Placed],
        status: AppointmentStatus,
        visit: int | None = None,
        *,
        asked_for: bool = False,
    ) -> None:
        """One booking with its services, what they take, and what befell it."""
        number, day = len(self.appointments) + 1, placed[0].starts_at.astimezone(self.when.zone).date()
        booked = self._booked_at(day, person)
        off = status in {CANCELLED, MISSED}
        self.appointments.append(
            {
                "id": number,
                "public_id": f"{self.random.getrandbits(96):024x}",
                "customer_id": person.id,
                "store_id": person.row["store_id"],
                "starts_at": placed[0].starts_at,
                "ends_at": placed[-1].ends_at,
                "business_day": day,
                "source": self.random.choice(SOURCES),
                "status": status,
                "booked_on": booked.astimezone(self.when.zone).date(),
                "ended_on": day if off else None,
                "visit_id": visit,
            }
        )
        for service, one in zip(services, placed, strict=True):
            self._segment(number, service, one, status, asked_for=asked_for)
        self._events(number, placed, status, booked)

    def _booked_at(self, day: date, person: Person) -> datetime:
        """Some days before, or on the first day that the salon knows her."""
        ahead = self.random.randint(1, 9)
        latest = min(day - timedelta(days=ahead), self.when.today - timedelta(days=1))
        return self.when.at(max(latest, person.row["registered_on"]), OPENS + self.random.randint(0, 15))

    def _segment(
        self, appointment: int, service: int, placed: times.Placed, status: AppointmentStatus, *, asked_for: bool
    ) -> None:
        number, of = len(self.segments) + 1, {resource: key for key, resource in self.known.items()}
        bed = None if placed.bed is None else of[placed.bed][1]
        self.segments.append(
            {
                "id": number,
                "appointment_id": appointment,
                "service_id": service,
                "staff_id": of[placed.staff][1],
                "bed_id": bed,
                "equipment_id": None,
                "asked_for": asked_for,
                "starts_at": placed.starts_at,
                "busy_until": placed.busy_until,
                "ends_at": placed.ends_at,
            }
        )
        let_go = min(placed.ends_at, self.when.moment) if status in OVER else None
        for resource, (starts_at, ends_at) in placed.claims:
            if let_go is None or status is KEPT:
                self.taken[resource].append((starts_at, ends_at))
            self.claims.append(
                {
                    "id": len(self.claims) + 1,
                    "segment_id": number,
                    "resource_id": resource,
                    "starts_at": starts_at,
                    "ends_at": ends_at,
                    "archived_at": let_go,
                }
            )

    def _events(
        self, appointment: int, placed: list[times.Placed], status: AppointmentStatus, booked: datetime
    ) -> None:
        starts_at, ends_at = placed[0].starts_at, placed[-1].ends_at
        steps = [(booked, AppointmentStatus.BOOKED)]
        if status in {KEPT, AppointmentStatus.ARRIVED}:
            steps.append((min(starts_at, self.when.moment), AppointmentStatus.ARRIVED))
        if status is KEPT:
            steps.append((min(ends_at, self.when.moment), KEPT))
        elif status is AppointmentStatus.CONFIRMED:
            steps.append((booked + timedelta(hours=1), status))
        elif status in OVER:
            steps.append((starts_at + timedelta(minutes=20 if status is MISSED else -60), status))
        for at, step in steps:
            reason = self.random.choice(REASONS[step]) if step in REASONS else None
            self.events.append(
                {
                    "id": len(self.events) + 1,
                    "appointment_id": appointment,
                    "at": at,
                    "status": step,
                    "starts_at": starts_at,
                    "by": "前台",
                    "reason": reason,
                }
            )


def booking_rows(random: Random, when: When, everybody: list[Person], rota: Rota, rows: Tables) -> Rows:
    """Bookings kept, missed and called off; those to come; who waits for a time; when a store takes none."""
    calendar = Calendar(random, when, rota)
    _kept(calendar, everybody, rows)
    came = {(row["customer_id"], row["business_day"]) for row in rows.visits[-2_000:]}
    regulars = [p for p in everybody[len(STORIES) :] if p.habit.away <= 25 and not p.allergic]
    _called_off(calendar, regulars, came)
    left = _to_come(calendar, [p for p in regulars if (p.id, when.today) not in came])
    waiting = _waiting(random, when, regulars)
    _seldom_to_come(calendar, left)
    return [
        (Resource, calendar.resources),
        (Appointment, calendar.appointments),
        (Segment, calendar.segments),
        (BookingClaim, calendar.claims),
        (AppointmentEvent, calendar.events),
        (Waitlist, waiting),
        (ClosedPeriod, [_training(when)]),
    ]


def _kept(calendar: Calendar, everybody: list[Person], rows: Tables) -> None:
    """The visits that were booked, as they went; who came a moment ago is still here."""
    when, first = calendar.when, calendar.when.day(DAYS)
    booked = {
        row["id"]: row for row in rows.visits if row["business_day"] > first and row["source"] is VisitSource.BOOKED
    }
    given: dict[int, list[tuple[int, int]]] = defaultdict(list)
    led = {
        share["sale_line_id"]: share["staff_id"]
        for share in rows.shares
        if share["share_role"] is ShareRole.PERFORMER and share["part"] is SharePart.LEAD
    }
    for line in rows.lines:
        visit = rows.sales[line["sale_id"] - 1]["visit_id"]
        if visit in booked and line["kind"] is LineKind.SERVICE:
            given[visit].append((line["service_id"], led[line["id"]]))
    for number, services in given.items():
        row = booked[number]
        person = everybody[row["customer_id"] - 1]
        needs = [calendar.need(row["store_id"], service, (staff,)) for service, staff in services]
        placed = calendar.place(person, needs, _next_step(row["arrived_at"]))
        if placed is not None:
            here = placed[-1].ends_at > when.moment
            status = AppointmentStatus.ARRIVED if here else KEPT
            calendar.write(person, [service for service, _ in services], placed, status, number)


def _next_step(at: datetime) -> datetime:
    """The next full quarter of an hour."""
    over = timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)
    return at if not over else at - over + STEP


def _called_off(calendar: Calendar, regulars: list[Person], came: set[tuple[int, date]]) -> None:
    """Now and then somebody cancels, or does not come."""
    for ago in range(DAYS - 1, 0, -1):
        day = calendar.when.day(ago)
        for person in calendar.random.sample(regulars, 4):
            chance = calendar.random.random()
            if (person.id, day) not in came and person.habit.since > ago + 10:
                _book_everyday(calendar, person, day, CANCELLED if chance < 0.6 else MISSED)


def _to_come(calendar: Calendar, regulars: list[Person]) -> dict[int, list[Person]]:
    """Fuller today than in two weeks; some have asked for the first therapist today; who is left, by store."""
    waiting = calendar.random.sample(regulars, len(regulars))
    by_store = {store: [p for p in waiting if p.row["store_id"] == store] for store in range(1, len(menu.STORES) + 1)}
    for ahead in range(DAYS + 1):
        day = calendar.when.today + timedelta(days=ahead)
        for store, people in by_store.items():
            for place in range(min(max(2, 8 - ahead // 2), len(people))):
                sure = calendar.random.random() < 0.7 - 0.05 * ahead
                status = AppointmentStatus.CONFIRMED if sure else AppointmentStatus.BOOKED
                asked = 1 if (store, ahead) == (1, 0) and place < ASKED_TODAY else None
                _book_everyday(calendar, people.pop(), day, status, asked)
    return by_store


def _seldom_to_come(calendar: Calendar, left: dict[int, list[Person]]) -> None:
    """About every other day, somebody in each store wants something that is sold seldom."""
    random, rota = calendar.random, calendar.rota
    for ahead in range(1, DAYS + 1):
        day = calendar.when.today + timedelta(days=ahead)
        for store, people in left.items():
            service, wanted = random.choice(menu.SELDOM), random.random() < SELDOM
            there = [duty.staff for duty in rota.duties(day) if duty.store == store]
            able = [number for number in there if gives(rota.staff[number - 1]["level"], service)]
            if wanted and able and people:
                _book(calendar, people.pop(), day, AppointmentStatus.BOOKED, [(service, able)])


def _book_everyday(
    calendar: Calendar, person: Person, day: date, status: AppointmentStatus, asked: int | None = None
) -> None:
    """One or two services, by any therapist of the store or the one asked for."""
    random, store = calendar.random, person.row["store_id"]
    services = random.sample(menu.EVERYDAY, k=2 if random.random() < 0.2 else 1)
    on_duty = [d.staff for d in calendar.rota.duties(day) if d.store == store and d.staff in THERAPISTS]
    able = on_duty if asked is None else [asked]
    _book(calendar, person, day, status, [(service, able) for service in services], asked_for=asked is not None)


def _book(
    calendar: Calendar,
    person: Person,
    day: date,
    status: AppointmentStatus,
    wanted: list[tuple[int, list[int]]],
    *,
    asked_for: bool = False,
) -> None:
    """One booking of services, each with who can give it, at one of a few times drawn; none when it fits at none."""
    random, when, store = calendar.random, calendar.when, person.row["store_id"]
    needs = [calendar.need(store, service, able) for service, able in wanted]
    length = sum((need.length for need in needs), timedelta())
    for minute in random.sample(range(OPENS, CLOSES, 15), 12):
        at = when.at(day, minute)
        fits = at + length <= when.at(day, CLOSES) and (status in OVER or at > when.moment)
        placed = calendar.place(person, needs, at) if fits else None
        if placed is not None:
            calendar.write(person, [service for service, _ in wanted], placed, status, asked_for=asked_for)
            return


def _waiting(random: Random, when: When, regulars: list[Person]) -> list[dict[str, Any]]:
    """Six would come if a time came free; one of them has found one."""
    return [
        {
            "id": n,
            "customer_id": person.id,
            "store_id": person.row["store_id"],
            "service_id": random.choice(menu.EVERYDAY),
            "wanted_on": when.today + timedelta(days=n),
            "note": "下班后方便" if n % 2 else "希望周末上午",
            "settled_at": when.at(when.day(1), OPENS + 90) if n == 1 else None,
        }
        for n, person in enumerate(random.sample(regulars, 6), 1)
    ]


def _training(when: When) -> dict[str, Any]:
    day = when.today + timedelta(days=DAYS + 3)
    return {
        "id": 1,
        "store_id": 1,
        "starts_at": when.at(day, OPENS),
        "ends_at": when.at(day, OPENS + 120),
        "reason": "全员培训",
    }
