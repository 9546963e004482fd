"""Devices from which somebody has signed in before: a signed cookie, so that strangers' tries keep nobody out who is
known. It opens nothing: the password is asked for all the same.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from models.accounts import User

COOKIE = "peony_device"
LASTS = timedelta(days=180)
MOST = 20
"""Users that one device keeps: those who signed in last."""


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="known device")


def _read() -> tuple[str, list[list[object]]]:
    """The number of this device, and who has signed in from it: user and a digest of the password they had."""
    try:
        number, users = _serializer().loads(request.cookies.get(COOKIE, ""), max_age=int(LASTS.total_seconds()))
    except (BadData, ValueError, TypeError):
        return secrets.token_hex(16), []
    return str(number), users


def _entry(user: User) -> list[object]:
    return [user.id, hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]]


def known_device(user: User | None) -> str:
    """The number of this device where the user has signed in from it with the password of now; else empty."""
    number, users = _read()
    return number if user is not None and _entry(user) in users else ""


def remember_device(answer: Response, user: User) -> None:
    """Let the browser keep that this user has signed in here."""
    number, users = _read()
    others = [entry for entry in users if entry[0] != user.id]
    value = _serializer().dumps([number, [_entry(user), *others][:MOST]])
    assert isinstance(value, str)
    answer.set_cookie(
        COOKIE,
        value,
        max_age=LASTS,
        path="/sign-in",
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )
