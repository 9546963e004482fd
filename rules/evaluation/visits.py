"""Which visits stand: one that the till made by itself falls with the last of its sales."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.orm import aliased

from models.booking import Appointment
from models.care import Treatment
from models.entity import AnySelect
from models.sales import Sale, SaleLine, Visit, VisitSource
from models.till import Reversal
from rules.evaluation.frame import Frame


def _fallen_visits(frame: Frame | None = None) -> AnySelect:
    """The ids of the visits that count no more: walk-ins without treatment and booking of whose sales all was taken
    back; with a frame those of its customers by what it knows of reversals.

    It starts from the reversals, for they are few.
    """
    other, line, back = aliased(Sale), aliased(SaleLine), aliased(Reversal)
    known, until = [], []
    if frame is not None:
        known = [frame.asked(Reversal.customer_id), Reversal.business_day <= frame.reversals_until]
        until = [back.business_day <= frame.reversals_until]
    stands = ~exists().where(back.sale_line_id == line.id, *until).correlate(line)
    return (
        select(Sale.visit_id)
        .join(Reversal, Reversal.sale_id == Sale.id)
        .join(Visit, and_(Visit.id == Sale.visit_id, Visit.source == VisitSource.WALK_IN))
        .where(
            *known,
            ~exists().where(other.visit_id == Sale.visit_id, line.sale_id == other.id, stands).correlate(Sale),
            ~exists().where(Treatment.visit_id == Sale.visit_id).correlate(Sale),
            ~exists().where(Appointment.visit_id == Sale.visit_id).correlate(Sale),
        )
        .correlate(None)
    )


def visit_stands(frame: Frame | None = None, visit: type[Visit] = Visit) -> ColumnElement[bool]:
    """Whether a visit counts, as a condition on ``Visit`` or an alias of it."""
    fallen = _fallen_visits(frame).subquery()
    return ~exists().where(fallen.c.visit_id == visit.id).correlate(visit)
