"""A salon of the first release comes to this one with every row it had."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from admin_app.doctor import examine
from admin_app.operations.kernel import perform
from admin_app.rulebook import refresh
from admin_app.start import open_house
from admin_app.upgrade import SchemaError, newest, standing, upgrade
from models import schema
from models.actor import SYSTEM
from models.connection import WRITES
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.search import matching
from tests import engines
from tests.admin_app.houses import opened
from tests.cast import create

DATA = Path(__file__).parents[1] / "data"
ROWS = (
    "INSERT INTO store (name, opens_at, closes_at, version) VALUES ('老店', '10:00:00', '21:00:00', 1)",
    "INSERT INTO customer (public_id, name, member_no, stage, birth_calendar, store_id, registered_on, version)"
    " VALUES ('def', '老客', 'V1', 'member', 'solar', 1, '2026-01-01', 1)",
    "INSERT INTO visit (customer_id, store_id, business_day, source, version)"
    " VALUES (1, 1, '2026-02-01', 'walk_in', 1)",
    "INSERT INTO sale (public_id, store_id, business_day, number, customer_id, visit_id, sold_at, total, imported,"
    " version) VALUES ('abc', 1, '2026-02-01', 1, 1, 1, '2026-02-01 04:00:00.000000', 29800, false, 1)",
    "INSERT INTO sale_line (sale_id, position, kind, item, quantity, discount, amount)"
    " VALUES (1, 1, 'service', '补水', 1, 0, 29800)",
    "INSERT INTO payment (sale_id, customer_id, store_id, business_day, paid_at, method, amount)"
    " VALUES (1, 1, 1, '2026-02-01', '2026-02-01 04:00:00.000000', 'cash', 29800)",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def first_release(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """An application over a database of the first release with a receipt in it."""
    url = f"sqlite:///{tmp_path / 'old.db'}" if request.param == "sqlite" else engines.fresh(engines.needed(), "first")
    with opened(data_dir=tmp_path, database_url=url, language="en") as app:
        with db.engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            file = DATA / f"release_0001.{request.param}.sql"
            for statement in (*file.read_text(encoding="utf-8").splitlines(), *ROWS):
                connection.exec_driver_sql(statement)
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0001')")
        yield app


def test_a_salon_of_the_first_release_keeps_its_rows_and_gets_the_ledger(first_release: Flask) -> None:
    assert standing() == "0001"
    upgrade()
    assert standing() == newest()
    with db.engine.connect() as connection:
        found = schema.schema_of(connection)
        assert connection.scalar(text("SELECT amount FROM payment WHERE id = 1")) == 29_800
        assert connection.scalar(text("SELECT card_id FROM sale_line WHERE id = 1")) is None
        assert connection.scalar(text("SELECT imported FROM sale WHERE id = 1")), "it moved no value in the ledger"
    assert schema.differences(found, schema.expected_schema(db.engine)) == []


def test_its_names_are_found_by_the_keys_of_this_release(first_release: Flask) -> None:
    with db.engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        connection.exec_driver_sql("UPDATE customer SET name = '2号店李茜' WHERE id = 1")
    upgrade()
    assert list(db.session.scalars(matching(Customer, "李茜"))) == [1]
    assert list(db.session.scalars(matching(Customer, "lixi"))) == [1]


def test_a_salon_of_the_first_release_can_take_a_recharge_after_the_upgrade(first_release: Flask) -> None:
    upgrade()
    open_house()
    refresh()
    answer = perform(Name.RECHARGE, {"customer": 1, "amount": 100_000, "method": "cash", "store": 1}, actor=SYSTEM)
    assert (answer["principal"], answer["bonus"]) == (100_000, 5_000)
    create("service", name="补水", price="298", busy_minutes=45)
    db.session.remove()
    assert faults_beside(ROWS) == []


def faults_beside(rows: tuple[str, ...]) -> list[str]:
    """What the doctor finds, but for what it says of the very rows that were put in without a log."""
    many: Counter[str] = Counter()
    known = set()
    for statement in rows:
        if (table := re.match(r"INSERT INTO (\w+)", statement)) is not None:
            for _row in range(statement.count("), (") + 1):
                many[table[1]] += 1
                known.add(f"{table[1]}, row {many[table[1]]}: stands in the table; the log knows of no such row")
    return [fault for finding in examine() for fault in finding.faults if fault not in known]


def test_rows_that_a_range_does_not_take_are_named_and_nothing_is_changed(first_release: Flask) -> None:
    """An owner learns which rows to correct, and how; none is lost, none is given another value."""
    with db.engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        for name, value in (("contact_every_days", "1000000"), ("first_visit_on", "'0202-03-01'")):
            connection.exec_driver_sql(f"UPDATE customer SET {name} = {value}")
    before = rows_of("customer")
    with pytest.raises(SchemaError) as refusal:
        upgrade()
    assert "customer, row 1, contact_every_days: 1000000 (allowed: 0 to 3650)" in str(refusal.value)
    assert "customer, row 1, first_visit_on: 0202-03-01 (allowed: 1900-01-01 to 2199-12-31)" in str(refusal.value)
    assert "python run.py upgrade --mend-values" in str(refusal.value)
    assert standing() == "0001"
    assert rows_of("customer") == before


def rows_of(table: str) -> list[str]:
    with db.engine.connect() as connection:
        return [str(row) for row in connection.execute(text(f"SELECT * FROM {table}"))]
