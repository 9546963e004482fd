"""Putting a backup in the place of the database.

Everything is checked before anything is replaced: the manifest, its seal and the hash of the content; then, in a copy,
that the database is whole, of the same keys, and of a release that this program knows. What stood there before stays:
a SQLite file beside the new one, a PostgreSQL database as a backup. A restore that was cut short is recognised at the
next start, and can be taken back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from flask_babel import gettext as _
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from admin_app import at_rest, data_folder
from admin_app.backup import back_up, last_line
from admin_app.backup_file import (
    BackupError,
    Manifest,
    changed,
    digest_of,
    engine_of,
    newer,
    other_keys,
    read_manifest,
    unpack,
)
from admin_app.data_folder import BEFORE_RESTORE
from admin_app.operations.house import KEYS, RestoreInput
from admin_app.operations.kernel import now, perform
from admin_app.upgrade import SCRIPTS, newest
from models.actor import SYSTEM, Actor
from models.cipher import keyring
from models.connection import sqlite_driver, why_of
from models.entity import db
from models.log import LogLink, Operation
from models.names import Name

ASIDE = "before_restore"
"""The schema in which PostgreSQL's tables stand aside while a restore works."""

FILES = ("", "-wal", "-shm", "-journal")
"""Endings of the files of a SQLite database."""

Ask = Callable[[str], list[Any]]
"""Sends a statement to a database and gives its rows as tuples."""


@dataclass(frozen=True)
class Restored:
    """What was done: where the database of before lies, and whether the log's anchors had to go aside."""

    before: Path | None
    anchors: Path | None
    current: bool
    proved: bool


def check_there(path: Path) -> None:
    """:raises BackupError: there is nothing to restore from."""
    if not path.is_file():
        raise BackupError(_("%(path)s: there is no such file.", path=path))


def restore(path: Path, actor: Actor = SYSTEM) -> Restored:
    """Put a backup in the place of the database.

    :raises BackupError: the file is no whole backup of this salon; the database stays as it is.
    :raises AtWorkError: somebody is at work in the database.
    """
    check_there(path)
    if db.engine.dialect.name == "postgresql" and shutil.which("pg_restore") is None:
        raise BackupError(_("pg_restore is not installed; it comes with PostgreSQL's client"))
    try:
        manifest = read_manifest(path)
        _check_manifest(path, manifest)
        with at_rest.alone():
            proved = _check_against_log(path) or manifest is not None
            before = _replace_file(path, manifest) if data_folder.database_file() else _replace_schema(path, manifest)
    except (OSError, sqlite_driver.Error) as error:
        raise BackupError(_("%(path)s: %(why)s", path=path, why=error)) from error
    anchors = _set_anchors_aside()
    current = _revision(_ask_engine) == newest()
    if current:
        done = RestoreInput(path=path.name, made_at=manifest.made_at if manifest else None, sha256=digest_of(path))
        perform(Name.RESTORE_BACKUP, done, actor=actor)
    return Restored(before, anchors, current, proved)


# ------------------------------------------------------------------------------------------ what is checked


def _check_manifest(path: Path, manifest: Manifest | None) -> None:
    """:raises BackupError: it is a backup of the other engine, or of a release that this program does not know."""
    engine = manifest.engine if manifest else engine_of(path)
    if engine != db.engine.dialect.name:
        raise BackupError(_("%(path)s is a backup of %(engine)s; this database is another.", path=path, engine=engine))
    if manifest is not None and manifest.schema not in _known_revisions():
        raise BackupError(newer(path, f"{manifest.release}, {manifest.schema}"))


def _check_against_log(path: Path) -> bool:
    """Whether the log of the standing database knows this very file.

    :raises BackupError: it knows a file of this name and size with another hash.
    """
    digest, size = digest_of(path), path.stat().st_size
    logged = _logged_backups()
    if any(detail.get("sha256") == digest for detail in logged):
        return True
    if any((detail.get("path"), detail.get("size")) == (path.name, size) for detail in logged):
        raise BackupError(changed(path))
    return False


