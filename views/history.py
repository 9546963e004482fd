"""The history of a row: who changed which field when, from what to what, as far as the reader may see the fields."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin_app.operations.registry import spec_named
from admin_app.titles import said
from admin_app.values import show_value
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
    return [
        Entry(operation, label_of(operation.name), change.kind, differences(entity, change, value, access))
        for change, value, operation in db.session.execute(query)
    ]


def differences(entity: type[Entity], change: RowChange, value: RowValue | None, access: Access) -> list[Difference]:
    """What changed, field by field, as this person may see it."""
    old, new = _loaded(value.old if value else None), _loaded(value.new if value else None)
    found: list[Difference] = []
    for name in change.columns.split(","):
        one = entity.fields().get(name)
        if one is None or one.name in {"version", "public_id", "id"} or access.sight(one) is Sight.HIDDEN:
            continue
        if value is None:
            found.append(Difference(str(one.label), name, str(GONE), str(GONE)))
        else:
            found.append(
                Difference(str(one.label), name, _text(one, old.get(name), access), _text(one, new.get(name), access))
            )
    return found


GONE = _l("erased")


def _loaded(text: str | None) -> dict[str, Any]:
    return json.loads(text) if text else {}


def _text(one: Field, value: Any, access: Access) -> str:
    if value is None:
        return ""
    plain = _python(one, value)
    if access.sight(one) is Sight.MASKED:
        return masked(plain, one.kind) or MASK
    if one.kind is Kind.REFERENCE:
        return f"#{plain}"
    if isinstance(plain, (dict, list)) and one.kind is not Kind.ITEMS:
        return json.dumps(plain, ensure_ascii=False)[:200]
    return said(one, plain) if one.info.words else show_value(one.kind, plain, current_app.config["PEONY"].zone)


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
    return "；".join(f"{one.label}: {one.old or '–'} → {one.new or '–'}" for one in found)
