"""From nothing to a house that can be lived in: schema, first rules, a store, an owner."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import select

from admin_app import at_rest, data_folder, upgrade
from admin_app.database_tls import check_tls
from admin_app.file_check import check_undamaged
from admin_app.file_modes import close_to_others, said
from admin_app.new_salon import note_demo
from admin_app.operations.accounts import CreateUserInput, ResetPasswordInput
from admin_app.operations.entities import CreateInput
from admin_app.operations.house import KEYS, StartInput
from admin_app.operations.kernel import perform
from admin_app.release import RELEASE
from admin_app.restore import check_not_interrupted
from admin_app.rule_files import adopt_first, read_files
from admin_app.rulebook import rulebook
from admin_app.security import passwords
from models.accounts import User
from models.actor import SYSTEM, Actor
from models.cipher import keyring
from models.clock import Setting
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.organisation import Store

log = logging.getLogger("peony.start")


@dataclass(frozen=True)
class SignInCard:
    """How somebody signs in for the first time; shown once, kept nowhere."""

    role: str
    login: str
    password: str


class WrongKeysError(Exception):
    """The keys are not those of this database; one sentence."""


class RemainsError(Exception):
    """There is no database, but a salon lived here; one sentence."""


@contextmanager
def serving_house() -> Iterator[bool]:
    """``open_house`` for a process that goes on working in it: nobody restores, moves or upgrades it meanwhile.

    :raises AtWorkError: somebody does just that.
    :raises DamagedFileError: the database file is damaged.
    """
    with at_rest.serving():
        check_not_interrupted()
        check_undamaged()
        made = open_house()
        for path, mode in close_to_others():
            log.warning("%(path)s was open to others (mode %(mode)s); now it is not", said(path, mode))
        for fault in check_tls()[1]:
            log.warning(fault)
        yield made


def open_house() -> bool:
    """Make the database where there is none and take up the rules; whether it was made.

    :raises BackupError: a restore was cut short.
    :raises RemainsError: there is no database, though a salon lived here.
    :raises admin_app.upgrade.SchemaError: the database is not one this release can work on.
    :raises rules.language.faults.Faults: a rule file is broken and there is no earlier one.
    :raises WrongKeysError: the key file is another's.
    """
    check_not_interrupted()
    made = not upgrade.check()
    if made:
        _check_no_remains()
        read_files()
        upgrade.make()
    check_keys()
    adopt_first()
    rulebook()
    if made:
        log_start()
    note_demo()
    return made


def _check_no_remains() -> None:
    """A database that is missing beside its keys or backups was lost: a new one in its place would hide that."""
    remains = data_folder.remains()
    if not remains:
        return
    names, backup = ", ".join(str(path) for path in remains), data_folder.newest_backup()
    if backup is not None:
        raise RemainsError(
            _(
                "There is no database, but a salon lived here (%(names)s). Put its database back, or restore: "
                "python run.py restore %(backup)s. For a new salon name another folder with --data-dir.",
                names=names,
                backup=backup,
            )
        )
    raise RemainsError(
        _(
            "There is no database, but a salon lived here (%(names)s). Put its database back, or restore a backup: "
            "python run.py restore FILE. For a new salon name another folder with --data-dir.",
            names=names,
        )
    )


def check_keys() -> None:
    """Prove that the keys are those of the database; new ones are saved where it has none yet.

    :raises WrongKeysError: what is encrypted here could not be read, nor the log proved.
    """
    path = data_folder.key_file()
    expected = db.session.scalar(select(Setting.value).where(Setting.key == KEYS))
    if expected is not None and expected != keyring().fingerprint():
        if path.exists():
            raise WrongKeysError(
                _(
                    "%(path)s: these keys belong to another salon. Put the right ones back; nothing was changed.",
                    path=path,
                )
            )
        raise WrongKeysError(_("%(path)s is missing: the keys of this database. Put it back.", path=path))
    if not path.exists():
        keyring().save(path)


def is_new() -> bool:
    """Whether nobody can sign in yet and no customer is known: the demo salon may come."""
    return (
        db.session.scalar(select(User.id).limit(1)) is None and db.session.scalar(select(Customer.id).limit(1)) is None
    )


def log_start() -> None:
    perform(Name.START, StartInput(release=RELEASE), actor=SYSTEM)


def first_store(name: str, actor: Actor) -> int:
    """The id of a store: the first one there is, else a new one of this name."""
    known = db.session.scalar(select(Store.id).order_by(Store.id).limit(1))
    if known is not None:
        return known
    made: int = perform(Name.CREATE_ENTITY, CreateInput(entity="store", values={"name": name}), actor=actor)["id"]
    return made


def create_user(login: str, name: str, role: str, actor: Actor, staff_id: int | None = None) -> SignInCard:
    """A user with a random password, which she changes at her first sign-in."""
    data = CreateUserInput(login=login, name=name, role=role, staff=staff_id)
    user_id = perform(Name.CREATE_USER, data, actor=actor)["id"]
    return SignInCard(role, login, new_password(user_id, actor))


def new_password(user_id: int, actor: Actor) -> str:
    """Give a user a new random password; the only copy there is."""
    password = passwords.invented()
    data = ResetPasswordInput(user=user_id, password_hash=passwords.hashed(password))
    perform(Name.RESET_PASSWORD, data, actor=actor)
    return password


def has_owner() -> bool:
    return db.session.scalar(select(User.id).where(User.role == "owner", User.active).limit(1)) is not None
