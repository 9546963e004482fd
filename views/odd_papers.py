"""Odd papers: what an auditor looks at first, by kind and by person, each with its rows and its entry in the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Flask, abort, render_template, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, ColumnElement, Select, String, and_, cast, func, or_, select, true

from admin_app.operations.kernel import begin_of_day, business_day, now
from admin_app.operations.reading import LogInput
from admin_app.operations.refusals import Forbidden
from admin_app.rulebook import rulebook
from models.cards import CardChange, CardChangeKind, GiftIssue
from models.entity import Entity, db, table_of
from models.field import Field
from models.log import EntryKind, Operation, RowChange
from models.names import Name
from models.organisation import Store
from models.sales import MONEY_IN, Payment, Sale, SaleLine
from models.till import Approval, DayClose, Reversal
from rules.decisions.access import Sight
from rules.documents.roles import Action
from views.addresses import day_in, number_in
from views.cells import Cells, list_fields
from views.history import label_of
from views.navigation import list_address
from views.operation_log import subjects_of
from views.person import access, do, refuse

DAYS = 30
PAGE = 200


@dataclass(frozen=True)
class Asked:
    """The days, and the person where not everybody."""

    first: date
    last: date
    who: str = ""

    @property
    def args(self) -> dict[str, str]:
        found = {"from": self.first.isoformat(), "to": self.last.isoformat()}
        return found | ({"who": self.who} if self.who else {})


@dataclass(frozen=True)
class Paper:
    """One kind of odd paper: rows of an entity, or entries of the log where there is none.

    ``of`` is the amount that is added up; ``filters`` are those of the generated list that shows the same rows;
    ``columns`` are shown instead of that list's.
    """

    key: str
    label: LazyString
    icon: str
    entity: type[Entity] | None = None
    of: str | None = None
    names: tuple[Name, ...] = ()
    filters: Mapping[str, str] | None = None
    columns: tuple[str, ...] = ()


PAPERS = (
    Paper("gifts", _l("Gifts"), "gift", GiftIssue, "value", filters={}),
    Paper(
        "prices",
        _l("Prices changed by hand"),
        "edit",
        SaleLine,
        "discount",
        columns=("sale_id", "item", "quantity", "unit_price", "discount", "discount_reason", "amount"),
    ),
    Paper("approvals", _l("Approvals on the spot"), "check", Approval, filters={}),
    Paper("reversals", _l("Sales taken back"), "undo", Reversal, "amount", filters={}),
    Paper("refunds", _l("Cards refunded"), "card", CardChange, "amount", filters={"kind": "refunded"}),
    Paper(
        "paid_back",
        _l("Money given back"),
        "coin",
        Payment,
        "amount",
        filters={"method": ",".join(one.value for one in MONEY_IN), "amount.to": "-0.01"},
    ),
    Paper("closes", _l("Days closed with a difference"), "store", DayClose, "difference"),
    Paper(
        "overrides",
        _l("Done although contraindicated"),
        "warning",
        names=(
            Name.SELL,
            Name.REDEEM_SESSION,
            Name.GIVE_GIFT,
            Name.BOOK,
            Name.MOVE_BOOKING,
            Name.RECORD_TREATMENT,
        ),
    ),
    Paper("balances", _l("Balances brought over"), "upload", names=(Name.OPEN_BALANCES, Name.UNDO_BALANCES)),
    Paper("reveals", _l("Hidden values revealed"), "eye", names=(Name.REVEAL_FIELD,)),
    Paper("exports", _l("Exports"), "export", names=(Name.EXPORT_ROWS, Name.EXPORT_LOG)),
)


def register(app: Flask) -> None:
    app.add_url_rule("/odd-papers", "odd_papers", odd_papers)
    app.add_url_rule("/odd-papers/<kind>", "odd_papers.kind", one_kind)


def odd_papers() -> Any:
    """How many of each kind, what they come to, and by whom."""
    _opened()
    asked = read_asked(request.args)
    shown = [paper for paper in PAPERS if _visible(paper)]
    _note(asked, "odd_papers", shown)
    return render_template(
        "odd_papers.html",
        asked=asked,
        papers=[(paper, people(paper, asked)) for paper in shown],
        gaps=gaps(asked),
        numbered=numbered(asked),
    )


def one_kind(kind: str) -> Any:
    """The papers of one kind, the newest first."""
    _opened()
    paper = next((one for one in PAPERS if one.key == kind and _visible(one)), None)
    if paper is None:
        abort(404)
    asked, before = read_asked(request.args), number_in(request.args, "before")
    _note(asked, paper.key, [paper])
    rows = list(db.session.execute(_newest(paper, asked, before)))
    shown = rows[:PAGE]
    of_rows = [] if paper.entity is None else [row[0] for row in shown]
    fields = _columns(paper)
    entries = [row[-1] for row in shown]
    return render_template(
        "odd_papers_kind.html",
        paper=paper,
        asked=asked,
        people=people(paper, asked),
        rows=list(zip(of_rows or entries, entries, strict=True)),
        fields=fields,
        cells=Cells(of_rows, fields, access()),
        subjects=subjects_of([one for one in entries if one is not None]),
        label_of=label_of,
        list=_list_of(paper, asked),
        older=shown[-1][0].id if len(rows) > PAGE else None,
    )


def read_asked(args: Mapping[str, str]) -> Asked:
    """The days asked for, else the last thirty.

    :raises BadAddress: there is no such day.
    """
    today = business_day(now())
    first, last = day_in(args, "from"), day_in(args, "to") or today
    first = first or last - timedelta(DAYS - 1)
    return Asked(first, last, args.get("who", "").strip()[:60])


def _opened() -> None:
    if not access().opens("odd_papers"):
        raise refuse(Forbidden, "odd_papers")


def _visible(paper: Paper) -> bool:
    return access().opens("log") if paper.entity is None else access().may(Action.VIEW, paper.entity)


def _columns(paper: Paper) -> list[Field]:
    """Its own columns, else those of the entity's list; as far as she may see them."""
    if paper.entity is None:
        return []
    if not paper.columns:
        return list_fields(paper.entity, access())
    fields = (paper.entity.fields()[name] for name in paper.columns)
    return [one for one in fields if access().sight(one) is not Sight.HIDDEN]


