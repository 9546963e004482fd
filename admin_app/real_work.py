"""Real work in a demo salon: what «open my salon» would destroy. Trying things out on the demo's own people is none."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from admin_app.operations.kernel import business_day
from models.actor import ActorKind
from models.booking import Appointment
from models.cards import Card
from models.customers import Customer
from models.log import Operation, RowChange
from models.names import Name
from models.sales import Sale, Visit
from models.standing import Membership
from models.value import LedgerEntry

IMPORTS = (Name.IMPORT_ROWS, Name.IMPORT_SALES, Name.OPEN_BALANCES)
BROUGHT_IN = tuple(entity.named() for entity in (Customer, Sale, Membership, LedgerEntry))
"""What an import brings that is real work; an imported menu stays when the demo is cleared."""

TAKINGS = (Name.SELL, Name.RECHARGE, Name.OPEN_CARD, Name.REDEEM_SESSION, Name.TAKE_DEPOSIT)
DAYS = 3
"""On so many days somebody has taken money or sessions: nobody tries things out for so long."""

PEOPLE = (ActorKind.USER.value, ActorKind.COMMAND.value)


@dataclass(frozen=True)
class RealWork:
    """What speaks for it; nothing where all stands at nought."""

    customers: int
    imports: int
    days: int

    def __bool__(self) -> bool:
        return bool(self.customers or self.imports or self.days >= DAYS)

    def said(self) -> str:
        parts = []
        if self.customers:
            parts.append(_("%(count)s customers of your own with sales, cards or bookings", count=self.customers))
        if self.imports:
            parts.append(_("%(count)s imports", count=self.imports))
        if self.days >= DAYS:
            parts.append(_("business on %(count)s days", count=self.days))
        return "; ".join(parts)


def real_work(session: Session) -> RealWork:
    """What people have done here that is no trial."""
    done = (Operation.result == "done", Operation.actor_kind.in_(PEOPLE))
    brought = exists().where(RowChange.operation_id == Operation.id, RowChange.entity.in_(BROUGHT_IN))
    imports = select(func.count()).where(Operation.name.in_([str(name) for name in IMPORTS]), brought, *done)
    takings = select(Operation.at).where(Operation.name.in_([str(name) for name in TAKINGS]), *done)
    days = {business_day(at) for at in session.scalars(takings)}
    return RealWork(_own_customers(session), session.scalar(imports) or 0, len(days))


def _own_customers(session: Session) -> int:
    """Customers whom people have made, who are not archived and have any business."""
    made = (
        select(RowChange.row_id)
        .join(Operation, Operation.id == RowChange.operation_id)
        .where(RowChange.entity == Customer.named(), RowChange.kind == "insert", Operation.actor_kind.in_(PEOPLE))
    )
    business = or_(
        *(exists().where(entity.customer_id == Customer.id) for entity in (Sale, Visit, Appointment, Card, LedgerEntry))
    )
    query = select(func.count()).select_from(Customer)
    return session.scalar(query.where(Customer.id.in_(made), Customer.archived_at.is_(None), business)) or 0
