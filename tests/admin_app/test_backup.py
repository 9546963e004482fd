"""Backups: whole whatever goes on meanwhile, put back to the last row, and nothing lost when the file is none."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import textwrap
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, func, select, text

from admin_app import backup
from admin_app import restore as restore_module
from admin_app.backup import BackupError, back_up
from admin_app.operations.entities import EditInput
from admin_app.operations.kernel import perform
from admin_app.restore import restore
from models.actor import SYSTEM
from models.cipher import KEY_FILE
from models.connection import engine_options, sqlite_driver
from models.customers import Customer
from models.entity import Base, db
from models.log import Operation
from models.names import Name
from tests import engines
from tests.admin_app.houses import faults, opened
from tests.cast import create
from tests.conftest import House
from tests.factory import fill
from tests.limits import HANG_SECONDS

pytestmark = pytest.mark.usefixtures("in_english")


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Every table to the last byte, sorted."""
    db.session.remove()
    with db.engine.connect() as connection:
        return {
            table.name: sorted(
                (tuple(map(repr, row)) for row in connection.execute(text(f'SELECT * FROM "{table.name}"'))),
            )
            for table in Base.metadata.sorted_tables
        }


def all_but_restores() -> dict[str, list[tuple[Any, ...]]]:
    """Everything but the entries of restores in the log: that is what a restore adds."""
    tables = everything()
    restores = {row[0] for row in tables["operation"] if "'restore_backup'" in row}
    tables["operation"] = [row for row in tables["operation"] if row[0] not in restores]
    tables["log_link"] = [row for row in tables["log_link"] if row[1] not in restores]
    return tables


def one_more(house: House, name: str = "后来者") -> int:
    return create("customer", name=name, store_id=house.ids["first"])


def names() -> list[str]:
    db.session.remove()
    return list(db.session.scalars(select(Customer.name).order_by(Customer.id)))


# ------------------------------------------------------------------------------------------- backing up


def test_size_and_digest_are_those_of_the_file(house: House, tmp_path: Path) -> None:
    size, digest = back_up(tmp_path / "one.backup")
    content = (tmp_path / "one.backup").read_bytes()
    assert (size, digest) == (len(content), hashlib.sha256(content).hexdigest())
    assert (tmp_path / "one.backup").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["one.backup"], "nothing else is left"


def test_the_backup_of_a_sqlite_house_is_a_database_of_its_own(sqlite_house: House, tmp_path: Path) -> None:
    """Whole in one file: what was still in the write-ahead log is in it. Any zip program opens it."""
    number = one_more(sqlite_house)
    back_up(tmp_path / "one.backup")
    with zipfile.ZipFile(tmp_path / "one.backup") as archive:
        assert archive.namelist() == ["manifest.json", "peony.db"]
        archive.extract("peony.db", tmp_path)
    copy = sqlite_driver.connect(str(tmp_path / "peony.db"))
    assert copy.execute("SELECT name FROM customer WHERE id = ?", (number,)).fetchall() == [("后来者",)]
    assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    copy.close()


def test_folders_are_made_as_needed(house: House, tmp_path: Path) -> None:
    back_up(tmp_path / "a" / "b" / "one.backup")
    assert (tmp_path / "a" / "b" / "one.backup").stat().st_size > 0


def test_a_file_that_is_there_is_not_overwritten(house: House, tmp_path: Path) -> None:
    (tmp_path / "one.backup").write_bytes(b"precious")
    with pytest.raises(BackupError, match="exists"):
        back_up(tmp_path / "one.backup")
    assert (tmp_path / "one.backup").read_bytes() == b"precious"


def test_a_place_that_cannot_be_written_is_told_in_a_sentence(house: House, tmp_path: Path) -> None:
    (tmp_path / "a file").write_bytes(b"x")
    with pytest.raises(BackupError):
        back_up(tmp_path / "a file" / "one.backup")


def test_a_backup_that_fails_half_way_leaves_no_file(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path) -> None:
        path.write_bytes(b"half of it")
        raise BackupError("the copy is not whole")

    monkeypatch.setattr(backup, "_sqlite", half)
    monkeypatch.setattr(backup, "_dump", half)
    with pytest.raises(BackupError):
        back_up(tmp_path / "one.backup")
    assert list(tmp_path.iterdir()) == []


