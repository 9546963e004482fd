"""What is checked before a restore replaces anything, and a restore that was cut short."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from sqlalchemy import select, text

from admin_app import at_rest, backup_file, data_folder
from admin_app import restore as restore_module
from admin_app.at_rest import AtWorkError
from admin_app.backup import BackupError, back_up
from admin_app.commands import need_salon
from admin_app.housekeeping import daily_backup
from admin_app.operations.house import BackUpInput
from admin_app.operations.kernel import perform
from admin_app.restore import check_not_interrupted, interrupted, leftover, restore, take_back
from admin_app.settings import HOUSE
from admin_app.start import RemainsError, WrongKeysError, check_keys, open_house
from models.actor import SYSTEM
from models.cipher import KEY_FILE, Keyring, keyring, use_keyring
from models.connection import sqlite_driver
from models.customers import Customer
from models.entity import db
from models.log import Operation
from models.names import Name
from tests.admin_app.houses import faults, opened
from tests.cast import create
from tests.conftest import House

pytestmark = pytest.mark.usefixtures("in_english")

CAST = ["安娜", "贝塔", "柯拉"]


def names() -> list[str]:
    db.session.remove()
    return list(db.session.scalars(select(Customer.name).order_by(Customer.id)))


def repacked(path: Path, change: Callable[[bytes], bytes] = bytes, **said: object) -> Path:
    """The same backup with another content, or with a manifest that says something else, sealed by these keys."""
    manifest = backup_file.read_manifest(path)
    assert manifest is not None
    content = path.with_name("content")
    with zipfile.ZipFile(path) as archive:
        content.write_bytes(change(archive.read(backup_file.CONTENT[manifest.engine])))
    path.unlink()
    backup_file.write(path, content, replace(manifest, **said))
    return path


def refused(path: Path, word: str) -> None:
    """In one sentence, and nothing has changed."""
    db.session.remove()
    with pytest.raises(BackupError, match=word) as error:
        restore(path)
    assert len(str(error.value).splitlines()) == 1
    assert names() == [*CAST, "后来者"]


@pytest.fixture
def one(house: House, tmp_path: Path) -> Path:
    """A backup, after which somebody came."""
    back_up(tmp_path / "one.backup")
    create("customer", name="后来者", store_id=house.ids["first"])
    return tmp_path / "one.backup"


# ----------------------------------------------------------------------------------- what a backup says of itself


def test_a_backup_says_what_it_is(house: House, one: Path) -> None:
    with zipfile.ZipFile(one) as archive:
        said = json.loads(archive.read("manifest.json"))
        content = archive.read(archive.namelist()[1])
    assert said["engine"] == house.engine
    assert (said["size"], said["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert said["keys"] == keyring().fingerprint()
    assert {"release", "schema", "made_at", "seal", "format"} <= set(said)


def test_a_backup_of_another_salon_is_refused(house: House, one: Path) -> None:
    own = keyring()
    use_keyring(Keyring.fresh())
    try:
        refused(one, "other keys")
    finally:
        use_keyring(own)


def test_a_backup_of_a_newer_release_is_refused(house: House, one: Path) -> None:
    refused(repacked(one, schema="9999", release="7.0"), r"newer release \(7\.0")


def test_a_backup_in_a_newer_form_is_refused(house: House, one: Path) -> None:
    refused(repacked(one, format=backup_file.FORMAT + 1, release="7.0"), r"newer release \(7\.0")


def test_bytes_that_were_changed_inside_are_noticed(house: House, one: Path) -> None:
    """64 of them, in the file as it lies there; and in the content, packed anew by somebody who knows zip."""
    content = bytearray(one.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(byte ^ 255 for byte in content[middle : middle + 64])
    broken = one.with_name("broken.backup")
    broken.write_bytes(content)
    refused(broken, "changed since it was made")
    refused(repacked(one, lambda content: content.replace("安娜".encode(), "安心".encode()) + b"x"), "changed since")


def test_a_manifest_that_was_changed_is_noticed(house: House, one: Path) -> None:
    """Without the keys nobody can seal another one."""
    manifest = backup_file.read_manifest(one)
    assert manifest is not None
    with zipfile.ZipFile(one) as archive:
        content = archive.read(archive.namelist()[1])
    with zipfile.ZipFile(one, "w") as archive:
        said = {**asdict(manifest), "made_at": "2020-01-01T00:00:00+00:00", "seal": manifest.seal()}
        archive.writestr("manifest.json", json.dumps(said))
        archive.writestr(backup_file.CONTENT[manifest.engine], content)
    refused(one, "changed since it was made")


# --------------------------------------------------------------- backups of before there were manifests


def bare(path: Path) -> Path:
    """The content alone, as older programs wrote it."""
    plain = path.with_name("plain.backup")
    backup_file.unpack(path, backup_file.read_manifest(path), plain)
    return plain


def test_an_older_backup_still_comes_in(house: House, one: Path) -> None:
    db.session.remove()
    done = restore(bare(one))
    assert names() == CAST
    assert not done.proved
    assert faults() == []


def test_an_older_backup_is_proved_by_the_hash_in_the_log(house: House, one: Path) -> None:
    plain = bare(one)
    logged = BackUpInput(path=plain.name, size=plain.stat().st_size, sha256=backup_file.digest_of(plain))
    perform(Name.BACK_UP, logged, actor=SYSTEM)
    content = bytearray(plain.read_bytes())
    content[-64:] = bytes(byte ^ 255 for byte in content[-64:])
    changed = plain.with_name("elsewhere") / plain.name
    changed.parent.mkdir()
    changed.write_bytes(content)
    refused(changed, "changed since it was made")
    assert restore(plain).proved


def test_an_older_backup_of_another_salon_is_refused(house: House, one: Path) -> None:
    """By the fingerprint in the database itself."""
    plain, own = bare(one), keyring()
    use_keyring(Keyring.fresh())
    try:
        refused(plain, "other keys")
    finally:
        use_keyring(own)


def test_an_older_backup_of_a_newer_release_is_refused(sqlite_house: House, tmp_path: Path) -> None:
    back_up(tmp_path / "one.backup")
    create("customer", name="后来者", store_id=sqlite_house.ids["first"])
    plain = bare(tmp_path / "one.backup")
    connection = sqlite_driver.connect(str(plain))
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    refused(plain, r"newer release \(9999\)")


# ------------------------------------------------------------------------------------------- afterwards


def test_all_that_the_doctor_proves_holds_after_a_restore(house: House) -> None:
    """The log's anchors too: those of what came after the backup go aside, for the log ends before them again."""
    perform(Name.ANCHOR_LOG, actor=SYSTEM)
    made = daily_backup()
    create("customer", name="后来者", store_id=house.ids["first"])
    perform(Name.ANCHOR_LOG, actor=SYSTEM)
    anchors = house.folder / "anchors.txt"
    written = anchors.read_text(encoding="ascii").splitlines()
    db.session.remove()
    done = restore(house.folder / "backups" / made["path"])
    assert names() == CAST
    assert faults() == []
    assert anchors.read_text(encoding="ascii").splitlines() == written[:1]
    assert done.anchors is not None
    assert done.anchors.read_text(encoding="ascii").splitlines() == written
    entry = db.session.scalars(select(Operation).where(Operation.name == "restore_backup")).one()
    assert entry.detail is not None
    assert entry.detail["path"] == made["path"]


