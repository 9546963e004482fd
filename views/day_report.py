"""The day report: what a day or a month came to, beside the one before; each figure opens its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from flask import Flask, render_template, request
from flask_babel import gettext as _
from sqlalchemy import exists, select

from admin_app.operations.kernel import business_day, now
from admin_app.operations.refusals import Forbidden
from admin_app.values import money
from models.cards import CardChange, GiftIssue
from models.customers import Customer
from models.entity import Entity, db
from models.organisation import Store
from models.sales import MONEY_IN, Payment, Sale, SaleLine, Visit
from models.till import DayClose, Reversal, Voucher
from models.value import LedgerEntry
from rules.documents.roles import Action, Sees
from views.figures import Figure, Filters, values
from views.person import access, actor, refuse
from views.spans import Span, chosen_store, read_span

OPEN_DAYS = 10
LESS, MORE = {"amount.to": "-0.01"}, {"amount.from": "0.01"}


def register(app: Flask) -> None:
    app.add_url_rule("/day-report", "day_report", day_report)


@dataclass(frozen=True)
class Row:
    """One line of the report before it is read: figures that are added up, or divided by others."""

    label: str
    figures: tuple[Figure, ...]
    over: tuple[Figure, ...] = ()
    note: str = ""
    part: bool = False  # of the row above it


@dataclass(frozen=True)
class Said:
    """The same with what it comes to, now and before, in words."""

    label: str
    now: str
    before: str
    address: str
    note: str
    part: bool
    less: bool


@dataclass(frozen=True)
class Sheet:
    """Some lines under a heading."""

    title: str
    icon: str
    rows: list[Row]
    note: str = ""


@dataclass(frozen=True)
class Frame:
    """What is looked at: the days, and the stores where not all."""

    span: Span
    stores: tuple[int, ...] = ()

    def of(self, entity: type[Entity], filters: Filters | None = None, of: str | None = None, **how: bool) -> Figure:
        """A figure of these days and stores, by the entity's own day and store or those of its sale."""
        day, store = _PLACES.get(entity, ("business_day", "store_id"))
        return Figure(entity, {**self.span.filters(day), **self._stores(store)}, filters or {}, of, **how)

    def until(self, kind: str, **how: bool) -> Figure:
        """What stands on accounts of a kind at the end of these days."""
        among = {"business_day.to": self.span.last, **self._stores("store_id")}
        return Figure(LedgerEntry, among, {"account_id.kind": kind}, "amount", **how)

    def _stores(self, name: str) -> dict[str, str]:
        return {name: ",".join(map(str, self.stores))} if self.stores else {}


_PLACES: dict[type[Entity], tuple[str, str]] = {
    SaleLine: ("sale_id.business_day", "sale_id.store_id"),
    Customer: ("first_visit_on", "store_id"),
}


def day_report() -> Any:
    """A day, or a month."""
    if not access().opens("day_report"):
        raise refuse(Forbidden, "day_report")
    today = business_day(now())
    span = read_span(request.args, today)
    stores, chosen = chosen_store("day_report")
    frame = Frame(span, _looked_at(chosen))
    tiles, sheets = report(frame)
    kept = {} if chosen is None else {"store": chosen}
    return render_template(
        "day_report.html",
        span=span,
        before=span.before(),
        today=today,
        stores=stores,
        chosen=chosen,
        kept=kept,
        tiles=tiles,
        sheets=sheets,
        closes=closes(frame),
        waiting=left_open(frame, today) if span.month else [],
    )


def _looked_at(chosen: int | None) -> tuple[int, ...]:
    """The store chosen, else all of hers; none stands for every store."""
    if chosen is not None:
        return (chosen,)
    role = access().role
    return () if role is not None and role.sees is Sees.ALL else tuple(sorted(actor().stores))


# -------------------------------------------------------------------------------------------- what is asked


def report(frame: Frame) -> tuple[list[Said], list[tuple[Sheet, list[Said]]]]:
    """The headline and the sheets, as far as she may see the rows behind them."""
    asked, before = _asked(frame), _asked(replace(frame, span=frame.span.before()))
    pairs = [
        [pair for pair in zip(*both, strict=True) if _visible(pair[0])] for both in zip(asked, before, strict=True)
    ]
    current = _read([row for group in pairs for row, _earlier in group])
    earlier = _read([row for group in pairs for _now, row in group])
    told = [[_said(row, current, earlier, other) for row, other in group] for group in pairs]
    return told[0], [(sheet, rows) for sheet, rows in zip(_sheets(frame), told[1:], strict=True) if rows]


def _asked(frame: Frame) -> list[list[Row]]:
    """The rows of the headline, and those of each sheet."""
    return [_headline(frame), *(sheet.rows for sheet in _sheets(frame))]


def _visible(row: Row) -> bool:
    return all(one.visible(access()) for one in (*row.figures, *row.over))


