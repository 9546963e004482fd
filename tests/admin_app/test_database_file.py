"""A database file that is deleted or replaced under the running program: no write is acknowledged that is then lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from admin_app.operations.refusals import FileReplaced
from models.connection import sqlite_driver
from models.customers import Customer
from models.entity import db
from tests.cast import create
from tests.conftest import House

pytestmark = pytest.mark.usefixtures("in_english")


def deleted(file: Path) -> None:
    file.rename(file.with_name("away.db"))


def replaced(file: Path) -> None:
    """By a copy of itself, as a careless restore by hand would do."""
    copy = file.with_name("copy.db")
    shutil.copyfile(file, copy)
    file.rename(file.with_name("away.db"))
    copy.rename(file)


def replaced_by_a_stranger(file: Path) -> None:
    deleted(file)
    other = sqlite_driver.connect(str(file))
    other.execute("CREATE TABLE theirs (id INTEGER)")
    other.close()


@pytest.fixture(params=[deleted, replaced, replaced_by_a_stranger], ids=lambda act: act.__name__)
def act(request: pytest.FixtureRequest, sqlite_house: House) -> Iterator[Callable[[Path], None]]:
    db.session.execute(text("SELECT 1"))
    db.session.rollback()
    yield request.param
    db.session.remove()
    db.engine.dispose()
    file = sqlite_house.folder / "peony.db"
    for left in sqlite_house.folder.glob("peony.db-*"):
        left.unlink()
    file.with_name("away.db").replace(file)


def customers(file: Path) -> int:
    connection = sqlite_driver.connect(f"{file.as_uri()}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM customer").fetchone()[0])
    finally:
        connection.close()


def test_no_write_is_acknowledged_any_more(sqlite_house: House, act: Callable[[Path], None]) -> None:
    """Neither by the connection that was open nor by a new one; and no empty file comes in the place of the old."""
    file, store = sqlite_house.folder / "peony.db", sqlite_house.ids["first"]
    before = customers(file)
    act(file)
    there = file.exists()
    for attempt in range(3):
        with pytest.raises(FileReplaced, match="restart"):
            create("customer", name=f"客{attempt}", store_id=store)
    with pytest.raises(OperationalError, match="deleted or replaced"):
        db.session.scalar(select(func.count()).select_from(Customer))
    db.session.remove()
    assert file.exists() == there
    assert customers(file.with_name("away.db")) == before


def test_a_page_says_so(sqlite_house: House, act: Callable[[Path], None]) -> None:
    browser = sqlite_house.browser("owner")
    act(sqlite_house.folder / "peony.db")
    answer = browser.get("/")
    assert answer.status_code == 503
    assert "重新启动" in answer.text


def test_a_restart_opens_what_lies_there_then(sqlite_house: House) -> None:
    """The engine of a new process, or one that was disposed, knows no other file."""
    file = sqlite_house.folder / "peony.db"
    db.session.execute(text("SELECT 1"))
    db.session.remove()
    replaced(file)
    db.engine.dispose()
    assert create("customer", name="新来的", store_id=sqlite_house.ids["first"])
    file.with_name("away.db").unlink()
