"""The history of a row: who changed which field when, from what to what, as far as the reader may see the fields."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin_app.i18n import join_clauses
from admin_app.operations.registry import spec_named
from admin_app.titles import said, titles_by
from models.cipher import keyring
from models.entity import Entity, db
from models.field import Field, Kind
from models.log import Operation, RowChange, RowValue
from rules.decisions.access import MASK, Access, Sight, masked

NEWEST = 100


@dataclass(frozen=True)
class Difference:
    """One field, before and after, in words; a value that was erased shows as gone."""

    label: str
    field: str
    old: str
    new: str


@dataclass(frozen=True)
class Entry:
    """One operation on the row."""

    operation: Operation
    label: str
    kind: str
    differences: list[Difference]


def label_of(name: str) -> str:
    """How a person knows an operation."""
    try:
        return str(spec_named(name).label)
    except KeyError:
        return name


def of_row(entity: type[Entity], row_id: int, access: Access) -> list[Entry]:
    """The newest operations that changed a row."""
    query = (
        select(RowChange, RowValue, Operation)
        .join(Operation, Operation.id == RowChange.operation_id)
        .outerjoin(RowValue, RowValue.row_change_id == RowChange.id)
        .where(RowChange.entity == entity.named(), RowChange.row_id == row_id)
        .order_by(RowChange.id.desc())
        .limit(NEWEST)
    )
    found = db.session.execute(query).all()
    told = Told([(entity, change, value) for change, value, _ in found], access)
    return [
        Entry(operation, label_of(operation.name), change.kind, told.differences(entity, change, value))
        for change, value, operation in found
    ]


Change = tuple[type[Entity], RowChange, RowValue | None]


class Told:
    """Changes in words, as one person may see them; what they refer to is looked up once for all of them."""

    def __init__(self, changes: Iterable[Change], access: Access) -> None:
        self.access = access
        wanted: dict[str, set[int]] = {}
        for entity, change, value in changes:
            sides = _sides(value)
            for one in self._fields(entity, change):
                if one.kind is Kind.REFERENCE:
                    ids = {side[one.name] for side in sides if side.get(one.name) is not None}
                    wanted.setdefault(one.target, set()).update(ids)
        self.titles = titles_by(wanted, access)

    def differences(self, entity: type[Entity], change: RowChange, value: RowValue | None) -> list[Difference]:
        """What changed, field by field."""
        old, new = _sides(value)
        gone = str(GONE)
        return [
            Difference(str(one.label), one.name, gone, gone)
            if value is None
            else Difference(
                str(one.label), one.name, self._text(one, old.get(one.name)), self._text(one, new.get(one.name))
            )
            for one in self._fields(entity, change)
        ]

    def _fields(self, entity: type[Entity], change: RowChange) -> list[Field]:
        known = (entity.fields().get(name) for name in change.columns.split(",") if name not in UNTOLD)
        return [one for one in known if one is not None and self.access.sight(one) is not Sight.HIDDEN]

    def _text(self, one: Field, value: Any) -> str:
        if value is None:
            return ""
        plain = _python(one, value)
        if self.access.sight(one) is Sight.MASKED:
            return masked(plain, one.kind) or MASK
        if one.kind is Kind.REFERENCE:
            return self.titles.get((one.target, plain), f"#{plain}")
        if isinstance(plain, (dict, list)) and one.kind is not Kind.ITEMS:
            return json.dumps(plain, ensure_ascii=False)[:200]
        return said(one, plain)


UNTOLD = frozenset({"version", "public_id", "id"})
GONE = _l("erased")


def _sides(value: RowValue | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values before and after."""
    if value is None:
        return {}, {}
    return json.loads(value.old) if value.old else {}, json.loads(value.new) if value.new else {}


def _python(one: Field, value: Any) -> Any:
    """A logged JSON value as the field's own type; ciphertext is opened."""
    if one.encrypted:
        sealed = bytes.fromhex(str(value).removeprefix("\\x"))
        return keyring().decrypt(sealed, one.key)
    match one.kind:
        case Kind.FLAG:
            return bool(value)
        case Kind.DAY:
            return date.fromisoformat(str(value)[:10])
        case Kind.TIME:
            return time.fromisoformat(str(value))
        case Kind.INSTANT:
            at = datetime.fromisoformat(str(value))
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        case Kind.CHOICE:
            return one.choices(value)
        case Kind.ITEMS:
            return json.loads(value) if isinstance(value, str) else value
    return value


def difference_texts(found: Sequence[Difference]) -> str:
    return join_clauses(f"{one.label}: {one.old or '–'} → {one.new or '–'}" for one in found)