def test_what_stood_there_before_can_be_restored_in_turn(house: House, one: Path) -> None:
    db.session.remove()
    done = restore(one)
    assert done.before is not None
    db.session.remove()
    restore(done.before)
    assert names() == [*CAST, "后来者"]
    assert faults() == []


def test_nobody_serves_meanwhile(sqlite_house: House, tmp_path: Path) -> None:
    back_up(tmp_path / "one.backup")
    db.session.remove()
    with at_rest.serving(), pytest.raises(AtWorkError, match="at work"):
        restore(tmp_path / "one.backup")
    with at_rest.alone(), pytest.raises(AtWorkError, match="going on"), at_rest.serving():
        pass


# -------------------------------------------------------------------------------------------- cut short

DYING = """
import os, signal, sys
from pathlib import Path
from admin_app import create_app, restore
from admin_app.settings import Settings

folder, file, after = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
rename, done = Path.replace, []

def dying(self, target):
    if len(done) == after:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(target)
    return rename(self, target)

Path.replace = dying
with create_app(Settings(data_dir=folder, scheduler=False)).app_context():
    restore.restore(file)
"""


@pytest.fixture
def killed(sqlite_house: House, tmp_path: Path) -> Callable[[int], Path]:
    """A restore that is killed after so many renamings; the data folder it leaves."""
    house = sqlite_house
    back_up(tmp_path / "one.backup")
    create("customer", name="后来者", store_id=house.ids["first"])
    db.session.remove()
    db.engine.dispose()

    def kill(after: int) -> Path:
        arguments = [str(house.folder), str(tmp_path / "one.backup"), str(after)]
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(DYING), *arguments], cwd=HOUSE, check=False)
        assert done.returncode == -signal.SIGKILL
        return house.folder

    return kill


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_killed_between_the_two_renamings_the_next_start_says_so(killed: Callable[[int], Path]) -> None:
    """It makes no demo, and offers the database of before; nothing is lost."""
    folder = killed(1)
    assert not (folder / "peony.db").exists()
    with pytest.raises(BackupError, match=r"cut short.*restore --back"):
        need_salon()
    for _ in range(2):
        with pytest.raises(BackupError, match=r"cut short.*before-restore-.*restore --back"):
            open_house()
        assert not (folder / "peony.db").exists(), "nothing was made"
    take_back()
    assert names() == [*CAST, "后来者"]
    assert not open_house()
    assert faults() == []
    assert not interrupted()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_killed_between_the_two_renamings_the_restore_can_be_done_again(
    killed: Callable[[int], Path], tmp_path: Path
) -> None:
    folder = killed(1)
    restore(tmp_path / "one.backup")
    assert names() == CAST
    assert faults() == []
    assert len(data_folder.files_before_restore(folder / "peony.db")) == 1, "the database of before is still there"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_killed_before_the_first_renaming_nothing_was_replaced(killed: Callable[[int], Path]) -> None:
    folder = killed(0)
    assert leftover() == folder / "peony.db.restoring"
    assert not open_house()
    assert names() == [*CAST, "后来者"]
    with pytest.raises(BackupError, match="No restore was cut short"):
        take_back()


