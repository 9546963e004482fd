"""The gate: every page but a few asks who comes; whoever has a password from somebody else chooses her own first."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, redirect, request, url_for
from flask_login import LoginManager, current_user

from admin_app.security.sessions import SignedIn, signed_in

FOR_EVERYBODY = frozenset({"sign_in", "sign_out", "account.language", "static_files", "vendor", "healthz", "metrics"})
BEFORE_HER_OWN_PASSWORD = FOR_EVERYBODY | {"account.password"}


def guard(app: Flask) -> None:
    """Put the gate up."""
    manager = LoginManager()
    manager.session_protection = None  # the session itself is checked in the database, by token
    manager.init_app(app)

    @manager.user_loader
    def load(token: str) -> SignedIn | None:
        return signed_in(token)

    app.before_request(_readable)
    app.before_request(_known)


def _readable() -> None:
    """A NUL stands in no text that a person writes, and PostgreSQL keeps none."""
    said = (request.path, *request.values.keys(), *(one for _name, many in request.values.lists() for one in many))
    if any("\0" in one for one in said):
        abort(400)


def _known() -> Any:
    if request.endpoint is None or request.endpoint in FOR_EVERYBODY:
        return None
    if not current_user.is_authenticated:
        if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
            abort(401)
        wanted = request.full_path.removesuffix("?") if request.method == "GET" and request.path != "/" else None
        return redirect(url_for("sign_in", next=wanted))
    if current_user.must_change_password and request.endpoint not in BEFORE_HER_OWN_PASSWORD:
        return redirect(url_for("account.password"))
    return None
