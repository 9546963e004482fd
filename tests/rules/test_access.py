"""Who may see and do what: the answer is no unless the roles say yes; and what is left of a masked value."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from admin_app.operations.customers import LookUpInput
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Missing
from admin_app.rulebook import access_for
from models.actor import SYSTEM, Actor, ActorKind, command_actor
from models.catalogue import Product
from models.customers import Contraindication, Customer
from models.entity import Entity, db, entities
from models.field import Field, Kind, Privacy
from models.log import Operation
from models.names import Name
from models.organisation import Staff
from models.standing import Alert, Task
from rules.decisions.access import LOOK_UP_LASTS, Access, Sight, masked
from rules.documents.roles import Action, RolesDocument
from rules.language.reading import read_document
from tests.cast import raw_operation
from tests.conftest import House
from tests.rules.texts import SHIPPED, replaced

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
USER = Actor(ActorKind.USER, name="x", role="r", id=7, staff_id=8, stores=frozenset({1}))


def roles(text: str) -> RolesDocument:
    return read_document(RolesDocument, text, "rules/roles.yaml")


def access(said: str = "", actor: Actor = USER) -> Access:
    """What somebody of role ``r`` may, of which this is said."""
    return Access(actor, roles(f"version: 1\nroles:\n  - {{id: r, name: R{said and ', ' + said}}}\n"), NOW)


def of(entity: type[Entity], name: str) -> Field:
    return entity.fields()[name]


PHONE, SUBSTANCE, COST = of(Customer, "phone"), of(Contraindication, "substance"), of(Product, "cost")
NAME, MEMBER_NO, INDEX = of(Customer, "name"), of(Customer, "member_no"), of(Customer, "phone_index")


# --------------------------------------------------------------------------------------------------- masked values


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        ("+8613912345678", Kind.PHONE, "139••••5678"),
        ("13912345678", Kind.PHONE, "139••••5678"),
        ("+85291234567", Kind.PHONE, "+85••••4567"),
        ("62518888", Kind.PHONE, "••••88"),
        ("安娜", Kind.TEXT, "安••••"),
        ("安", Kind.TEXT, "安••••"),
        ("x" * 500, Kind.TEXT, "x••••"),
        ("青霉素过敏", Kind.LONG_TEXT, "••••"),
        (["一", "二"], Kind.ITEMS, "••••"),
        (420_000, Kind.MONEY, "••••"),
        (0, Kind.NUMBER, "••••"),
        (False, Kind.FLAG, "••••"),
        (NOW, Kind.INSTANT, "••••"),
        (NOW.date(), Kind.DAY, "••••"),
        (7, Kind.REFERENCE, "••••"),
    ],
)
def test_what_is_shown_of_a_masked_value(value: object, kind: Kind, shown: str) -> None:
    assert masked(value, kind) == shown


@pytest.mark.parametrize("kind", Kind)
def test_nothing_masked_is_nothing(kind: Kind) -> None:
    assert masked(None, kind) is None
    assert masked("", kind) is None


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in (Kind.PHONE, Kind.TEXT)])
def test_a_mask_tells_nothing_of_the_rest(kind: Kind) -> None:
    assert masked("abc", kind) == masked("wholly different", kind)


# ------------------------------------------------------------------------------------------------- deny by default


@pytest.mark.parametrize("entity", entities())
def test_an_unknown_role_may_nothing(entity: type[Entity]) -> None:
    nobody = access("may: {'*': [view, edit]}, does: ['*']", replace(USER, role="stranger"))
    assert not any(nobody.may(action, entity) for action in Action)
    assert str(nobody.rows(entity)) == "false"
    assert {nobody.sight(field) for field in entity.fields().values()} == {Sight.HIDDEN}
    assert not any(nobody.writes(field, creating=True) for field in entity.fields().values())


def test_an_unknown_role_does_nothing_and_opens_nothing() -> None:
    nobody = access("does: ['*'], pages: [dashboard]", replace(USER, role="stranger"))
    assert not any(nobody.does(name) for name in Name)
    assert not nobody.opens("dashboard")


def test_without_roles_there_is_no_yes() -> None:
    nobody = Access(USER, None, NOW)
    assert not nobody.may(Action.VIEW, Customer)
    assert not nobody.does(Name.TAG_CUSTOMERS)
    assert str(nobody.rows(Customer)) == "false"


def test_a_role_of_which_nothing_is_said_may_nothing() -> None:
    silent = access()
    assert not any(silent.may(action, entity) for action in Action for entity in entities())
    assert not any(silent.does(name) for name in Name)
    assert not silent.opens("dashboard")
    assert str(silent.rows(Customer)) == "false"


def test_what_is_said_of_an_entity_by_name_goes_before_the_star() -> None:
    found = access("may: {'*': [view, edit], customer: [view], staff: []}")
    assert found.may(Action.EDIT, Product)
    assert found.may(Action.VIEW, Customer)
    assert not found.may(Action.EDIT, Customer)
    assert not found.may(Action.VIEW, Staff)
    assert str(found.rows(Staff)) == "false"


def test_an_operation_is_named_or_starred() -> None:
    assert access("does: [tag_customers]").does(Name.TAG_CUSTOMERS)
    assert not access("does: [tag_customers]").does(Name.UNTAG_CUSTOMERS)
    assert all(access("does: ['*']").does(name) for name in Name)


def test_a_page_is_named() -> None:
    assert access("pages: [log]").opens("log")
    assert not access("pages: ['*']").opens("log")


@pytest.mark.parametrize("actor", [SYSTEM, command_actor("root")])
def test_the_machine_stands_above_roles_but_sees_no_secret(actor: Actor) -> None:
    machine = Access(actor, None, NOW)
    assert machine.may(Action.ARCHIVE, Customer)
    assert machine.does(Name.TAG_CUSTOMERS)
    assert machine.sight(SUBSTANCE) is Sight.CLEAR
    assert machine.sight(INDEX) is Sight.HIDDEN
    assert str(machine.rows(Customer)) == "true"


@pytest.mark.parametrize("kind", [ActorKind.LINK, ActorKind.TOKEN])
def test_a_link_or_a_token_is_not_the_machine(kind: ActorKind) -> None:
    assert not access(actor=replace(USER, kind=kind)).may(Action.VIEW, Customer)


# ---------------------------------------------------------------------------------------------------------- fields


@pytest.mark.parametrize(
    ("said", "field", "sight"),
    [
        ("may: {'*': [view]}", NAME, Sight.CLEAR),
        ("may: {'*': [view]}", PHONE, Sight.MASKED),
        ("may: {'*': [view]}", SUBSTANCE, Sight.HIDDEN),
        ("may: {'*': [view]}", COST, Sight.HIDDEN),
        ("may: {'*': [view, reveal]}", SUBSTANCE, Sight.MASKED),
        ("may: {'*': [view, reveal]}", COST, Sight.HIDDEN),
        ("may: {'*': [view, reveal], contraindication: [view]}", SUBSTANCE, Sight.HIDDEN),
        ("clear: [personal]", PHONE, Sight.CLEAR),
        ("clear: [sensitive]", SUBSTANCE, Sight.CLEAR),
        ("clear: [business]", COST, Sight.CLEAR),
        ("clear: [business, sensitive]", PHONE, Sight.MASKED),
        ("masked: [customer.name]", NAME, Sight.MASKED),
        ("clear: [personal], masked: [customer.phone]", PHONE, Sight.MASKED),
        ("clear: [personal], masked: [customer.phone], hidden: [customer.phone]", PHONE, Sight.HIDDEN),
        ("hidden: [customer.name]", NAME, Sight.HIDDEN),
        ("masked: [product.cost]", COST, Sight.MASKED),
        ("clear: [secret, personal], masked: [customer.phone_index]", INDEX, Sight.HIDDEN),
        ("read_only: [customer.name]", NAME, Sight.CLEAR),
    ],
)
def test_how_a_field_is_seen(said: str, field: Field, sight: Sight) -> None:
    """Secret, then hidden, then masked, then its class."""
    assert access(said).sight(field) is sight


@pytest.mark.parametrize(
    ("said", "field", "edits", "creates"),
    [
        ("", NAME, True, True),
        ("read_only: [customer.name]", NAME, False, True),
        ("masked: [customer.name]", NAME, True, True),
        ("hidden: [customer.name]", NAME, False, False),
        ("hidden: [customer.name], read_only: [customer.name]", NAME, False, False),
        ("", PHONE, True, True),
        ("", SUBSTANCE, False, False),
        ("clear: [secret]", INDEX, False, False),
        ("", of(Customer, "registered_on"), False, False),
        ("", of(Customer, "id"), False, False),
    ],
)
def test_who_writes_a_field(said: str, field: Field, edits: bool, creates: bool) -> None:
    found = access(said)
    assert (found.writes(field), found.writes(field, creating=True)) == (edits, creates)


def test_not_even_the_machine_writes_what_the_house_keeps() -> None:
    assert not Access(SYSTEM, None, NOW).writes(of(Customer, "registered_on"))
    assert Access(SYSTEM, None, NOW).writes(NAME)


@pytest.mark.parametrize("role", [role.id for role in roles(SHIPPED["roles"]).roles])
def test_no_shipped_role_sees_a_secret(role: str) -> None:
    found = Access(replace(USER, role=role), roles(SHIPPED["roles"]), NOW)
    secrets = [f for entity in entities() for f in entity.fields().values() if f.info.privacy is Privacy.SECRET]
    assert secrets
    assert {found.sight(field) for field in secrets} == {Sight.HIDDEN}


# ------------------------------------------------------------------------------------------------ rows: look-ups


def access_at(actor: Actor, moment: datetime) -> Access:
    return replace(access_for(actor), now=moment)


def seen(found: Access) -> set[int]:
    return set(db.session.scalars(select(Customer.id).where(found.rows(Customer))))


def look_up(house: House, role: str, number: str = "V003") -> datetime:
    """Cora belongs to the second store; when she was looked up."""
    perform(Name.LOOK_UP_CUSTOMER, LookUpInput(number=number), actor=house.actor(role))
    query = select(Operation.at).where(Operation.name == Name.LOOK_UP_CUSTOMER.value).order_by(Operation.id.desc())
    at = db.session.scalars(query.limit(1)).one()
    db.session.rollback()
    return at


@pytest.mark.parametrize(
    ("later", "open_"),
    [
        (timedelta(0), True),
        (timedelta(minutes=29, seconds=59), True),
        (LOOK_UP_LASTS, True),
        (LOOK_UP_LASTS + timedelta(milliseconds=1), False),
        (timedelta(days=1), False),
    ],
)
def test_a_look_up_opens_a_customer_for_half_an_hour(house: House, later: timedelta, open_: bool) -> None:
    at = look_up(house, "reception")
    assert (house.ids["cora"] in seen(access_at(house.actor("reception"), at + later))) is open_


def test_a_look_up_opens_what_is_hers_to_nobody_else(house: House) -> None:
    at = look_up(house, "reception")
    assert house.ids["cora"] not in seen(access_at(house.actor("manager"), at))
    assert house.ids["cora"] not in seen(access_at(house.actor("reception", id=999), at))
    assert house.ids["cora"] not in seen(access_at(replace(house.actor("reception"), kind=ActorKind.TOKEN), at))


def test_a_look_up_of_one_opens_no_other(house: House) -> None:
    at = look_up(house, "consultant", "V002")
    found = seen(access_at(house.actor("consultant"), at))
    assert found == {house.ids["anna"], house.ids["berta"]}


def test_a_look_up_opens_her_rows_too(house: House) -> None:
    with raw_operation():
        danger = Contraindication(customer_id=house.ids["cora"], kind="allergy")
        db.session.add(danger)
        db.session.flush()
        number = danger.id
    actor = house.actor("reception")
    at = look_up(house, "reception")
    for moment, rows in ((at, {number}), (at + timedelta(hours=1), set())):
        found = access_at(actor, moment).rows(Contraindication)
        assert set(db.session.scalars(select(Contraindication.id).where(found))) == rows


def test_a_look_up_that_found_nobody_opens_nobody(house: House) -> None:
    with pytest.raises(Missing):
        perform(Name.LOOK_UP_CUSTOMER, LookUpInput(number="V9"), actor=house.actor("reception"))
    assert house.ids["cora"] not in seen(access_for(house.actor("reception")))


def test_who_may_no_longer_look_up_sees_no_more_of_it(house: House) -> None:
    at = look_up(house, "reception")
    text = replaced("roles", "      - look_up_customer\n      - record_consent\n", "      - record_consent\n")
    assert text.count("look_up_customer") == 2
    without = Access(house.actor("reception"), roles(text), at)
    assert house.ids["cora"] not in seen(without)


# -------------------------------------------------------------------------------------------- rows: who hears what


def alerts_for(house: House, said: str) -> set[str]:
    """The roles whose alerts somebody sees who sees her store and of whom this is said."""
    document = roles(
        f"version: 1\nroles:\n  - {{id: reception, name: R, may: {{alert: [view], task: [view]}}, {said}}}\n"
    )
    found = Access(house.actor("reception"), document, NOW)
    told = {alert.to_role for alert in db.session.scalars(select(Alert).where(found.rows(Alert)))}
    asked = {task.to_role for task in db.session.scalars(select(Task).where(found.rows(Task)))}
    assert told == asked
    return told


@pytest.fixture
def told(house: House) -> House:
    """An alert and a task for each of three roles, about Berta of her store and about Cora of another."""
    with raw_operation():
        for role in ("reception", "consultant", "manager"):
            for customer in ("berta", "cora"):
                values = {"source": "x", "occasion": f"{role}:{customer}", "text": "x", "to_role": role}
                values["customer_id"] = house.ids[customer]
                db.session.add(Alert(**values, raised_at=NOW))
                db.session.add(Task(**values, due_on=NOW.date()))
    return house


def test_each_hears_her_own(told: House) -> None:
    assert alerts_for(told, "sees: store") == {"reception"}


def test_some_hear_others_too(told: House) -> None:
    assert alerts_for(told, "sees: store, hears: [consultant]") == {"reception", "consultant"}


def test_some_hear_everything(told: House) -> None:
    assert alerts_for(told, "sees: store, hears: ['*']") == {"reception", "consultant", "manager"}


def test_whoever_hears_everything_still_hears_it_of_her_own_customers_only(told: House) -> None:
    document = roles(SHIPPED["roles"])
    found = Access(told.actor("manager"), document, NOW)
    customers = {alert.customer_id for alert in db.session.scalars(select(Alert).where(found.rows(Alert)))}
    assert customers == {told.ids["berta"]}
    assert alerts_for(told, "sees: assigned, hears: ['*']") == set()


def test_whoever_may_not_see_alerts_hears_none(told: House) -> None:
    document = roles("version: 1\nroles:\n  - {id: reception, name: R, sees: all, hears: ['*']}\n")
    found = Access(told.actor("reception"), document, NOW)
    assert db.session.scalars(select(Alert.id).where(found.rows(Alert))).all() == []
