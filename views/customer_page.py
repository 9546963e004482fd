"""What stands on a customer's page below the warnings: what she holds, when she comes next, what was done last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy import select

from admin_app.holdings import Balances, HeldCard, balances_of, cards_held
from admin_app.i18n import in_her_language, join_clauses, join_words
from admin_app.operations.kernel import business_day, now
from admin_app.rule_trials import facts_now, words
from admin_app.rulebook import rulebook, versions
from admin_app.taken_back import line_states
from admin_app.titles import titles_by
from models.booking import OPEN, Appointment, AppointmentStatus
from models.cards import Card
from models.care import Treatment
from models.customers import kin_of
from models.entity import db
from models.sales import LineKind, Payment, Sale, SaleLine, ShareRole, StaffShare, Visit
from models.standing import Membership
from models.value import Account
from rules.decisions.access import Access
from rules.decisions.tiers import Held, Lack, benefits, next_tier, ways_to_keep
from rules.documents.roles import Action
from rules.evaluation.crossing import oldest_counted
from rules.evaluation.frame import Frame
from rules.language.sentences import Words, value_said
from views.booked import services_of

NEXT_BOOKINGS = 3
LAST_VISITS = 5
WHOLE = 1000
"""A share of everything, in thousandths: nothing off, nothing more."""


@dataclass(frozen=True)
class Coming:
    """A booking to come, and its services in order: what, with whom."""

    booking: Appointment
    services: list[tuple[str, str]]


@dataclass(frozen=True)
class Sold:
    """A line of a sale on a visit: what, by whom, and whether it was taken back since."""

    item: str
    staff: str
    off: bool


@dataclass
class Past:
    """A visit: what was sold or given with whom, and what was advised."""

    visit: Visit
    done: list[Sold] = field(default_factory=list)
    bought: list[Sold] = field(default_factory=list)
    sales: dict[int, str] = field(default_factory=dict)
    treatments: list[Treatment] = field(default_factory=list)


@dataclass(frozen=True)
class CustomerPage:
    """None where she who looks may not see it."""

    benefits: str
    tier_ways: list[str]
    balances: Balances | None
    cards: list[HeldCard] | None
    bookings: list[Coming] | None
    visits: list[Past] | None


def customer_page(customer_id: int, held: Held | None, access: Access) -> CustomerPage:
    """As far as this person may see it, in as many statements however much there is. ``held`` is her tier."""
    day, session = business_day(now()), db.session()

    def may(entity: type) -> bool:
        return access.may(Action.VIEW, entity)

    hers = (Card.customer_id == customer_id, access.rows(Card))
    return CustomerPage(
        _benefits(held.tier if held else None),
        _tier_ways(customer_id, held) if may(Membership) and may(Payment) else [],
        balances_of(session, customer_id, day) if may(Account) else None,
        cards_held(session, day, *hers) if may(Card) else None,
        _bookings(customer_id, access) if may(Appointment) else None,
        _visits(customer_id, access) if may(Visit) else None,
    )


def _benefits(held: str | None) -> str:
    """What her tier gives her: «services 90%, products 95%, points 120%; birthday …; priority booking»."""
    hers = benefits(rulebook().tiers, held, versions()["tiers"])
    shares = ((_("services"), hers.services), (_("products"), hers.products), (_("points"), hers.points_rate))
    rates = join_words(f"{what} {share / 10:g}%" for what, share in shares if share != WHOLE)
    return join_clauses(part for part in (rates, hers.birthday, *hers.exclusive) if part)


def _tier_ways(customer_id: int, held: Held | None) -> list[str]:
    """How far it is to the tier above, «To Gold: ¥1,340 more paid in 365 days (by 30 June)», and what keeps hers."""
    session, book, day = db.session(), rulebook(), business_day(now())
    facts = facts_now(session, customer_id, day, book.tiers.conditions())
    said, known = list[str](), words(session, book)
    above = next_tier(book.tiers, held.tier if held else None, facts)
    if above is not None and all(above[1]):
        tier, ways = above
        name = in_her_language(tier.name, tier.name_en)
        said.append(_("To %(tier)s: %(ways)s", tier=name, ways=_ways_said(customer_id, ways, known)))
    if held is not None and held.valid_until is not None and (kept := ways_to_keep(book.tiers, held, facts, day)):
        ends = format_date(held.valid_until, "medium")
        said.append(_("To keep it beyond %(day)s: %(ways)s", day=ends, ways=_ways_said(customer_id, kept, known)))
    return said


def _ways_said(customer_id: int, ways: list[list[Lack]], known: Words) -> str:
    said: str = _(", or ").join(_(" and ").join(_more(customer_id, lack, known) for lack in way) for way in ways)
    return said


def _more(customer_id: int, lack: Lack, known: Words) -> str:
    """What is missing, and until when it will be no more: then the oldest of what counts today has left the window."""
    fact, day, session = lack.leaf.fact, business_day(now()), db.session()
    much = value_said(fact, lack.much, known)
    counted = oldest_counted(Frame(day, lambda column: column == customer_id, merges=True), fact)
    oldest = None if counted is None else session.scalar(counted)
    if oldest is None or fact.days is None:
        return str(_("%(much)s more %(fact)s", much=much, fact=fact.label))
    last = format_date(oldest + timedelta(fact.days - 1), "medium")
    return str(_("%(much)s more %(fact)s (by %(day)s)", much=much, fact=fact.label, day=last))


def _bookings(customer_id: int, access: Access) -> list[Coming]:
    """The next bookings, today's among them while she is still expected or here."""
    midnight = business_day(now())
    waits = (*OPEN, AppointmentStatus.ARRIVED)
    query = (
        select(Appointment)
        .where(
            Appointment.customer_id.in_(kin_of(customer_id)), access.rows(Appointment), Appointment.status.in_(waits)
        )
        .where(Appointment.business_day >= midnight)
        .order_by(Appointment.starts_at, Appointment.id)
        .limit(NEXT_BOOKINGS)
    )
    rows = list(db.session.scalars(query))
    services = services_of([row.id for row in rows], access)
    return [Coming(row, [(one.service, one.staff) for one in services[row.id]]) for row in rows]


