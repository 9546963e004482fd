"""A row of every entity on each side: ``own`` (Anna's, the first store's), ``foreign`` (Cora's, the second store's)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any
from zlib import crc32

from sqlalchemy import func, select

from models.booking import Resource
from models.clock import Schedule
from models.entity import Entity, db, entities, table_of
from models.field import Field, Kind
from models.rulebook import RuleActivation, RuleVersion
from models.standing import Tag
from models.value import COMMODITY, Account, AccountKind, LedgerEntry
from tests.cast import NOON, TODAY, raw_operation
from tests.conftest import House

SIDES = ("own", "foreign")
Rows = dict[str, dict[str, int]]


def _hours(n: int) -> dict[str, Any]:
    """From noon for eight hours, on a day of each side's own."""
    return {"starts_at": NOON + timedelta(days=n), "ends_at": NOON + timedelta(days=n, hours=8)}


SPECIAL: dict[str, Callable[[int], dict[str, Any]]] = {
    "customer": lambda n: {"birth_year": 1990, "birth_month": 5, "birth_day": 6},
    "shift": _hours,
    "leave": _hours,
    "shift_template": lambda n: {"starts_at": time(9), "ends_at": time(18)},
    "store": lambda n: {"opens_at": time(9), "closes_at": time(18)},
    "package_item": lambda n: {"product_id": None},
    "sale_line": lambda n: {
        "unit_price": 100,
        "quantity": 1,
        "discount": 0,
        "amount": 100,
        "product_id": None,
        "card_id": None,
        "card_item_id": None,
    },
    "sale": lambda n: {
        "number": 1,
        "business_day": TODAY - timedelta(days=n),
        "imported": False,
        "source_key": None,
        "approval_id": None,
        "total": 100,
    },
    "payment": lambda n: {"amount": 100},
    "staff_share": lambda n: {"permille": 1000},
    "assessment_parameter": lambda n: {"minimum": 0, "maximum": 100},
    "training_result": lambda n: {"score": 80},
    "alert": lambda n: {"to_role": "reception", "closed_at": None, "closed_by": None},
    "task": lambda n: {"to_role": "reception", "finished_at": None, "finished_by": None},
    "membership": lambda n: {"tier": "gold", "ended_on": None},
    "tier_change": lambda n: {"to_tier": "gold", "from_tier": None, "evidence": {}},
    "rule_match": lambda n: {"rule": "dormant", "until": None, "why": {}, "why_not": None},
    "rule_effect": lambda n: {"rule": "dormant", "held_because": None},
    "customer_tag": lambda n: {"held": True, "until": None},
    "customer_assignment": lambda n: {"until": NOON, "since": NOON - timedelta(days=1)},
    "contraindication": lambda n: {"since": None, "until": None},
    "concern": lambda n: {"resolved_on": None},
    "kpi_target": lambda n: {"staff_id": None},
    "product": lambda n: {"reorder_level": 1, "maximum_level": 9},
    "staff": lambda n: {"left_on": None},
    "account": lambda n: {"kind": AccountKind.PRINCIPAL, "card_item_id": None},
    "lot": lambda n: {"pending_until": None},
    "ledger_entry": lambda n: {"amount": 100},
    "gift_issue": lambda n: {"product_id": None},
    "voucher": lambda n: {"amount": 100, "settle_price": 80},
    "day_close": lambda n: {"expected_cash": 100, "counted_cash": 100, "difference": 0},
    "appointment": _hours,
    "segment": lambda n: {**_hours(n), "busy_until": NOON + timedelta(days=n, minutes=40)},
    "booking_claim": _hours,
    "closed_period": _hours,
    "follow_up": lambda n: {"done_at": None, "outcome": None},
}
READY: dict[str, type[Entity]] = {
    "schedule": Schedule,
    "rule_version": RuleVersion,
    "rule_activation": RuleActivation,
    "tag": Tag,
}
"""What every house has from the start."""


def fill(house: House) -> Rows:
    """Make the rows; their numbers by entity and side."""
    return house.kept("filled", lambda: _fill(house))


