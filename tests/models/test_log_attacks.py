"""The operation log, and whatever happened once, is defended by the database: inside the house and from outside."""

from __future__ import annotations

import pytest

from models.entity import Base, entities
from models.log import LogBase
from models.names import Name
from tests import factory
from tests.conftest import House
from tests.models import raw

LOG = ("operation", "row_change", "row_value", "log_link")
EVENTS = tuple(entity.named() for entity in entities() if entity.append_only)
HAPPENED = ("interaction", "consent_event", "sale_line", "staff_share", "payment", "attendance", "tier_change")
DEFENCES = ("append-only", "no such function: peony_", "write without an actor", "cannot be emptied")
NEW_ROWS = {
    "customer": """INSERT INTO customer (public_id, name, birth_calendar, stage, store_id, registered_on)
                   VALUES ('x', 'x', 'solar', 'lead', 1, '2026-01-01')""",
    "operation": """INSERT INTO operation (id, name, kind, at, actor_kind, actor_name, actor_role,
                                           address, agent, result)
                    VALUES (9999, 'x', 'write', '2026-01-01 00:00:00.000000', 'user', 'x', 'owner', '', '', 'done')""",
    "row_change": """INSERT INTO row_change (operation_id, entity, row_id, kind, columns, digest)
                     VALUES (1, 'customer', 1, 'update', 'name', 'x')""",
    "log_link": "INSERT INTO log_link (seq, operation_id, rows, previous, hash) VALUES (9999, 9999, 0, 'x', 'x')",
    "interaction": """INSERT INTO interaction (customer_id, at, channel, complaint)
                      VALUES (1, '2026-01-01 00:00:00.000000', 'phone', false)""",
}
REPLACED = ("operation", "row_change", "row_value", "log_link", "interaction", "attendance", "sale_line")


@pytest.fixture
def full(house: House) -> House:
    factory.fill(house)
    return house


def undefended(said: dict[str, str]) -> dict[str, str]:
    return {what: answer for what, answer in said.items() if not any(words in answer for words in DEFENCES)}


def from_outside(house: House, statements: list[str], *settings: str) -> dict[str, str]:
    """What another program gets through with, or is refused for another reason than it should."""
    with raw.outside(house) as connection:
        for setting in settings:
            connection.execute(setting)
        return undefended(raw.attacks(connection, statements))


def touched(table: str) -> list[str]:
    column = next(iter(Base.metadata.tables[table].columns)).name
    return [f'UPDATE "{table}" SET {column} = {column}', f'DELETE FROM "{table}"']


# ------------------------------------------------------------------------------------------- in the house's own hands


def test_the_log_and_all_events_are_known_here() -> None:
    assert set(HAPPENED) <= set(EVENTS)
    assert {cls.__tablename__ for cls in LogBase.__subclasses__()} == {*LOG} - {"row_value"}


def test_the_log_is_never_changed_by_an_operation(house: House) -> None:
    said = raw.refusals({f"{table}: {one}": one for table in LOG for one in touched(table)})
    assert undefended(said) == {}


def test_what_happened_is_never_changed_by_an_operation(full: House) -> None:
    said = raw.refusals({one: one for table in EVENTS for one in touched(table)})
    assert undefended(said) == {}


def test_nothing_that_happened_is_replaced(sqlite_house: House) -> None:
    factory.fill(sqlite_house)
    again = [f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}" for table in (*LOG, *EVENTS)]
    assert undefended(raw.refusals({one: one for one in again})) == {}


def test_nothing_that_happened_is_replaced_by_a_key_beside_its_number(sqlite_house: House) -> None:
    factory.fill(sqlite_house)
    keyed = ("attendance", "sale_line", "staff_share", "rule_version")
    again = {table: raw.copied(table, 1).replace("INSERT", "INSERT OR REPLACE", 1) for table in keyed}
    link = "INSERT OR REPLACE INTO log_link SELECT 9999, operation_id, rows, previous, 'x' FROM log_link WHERE seq = 1"
    assert undefended(raw.refusals(again | {"log_link": link})) == {}


