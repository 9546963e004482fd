"""Sales of the past: they count for what rules know, and never post to a ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from admin_app.importing.rows import existing
from admin_app.operations.kernel import Operation
from admin_app.operations.registry import Answer, Input, operation
from models.catalogue import Product, Service
from models.customers import Customer
from models.names import Name
from models.organisation import Staff
from models.sales import (
    LineKind,
    Payment,
    PaymentMethod,
    Sale,
    SaleLine,
    ShareRole,
    StaffShare,
    Visit,
    VisitSource,
)


class PastSale(Input):
    """One sale as a file tells it: amounts in fen. A walk-in has no ``member_no``."""

    row: int
    source_key: str
    member_no: str | None
    name: str
    day: date
    kind: LineKind
    item: str
    quantity: int
    amount: int
    method: PaymentMethod
    performer: str


class ImportSalesInput(Input):
    """A part of a file of sales, for one store."""

    store: int
    sales: list[PastSale]


def _may_import(op: Operation, data: ImportSalesInput) -> bool:
    return op.access.does(Name.IMPORT_SALES)


@operation(
    Name.IMPORT_SALES,
    label=_l("Import sales"),
    permitted=_may_import,
    form=False,
)
def import_sales_part(op: Operation, data: ImportSalesInput) -> Answer:
    """Write sales with their visit, line, payment and share. What is there already is left; unknown people are made."""
    sales = _not_yet(op, data.sales)
    customers, new_people = _customers(op, sales, data.store)
    staff, new_staff = _staff(op, sales, data.store)
    visits = _visits(op, sales, customers, data.store)
    rows = _rows(op, data.store, sales, customers, visits)
    op.session.add_all(rows)
    op.session.flush()
    catalogue = _catalogue(op, sales)
    lines = [_line(sale, row, catalogue) for sale, row in zip(sales, rows, strict=True)]
    op.session.add_all(lines)
    op.session.flush()
    for sale, row, line in zip(sales, rows, lines, strict=True):
        if sale.amount:
            op.session.add(_payment(sale, row))
        if sale.performer:
            share = StaffShare(sale_line_id=line.id, staff_id=staff[sale.performer], share_role=ShareRole.PERFORMER)
            op.session.add(share)
    op.detail = {"sales": len(sales), "customers": new_people, "staff": new_staff}
    return {
        "created": len(sales),
        "unchanged": len(data.sales) - len(sales),
        "customers": new_people,
        "staff": new_staff,
    }


def _not_yet(op: Operation, sales: list[PastSale]) -> list[PastSale]:
    known = set(op.session.scalars(select(Sale.source_key).where(Sale.source_key.in_([s.source_key for s in sales]))))
    return [sale for sale in sales if sale.source_key not in known]


def _customers(op: Operation, sales: list[PastSale], store: int) -> tuple[dict[str, Customer], int]:
    numbers = sorted({sale.member_no for sale in sales if sale.member_no is not None})
    found = {str(c.member_no): c for c in existing(op.session, Customer, "member_no", numbers)}
    names = {sale.member_no: sale.name for sale in sales if sale.member_no is not None}
    new = [
        Customer(member_no=number, name=names[number] or number, store_id=store, registered_on=op.day)
        for number in numbers
        if number not in found
    ]
    op.session.add_all(new)
    op.session.flush()
    found |= {str(customer.member_no): customer for customer in new}
    for sale in sales:
        if sale.member_no is None or sale.kind is LineKind.RECHARGE:
            continue
        customer = found[sale.member_no]
        if customer.first_visit_on is None or sale.day < customer.first_visit_on:
            customer.first_visit_on = sale.day
    return found, len(new)


def _staff(op: Operation, sales: list[PastSale], store: int) -> tuple[dict[str, int], int]:
    names = sorted({sale.performer for sale in sales if sale.performer})
    found = {person.name: person.id for person in existing(op.session, Staff, "name", names)}
    new = [Staff(name=name, store_id=store) for name in names if name not in found]
    op.session.add_all(new)
    op.session.flush()
    return found | {person.name: person.id for person in new}, len(new)


def _visits(
    op: Operation, sales: list[PastSale], customers: dict[str, Customer], store: int
) -> dict[tuple[int, date], int]:
    """One visit per customer and day; money paid in ahead is none, and of a walk-in nobody knows whose it was."""
    wanted = sorted(
        {
            (customers[sale.member_no].id, sale.day)
            for sale in sales
            if sale.member_no is not None and sale.kind is not LineKind.RECHARGE
        }
    )
    known = select(Visit).where(
        Visit.store_id == store,
        Visit.customer_id.in_({customer for customer, _ in wanted}),
        Visit.business_day.in_({day for _, day in wanted}),
    )
    found = {(visit.customer_id, visit.business_day): visit.id for visit in op.session.scalars(known)}
    new = [
        Visit(customer_id=customer, store_id=store, business_day=day, source=VisitSource.HISTORY)
        for customer, day in wanted
        if (customer, day) not in found
    ]
    op.session.add_all(new)
    op.session.flush()
    return found | {(visit.customer_id, visit.business_day): visit.id for visit in new}


def _rows(
    op: Operation,
    store: int,
    sales: list[PastSale],
    customers: dict[str, Customer],
    visits: dict[tuple[int, date], int],
) -> list[Sale]:
    """The receipts, numbered on from the last of each day."""
    days = {sale.day for sale in sales}
    query = select(Sale.business_day, func.max(Sale.number)).where(Sale.store_id == store, Sale.business_day.in_(days))
    last = Counter(dict(op.session.execute(query.group_by(Sale.business_day)).all()))
    zone = current_app.config["PEONY"].zone
    rows: list[Sale] = []
    for sale in sales:
        last[sale.day] += 1
        customer = None if sale.member_no is None else customers[sale.member_no]
        rows.append(
            Sale(
                store_id=store,
                business_day=sale.day,
                number=last[sale.day],
                customer_id=None if customer is None else customer.id,
                visit_id=None if customer is None else visits.get((customer.id, sale.day)),
                sold_at=datetime.combine(sale.day, time(12), zone),
                total=sale.amount,
                imported=True,
                source_key=sale.source_key,
            )
        )
    return rows


@dataclass(frozen=True)
class _Catalogue:
    services: dict[str, int]
    products: dict[str, int]


def _catalogue(op: Operation, sales: list[PastSale]) -> _Catalogue:
    names = sorted({sale.item for sale in sales})
    services = {row.name: row.id for row in existing(op.session, Service, "name", names)}
    return _Catalogue(services, {row.name: row.id for row in existing(op.session, Product, "name", names)})


def _line(sale: PastSale, row: Sale, catalogue: _Catalogue) -> SaleLine:
    return SaleLine(
        sale_id=row.id,
        position=1,
        kind=sale.kind,
        service_id=catalogue.services.get(sale.item) if sale.kind is LineKind.SERVICE else None,
        product_id=catalogue.products.get(sale.item) if sale.kind is LineKind.PRODUCT else None,
        item=sale.item,
        quantity=sale.quantity,
        amount=sale.amount,
    )


def _payment(sale: PastSale, row: Sale) -> Payment:
    return Payment(
        sale_id=row.id,
        customer_id=row.customer_id,
        store_id=row.store_id,
        business_day=sale.day,
        paid_at=row.sold_at,
        method=sale.method,
        amount=sale.amount,
    )
