"""What a list shows: search, typed filters, order and page, read from a readable address.

``/customer/?stage=member,trial&first_visit_on.from=2026-01-01&sort=-registered_on&page=2``

A filter may ask what a row refers to: ``/sale_line/?sale_id.business_day.from=2026-11-22&kind=service``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import current_app
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, ColumnElement, and_, cast, false, func, or_, select
from sqlalchemy import String as SqlString

from admin_app.taken_back import GONE
from admin_app.values import Unreadable, read_kind, span_of, whole_number
from models import search
from models.customers import Customer, records_of
from models.entity import AnySelect, Entity, db, entity_named, table_of
from models.field import Field, Kind, Search
from models.standing import WAITING_URGENT, Alert
from rules.decisions.access import Access, Sight
from rules.documents.roles import Action
from views.computed import ComputedField, computed_fields

PAGE_SIZES = (20, 50, 100)
COUNT_LIMIT = 1_000
DEEPEST_ROW = 100_000
MOST_ADDED_UP = 100_000
"""Of more rows no total is shown: a page must not take for ever."""

Test = Callable[[ColumnElement[Any], Any], ColumnElement[bool]]

OPERATORS: dict[str, tuple[LazyString, Test]] = {
    "is": (_l("is"), lambda column, value: column == value),
    "from": (_l("from"), lambda column, value: column >= value),
    "to": (_l("to"), lambda column, value: column <= value),
    "has": (_l("contains"), lambda column, value: cast(column, SqlString).contains(value, autoescape=True)),
}
BY_KIND: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("has",),
    Kind.LONG_TEXT: ("has",),
    Kind.ITEMS: ("has",),
    Kind.NUMBER: ("from", "to"),
    Kind.MONEY: ("from", "to"),
    Kind.DAY: ("from", "to"),
    Kind.INSTANT: ("from", "to"),
    Kind.TIME: ("from", "to"),
    Kind.FLAG: ("is",),
    Kind.CHOICE: ("is",),
    Kind.REFERENCE: ("is",),
}
"""The filters that fit a kind; ``empty`` fits every field that may be."""


@dataclass(frozen=True)
class Applied:
    """One filter in force, as it was said."""

    param: str
    field: Field
    operator: str
    said: str
    through: tuple[Field, ...] = ()

    @property
    def label(self) -> str:
        return " · ".join(str(one.label) for one in (*self.through, self.field))


@dataclass(frozen=True)
class Unread:
    """A part of the address that could not be understood: what was said, what it is called on the page, and why."""

    param: str
    said: str
    label: str
    message: LazyString


@dataclass(frozen=True)
class Totals:
    """How many rows fit, and what their amounts (fen) come to, by column; ``gone`` of it was taken back or refunded."""

    count: int
    amounts: dict[str, int]
    gone: dict[str, int] = field(default_factory=dict)


@dataclass
class Listing:
    """A list as it was asked for. ``faults`` are the parts of the address that could not be understood: with one of
    them no row fits, and they stay in the addresses of the page until they are mended.

    ``by_number`` says that the words are a phone number: no address on the page may hold it.
    """

    entity: type[Entity]
    access: Access
    words: str = ""
    by_number: bool = False
    applied: list[Applied] = field(default_factory=list)
    conditions: list[ColumnElement[bool]] = field(default_factory=list)
    faults: list[Unread] = field(default_factory=list)
    sort: str = ""
    descending: bool = False
    page: int = 1
    size: int = PAGE_SIZES[0]
    archived: str = "no"

    # ----------------------------------------------------------------------------------------------- query

    def query(self) -> AnySelect:
        """The rows, in an order that never changes between pages."""
        query, column = self._sorted_by(select(self.entity))
        first = column.desc() if self.descending else column.asc()
        last = self.entity.id.desc() if self.descending else self.entity.id.asc()
        order = (first,) if self.sort == "id" else (first, last)
        if self.entity is Alert and self._said_sort() is None:
            order = (WAITING_URGENT, *order)
        return self._filtered(query).order_by(*order)

    def _sorted_by(self, query: AnySelect) -> tuple[AnySelect, ColumnElement[Any]]:
        """The query with what it is sorted by; a computed column is joined once, not worked out row by row."""
        computed = {one.name: one for one in computed_fields(self.entity, self.access)}.get(self.sort)
        if computed is None or computed.order is None:
            return query, self.entity.fields()[self.sort].column
        order = computed.order(self.access)
        return query.outerjoin(order.values, order.owner == self.entity.id), order.column

    def count(self) -> int:
        """How many there are; COUNT_LIMIT + 1 stands for more."""
        some = self._filtered(select(self.entity.id)).limit(COUNT_LIMIT + 1).subquery()
        return db.session.scalar(select(func.count()).select_from(some)) or 0

    def rows(self) -> tuple[list[Entity], bool]:
        """This page's rows, and whether there is another page."""
        start = (self.page - 1) * self.size
        if start >= DEEPEST_ROW:
            return [], False
        found = list(db.session.scalars(self.query().limit(self.size + 1).offset(start)))
        return found[: self.size], len(found) > self.size and start + self.size < DEEPEST_ROW

    def summed(self) -> list[Field]:
        """The columns whose amounts may be added up: money seen in clear."""
        screen = self.entity.screen
        columns = [self.entity.fields()[name] for name in screen.columns] if screen is not None else []
        of_one_kind = any(one.param.startswith("account_id") for one in self.applied)
        return [
            one
            for one in columns
            if self.access.sight(one) is Sight.CLEAR
            and (one.kind is Kind.MONEY or (one.key == "ledger_entry.amount" and of_one_kind))
        ]

    def totals(self) -> Totals | None:
        """What the rows that fit the filters come to; None without a filter, or where there are too many to add up."""
        fields = self.summed()
        if not fields or not (self.applied or self.words):
            return None
        lost = [one for one in fields if one.key in GONE]
        columns = [one.column.label(f"of_{one.name}") for one in fields]
        columns += [GONE[one.key]().label(f"gone_{one.name}") for one in lost]
        rows = self._filtered(select(self.entity.id, *columns)).limit(MOST_ADDED_UP + 1).subquery()
        sums = [cast(func.coalesce(func.sum(rows.c[one.name]), 0), BigInteger) for one in columns]
        count, *amounts = db.session.execute(select(func.count(), *sums).select_from(rows)).one()
        if count > MOST_ADDED_UP:
            return None
        whole, gone = amounts[: len(fields)], amounts[len(fields) :]
        return Totals(
            count,
            {one.name: int(amount) for one, amount in zip(fields, whole, strict=True)},
            {one.name: int(amount) for one, amount in zip(lost, gone, strict=True) if amount},
        )

    def _filtered(self, query: AnySelect) -> AnySelect:
        return query.where(self.access.rows(self.entity), *self.all_conditions())

    def all_conditions(self) -> list[ColumnElement[bool]]:
        conditions = [*self.conditions, *([false()] if self.faults else [])]
        if "archived_at" in self.entity.fields() and self.archived != "all":
            column = self.entity.fields()["archived_at"].column
            conditions.append(column.is_(None) if self.archived == "no" else column.is_not(None))
        if self.words:
            conditions.append(found_by(self.entity, self.access, self.words))
        return conditions

    # ----------------------------------------------------------------------------------------------- address

    def args(self, **changed: Any) -> dict[str, Any]:
        """The address's parameters, with some of them changed (None takes one out)."""
        now: dict[str, Any] = {applied.param: applied.said for applied in self.applied}
        now |= {
            "q": None if self.by_number else self.words,
            "sort": self._said_sort(),
            "size": self.size if self.size != PAGE_SIZES[0] else None,
        }
        now |= {
            "archived": self.archived if self.archived != "no" else None,
            "page": self.page if self.page > 1 else None,
        }
        now |= {fault.param: fault.said for fault in self.faults} | changed
        return {name: value for name, value in now.items() if value not in (None, "")}

    def _said_sort(self) -> str | None:
        screen = self.entity.screen
        said = ("-" if self.descending else "") + self.sort
        return None if screen is not None and said == screen.order else said

    def sorted_by(self, name: str) -> dict[str, Any]:
        """The address when a column's head is pressed."""
        descending = self.sort == name and not self.descending
        return self.args(sort=("-" if descending else "") + name, page=None)

    def said(self) -> dict[str, Any]:
        """What was asked for, for the log: words of a search are not kept."""
        kept = {applied.param: applied.said for applied in self.applied}
        return (
            kept | ({"q": "…"} if self.words else {}) | ({"archived": self.archived} if self.archived != "no" else {})
        )


