"""What the demo's customers have here: stored value, cards, points, debts, bookings; and whom each story is for."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from admin_app.operations.day import takings
from admin_app.operations.kernel import perform
from admin_app.rulebook import rulebook
from models.actor import SYSTEM
from models.booking import OPEN, Appointment, AppointmentStatus, BookingClaim, Segment
from models.cards import Card, CardItem, CardStatus
from models.care import FollowUp, Treatment
from models.catalogue import Package
from models.customers import CustomerAssignment
from models.entity import db
from models.names import Name
from models.sales import LineKind, Payment, PaymentMethod, Sale, SaleLine, Visit
from models.till import DayClose, Reversal, TillShift, Voucher
from models.value import Account, AccountBalance, AccountKind, LedgerEntry, Lot, LotBalance
from rules.decisions import value
from seed.people import STORIES
from tests.seed.conftest import DAY, MORNING, Salon, generated


def told(about: str) -> list[int]:
    return [number for number, story in enumerate(STORIES, 1) if story.about == about]


def has(customer: int, *kinds: AccountKind) -> int:
    query = select(func.sum(AccountBalance.balance)).join(Account, Account.id == AccountBalance.account_id)
    return int(db.session.scalar(query.where(Account.customer_id == customer, Account.kind.in_(kinds))) or 0)


def away(customer: int) -> int:
    last = db.session.scalar(select(func.max(Visit.business_day)).where(Visit.customer_id == customer))
    assert last is not None
    return (DAY - last).days


def card_of(customer: int) -> Card:
    return db.session.scalars(select(Card).where(Card.customer_id == customer)).one()


STORED = (AccountKind.PRINCIPAL, AccountKind.BONUS)

# ------------------------------------------------------------------------------------------------- the stories


def test_there_are_twenty_five_stories() -> None:
    assert len(STORIES) == 25


@pytest.mark.parametrize("customer", told("card-running-out"))
def test_a_card_is_running_out(one: Salon, customer: int) -> None:
    assert has(customer, AccountKind.SESSIONS) in {1, 2}
    card = card_of(customer)
    assert card.status is CardStatus.LIVE
    assert card.expires_on is not None
    assert card.expires_on > DAY + timedelta(days=30)


@pytest.mark.parametrize(("customer", "days"), [*zip(told("card-ending"), (30, 7), strict=True)])
def test_a_card_is_ending(one: Salon, customer: int, days: int) -> None:
    assert has(customer, AccountKind.SESSIONS) >= 3
    ends = card_of(customer).expires_on
    assert ends is not None
    assert DAY <= ends <= DAY + timedelta(days=days)


@pytest.mark.parametrize("customer", told("idle-balance"))
def test_much_lies_idle(one: Salon, customer: int) -> None:
    assert has(customer, *STORED, AccountKind.CARD) >= 500_000
    assert 45 <= away(customer) < 60


@pytest.mark.parametrize("customer", told("large-idle-balance"))
def test_very_much_lies_idle(one: Salon, customer: int) -> None:
    assert has(customer, AccountKind.PRINCIPAL) >= 1_000_000
    assert away(customer) >= 60


@pytest.mark.parametrize(("customer", "least", "most"), [*zip(told("overdue-debt"), (15, 30), (29, 99), strict=True)])
def test_a_debt_is_overdue(one: Salon, customer: int, least: int, most: int) -> None:
    assert has(customer, AccountKind.RECEIVABLE) < 0
    owed = select(Payment.business_day).where(Payment.customer_id == customer)
    [day] = db.session.scalars(owed.where(Payment.method == PaymentMethod.ON_ACCOUNT))
    assert least <= (DAY - day).days <= most


def test_the_first_therapist_has_something_to_do_today(one: Salon) -> None:
    today = select(func.count()).select_from(Segment).join(Appointment, Appointment.id == Segment.appointment_id)
    assert (db.session.scalar(today.where(Segment.staff_id == 1, Appointment.business_day == DAY)) or 0) >= 3
    due = (FollowUp.staff_id == 1, FollowUp.done_at.is_(None), FollowUp.due_on <= DAY)
    assert db.session.scalar(select(func.count()).where(*due))
    hers = set(db.session.scalars(select(CustomerAssignment.customer_id).where(CustomerAssignment.staff_id == 1)))
    assert {*told("card-ending"), *told("birthday")} <= hers


# --------------------------------------------------------------------------------------------- value and cards


def test_a_recharge_grants_the_bonus_of_its_step(one: Salon) -> None:
    document = rulebook().recharge
    paid = select(SaleLine.amount, LedgerEntry.amount).outerjoin(
        LedgerEntry,
        (LedgerEntry.sale_line_id == SaleLine.id)
        & LedgerEntry.account_id.in_(select(Account.id).where(Account.kind == AccountKind.BONUS)),
    )
    rows = db.session.execute(paid.where(SaleLine.kind == LineKind.RECHARGE)).all()
    assert len(rows) > 1_000
    assert [row for row in rows if value.bonus_for(row[0], document) != (row[1] or 0)] == []


def test_bonus_pays_for_services_only(one: Salon) -> None:
    burnt = (
        select(SaleLine.kind)
        .distinct()
        .join(LedgerEntry, LedgerEntry.sale_line_id == SaleLine.id)
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(Account.kind == AccountKind.BONUS, LedgerEntry.amount < 0)
    )
    assert db.session.scalars(burnt).all() == [LineKind.SERVICE]


def test_bonus_is_burnt_in_proportion_with_its_principal(one: Salon) -> None:
    """What is left of both stands as it was granted, but for goods paid with principal and the rounding."""
    left = {row.lot_id: row.remaining for row in db.session.scalars(select(LotBalance))}
    granted: Counter[int] = Counter()
    for lot, amount in db.session.execute(select(LedgerEntry.lot_id, LedgerEntry.amount)):
        granted[lot] += max(amount, 0)
    pairs = [(lot.id, lot.beside_id) for lot in db.session.scalars(select(Lot).where(Lot.beside_id.is_not(None)))]
    assert len(pairs) > 1_000
    more = [(b, p) for b, p in pairs if p and left[b] * granted[p] < (left[p] - 100) * granted[b]]
    assert more == [], "less bonus is left than belongs to the principal"


def test_points_wait_a_week_and_end_with_the_next_year(one: Salon) -> None:
    query = select(Lot).join(Account, Account.id == Lot.account_id).where(Account.kind == AccountKind.POINTS)
    for lot in db.session.scalars(query):
        assert lot.pending_until == lot.granted_on + timedelta(days=7)
        assert lot.expires_on == lot.granted_on.replace(year=lot.granted_on.year + 1, month=12, day=31)


def test_cards_are_made_of_packages_of_services(one: Salon) -> None:
    rows = db.session.execute(select(Card, Package).join(Package, Package.id == Card.package_id)).all()
    assert len(rows) > 200
    assert [card.id for card, package in rows if (card.sold_for, card.name) != (package.price, package.name)] == []
    worth = dict(
        db.session.execute(select(CardItem.card_id, func.sum(CardItem.value)).group_by(CardItem.card_id)).all()
    )
    assert [card.id for card, _ in rows if worth[card.id] != card.sold_for] == []


def test_every_voucher_that_paid_is_written_down(one: Salon) -> None:
    paid = set(db.session.scalars(select(Payment.sale_id).where(Payment.method == PaymentMethod.VOUCHER)))
    assert set(db.session.scalars(select(Voucher.sale_id))) == paid


def test_what_was_taken_back_left_nothing(one: Salon) -> None:
    back = set(db.session.scalars(select(Reversal.sale_line_id)))
    assert len(back) > 10
    entries = select(LedgerEntry.account_id, func.sum(LedgerEntry.amount)).where(LedgerEntry.sale_line_id.in_(back))
    assert {amount for _, amount in db.session.execute(entries.group_by(LedgerEntry.account_id))} == {0}


# ---------------------------------------------------------------------------------------------------- the day


def test_the_last_thirty_days_are_closed_as_they_were_taken(one: Salon) -> None:
    closes = db.session.scalars(select(DayClose)).all()
    days = Counter(close.business_day for close in closes)
    assert days == Counter({DAY - timedelta(days=ago): 3 for ago in range(1, 31)})
    assert [c.id for c in closes if c.totals != takings(db.session(), c.store_id, c.business_day)] == []
    assert any(close.difference for close in closes)
    still = db.session.scalars(select(TillShift.business_day).where(TillShift.closed_at.is_(None))).all()
    assert still == [DAY] * 3


# -------------------------------------------------------------------------------------------------- bookings


def test_the_calendar_is_over_behind_and_open_ahead(salon: Salon) -> None:
    rows = db.session.scalars(select(Appointment)).all()
    assert {row.business_day - DAY for row in rows} >= {timedelta(days=n) for n in (*range(-13, 15),)}
    assert [row.id for row in rows if row.status in OPEN and row.starts_at <= MORNING] == []
    assert [row.id for row in rows if row.status not in OPEN and row.starts_at > MORNING + timedelta(hours=1)] == []
    assert {row.status for row in rows if row.business_day < DAY} == {
        AppointmentStatus.FINISHED,
        AppointmentStatus.CANCELLED,
        AppointmentStatus.NO_SHOW,
    }


def test_what_was_kept_is_a_visit_of_hers(one: Salon) -> None:
    kept = select(Appointment, Visit).join(Visit, Visit.id == Appointment.visit_id)
    rows = db.session.execute(kept.where(Appointment.status == AppointmentStatus.FINISHED)).all()
    assert len(rows) > 50
    for row, visit in rows:
        assert (row.customer_id, row.store_id, row.business_day) == (
            visit.customer_id,
            visit.store_id,
            visit.business_day,
        )


def test_only_what_is_to_come_or_here_holds_its_time(one: Salon) -> None:
    held = select(Appointment.status).distinct().join(Segment, Segment.appointment_id == Appointment.id)
    live = held.join(BookingClaim, BookingClaim.segment_id == Segment.id).where(BookingClaim.archived_at.is_(None))
    assert set(db.session.scalars(live)) <= {*OPEN, AppointmentStatus.ARRIVED}


def test_those_who_come_are_on_duty(one: Salon) -> None:
    rows = generated(moment=MORNING)
    shifts = {(row["staff_id"], row["starts_at"].date()): row for row in rows["shift"]}
    ahead = [row for row in rows["segment"] if MORNING < row["starts_at"] < MORNING + timedelta(days=6)]
    assert ahead
    for row in ahead:
        shift = shifts[row["staff_id"], row["starts_at"].date()]
        assert shift["starts_at"] <= row["starts_at"]
        assert row["busy_until"] <= shift["ends_at"]


def test_treatments_are_those_of_two_months_and_are_asked_after(one: Salon) -> None:
    rows = db.session.scalars(select(Treatment)).all()
    assert min(row.business_day for row in rows) == DAY - timedelta(days=59)
    assert len([row for row in rows if row.adverse_reaction]) == 2
    late = (FollowUp.due_on < DAY, FollowUp.done_at.is_(None))
    assert 0 < (db.session.scalar(select(func.count()).where(*late)) or 0) < len(rows) // 10


# ------------------------------------------------------------------------------------------ it can be worked in


def test_stored_value_cards_and_receipts_of_the_demo_can_be_used(salon: Salon) -> None:
    """As the till does it, and taken back again."""
    rich, card = told("large-idle-balance")[0], told("card-running-out")[0]
    line = {"service": 1, "performer": 1}
    bill = {"customer": rich, "store": 1, "lines": [line], "method": "stored_value"}
    assert perform(Name.SELL, bill, actor=SYSTEM, rehearse=True)["total"] == 29_800 * 9 // 10
    item = db.session.scalars(select(CardItem.id).where(CardItem.card_id == card_of(card).id)).one()
    given = {"customer": card, "item": item, "performer": 1, "store": 1}
    left = has(card, AccountKind.SESSIONS)
    assert perform(Name.REDEEM_SESSION, given, actor=SYSTEM, rehearse=True)["left"] == left - 1
    sale = db.session.scalars(select(Sale).where(Sale.customer_id == card).order_by(Sale.id.desc())).first()
    assert sale is not None
    back = {"sale": sale.id, "why": "试一试"}
    assert perform(Name.REVERSE_SALE, back, actor=SYSTEM, rehearse=True)["total"] == sale.total
