"""Who may sign in, from where they are signed in, and who has been guessing."""

from __future__ import annotations

from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from models.entity import Derived, Record
from models.field import Choice, Privacy, Search, choice, field, reference
from models.invariants import holds
from models.names import Name
from models.screen import Screen, Section, WrittenBy
from models.types import Flag, Text


class Language(Choice):
    """The languages the house speaks."""

    CHINESE = "zh_Hans_CN", _l("Chinese")
    ENGLISH = "en", _l("English")


class User(Record):
    """Somebody who may sign in. ``role`` is an id in ``rules/roles.yaml``."""

    label = _l("User")
    plural = _l("Users")
    written_by = WrittenBy.by(
        Name.CREATE_USER,
        Name.EDIT_ENTITY,
        Name.ARCHIVE_ENTITY,
        Name.RESTORE_ENTITY,
        Name.CHANGE_PASSWORD,
        Name.RESET_PASSWORD,
        Name.CHANGE_LANGUAGE,
        Name.SIGN_IN,
    )
    shared = True
    imports = False
    screen = Screen(Section.SYSTEM, "key", ("name", "login", "role", "staff_id", "active"), "login")
    __table_args__ = (
        holds(
            "login = lower(login) AND length(login) >= 2 AND substr(login, 1, 1) NOT IN ('-', '.', '_', '@') "
            "AND login NOT LIKE '% %'",
            "login",
            "login",
            _l("A sign-in name has two letters at least, begins with one or a digit, and has no capitals or spaces."),
        ),
    )

    login: Mapped[str] = field(Text(40), label=_l("Sign-in name"), unique=True, search=Search.WORDS)
    name: Mapped[str] = field(Text(60), label=_l("Full name"), search=Search.WORDS)
    role: Mapped[str] = field(Text(30), label=_l("Role"), index=True, words="roles")
    staff_id: Mapped[int | None] = reference("staff", label=_l("Staff member"))
    language: Mapped[Language | None] = field(choice(Language), label=_l("Language"))
    active: Mapped[bool] = field(Flag, label=_l("May sign in"), default=True)
    password_hash: Mapped[str] = field(Text(200), label=_l("Password"), privacy=Privacy.SECRET, generated=True)
    must_change_password: Mapped[bool] = field(Flag, label=_l("Must change password"), default=True, generated=True)


class UserSession(Derived):
    """One sign-in. The cookie holds a random token, the table its SHA-256 only."""

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    address: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_why: Mapped[str | None] = mapped_column(String(40))


class SignInThrottle(Derived):
    """Failed sign-ins of one account or one address (``subject``), and until when it has to wait."""

    subject: Mapped[str] = mapped_column(String(80), primary_key=True)
    failures: Mapped[int]
    last_failed_at: Mapped[datetime]
    blocked_until: Mapped[datetime | None]
