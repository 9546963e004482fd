"""What staff did and what was sold around one day, as plain values and as rows of the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update

from models.accounts import User
from models.actor import ActorKind
from models.booking import Appointment, AppointmentSource, AppointmentStatus, Segment
from models.cards import Card, CardChange, CardChangeKind, CardStatus, GiftIssue
from models.care import Effect, Treatment
from models.catalogue import Grade, Product, ProductUse, Service
from models.connection import take_operation
from models.customers import CareRole, Customer, CustomerAssignment
from models.entity import Base, db, table_of
from models.log import EntryKind, LogLink, Operation
from models.names import Name
from models.organisation import Staff, StaffTitle
from models.sales import LineKind, Payment, PaymentMethod, Sale, SaleLine, ShareManner, ShareRole, StaffShare
from models.till import Approval, DayClose, Reversal
from models.value import COMMODITY, Account, AccountKind, LedgerEntry
from tests.cast import NOON
from tests.conftest import House
from tests.properties.salon import AGO, FIRST_ID, Rows

HOME = ZoneInfo("Asia/Shanghai")
STAFF = PEOPLE = THINGS = 2
MACHINE, CONSOLE, NOBODY = "machine", "console", "nobody"
ago = st.sampled_from(AGO)
whom = st.integers(0, STAFF - 1)
thing = st.integers(0, THINGS - 1)


@dataclass
class Hired:
    position: StaffTitle
    came: int | None
    left: int | None


@dataclass
class Thing:
    """A product and a service of the same number."""

    price: int
    on_sale: bool
    use: ProductUse
    grade: Grade


@dataclass
class Sold:
    ago: int
    kind: LineKind
    thing: int
    quantity: int
    amount: int
    came_in: int
    imported: bool
    customer: int | None
    seller: int | None
    performer: int | None
    permille: int
    manner: ShareManner


@dataclass
class Treated:
    staff: int
    ago: int
    effect: Effect | None
    told: bool
    archived: bool


@dataclass
class Booking:
    staff: list[int]
    ago: int
    booked: int
    status: AppointmentStatus
    moved: bool


@dataclass
class Care:
    staff: int
    customer: int
    role: CareRole
    since: int
    until: int | None


@dataclass
class Gift:
    ago: int
    service: bool
    thing: int
    quantity: int
    value: int


@dataclass
class Act:
    """One operation, by one of the staff (or the machine, somebody at the console, a user who is none of the staff)."""

    who: int | str
    name: Name
    ago: int
    minute: int
    refused: bool
    in_store: bool
    overridden: bool
    rows: int
    receipt: int | None
    discount: int
    paid: list[tuple[PaymentMethod, int]]
    gift: Gift | None
    back: int | None
    back_ago: int
    card: int | None
    difference: int | None


@dataclass
class Shop:
    as_of: date
    staff: list[Hired]
    things: list[Thing]
    merged: bool  # whether the second customer was merged into the first
    sold: list[Sold] = field(default_factory=list)
    treated: list[Treated] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)
    care: list[Care] = field(default_factory=list)
    approvals: list[tuple[int, int]] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)

    def day(self, days: int) -> date:
        return self.as_of - timedelta(days)

    def at(self, act: Act) -> datetime:
        return datetime.combine(self.day(act.ago), time(act.minute // 60, act.minute % 60), HOME)

    def owner(self, customer: int | None) -> int | None:
        return 0 if self.merged and customer == 1 else customer


# -------------------------------------------------------------------------------------------------- at random

_hired = st.builds(Hired, st.sampled_from(list(StaffTitle)), st.none() | ago, st.none())
_things = st.builds(
    Thing,
    st.sampled_from([0, 100, 29800]),
    st.booleans(),
    st.sampled_from(list(ProductUse)),
    st.sampled_from(list(Grade)),
)
_sold = st.builds(
    Sold,
    ago,
    st.sampled_from([LineKind.SERVICE, LineKind.SERVICE, LineKind.PRODUCT, LineKind.RECHARGE]),
    thing,
    st.integers(1, 3),
    st.sampled_from([100, 2501, 99_999, -2501]),
    st.sampled_from([0, 100, 2501]),
    st.booleans(),
    st.none() | st.integers(0, PEOPLE - 1),
    st.none() | whom,
    st.none() | whom,
    st.sampled_from([1000, 500, 333]),
    st.sampled_from([ShareManner.NAMED, ShareManner.IN_TURN]),
)
_booking = st.builds(
    Booking,
    st.lists(whom, min_size=1, max_size=3),
    ago,
    ago,
    st.sampled_from([AppointmentStatus.NO_SHOW, AppointmentStatus.CANCELLED, AppointmentStatus.FINISHED]),
    st.booleans(),
)
_act = st.builds(
    Act,
    st.sampled_from([0, 0, 1, MACHINE, CONSOLE, NOBODY]),
    st.sampled_from([Name.SELL, Name.REVERSE_SALE]),
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([0, 1, 9 * 60 + 59, 600, 1259, 1260, 1261, 1439]),
    st.sampled_from([False, False, True]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 9),
    st.none() | ago,
    st.sampled_from([0, 50]),
    st.lists(st.tuples(st.sampled_from(list(PaymentMethod)), st.sampled_from([100, -2500])), max_size=2),
    st.none() | st.builds(Gift, ago, st.booleans(), thing, st.integers(1, 3), st.sampled_from([0, 298])),
    st.none() | st.integers(0, 3),
    ago,
    st.none() | ago,
    st.sampled_from([None, None, 50, -50, 0]),
)


@st.composite
def shops(draw: st.DrawFn, as_of: date) -> Shop:
    shop = Shop(
        as_of,
        draw(st.lists(_hired, min_size=STAFF, max_size=STAFF)),
        draw(st.lists(_things, min_size=THINGS, max_size=THINGS)),
        draw(st.booleans()),
    )
    for hired in shop.staff:
        left = draw(st.none() | ago)
        hired.left = None if left is None or (hired.came is not None and left > hired.came) else left
    shop.sold = draw(st.lists(_sold, max_size=6))
    shop.treated = draw(
        st.lists(
            st.builds(Treated, whom, ago, st.sampled_from([None, *Effect]), st.booleans(), st.booleans()), max_size=5
        )
    )
    shop.bookings = draw(st.lists(_booking, max_size=5))
    shop.approvals = draw(st.lists(st.tuples(whom, ago), max_size=4))
    shop.acts = draw(st.lists(_act, max_size=6))
    _sound(shop)
    for role, customer in ((role, customer) for role in CareRole for customer in range(PEOPLE)):
        since = draw(ago)
        until = draw(st.none() | st.sampled_from([one for one in AGO if one <= since]))
        shop.care.append(Care(draw(whom), customer, role, since, until))
    return shop


def _sound(shop: Shop) -> None:
    """No line is taken back twice; one that is not there not at all."""
    taken: set[int] = set()
    for act in shop.acts:
        if act.back is not None and (act.back in taken or act.back >= len(shop.sold)):
            act.back = None
        taken |= {act.back} - {None}  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------- in the database


def write(shop: Shop, house: House, number: int) -> None:
    """Put it in; call within a write transaction, which is the operation of this number."""
    store = house.ids["first"]
    rows = Rows()
    _people(rows, shop, store)
    for sold in shop.sold:
        _sold_line(rows, shop, sold, store)
    for one in shop.treated:
        values = {"customer_id": FIRST_ID, "store_id": store, "service_id": FIRST_ID, "staff_id": FIRST_ID + one.staff}
        told = "red" if one.told else None
        gone = NOON if one.archived else None
        rows.add(
            Treatment,
            **values,
            business_day=shop.day(one.ago),
            effect=one.effect,
            adverse_reaction=told,
            archived_at=gone,
        )
    for booking in shop.bookings:
        _booked(rows, shop, booking, store)
    for user, when in shop.approvals:
        values = {"store_id": store, "business_day": shop.day(when), "at": NOON, "operation": "sell", "reason": "x"}
        rows.add(Approval, **values, asked_by=FIRST_ID + user, allowed_by=FIRST_ID, content="x")
    rows.write()
    if shop.merged:
        db.session.execute(update(Customer).where(Customer.id == FIRST_ID + 1).values(merged_into_id=FIRST_ID))
    _log(number, "load", EntryKind.LOAD, NOON, ActorKind.SYSTEM, None)
    for place, act in enumerate(shop.acts):
        _act_done(shop, act, store, place)


def _people(rows: Rows, shop: Shop, store: int) -> None:
    for number in range(PEOPLE):
        rows.add(Customer, name=f"客{number}", store_id=store, registered_on=shop.day(0))
    for number, one in enumerate(shop.staff):
        came, left = (None if days is None else shop.day(days) for days in (one.came, one.left))
        rows.add(Staff, name=f"员{number}", store_id=store, position=one.position, hired_on=came, left_on=left)
    for number in range(len(shop.staff) + 1):  # the last one is none of the staff
        staff = FIRST_ID + number if number < len(shop.staff) else None
        values = {"login": f"u{number}x", "name": "x", "role": "manager", "staff_id": staff}
        rows.add(User, **values, password_hash="x", active=True, must_change_password=False)
    for number, one in enumerate(shop.things):
        rows.add(Product, name=f"品{number}", price=one.price, on_sale=one.on_sale, use=one.use)
        rows.add(Service, name=f"项{number}", price=one.price, on_sale=one.on_sale, grade=one.grade, busy_minutes=30)
    for one in shop.care:
        since, until = (None if days is None else _noon(shop, days) for days in (one.since, one.until))
        values = {"customer_id": FIRST_ID + one.customer, "staff_id": FIRST_ID + one.staff, "care_role": one.role}
        rows.add(CustomerAssignment, **values, since=since, until=until)


def _noon(shop: Shop, days: int) -> datetime:
    return datetime.combine(shop.day(days), time(12), HOME)


def _sale(rows: Rows, day: date, store: int, customer: int | None, imported: bool = False) -> int:
    number = 1 + sum(row["business_day"] == day for row in rows.rows.get(Sale, []))
    values = {"store_id": store, "business_day": day, "number": number, "sold_at": NOON, "total": 0}
    return rows.add(Sale, **values, customer_id=customer, imported=imported)


def _sold_line(rows: Rows, shop: Shop, sold: Sold, store: int) -> None:
    customer = None if sold.customer is None else FIRST_ID + sold.customer
    sale = _sale(rows, shop.day(sold.ago), store, customer, sold.imported)
    named = {LineKind.SERVICE: "service_id", LineKind.PRODUCT: "product_id"}.get(sold.kind)
    values: dict[str, Any] = {} if named is None else {named: FIRST_ID + sold.thing}
    line = rows.add(
        SaleLine,
        sale_id=sale,
        position=1,
        kind=sold.kind,
        item="x",
        quantity=sold.quantity,
        amount=sold.amount,
        **values,
    )
    for staff, role in ((sold.seller, ShareRole.SELLER), (sold.performer, ShareRole.PERFORMER)):
        if staff is not None:
            share = {"permille": sold.permille, "manner": sold.manner, "share_role": role}
            rows.add(StaffShare, sale_line_id=line, staff_id=FIRST_ID + staff, **share)
    if sold.came_in:
        for kind, amount in ((AccountKind.CASH, -sold.came_in), (AccountKind.REVENUE, sold.came_in)):
            entry = {"operation_id": 1, "account_id": _account(rows, kind), "amount": amount, "sale_line_id": line}
            rows.add(LedgerEntry, **entry, store_id=store, business_day=shop.day(sold.ago))


def _account(rows: Rows, kind: AccountKind) -> int:
    """The house's own account of this kind."""
    known = [row["id"] for row in rows.rows.get(Account, []) if row["kind"] is kind]
    return known[0] if known else rows.add(Account, kind=kind, commodity=COMMODITY[kind], version=1)


