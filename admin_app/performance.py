"""What the staff brought in and gave: money in, value used and manual fees, line by line, each with why.

A line counts on the day of its receipt. What was taken back counts against on the day it was taken back, and a card's
refund takes the seller's part of it back on the day of the refund.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from admin_app.rulebook import rulebook
from admin_app.values import money
from models.cards import CardChange, CardChangeKind
from models.catalogue import Service
from models.field import Choice
from models.organisation import Staff
from models.sales import Sale, SaleLine, ShareRole, StaffShare
from models.till import Reversal
from rules.decisions.fees import Earned, Work, earned
from rules.evaluation.staff_sources import counted


class Happened(Choice):
    """Whether a line brings something, or takes it back."""

    DONE = "done", _l("Done")
    TAKEN_BACK = "taken_back", _l("Taken back")
    REFUNDED = "refunded", _l("Card refunded")


@dataclass(frozen=True)
class Line:
    """One share of one sale line on one day; amounts in fen, below zero for what was taken back."""

    day: date
    happened: Happened
    store_id: int
    staff_id: int
    sale_id: int
    sale_line_id: int
    customer_id: int | None
    item: str
    work: Work
    money_in: int
    used: int
    fee: int
    because: tuple[tuple[str, int], ...]


def performance(session: Session, condition: ColumnElement[bool], first: date, last: date) -> list[Line]:
    """What the shares that fulfil a condition came to from one day to another, in the order of the days.

    ``condition`` is on StaffShare, SaleLine or Sale. One statement, however many lines there are.
    """
    document = rulebook(session).commissions
    parts = union_all(
        _shares(Happened.DONE, Sale.business_day, counted(), condition, first, last),
        _shares(Happened.TAKEN_BACK, Reversal.business_day, counted(), condition, first, last).join(
            Reversal, Reversal.sale_line_id == SaleLine.id
        ),
        _shares(Happened.REFUNDED, CardChange.business_day, CardChange.amount, condition, first, last)
        .join(CardChange, CardChange.card_id == SaleLine.card_id)
        .where(CardChange.kind == CardChangeKind.REFUNDED, StaffShare.share_role == ShareRole.SELLER),
    ).subquery("parts")
    order = (parts.c.day, parts.c.sale_id, parts.c.sale_line_id, parts.c.happened, parts.c.share_id)
    found = session.execute(select(parts).order_by(*order)).mappings()
    return [_line(row, earned(document, _work(row))) for row in found]


def _shares(
    happened: Happened,
    day: SQLColumnExpression[Any],
    amount: SQLColumnExpression[Any],
    condition: ColumnElement[bool],
    first: date,
    last: date,
) -> Select[Any]:
    return (
        select(
            literal(happened.value).label("happened"),
            day.label("day"),
            amount.label("amount"),
            StaffShare.id.label("share_id"),
            StaffShare.staff_id,
            StaffShare.share_role,
            StaffShare.part,
            StaffShare.manner,
            StaffShare.permille,
            SaleLine.id.label("sale_line_id"),
            SaleLine.sale_id,
            SaleLine.item,
            SaleLine.kind,
            SaleLine.quantity,
            Sale.store_id,
            Sale.customer_id,
            Service.name.label("service"),
            Service.manual_fee,
            Staff.level,
        )
        .select_from(StaffShare)
        .join(SaleLine, SaleLine.id == StaffShare.sale_line_id)
        .join(Sale, Sale.id == SaleLine.sale_id)
        .join(Staff, Staff.id == StaffShare.staff_id)
        .outerjoin(Service, Service.id == SaleLine.service_id)
        .where(condition, day >= first, day <= last)
    )


def _work(row: Any) -> Work:
    return Work(
        kind=row["kind"],
        role=row["share_role"],
        part=row["part"],
        manner=row["manner"],
        permille=row["permille"],
        amount=row["amount"] or 0,
        quantity=row["quantity"],
        service=row["service"] or "",
        service_fee=row["manual_fee"] or 0,
        level=row["level"],
    )


def _line(row: Any, came_to: Earned) -> Line:
    happened = Happened(row["happened"])
    sign = 1 if happened is Happened.DONE else -1
    return Line(
        day=row["day"],
        happened=happened,
        store_id=row["store_id"],
        staff_id=row["staff_id"],
        sale_id=row["sale_id"],
        sale_line_id=row["sale_line_id"],
        customer_id=row["customer_id"],
        item=row["item"],
        work=_work(row),
        money_in=sign * came_to.money_in,
        used=sign * came_to.used,
        fee=sign * came_to.fee,
        because=came_to.because,
    )


# --------------------------------------------------------------------------------------------- together


@dataclass(frozen=True)
class Total:
    """What lines come to together; amounts in fen."""

    lines: int = 0
    money_in: int = 0
    used: int = 0
    fee: int = 0

    def plus(self, line: Line) -> Total:
        return replace(
            self,
            lines=self.lines + 1,
            money_in=self.money_in + line.money_in,
            used=self.used + line.used,
            fee=self.fee + line.fee,
        )


def total(lines: list[Line]) -> Total:
    """What lines come to together."""
    found = Total()
    for line in lines:
        found = found.plus(line)
    return found


def by_staff(lines: list[Line]) -> dict[int, Total]:
    """What lines come to for each of the staff, by their numbers."""
    found: dict[int, Total] = {}
    for line in lines:
        found[line.staff_id] = found.get(line.staff_id, Total()).plus(line)
    return found


# ------------------------------------------------------------------------------------------------ in words

_PARTS: dict[str, LazyString] = {
    "fee": _l("manual fee %(much)s"),
    "level": _l("level %(much)s"),
    "named": _l("asked for by name %(much)s"),
    "share": _l("share %(much)s"),
    "rate": _l("commission %(much)s"),
}


def reason(line: Line) -> str:
    """Why a fee is what it is: «manual fee ¥25.00 × senior 120% × asked for by name 110%»."""
    parts = [_part(line, name, much) for name, much in line.because if (name, much) != ("share", 1000)]
    said = " × ".join(parts)
    return said if line.happened is Happened.DONE else f"{line.happened.label}: {said}"


def _part(line: Line, name: str, much: int) -> str:
    if name == "amount":
        return money(much)
    if name == "rate" and much == 0:
        return str(_("no commission"))
    said = money(much) if name == "fee" else f"{much / 10:g}%"
    if name == "level" and line.work.level:
        return f"{line.work.level} {said}"
    return str(_PARTS[name]) % {"much": said}
