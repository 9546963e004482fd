"""What every connection to SQLite is set to: nothing acknowledged is lost, and no rule of the database is off."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models.connection import CACHE_BYTES, MAPPED_BYTES, wal_is_safe
from models.entity import db
from tests.conftest import House

SETTINGS = {
    "synchronous": 2,  # FULL: what was committed is on the disk
    "foreign_keys": 1,
    "recursive_triggers": 1,
    "journal_mode": "wal" if wal_is_safe() else "delete",
    "mmap_size": MAPPED_BYTES,
    "cache_size": -CACHE_BYTES // 1024,
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_connection_to_sqlite_is_set(sqlite_house: House, name: str) -> None:
    with db.engine.connect() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == SETTINGS[name]


SECRET = "13800138000"
FAILING = [
    "INSERT INTO kept VALUES (:value, 1)",  # a second time
    "INSERT INTO kept VALUES (:value || 'x', -1)",  # a check fails: PostgreSQL names the whole row
    "SELECT CAST(:value || 'x' AS date) FROM nowhere",
]
CASTING = "SELECT CAST(:value || 'x' AS date)"
"""SQLite takes it for a number."""


def test_what_a_database_error_says_in_the_log_names_no_value(house: House, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("peony.tests")
    with db.engine.connect() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE kept (phone varchar(40) PRIMARY KEY, n int CHECK (n > 0))"))
        connection.execute(text("INSERT INTO kept VALUES (:value, 1)"), {"value": SECRET})
        for statement in [*FAILING, *([CASTING] if house.engine == "postgresql" else [])]:
            try:
                with connection.begin_nested():
                    connection.execute(text(statement), {"value": SECRET})
            except DBAPIError as error:
                log.exception("it failed")
                assert SECRET not in f"{error} {error.orig}"
        connection.rollback()
    assert len(caplog.records) == len(FAILING) + (house.engine == "postgresql")
    assert "kept" in caplog.text
    assert SECRET not in caplog.text