def _fill(house: House) -> Rows:
    rows: Rows = {"store": {"own": house.ids["first"], "foreign": house.ids["second"]}}
    rows["customer"] = {"own": house.ids["anna"], "foreign": house.ids["cora"]}
    rows["staff"] = {"own": house.ids["therapist_staff"], "foreign": house.ids["other_staff"]}
    rows["user"] = {"own": house.ids["therapist"], "foreign": house.ids["owner"]}
    for name, entity in READY.items():
        first, second = db.session.scalars(select(entity.id).order_by(entity.id).limit(2))
        rows[name] = {"own": first, "foreign": second}
    order = [table.name for table in db.metadata.sorted_tables]
    with raw_operation():
        rows["resource"] = {side: _resource(rows["staff"][side]) for side in SIDES}
        for entity in sorted(entities(), key=lambda one: order.index(one.named())):
            if entity.named() not in rows:
                rows[entity.named()] = {side: make(entity, side, place, rows) for place, side in enumerate(SIDES, 1)}
        balance()
    return rows


def _resource(staff: int) -> int:
    resource = Resource(staff_id=staff)
    db.session.add(resource)
    db.session.flush()
    return resource.id


def balance() -> None:
    """What this operation has put on customers' accounts comes out of the drawer, in one entry a store and day."""
    here = LedgerEntry.operation_id == _running()
    places = (LedgerEntry.store_id, LedgerEntry.business_day)
    query = select(func.sum(LedgerEntry.amount), *places).where(here).group_by(*places)
    for amount, store, day in db.session.execute(query).all():
        values = {"operation_id": _running(), "store_id": store, "business_day": day}
        db.session.add(LedgerEntry(account_id=_drawer(), amount=-amount, **values))


def _drawer() -> int:
    """The house's account of cash."""
    kind = AccountKind.CASH
    drawer = db.session.scalar(select(Account).where(Account.kind == kind))
    if drawer is None:
        drawer = Account(kind=kind, commodity=COMMODITY[kind])
        db.session.add(drawer)
        db.session.flush()
    return drawer.id


def _running() -> int:
    """The number of the operation that makes the rows."""
    number: int = db.session.info["operation"].number
    return number


def make(entity: type[Entity], side: str, place: int, rows: Rows, **given: Any) -> int:
    """One row, with every field filled in as its kind asks."""
    values: dict[str, Any] = {}
    for one in entity.fields().values():
        if one.info.generated and (one.column.nullable or one.column.default is not None or one.name == "id"):
            continue
        values[one.name] = _value(one, side, place, rows)
    values |= SPECIAL.get(entity.named(), lambda n: {})(place)
    values |= given
    row = entity(**values)
    db.session.add(row)
    db.session.flush()
    return row.id


def _value(one: Field, side: str, place: int, rows: Rows) -> Any:
    if one.kind is Kind.REFERENCE:
        if one.target == one.key.split(".")[0]:
            return None
        other = {"own": "foreign", "foreign": "own"}[side] if one.key == "relation.other_id" else side
        return rows[one.target][other]
    if one.kind is Kind.CHOICE:
        return next(iter(one.choices))
    if one.name == "operation_id":
        return _running()
    if "Json" in type(one.column.type).__name__:
        return {}
    plain: dict[Kind, Any] = {
        Kind.TEXT: f"{one.name[:8]}{place}",
        Kind.LONG_TEXT: f"{one.name} {place}",
        Kind.ITEMS: ["一", "二"] if one.info.each is None else ["1", "2"],
        Kind.NUMBER: place,
        Kind.MONEY: crc32(one.key.encode()) % 90_000 + place,
        Kind.DAY: TODAY,
        Kind.TIME: time(10),
        Kind.INSTANT: NOON,
        Kind.FLAG: False,
        Kind.PHONE: f"+8613800000{place:03d}",
    }
    return plain[one.kind]


def column_of(entity: type[Entity], name: str) -> Any:
    return table_of(entity).c[name]
