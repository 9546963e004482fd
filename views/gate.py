"""The gate: every page but a few asks who comes; whoever has a password from somebody else chooses her own first.

A form that comes too late, or from the page of somebody else, is not done and not lost: see ``views/unsent.py``.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_login import LoginManager, current_user
from flask_wtf.csrf import CSRFError
from werkzeug.datastructures import ImmutableMultiDict

from admin_app.security.sessions import SignedIn, signed_in
from views.second_factors import has_to_add_factor
from views.security import csrf
from views.sign_in import ask_to_sign_in
from views.unsent import Unsent, resume_page, sent_form, shows_again

FOR_EVERYBODY = frozenset(
    {"sign_in", "second_step", "sign_out", "own_account.language", "static_files", "vendor", "healthz", "metrics"}
)
BEFORE_OWN_PASSWORD = FOR_EVERYBODY | {"own_account.password"}
BEFORE_SECOND_FACTOR = BEFORE_OWN_PASSWORD | {
    "own_account.factors",
    "own_account.add_app",
    "own_account.add_passkey",
    "own_account.confirm",
}


def guard(app: Flask) -> None:
    """Put the gate up."""
    manager = LoginManager()
    manager.session_protection = None  # the session itself is checked in the database, by token
    manager.init_app(app)

    @manager.user_loader
    def load(token: str) -> SignedIn | None:
        return signed_in(token)

    app.before_request(_readable)
    app.before_request(_unforged)
    app.before_request(_known)


def _readable() -> None:
    """A NUL stands in no text that a person writes, and PostgreSQL keeps none."""
    said = (request.path, *request.values.keys(), *(one for _name, many in request.values.lists() for one in many))
    if any("\0" in one for one in said):
        abort(400)


def _unforged() -> Any:
    """The CSRF check. A form of ours whose session is over is kept for whoever filled it in; anything else is refused.

    :raises CSRFError: the form came from somewhere else.
    """
    try:
        csrf.protect(apply_exemptions=True)
    except CSRFError:
        if request.endpoint in ("sign_in", "second_step"):  # the page stood open while the session began anew
            sealed = request.form.get("sealed", "")
            return ask_to_sign_in(Unsent.unseal(sealed), sealed=sealed)
        unsent = sent_form() if request.endpoint not in FOR_EVERYBODY else None
        if unsent is None:
            raise
        return _outdated(unsent)


def _known() -> Any:
    if request.endpoint is None or request.endpoint in FOR_EVERYBODY:
        return None
    if not current_user.is_authenticated:
        if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
            abort(401)
        if (unsent := sent_form()) is not None:
            return ask_to_sign_in(unsent)
        wanted = request.full_path.removesuffix("?") if request.method == "GET" and request.path != "/" else None
        return redirect(url_for("sign_in", next=wanted))
    if current_user.must_change_password and request.endpoint not in BEFORE_OWN_PASSWORD:
        return redirect(url_for("own_account.password"))
    if request.endpoint not in BEFORE_SECOND_FACTOR and has_to_add_factor():
        return redirect(url_for("own_account.factors"))
    if request.method == "POST" and "sealed" in request.form and request.endpoint != "own_account.confirm":
        return _reopen(request.form["sealed"])
    return None


# ----------------------------------------------------------------------------------- forms of a session that is over


def _outdated(unsent: Unsent) -> Any:
    """A form from a page of another session: shown again to its author, where that does nothing else."""
    if not current_user.is_authenticated or current_user.id != unsent.user:
        return ask_to_sign_in(unsent)
    if not shows_again(unsent.address):
        return resume_page(unsent)
    return _show_again()


def _reopen(sealed: str) -> Any:
    """Take what was sealed for what was sent: for its author alone, and at its own address."""
    unsent = Unsent.unseal(sealed)
    if unsent is None:
        flash(_("What was typed could not be read any more; nothing was saved."), "warning")
        return redirect(url_for("dashboard.index"))
    if unsent.user != current_user.id:
        return ask_to_sign_in(unsent)
    if unsent.address != request.full_path.removesuffix("?"):
        return resume_page(unsent)
    request.__dict__["form"] = ImmutableMultiDict(unsent.fields)
    request.__dict__.pop("values", None)
    return _show_again() if shows_again(unsent.address) else None


def _show_again() -> None:
    g.redisplay = True
    flash(_("Nothing was saved yet. What you typed is here; look it over and save."), "warning")