def _visits(customer_id: int, access: Access) -> list[Past]:
    query = (
        select(Visit)
        .where(Visit.customer_id.in_(kin_of(customer_id)), access.rows(Visit))
        .order_by(Visit.business_day.desc(), Visit.id.desc())
        .limit(LAST_VISITS)
    )
    found = {visit.id: Past(visit) for visit in db.session.scalars(query)}
    if found:
        _add_lines(found, access)
        _add_treatments(found, access)
    return list(found.values())


def _add_lines(found: dict[int, Past], access: Access) -> None:
    lines = (
        select(Sale.visit_id, SaleLine.id, SaleLine.kind, SaleLine.item, Sale.id, Sale.number)
        .join(Sale, Sale.id == SaleLine.sale_id)
        .where(Sale.visit_id.in_(found), access.rows(SaleLine))
        .order_by(SaleLine.id)
    )
    rows = db.session.execute(lines).all()
    ids = [line for _, line, *_ in rows]
    gave, back = _givers(ids, access), line_states(db.session(), ids)
    for visit, line, kind, item, sale, number in rows:
        if visit is None:
            continue
        found[visit].sales[sale] = f"{number:03d}"
        is_service = kind is LineKind.SERVICE
        among = found[visit].done if is_service else found[visit].bought
        among.append(Sold(item, join_words(gave[line]) if is_service else "", line in back))


def _givers(lines: Sequence[int], access: Access) -> dict[int, list[str]]:
    """Who gave each line, by name."""
    by: dict[int, list[str]] = defaultdict(list)
    performed = (StaffShare.sale_line_id.in_(lines), StaffShare.share_role == ShareRole.PERFORMER)
    query = select(StaffShare.sale_line_id, StaffShare.staff_id).where(*performed, access.rows(StaffShare))
    rows = db.session.execute(query.order_by(StaffShare.id)).all()
    names = titles_by({"staff": {staff for _, staff in rows}}, access)
    for line, staff in rows:
        by[line].append(names["staff", staff])
    return by


def _add_treatments(found: dict[int, Past], access: Access) -> None:
    query = select(Treatment).where(Treatment.visit_id.in_(found), access.rows(Treatment)).order_by(Treatment.id)
    for treatment in db.session.scalars(query):
        if treatment.visit_id is not None:
            found[treatment.visit_id].treatments.append(treatment)
