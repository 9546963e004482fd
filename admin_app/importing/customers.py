"""Customers from a salon's own sheet: who is new, who is known and what it corrects, who stands in it twice."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin_app.consents import refusing_marketing
from admin_app.importing.birthdays import read_birthday
from admin_app.importing.people import Coming, People
from admin_app.importing.report import Change, RowFault, SheetReport
from admin_app.importing.rows import (
    Faults,
    Prepared,
    Reader,
    cell_of,
    heading,
    headings_of,
    report_of,
    text_of,
    unused,
)
from admin_app.importing.tables import Row, Table, plain
from admin_app.importing.taking import FILLS, Corrections, make_named, take
from admin_app.operations.kernel import Operation, business_day, now
from admin_app.references import References, several_meant
from admin_app.rulebook import access_for
from admin_app.values import Unreadable
from models.actor import Actor
from models.customers import Channel, ConsentEvent, Contraindication, Customer, DangerKind, Purpose
from models.entity import db
from models.numbers import day_of
from models.search import is_han

BIRTHDAY = ("出生日期", "生日", "生日(阳历)", "生日（阳历）", "阳历生日", "公历生日", "birthday", "date of birth")
LUNAR_BIRTHDAY = ("农历生日", "阴历生日", "生日(农历)", "生日（农历）")
CALENDAR = ("birth_calendar", "生日历法", "birthday by")
ALLERGY = ("过敏史", "过敏", "过敏情况", "allergies", "allergy")
MARKETING = ("accepts marketing", "accepts sms marketing", "接受营销", "接收营销", "营销短信", "是否接受营销")
FIRST_NAME, LAST_NAME = ("first name", "given name", "名"), ("last name", "surname", "family name", "姓")
NO_ALLERGY = {
    *("", "无", "無", "没有", "暂无", "否", "无过敏", "无过敏史", "没有过敏", "没有过敏史", "不过敏", "未发现", "未见"),
    *("none", "no", "nil", "n/a", "na", "nka", "nkda", "no known allergies", "-", "--", "/", "0", "×"),
}
_NOT_ALLERGIC = re.compile(r"(暂?无|没有?|暂?未(发现|见)|否认)[^有但除]*(过敏|过敏史|过敏反应)(史|情况)?$")
"""A whole part that says of something that there is no allergy to it, such as «无药物过敏»."""
_LABEL = re.compile(r"^(药物|食物)?过敏(史|原|源)?\s*[:：]\s*")
SOME_ALLERGY = {"有", "是", "有过敏", "有过敏史", "yes", "y", "√"}
NOT_KNOWN = {"不详", "未知", "不清楚", "unknown"}
_REFUSES = {"no", "n", "false", "0", "否", "不", "不接受", "拒绝", "×"}
NOBODY_THEMSELVES = _l("Nobody refers themselves.")
OLD_CONSENT = "imported"
"""The version of the text to which a consent that another program kept belongs."""


def is_customers(table: Table) -> bool:
    """Whether a sheet tells of customers: it has names and a way to know them."""
    fields = Customer.fields()
    has_name = table.column(*headings_of(fields["name"])) is not None
    has_name = has_name or table.column(*FIRST_NAME) is not None
    return has_name and table.column(*headings_of(fields["phone"])) is not None


class _Importer:
    """Reads what a sheet of customers has beside the fields of a customer."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.table = reader, reader.table
        registered = headings_of(Customer.fields()["registered_on"])
        self.columns = {
            name: self.table.column(*headings)
            for name, headings in {
                "birthday": BIRTHDAY,
                "lunar": LUNAR_BIRTHDAY,
                "calendar": CALENDAR,
                "allergy": ALLERGY,
                "registered": registered,
                "first": FIRST_NAME,
                "last": LAST_NAME,
            }.items()
        }
        self.marketing = [column for name in MARKETING if (column := self.table.column(name)) is not None]
        self.today = business_day(now())
        if self.columns["first"] is not None:
            reader.columns.pop("name", None)

    def used(self) -> set[int]:
        return {column for column in [*self.columns.values(), *self.marketing] if column is not None}

    def __call__(self, row: Row, values: dict[str, Any], more: dict[str, Any], faults: Faults) -> None:
        self._name(row, values, faults)
        self._birthday(row, values, faults)
        self._allergies(row, more, faults)
        self._registered(row, more, faults)
        if any(plain(cell_of(row, column)).lower() in _REFUSES for column in self.marketing):
            more["refuses_marketing"] = True
        if "phone" not in values and "member_no" not in values:
            self._nobody_without_phone(faults)

    def _name(self, row: Row, values: dict[str, Any], faults: Faults) -> None:
        first = self.columns["first"]
        if first is None:
            return
        try:
            given, family = text_of(row, first), text_of(row, self.columns["last"])
        except Unreadable as error:
            faults.fatal.append((self.table.headings[first], str(error)))
            return
        chinese = is_han(given) and is_han(family)
        values["name"] = family + given if chinese else f"{given} {family}".strip()
        if not values["name"]:
            faults.fatal.append((self.table.headings[first], _("This must not be empty.")))

    def _birthday(self, row: Row, values: dict[str, Any], faults: Faults) -> None:
        for name in ("lunar", "birthday"):
            column = self.columns[name]
            cell = cell_of(row, column)
            if column is None or not plain(cell):
                continue
            lunar = name == "lunar" or values.get("birth_calendar") == "lunar"
            try:
                values |= read_birthday(cell, self.today, lunar).values()
            except Unreadable as error:
                faults.lost.append((self.table.headings[column], str(error)))
            return

    def _allergies(self, row: Row, more: dict[str, Any], faults: Faults) -> None:
        """Substances; an empty one says that there is an allergy, and not to what."""
        try:
            written = text_of(row, self.columns["allergy"])
        except Unreadable as error:
            faults.lost.append((heading_of(self.table, ALLERGY), str(error)))
            return
        if written.lower() in NO_ALLERGY | NOT_KNOWN:
            return
        words = [_LABEL.sub("", word.strip()) for word in re.split(r"[,，、;；/\n]", written)]
        words = [word for word in words if word.lower() not in NO_ALLERGY | NOT_KNOWN and not _NOT_ALLERGIC.match(word)]
        more["allergies"] = list(dict.fromkeys("" if word.lower() in SOME_ALLERGY else word for word in words))

    def _registered(self, row: Row, more: dict[str, Any], faults: Faults) -> None:
        column = self.columns["registered"]
        cell = cell_of(row, column)
        if column is None or not plain(cell):
            return
        day = day_of(cell) or day_of(plain(cell)[:10])
        if day is None or day > self.today:
            faults.lost.append(
                (self.table.headings[column], _("There is no such day: %(written)s.", written=plain(cell)))
            )
        else:
            more["registered_on"] = day.isoformat()

    def _nobody_without_phone(self, faults: Faults) -> None:
        """Without a number and with a telephone that cannot be, nobody could tell later who she is."""
        column = heading(Customer, self.table, "phone")
        lost = [fault for fault in faults.lost if fault[0] == column]
        faults.lost = [fault for fault in faults.lost if fault not in lost]
        faults.fatal += lost