def read_listing(entity: type[Entity], access: Access, args: Mapping[str, str]) -> Listing:
    """The list that an address asks for; what cannot be understood becomes a fault, never silence."""
    listing = Listing(entity, access, words=search.normal(args.get("q", "")) and args.get("q", "").strip()[:60])
    screen = entity.screen
    _read_sort(listing, args.get("sort", "") or (screen.order if screen else "-id"))
    listing.page = _one_of(listing, args, "page", "1", lambda said: whole_number(said) or 0) or 1
    sizes = {str(size): size for size in PAGE_SIZES}
    listing.size = _one_of(listing, args, "size", str(PAGE_SIZES[0]), sizes.get) or PAGE_SIZES[0]
    listing.archived = _one_of(listing, args, "archived", "no", {one: one for one in ("no", "yes", "all")}.get) or "no"
    for param, said in args.items():
        if param not in {"q", "sort", "page", "size", "archived", "url"} and said.strip():
            _read_filter(listing, param, said.strip())
    return listing


_LABELS = {
    "archived": _l("Archived"),
    "page": _l("Page"),
    "size": _l("Rows of a page"),
    "sort": _l("Order"),
}


def _one_of(listing: Listing, args: Mapping[str, str], name: str, usual: str, read: Callable[[str], Any]) -> Any:
    """What a parameter of the list itself says; a fault, and None, where it says nothing that there is."""
    said = args.get(name, "").strip() or usual
    found = read(said)
    if not found:
        listing.faults.append(Unread(name, said, str(_LABELS[name]), _l("This is not one of the choices.")))
    return found or None