def _logged_backups() -> list[dict[str, Any]]:
    """What the log of the standing database says of backups; nothing where there is none, or none that can be read."""
    target = data_folder.database_file()
    if target is not None and not data_folder.has_content(target):
        return []
    try:
        with db.engine.connect() as connection:
            query = select(Operation.detail).where(Operation.name == Name.BACK_UP.value)
            return [detail for detail in connection.scalars(query) if detail]
    except DBAPIError:  # a broken database, or one that is not made yet: that is what a restore is for
        return []
    finally:
        at_rest.hang_up()


def _check_content(path: Path, ask: Ask) -> None:
    """:raises BackupError: the database in the backup is another program's, a newer release's or another salon's."""
    revision = _revision(ask)
    if revision is None:
        raise BackupError(_("%(path)s: not a backup of a salon.", path=path))
    if revision not in _known_revisions():
        raise BackupError(newer(path, revision))
    prints = [row[0] for row in ask(f"SELECT value FROM setting WHERE key = '{KEYS}'")]
    if prints and prints != [keyring().fingerprint()]:
        raise BackupError(other_keys(path))


def _revision(ask: Ask) -> str | None:
    try:
        rows = ask("SELECT version_num FROM alembic_version")
        ask("SELECT id FROM operation LIMIT 1")
    except (DBAPIError, sqlite_driver.OperationalError):  # no such table
        return None
    return str(rows[0][0]) if rows else None


def _known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()}


def _ask_engine(statement: str) -> list[Any]:
    with db.engine.connect() as connection:
        return list(connection.execute(text(statement)))


# ---------------------------------------------------------------------------------------------- SQLite