def test_no_client_of_the_database_is_told_in_a_sentence(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A SQLite house needs none; a PostgreSQL house says which is missing, and keeps what it has."""
    before = everything()
    (tmp_path / "one.backup").write_bytes(b"rubbish")
    monkeypatch.setenv("PATH", "/nowhere")
    if house.engine == "sqlite":
        assert back_up(tmp_path / "two.backup")[0] > 0
    else:
        with pytest.raises(BackupError, match="pg_dump is not installed"):
            back_up(tmp_path / "two.backup")
        with pytest.raises(BackupError, match="pg_restore is not installed"):
            restore(tmp_path / "one.backup")
    assert everything() == before


WRITER = """
import sys
from pathlib import Path
from admin_app import create_app
from admin_app.settings import Settings
from tests.admin_app.houses import faults, opened
from tests.cast import create

folder, url, rules, store = sys.argv[1:]
app = create_app(Settings(data_dir=Path(folder), database_url=url, rules_dir=Path(rules), scheduler=False))
with app.app_context():
    written = 0
    while True:
        create("customer", name=f"写入{written}", store_id=int(store), phone=f"1370000{written:04d}")
        written += 1
        print(written, flush=True)
"""


@pytest.fixture
def writing(house: House) -> Iterator[Callable[[], int]]:
    """Another process that writes without end; called, it waits for one more row and says how many there are."""
    settings = house.settings
    arguments = [str(house.folder), settings.database_url, str(settings.rules_dir), str(house.ids["first"])]
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), *arguments], stdout=subprocess.PIPE, text=True
    )
    output = process.stdout
    assert output is not None
    told = threading.Condition()
    count = [0]

    def listen() -> None:
        for line in output:
            with told:
                count[0] = int(line)
                told.notify_all()

    listener = threading.Thread(target=listen)
    listener.start()

    def one_more() -> int:
        with told:
            known = count[0]
            assert told.wait_for(lambda: count[0] > known, timeout=HANG_SECONDS), "the writer has stopped"
            return count[0]

    yield one_more
    process.kill()
    process.wait(timeout=HANG_SECONDS)
    listener.join(timeout=HANG_SECONDS)
    output.close()


def test_a_backup_while_somebody_writes_is_whole(house: House, tmp_path: Path, writing: Callable[[], int]) -> None:
    """Each of three holds whole operations only: as many customers as entries, and a chain that proves."""
    at_least = []
    for number in range(3):
        at_least.append(writing())
        back_up(tmp_path / f"{number}.backup")
        assert writing() > at_least[-1], "the writer went on"
    for number, written in enumerate(at_least):
        with beside(house, tmp_path / f"house{number}"):
            restore(tmp_path / f"{number}.backup")
            rows = db.session.scalar(select(func.count()).where(Customer.name.like("写入%"))) or 0
            entries = db.session.scalar(select(func.count()).where(Operation.name == "create_entity"))
            assert rows >= written
            assert entries == rows + CAST_ENTRIES
            assert faults("schema") == []


CAST_ENTRIES = 2 + 6 + 3
"""Rows that the cast made through the same operation: stores, staff and customers."""


@contextmanager
def beside(house: House, folder: Path) -> Iterator[Flask]:
    """A house with the same keys and no database yet: the new machine that a backup is brought to."""
    folder.mkdir()
    (folder / KEY_FILE).write_bytes((house.folder / KEY_FILE).read_bytes())
    url = ""
    if house.engine == "postgresql":
        url = engines.fresh(str(engines.postgres()), "beside")
    with opened(data_dir=folder, database_url=url) as app:
        yield app


# -------------------------------------------------------------------------------------------- restoring


def test_a_restore_brings_back_every_row_of_every_table(house: House, tmp_path: Path) -> None:
    fill(house)
    before = everything()
    back_up(tmp_path / "one.backup")
    one_more(house)
    data = EditInput(entity="customer", id=house.ids["anna"], values={"name": "改名"})
    perform(Name.EDIT_ENTITY, data, actor=SYSTEM)
    db.session.remove()
    restore(tmp_path / "one.backup")
    after = all_but_restores()
    assert {name for name in before if before[name] != after[name]} == set()


def test_the_doctor_finds_nothing_after_a_restore(house: House, tmp_path: Path) -> None:
    """Tables, CHECKs, triggers and the chain: all as this release makes them."""
    back_up(tmp_path / "one.backup")
    db.session.remove()
    restore(tmp_path / "one.backup")
    assert faults() == []


def test_after_a_restore_the_salon_goes_on(house: House, tmp_path: Path) -> None:
    """Numbers run on, writes are logged, and what must not change cannot be changed."""
    back_up(tmp_path / "one.backup")
    first = one_more(house, "忘掉的")
    db.session.remove()
    restore(tmp_path / "one.backup")
    second = one_more(house, "新来的")
    assert second <= first
    assert names() == ["安娜", "贝塔", "柯拉", "新来的"]
    with pytest.raises(Exception, match="append-only"), db.engine.begin() as connection:
        connection.execute(text("UPDATE operation SET reason = 'x'"))
    assert faults("schema") == []


def test_a_telephone_number_can_still_be_read_after_a_restore(house: House, tmp_path: Path) -> None:
    back_up(tmp_path / "one.backup")
    db.session.remove()
    restore(tmp_path / "one.backup")
    assert db.session.get_one(Customer, house.ids["anna"]).phone == "+8613900000001"


def test_what_was_restored_can_be_backed_up_and_restored_again(house: House, tmp_path: Path) -> None:
    before = everything()
    for name in ("one.backup", "two.backup"):
        back_up(tmp_path / name)
        one_more(house)
        db.session.remove()
        restore(tmp_path / name)
    assert all_but_restores() == before


def rubbish(house: House, folder: Path, kind: str) -> Path:
    """A file that is no backup of this house."""
    path = folder / "rubbish.backup"
    if kind == "text":
        path.write_text("nothing of the kind\n" * 40, encoding="ascii")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut off":
        back_up(path)
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
    elif kind == "damaged":
        back_up(path)
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 64] = bytes(64)
        path.write_bytes(content)
    elif kind == "another program's":
        other = create_engine(f"sqlite:///{path}", **engine_options("sqlite://"))
        with other.begin() as connection:
            connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
        other.dispose()
    return path


KINDS = ("text", "empty", "cut off", "damaged", "another program's")


@pytest.mark.parametrize("kind", KINDS)
def test_rubbish_is_refused_in_a_sentence_and_nothing_is_lost(house: House, tmp_path: Path, kind: str) -> None:
    before = everything()
    path = rubbish(house, tmp_path, kind)
    with pytest.raises(BackupError) as refused:
        restore(path)
    assert len(str(refused.value).splitlines()) == 1
    assert everything() == before


@pytest.mark.parametrize("kind", ["cut off", "text"])
def test_after_rubbish_the_right_backup_still_comes_in(house: House, tmp_path: Path, kind: str) -> None:
    back_up(tmp_path / "good.backup")
    path = rubbish(house, tmp_path, kind)
    db.session.remove()
    with pytest.raises(BackupError):
        restore(path)
    restore(tmp_path / "good.backup")
    assert names() == ["安娜", "贝塔", "柯拉"]


def test_a_file_that_is_not_there_is_refused(house: House, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(BackupError, match="no such file"):
            restore(path)
    assert names() == ["安娜", "贝塔", "柯拉"]


def test_a_backup_of_the_other_engine_is_refused(house: House, tmp_path: Path) -> None:
    """A SQLite file for a PostgreSQL house, a dump for a SQLite house."""
    path = tmp_path / "other.backup"
    if house.engine == "sqlite":
        path.write_bytes(b"PGDMP\x01\x0e\x00" + bytes(200))
    else:
        other = create_engine(f"sqlite:///{path}")
        with other.begin() as connection:
            connection.execute(text("CREATE TABLE customer (id INTEGER)"))
        other.dispose()
    with pytest.raises(BackupError):
        restore(path)
    assert names() == ["安娜", "贝塔", "柯拉"]


def test_the_database_before_a_restore_is_kept_beside_it(sqlite_house: House, tmp_path: Path) -> None:
    back_up(tmp_path / "one.backup")
    one_more(sqlite_house)
    db.session.remove()
    restore(tmp_path / "one.backup")
    [aside] = sqlite_house.folder.glob("peony.db.before-restore-*")
    kept = sqlite_driver.connect(str(aside))
    assert kept.execute("SELECT count(*) FROM customer").fetchone() == (4,)
    kept.close()
    assert names() == ["安娜", "贝塔", "柯拉"]


def test_the_file_that_was_restored_stays_as_it_was(house: House, tmp_path: Path) -> None:
    path = tmp_path / "one.backup"
    digest = back_up(path)[1]
    db.session.remove()
    restore(path)
    one_more(house)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=repr)
def test_a_restore_that_is_broken_off_leaves_what_was_there(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: BaseException
) -> None:
    """Ctrl-C or a full disk in the middle of bringing the rows in."""
    back_up(tmp_path / "one.backup")
    one_more(house)
    before = everything()

    def broken(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr(restore_module, "_change_places", broken)
    monkeypatch.setattr(restore_module, "_load", broken)
    with pytest.raises((BackupError, KeyboardInterrupt, OSError)):
        restore(tmp_path / "one.backup")
    monkeypatch.undo()
    assert everything() == before


def test_a_restore_in_vain_does_not_cost_what_an_earlier_one_put_aside(sqlite_house: House, tmp_path: Path) -> None:
    back_up(tmp_path / "one.backup")
    one_more(sqlite_house)
    db.session.remove()
    restore(tmp_path / "one.backup")
    (tmp_path / "rubbish").write_bytes(b"SQLite format 3\x00" + bytes(500))
    with pytest.raises(BackupError):
        restore(tmp_path / "rubbish")
    [aside] = sqlite_house.folder.glob("peony.db.before-restore-*")
    kept = sqlite_driver.connect(str(aside))
    assert kept.execute("SELECT count(*) FROM customer").fetchone() == (4,)
    kept.close()
