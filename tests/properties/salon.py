"""Small salons: what happened to a handful of customers around one day, as plain values and as rows of the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import insert, update

from models.assessments import Assessment, AssessmentParameter, AssessmentTemplate, Reading
from models.catalogue import Grade, Service
from models.customers import Calendar, Contraindication, Customer, DangerKind, SkinType, SourceChannel, Stage
from models.entity import Base, db, table_of
from models.sales import LineKind, Payment, PaymentMethod, Sale, SaleLine, Visit, VisitSource
from models.standing import Membership
from models.till import Reversal
from tests.cast import NOON
from tests.conftest import House
from tests.properties.belongings import Belongings, belongings
from tests.properties.belongings import write as put

FIRST_ID = 1_000_000
AGO = (-30, -1, 0, 1, 29, 30, 31, 89, 90, 91, 364, 365, 366, 500)
"""Days before the day asked about: after it, on every edge of the windows, and far away."""
SLUGS = ("moisture", "oil")
AMOUNTS = (100, 2500, 99_999, -2500)


@dataclass
class Person:
    registered: int
    calendar: Calendar
    born: tuple[int, int] | None
    year: int | None
    stage: Stage
    skin: SkinType | None
    source: SourceChannel | None
    referrer: int | None = None
    merged_into: int | None = None
    gone: str | None = None  # the column that says so


@dataclass
class Paid:
    who: int | None
    ago: int
    method: PaymentMethod
    amount: int


@dataclass
class Sold:
    who: int | None
    ago: int
    total: int
    lines: list[tuple[LineKind, Grade | None, int]]
    payments: list[Paid]
    back: int | None = None  # days ago on which all of it was taken back
    came: VisitSource | None = None  # with a visit of its own


@dataclass
class Danger:
    who: int
    kind: DangerKind
    since: int | None
    until: int | None
    archived: bool


@dataclass
class Sitting:
    who: int
    ago: int
    template: int
    readings: dict[str, int]


@dataclass
class Holding:
    who: int
    tier: str
    ended: bool


@dataclass
class Salon:
    """Persons are known by their place in the list; days by how long before ``as_of`` they were."""

    as_of: date
    people: list[Person]
    visits: list[tuple[int, int]] = field(default_factory=list)
    sales: list[Sold] = field(default_factory=list)
    dangers: list[Danger] = field(default_factory=list)
    sittings: list[Sitting] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)
    belongings: Belongings = field(default_factory=Belongings)

    def day(self, ago: int) -> date:
        return self.as_of - timedelta(ago)

    def owner(self, who: int | None) -> int | None:
        """Whom a row of this person counts for."""
        if who is None:
            return None
        into = self.people[who].merged_into
        return who if into is None else into

    def living(self) -> list[int]:
        return [n for n, person in enumerate(self.people) if person.merged_into is None and person.gone is None]


# -------------------------------------------------------------------------------------------------- at random

ago = st.sampled_from(AGO)
solar_days = st.sampled_from([(1, 1), (2, 28), (2, 29), (11, 21), (11, 22), (11, 23), (12, 31)])
lunar_days = st.sampled_from([(1, 1), (6, 15), (10, 13), (10, 14), (12, 29), (12, 30)])


@st.composite
def persons(draw: st.DrawFn) -> Person:
    lunar = draw(st.booleans())
    return Person(
        registered=draw(ago),
        calendar=Calendar.LUNAR if lunar else Calendar.SOLAR,
        born=draw(st.one_of(st.none(), lunar_days if lunar else solar_days)),
        year=None if lunar else draw(st.sampled_from([None, 1990, 2000])),
        stage=draw(st.sampled_from(list(Stage))),
        skin=draw(st.sampled_from([None, *SkinType])),
        source=draw(st.sampled_from([None, *SourceChannel])),
        gone=draw(st.sampled_from([None] * 6 + ["archived_at", "erased_at"])),
    )


@st.composite
def salons(draw: st.DrawFn, as_of: st.SearchStrategy[date]) -> Salon:
    people = draw(st.lists(persons(), min_size=2, max_size=5))
    who = st.integers(0, len(people) - 1)
    _relate(draw, people, who)
    salon = Salon(draw(as_of), people)
    salon.visits = draw(st.lists(st.tuples(who, ago), max_size=9))
    salon.sales = draw(st.lists(sold(st.one_of(who, who, st.none())), max_size=6))
    days = st.one_of(st.none(), ago)
    kinds = st.sampled_from([DangerKind.ALLERGY, DangerKind.ALLERGY, DangerKind.PREGNANCY])
    for one in draw(st.lists(st.builds(Danger, who, kinds, days, days, st.booleans()), max_size=3)):
        if one.since is not None and one.until is not None and one.until > one.since:
            one.since, one.until = one.until, one.since
        salon.dangers.append(one)
    readings = st.dictionaries(st.sampled_from(SLUGS), st.integers(0, 100), min_size=1)
    salon.sittings = draw(st.lists(st.builds(Sitting, who, ago, st.integers(0, 1), readings), max_size=4))
    tiers = st.sampled_from(["gold", "silver"])
    current: set[int] = set()
    for one in draw(st.lists(st.builds(Holding, who, tiers, st.booleans()), max_size=5)):
        one.ended = one.ended or one.who in current
        current |= set() if one.ended else {one.who}
        salon.holdings.append(one)
    salon.belongings = draw(belongings(who, ago))
    return salon


def _relate(draw: st.DrawFn, people: list[Person], who: st.SearchStrategy[int]) -> None:
    """Merge some into others that stand by themselves; let some who stand by themselves have been sent by others."""
    for number, person in enumerate(people):
        into = draw(st.one_of(st.none(), who))
        taken = any(other.merged_into == number for other in people)
        if into is not None and into != number and people[into].merged_into is None and not taken:
            person.merged_into = into
    for number, person in enumerate(people):
        referrer = draw(st.one_of(st.none(), who))
        apart = person.merged_into is None and all(other.merged_into != number for other in people)
        if apart and referrer not in (None, number):
            person.referrer = referrer


@st.composite
def sold(draw: st.DrawFn, who: st.SearchStrategy[int | None]) -> Sold:
    buyer, when = draw(who), draw(ago)
    payer = st.sampled_from([buyer, buyer, buyer, None])
    lines = st.tuples(
        st.sampled_from([kind for kind in LineKind if kind is not LineKind.CARD]),
        st.sampled_from([None, Grade.TRIAL, Grade.STANDARD]),
        st.sampled_from(AMOUNTS),
    )
    later = st.sampled_from([when, when, when, max(when - 30, -30)])
    payments = st.builds(Paid, payer, later, st.sampled_from(list(PaymentMethod)), st.sampled_from(AMOUNTS))
    paid = draw(st.lists(payments, max_size=2))
    for one in paid:
        one.ago = when if one.method is PaymentMethod.VOUCHER else one.ago
    return Sold(
        buyer,
        when,
        draw(st.sampled_from(AMOUNTS[:3])),
        draw(st.lists(lines, max_size=2)),
        paid,
        draw(st.sampled_from([None, None, None, when, max(when - 30, -30)])),
        draw(st.sampled_from([None, VisitSource.WALK_IN, VisitSource.WALK_IN, VisitSource.BOOKED])),
    )


# ---------------------------------------------------------------------------------------------- in the database


class Rows:
    """Rows by table, numbered from a number that is nobody's."""

    def __init__(self) -> None:
        self.rows: dict[type[Base], list[dict[str, Any]]] = {}

    def add(self, entity: type[Base], **values: Any) -> int:
        rows = self.rows.setdefault(entity, [])
        rows.append({"id": FIRST_ID + len(rows), **values})
        return FIRST_ID + len(rows) - 1

    def write(self) -> None:
        connection = db.session.connection()
        order = [table.name for table in db.metadata.sorted_tables]
        for entity, rows in sorted(self.rows.items(), key=lambda pair: order.index(table_of(pair[0]).name)):
            for row in rows:
                connection.execute(insert(table_of(entity)), row)


