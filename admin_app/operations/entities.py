"""What can be done with rows of any entity that forms may write: create, edit, archive, restore."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin_app.operations.broken_bookings import broken_by
from admin_app.operations.in_use import MERGED, ensure_in_use
from admin_app.operations.kernel import Operation, check_version, one_of
from admin_app.operations.refusals import Forbidden, Refused, Stale
from admin_app.operations.registry import Answer, Input, operation
from admin_app.rulebook import words_of
from admin_app.values import Unreadable, read_value, write_value
from models.accounts import User
from models.customers import Calendar, Customer, CustomerAssignment
from models.entity import Entity, Record, entity_named
from models.field import Field, Kind
from models.names import OWNER, Name
from models.screen import WrittenBy
from rules.decisions.access import Access, Sight, masked
from rules.documents.roles import Action, Sees

_ACTIONS = {
    Name.CREATE_ENTITY: Action.CREATE,
    Name.EDIT_ENTITY: Action.EDIT,
    Name.ARCHIVE_ENTITY: Action.ARCHIVE,
    Name.RESTORE_ENTITY: Action.ARCHIVE,
    Name.IMPORT_ROWS: Action.IMPORT,
}


def writable_by(entity: type[Entity], name: Name) -> bool:
    """Whether generated forms write the entity through this operation at all."""
    return entity.written_by == WrittenBy.FORM or name in entity.written_by.operations


def may_write(access: Access, entity: type[Entity], name: Name) -> bool:
    """Whether this actor may do this with rows of the entity."""
    return writable_by(entity, name) and access.may(_ACTIONS[name], entity)


def _permitted(op: Operation, data: Any) -> bool:
    try:
        entity = entity_named(data.entity)
    except KeyError:
        return False
    return may_write(op.access, entity, Name(op.spec.name))


def _of_rights(data: Any) -> bool:
    """Whether accounts are changed: who may sign in, and as what."""
    return bool(data.entity == User.named())


class CreateInput(Input):
    """A new row: ``values`` by field, as written."""

    entity: str
    values: dict[str, Any]


class EditInput(Input):
    """New values of some fields of one row, as written; ``version`` is the one that was seen."""

    entity: str
    id: int
    values: dict[str, Any]


class RowInput(Input):
    """One row."""

    entity: str
    id: int


@operation(Name.CREATE_ENTITY, label=_l("Create"), permitted=_permitted, form=False, confirmed=_of_rights)
def create_entity(op: Operation, data: CreateInput) -> Answer:
    """Make a row of an entity from what was written."""
    entity = entity_named(data.entity)
    row = entity(**_read(op, entity, data.values, creating=True))
    for fill in _FILLS:
        fill(op, row)
    op.session.add(row)
    op.concerns(row)
    for follow in _FOLLOWS:
        follow(op, row)
    refuse_future_birthday(op, row)
    _still_hers(op, row)
    return {"id": row.id, **broken_by(op, row)}


@operation(Name.EDIT_ENTITY, label=_l("Edit"), permitted=_permitted, form=False, confirmed=_of_rights)
def edit_entity(op: Operation, data: EditInput) -> Answer:
    """Write new values into a row, unless somebody else changed it since it was seen."""
    entity = entity_named(data.entity)
    row = one_of(op.session, op.access, entity, data.id)
    _not_erased(row)
    values = _read(op, entity, data.values, creating=False)
    if data.version is not None and row.version != data.version:  # type: ignore[attr-defined]  # Records have versions
        raise _stale(op, row, values)
    for name, value in values.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
    refuse_future_birthday(op, row)
    op.concerns(row)
    _still_hers(op, row)
    _still_an_owner(op, row)
    return {"id": row.id, **broken_by(op, row)}


@operation(Name.ARCHIVE_ENTITY, label=_l("Archive"), permitted=_permitted, form=False, confirmed=_of_rights)
def archive_entity(op: Operation, data: RowInput) -> Answer:
    """Put a row away: lists leave it out, everything that refers to it stays."""
    row = _record(op, data)
    if row.archived_at is None:
        row.archived_at = op.at
    op.concerns(row)
    _still_an_owner(op, row)
    return {"id": row.id, **broken_by(op, row)}


@operation(Name.RESTORE_ENTITY, label=_l("Restore"), permitted=_permitted, form=False, confirmed=_of_rights)
def restore_entity(op: Operation, data: RowInput) -> Answer:
    """Bring an archived row back."""
    row = _record(op, data)
    _not_erased(row)
    if getattr(row, "merged_into_id", None) is not None:
        raise Refused(MERGED, None, "merged")
    row.archived_at = None
    op.concerns(row)
    return {"id": row.id, **broken_by(op, row)}


def _record(op: Operation, data: RowInput) -> Record:
    row = one_of(op.session, op.access, entity_named(data.entity), data.id)
    if not isinstance(row, Record):
        raise Refused(_l("Events are never put away."))
    check_version(row, data.version)
    return row


def _not_erased(row: Entity) -> None:
    if getattr(row, "erased_at", None) is not None:
        raise Refused(_l("What was erased stays erased."))


def refuse_future_birthday(op: Operation, row: Entity) -> None:
    """:raises Refused: a customer's birthday lies in the future."""
    if not isinstance(row, Customer) or row.birth_year is None:
        return
    solar = row.birth_calendar is not Calendar.LUNAR and row.birth_month is not None and row.birth_day is not None
    born = (row.birth_year, row.birth_month, row.birth_day) if solar else (row.birth_year,)
    today = (op.day.year, op.day.month, op.day.day) if solar else (op.day.year,)
    if born > today:
        raise Refused(_l("A birthday does not lie in the future."), "birth_year", "future")


