"""Who may see and do what: the one place that answers, and the answer is no unless ``rules/roles.yaml`` says yes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache, cached_property
from typing import Any

from sqlalchemy import ColumnElement, FromClause, String, and_, cast, exists, false, or_, select, true

from models.actor import Actor
from models.booking import Appointment, AppointmentStatus, Segment
from models.care import Treatment
from models.customers import Customer, CustomerAssignment
from models.entity import Entity, entity_named, table_of
from models.field import Field, Kind, Privacy
from models.log import Operation
from models.names import Name
from models.organisation import Staff, Store
from models.sales import Sale, SaleLine, StaffShare, Visit
from rules.documents.roles import Action, Role, RolesDocument, Sees
from rules.evaluation.visits import visit_stands

LOOK_UP_LASTS = timedelta(minutes=30)
"""How long an exact, logged look-up opens a customer of another store."""


class Sight(StrEnum):
    """How a role sees a field."""

    HIDDEN = "hidden"
    MASKED = "masked"
    CLEAR = "clear"


@cache
def _customers_as(name: str) -> FromClause:
    """The table of customers under another name; making it copies every column."""
    return table_of(Customer).alias(name)


@dataclass(frozen=True)
class Access:
    """The answers for one actor under one version of the roles, at one moment."""

    actor: Actor
    document: RolesDocument | None
    now: datetime
    _conditions: dict[type[Entity], ColumnElement[bool]] = field(default_factory=dict, compare=False, repr=False)
    """What ``rows`` has answered before."""

    @cached_property
    def role(self) -> Role | None:
        return self.document.role(self.actor.role) if self.document is not None else None

    # ------------------------------------------------------------------------------- entities and operations

    def may(self, action: Action, entity: type[Entity]) -> bool:
        """Whether she may do this with some rows of the entity at all."""
        if self.actor.unrestricted:
            return True
        return self.role is not None and action in self.role.actions(entity.named())

    def does(self, name: str) -> bool:
        """Whether she may perform the operation."""
        if self.actor.unrestricted:
            return True
        return self.role is not None and (name in self.role.does or "*" in self.role.does)

    def opens(self, page: str) -> bool:
        """Whether she may open a page that is neither an entity nor an operation."""
        return self.role is not None and page in self.role.pages

    # ------------------------------------------------------------------------------------------------- fields

    def sight(self, field: Field) -> Sight:
        """How she sees a field: what is said of it by name, else what its privacy allows."""
        if field.info.privacy is Privacy.SECRET:
            return Sight.HIDDEN
        if self.actor.unrestricted:
            return Sight.CLEAR
        role = self.role
        if role is None or field.key in role.hidden:
            return Sight.HIDDEN
        if field.key in role.masked:
            return Sight.MASKED
        if field.info.privacy is Privacy.OPEN or field.info.privacy in role.clear:
            return Sight.CLEAR
        may_reveal = Action.REVEAL in role.actions(field.entity)
        if field.info.privacy is Privacy.PERSONAL or (field.info.privacy is Privacy.SENSITIVE and may_reveal):
            return Sight.MASKED
        return Sight.HIDDEN

    def writes(self, field: Field, creating: bool = False) -> bool:
        """Whether she may put a value into a field. A masked value may be given anew, a read-only one at creation."""
        if field.info.generated or self.sight(field) is Sight.HIDDEN:
            return False
        if creating or field.info.fixed:
            return creating
        if self.actor.unrestricted:
            return True
        return self.role is not None and field.key not in self.role.read_only

    # --------------------------------------------------------------------------------------------------- rows

    def rows(self, entity: type[Entity]) -> ColumnElement[bool]:
        """The rows of an entity that exist for her, as a condition on its table."""
        if self.actor.unrestricted:
            return true()
        if self.role is None or Action.VIEW not in self.role.actions(entity.named()):
            return false()
        if entity not in self._conditions:
            self._conditions[entity] = self._scope(entity)
        return self._conditions[entity]

    def _scope(self, entity: type[Entity]) -> ColumnElement[bool]:
        role, columns = self.role, table_of(entity).c
        assert role is not None
        if role.sees is Sees.ALL:
            return self._addressed(entity)
        if entity.shared:
            return true()
        if entity is Customer:
            return self._customers(table_of(Customer).c)
        if entity is Store:
            return columns.id.in_(self.actor.stores)
        if entity is Staff:
            return or_(columns.store_id.in_(self.actor.stores), columns.id == self.actor.staff_id)
        by_customer = self._by_customer(columns)
        goes_with_her = entity.within == "customer_id"
        by_store = columns.store_id.in_(self.actor.stores) if "store_id" in columns and not goes_with_her else None
        first, second = (by_store, by_customer) if role.sees is Sees.STORE else (by_customer, by_store)
        chosen = first if first is not None else second
        if chosen is not None:
            return and_(chosen, self._addressed(entity))
        return self._within(entity)

    def _by_customer(self, columns: Any) -> ColumnElement[bool] | None:
        """Through the customer; a row without one is the business of those who see a whole store, and its staff."""
        if "customer_id" not in columns:
            return None
        hers: ColumnElement[bool] = columns.customer_id.in_(self._customer_ids())
        role = self.role
        assert role is not None
        if role.sees is not Sees.STORE:
            return hers
        nobodys = columns.customer_id.is_(None)
        if "staff_id" in columns:
            nobodys = and_(nobodys, or_(columns.staff_id.is_(None), columns.staff_id.in_(self._colleagues())))
        return or_(hers, nobodys)

    def _addressed(self, entity: type[Entity]) -> ColumnElement[bool]:
        """Alerts and tasks are for a role: each sees her own, and those of the roles she hears."""
        role, columns = self.role, table_of(entity).c
        assert role is not None
        if "to_role" not in columns or "*" in role.hears:
            return true()
        roles = [role.id, *role.hears]
        if "also_to" not in columns:
            return columns.to_role.in_(roles)
        also = cast(columns.also_to, String)
        return or_(columns.to_role.in_(roles), *(also.contains(f'"{one}"', autoescape=True) for one in roles))

    def _within(self, entity: type[Entity]) -> ColumnElement[bool]:
        if entity.within is None:
            return true() if entity.shared else false()
        field = entity.fields()[entity.within]
        parent = entity_named(field.target)
        return field.column.in_(select(table_of(parent).c.id).where(self._scope(parent)))

    def _customer_ids(self) -> Any:
        other = _customers_as("seen")
        return select(other.c.id).where(self._customers(other.c))

    def _customers(self, columns: Any) -> ColumnElement[bool]:
        """Whoever is hers by any of a person's records is hers by all of them, merged ones among them."""
        merged, kept = _customers_as("merged_record"), _customers_as("kept_record")
        into = select(merged.c.merged_into_id).where(merged.c.merged_into_id.is_not(None))
        by_merged = columns.id.in_(into.where(self._ways(merged.c)))
        stands = select(kept.c.id).where(kept.c.id.in_(into), self._ways(kept.c))
        return or_(self._ways(columns), by_merged, columns.merged_into_id.in_(stands))

    def _ways(self, columns: Any) -> ColumnElement[bool]:
        role = self.role
        assert role is not None
        if role.sees is Sees.STORE:
            ways = [
                columns.store_id.in_(self.actor.stores),
                columns.id.in_(self._visited()),
                columns.id.in_(self._tended()),
            ]
        else:
            ways = [columns.id.in_(self._assigned())]
            if role.sees is Sees.SERVED:
                ways += [columns.id.in_(ids) for ids in (self._served(), self._treated(), self._booked())]
        if self.does(Name.LOOK_UP_CUSTOMER):
            ways.append(columns.id.in_(self._looked_up()))
        return or_(*ways)

    def _visited(self) -> Any:
        return select(Visit.customer_id).where(Visit.store_id.in_(self.actor.stores))

    def _tended(self) -> Any:
        live = CustomerAssignment.until.is_(None)
        return select(CustomerAssignment.customer_id).where(live, CustomerAssignment.staff_id.in_(self._colleagues()))

    def _colleagues(self) -> Any:
        return select(Staff.id).where(Staff.store_id.in_(self.actor.stores))

    def _assigned(self) -> Any:
        hers = and_(CustomerAssignment.until.is_(None), CustomerAssignment.staff_id == self.actor.staff_id)
        return select(CustomerAssignment.customer_id).where(hers)

    def _served(self) -> Any:
        lines = select(StaffShare.sale_line_id).where(StaffShare.staff_id == self.actor.staff_id)
        sales = select(SaleLine.sale_id).where(SaleLine.id.in_(lines))
        stands = or_(Sale.visit_id.is_(None), exists().where(Visit.id == Sale.visit_id, visit_stands()))
        return select(Sale.customer_id).where(Sale.id.in_(sales), Sale.customer_id.is_not(None), stands)

    def _treated(self) -> Any:
        return select(Treatment.customer_id).where(Treatment.staff_id == self.actor.staff_id)

    def _booked(self) -> Any:
        """Whoever is booked with her must be known to her before she lays hands on her."""
        hers = select(Segment.appointment_id).where(
            Segment.staff_id == self.actor.staff_id, Segment.archived_at.is_(None)
        )
        kept = Appointment.status.not_in((AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW))
        return select(Appointment.customer_id).where(Appointment.id.in_(hers), kept)

    def _looked_up(self) -> Any:
        """The log itself is the grant: an exact look-up opens the customer for a while."""
        return select(Operation.subject_id).where(
            Operation.name == Name.LOOK_UP_CUSTOMER.value,
            Operation.actor_kind == self.actor.kind.value,
            Operation.actor_id == self.actor.id,
            Operation.at >= self.now - LOOK_UP_LASTS,
            Operation.subject_id.is_not(None),
        )


MASK = "••••"


def masked(value: Any, kind: Kind) -> str | None:
    """What is shown of a masked value: nothing of health, the ends of a number, the first letter of a text."""
    if value is None or value == "":
        return None
    text = str(value)
    if kind is Kind.PHONE:
        national = text.removeprefix("+86")
        return f"{national[:3]}{MASK}{national[-4:]}" if len(national) >= 10 else f"{MASK}{national[-2:]}"
    if kind is Kind.TEXT:
        return f"{text[:1]}{MASK}"
    return MASK