def _fill(op: Operation, row: Customer, more: dict[str, Any]) -> None:
    for substance in more.get("allergies", []):
        op.session.add(Contraindication(customer_id=row.id, kind=DangerKind.ALLERGY, substance=substance or None))
    if more.get("refuses_marketing"):
        consent = {"purpose": Purpose.MARKETING, "given": False, "text_version": OLD_CONSENT}
        op.session.add(ConsentEvent(customer_id=row.id, at=op.at, channel=Channel.VISIT, **consent))


FILLS["customer"] = _fill


def import_customers(table: Table, store_id: int, actor: Actor, dry_run: bool, coming: Coming) -> SheetReport:
    """Take the customers of a sheet.

    Known by her member number, or by phone and name, a customer gets what the sheet says otherwise or more of her; a
    cell left empty takes nothing away. The same phone under another name is somebody else (mother and daughter).
    A dry run adds to ``coming`` whom it would have made.
    """
    access = access_for(actor)
    reader = Reader(Customer, table, access, store_id)
    importer = _Importer(reader)
    reading = reader.read(importer)
    report = report_of("customer", table, reading)
    report.unused = unused(table, set(reader.columns.values()) | importer.used())
    make_named(reader, reading.prepared, report, actor, dry_run)
    people = People(reading.prepared, report, access)
    shared = _shared_phones(people.fresh)
    if shared:
        report.also["shared_phone"] = shared
    corrections = Corrections(Customer, report, access)
    _correct(people, corrections, report)
    ids = take(Customer, [*people.fresh, *corrections.rows], report, actor, dry_run=dry_run)
    _refer(people, reader, report, actor, ids, dry_run)
    if dry_run:
        made = [row.values for row in people.fresh if row.row.number in ids and "member_no" in row.values]
        coming.customers |= {values["member_no"]: values["name"] for values in made}
    return report


