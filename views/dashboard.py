"""Today: what she should know and do first, by role; each figure opens its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from flask_admin import AdminIndexView, expose
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import BigInteger, cast, func, select

from admin_app.calling import birthdays_ahead
from admin_app.i18n import in_her_language
from admin_app.operations.kernel import business_day, now
from admin_app.operations.refusals import Forbidden
from admin_app.rulebook import rulebook, words_of
from admin_app.values import money
from models.customers import Customer
from models.entity import db
from models.sales import MONEY_IN, Payment, Visit
from models.standing import MOST_URGENT_FIRST, Alert, CustomerTag, Membership, Tag, Task
from rules.documents.roles import Action
from rules.evaluation.visits import visit_stands
from views.home_work import work_of
from views.navigation import list_address
from views.person import access, refuse
from views.rule_words import subjects_of
from views.tiers import tier_colour

DAYS = 30
MOST = 6


@dataclass(frozen=True)
class Figure:
    """A number, what it is, and where its rows are."""

    label: str
    value: str
    address: str
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart and the same as a table: names, values, and the values as they are said."""

    title: str
    kind: str
    names: list[str]
    values: list[float]
    said: list[str]
    unit: str = ""
    addresses: list[str] = field(default_factory=list)
    tones: list[str] = field(default_factory=list)

    @property
    def data(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "names": self.names,
            "values": self.values,
            "unit": self.unit,
            "title": self.title,
            "tones": self.tones,
        }