def _note(asked: Asked, page: str, papers: Sequence[Paper]) -> None:
    """Whoever reads entries of the log here reads the log."""
    if any(paper.entity is None for paper in papers):
        do(Name.READ_LOG, LogInput(filter={"page": page, **asked.args}))


def _list_of(paper: Paper, asked: Asked) -> str:
    """The generated list of the same rows, where there is one and nobody is singled out."""
    if paper.entity is None or paper.filters is None or asked.who:
        return ""
    days = {"business_day.from": asked.first.isoformat(), "business_day.to": asked.last.isoformat()}
    return list_address(paper.entity.named(), {**days, **paper.filters})


# ---------------------------------------------------------------------------------------------- statements


@dataclass(frozen=True)
class Sum:
    """What one person's papers of a kind come to; ``amount`` in fen, None where there is nothing to add up."""

    who: str
    count: int
    amount: int | None


def people(paper: Paper, asked: Asked) -> list[Sum]:
    """How many papers of a kind each person made, most first. Nobody stands for what came with a bulk load."""
    amount = func.sum(paper.entity.fields()[paper.of].column) if paper.entity and paper.of else func.count()
    who = func.coalesce(Operation.actor_name, "")
    query = _papers(paper, asked, (who.label("who"), func.count().label("count"), cast(amount, BigInteger)))
    query = query.group_by(who).order_by(func.count().desc(), who)
    return [Sum(name, count, int(total or 0) if paper.of else None) for name, count, total in db.session.execute(query)]


def counts_of(asked: Asked) -> list[tuple[Paper, int]]:
    """How many papers there are of each kind that is rows of an entity: counting them reads nothing of the log."""
    shown = [paper for paper in PAPERS if paper.entity is not None and _visible(paper)]
    return [(paper, sum(one.count for one in people(paper, asked))) for paper in shown]


