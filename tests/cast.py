"""The fixed cast: who signs in, where she works, and what is hers.

Two stores. ``owner`` and ``auditor`` see both; ``manager``, ``reception``, ``consultant`` and ``therapist`` work in the
first. ``Anna`` is a customer of the first store, assigned to consultant and therapist; ``Berta`` of the first store,
nobody's; ``Cora`` of the second store. The ``stranger`` has no account.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from admin_app.operations.accounts import CreateUserInput
from admin_app.operations.customers import AssignInput
from admin_app.operations.entities import CreateInput
from admin_app.operations.kernel import perform
from admin_app.security import passwords
from models.accounts import User
from models.actor import SYSTEM
from models.connection import WRITES, take_operation
from models.customers import CareRole
from models.entity import db
from models.names import Name

ROLES = ("owner", "manager", "reception", "consultant", "therapist", "auditor", "finance")
PASSWORD = "a sentence that only {} knows"
TODAY = date(2026, 11, 22)
NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)


def password_of(role: str) -> str:
    return PASSWORD.format(role)


def create(entity: str, **values: object) -> int:
    """A row through the ordinary operation."""
    made = perform(Name.CREATE_ENTITY, CreateInput(entity=entity, values=values), actor=SYSTEM)
    return int(made["id"])


def build_cast() -> dict[str, int]:
    """Stores, staff, users and three customers; the numbers of what tests speak of."""
    ids = {"first": create("store", name="第一店"), "second": create("store", name="第二店")}
    for role in ("manager", "reception", "consultant", "therapist", "finance"):
        position = role if role != "finance" else "office"
        ids[f"{role}_staff"] = create("staff", name=f"员工{role}", position=position, store_id=ids["first"])
    ids["other_staff"] = create("staff", name="二店美容师", store_id=ids["second"])
    for role in ROLES:
        ids[role] = _user(role, ids.get(f"{role}_staff"))
    people = (
        ("anna", "安娜", "first", "13900000001"),
        ("berta", "贝塔", "first", "13900000002"),
        ("cora", "柯拉", "second", "13900000003"),
    )
    for key, name, store, phone in people:
        number = f"V{phone[-3:]}"
        ids[key] = create(
            "customer", name=name, store_id=ids[store], phone=phone, member_no=number, address=f"{name}的家"
        )
    for role in (CareRole.CONSULTANT, CareRole.THERAPIST):
        data = AssignInput(customers=[ids["anna"]], staff=ids[f"{role.value}_staff"], care_role=role)
        perform(Name.ASSIGN_CUSTOMERS, data, actor=SYSTEM)
    return ids


def _user(role: str, staff: int | None) -> int:
    data = CreateUserInput(login=role, name=f"用户{role}", role=role, staff=staff)
    number = int(perform(Name.CREATE_USER, data, actor=SYSTEM)["id"])
    with raw_operation():
        user = db.session.get_one(User, number)
        user.password_hash, user.must_change_password = passwords.hashed(password_of(role)), False
    return number


class raw_operation:  # noqa: N801 - reads as a statement: with raw_operation():
    """A write transaction that the database takes for an operation, for what tests put in by hand."""

    def __enter__(self) -> int:
        from admin_app.operations.kernel import Operation, now
        from admin_app.operations.registry import spec_named

        session = db.session()
        session.rollback()
        self.connection = session.connection(execution_options={WRITES: True})
        self.number = take_operation(self.connection, Name.LOAD)
        session.info["operation"] = Operation(session, spec_named(Name.LOAD), SYSTEM, None, self.number, now())  # type: ignore[arg-type]
        return self.number

    def __exit__(self, kind: object, *_: object) -> None:
        from sqlalchemy import insert

        from admin_app.operations import chain
        from admin_app.operations.kernel import now
        from models.log import EntryKind, Operation

        session = db.session()
        try:
            if kind is not None:
                session.rollback()
                return
            session.flush()
            values = {"id": self.number, "name": "load", "kind": EntryKind.LOAD, "at": now(), "actor_kind": "system"}
            session.execute(insert(Operation), {**values, "actor_name": "test", "actor_role": "system"})
            chain.link(self.connection, self.number)
            session.commit()
        finally:
            session.info.pop("operation", None)
