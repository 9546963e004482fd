"""The second step of signing in, and confirming who one is before what pays out, exports or changes rights."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from flask import Flask, jsonify, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField

from admin_app.operations.confirmation import Unconfirmed
from admin_app.operations.kernel import now, prove
from admin_app.operations.refusals import Refused
from admin_app.operations.second_factors import ConfirmInput, FactorUse
from admin_app.security.password_gate import credential_of, credential_of_code
from admin_app.security.second_factor import (
    Site,
    Use,
    authentication_options,
    factors_of,
    use_of_code,
    use_of_passkey,
)
from models.accounts import User
from models.actor import Actor
from models.cipher import keyring
from models.entity import db
from models.names import Name
from views.navigation import is_ours
from views.person import actor, do
from views.unsent import Unsent, resume_page, sent_form

PROVED_LASTS = timedelta(minutes=5)
"""So long after the password the second step may take."""

CHALLENGE_BYTES = 32
CONTEXT = "second_step"


class SecondStepForm(FlaskForm):
    """A code of an app, a recovery code, or the answer of a passkey; a password where there is no second factor."""

    code = StringField(render_kw={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"})
    passkey = HiddenField()
    password = PasswordField(render_kw={"autocomplete": "current-password"})


def register(app: Flask) -> None:
    app.add_url_rule("/account/confirm", "own_account.confirm", confirm_page, methods=["GET", "POST"])
    app.register_error_handler(Unconfirmed, unconfirmed)


# ---------------------------------------------------------------------------------------------- what a browser shows


def site() -> Site:
    """The site that this request is asked of, as passkeys know it."""
    return Site(request.host.partition(":")[0], request.host_url.rstrip("/"))


def new_challenge() -> bytes:
    """Random bytes for a passkey to sign, kept for the next request of this browser."""
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    session["challenge"] = urlsafe_b64encode(challenge).decode()
    return challenge


def taken_challenge() -> bytes:
    """The challenge that this browser was given; good for one answer."""
    return urlsafe_b64decode(str(session.pop("challenge", "")).encode())


def shown_factor(user: User, form: SecondStepForm, by: Actor, operation: Name, *, at_door: bool) -> Use:
    """The second factor that was shown, proved through the gate.

    :raises Refused: it is not right, was used before, or there were too many tries.
    """
    uses: list[Use] = []

    def holds() -> bool:
        if form.passkey.data:
            use = use_of_passkey(factors_of(db.session(), user.id), site(), form.passkey.data, taken_challenge())
        else:
            use = use_of_code(db.session(), user.id, form.code.data or "", now())
        uses.extend([use] if use is not None else [])
        return use is not None

    prove(operation, credential_of_code(user, holds, at_door=at_door), actor=by)
    return uses[0]


def second_step_page(user: User, form: SecondStepForm, problem: str, **shown: Any) -> str:
    """The form that asks for the second factor of a user, or the password of one who has none."""
    factors = factors_of(db.session(), user.id)
    options = authentication_options(site(), factors, new_challenge()) if factors else None
    kinds = sorted({factor.kind.value for factor in factors})
    return render_template(
        "second_step.html",
        form=form,
        problem=problem,
        kinds=kinds,
        options=json.dumps(options) if options else "",
        **shown,
    )


# ----------------------------------------------------------------------------------------- between the two steps


@dataclass(frozen=True)
class Proved:
    """A user whose password was right a moment ago; ``rehash`` is to replace its hash."""

    user: int
    rehash: str

    def keep(self) -> None:
        """Keep it in the browser's cookie, sealed."""
        stored = db.session.get_one(User, self.user).password_hash
        text = json.dumps([self.user, self.rehash, stored, now().timestamp()])
        session["proved"] = urlsafe_b64encode(keyring().encrypt(text, CONTEXT)).decode()


def proved() -> Proved | None:
    """Who has proved a password from this browser, while the second step may be taken; None where nobody has."""
    try:
        text = keyring().decrypt(urlsafe_b64decode(str(session.get("proved", "")).encode()), CONTEXT)
    except (ValueError, InvalidTag):
        return None
    user_id, rehash, stored, at = json.loads(text)
    user = db.session.get(User, user_id)
    late = now().timestamp() - at > PROVED_LASTS.total_seconds()
    if late or user is None or user.password_hash != stored:
        return None
    return Proved(user_id, rehash)


# ------------------------------------------------------------------------------------------------ confirming


def unconfirmed(error: Unconfirmed) -> Any:
    """A guarded act whose user has to confirm first; the form that was sent is kept."""
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(error=_("Confirm first who you are, on a page of its own: open it and come back.")), 403
    unsent = sent_form()
    if unsent is not None:
        return ask_to_confirm(unsent.seal()), 403
    wanted = request.full_path.removesuffix("?") if request.method == "GET" else request.referrer or ""
    return redirect(url_for("own_account.confirm", next=wanted if is_ours(wanted) else None))


def ask_to_confirm(sealed: str = "", problem: str = "", form: SecondStepForm | None = None) -> str:
    """The page on which whoever is signed in confirms who they are."""
    user = db.session.get_one(User, current_user.id)
    action = url_for("own_account.confirm", next=request.args.get("next") or None)
    form = form or SecondStepForm(formdata=None)
    return second_step_page(user, form, problem, action=action, sealed=sealed, at_door=False)


def confirm_page() -> Any:
    """Confirm who one is, and go on with what was asked for."""
    form, sealed = SecondStepForm(), request.form.get("sealed", "")
    if not form.is_submitted():
        return ask_to_confirm()
    user = db.session.get_one(User, current_user.id)
    try:
        if factors_of(db.session(), user.id):
            use = FactorUse.of(shown_factor(user, form, actor(), Name.CONFIRM_IDENTITY, at_door=False))
        else:
            use = None
            credential = credential_of(user, user.login, form.password.data or "", field="password")
            prove(Name.CONFIRM_IDENTITY, credential, actor=actor())
        do(Name.CONFIRM_IDENTITY, ConfirmInput(use=use))
    except Refused as refusal:
        return ask_to_confirm(sealed, str(refusal), form), 422
    unsent = Unsent.unseal(sealed) if sealed else None
    if unsent is not None and unsent.user == current_user.id:
        return resume_page(unsent, sealed)
    wanted = request.args.get("next", "")
    return redirect(wanted if is_ours(wanted) else url_for("dashboard.index"))
