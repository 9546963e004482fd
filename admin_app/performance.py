"""What the staff's work came to: money in, value used, manual fees; each line with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from admin_app.rulebook import rulebook
from models.catalogue import Service
from models.organisation import Staff
from models.sales import Sale, SaleLine, StaffShare
from models.till import Reversal
from rules.decisions.fees import Work, earned


@dataclass(frozen=True)
class Line:
    """One share of one line (fen); ``because`` is how the fee came about."""

    staff_id: int
    business_day: date
    item: str
    customer_id: int | None
    money_in: int
    used: int
    fee: int
    because: tuple[tuple[str, int], ...]


def performance(session: Session, condition: ColumnElement[bool], first: date, last: date) -> list[Line]:
    """The shares that fulfil the condition, of sales from ``first`` to ``last``; lines taken back are left out."""
    document = rulebook().commissions
    query = (
        select(StaffShare, SaleLine, Sale.business_day, Sale.customer_id, Service, Staff.level)
        .join(SaleLine, SaleLine.id == StaffShare.sale_line_id)
        .join(Sale, Sale.id == SaleLine.sale_id)
        .join(Staff, Staff.id == StaffShare.staff_id)
        .outerjoin(Service, Service.id == SaleLine.service_id)
        .where(condition, Sale.business_day >= first, Sale.business_day <= last)
        .where(SaleLine.id.not_in(select(Reversal.sale_line_id)))
        .order_by(Sale.business_day, StaffShare.id)
    )
    found: list[Line] = []
    for share, line, day, customer, service, level in session.execute(query):
        name, fee = (service.name, service.manual_fee) if service is not None else ("", 0)
        work = Work(
            line.kind, share.share_role, share.part, share.manner, share.permille, line.amount, line.quantity,
            name, fee, level,
        )  # fmt: skip
        done = earned(document, work)
        found.append(Line(share.staff_id, day, line.item, customer, done.money_in, done.used, done.fee, done.because))
    return found