def _booked(rows: Rows, shop: Shop, booking: Booking, store: int) -> None:
    span = {"starts_at": NOON, "ends_at": NOON + timedelta(hours=1)}
    appointment = rows.add(
        Appointment,
        public_id=f"a{len(rows.rows.get(Appointment, []))}",
        customer_id=FIRST_ID,
        store_id=store,
        business_day=shop.day(booking.ago),
        booked_on=shop.day(booking.booked),
        source=AppointmentSource.PHONE,
        status=booking.status,
        ended_on=shop.day(booking.ago),
        **span,
    )
    for staff in booking.staff:
        values = {"appointment_id": appointment, "service_id": FIRST_ID, "staff_id": FIRST_ID + staff}
        rows.add(Segment, **values, **span, busy_until=span["ends_at"], archived_at=NOON if booking.moved else None)


def _log(
    number: int, name: str, kind: EntryKind, at: datetime, actor: ActorKind, actor_id: int | None, **more: Any
) -> None:
    values = {"id": number, "name": name, "kind": kind, "at": at, "actor_kind": actor.value, "actor_id": actor_id}
    role = {ActorKind.USER: "manager"}.get(actor, actor.value)
    db.session.execute(insert(Operation), {**values, "actor_name": f"{actor_id}", "actor_role": role, **more})


