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
    """Each service after the one before it, or what stands in the way of the first that does not fit.

    Services of one visit share a therapist, bed or device where that is possible, and nothing is made ready between
    two of them: a buffer or turnover counts only where the next service does not use the same resource.
    """
    uses = _uses(needs, starts_at)
    chosen = {kind: _assign(day, kind, uses[kind]) for kind in KINDS}
    free = all(day.free(customer, span) for span in _visits(needs, starts_at))
    if not free or any(one is None for one in chosen.values()):
        return _obstacle(day, customer, needs, starts_at)
    claims = {kind: _claims(uses[kind], chosen[kind] or []) for kind in KINDS}
    placed: list[Placed] = []
    for number, (need, whole) in enumerate(zip(needs, _visits(needs, starts_at), strict=True)):
        staff, bed, equipment = ((chosen[kind] or [])[number] for kind in KINDS)
        assert staff is not None
        taken = [claims[kind][number] for kind in KINDS]
        rows = ((customer, whole), *(one for one in taken if one is not None))
        placed.append(Placed(whole[0], whole[0] + timedelta(minutes=need.busy), whole[1], staff, bed, equipment, rows))
    return placed


KINDS = ("staff", "bed", "equipment")


@dataclass(frozen=True)
class Use:
    """The span in which one service uses one kind of resource, and for each that would do the end of its buffer."""

    span: Span
    until: Mapping[int, datetime]


def _visits(needs: Sequence[Need], starts_at: datetime) -> list[Span]:
    """From when to when the customer is there for each service."""
    spans: list[Span] = []
    for need in needs:
        begins = spans[-1][1] if spans else starts_at
        spans.append((begins, begins + need.length))
    return spans


def _uses(needs: Sequence[Need], starts_at: datetime) -> dict[str, list[Use]]:
    uses: dict[str, list[Use]] = {kind: [] for kind in KINDS}
    for need, whole in zip(needs, _visits(needs, starts_at), strict=True):
        busy = (whole[0], whole[0] + timedelta(minutes=need.busy))
        buffer = busy[1] + timedelta(minutes=need.buffer)
        beds = {bed: whole[1] + timedelta(minutes=need.turnover.get(bed, 0)) for bed in need.beds}
        uses["staff"].append(Use(busy, dict.fromkeys(need.staff, buffer)))
        uses["bed"].append(Use(whole, beds))
        uses["equipment"].append(Use(whole, dict.fromkeys(need.equipment, whole[1])))
    return uses


def _assign(day: Day, kind: str, uses: Sequence[Use]) -> list[int | None] | None:
    """One resource for each service, with as few changes between them as possible; None where there is no way.

    Worked out from the last service to the first: the cheapest way on from each choice, the earlier listed of equals.
    """
    onward: dict[int | None, tuple[int, list[int | None]]] = {None: (0, [])}
    for number in range(len(uses) - 1, -1, -1):
        use, following = uses[number], onward
        onward = {}
        for resource in use.until or (None,):
            ways = [
                (cost + (after is not None and after != resource), [resource, *rest])
                for after, (cost, rest) in following.items()
                if resource is None or _usable(day, kind, use, resource, after)
            ]
            if ways:
                onward[resource] = min(ways, key=lambda way: way[0])
    return min(onward.values(), key=lambda way: way[0])[1] if onward else None


def _usable(day: Day, kind: str, use: Use, resource: int, after: int | None) -> bool:
    """Whether the resource may be used then; its buffer counts unless the next service goes on with it."""
    if kind == "staff" and not day.works(resource, use.span):
        return False
    return day.free(resource, use.span if after == resource else (use.span[0], use.until[resource]))


def _claims(uses: Sequence[Use], chosen: Sequence[int | None]) -> list[tuple[int, Span] | None]:
    """What each service takes; a buffer ends where a later service of the visit uses the same resource."""
    claims: list[tuple[int, Span] | None] = []
    for number, (use, resource) in enumerate(zip(uses, chosen, strict=True)):
        if resource is None:
            claims.append(None)
            continue
        later = (uses[n].span[0] for n in range(number + 1, len(uses)) if chosen[n] == resource)
        claims.append((resource, (use.span[0], min([use.until[resource], *later]))))
    return claims


def _obstacle(day: Day, customer: int, needs: Sequence[Need], starts_at: datetime) -> Blocked:
    """What stands in the way of the first service that does not fit after those before it."""
    visits, uses = _visits(needs, starts_at), _uses(needs, starts_at)
    for number in range(len(needs)):
        if not day.free(customer, visits[number]):
            return Blocked("customer")
        for kind in KINDS:
            if _assign(day, kind, uses[kind][: number + 1]) is None:
                return Blocked(kind, tuple(uses[kind][number].until))
    raise AssertionError("everything fits")


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