def write(salon: Salon, house: House) -> None:
    """Put the salon in; call within a write transaction."""
    rows = Rows()
    for number, one in enumerate(salon.people):
        _person(rows, salon, number, one, house.ids["first"])
    grades = {grade: _service(rows, grade) for grade in (Grade.TRIAL, Grade.STANDARD)}
    for who, when in salon.visits:
        rows.add(Visit, customer_id=_id(who), store_id=house.ids["first"], business_day=salon.day(when))
    for sale in salon.sales:
        _sale(rows, salon, sale, grades, house.ids["first"])
    for danger in salon.dangers:
        rows.add(
            Contraindication,
            customer_id=_id(danger.who),
            kind=danger.kind,
            since=None if danger.since is None else salon.day(danger.since),
            until=None if danger.until is None else salon.day(danger.until),
            archived_at=NOON if danger.archived else None,
        )
    templates = [rows.add(AssessmentTemplate, name=f"T{number}") for number in range(2)]
    parameters = {
        (place, slug): rows.add(AssessmentParameter, template_id=template, slug=slug, name=slug)
        for place, template in enumerate(templates)
        for slug in SLUGS
    }
    for sitting in salon.sittings:
        values = {"customer_id": _id(sitting.who), "template_id": templates[sitting.template]}
        assessment = rows.add(Assessment, assessed_on=salon.day(sitting.ago), **values)
        for slug, value in sitting.readings.items():
            parameter = parameters[sitting.template, slug]
            rows.add(Reading, assessment_id=assessment, parameter_id=parameter, value=value)
    put(rows, salon.belongings, salon.day, FIRST_ID, house.ids["first"], grades[Grade.STANDARD])
    for holding in salon.holdings:
        ended = salon.as_of if holding.ended else None
        rows.add(Membership, customer_id=_id(holding.who), tier=holding.tier, since=salon.day(365), ended_on=ended)
    rows.write()
    for number, one in enumerate(salon.people):  # whom they name must stand first
        values = {"referrer_id": _id(one.referrer), "merged_into_id": _id(one.merged_into)}
        db.session.execute(update(Customer).where(Customer.id == _id(number)).values(values))


