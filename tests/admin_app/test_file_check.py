"""A damaged database file is said at the start of whoever serves, before anything is written."""

from __future__ import annotations

import pytest

from admin_app.file_check import DamagedFileError, check_undamaged
from admin_app.housekeeping import daily_backup
from admin_app.start import serving_house
from models.entity import db
from tests.conftest import House

pytestmark = pytest.mark.usefixtures("in_english")


def damage(house: House) -> bytes:
    """Overwrite pages in the middle of the file; its content then."""
    db.session.remove()
    db.engine.dispose()
    file = house.folder / "peony.db"
    content = bytearray(file.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 5 * 4096] = b"\xff" * 5 * 4096
    file.write_bytes(content)
    return bytes(content)


def test_a_whole_file_passes(sqlite_house: House) -> None:
    assert check_undamaged()


def test_a_damaged_file_is_said_with_the_backup_to_restore_and_left_alone(sqlite_house: House) -> None:
    made = daily_backup()
    content = damage(sqlite_house)
    for _ in range(2):
        with pytest.raises(DamagedFileError, match=rf"is damaged .*run\.py restore .*{made['path']}"), serving_house():
            pass
    assert (sqlite_house.folder / "peony.db").read_bytes() == content


def test_without_a_backup_it_says_that_too(sqlite_house: House) -> None:
    damage(sqlite_house)
    with pytest.raises(DamagedFileError, match="no backup here"):
        check_undamaged()


def test_a_large_file_keeps_no_start_waiting(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("admin_app.file_check._STEPS", 1)
    assert not check_undamaged(seconds=0)