def _put(entity: type[Base], **values: Any) -> int:
    made = db.session.execute(insert(entity).returning(table_of(entity).c.id), values)
    return int(made.scalar_one())


def _act_done(shop: Shop, act: Act, store: int, place: int) -> None:
    number = take_operation(db.session.connection(), act.name)
    if not act.refused:
        _papers(shop, act, store, place)
    actor = {MACHINE: ActorKind.SYSTEM, CONSOLE: ActorKind.COMMAND}.get(str(act.who), ActorKind.USER)
    user = FIRST_ID + (act.who if isinstance(act.who, int) else STAFF) if actor is ActorKind.USER else None
    kind = EntryKind.REFUSAL if act.refused else EntryKind.WRITE
    detail = {"overrides": ["x"]} if act.overridden else {"total": 1}
    more = {"store_id": store if act.in_store else None, "detail": detail, "result": "x"}
    _log(number, act.name, kind, shop.at(act), actor, user, **more)
    seq = FIRST_ID + place
    link = {"seq": seq, "operation_id": number, "rows": act.rows, "previous": "x", "hash": f"x{seq}"}
    db.session.execute(insert(LogLink), link)


def _papers(shop: Shop, act: Act, store: int, place: int) -> None:
    """The rows that an operation writes."""
    here = {"store_id": store, "reason": "x"}
    if act.receipt is not None:
        when = {"store_id": store, "business_day": shop.day(act.receipt)}
        number = 1 + (db.session.scalar(select(func.max(Sale.number)).filter_by(**when)) or 0)
        sale = _put(Sale, **when, number=number, sold_at=NOON, total=0)
        line = {"sale_id": sale, "position": 1, "kind": LineKind.PRODUCT, "item": "x", "quantity": 1, "amount": 100}
        _put(SaleLine, **line, discount=act.discount, discount_reason="x")
        for method, amount in act.paid:
            _put(Payment, **when, sale_id=sale, paid_at=NOON, method=method, amount=amount)
    if (gift := act.gift) is not None:
        named = {"service_id" if gift.service else "product_id": FIRST_ID + gift.thing}
        values = {"customer_id": FIRST_ID, "at": NOON, "item": "x", "given_by": "x", "business_day": shop.day(gift.ago)}
        _put(GiftIssue, **here, **values, **named, quantity=gift.quantity, value=gift.value)
    if act.back is not None:
        lines = {"sale_id": FIRST_ID + act.back, "sale_line_id": FIRST_ID + act.back}
        _put(Reversal, **here, **lines, business_day=shop.day(act.back_ago), at=NOON, amount=1)
    if act.card is not None:
        values = {"customer_id": FIRST_ID, "name": "卡", "sold_for": 0, "opened_on": shop.day(500)}
        values |= {"store_id": store, "everywhere": True, "status": CardStatus.LIVE, "version": 1}
        card = _put(Card, **values, public_id=f"c{place}")
        change = {"card_id": card, "customer_id": FIRST_ID, "kind": CardChangeKind.REFUNDED, "amount": 1}
        _put(CardChange, **here, **change, business_day=shop.day(act.card), at=NOON)
    if act.difference is not None:
        day = shop.day(1_000 + place)
        counted = {"expected_cash": 100, "counted_cash": 100 + act.difference, "difference": act.difference}
        values = {"at": NOON, "receipts": 0, "totals": {}, "closed_by": "x", "business_day": day}
        _put(DayClose, **here, **counted, **values)