def _replace_file(path: Path, manifest: Manifest | None) -> Path | None:
    """Unpack beside the database, check, and change the two by renaming; where the old one lies now."""
    target = data_folder.database_file()
    assert target is not None
    if path.resolve() == target.resolve():
        raise BackupError(_("%(path)s: this is the database itself", path=path))
    fresh = data_folder.restoring_file(target)
    try:
        unpack(path, manifest, fresh)
        _check_file(path, fresh)
        return _change_places(target, fresh)
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def _check_file(path: Path, copy: Path) -> None:
    try:
        connection = sqlite_driver.connect(f"{copy.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            problems = connection.execute("PRAGMA integrity_check").fetchone()[0]
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
            _check_content(path, lambda statement: connection.execute(statement).fetchall())
        finally:
            connection.close()
    except sqlite_driver.Error as error:
        raise BackupError(_("%(path)s: not a backup of a SQLite database", path=path)) from error
    if problems != "ok" or broken is not None:
        why = problems if problems != "ok" else broken[0]
        raise BackupError(_("%(path)s: the backup is not whole: %(why)s", path=path, why=why))


def _change_places(target: Path, fresh: Path) -> Path | None:
    at_rest.hang_up()
    aside = target.with_name(f"{target.name}{BEFORE_RESTORE}{now():%Y%m%d-%H%M%S-%f}")
    moved: list[tuple[Path, Path]] = []
    try:
        if target.exists() and not data_folder.has_content(target):
            target.unlink()
        for suffix in FILES:  # the database first: once it is away, a start knows that a restore was cut short
            old = target.with_name(target.name + suffix)
            if old.exists():
                old.replace(aside.with_name(aside.name + suffix))
                moved.append((old, aside.with_name(aside.name + suffix)))
        fresh.replace(target)
    except BaseException:
        for old, away in reversed(moved):
            away.replace(old)
        raise
    _sync(target.parent)
    return aside if aside.exists() else None


def _sync(folder: Path) -> None:
    """Let the renaming outlive a power cut, where folders can be synchronised."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# ------------------------------------------------------------------------------------------ PostgreSQL


def _replace_schema(path: Path, manifest: Manifest | None) -> Path | None:
    """Into a fresh schema, in one transaction; the old one stands aside until the new one has been checked."""
    if interrupted():
        _schema(*_BACK)
    before = None
    if inspect(db.engine).get_table_names():
        before = data_folder.backup_folder() / f"before-restore-{now():%Y%m%d-%H%M%S-%f}.backup"
        back_up(before)
    at_rest.hang_up()
    with _unpacked(path, manifest) as dump:
        _schema(f"ALTER SCHEMA public RENAME TO {ASIDE}", "CREATE SCHEMA public")
        try:
            _load(dump)
            _check_content(path, _ask_engine)
        except BaseException:
            _schema(*_BACK)
            raise
    _schema(f"DROP SCHEMA {ASIDE} CASCADE")
    return before


@contextmanager
def _unpacked(path: Path, manifest: Manifest | None) -> Iterator[Path]:
    dump = data_folder.folder() / f"{path.name}{data_folder.RESTORING}"
    try:
        unpack(path, manifest, dump)
        yield dump
    finally:
        with suppress(OSError):
            dump.unlink(missing_ok=True)


def _load(dump: Path) -> None:
    address = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    command = ["pg_restore", "--no-owner", "--single-transaction", "--dbname", address, str(dump)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command, no shell
    if done.returncode:
        raise BackupError(last_line(done))


_BACK = ("DROP SCHEMA public CASCADE", f"ALTER SCHEMA {ASIDE} RENAME TO public")


def _schema(*statements: str) -> None:
    with db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


# ------------------------------------------------------------------------------ a restore that was cut short


def interrupted() -> bool:
    """Whether a restore ended between taking the old database away and putting the new one in its place."""
    target = data_folder.database_file()
    if target is None:
        try:
            return inspect(db.engine).has_schema(ASIDE)
        except OperationalError as error:
            raise BackupError(_("The database cannot be reached: %(why)s", why=why_of(error))) from error
    return not data_folder.has_content(target) and bool(data_folder.files_before_restore(target))


def check_not_interrupted() -> None:
    """:raises BackupError: a restore was cut short; says what lies where and the two ways on."""
    if not interrupted():
        return
    target = data_folder.database_file()
    old = data_folder.files_before_restore(target)[-1] if target else ASIDE
    raise BackupError(
        _(
            "A restore was cut short. The database of before is whole, in %(old)s; put it back with: "
            "python run.py restore --back. Or restore the backup once more.",
            old=old,
        )
    )


def leftover() -> Path | None:
    """The unpacked file of a restore that was cut short before it replaced anything."""
    target = data_folder.database_file()
    unpacked = data_folder.restoring_file(target) if target else None
    return unpacked if unpacked is not None and unpacked.exists() and target is not None and target.exists() else None


def take_back() -> None:
    """Put the database of before a restore that was cut short back in its place.

    :raises BackupError: none was.
    """
    if not interrupted():
        raise BackupError(_("No restore was cut short; the database is in its place."))
    with at_rest.alone():
        target = data_folder.database_file()
        if target is None:
            _schema(*_BACK)
            return
        aside = data_folder.files_before_restore(target)[-1]
        for suffix in reversed(FILES):
            away = aside.with_name(aside.name + suffix)
            if away.exists():
                away.replace(target.with_name(target.name + suffix))
        data_folder.restoring_file(target).unlink(missing_ok=True)
        _sync(target.parent)


# ------------------------------------------------------------------------------------------ the log's anchors


def _set_anchors_aside() -> Path | None:
    """Keep the anchors that the restored log fits; the others tell of what came after the backup."""
    anchors = data_folder.anchors_file()
    if not anchors.exists():
        return None
    lines = anchors.read_text(encoding="ascii").splitlines()
    fitting = list(_fitting(lines))
    if fitting == lines:
        return None
    aside = anchors.with_name(f"{anchors.name}{BEFORE_RESTORE}{now():%Y%m%d-%H%M%S-%f}")
    anchors.replace(aside)
    anchors.write_text("".join(f"{line}\n" for line in fitting), encoding="ascii")
    return aside


def _fitting(lines: Iterable[str]) -> Iterator[str]:
    with db.engine.connect() as connection:
        for line in lines:
            _at, seq, digest = line.split()[:3]
            if int(seq) == 0 or connection.scalar(select(LogLink.hash).where(LogLink.seq == int(seq))) == digest:
                yield line
