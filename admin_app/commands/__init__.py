"""What can be typed: one contract for README, tests and checks."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
from flask import Flask
from flask_babel import gettext as _
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError
from xlsxwriter.exceptions import FileCreateError

from admin_app import DataFolderError, create_app, upgrade
from admin_app.at_rest import AtWorkError
from admin_app.backup_file import BackupError
from admin_app.file_check import DamagedFileError
from admin_app.importing.tables import UnreadableFileError
from admin_app.operations.refusals import Refused
from admin_app.restore import check_not_interrupted
from admin_app.settings import SettingsError, load_settings
from admin_app.start import RemainsError, WrongKeysError
from admin_app.upgrade import SchemaError
from models.actor import Actor, command_actor
from models.connection import why_of
from models.entity import DeclarationError
from rules.language.faults import Faults

BAD = 1
MISUSED = 2

_TOLD = (
    SettingsError,
    DataFolderError,
    SchemaError,
    WrongKeysError,
    RemainsError,
    DamagedFileError,
    AtWorkError,
    BackupError,
    UnreadableFileError,
    DeclarationError,
    Faults,
    Refused,
    DBAPIError,
)


@contextmanager
def house(context: click.Context) -> Iterator[Flask]:
    """An application to work in; whatever a person can mend ends in a sentence, not a traceback."""
    app: Flask | None = None
    try:
        app = create_app(load_settings(**context.find_root().obj))
        with app.app_context():
            yield app
    except _TOLD as error:
        fail(_said(app, error))
    except ValidationError as error:
        fail("\n".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()))
    except (OSError, FileCreateError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        click.echo()
        sys.exit(130)


def _said(app: Flask | None, error: Exception) -> str:
    if app is None:
        return str(error)
    with app.app_context():
        if isinstance(error, DBAPIError):
            return str(_("The database did not do it: %(why)s", why=why_of(error)))
        return f"{error.field}: {error}" if isinstance(error, Refused) and error.field else str(error)


def fail(sentence: str) -> NoReturn:
    """End with a sentence on standard error and exit code 1."""
    click.echo(sentence, err=True)
    sys.exit(BAD)


def need_salon() -> None:
    """End with a sentence where there is no salon to work in.

    :raises BackupError: a restore was cut short.
    """
    check_not_interrupted()
    if not upgrade.check():
        fail(_("There is no salon here yet; start with: python run.py"))


def me() -> Actor:
    """Whoever types."""
    try:
        name = os.environ.get("SUDO_USER") or os.getlogin()
    except OSError:
        name = os.environ.get("USER") or os.environ.get("USERNAME") or "console"
    return command_actor(name)


def answer(found: dict[str, Any], as_json: bool, lines: Callable[[], list[str]]) -> None:
    """One JSON object last, or plain lines."""
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, default=_plain))
    else:
        for line in lines():
            click.echo(line)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, a line now and then elsewhere; always on standard error."""
    if not sys.stderr.isatty():
        told = [0]

        def tell(done: int, total: int) -> None:
            tenth = 10 * done // max(total, 1)
            if tenth > told[0] or done == total:
                told[0] = tenth
                click.echo(f"{label}: {done}/{total}", err=True)

        yield tell
        return
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def move(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield move


def writable_path(path: Path) -> Path:
    if not path.parent.is_dir():
        fail(_("%(path)s: there is no such folder.", path=path.parent))
    return path
