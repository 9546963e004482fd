"""Who may see and do what: the answer is no unless the roles say yes; and what is left of a masked value."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from models.actor import SYSTEM, Actor, ActorKind, command_actor
from models.catalogue import Product
from models.cipher import Keyring
from models.customers import Contraindication, Customer
from models.entity import Entity, entities
from models.field import Field, Kind, Privacy
from models.names import Name
from models.organisation import Staff
from rules.decisions.access import Access, Sight, masked
from rules.documents.roles import Action, RolesDocument
from rules.language.reading import read_document
from tests.rules.texts import SHIPPED
from views.listing import filterable, found_by, is_number_search, number_fields, read_listing, sortable

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
        ("4008123456", Kind.PHONE, "400••••3456"),
        ("400812345", Kind.PHONE, "••••45"),
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
    assert not access("pages: [dashboard]").opens("log")


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


# ------------------------------------------------------------------------------- numbers that are hidden find nothing


@pytest.mark.parametrize(
    ("said", "searched"),
    [
        ("may: {'*': [view]}", True),
        ("may: {'*': [view]}, masked: [customer.phone]", True),
        ("may: {'*': [view]}, hidden: [customer.phone]", False),
    ],
)
def test_a_hidden_number_is_neither_searched_nor_filtered(
    monkeypatch: pytest.MonkeyPatch, said: str, *, searched: bool
) -> None:
    monkeypatch.setattr("models.cipher._current", Keyring.fresh())
    seen = access(said)
    assert (PHONE in number_fields(Customer, seen)) is searched
    assert is_number_search(Customer, seen, "13900000001") is searched
    assert PHONE not in filterable(Customer, seen)
    assert ("phone_index" in str(found_by(Customer, seen, "13900000001"))) is searched
    assert [fault.param for fault in read_listing(Customer, seen, {"phone.has": "139"}).faults] == ["phone.has"]


@pytest.mark.parametrize("rule", ["hidden", "masked"])
def test_a_field_that_is_not_seen_in_clear_is_neither_filtered_nor_sorted_by(rule: str) -> None:
    seen = access(f"may: {{'*': [view]}}, {rule}: [customer.member_no]")
    assert MEMBER_NO in filterable(Customer, access("may: {'*': [view]}"))
    assert MEMBER_NO not in filterable(Customer, seen)
    assert "member_no" not in sortable(Customer, seen)