class Dashboard(AdminIndexView):
    """The first page."""

    def is_accessible(self) -> bool:
        return bool(current_user.is_authenticated)

    def _handle_view(self, name: str, **kwargs: Any) -> Any:
        if not access().opens("dashboard"):
            raise refuse(Forbidden, "dashboard")
        return None

    def _run_view(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        return fn(self, *args, **kwargs)

    @expose("/")
    def index(self) -> Any:
        """Figures, alerts, tasks, birthdays, charts."""
        today = business_day(now())
        alerts = _open(Alert, Alert.closed_at, *MOST_URGENT_FIRST)
        return self.render(
            "dashboard.html",
            today=today,
            work=work_of(today),
            figures=figures(today),
            alerts=alerts,
            subjects=subjects_of(alerts, access()),
            tasks=_open(Task, Task.finished_at, Task.due_on.asc()),
            birthdays=birthdays_ahead(db.session(), access(), today, MOST) if _may(Customer) else [],
            birthday_days=rulebook().calls.birthdays,
            charts=charts(today),
        )


def _rows(entity: Any) -> Any:
    return access().rows(entity)


def _may(entity: Any) -> bool:
    return access().may(Action.VIEW, entity)


def _count(query: Any) -> int:
    return db.session.scalar(query) or 0


def _total(amount: Any) -> Any:
    """The sum as an integer: PostgreSQL sums up to NUMERIC."""
    return cast(func.sum(amount), BigInteger)


def figures(today: date) -> list[Figure]:
    """What today and this month come to, as far as she may see it."""
    found: list[Figure] = []
    month = today.replace(day=1)
    if _may(Visit):
        here = (_rows(Visit), Visit.business_day == today, visit_stands())
        came = _count(select(func.count()).select_from(Visit).where(*here))
        address = list_address("visit", {"business_day.from": today, "business_day.to": today, "state": "stands"})
        found.append(Figure(_("Visits today"), f"{came:,}", address))
    if _may(Payment):
        found += [_paid(_("Paid today"), today, today), _paid(_("Paid this month"), month, today)]
    if _may(Customer):
        living = (_rows(Customer), Customer.archived_at.is_(None))
        new = _count(select(func.count()).select_from(Customer).where(*living, Customer.first_visit_on >= month))
        address = list_address("customer", {"first_visit_on.from": month})
        found.append(Figure(_("New customers this month"), f"{new:,}", address))
    for entity, done, label in ((Alert, Alert.closed_at, _("Open alerts")), (Task, Task.finished_at, _("Open tasks"))):
        if _may(entity):
            waiting = _count(select(func.count()).select_from(entity).where(_rows(entity), done.is_(None)))
            address = list_address(entity.named(), {f"{done.key}.empty": "yes"})
            found.append(Figure(label, f"{waiting:,}", address))
    return found


def _paid(label: str, first: date, last: date) -> Figure:
    days = (Payment.business_day >= first, Payment.business_day <= last)
    paid = _count(select(_total(Payment.amount)).where(_rows(Payment), *days, Payment.method.in_(MONEY_IN)))
    methods = ",".join(method.value for method in MONEY_IN)
    address = list_address("payment", {"business_day.from": first, "business_day.to": last, "method": methods})
    return Figure(label, money(paid), address)


def _open(entity: Any, done: Any, *order: Any) -> Sequence[Any]:
    """The first of what waits for her."""
    if not _may(entity):
        return []
    return db.session.scalars(
        select(entity).where(_rows(entity), done.is_(None)).order_by(*order, entity.id).limit(MOST)
    ).all()


# ------------------------------------------------------------------------------------------------- charts


def charts(today: date) -> list[Chart]:
    """What can be drawn of what she may see."""
    found: list[Chart] = []
    if _may(Payment):
        found.append(_paid_by_day(today))
    elif _may(Visit):
        found.append(_visits_by_day(today))
    if _may(Membership):
        found.append(_by_tier())
    if _may(CustomerTag):
        found.append(_by_layer())
    return [chart for chart in found if chart.names]


def _days(today: date) -> list[date]:
    return [today - timedelta(offset) for offset in range(DAYS - 1, -1, -1)]


def _paid_by_day(today: date) -> Chart:
    days = _days(today)
    query = select(Payment.business_day, _total(Payment.amount)).where(
        _rows(Payment), Payment.business_day >= days[0], Payment.method.in_(MONEY_IN)
    )
    paid: dict[date, int] = dict(db.session.execute(query.group_by(Payment.business_day)).all())
    amounts = [paid.get(day, 0) for day in days]
    names = [f"{day.month}-{day.day:02d}" for day in days]
    return Chart(
        _("Paid, last 30 days"), "bar", names, [fen / 100 for fen in amounts], [money(fen) for fen in amounts], "¥"
    )


def _visits_by_day(today: date) -> Chart:
    days = _days(today)
    standing = (_rows(Visit), Visit.business_day >= days[0], visit_stands())
    query = select(Visit.business_day, func.count()).where(*standing)
    came = dict(db.session.execute(query.group_by(Visit.business_day)).all())
    counts = [came.get(day, 0) for day in days]
    names = [f"{day.month}-{day.day:02d}" for day in days]
    return Chart(_("Visits, last 30 days"), "bar", names, [float(n) for n in counts], [f"{n:,}" for n in counts])


def _by_tier() -> Chart:
    query = select(Membership.tier, func.count()).where(_rows(Membership), Membership.ended_on.is_(None))
    held = dict(db.session.execute(query.group_by(Membership.tier)).all())
    known = [(tier, label) for tier, label in words_of("tiers") if tier in held]
    counts = [held[tier] for tier, _label in known]
    addresses = [list_address("membership", {"tier": tier, "ended_on.empty": "yes"}) for tier, _label in known]
    labels = [label for _tier, label in known]
    said, tones = [f"{n:,}" for n in counts], [tier_colour(tier) for tier, _label in known]
    return Chart(
        _("Customers by tier"), "pie", labels, [float(n) for n in counts], said, addresses=addresses, tones=tones
    )


def _by_layer() -> Chart:
    held = (_rows(CustomerTag), CustomerTag.until.is_(None), CustomerTag.held, Tag.exclusive)
    query = select(CustomerTag.tag_id, func.count()).join(Tag, CustomerTag.tag_id == Tag.id).where(*held)
    counted = dict(db.session.execute(query.group_by(CustomerTag.tag_id)).all())
    tags = db.session.scalars(select(Tag).where(Tag.id.in_(counted)).order_by(Tag.slug)).all()
    asked = {"until.empty": "yes", "held": "yes"}
    addresses = [list_address("customer_tag", {"tag_id": tag.id, **asked}) for tag in tags]
    counts = [counted[tag.id] for tag in tags]
    labels = [in_her_language(tag.name, tag.name_en) for tag in tags]
    return Chart(
        _("Customers by layer"), "bar", labels, [float(n) for n in counts], [f"{n:,}" for n in counts], "", addresses
    )
