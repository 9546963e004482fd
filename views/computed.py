"""Columns of lists that are worked out from other tables: a customer's tier and balance, whether a sale stands.

A computed column is a ``Field`` that no row stores. ``load`` reads it for the rows of a page in one statement,
``matches`` is the condition of its filter, ``order`` what the list is sorted by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    MetaData,
    Subquery,
    Table,
    and_,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.types import TypeEngine

from admin_app.documents.export import Extra
from admin_app.holdings import CardState, card_is, card_states, stored_of, stored_value, tiers_of
from admin_app.i18n import in_her_language, join_words
from admin_app.operations.kernel import business_day, now
from admin_app.taken_back import SaleState, line_is, line_states, sale_is, sale_states, visit_is, visit_states
from admin_app.values import money
from models.cards import Card
from models.customers import Customer, current_id
from models.entity import Entity, db
from models.field import Choice, Field, FieldInfo, Kind, choice
from models.sales import Sale, SaleLine, Visit
from models.standing import CustomerTag, Membership, Tag
from models.till import Reversal
from models.types import Big, Day, Money, Text
from models.value import Account
from rules.decisions.access import MASK, Access, Sight
from rules.documents.roles import Action, Sees
from rules.evaluation.visits import visit_stands
from views.tiers import tier_label, tier_tone

Ids = Sequence[int]


@dataclass(frozen=True)
class Part:
    """Part of a cell: a text, the tone of its chip (none: plain text), and what it is in a spreadsheet."""

    text: str
    tone: str = ""
    value: date | Decimal | None = None


@dataclass(frozen=True)
class Order:
    """What a list is sorted by: ``values`` is joined once by ``owner``, the row's id, and sorted by ``column``."""

    values: Subquery
    owner: ColumnElement[int]
    column: ColumnElement[Any]


Load = Callable[[Ids, Access], dict[int, list[Part]]]
Matches = Callable[[str, list[Any], Access], ColumnElement[bool]]
"""The rows that fit: the operator (``is``, ``from``, ``to``, ``empty``), its values, who asks."""


@dataclass(frozen=True)
class ComputedField(Field):
    """A column worked out from other tables. It stands after the stored column ``after``, or in place of the stored one
    of its own name; ``needs`` must be visible.
    """

    load: Load
    matches: Matches
    after: str
    needs: tuple[type[Entity], ...]
    order: Callable[[Access], Order] | None = None

    @property
    def sortable(self) -> bool:
        return self.order is not None


_TABLE = Table("computed", MetaData(), Column("id", Big, primary_key=True))
_TAGS = Table("tag", _TABLE.metadata, Column("id", Big, primary_key=True))


def _column(name: str, type_: TypeEngine[Any] | type[TypeEngine[Any]], *constraints: Any) -> Column[Any]:
    """A column that only says what the values are; it belongs to no table of the database."""
    made: Column[Any] = Column(name, type_, *constraints, nullable=True)
    _TABLE.append_column(made, replace_existing=True)
    return made


def computed_fields(entity: type[Entity], access: Access) -> list[ComputedField]:
    """The computed columns of an entity that this person may see."""
    return [
        one
        for one in COMPUTED.get(entity.named(), ())
        if access.sight(one) is Sight.CLEAR and all(access.may(Action.VIEW, needed) for needed in one.needs)
    ]


def seen_fields(entity: type[Entity], access: Access) -> list[Field]:
    """The stored fields that this person may see, computed ones in place of those whose names they have."""
    instead = {one.name: one for one in computed_fields(entity, access)}
    fields = [one for one in entity.fields().values() if access.sight(one) is not Sight.HIDDEN]
    return [instead.get(one.name, one) for one in fields]


def exported(entity: type[Entity], access: Access) -> list[Extra]:
    """The computed columns that this person may see, for a file of the list."""
    return [_extra(one, access) for one in computed_fields(entity, access)]


def _extra(one: ComputedField, access: Access) -> Extra:
    def values(ids: Ids) -> dict[int, Any]:
        return {row: _in_file(parts) for row, parts in one.load(ids, access).items()}

    return Extra(one.name, one.label, one.after, values)


def _in_file(parts: Sequence[Part]) -> Any:
    """A date or an amount in yuan as such; else what the page says."""
    if len(parts) == 1 and parts[0].value is not None:
        return parts[0].value
    return join_words(part.text for part in parts)


# ---------------------------------------------------------------------------------------------- of a customer


def _load_tier(ids: Ids, _access: Access) -> dict[int, list[Part]]:
    held = tiers_of(db.session(), ids)
    return {customer: [Part(tier_label(tier), tier_tone(tier))] for customer, tier in held.items()}