def _id(who: int | None) -> int | None:
    return None if who is None else FIRST_ID + who


def _person(rows: Rows, salon: Salon, number: int, one: Person, store: int) -> None:
    month, day = one.born or (None, None)
    rows.add(
        Customer,
        name=f"客{number}",
        store_id=store,
        registered_on=salon.day(one.registered),
        birth_calendar=one.calendar,
        birth_month=month,
        birth_day=day,
        birth_year=one.year,
        stage=one.stage,
        skin_type=one.skin,
        source_channel=one.source,
        archived_at=NOON if one.gone == "archived_at" else None,
        erased_at=NOON if one.gone == "erased_at" else None,
    )


def _service(rows: Rows, grade: Grade) -> int:
    return rows.add(Service, name=f"项目{grade}", grade=grade, price=100, busy_minutes=60)


def _sale(rows: Rows, salon: Salon, sale: Sold, grades: dict[Grade, int], store: int) -> None:
    when = {"store_id": store, "business_day": salon.day(sale.ago)}
    number = 1 + sum(row["business_day"] == when["business_day"] for row in rows.rows.get(Sale, []))
    visit = None
    if sale.who is not None and sale.came is not None:
        visit = rows.add(Visit, **when, customer_id=_id(sale.who), source=sale.came)
    values = {"customer_id": _id(sale.who), "visit_id": visit, "sold_at": NOON, "total": sale.total}
    made = rows.add(Sale, **when, number=number, **values)
    for position, (kind, grade, amount) in enumerate(sale.lines, 1):
        service = grades[grade] if grade is not None and kind is LineKind.SERVICE else None
        values = {"sale_id": made, "position": position, "kind": kind, "service_id": service}
        line = rows.add(SaleLine, **values, item="x", amount=amount)
        if sale.back is not None:
            taken = {"sale_id": made, "sale_line_id": line, "customer_id": _id(sale.who), "store_id": store}
            rows.add(Reversal, **taken, business_day=salon.day(sale.back), at=NOON, amount=amount, reason="x")
    for paid in sale.payments:
        values = {"sale_id": made, "customer_id": _id(paid.who), "store_id": store, "method": paid.method}
        rows.add(Payment, **values, business_day=salon.day(paid.ago), paid_at=NOON, amount=paid.amount)
