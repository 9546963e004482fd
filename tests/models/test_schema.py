"""The standing schema is what the models say, to the word; whatever was taken away or slipped in is named."""

from __future__ import annotations

import pytest

from models import schema
from models.entity import db
from models.schema import differences, expected_schema, schema_of
from tests.conftest import House
from tests.models import raw

TAMPERED = {
    "sqlite": {
        "DROP TRIGGER log_customer_update": ["missing: trigger log_customer_update"],
        "DROP TRIGGER append_only_operation_delete": ["missing: trigger append_only_operation_delete"],
        "DROP INDEX uq_membership_current": ["missing: index uq_membership_current"],
        "CREATE TABLE wallet (id INTEGER)": ["not ours: table wallet"],
        "CREATE VIEW peek AS SELECT name FROM customer": ["not ours: view peek"],
        "CREATE TRIGGER quiet AFTER INSERT ON row_change BEGIN SELECT 1; END": ["not ours: trigger quiet"],
        "CREATE TRIGGER alembic_version_quiet AFTER INSERT ON row_change BEGIN SELECT 1; END": [
            "not ours: trigger alembic_version_quiet"
        ],
        "ALTER TABLE gift ADD COLUMN colour TEXT": ["altered: table gift"],
        """PRAGMA writable_schema = ON;
           UPDATE sqlite_master SET sql = replace(sql, '"points" >= 0', '"points" >= -9') WHERE name = 'gift'""": [
            "altered: table gift"
        ],
        """DROP INDEX uq_membership_current;
           CREATE INDEX uq_membership_current ON membership (customer_id)""": ["altered: index uq_membership_current"],
        """DROP TRIGGER log_gift_delete;
           CREATE TRIGGER log_gift_delete AFTER DELETE ON gift BEGIN SELECT 1; END""": [
            "altered: trigger log_gift_delete"
        ],
    },
    "postgresql": {
        "DROP TRIGGER log_customer ON customer": ["missing: trigger log_customer"],
        "ALTER TABLE customer DISABLE TRIGGER log_customer": ["altered: trigger log_customer"],
        "ALTER TABLE customer ENABLE TRIGGER log_customer": ["altered: trigger log_customer"],
        "DROP INDEX uq_membership_current": ["missing: index uq_membership_current"],
        "ALTER TABLE shift DROP CONSTRAINT no_overlap_shift_staff_id": [
            "missing: constraint shift.no_overlap_shift_staff_id",
            "missing: index no_overlap_shift_staff_id",
        ],
        "CREATE TABLE wallet (id integer)": ["not ours: column wallet.id"],
        "CREATE VIEW peek AS SELECT name FROM customer": ["peek"],
        "CREATE RULE quiet AS ON INSERT TO row_value DO INSTEAD NOTHING": ["quiet"],
        "CREATE TRIGGER quiet AFTER INSERT ON row_change FOR EACH ROW EXECUTE FUNCTION peony_mark('id')": [
            "not ours: trigger quiet"
        ],
        "ALTER TABLE gift ADD COLUMN colour text": ["not ours: column gift.colour"],
        "ALTER TABLE gift ALTER COLUMN name DROP NOT NULL": ["altered: column gift.name"],
        """ALTER TABLE gift DROP CONSTRAINT ck_gift_points_range;
           ALTER TABLE gift ADD CONSTRAINT ck_gift_points_range CHECK (points >= -9)""": [
            "altered: constraint gift.ck_gift_points_range"
        ],
        """DROP INDEX uq_membership_current;
           CREATE INDEX uq_membership_current ON membership (customer_id)""": ["altered: index uq_membership_current"],
        """CREATE OR REPLACE FUNCTION peony_log() RETURNS trigger LANGUAGE plpgsql
           AS 'BEGIN RETURN NULL; END'""": ["altered: function peony_log"],
        "DROP SEQUENCE operation_id_seq": ["missing: sequence operation_id_seq"],
    },
}
EACH = [(engine, statements) for engine, ways in TAMPERED.items() for statements in ways]


def found(house: House) -> list[str]:
    raw.hang_up()
    with db.engine.connect() as connection:
        standing = schema_of(connection)
    return differences(standing, expected_schema(db.engine))


def test_a_fresh_schema_is_the_expected_one(house: House) -> None:
    assert found(house) == []


def test_the_expected_schema_is_a_whole_one(house: House) -> None:
    expected = expected_schema(db.engine)
    kinds = {name.split()[0] for name in expected}
    assert kinds >= (
        {"table", "index", "trigger"} if house.engine == "sqlite" else {"column", "constraint", "function"}
    )


def test_asking_what_is_expected_leaves_nothing_behind(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    known = expected_schema(db.engine)
    monkeypatch.setattr(schema, "_expected", {})
    assert expected_schema(db.engine) == known
    query = "SELECT count(*) FROM information_schema.schemata WHERE schema_name = 'peony_scratch'"
    assert house.engine == "sqlite" or raw.one(query) == 0


@pytest.mark.parametrize(
    ("house", "statements"), EACH, indirect=["house"], ids=[" ".join(one[1].split()) for one in EACH]
)
def test_what_was_tampered_with_is_named(house: House, statements: str) -> None:
    """By a program that has every right to the database."""
    with raw.outside(house) as connection:
        if house.engine == "sqlite":
            connection.executescript(statements)
        else:
            connection.execute(statements)
    lines, wanted = found(house), TAMPERED[house.engine][statements]
    assert len(lines) == len(wanted)
    assert all(words in line for words, line in zip(wanted, lines, strict=True)), lines


def test_what_is_missing_is_told_first_and_what_is_not_ours_last() -> None:
    assert differences({"a": "1", "c": "1"}, {"a": "2", "b": "1"}) == ["missing: b", "altered: a", "not ours: c"]