def _tier_matches(operator: str, values: list[Any], _access: Access) -> ColumnElement[bool]:
    current = select(Membership.customer_id).where(Membership.ended_on.is_(None))
    if operator == "empty":
        return _among(current, not values[0])
    return Customer.id.in_(current.where(Membership.tier.in_(values)))


def _load_balance(ids: Ids, _access: Access) -> dict[int, list[Part]]:
    held = stored_of(db.session(), ids, business_day(now()))
    return {customer: [Part(money(amount), value=Decimal(amount) / 100)] for customer, amount in held.items()}


def _balance_matches(operator: str, values: list[Any], _access: Access) -> ColumnElement[bool]:
    held = stored_value(business_day(now()))
    if operator == "empty":
        return _among(select(held.c.customer_id).where(held.c.amount != 0), not values[0])
    bound = values[0]
    # a customer without an account has a balance of nothing
    fits = {"from": held.c.amount >= bound, "to": held.c.amount <= bound}.get(operator, held.c.amount == bound)
    nothing_fits = {"from": bound <= 0, "to": bound >= 0}.get(operator, bound == 0)
    if nothing_fits:
        return _among(select(held.c.customer_id).where(not_(fits)), inside=False)
    return _among(select(held.c.customer_id).where(fits), inside=True)


def _balance_order(_access: Access) -> Order:
    held = stored_value(business_day(now()))
    return Order(held, held.c.customer_id, func.coalesce(held.c.amount, 0))


def _load_last_visit(ids: Ids, access: Access) -> dict[int, list[Part]]:
    owner = current_id()
    query = (
        select(owner, func.max(Visit.business_day))
        .join(Customer, Customer.id == Visit.customer_id)
        .where(owner.in_(ids), access.rows(Visit), visit_stands())
        .group_by(owner)
    )
    days = ((customer, _as_day(day)) for customer, day in db.session.execute(query))
    found = {customer: [Part(day.isoformat(), value=day)] for customer, day in days}
    if access.actor.unrestricted or (access.role is not None and access.role.sees is Sees.ALL):
        return found
    unseen = select(owner).select_from(Visit).join(Customer, Customer.id == Visit.customer_id).distinct()
    unseen = unseen.where(owner.in_(set(ids) - found.keys()), visit_stands())
    return found | {customer: [Part(MASK)] for customer in db.session.scalars(unseen)}


def _as_day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _last_visits(access: Access) -> Any:
    """The last visit of each customer, of whatever record it was written on."""
    owner = cast(current_id(), BigInteger).label("customer_id")  # a bare expression could not be joined by an index
    kin = select(Customer.id.label("record_id"), owner).subquery("kin")
    return (
        select(kin.c.customer_id, func.max(Visit.business_day).label("day"))
        .join(kin, kin.c.record_id == Visit.customer_id)
        .where(access.rows(Visit), visit_stands())
        .group_by(kin.c.customer_id)
        .subquery("last_visits")
    )


def _last_visit_matches(operator: str, values: list[Any], access: Access) -> ColumnElement[bool]:
    if operator == "empty":  # one that she may not see is shown by a mask
        kin = select(current_id()).select_from(Visit).join(Customer, Customer.id == Visit.customer_id)
        return _among(kin.where(visit_stands()).correlate(None), not values[0])
    last = _last_visits(access)
    day = values[0]
    fits = {"from": last.c.day >= day, "to": last.c.day <= day}.get(operator, last.c.day == day)
    return Customer.id.in_(select(last.c.customer_id).where(fits))


def _last_visit_order(access: Access) -> Order:
    last = _last_visits(access)
    return Order(last, last.c.customer_id, func.coalesce(last.c.day, literal(date(1900, 1, 1), Day)))


def _held_tags() -> ColumnElement[bool]:
    return and_(CustomerTag.until.is_(None), CustomerTag.held)


def _load_tags(ids: Ids, _access: Access) -> dict[int, list[Part]]:
    query = (
        select(CustomerTag.customer_id, Tag)
        .join(Tag, Tag.id == CustomerTag.tag_id)
        .where(CustomerTag.customer_id.in_(ids), _held_tags())
        .order_by(CustomerTag.customer_id, Tag.slug)
    )
    found: dict[int, list[Part]] = defaultdict(list)
    for customer, tag in db.session.execute(query):
        found[customer].append(Part(in_her_language(tag.name, tag.name_en), f"tag-{tag.colour.value}"))
    return found


