"""Passwords: argon2id (OWASP Password Storage: 19 MiB, 2 passes, 1 lane), length instead of composition rules."""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

SHORTEST, LONGEST = 15, 128
"""NIST SP 800-63B-4: 15 letters where the password stands alone."""

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_WORDS = Path(__file__).parent / "common_passwords.txt"

CONTEXT = ("peony", "牡丹", "salon", "meirong", "美容")
"""Words of the house: a password is not made of them alone."""


SHORTEST_WORD = 4
FEWEST_LETTERS = 6
"""What is left of a password without common words, and how many different letters it has."""


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
    """Common passwords and their parts, the longest first."""
    return tuple(sorted(_WORDS.read_text(encoding="utf-8").split(), key=len, reverse=True))


def weakness(password: str, login: str) -> LazyString | None:
    """Why a password is not good enough, or None."""
    if len(password) < SHORTEST:
        return _l(
            "A password has at least %(shortest)s letters; a sentence is easy to keep in mind.", shortest=SHORTEST
        )
    if len(password) > LONGEST:
        return _l("A password has at most %(longest)s letters.", longest=LONGEST)
    rest = password.lower()
    for word in (login.lower(), *CONTEXT, *_common()):
        if len(word) >= SHORTEST_WORD:
            rest = rest.replace(word, "")
    if len(set(password)) < FEWEST_LETTERS or len(rest.strip("0123456789!@#$%^&*._- ")) < FEWEST_LETTERS:
        return _l("This password is too easy to guess.")
    return None


def invented() -> str:
    """A random password of four groups, easy to read out: 20 letters, about 94 bits."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))