def test_on_postgresql_what_stands_aside_is_offered_too(
    house: House, one: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if house.engine == "sqlite":
        return_nothing = interrupted()
        assert not return_nothing
        return
    restore_module._schema("ALTER SCHEMA public RENAME TO before_restore", "CREATE SCHEMA public")  # and killed
    at_rest.hang_up()
    with pytest.raises(BackupError, match=r"cut short.*restore --back"):
        open_house()
    take_back()
    assert names() == [*CAST, "后来者"]
    check_not_interrupted()


# ------------------------------------------------------------------------------- beside what was left of a salon


@pytest.mark.parametrize(
    "left",
    [
        *("keys.json", "anchors.txt", "peony.db.restoring", "backups/peony-20261123-043000.backup"),
        "backups/before-import-20261123-043000-000.db",  # of an earlier release
    ],
)
def test_no_start_makes_a_salon_beside_what_is_left_of_one(tmp_path: Path, left: str) -> None:
    file = tmp_path / "data" / left
    file.parent.mkdir(parents=True)
    file.write_text(Keyring.fresh().dump(), encoding="ascii")
    with opened(data_dir=tmp_path / "data"):
        for _ in range(2):
            with pytest.raises(RemainsError, match=r"run\.py restore .*--data-dir"):
                open_house()
    assert not (tmp_path / "data" / "peony.db").exists()
    assert (tmp_path / "data" / KEY_FILE).exists() == (left == KEY_FILE), "no keys were made either"


def test_no_start_makes_a_salon_in_an_emptied_database(tmp_path: Path) -> None:
    with opened(data_dir=tmp_path / "data"):
        open_house()
    (tmp_path / "data" / "peony.db").write_bytes(b"")
    with opened(data_dir=tmp_path / "data"), pytest.raises(RemainsError):
        open_house()


def test_keys_of_another_salon_are_said_to_be_that(sqlite_house: House) -> None:
    """By start and doctor alike, which begin with this; not as tampering."""
    keys = sqlite_house.folder / KEY_FILE
    content, foreign = keys.read_text(encoding="ascii"), Keyring.fresh().dump()
    keys.write_text(foreign, encoding="ascii")
    db.session.remove()
    try:
        with opened(data_dir=sqlite_house.folder):
            for begin in (open_house, check_keys):
                with pytest.raises(WrongKeysError, match=r"belong to another salon|另一家店"):
                    begin()
        assert keys.read_text(encoding="ascii") == foreign
    finally:
        keys.write_text(content, encoding="ascii")
        use_keyring(Keyring.parse(content))


def test_lost_keys_are_not_replaced_by_new_ones(sqlite_house: House) -> None:
    keys = sqlite_house.folder / KEY_FILE
    content = keys.read_bytes()
    keys.unlink()
    db.session.remove()
    try:
        with opened(data_dir=sqlite_house.folder), pytest.raises(WrongKeysError, match=r"keys\.json"):
            open_house()
        assert not keys.exists()
    finally:
        keys.write_bytes(content)
        use_keyring(Keyring.parse(content.decode()))


def test_a_failed_first_start_leaves_nothing_behind(tmp_path: Path) -> None:
    """So that the next one is a first start again."""
    rules = tmp_path / "rules"
    rules.mkdir()
    with opened(data_dir=tmp_path / "data", rules_dir=rules), pytest.raises(Exception, match=r"\.yaml"):
        open_house()
    assert list((tmp_path / "data").iterdir()) == []


def test_a_log_of_the_restored_salon_goes_on(house: House, one: Path) -> None:
    db.session.remove()
    restore(one)
    create("customer", name="新来的", store_id=house.ids["first"])
    assert names() == [*CAST, "新来的"]
    assert db.session.scalar(text("SELECT count(*) FROM operation WHERE name = 'restore_backup'")) == 1
    assert faults() == []


@pytest.mark.parametrize(("clients", "in_use"), [([1, 1, 0], False), ([1] * at_rest.ATTEMPTS, True), ([0], False)])
def test_whoever_has_just_hung_up_is_no_longer_at_work(
    clients: list[int], in_use: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL names a client for a moment after it has gone."""
    counted, pauses = iter(clients), list[float]()
    connection = MagicMock()
    connection.__enter__.return_value = connection
    connection.scalar.side_effect = lambda _query: next(counted)
    monkeypatch.setattr(at_rest, "database_file", lambda: None)
    monkeypatch.setattr(at_rest, "db", SimpleNamespace(engine=SimpleNamespace(connect=lambda: connection)))
    monkeypatch.setattr(at_rest.time, "sleep", pauses.append)
    assert at_rest._in_use() is in_use
    assert len(pauses) == sum(clients)
