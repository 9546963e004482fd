"""How SQLite is opened: what reading costs."""

from __future__ import annotations

from models.connection import CACHE_BYTES, MAPPED_BYTES
from tests.conftest import House
from tests.models import raw


def test_the_file_is_mapped_and_pages_are_kept(sqlite_house: House) -> None:
    assert raw.one("PRAGMA mmap_size") == MAPPED_BYTES
    assert raw.one("PRAGMA cache_size") == -CACHE_BYTES // 1024
