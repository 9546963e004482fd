"""Sales of the past: they count for what rules know, and never post to a ledger."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from admin_app.importing.report import RowFault, SheetReport
from admin_app.importing.rows import existing
from admin_app.importing.tables import Row, Table, plain
from admin_app.operations.kernel import Operation, perform
from admin_app.operations.registry import Answer, Input, operation
from models.actor import Actor
from models.catalogue import Product, Service
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.numbers import day_of, fen_of
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

CHUNK = 500
DAY = ("日期", "消费日期", "sold_on", "date")
NUMBER = ("会员编号", "会员号", "卡号", "customer_no", "member_no")
NAME = ("姓名", "客户姓名", "name")
SERVICE = ("项目", "服务", "service")
PRODUCT = ("产品", "商品", "product", "item")
QUANTITY = ("数量", "quantity")
AMOUNT = ("金额", "实付", "消费金额", "amount")
METHOD = ("支付方式", "付款方式", "method")
PERFORMER = ("美容师", "技师", "员工", "staff")

METHODS = {
    "现金": PaymentMethod.CASH,
    "cash": PaymentMethod.CASH,
    "微信": PaymentMethod.WECHAT,
    "wechat": PaymentMethod.WECHAT,
    "支付宝": PaymentMethod.ALIPAY,
    "alipay": PaymentMethod.ALIPAY,
    "刷卡": PaymentMethod.BANK_CARD,
    "银行卡": PaymentMethod.BANK_CARD,
    "card": PaymentMethod.BANK_CARD,
    "储值卡": PaymentMethod.STORED_VALUE,
    "储值": PaymentMethod.STORED_VALUE,
    "团购": PaymentMethod.VOUCHER,
    "团购券": PaymentMethod.VOUCHER,
    "": PaymentMethod.UNKNOWN,
}


def is_sales(table: Table) -> bool:
    """Whether a sheet tells of sales."""
    return all(table.column(*names) is not None for names in (DAY, NUMBER, AMOUNT))


class PastSale(Input):
    """One sale as a file tells it: amounts in fen."""

    row: int
    source_key: str
    member_no: str
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
    numbers = sorted({sale.member_no for sale in sales})
    found = {str(c.member_no): c for c in existing(op.session, Customer, "member_no", numbers)}
    names = {sale.member_no: sale.name for sale in sales}
    new = [
        Customer(member_no=number, name=names[number] or number, store_id=store, registered_on=op.day)
        for number in numbers
        if number not in found
    ]
    op.session.add_all(new)
    op.session.flush()
    found |= {str(customer.member_no): customer for customer in new}
    for sale in sales:
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
    """One visit per customer and day."""
    wanted = sorted({(customers[sale.member_no].id, sale.day) for sale in sales})
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
        customer = customers[sale.member_no]
        rows.append(
            Sale(
                store_id=store,
                business_day=sale.day,
                number=last[sale.day],
                customer_id=customer.id,
                visit_id=visits[customer.id, sale.day],
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


# ------------------------------------------------------------------------------------------ from a table


def import_sales(table: Table, store_id: int, actor: Actor, dry_run: bool) -> SheetReport:
    """Take the sales of a sheet. A row is known by its content, and equal rows by their count."""
    report = SheetReport(table, "sale")
    reader = _Reader(table)
    sales: list[PastSale] = []
    seen: Counter[str] = Counter()
    for row in table.rows:
        read = reader.sale(row, seen)
        if isinstance(read, RowFault):
            report.refused.append(read)
        else:
            sales.append(read)
    if dry_run:
        known = {sale.source_key for sale in existing(db.session, Sale, "source_key", [s.source_key for s in sales])}
        report.unchanged = len(known)
        report.created = len(sales) - len(known)
        return report
    report.also = {"customers": 0, "staff": 0}
    for start in range(0, len(sales), CHUNK):
        part = ImportSalesInput(store=store_id, sales=sales[start : start + CHUNK])
        answer = perform(Name.IMPORT_SALES, part, actor=actor)
        report.created += answer["created"]
        report.unchanged += answer["unchanged"]
        for name in report.also:
            report.also[name] += answer[name]
    return report


class _Reader:
    """Reads rows of one table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        named = {"day": DAY, "number": NUMBER, "name": NAME, "service": SERVICE, "product": PRODUCT}
        named |= {"quantity": QUANTITY, "amount": AMOUNT, "method": METHOD, "performer": PERFORMER}
        self.places = {key: table.column(*names) for key, names in named.items()}

    def cell(self, row: Row, key: str) -> Any:
        place = self.places[key]
        return row.cells[place] if place is not None and place < len(row.cells) else None

    def heading(self, key: str) -> str:
        place = self.places[key]
        return self.table.headings[place] if place is not None else key

    def sale(self, row: Row, seen: Counter[str]) -> PastSale | RowFault:
        day, amount = day_of(self.cell(row, "day") or ""), fen_of(plain(self.cell(row, "amount")))
        number = plain(self.cell(row, "number"))
        written = plain(self.cell(row, "quantity")) or "1"
        method = METHODS.get(plain(self.cell(row, "method")).lower())
        checks = [
            (day, "day", _l("There is no such day: %(written)s.", written=plain(self.cell(row, "day")))),
            (number or None, "number", _l("This must not be empty.")),
            (amount, "amount", _l("This is not an amount of money, such as 298 or 298.50.")),
            (
                written if written.isdigit() and int(written) > 0 else None,
                "quantity",
                _l("A quantity is more than zero."),
            ),
            (method, "method", _l("This way of paying is not known.")),
        ]
        for value, key, reason in checks:
            if value is None:
                return RowFault(row, self.heading(key), str(reason))
        assert day is not None
        assert amount is not None
        assert method is not None
        for key, one, stored in (
            ("day", Sale.fields()["business_day"], day),
            ("quantity", SaleLine.fields()["quantity"], int(written)),
        ):
            if one.range is not None and not one.range.includes(stored):
                return RowFault(row, self.heading(key), str(one.range.message(one.kind)))
        return self._made(row, seen, day, number, amount, int(written), method)

    def _made(
        self, row: Row, seen: Counter[str], day: date, number: str, amount: int, quantity: int, method: PaymentMethod
    ) -> PastSale:
        service, product = plain(self.cell(row, "service")), plain(self.cell(row, "product"))
        performer = plain(self.cell(row, "performer"))
        content = "|".join([number, day.isoformat(), service, product, str(quantity), str(amount), method, performer])
        seen[content] += 1
        digest = hashlib.sha256(f"{content}|{seen[content]}".encode()).hexdigest()
        return PastSale(
            row=row.number,
            source_key=digest[:40],
            member_no=number,
            name=plain(self.cell(row, "name")),
            day=day,
            kind=LineKind.SERVICE if service else LineKind.PRODUCT,
            item=(service or product or _("Sale brought over"))[:80],
            quantity=quantity,
            amount=amount,
            method=method,
            performer=performer,
        )
