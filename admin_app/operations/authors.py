"""Who made a row, by the log and by number: names can be changed, and two people may share one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, exists, select

from models.accounts import User
from models.actor import ActorKind
from models.entity import Entity
from models.log import Operation as LogOperation
from models.log import RowChange

if TYPE_CHECKING:
    from admin_app.operations.kernel import Operation


def made_by(entity: type[Entity], user_id: int | None) -> ColumnElement[bool]:
    """The rows of an entity that a user has made, as a condition on its table."""
    change = (
        RowChange.entity == entity.named(),
        RowChange.row_id == entity.id,
        RowChange.kind == "insert",
        RowChange.operation_id == LogOperation.id,
        LogOperation.actor_kind == ActorKind.USER.value,
        LogOperation.actor_id == user_id,
    )
    return exists(select(RowChange.id).where(*change).correlate(entity))


def one_at_a_time(op: Operation) -> None:
    """Let the same user do nothing else until this operation ends: what one may do so often is counted first."""
    if not op.quoting:
        op.session.execute(select(User.id).where(User.id == op.actor.id).with_for_update())
