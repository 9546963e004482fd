"""The drawer and the day: change put in, takings counted, the day closed."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from flask_babel import lazy_gettext as _l
from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin_app.operations.kernel import Operation
from admin_app.operations.ledger import ensure_open
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, operation
from admin_app.operations.till import InStore, store_of
from admin_app.values import money
from models.field import Kind
from models.names import Name
from models.sales import Payment, PaymentMethod, Sale
from models.till import DayClose, TillShift

Cash = Annotated[int, Field(ge=0, le=10**11)]


class OpenTillInput(Input):
    """The change that lies in the drawer as the day begins."""

    store: InStore = None
    opening_cash: Annotated[Cash, Ask(_l("Change in the drawer"), kind=Kind.MONEY)]


@operation(Name.OPEN_TILL, label=_l("Open the till"), page=TillShift)
def open_till(op: Operation, data: OpenTillInput) -> Answer:
    """Begin the day's drawer.

    :raises Refused: the day is closed, or was begun.
    """
    store_id = store_of(op, data.store)
    ensure_open(op, store_id, op.day)
    shift = TillShift(store_id=store_id, business_day=op.day, opening_cash=data.opening_cash, opened_at=op.at)
    op.store_id = store_id
    op.session.add(shift)
    op.concerns(shift)
    return {"id": shift.id}


class CloseDayInput(Input):
    """What was counted; a difference needs a reason. Today, or a day before it that was left open."""

    store: InStore = None
    day: Annotated[date | None, Ask(_l("Business day"), help=_l("Today, if left empty"))] = None
    counted: Annotated[Cash, Ask(_l("Cash counted"), kind=Kind.MONEY)]
    why: Annotated[str, Ask(_l("Reason of a difference")), Field(max_length=200)] = ""


@operation(Name.CLOSE_DAY, label=_l("Close the day"), page=DayClose)
def close_day(op: Operation, data: CloseDayInput) -> Answer:
    """Write down what should be in the drawer and what is. Nothing more is written for that day.

    :raises Refused: the day is closed already, is still to come, or differs without a reason.
    """
    store_id, day = store_of(op, data.store), data.day or op.day
    if day > op.day:
        raise Refused(_l("That day has not come yet."), "day", "to_come")
    ensure_open(op, store_id, day, closing=True)
    totals = takings(op.session, store_id, day)
    shift = op.session.scalar(select(TillShift).where(TillShift.store_id == store_id, TillShift.business_day == day))
    expected = totals.get(PaymentMethod.CASH.value, 0) + (shift.opening_cash if shift else 0)
    difference = data.counted - expected
    if difference and not data.why:
        message = _l(
            "%(expected)s should be there; the difference is %(much)s. Say why.",
            expected=money(expected),
            much=money(difference),
        )
        raise Refused(message, "why", "difference")
    receipts = select(func.count()).select_from(Sale).where(Sale.store_id == store_id, Sale.business_day == day)
    close = DayClose(
        store_id=store_id,
        business_day=day,
        at=op.at,
        expected_cash=expected,
        counted_cash=data.counted,
        difference=difference,
        receipts=op.session.scalar(receipts) or 0,
        totals=totals,
        reason=data.why or None,
        closed_by=op.actor.name[:60],
    )
    op.session.add(close)
    if shift is not None:
        shift.closed_at = op.at
    op.store_id = store_id
    op.concerns(close)
    op.detail = {"total": sum(totals.values()), "difference": difference}
    return {"id": close.id, "expected": expected, "difference": difference}


def takings(session: Session, store_id: int, day: date) -> dict[str, int]:
    """What came in on a day, less what went back, by way of paying (fen)."""
    query = (
        select(Payment.method, func.sum(Payment.amount))
        .where(Payment.store_id == store_id, Payment.business_day == day)
        .group_by(Payment.method)
    )
    return {method.value: int(amount) for method, amount in session.execute(query)}