def test_upserts_change_nothing_that_happened(full: House) -> None:
    upsert = "INSERT INTO log_link SELECT * FROM log_link WHERE true ON CONFLICT (seq) DO UPDATE SET hash = 'x'"
    assert undefended(raw.refusals({"log_link": upsert})) == {}


# ------------------------------------------------------------------------------------------------------- erasing her


def test_an_erasure_may_remove_values_from_the_log(house: House) -> None:
    said = raw.refusals({"delete": "DELETE FROM row_value"}, name=Name.ERASE_CUSTOMER)
    assert said == {"delete": ""}


def test_no_other_operation_may(house: House) -> None:
    for name in (Name.EDIT_ENTITY, Name.UPGRADE, "erase_customers"):
        assert "append-only" in raw.refusals({"delete": "DELETE FROM row_value"}, name=name)["delete"]


def test_an_erasure_changes_nothing_else_in_the_log(full: House) -> None:
    harmless = "DELETE FROM row_value"
    attempts = [one for table in (*LOG, *EVENTS) for one in touched(table) if one.replace('"', "") != harmless]
    emptied = [one for one in attempts if "interaction" not in one or "UPDATE" not in one]
    assert undefended(raw.refusals({one: one for one in emptied}, name=Name.ERASE_CUSTOMER)) == {}


def test_an_erasure_may_empty_what_was_said(full: House) -> None:
    empty = "UPDATE interaction SET digest = NULL, handling = NULL, outcome = NULL"
    assert raw.refusals({"empty": empty}, name=Name.ERASE_CUSTOMER) == {"empty": ""}


def test_an_erasure_empties_all_that_was_said_and_nothing_else(full: House) -> None:
    halves = ("digest = NULL", "digest = handling", "channel = 'sms'", "digest = NULL, complaint = true")
    said = raw.refusals({half: f"UPDATE interaction SET {half}" for half in halves}, name=Name.ERASE_CUSTOMER)
    assert [half for half in halves if "append-only" not in said[half]] == []


def test_what_was_said_is_not_emptied_without_an_erasure(full: House) -> None:
    empty = "UPDATE interaction SET digest = NULL, handling = NULL, outcome = NULL"
    assert "append-only" in raw.refusal(empty)


# ---------------------------------------------------------------------------------------------------- from outside


@pytest.mark.parametrize("table", ["customer", *LOG, *HAPPENED])
def test_another_program_changes_nothing_on_sqlite(sqlite_house: House, table: str) -> None:
    factory.fill(sqlite_house)
    assert from_outside(sqlite_house, [*touched(table), "UPDATE customer SET notes = 'x'"]) == {}


@pytest.mark.parametrize("table", NEW_ROWS)
def test_another_program_adds_nothing_on_sqlite(sqlite_house: House, table: str) -> None:
    assert from_outside(sqlite_house, [NEW_ROWS[table]]) == {}


@pytest.mark.parametrize("table", REPLACED)
def test_another_program_replaces_nothing_on_sqlite(sqlite_house: House, table: str) -> None:
    factory.fill(sqlite_house)
    again = [
        f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        f"REPLACE INTO {table} SELECT * FROM {table}",
        f"UPDATE OR REPLACE {table} SET rowid = rowid + 1",
    ]
    assert from_outside(sqlite_house, again, "PRAGMA recursive_triggers = OFF", "PRAGMA foreign_keys = OFF") == {}


def test_another_program_reads_what_it_likes(full: House) -> None:
    with raw.outside(full) as connection:
        assert connection.execute("SELECT count(*) FROM operation").fetchone()[0] > 0


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
@pytest.mark.parametrize("role", ["origin", "replica", "local"])
def test_another_program_changes_nothing_on_postgresql(house: House, full: House, role: str) -> None:
    tables = (*LOG, *HAPPENED)
    ways = [one for table in tables for one in touched(table)]
    ways += [f"TRUNCATE {table} CASCADE" for table in (*tables, "customer")]
    ways += [NEW_ROWS["customer"], "UPDATE customer SET notes = 'x'", "DELETE FROM customer WHERE name = '贝塔'"]
    assert from_outside(house, ways, f"SET session_replication_role = {role}") == {}