def _read_sort(listing: Listing, said: str) -> None:
    name, fields = said.lstrip("-"), listing.entity.fields()
    if name in sortable(listing.entity, listing.access):
        listing.sort, listing.descending = name, said.startswith("-")
        return
    if listing.entity.screen is None or said != listing.entity.screen.order:
        label = str(_LABELS["sort"])
        listing.faults.append(Unread("sort", said, label, _l("This list cannot be sorted by that.")))
        _read_sort(listing, listing.entity.screen.order if listing.entity.screen else "-id")
        return
    listing.sort, listing.descending = ("id", True) if name not in fields else (name, said.startswith("-"))


def sortable(entity: type[Entity], access: Access) -> list[str]:
    """The fields a list may be sorted by: indexed, and seen in clear."""
    stored = [one.name for one in entity.fields().values() if one.sortable and access.sight(one) is Sight.CLEAR]
    return stored + [one.name for one in computed_fields(entity, access) if one.sortable]


def filterable(entity: type[Entity], access: Access) -> list[Field]:
    """The fields a list may be filtered by: never one that is masked or encrypted, or it would tell what it hides."""
    kept = {"id", "version", "archived_at", "public_id", "source_key", "merged_into_id"}
    stored = [
        one
        for one in entity.fields().values()
        if one.kind in BY_KIND and not one.encrypted and one.name not in kept and access.sight(one) is Sight.CLEAR
    ]
    computed = computed_fields(entity, access)
    instead = {one.name for one in computed}
    return [*(one for one in stored if one.name not in instead), *computed]


def operators_of(one: Field) -> tuple[str, ...]:
    """The operators of a field's filter: of a closed list only «is»."""
    return ("is",) if one.info.words else BY_KIND[one.kind]


OPEN_THROUGH = frozenset({"account.kind", "account.commodity"})
"""What may be asked of a row referred to, though that row itself is not hers to see: it says nothing of whose it is."""


def _read_filter(listing: Listing, param: str, said: str) -> None:
    path, rest = _path(listing.entity, listing.access, param.split("."))
    if not path or len(rest) > 1:
        listing.faults.append(Unread(param, said, param, _l("This list cannot be filtered by that.")))
        return
    found, operator = path[-1], rest[0] if rest else "is"
    applied = Applied(param, found, operator, said, tuple(path[:-1]))
    try:
        condition = _condition(found, operator, said, listing.access)
    except Unreadable as error:
        word = f" {OPERATORS[operator][0]}" if operator in OPERATORS and operator != "is" else ""
        listing.faults.append(Unread(param, said, applied.label + word, error.message))
        return
    listing.conditions.append(_through(path, listing.access, condition))
    listing.applied.append(applied)


