"""Debts that customers bring over: a receipt on account each, which is paid at the till like any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from admin_app.operations.kernel import Operation
from admin_app.operations.ledger import Ledger
from admin_app.operations.receipts import pay, reversal_of
from admin_app.operations.refusals import Refused
from models.connection import lock_day
from models.customers import Customer
from models.entity import lock_row
from models.organisation import Store
from models.sales import LineKind, Payment, PaymentMethod, Sale, SaleLine
from models.till import DayClose
from models.value import Account, AccountKind, LedgerEntry

OLD_DEBT = _l("Debt brought over")


def write_debts(op: Operation, store_id: int, owed: Sequence[tuple[Customer, int]]) -> list[int]:
    """Write a receipt on account for each customer and amount; the ids of their lines, in the same order.

    A receipt bears the day on which the customer was registered, so that nobody counts as having bought today; it is
    owed from today on.
    """
    lock_row(op.session, Store, store_id)
    days = _days(op, store_id, [customer for customer, _ in owed])
    query = select(Sale.business_day, func.max(Sale.number)).where(Sale.store_id == store_id)
    last = Counter(
        dict(op.session.execute(query.where(Sale.business_day.in_(set(days))).group_by(Sale.business_day)).all())
    )
    zone = current_app.config["PEONY"].zone
    sales: list[Sale] = []
    for (customer, amount), day in zip(owed, days, strict=True):
        last[day] += 1
        sales.append(
            Sale(
                store_id=store_id,
                business_day=day,
                number=last[day],
                customer_id=customer.id,
                sold_at=op.at if day == op.day else datetime.combine(day, time(12), zone),
                total=amount,
                imported=True,
            )
        )
    op.session.add_all(sales)
    op.session.flush()
    lines = [
        SaleLine(sale_id=sale.id, position=1, kind=LineKind.PRODUCT, item=str(OLD_DEBT), amount=sale.total)
        for sale in sales
    ]
    op.session.add_all(lines)
    for sale in sales:
        pay(op, sale, PaymentMethod.ON_ACCOUNT, sale.total)
    op.session.flush()
    return [line.id for line in lines]


def _days(op: Operation, store_id: int, customers: Sequence[Customer]) -> list[date]:
    """The day of each customer's receipt: that of the registration, or today where it is closed or to come."""
    wanted = [min(customer.registered_on, op.day) for customer in customers]
    lock_day(op.session.connection(), store_id)
    query = select(DayClose.business_day).where(DayClose.store_id == store_id, DayClose.business_day.in_(set(wanted)))
    closed = set(op.session.scalars(query))
    return [op.day if day in closed else day for day in wanted]


def take_debts_back(ledger: Ledger, entries: Sequence[LedgerEntry], why: str) -> None:
    """Take the receipts of opening entries back, and what is owed for them. The entries are reversed by the caller.

    :raises Refused: something of a debt has been paid since, or it stands on another record by now.
    """
    op = ledger.op
    owed = set(op.session.scalars(select(Account.id).where(Account.kind == AccountKind.RECEIVABLE)))
    for entry in entries:
        if entry.account_id not in owed or entry.sale_line_id is None:
            continue
        line = op.session.get_one(SaleLine, entry.sale_line_id)
        sale = op.session.get_one(Sale, line.sale_id)
        on_account = (Payment.sale_id == sale.id, Payment.method == PaymentMethod.ON_ACCOUNT)
        if op.session.scalar(select(func.sum(Payment.amount)).where(*on_account)) != line.amount:
            message = _l("What was owed for this has been paid since; that cannot be taken back here.")
            raise Refused(message, None, "settled")
        if entry.customer_id is None or ledger.balance(entry.customer_id, AccountKind.RECEIVABLE) > entry.amount:
            message = _l("Part of this has been used since, so it cannot be taken back whole.")
            raise Refused(message, None, "used")
        pay(op, sale, PaymentMethod.ON_ACCOUNT, -line.amount)
        op.session.add(reversal_of(op, sale, line, why))