Known = dict[str, int]
"""What figures come to, by their addresses and what is added up."""


def _read(rows: Sequence[Row]) -> Known:
    wanted = {_key(one): one for row in rows for one in (*row.figures, *row.over)}
    return dict(zip(wanted, values(list(wanted.values()), access()), strict=True))


def _key(one: Figure) -> str:
    return f"{one.address} {one.of} {one.turned}"


def _said(row: Row, current: Known, earlier: Known, other: Row) -> Said:
    amount, past = _amount(row, current), _amount(other, earlier)
    is_money = row.figures[0].of is not None
    address = row.figures[0].address if len(row.figures) == 1 and not row.over else ""
    said, before = ("–" if one is None else money(one) if is_money else f"{one:,}" for one in (amount, past))
    return Said(row.label, said, before, address, row.note, row.part, (amount or 0) < 0)


def _amount(row: Row, known: Known) -> int | None:
    """What a row comes to; None where it would be divided by nothing."""
    upper = sum(known[_key(one)] for one in row.figures)
    if not row.over:
        return upper
    lower = sum(known[_key(one)] for one in row.over)
    return (2 * upper + lower) // (2 * lower) if lower else None


def _paid(frame: Frame) -> Figure:
    return frame.of(Payment, {"method": ",".join(one.value for one in MONEY_IN)}, "amount")


def _given(frame: Frame, filters: Filters | None = None) -> Figure:
    return frame.of(SaleLine, {"kind": "service", **(filters or {})}, "amount")


def _taken_back(frame: Frame) -> Figure:
    return frame.of(Reversal, {"sale_line_id.kind": "service"}, "amount", turned=True)


def _used(frame: Frame) -> tuple[Figure, Figure]:
    return _given(frame), _taken_back(frame)


def _headline(frame: Frame) -> list[Row]:
    visits = frame.of(Visit, {"state": "stands"})
    return [
        Row(_("Paid"), (_paid(frame),)),
        Row(_("Used"), _used(frame)),
        Row(_("Visitors"), (visits,)),
        Row(_("New customers"), (frame.of(Customer),)),
        Row(_("Average ticket"), (_paid(frame),), (visits,), _("paid ÷ visitors")),
        Row(_("Cards opened"), (frame.of(SaleLine, {"kind": "card"}),)),
        Row(_("Recharged"), (frame.of(SaleLine, {"kind": "recharge"}, "amount"),)),
        Row(_("New on account"), (frame.of(Payment, {"method": "on_account", **MORE}, "amount"),)),
    ]


def _sheets(frame: Frame) -> list[Sheet]:
    closed = [Sheet(_("Closed?"), "check", list(_closed(frame)))] if frame.span.month else []
    return [
        *closed,
        Sheet(_("Paid"), "coin", list(_money(frame)), _("Money that came in, less what went back.")),
        Sheet(_("Used"), "leaf", list(_use(frame)), _("Services given, however they were paid.")),
        Sheet(_("Visitors"), "people", list(_people(frame))),
        Sheet(_("Cards and recharges"), "card", list(_prepaid(frame))),
        Sheet(_("Owed by customers"), "clock", list(_owed(frame))),
        Sheet(_("Given back"), "warning", list(_back(frame))),
        Sheet(_("Vouchers, gifts, discounts"), "gift", list(_less(frame))),
        Sheet(
            _("Owed to customers"),
            "book",
            list(_liability(frame)),
            _("At the end of %(day)s: paid for, and not yet given.", day=frame.span.last.isoformat()),
        ),
    ]


def _money(frame: Frame) -> Iterator[Row]:
    yield Row(_("Paid"), (_paid(frame),))
    for one in MONEY_IN:
        yield Row(str(one.label), (frame.of(Payment, {"method": one.value}, "amount"),), part=True)
    stored = {"method": "stored_value"}
    yield Row(_("Paid from stored value"), (frame.of(Payment, stored, "amount"),), note=_("no money in"))


def _use(frame: Frame) -> Iterator[Row]:
    yield Row(_("Services given"), (_given(frame),))
    yield Row(_("by card session"), (_given(frame, {"card_item_id.empty": "no"}),), part=True)
    yield Row(_("sold at the till"), (_given(frame, {"card_item_id.empty": "yes"}),), part=True)
    yield Row(_("Services taken back"), (_taken_back(frame),))
    yield Row(_("Used"), _used(frame), note=_("given − taken back"))


def _people(frame: Frame) -> Iterator[Row]:
    visits = frame.of(Visit, {"state": "stands"})
    yield Row(_("Visitors"), (visits,), note=_("visits, one a customer a day"))
    yield Row(_("New customers"), (frame.of(Customer),), note=_("by home store"))
    yield Row(_("Receipts"), (frame.of(Sale),))
    yield Row(_("Average ticket"), (_paid(frame),), (visits,), _("paid ÷ visitors"))
    yield Row(_("Average used"), _used(frame), (visits,), _("used ÷ visitors"))


