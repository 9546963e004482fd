"""What every connection to SQLite is set to: nothing acknowledged is lost, and no rule of the database is off."""

from __future__ import annotations

import pytest

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