def _tags_match(operator: str, values: list[Any], _access: Access) -> ColumnElement[bool]:
    current = select(CustomerTag.customer_id).where(_held_tags())
    if operator == "empty":
        return _among(current, not values[0])
    return Customer.id.in_(current.where(CustomerTag.tag_id.in_(values)))


def _among(customers: Any, inside: bool) -> ColumnElement[bool]:
    return Customer.id.in_(customers) if inside else Customer.id.not_in(customers)


# -------------------------------------------------------------------------------------------------- of a sale

STATE_TONES = {SaleState.PARTLY: "warn", SaleState.TAKEN_BACK: "taken-back"}


def _parts_of(states: dict[int, SaleState]) -> dict[int, list[Part]]:
    return {row: [Part(str(state.label), STATE_TONES[state])] for row, state in states.items()}


def _load_sale_state(ids: Ids, _access: Access) -> dict[int, list[Part]]:
    return _parts_of(sale_states(db.session(), ids))


def _load_line_state(ids: Ids, _access: Access) -> dict[int, list[Part]]:
    return _parts_of(line_states(db.session(), ids))


def _load_visit_state(ids: Ids, _access: Access) -> dict[int, list[Part]]:
    return _parts_of(visit_states(db.session(), ids))


def _any_state(of: Callable[[SaleState], ColumnElement[bool]]) -> Matches:
    def matches(_operator: str, values: list[Any], _access: Access) -> ColumnElement[bool]:
        first, *more = (of(SaleState(value)) for value in values)
        for condition in more:
            first = first | condition
        return first

    return matches


# -------------------------------------------------------------------------------------------------- of a card

CARD_TONES = {CardState.LIVE: "good", CardState.EXPIRED: "warn", CardState.REVERSED: "taken-back"}


def _load_card_state(ids: Ids, _access: Access) -> dict[int, list[Part]]:
    states = card_states(db.session(), ids, business_day(now()))
    return {card: [Part(str(state.label), CARD_TONES.get(state, "muted"))] for card, state in states.items()}


def _card_state_matches(_operator: str, values: list[Any], _access: Access) -> ColumnElement[bool]:
    return or_(*(card_is(CardState(value), business_day(now())) for value in values))


def _state(
    entity: str,
    name: str,
    label: LazyString,
    states: type[Choice],
    load: Load,
    matches: Matches,
    after: str,
    *needs: type[Entity],
) -> ComputedField:
    """What has become of a row, as one of the ``states``."""
    column, info = _column(f"{entity}_{name}", choice(states)), FieldInfo(label)
    return ComputedField(entity, name, column, info, Kind.CHOICE, load=load, matches=matches, after=after, needs=needs)


COMPUTED: dict[str, tuple[ComputedField, ...]] = {
    "customer": (
        ComputedField(
            "customer",
            "tier",
            _column("tier", Text(30)),
            FieldInfo(_l("Tier"), words="tiers"),
            Kind.TEXT,
            load=_load_tier,
            matches=_tier_matches,
            after="phone",
            needs=(Membership,),
        ),
        ComputedField(
            "customer",
            "balance",
            _column("balance", Money),
            FieldInfo(_l("Stored value")),
            Kind.MONEY,
            load=_load_balance,
            matches=_balance_matches,
            after="phone",
            needs=(Account,),
            order=_balance_order,
        ),
        ComputedField(
            "customer",
            "last_visit",
            _column("last_visit", Day),
            FieldInfo(_l("Last visit")),
            Kind.DAY,
            load=_load_last_visit,
            matches=_last_visit_matches,
            after="phone",
            needs=(Visit,),
            order=_last_visit_order,
        ),
        ComputedField(
            "customer",
            "tags",
            _column("tags", Big, ForeignKey("tag.id")),
            FieldInfo(_l("Tags")),
            Kind.REFERENCE,
            load=_load_tags,
            matches=_tags_match,
            after="phone",
            needs=(CustomerTag, Tag),
        ),
    ),
    "sale": (
        _state("sale", "state", _l("State"), SaleState, _load_sale_state, _any_state(sale_is), "total", Sale, Reversal),
    ),
    "card": (_state("card", "status", _l("Status"), CardState, _load_card_state, _card_state_matches, "status", Card),),
    "visit": (
        _state("visit", "state", _l("State"), SaleState, _load_visit_state, _any_state(visit_is), "source", Visit),
    ),
    "sale_line": (
        _state(
            "sale_line",
            "state",
            _l("State"),
            SaleState,
            _load_line_state,
            _any_state(line_is),
            "amount",
            SaleLine,
            Reversal,
        ),
    ),
}
"""By entity. They stand in its lists in this order."""
