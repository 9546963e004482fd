"""Customers from a salon's own sheet: who is there already, who stands in it twice, and who cannot be taken."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from admin_app.importing.report import RowFault, SheetReport
from admin_app.importing.rows import FILLS, Prepared, existing, heading, prepare, take, unused
from admin_app.importing.tables import Row, Table, plain
from admin_app.operations.kernel import Operation
from models.actor import Actor
from models.customers import Contraindication, Customer, DangerKind
from models.entity import db
from models.numbers import day_of, phone_number
from models.organisation import Store
from models.search import blind_indexes, without_title

BIRTHDAY = ("出生日期", "生日", "birthday", "date of birth")
ALLERGY = ("过敏史", "过敏", "allergies", "allergy")
NOTHING = {"", "无", "没有", "none", "no", "-", "/"}


def is_customers(table: Table) -> bool:
    """Whether a sheet tells of customers: it has names and a way to know them."""
    has_name = table.column("姓名", "客户姓名", "会员姓名", "name") is not None
    return has_name and table.column("联系电话", "手机", "手机号", "电话", "phone") is not None


def same_name(name: str) -> str:
    """A name without white space, invisible characters and courtesy: «陈鑫 » and «陈鑫女士» are one."""
    return without_title(name)


def _more(
    table: Table, row: Row, columns: dict[str, int]
) -> tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]:
    values: dict[str, Any] = {}
    faults: list[tuple[str, str]] = []
    place = table.column(*BIRTHDAY)
    cell = row.cells[place] if place is not None and place < len(row.cells) else None
    if place is not None and cell is not None:
        day = day_of(cell)
        if day is None or not 1900 <= day.year <= 2100:
            faults.append((table.headings[place], _("There is no such day: %(written)s.", written=plain(cell))))
        else:
            values = {"birth_year": str(day.year), "birth_month": str(day.month), "birth_day": str(day.day)}
    allergy = table.column(*ALLERGY)
    written = plain(row.cells[allergy]) if allergy is not None and allergy < len(row.cells) else ""
    allergies = [word for word in re.split(r"[,，、;；]", written) if word.strip().lower() not in NOTHING]
    if columns.get("name") is not None and not plain(row.cells[columns["name"]]):
        faults = [fault for fault in faults if fault[0] != table.headings[columns["name"]]]
    return values, {"allergies": allergies} if allergies else {}, faults


def _fill(op: Operation, row: Customer, more: dict[str, Any]) -> None:
    for substance in more.get("allergies", []):
        op.session.add(Contraindication(customer_id=row.id, kind=DangerKind.ALLERGY, substance=substance))


FILLS["customer"] = _fill


def import_customers(table: Table, store_id: int, actor: Actor, dry_run: bool) -> SheetReport:
    """Take the customers of a sheet.

    Known by her member number, or by phone and name, a customer is left as she is. A row without a number whose phone
    and name are somebody's is a duplicate. The same phone under another name is somebody else (mother and daughter).
    """
    report = SheetReport(table, "customer", unused=unused(Customer, table, *BIRTHDAY, *ALLERGY))
    prepared, report.refused = prepare(Customer, table, _more)
    prepared = _placed(prepared, report, store_id)
    fresh = _sort_out(prepared, report)
    shared = _shared_phones(fresh)
    if shared:
        report.also["shared_phone"] = shared
    take(Customer, fresh, report, actor, dry_run=dry_run)
    return report


def _placed(prepared: list[Prepared], report: SheetReport, store_id: int) -> list[Prepared]:
    """Each in the store that her row names; without one, in the first."""
    stores = {name: str(number) for number, name in db.session.execute(select(Store.id, Store.name))}
    taken: list[Prepared] = []
    for one in prepared:
        named = one.values.get("store_id")
        if named is not None and named not in stores:
            reason = _("There is no store called %(name)s.", name=named)
            report.refused.append(RowFault(one.row, heading(Customer, report.table, "store_id"), reason))
            continue
        store = stores[named] if named is not None else str(store_id)
        taken.append(Prepared(one.row, {**one.values, "store_id": store}, one.more))
    return taken


def _sort_out(prepared: list[Prepared], report: SheetReport) -> list[Prepared]:
    """The rows that make somebody new; those with a member number come first, whatever their place in the sheet."""
    by_number = {
        c.member_no: c.name for c in existing(db.session, Customer, "member_no", _values(prepared, "member_no"))
    }
    people = _people(prepared)
    fresh: list[Prepared] = []
    for one in sorted(prepared, key=lambda one: (one.values.get("member_no") is None, one.row.number)):
        number, name = one.values.get("member_no"), one.values["name"]
        identity = (phone_number(one.values.get("phone", "")), same_name(name))
        if number is not None and number in by_number:
            _known(one, by_number[number], report)
            continue
        if number is None and identity in people:
            reason = _("The same name and phone as %(who)s.", who=people[identity])
            report.duplicates.append(RowFault(one.row, heading(Customer, report.table, "phone"), reason))
            continue
        if number is not None:
            by_number[number] = name
        people[identity] = number or _("row %(row)s", row=one.row.number)
        fresh.append(one)
    return fresh


def _known(one: Prepared, known_as: str, report: SheetReport) -> None:
    if same_name(known_as) == same_name(one.values["name"]):
        report.unchanged += 1
    else:
        reason = _("This member number belongs to %(name)s.", name=known_as)
        report.refused.append(RowFault(one.row, heading(Customer, report.table, "member_no"), reason))


def _values(prepared: list[Prepared], name: str) -> list[str]:
    return [one.values[name] for one in prepared if name in one.values]


def _people(prepared: list[Prepared]) -> dict[tuple[str | None, str], str]:
    """Who is in the salon already, by phone and plain name: only those whose phone or name the sheet speaks of."""
    phone = Customer.fields()["phone"]
    numbers = {number for one in prepared if (number := phone_number(one.values.get("phone", "")))}
    indexes = sorted(str(blind_indexes(phone, number)["phone_index"]) for number in numbers)
    found = {
        (c.phone, same_name(c.name)): str(c.member_no or c.name)
        for c in existing(db.session, Customer, "phone_index", indexes)
    }
    unphoned = [one.values["name"] for one in prepared if "phone" not in one.values]
    for start in range(0, len(unphoned), 500):
        query = select(Customer).where(Customer.name.in_(unphoned[start : start + 500]), Customer.phone.is_(None))
        found |= {(None, same_name(c.name)): str(c.member_no or c.name) for c in db.session.scalars(query)}
    return found


def _shared_phones(fresh: list[Prepared]) -> int:
    """How many new customers share their phone with another: candidates for one household, or for merging."""
    owners: dict[str, int] = defaultdict(int)
    for one in fresh:
        if phone := one.values.get("phone"):
            owners[phone] += 1
    return sum(count for count in owners.values() if count > 1)
