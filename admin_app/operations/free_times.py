"""What a booking needs, and what is known of a day: from the rows of the salon to ``rules/decisions/times.py``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from admin_app.duty import away, employed, is_holiday, open_hours, shifts_of
from admin_app.operations.kernel import business_day
from admin_app.operations.refusals import Refused
from admin_app.rulebook import rulebook
from admin_app.staffing import stores_of
from models.booking import BookingClaim, Resource, Segment
from models.catalogue import Service
from models.entity import insert_new
from models.organisation import Bed, Equipment, Room, Staff, StaffSkill, StaffStore, Store
from rules.decisions import times


@dataclass(frozen=True)
class Request:
    """Who wants what when: services with the therapist asked for, or None for whoever is free.

    ``staff_field`` is the form's field of the therapist of a service, with its place: ``services-{place}-staff``.
    """

    store_id: int
    customer_id: int
    services: tuple[tuple[int, int | None], ...]
    starts_at: datetime
    staff_field: str = "services-{place}-staff"


@dataclass(frozen=True)
class Plan:
    """A request in the terms of the decision; ``of`` says which person, bed or device a resource is."""

    request: Request
    customer: int
    needs: list[times.Need]
    store: Store
    of: dict[int, tuple[str, int, str]]
    now: datetime

    def says(self, blocked: times.Blocked) -> LazyString:
        """In words, naming the resource where it is one."""
        if blocked.what == "customer":
            return _l("The customer has another booking at this time.")
        names = [name for kind, _, name in (self.of[one] for one in blocked.among) if kind == blocked.what]
        if len(names) == 1:
            return _l("%(name)s is taken or away at this time.", name=names[0])
        nobody = {
            "staff": _l("No therapist is free at this time."),
            "bed": _l("No bed is free at this time."),
            "equipment": _l("The equipment is taken at this time."),
        }
        return nobody[blocked.what]


def plan_of(session: Session, request: Request, now: datetime) -> Plan:
    """What the request needs, by the services' own words.

    :raises Refused: somebody asked for cannot give it, or nobody in the store can.
    """
    store = session.get_one(Store, request.store_id)
    of: dict[int, tuple[str, int, str]] = {}
    day = business_day(request.starts_at)
    needs = [
        _need(session, store, wanted, day, of, request.staff_field.format(place=place))
        for place, wanted in enumerate(request.services)
    ]
    customer = _resources(session, "customer", [(request.customer_id, "")], of)[0]
    return Plan(request, customer, needs, store, of, now)


def _need(
    session: Session,
    store: Store,
    wanted: tuple[int, int | None],
    day: date,
    of: dict[int, tuple[str, int, str]],
    staff_field: str,
) -> times.Need:
    service_id, staff_id = wanted
    service = session.get_one(Service, service_id)
    staff = _able(session, store, service, day)
    if staff_id is not None:
        staff = [one for one in staff if one[0] == staff_id]
        if not staff:
            raise _unable(session, session.get_one(Staff, staff_id), store, service, day, staff_field)
    if not staff:
        raise Refused(_l("Nobody can give %(name)s in this store.", name=service.name), "services", "skill")
    beds = _beds(session, store, service)
    turnover = {bed: minutes for bed, _, minutes in beds}
    bed_resources = _resources(session, "bed", [(bed, name) for bed, name, _ in beds], of)
    return times.Need(
        busy=service.busy_minutes,
        idle=service.idle_minutes,
        buffer=service.buffer_minutes,
        staff=tuple(_resources(session, "staff", staff, of)),
        beds=tuple(bed_resources),
        equipment=tuple(_resources(session, "equipment", _equipment(session, store, service), of)),
        turnover={one: turnover[of[one][1]] for one in bed_resources},
    )


def _able(session: Session, store: Store, service: Service, day: date) -> list[tuple[int, str]]:
    """Who may give it here on that day: everybody with the skill."""
    more = select(StaffStore.staff_id).where(StaffStore.store_id == store.id, StaffStore.archived_at.is_(None))
    skilled = select(StaffSkill.staff_id).where(StaffSkill.service_id == service.id, StaffSkill.archived_at.is_(None))
    query = select(Staff.id, Staff.name).where(
        or_(Staff.store_id == store.id, Staff.id.in_(more)),
        Staff.id.in_(skilled),
        *employed(day),
    )
    return [(number, name) for number, name in session.execute(query.order_by(Staff.id))]


def _unable(session: Session, person: Staff, store: Store, service: Service, day: date, field: str) -> Refused:
    """Why whoever was asked for cannot give it here on that day."""
    if person.archived_at is not None:
        return Refused(_l("%(name)s was archived; choose somebody else.", name=person.name), field, "archived")
    if person.left_on is not None and person.left_on < day:
        message = _l("%(name)s has left by that day; choose somebody else.", name=person.name)
    elif store.id not in stores_of(session, [person.id])[person.id]:
        message = _l("%(name)s does not work in this store; choose somebody else.", name=person.name)
    else:
        message = _l(
            "%(name)s does not give %(service)s; choose somebody else.", name=person.name, service=service.name
        )
    return Refused(message, field, "skill")


def _beds(session: Session, store: Store, service: Service) -> list[tuple[int, str, int]]:
    if service.room_kind is None:
        return []
    query = (
        select(Bed.id, Bed.name, Room.turnover_minutes)
        .join(Room, Room.id == Bed.room_id)
        .where(Room.store_id == store.id, Room.kind == service.room_kind, Bed.archived_at.is_(None))
        .where(Room.archived_at.is_(None))
        .order_by(Bed.id)
    )
    found = [(bed, name, minutes) for bed, name, minutes in session.execute(query)]
    if not found:
        raise Refused(_l("There is no room for %(name)s in this store.", name=service.name), "services", "no_room")
    return found


def _equipment(session: Session, store: Store, service: Service) -> list[tuple[int, str]]:
    if not service.equipment_needed:
        return []
    query = select(Equipment.id, Equipment.name).where(
        Equipment.store_id == store.id, Equipment.name == service.equipment_needed, Equipment.archived_at.is_(None)
    )
    found = [(number, name) for number, name in session.execute(query.order_by(Equipment.id))]
    if not found:
        message = _l(
            "This store has no %(what)s, which %(name)s needs.", what=service.equipment_needed, name=service.name
        )
        raise Refused(message, "services", "no_equipment")
    return found


def _resources(
    session: Session, kind: str, rows: Sequence[tuple[int, str]], of: dict[int, tuple[str, int, str]]
) -> list[int]:
    """The resources of these rows, in their order; made when first needed."""
    if not rows:
        return []
    column = getattr(Resource, f"{kind}_id")
    ids = [number for number, _ in rows]
    find = select(column, Resource.id).where(column.in_(ids))
    known: dict[int, int] = dict(session.execute(find).all())
    missing = [number for number in ids if number not in known]
    if missing:
        insert_new(session, Resource, [{f"{kind}_id": number} for number in missing])
        known |= dict(session.execute(find).all())
    of.update({known[number]: (kind, number, name) for number, name in rows})
    return [known[number] for number in ids]


def customer_resource(session: Session, customer_id: int) -> int:
    """The resource that a customer's bookings take; made when first needed."""
    return _resources(session, "customer", [(customer_id, "")], {})[0]


