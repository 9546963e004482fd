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
from models.types import Big, Encrypted, Flag, Instant, Text


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
        Name.SET_PIN,
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
    password_set_at: Mapped[datetime | None] = field(Instant, label=_l("Password set at"), generated=True)
    pin_hash: Mapped[str | None] = field(
        Text(200), label=_l("PIN for approvals"), privacy=Privacy.SECRET, generated=True
    )


class FactorKind(Choice):
    """What somebody signs in with beside a password."""

    APP = "app", _l("Authenticator app")
    PASSKEY = "passkey", _l("Passkey")


class SecondFactor(Record):
    """An authenticator app or a passkey of a user.

    ``secret`` is the seed of an app (base32), or of a passkey its number and public key (JSON, base64url). ``counter``
    is the last time step taken from an app (of 30 s since 1970), or the signatures that a passkey has counted: what is
    not above it was used before.
    """

    label = _l("Second factor")
    plural = _l("Second factors")
    title = ("kind", "name")
    written_by = WrittenBy.by(
        Name.ADD_SECOND_FACTOR,
        Name.REMOVE_SECOND_FACTOR,
        Name.RESET_SECOND_FACTORS,
        also=(Name.SIGN_IN, Name.CONFIRM_IDENTITY),
    )
    shared = True
    imports = False
    screen = Screen(Section.SYSTEM, "key", ("user_id", "kind", "name"), "user_id")

    user_id: Mapped[int] = reference("user", label=_l("User"))
    kind: Mapped[FactorKind] = field(choice(FactorKind), label=_l("Kind"))
    name: Mapped[str] = field(Text(60), label=_l("Device"))
    secret: Mapped[str] = field(
        Encrypted(), label=_l("Secret of the second factor"), privacy=Privacy.SECRET, generated=True
    )
    counter: Mapped[int] = field(Big, label=_l("Uses"), default=0, privacy=Privacy.SECRET, generated=True)


class RecoveryCode(Derived):
    """A code that stands in for a second factor once. The table holds its keyed digest only."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    digest: Mapped[str] = mapped_column(String(32))
    used_at: Mapped[datetime | None]


class UserSession(Derived):
    """One sign-in. The cookie holds a random token, the table its SHA-256 only.

    ``confirmed_at``: when whoever is signed in last proved who they are.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    address: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_why: Mapped[str | None] = mapped_column(String(40))


class SignInThrottle(Derived):
    """Failed sign-ins of one account or one address (``subject``), and until when it has to wait."""

    subject: Mapped[str] = mapped_column(String(80), primary_key=True)
    failures: Mapped[int]
    last_failed_at: Mapped[datetime]
    blocked_until: Mapped[datetime | None]