def _newest(paper: Paper, asked: Asked, before: int | None) -> Select[Any]:
    row: Any = paper.entity or Operation
    what = (row, Operation) if paper.entity else (Operation,)
    query = _papers(paper, asked, what).order_by(row.id.desc()).limit(PAGE + 1)
    return query if before is None else query.where(row.id < before)


def _papers(paper: Paper, asked: Asked, what: Sequence[Any]) -> Select[Any]:
    """The papers of a kind; those that are rows with the entry in the log that made them."""
    who = [Operation.actor_name == asked.who] if asked.who else []
    if paper.entity is None:
        return select(*what).select_from(Operation).where(*_entries(paper, asked), *who)
    entity = paper.entity
    made = and_(RowChange.entity == entity.named(), RowChange.row_id == entity.id, RowChange.kind == "insert")
    query = (
        select(*what)
        .select_from(entity)
        .outerjoin(RowChange, made)
        .outerjoin(Operation, Operation.id == RowChange.operation_id)
    )
    return query.where(access().rows(entity), *_days(entity, asked), _odd(paper), *who)


def _days(entity: type[Entity], asked: Asked) -> list[ColumnElement[bool]]:
    if entity is SaleLine:
        days = (Sale.business_day >= asked.first, Sale.business_day <= asked.last)
        return [SaleLine.sale_id.in_(select(Sale.id).where(*days))]
    column = table_of(entity).c.business_day
    return [column >= asked.first, column <= asked.last]


def _odd(paper: Paper) -> ColumnElement[bool]:
    """What is odd among an entity's rows."""
    match paper.key:
        case "prices":
            tiers = [tier.name for tier in rulebook().tiers.tiers]
            allowed = SaleLine.sale_id.in_(select(Sale.id).where(Sale.approval_id.is_not(None)))
            return and_(SaleLine.discount > 0, or_(SaleLine.discount_reason.not_in(tiers), allowed))
        case "refunds":
            return CardChange.kind == CardChangeKind.REFUNDED
        case "paid_back":
            return and_(Payment.amount < 0, Payment.method.in_(MONEY_IN))
        case "closes":
            return DayClose.difference != 0
    return true()


def _entries(paper: Paper, asked: Asked) -> list[ColumnElement[bool]]:
    """The entries of the log that are papers of a kind."""
    begin, end = begin_of_day(asked.first), begin_of_day(asked.last + timedelta(1))
    found = [Operation.name.in_([name.value for name in paper.names]), Operation.at >= begin, Operation.at < end]
    found.append(Operation.kind != EntryKind.REFUSAL)
    if paper.key == "overrides":
        found.append(cast(Operation.detail, String).contains('"overrides"', autoescape=True))
    return found


# ------------------------------------------------------------------------------------- numbers of receipts


@dataclass(frozen=True)
class Gap:
    """A store's day whose receipts are not numbered from one without a gap."""

    store: Store
    day: date
    receipts: int
    highest: int


def _by_day(asked: Asked) -> Any:
    days = (Sale.business_day >= asked.first, Sale.business_day <= asked.last)
    return (
        select(Sale.store_id, Sale.business_day, func.count().label("receipts"), func.max(Sale.number).label("highest"))
        .where(access().rows(Sale), *days)
        .group_by(Sale.store_id, Sale.business_day)
    )


def gaps(asked: Asked) -> list[Gap]:
    """The first days on which a number is missing; there should be none."""
    days = _by_day(asked).subquery("days")
    query = (
        select(Store, days.c.business_day, days.c.receipts, days.c.highest)
        .join(days, days.c.store_id == Store.id)
        .where(days.c.receipts != days.c.highest)
        .order_by(days.c.business_day, Store.id)
        .limit(PAGE)
    )
    return [Gap(*row) for row in db.session.execute(query)]


def numbered(asked: Asked) -> int:
    """How many receipts were looked at."""
    query = select(func.coalesce(func.sum(_by_day(asked).subquery("days").c.receipts), 0))
    return int(db.session.scalar(query) or 0)
