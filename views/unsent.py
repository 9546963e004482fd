"""Forms that were sent and could not be taken: the session had ended, or somebody else had signed in meanwhile.

What was typed goes back to the browser as one sealed field (AES-GCM, keys outside the database), through the sign-in
page and out again for its author alone. Nothing of it is stored, nothing can be read in the page, a restart does not
matter. The form is then shown as it was, with its own key, so that saving it does the thing once.

Whose form it was says its CSRF word: the word of a session ends with the number of its user.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta

from cryptography.exceptions import InvalidTag
from flask import current_app, g, render_template, request, session
from flask_login import current_user
from itsdangerous import BadData, URLSafeTimedSerializer

from admin_app.operations.kernel import now
from admin_app.values import whole_number
from models.cipher import keyring

CONTEXT = "unsent_form"
LONGEST = 200_000
LASTS = timedelta(hours=12)
NOT_SEALED = frozenset({"csrf_token", "sealed", "redisplay"})
WITHOUT_TEXT = frozenset(
    {"own_account.password", "own_account.pin", "own_account.confirm", "own_account.add_app", "own_account.add_passkey"}
)
"""Forms of nothing but secrets."""


@dataclass(frozen=True)
class Unsent:
    """A form that was sent: whose it is, where it goes, and what was typed."""

    user: int
    address: str
    fields: list[tuple[str, str]]

    def seal(self) -> str:
        """For a hidden field; empty where it is too large to be carried."""
        text = json.dumps([self.user, self.address, self.fields, now().timestamp()], ensure_ascii=False)
        if len(text) > LONGEST:
            return ""
        return urlsafe_b64encode(keyring().encrypt(text, CONTEXT)).decode()

    @classmethod
    def unseal(cls, sealed: str) -> Unsent | None:
        """None where it was altered or is too old."""
        try:
            text = keyring().decrypt(urlsafe_b64decode(sealed.encode()), CONTEXT)
        except (ValueError, InvalidTag):
            return None
        user, address, fields, sealed_at = json.loads(text)
        if now().timestamp() - sealed_at > LASTS.total_seconds():
            return None
        return cls(user, address, [(name, value) for name, value in fields])


def begin_session_of(user_id: int) -> None:
    """Give a new session its CSRF word, from which forms later say whose they are."""
    session["csrf_token"] = f"{secrets.token_hex(20)}.{user_id}"
    for name in ("csrf_token", "actor", "access"):  # of whoever was here before in this request
        g.pop(name, None)


def draft_key() -> str:
    """The key (32 hex digits) by which this user's browser encrypts what she types; nobody else's pages carry it."""
    return keyring().blind(str(current_user.id), "draft")


def seal_draft(text: str) -> str:
    """A draft that this user alone can have opened again; for browsers that cannot encrypt on plain HTTP."""
    return urlsafe_b64encode(keyring().encrypt(text, f"draft.{current_user.id}")).decode()


def open_draft(sealed: str) -> str | None:
    """The text of a draft; None where somebody else sealed it, or nobody here."""
    try:
        return keyring().decrypt(urlsafe_b64decode(sealed.encode()), f"draft.{current_user.id}")
    except (ValueError, InvalidTag):
        return None


def author() -> int | None:
    """The user whose page the sent form stood on; None where the form does not say, or says it falsely."""
    token = request.form.get("csrf_token") or request.headers.get("X-CSRFToken", "")
    try:
        word = URLSafeTimedSerializer(current_app.secret_key or "", salt="wtf-csrf-token").loads(token)
    except BadData:
        return None
    _, dot, number = str(word).rpartition(".")
    return whole_number(number) if dot else None


def sent_form() -> Unsent | None:
    """The form of this request, if it is one that somebody filled in here."""
    user = author()
    wants_json = request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
    if request.method != "POST" or user is None or wants_json or request.endpoint in WITHOUT_TEXT:
        return None
    fields = [
        (name, value)
        for name, values in request.form.lists()
        for value in values
        if name not in NOT_SEALED and "password" not in name
    ]
    return Unsent(user, request.full_path.removesuffix("?"), fields)


def shows_again(address: str) -> bool:
    """Whether a form can be shown filled in without being done."""
    path = address.partition("?")[0]
    return path.startswith(("/do/", "/rules/")) or path.endswith(("/new/", "/edit/"))


def resume_page(unsent: Unsent, sealed: str = "") -> str:
    """A page that leads back to a form: at once where it can be shown again, else by a button that sends it."""
    at_once = shows_again(unsent.address)
    return render_template("resume.html", sealed=sealed or unsent.seal(), address=unsent.address, at_once=at_once)


def is_redisplay() -> bool:
    """Whether this form is to be shown as it was sent, and not done."""
    return bool(g.get("redisplay")) or "redisplay" in request.form