def _prepaid(frame: Frame) -> Iterator[Row]:
    yield Row(_("Cards opened"), (frame.of(SaleLine, {"kind": "card"}),))
    yield Row(_("sold for"), (frame.of(SaleLine, {"kind": "card"}, "amount"),), part=True)
    yield Row(_("Recharged"), (frame.of(SaleLine, {"kind": "recharge"}, "amount"),))
    bonus = frame.of(LedgerEntry, {"account_id.kind": "bonus_granted"}, "amount", turned=True)
    yield Row(_("Bonus granted"), (bonus,), note=_("less what was taken back"))
    yield Row(_("Deposits taken"), (frame.of(SaleLine, {"kind": "deposit"}, "amount"),))


def _owed(frame: Frame) -> Iterator[Row]:
    on_account = {"method": "on_account"}
    yield Row(_("New on account"), (frame.of(Payment, {**on_account, **MORE}, "amount"),))
    settled = frame.of(Payment, {**on_account, **LESS}, "amount", turned=True)
    yield Row(_("Settled"), (settled,), note=_("paid, or taken back"))
    yield Row(_("Open in all"), (frame.until("receivable", turned=True),), note=_("at the end"))


def _back(frame: Frame) -> Iterator[Row]:
    refunded = {"kind": "refunded"}
    yield Row(_("Lines taken back"), (frame.of(Reversal),))
    yield Row(_("worth"), (frame.of(Reversal, {}, "amount"),), part=True)
    yield Row(_("Cards refunded"), (frame.of(CardChange, refunded),))
    yield Row(_("paid back"), (frame.of(CardChange, refunded, "amount"),), part=True)
    methods = {"method": ",".join(one.value for one in MONEY_IN)}
    yield Row(_("Money given back"), (frame.of(Payment, {**methods, **LESS}, "amount"),), note=_("in all"))


def _less(frame: Frame) -> Iterator[Row]:
    yield Row(_("Vouchers taken"), (frame.of(Voucher),))
    yield Row(_("stood for"), (frame.of(Voucher, {}, "amount"),), part=True)
    yield Row(_("platforms pay"), (frame.of(Voucher, {}, "settle_price"),), part=True)
    yield Row(_("Gifts given"), (frame.of(GiftIssue),))
    yield Row(_("worth"), (frame.of(GiftIssue, {}, "value"),), part=True)
    yield Row(_("Discounts given"), (frame.of(SaleLine, {"discount.from": "0.01"}, "discount"),))


def _liability(frame: Frame) -> Iterator[Row]:
    yield Row(_("Stored value, paid in"), (frame.until("principal"),))
    yield Row(_("Stored value, bonus"), (frame.until("bonus"),))
    yield Row(_("Cards, sessions not given"), (frame.until("card"),))
    yield Row(_("Deposits"), (frame.until("deposit"),))
    yield Row(_("In all"), (frame.until("principal,bonus,card,deposit"),))


# ------------------------------------------------------------------------------------------ is it closed


def _closed(frame: Frame) -> Iterator[Row]:
    yield Row(_("Days closed"), (frame.of(DayClose),))
    yield Row(_("cash over"), (frame.of(DayClose, {"difference.from": "0.01"}, "difference"),), part=True)
    yield Row(_("cash short"), (frame.of(DayClose, {"difference.to": "-0.01"}, "difference"),), part=True)


def closes(frame: Frame) -> list[tuple[Store, DayClose | None]]:
    """Each store with its close of the day; a month has a sheet instead."""
    if frame.span.month or not access().may(Action.VIEW, DayClose):
        return []
    query = (
        select(Store, DayClose)
        .outerjoin(DayClose, (DayClose.store_id == Store.id) & (DayClose.business_day == frame.span.first))
        .where(access().rows(Store), Store.archived_at.is_(None))
        .order_by(Store.id)
    )
    if frame.stores:
        query = query.where(Store.id.in_(frame.stores))
    return [(store, close) for store, close in db.session.execute(query)]


def left_open(frame: Frame, today: date) -> list[tuple[Store, date]]:
    """The first days before today on which something was sold in a store and which were never closed."""
    if not access().may(Action.VIEW, DayClose):
        return []
    closed = exists().where(DayClose.store_id == Sale.store_id, DayClose.business_day == Sale.business_day)
    days = (Sale.business_day >= frame.span.first, Sale.business_day <= frame.span.last, Sale.business_day < today)
    query = (
        select(Store, Sale.business_day)
        .join(Store, Store.id == Sale.store_id)
        .where(access().rows(Sale), ~Sale.imported, ~closed, *days)
        .distinct()
        .order_by(Sale.business_day, Store.id)
        .limit(OPEN_DAYS)
    )
    if frame.stores:
        query = query.where(Sale.store_id.in_(frame.stores))
    return [(store, day) for store, day in db.session.execute(query)]