def starts_of(plan: Plan) -> list[datetime]:
    """The starts offered on the day asked for: at full steps, neither past nor too far ahead, done by closing."""
    till, day = rulebook().till, business_day(plan.request.starts_at)
    opens, closes = open_hours(plan.store, day)
    length = sum((need.length for need in plan.needs), timedelta())
    if is_holiday(plan.store, day):
        return []
    latest = plan.now + timedelta(days=till.ahead)
    return [at for at in times.starts(opens, closes, till.step) if plan.now <= at <= latest and at + length <= closes]


def day_known(session: Session, plan: Plan, besides: int | None = None) -> times.Day:
    """What is taken on the day asked for, and when the staff may work; ``besides`` a booking that is being moved."""
    opens, closes = open_hours(plan.store, business_day(plan.request.starts_at))
    margin = timedelta(hours=6)
    resources = {plan.customer} | {one for need in plan.needs for one in (*need.staff, *need.beds, *need.equipment)}
    query = select(BookingClaim.resource_id, BookingClaim.starts_at, BookingClaim.ends_at).where(
        BookingClaim.resource_id.in_(resources),
        BookingClaim.archived_at.is_(None),
        BookingClaim.ends_at > opens - margin,
        BookingClaim.starts_at < closes + margin,
    )
    if besides is not None:
        query = query.where(BookingClaim.segment_id.not_in(select(Segment.id).where(Segment.appointment_id == besides)))
    taken: dict[int, list[times.Span]] = defaultdict(list)
    for resource, starts_at, ends_at in session.execute(query):
        taken[resource].append((starts_at, ends_at))
    staff = {number: resource for resource, (kind, number, _) in plan.of.items() if kind == "staff"}
    for number, span, _ in away(session, plan.store.id, staff, (opens, closes)):
        taken[staff[number]].append(span)
    shifts = shifts_of(session, plan.store.id, (opens, closes))
    on_duty = {one: shifts.get(number, []) if shifts else [(opens, closes)] for number, one in staff.items()}
    return times.Day(taken, on_duty)
