"""Passwords: argon2id (OWASP Password Storage: 19 MiB, 2 passes, 1 lane), length instead of composition rules."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from pypinyin import lazy_pinyin
from sqlalchemy import select
from sqlalchemy.orm import Session
from zxcvbn import zxcvbn

from admin_app.rulebook import rulebook
from models.organisation import Staff, Store

SHORTEST, LONGEST = 15, 128
"""NIST SP 800-63B-4: 15 letters where the password stands alone."""

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_WORDS = Path(__file__).parent / "common_passwords.txt"

FEWEST_GUESSES = 10
"""The power of ten that a guesser needs at least (zxcvbn's highest score begins there)."""

SHORTEST_PIN, LONGEST_PIN = 6, 8
FEWEST_DIGITS = 2
"""Different digits that are too few for a PIN."""


def hashed(password: str) -> str:
    return _HASHER.hash(password)


@cache
def _nobody() -> str:
    return hashed(secrets.token_hex(16))


def matches(stored: str | None, password: str) -> bool:
    """Whether the password is right. Takes as long for an account that does not exist (``stored`` None)."""
    try:
        _HASHER.verify(stored or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def outdated(stored: str) -> bool:
    return _HASHER.check_needs_rehash(stored)


@cache
def _common() -> tuple[str, ...]:
    """Common words of Chinese passwords, of which zxcvbn knows none."""
    return tuple(_WORDS.read_text(encoding="utf-8").split())


def words_of_salon(session: Session) -> list[str]:
    """Names of stores and staff, and the salon's own words: what somebody who knows it would try first."""
    names = [*session.scalars(select(Store.name)), *session.scalars(select(Staff.name))]
    return [*names, *rulebook(session).security.own_words]


def weakness(password: str, login: str, own_words: Iterable[str] = ()) -> LazyString | None:
    """Why a password is not good enough, or None. ``own_words``: names of the salon and its people.

    How many guesses it takes is estimated by zxcvbn (Wheeler, USENIX Security 2016): common passwords and words,
    names, dates, keyboard rows and repetitions.
    """
    if len(password) < SHORTEST:
        return _l(
            "A password has at least %(shortest)s letters; a sentence is easy to keep in mind.", shortest=SHORTEST
        )
    if len(password) > LONGEST:
        return _l("A password has at most %(longest)s letters.", longest=LONGEST)
    known = {part.lower() for word in (login, *own_words) for part in (word, pinyin_of(word)) if part}
    if zxcvbn(password, user_inputs=[*known, *_common()], max_length=LONGEST)["guesses_log10"] < FEWEST_GUESSES:
        return _l("This password is too easy to guess.")
    return None


def pinyin_of(text: str) -> str:
    """A Chinese text as it is typed in letters, without spaces."""
    return "".join(lazy_pinyin(text))


def weakness_of_pin(pin: str) -> LazyString | None:
    """Why a PIN is not good enough, or None."""
    if not (pin.isascii() and pin.isdigit() and SHORTEST_PIN <= len(pin) <= LONGEST_PIN):
        return _l("A PIN has %(shortest)s to %(longest)s digits.", shortest=SHORTEST_PIN, longest=LONGEST_PIN)
    steps = {int(later) - int(earlier) for earlier, later in pairwise(pin)}
    if len(set(pin)) <= FEWEST_DIGITS or steps in ({1}, {-1}) or pin in _common():
        return _l("This PIN is too easy to guess.")
    return None


def invented() -> str:
    """A random password of four groups, easy to read out: 20 letters, about 94 bits."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))
