"""Free times: where a service fits among what is taken already, and what stands nearest to a time that does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

Span = tuple[datetime, datetime]
"""From, included, to, not included."""


def overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


@dataclass(frozen=True)
class Need:
    """One service to be placed: minutes the therapist is busy, then idle, her buffer; which of each kind would do.

    ``staff``, ``beds`` and ``equipment`` are resource numbers; an empty ``beds`` or ``equipment`` needs none.
    """

    busy: int
    idle: int
    buffer: int
    staff: tuple[int, ...]
    beds: tuple[int, ...] = ()
    equipment: tuple[int, ...] = ()
    turnover: Mapping[int, int] = field(default_factory=dict)  # bed → minutes to make it ready again

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.busy + self.idle)


@dataclass(frozen=True)
class Placed:
    """Where a service would go: resource numbers, and the spans each is taken for."""

    starts_at: datetime
    busy_until: datetime
    ends_at: datetime
    staff: int
    bed: int | None
    equipment: int | None
    claims: tuple[tuple[int, Span], ...]


@dataclass(frozen=True)
class Blocked:
    """Why a service does not fit: which kind of thing is taken, and which of them would have done."""

    what: str  # "customer", "staff", "bed", "equipment"
    among: tuple[int, ...] = ()


@dataclass(frozen=True)
class Day:
    """What is known of a day: when each resource is taken, and when each of the staff may work."""

    taken: Mapping[int, Sequence[Span]]
    on_duty: Mapping[int, Sequence[Span]]

    def free(self, resource: int, span: Span) -> bool:
        return not any(overlap(span, one) for one in self.taken.get(resource, ()))

    def works(self, staff: int, span: Span) -> bool:
        return any(one[0] <= span[0] and span[1] <= one[1] for one in self.on_duty.get(staff, ()))


def place(day: Day, customer: int, needs: Sequence[Need], starts_at: datetime) -> list[Placed] | Blocked:
    """Each service after the one before it, or what stands in the way of the first that does not fit."""
    found: list[Placed] = []
    at, own = starts_at, dict(day.taken)
    for need in needs:
        now = Day(own, day.on_duty)
        placed = _one(now, customer, need, at)
        if isinstance(placed, Blocked):
            return placed
        found.append(placed)
        for resource, span in placed.claims:
            own[resource] = [*own.get(resource, ()), span]
        at = placed.ends_at
    return found


def _one(day: Day, customer: int, need: Need, at: datetime) -> Placed | Blocked:
    busy_until = at + timedelta(minutes=need.busy)
    whole = (at, at + need.length)
    hers = (at, busy_until + timedelta(minutes=need.buffer))
    if not day.free(customer, whole):
        return Blocked("customer")
    staff = next((one for one in need.staff if day.works(one, (at, busy_until)) and day.free(one, hers)), None)
    if staff is None:
        return Blocked("staff", need.staff)
    beds = {one: (at, whole[1] + timedelta(minutes=need.turnover.get(one, 0))) for one in need.beds}
    bed = next((one for one, span in beds.items() if day.free(one, span)), None)
    if need.beds and bed is None:
        return Blocked("bed", need.beds)
    equipment = next((one for one in need.equipment if day.free(one, whole)), None)
    if need.equipment and equipment is None:
        return Blocked("equipment", need.equipment)
    claims: list[tuple[int, Span]] = [(customer, whole), (staff, hers)]
    if bed is not None:
        claims.append((bed, beds[bed]))
    if equipment is not None:
        claims.append((equipment, whole))
    return Placed(at, busy_until, whole[1], staff, bed, equipment, tuple(claims))


def starts(opens: datetime, closes: datetime, step: int) -> Iterator[datetime]:
    """Every full step from opening to closing."""
    at = opens
    while at < closes:
        yield at
        at += timedelta(minutes=step)


def nearest(
    day: Day, customer: int, needs: Sequence[Need], wanted: datetime, candidates: Iterable[datetime], most: int = 3
) -> list[datetime]:
    """The starts nearest to the time wanted at which everything fits, in their order."""
    fitting: list[datetime] = []
    for at in sorted(candidates, key=lambda one: (abs(one - wanted), one)):
        if not isinstance(place(day, customer, needs, at), Blocked):
            fitting.append(at)
            if len(fitting) == most:
                break
    return sorted(fitting)
