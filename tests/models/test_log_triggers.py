"""The operation log is written by the database itself: whoever changes a row, by whatever way, stands in it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sqlalchemy import select, text, update

from admin_app.operations.customers import EraseInput
from admin_app.operations.kernel import perform
from models.accounts import User
from models.connection import hidden, value_digest
from models.customers import Customer
from models.entity import db, entities
from models.log import RowChange, RowValue
from models.names import Name
from models.triggers import NO_ACTOR
from tests import factory
from tests.cast import password_of, raw_operation
from tests.conftest import House
from tests.models import raw

BRAND = "INSERT INTO brand (name) VALUES ('玉兰')"


def done(*statements: str) -> int:
    """The number of one operation in which these were done."""
    with raw_operation() as number:
        for statement in statements:
            db.session.execute(text(statement))
    return number


def changes(operation: int) -> list[tuple[str, int, str, str]]:
    query = "SELECT entity, row_id, kind, columns FROM row_change WHERE operation_id = :number ORDER BY row_id, id"
    return raw.rows(query, number=operation)  # type: ignore[return-value]


def values(operation: int) -> list[tuple[Any, Any]]:
    """Before and after of each row that an operation changed."""
    query = """SELECT old, new FROM row_value JOIN row_change ON row_change.id = row_change_id
               WHERE operation_id = :number ORDER BY row_change_id"""
    return [(old and json.loads(old), new and json.loads(new)) for old, new in raw.rows(query, number=operation)]


# ------------------------------------------------------------------------------------------------ what is written


def test_a_bulk_update_is_logged_row_by_row(house: House) -> None:
    with raw_operation() as number:
        db.session.execute(update(Customer).values(notes="大家好"))
    people = [house.ids[name] for name in ("anna", "berta", "cora")]
    assert changes(number) == [("customer", one, "update", "notes") for one in sorted(people)]


def test_an_insert_by_hand_is_logged_with_its_values(house: House) -> None:
    number = done(BRAND)
    row = raw.one("SELECT id FROM brand")
    assert changes(number) == [("brand", row, "insert", "id,name,version")]
    assert values(number) == [(None, {"id": row, "name": "玉兰", "version": 1})]


def test_an_update_by_hand_is_logged_with_before_and_after(house: House) -> None:
    done(BRAND)
    number = done("UPDATE brand SET name = '牡丹', country = '中国'")
    assert values(number) == [({"name": "玉兰"}, {"name": "牡丹", "country": "中国"})]


def test_a_delete_by_hand_is_logged_with_what_is_lost(house: House) -> None:
    done(BRAND)
    row = raw.one("SELECT id FROM brand")
    number = done("DELETE FROM brand")
    assert changes(number) == [("brand", row, "delete", "id,name,version")]
    assert values(number) == [({"id": row, "name": "玉兰", "version": 1}, None)]


def test_a_value_taken_away_is_logged(house: House) -> None:
    done(BRAND, "UPDATE brand SET country = '中国'")
    assert values(done("UPDATE brand SET country = NULL")) == [({"country": "中国"}, {})]


def test_a_replacement_is_logged_as_a_loss_and_a_gain(sqlite_house: House) -> None:
    done(BRAND)
    number = done("INSERT OR REPLACE INTO brand (name, country) VALUES ('玉兰', '法国')")
    assert sorted(kind for _, _, kind, _ in changes(number)) == ["delete", "insert"]


def test_an_upsert_is_logged_as_an_update(house: House) -> None:
    done(BRAND)
    number = done(f"{BRAND} ON CONFLICT (name) DO UPDATE SET country = '法国'")
    assert [(kind, columns) for _, _, kind, columns in changes(number)] == [("update", "country")]


def test_an_update_that_changes_nothing_is_not_logged(house: House) -> None:
    assert changes(done("UPDATE customer SET notes = notes, name = name")) == []


def test_quotes_and_line_ends_stand_in_the_log_as_they_are(house: House) -> None:
    odd = 'a"b\\c\n😀|'
    with raw_operation() as number:
        db.session.execute(update(Customer).where(Customer.id == house.ids["anna"]).values(notes=odd))
    assert [new for _, new in values(number)] == [{"notes": odd}]


def test_every_entity_that_is_logged_has_its_rows_in_the_log(house: House) -> None:
    factory.fill(house)
    logged = {name for (name,) in raw.rows("SELECT DISTINCT entity FROM row_change")}
    assert logged == {entity.named() for entity in entities() if entity.logged()}


def test_the_digest_is_that_of_the_salted_values(house: House) -> None:
    done("UPDATE customer SET notes = '好'", BRAND, "DELETE FROM brand")
    query = select(RowChange.digest, RowValue.salt, RowValue.old, RowValue.new).join(RowValue)
    found = db.session.execute(query).all()
    assert len(found) > 20
    assert [row for row in found if row.digest != value_digest(row.salt, row.old, row.new)] == []


def test_every_row_has_a_salt_of_its_own(house: House) -> None:
    salts = [salt for (salt,) in raw.rows("SELECT salt FROM row_value")]
    assert len(set(salts)) == len(salts)
    assert {len(salt) for salt in salts} == {32}


# ------------------------------------------------------------------------------------------------ what is hidden


def test_a_password_never_stands_in_the_log(house: House) -> None:
    number = done("UPDATE \"user\" SET password_hash = 'geheim' WHERE login = 'owner'")
    [(old, new)] = values(number)
    assert new == {"password_hash": hidden("geheim")}
    assert re.fullmatch("•[0-9a-f]{32}", old["password_hash"])


def test_no_password_of_the_cast_stands_in_the_log(house: House) -> None:
    text_ = "\n".join(f"{old}{new}" for old, new in raw.rows("SELECT old, new FROM row_value"))
    hashes = db.session.scalars(select(User.password_hash)).all()
    assert len(hashes) == 7
    assert [one for one in (*hashes, password_of("owner")) if one in text_] == []


def test_numbers_stand_in_the_log_as_ciphertext_and_their_indexes_not_at_all(house: House) -> None:
    with raw_operation() as number:
        db.session.get_one(Customer, house.ids["anna"]).phone = "+8613912345678"
    [(old, new)] = values(number)
    columns = "phone_index", "phone_last4"
    kept = db.session.execute(text("SELECT phone_index, phone_last4 FROM customer WHERE id = 1")).one()
    assert [new[name] for name in columns] == [hidden(value) for value in kept], "a digest, by which a change is seen"
    assert not any(value in (new[name], old[name]) for name, value in zip(columns, kept, strict=True))
    kept = bytes(raw.one("SELECT phone FROM customer WHERE id = :row", row=house.ids["anna"]))
    assert new["phone"].removeprefix("\\x").lower() == kept.hex()


# ------------------------------------------------------------------------------------ nothing without an operation


@pytest.mark.parametrize("statement", [BRAND, "UPDATE customer SET notes = 'x'", "DELETE FROM customer_assignment"])
def test_a_write_without_an_operation_is_refused(house: House, statement: str) -> None:
    raw.hang_up()
    assert NO_ACTOR in raw.without_operation(statement)


def test_an_operation_that_is_done_lends_its_name_to_nothing_after_it(house: House) -> None:
    done(BRAND)
    assert NO_ACTOR in raw.without_operation("UPDATE customer SET notes = 'x'")


def test_an_operation_that_failed_lends_its_name_to_nothing_after_it(house: House) -> None:
    assert raw.refusal("UPDATE customer SET store_id = 999") != ""
    assert NO_ACTOR in raw.without_operation("UPDATE customer SET notes = 'x'")


def test_after_an_erasure_values_are_safe_again(house: House) -> None:
    data = EraseInput(customer=house.ids["cora"], confirm="柯拉", why="她要求的")
    perform(Name.ERASE_CUSTOMER, data, actor=house.actor("owner"))
    assert "append-only" in raw.without_operation("DELETE FROM row_value")


# -------------------------------------------------------------------------------------------------------- marks


def marked(*statements: str) -> set[int]:
    """The customers marked for a new look by these statements."""
    before = raw.one("SELECT coalesce(max(seq), 0) FROM changed_customer")
    done(*statements)
    return {one for (one,) in raw.rows("SELECT customer_id FROM changed_customer WHERE seq > :before", before=before)}


def test_a_changed_customer_is_marked(house: House) -> None:
    assert marked(f"UPDATE customer SET notes = 'x' WHERE id = {house.ids['berta']}") == {house.ids["berta"]}


def test_a_sale_marks_its_customer(house: House) -> None:
    known = factory.fill(house)
    again = raw.copied("sale", known["sale"]["own"], number="2", public_id="'x'", source_key="NULL")
    assert marked(again) == {house.ids["anna"]}


def test_a_sale_given_to_another_customer_marks_both(house: House) -> None:
    known = factory.fill(house)
    moved = f"UPDATE sale SET customer_id = {house.ids['berta']} WHERE id = {known['sale']['own']}"
    assert marked(moved) == {house.ids["anna"], house.ids["berta"]}


def test_a_row_that_goes_marks_its_customer(house: House) -> None:
    assert marked("DELETE FROM customer_assignment") == {house.ids["anna"]}


def test_a_sale_without_a_customer_marks_nobody(house: House) -> None:
    known = factory.fill(house)
    anonymous = {"number": "2", "public_id": "'x'", "source_key": "NULL", "customer_id": "NULL"}
    assert marked(raw.copied("sale", known["sale"]["own"], **anonymous)) == set()


def test_what_the_rules_themselves_write_marks_nobody(house: House) -> None:
    factory.fill(house)
    assert marked("UPDATE customer_tag SET reason = 'x'", "UPDATE membership SET tier = 'silver'") == set()