def _still_an_owner(op: Operation, row: Entity) -> None:
    """The last owner who may sign in stays one: nobody else could make another."""
    if not isinstance(row, User):
        return
    owners = select(User.id).where(User.role == OWNER).order_by(User.id)
    op.session.execute(owners.with_for_update())  # two owners who give it up at once wait for one another
    left = owners.where(User.active, User.archived_at.is_(None))
    if op.session.scalar(left.limit(1)) is None:
        raise Refused(_l("Somebody must remain who signs in as owner."), "active")


def _read(op: Operation, entity: type[Entity], written: dict[str, Any], creating: bool) -> dict[str, Any]:
    fields, zone = entity.fields(), current_app.config["PEONY"].zone
    values: dict[str, Any] = {}
    for name, text in written.items():
        field = fields.get(name)
        if field is None or not op.access.writes(field, creating):
            raise Forbidden(_l("You may not write this field."), name)
        try:
            values[name] = read_value(field, text, zone)
        except Unreadable as error:
            raise Refused(error.message, name, "unreadable") from error
        if values[name] is not None:
            _check_reference(op, field, values[name])
            if field.info.words and values[name] not in dict(words_of(field.info.words, op.session)):
                raise Refused(_l("This is not one of the choices."), name, "choice")
    if creating:
        missing = next(
            (f for f in fields.values() if f.required and not f.info.generated and values.get(f.name) is None), None
        )
        if missing is not None and missing.name != "store_id":
            raise Refused(_l("This must not be empty."), missing.name, "empty")
    return {name: value for name, value in values.items() if value is not None or not creating}


def _check_reference(op: Operation, field: Field, value: Any) -> None:
    if field.kind is Kind.REFERENCE:
        target = entity_named(field.target)
        row = op.session.scalar(select(target).where(target.id == value, op.access.rows(target)))
        if row is None:
            raise Refused(_l("There is no such row, or it is not yours to see."), field.name, "missing")
        ensure_in_use([row], field.name)


def _stale(op: Operation, row: Any, wanted: dict[str, Any]) -> Stale:
    fields, zone = row.fields(), current_app.config["PEONY"].zone

    def standing(name: str) -> str:
        value, kind = getattr(row, name), fields[name].kind
        clear = op.access.sight(fields[name]) is Sight.CLEAR
        return write_value(kind, value, zone) if clear else masked(value, kind) or ""

    differences = {
        name: (standing(name), write_value(fields[name].kind, value, zone))
        for name, value in wanted.items()
        if getattr(row, name) != value
    }
    return Stale(_l("Somebody else changed this since you opened it."), row.version, differences)


def _still_hers(op: Operation, row: Entity) -> None:
    """Nobody writes a row out of her own sight, or into somebody else's."""
    op.session.flush()
    entity = type(row)
    if op.session.scalar(select(entity.id).where(entity.id == row.id, op.access.rows(entity))) is None:
        raise Forbidden(_l("That would put the row where you may not see it."))


# --------------------------------------------------------------- what an entity adds of its own at creation


def _own_store(op: Operation, row: Entity) -> None:
    if "store_id" in row.fields() and row.store_id is None:  # type: ignore[attr-defined]  # asked just before
        if len(op.actor.stores) != 1:
            raise Refused(_l("Choose a store."), "store_id", "empty")
        row.store_id = next(iter(op.actor.stores))  # type: ignore[attr-defined]  # the same


def _registered(op: Operation, row: Entity) -> None:
    if isinstance(row, Customer):
        row.registered_on = op.day


def _hers_who_made_her(op: Operation, row: Entity) -> None:
    """Who sees assigned customers only is assigned those she brings in."""
    role = op.access.role
    if (
        isinstance(row, Customer)
        and role is not None
        and role.sees in (Sees.ASSIGNED, Sees.SERVED)
        and op.actor.staff_id
    ):
        assignment = CustomerAssignment(customer_id=row.id, staff_id=op.actor.staff_id, since=op.at, reason="created")
        op.session.add(assignment)


_FILLS: list[Callable[[Operation, Entity], None]] = [_own_store, _registered]
_FOLLOWS: list[Callable[[Operation, Entity], None]] = [_hers_who_made_her]