def _path(entity: type[Entity], access: Access, names: list[str]) -> tuple[list[Field], list[str]]:
    """The fields that a parameter names, each of what the one before refers to, and what else it says."""
    path: list[Field] = []
    while names:
        found = {one.name: one for one in filterable(entity, access)}.get(names[0])
        if found is None or (path and not access.may(Action.VIEW, entity)):
            break
        path, names = [*path, found], names[1:]
        if found.kind is not Kind.REFERENCE or isinstance(found, ComputedField):
            break
        entity = entity_named(found.target)
    return path, names


def _through(path: Sequence[Field], access: Access, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """A condition on what a row refers to, as one on the row; what is referred to must be hers to see."""
    for reference in reversed(path[:-1]):
        target = entity_named(reference.target)
        seen = [] if path[-1].key in OPEN_THROUGH else [access.rows(target)]
        rows = select(table_of(target).c.id).where(condition, *seen).correlate(None)
        condition = reference.column.in_(rows)
    return condition


def _condition(one: Field, operator: str, said: str, access: Access) -> ColumnElement[bool]:
    computed = one if isinstance(one, ComputedField) else None
    if operator == "empty" and one.column.nullable and said in {"yes", "no"}:
        if computed is not None:
            return computed.matches(operator, [said == "yes"], access)
        return one.column.is_(None) if said == "yes" else one.column.is_not(None)
    if operator not in BY_KIND[one.kind] and operator != "is":
        raise Unreadable(_l("This filter does not fit the field."))
    zone = current_app.config["PEONY"].zone
    if one.kind is Kind.INSTANT:
        return _during(one, operator, span_of(said, zone))
    if operator == "has" and computed is None:
        contains = OPERATORS["has"][1](one.column, said)
        entity = entity_named(one.entity)
        named = search.containing(entity, said) if one.info.search is Search.WORDS else None
        return contains if named is None else or_(contains, table_of(entity).c.id.in_(named))
    parts = said.split(",") if one.kind in (Kind.CHOICE, Kind.REFERENCE) or one.info.words else [said]
    values = [read_kind(one.kind, part, zone, one) for part in parts]
    if one.kind is Kind.REFERENCE and one.target == Customer.named():
        return one.column.in_(records_of(values))
    if computed is not None:
        return computed.matches(operator, values, access)
    if len(values) > 1:
        return one.column.in_(values)
    return OPERATORS[operator][1](one.column, values[0])


def _during(one: Field, operator: str, span: tuple[datetime, datetime]) -> ColumnElement[bool]:
    """A moment within what was written, or before or after its end: the last day counts whole."""
    since, before = one.column >= span[0], one.column < span[1]
    return {"from": since, "to": before}.get(operator, and_(since, before))


# ------------------------------------------------------------------------------------------------- search


def searchable(entity: type[Entity]) -> bool:
    return any(one.info.search is not Search.NONE for one in entity.fields().values())


def found_by(entity: type[Entity], access: Access, words: str) -> ColumnElement[bool]:
    """Rows that a search finds: by words, and by a whole number or its last four digits where she may search it."""
    ways: list[ColumnElement[bool]] = [entity.id.in_(search.matching(entity, words))]
    for one in number_fields(entity, access):
        way = search.by_number(entity, one, words)
        if way is not None:
            ways.append(way)
    if entity is Customer:  # an old name or number leads to the record that stays
        ways.append(Customer.id.in_(select(Customer.merged_into_id).where(or_(*ways), MERGED).correlate(None)))
    return or_(*ways)


MERGED = Customer.merged_into_id.is_not(None)


def number_fields(entity: type[Entity], access: Access) -> Sequence[Field]:
    """The encrypted numbers by which she may search."""
    numbers = [one for one in entity.fields().values() if one.info.search is Search.WHOLE_OR_LAST4]
    return [one for one in numbers if access.sight(one) is not Sight.HIDDEN]


def is_number_search(entity: type[Entity], access: Access, words: str) -> bool:
    """Whether this search asks by number, so that it has to be logged and counted."""
    return any(search.by_number(entity, one, words) is not None for one in number_fields(entity, access))