def _correct(people: People, corrections: Corrections, report: SheetReport) -> None:
    """What the sheet says of those who are there already."""
    ids = [row.id for _, row in people.known]
    allergic = _allergies_of(ids)
    refusing = refusing_marketing(db.session(), ids) if ids else set()
    for given, row in people.known:
        more = dict(given.more)
        substances = [word for word in more.pop("allergies", []) if word not in allergic[row.id]]
        if substances:
            more["allergies"] = substances
            column = heading_of(report.table, ALLERGY)
            before = "、".join(sorted(word or _("not known to what") for word in allergic[row.id]))
            after = "、".join([*([before] if before else []), *(word or _("not known to what") for word in substances)])
            report.changes.append(Change(given.row, row.name, column, before, after))
            allergic[row.id] |= set(substances)
        if row.id in refusing:
            more.pop("refuses_marketing", None)
        if more.get("registered_on") == row.registered_on.isoformat():
            more.pop("registered_on")
        elif "registered_on" in more:
            column = heading(Customer, report.table, "registered_on")
            report.changes.append(
                Change(given.row, row.name, column, row.registered_on.isoformat(), more["registered_on"])
            )
        corrections.add(given, row, row.name, more)


def heading_of(table: Table, headings: Iterable[str]) -> str:
    column = table.column(*headings)
    return "" if column is None else table.headings[column]


def _allergies_of(ids: list[int]) -> dict[int, set[str]]:
    """What each of them is known to be allergic to; an empty word for an allergy of which that is not known."""
    found: dict[int, set[str]] = defaultdict(set)
    for start in range(0, len(ids), 500):
        query = select(Contraindication).where(
            Contraindication.customer_id.in_(ids[start : start + 500]),
            Contraindication.kind == DangerKind.ALLERGY,
            Contraindication.archived_at.is_(None),
        )
        for row in db.session.scalars(query):
            found[row.customer_id].add(row.substance or "")
    return found


def _refer(
    people: People, reader: Reader, report: SheetReport, actor: Actor, ids: dict[int, int], dry_run: bool
) -> None:
    """Write who referred whom, now that everybody of the sheet is there."""
    waiting = [row for row in [*people.fresh, *(given for given, _ in people.known)] if row.later]
    if not waiting:
        return
    references = References(reader.access)
    references.load("customer", {text for row in waiting for text in row.later.values()})
    known = {given.row.number: row.id for given, row in people.known}
    corrected: list[Prepared] = []
    for row in waiting:
        for name, written in row.later.items():
            customer = ids.get(row.row.number) or known.get(row.row.number)
            coming = people.meant_by(written) if dry_run else []
            try:
                referrer = _referrer(references, coming, row, written)
            except Unreadable as error:
                report.lost.append(RowFault(row.row, heading(Customer, report.table, name), str(error)))
                continue
            if referrer is not None and referrer == customer:
                reason = str(NOBODY_THEMSELVES)
                report.lost.append(RowFault(row.row, heading(Customer, report.table, name), reason))
            elif customer is not None and not dry_run:
                corrected.append(Prepared(row.row, {name: str(referrer)}, id=customer))
    corrected = _not_yet_referred(corrected)
    if corrected and not dry_run:
        quiet = SheetReport(report.table, report.kind)
        take(Customer, corrected, quiet, actor)
        report.lost += quiet.refused


def _referrer(references: References, coming: list[Prepared], row: Prepared, written: str) -> int | None:
    """Who is meant; None for somebody whom the real run would have made by then.

    :raises Unreadable: nobody is, several are, or the person of the row.
    """
    there = references.all("customer", written)
    if len(coming) + len(there) > 1:
        raise Unreadable(several_meant(written, len(coming) + len(there)))
    if coming and coming[0] is row:
        raise Unreadable(NOBODY_THEMSELVES)
    return None if coming else references.find("customer", written)


def _not_yet_referred(corrected: list[Prepared]) -> list[Prepared]:
    ids = [row.id for row in corrected]
    there = dict(db.session.execute(select(Customer.id, Customer.referrer_id).where(Customer.id.in_(ids))).all())
    return [row for row in corrected if row.id is not None and str(there.get(row.id)) != row.values["referrer_id"]]


def _shared_phones(fresh: list[Prepared]) -> int:
    """How many new customers share their phone with another: candidates for one household, or for merging."""
    owners: dict[str, int] = defaultdict(int)
    for row in fresh:
        if phone := row.values.get("phone"):
            owners[phone] += 1
    return sum(count for count in owners.values() if count > 1)
