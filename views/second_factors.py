"""One's own second factors: authenticator apps, passkeys, recovery codes; and the PIN for approvals."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import segno
from cryptography.exceptions import InvalidTag
from flask import Flask, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import pgettext
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField

from admin_app.new_salon import shows_demo
from admin_app.operations.confirmation import Unconfirmed, is_confirmed, is_powerful
from admin_app.operations.kernel import now
from admin_app.operations.refusals import Forbidden
from admin_app.operations.second_factors import (
    AddSecondFactorInput,
    RemoveSecondFactorInput,
    RenewCodesInput,
    SetPinInput,
)
from admin_app.rulebook import rulebook
from admin_app.security import passwords
from admin_app.security.second_factor import (
    address_of,
    codes_left,
    digest_of,
    factors_of,
    new_codes,
    new_seed,
    registered,
    registration_options,
    step_of,
)
from models.accounts import FactorKind, User
from models.cipher import keyring
from models.entity import db
from models.names import Name
from rules.documents.security import FactorPolicy
from views.person import access, actor, do, refuse
from views.second_step import new_challenge, site, taken_challenge

CONTEXT = "new_second_factor"
QR_SCALE = 5


class AppForm(FlaskForm):
    """The seed that the page has shown, sealed; the name of the phone; the code that its app shows."""

    seed = HiddenField()
    name = StringField(render_kw={"maxlength": 60})
    code = StringField(render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "required": True})


class PasskeyForm(FlaskForm):
    """The answer of the browser that has made a passkey, and what the device is called."""

    passkey = HiddenField()
    name = StringField(render_kw={"maxlength": 60})


class PinForm(FlaskForm):
    """A PIN, typed twice; both left empty take it away."""

    pin = PasswordField(render_kw={"autocomplete": "off", "inputmode": "numeric", "maxlength": passwords.LONGEST_PIN})
    again = PasswordField(render_kw={"autocomplete": "off", "inputmode": "numeric", "maxlength": passwords.LONGEST_PIN})


def register(app: Flask) -> None:
    app.add_url_rule("/account/factors", "own_account.factors", factors_page)
    app.add_url_rule("/account/factors/app", "own_account.add_app", app_page, methods=["GET", "POST"])
    app.add_url_rule("/account/factors/passkey", "own_account.add_passkey", passkey_page, methods=["GET", "POST"])
    app.add_url_rule("/account/factors/codes", "own_account.codes", renew_codes, methods=["POST"])
    app.add_url_rule("/account/factors/<int:factor_id>/remove", "own_account.remove_factor", remove, methods=["POST"])
    app.add_url_rule("/account/pin", "own_account.pin", pin_page, methods=["GET", "POST"])


def has_to_add_factor() -> bool:
    """Whether whoever is signed in has to add a second factor before anything else. A demo asks nobody."""
    if current_user.second_factor or shows_demo():
        return False
    return rulebook().security.second_factor is FactorPolicy.REQUIRED and is_powerful(access())


def _ensure_confirmed() -> None:
    """:raises Unconfirmed: before a page that shows or changes secrets of the account."""
    if not is_confirmed(actor(), now()):
        raise Unconfirmed


def _oneself() -> User:
    return db.session.get_one(User, current_user.id)


def factors_page() -> Any:
    """What one signs in with beside the password."""
    user, session = _oneself(), db.session()
    return render_template(
        "second_factors.html",
        factors=factors_of(session, user.id),
        left=codes_left(session, user.id),
        must_add=has_to_add_factor(),
        form=FlaskForm(),
    )


# ------------------------------------------------------------------------------------------------------------ apps


def app_page() -> Any:
    """Show the QR code for an authenticator app, and take the first code that it shows."""
    _ensure_confirmed()
    form, user = AppForm(), _oneself()
    if not form.is_submitted():
        return _app_page(form, user, new_seed())
    seed = _unsealed(form.seed.data or "")
    if seed is None:
        flash(_("That took too long. Scan the new code."), "warning")
        return redirect(url_for("own_account.add_app"))
    step = step_of(seed, form.code.data or "", now())
    if step is None:
        form.code.errors = [_("This is not the code that the app shows now. Is the clock of the phone right?")]
        return _app_page(form, user, seed), 422
    return _added(FactorKind.APP, form.name.data or pgettext("device", "Phone"), seed, step)


def _app_page(form: AppForm, user: User, seed: str) -> str:
    form.seed.data = urlsafe_b64encode(keyring().encrypt(seed, f"{CONTEXT}.{user.id}")).decode()
    picture = segno.make(address_of(seed, user.login), error="m").svg_data_uri(scale=QR_SCALE, border=2)
    groups = " ".join(seed[start : start + 4] for start in range(0, len(seed), 4))
    return render_template("add_app.html", form=form, picture=picture, seed=groups)


def _unsealed(sealed: str) -> str | None:
    try:
        return keyring().decrypt(urlsafe_b64decode(sealed.encode()), f"{CONTEXT}.{current_user.id}")
    except (ValueError, InvalidTag):
        return None


def _added(kind: FactorKind, name: str, secret: str, counter: int) -> Any:
    """Add the second factor; with the first one come recovery codes, shown once."""
    user = _oneself()
    codes = [] if factors_of(db.session(), user.id) else new_codes()
    digests = [digest_of(code, user.id) for code in codes]
    given = AddSecondFactorInput(kind=kind, name=name.strip()[:60], secret=secret, counter=counter, digests=digests)
    do(Name.ADD_SECOND_FACTOR, given)
    flash(_("From now on it is asked for when you sign in."), "success")
    return _codes_page(codes) if codes else redirect(url_for("own_account.factors"))


# -------------------------------------------------------------------------------------------------------- passkeys


def passkey_page() -> Any:
    """Have the browser make a passkey, and take it."""
    _ensure_confirmed()
    form, user = PasskeyForm(), _oneself()
    if form.is_submitted():
        made = registered(site(), form.passkey.data or "", taken_challenge())
        if made is not None:
            return _added(FactorKind.PASSKEY, form.name.data or _("This device"), *made)
        form.passkey.errors = [_("The device has made no passkey that can be used here. Try again.")]
    options = registration_options(site(), user, factors_of(db.session(), user.id), new_challenge())
    page = render_template("add_passkey.html", form=form, options=json.dumps(options))
    return page, 422 if form.is_submitted() else 200


# -------------------------------------------------------------------------------------------- codes, removing, PIN


def renew_codes() -> Any:
    """Make new recovery codes and show them once."""
    codes = new_codes()
    do(Name.RENEW_RECOVERY_CODES, RenewCodesInput(digests=[digest_of(code, current_user.id) for code in codes]))
    return _codes_page(codes)


def _codes_page(codes: list[str]) -> str:
    return render_template("recovery_codes.html", codes=codes)


def remove(factor_id: int) -> Any:
    """Remove an app or a passkey."""
    do(Name.REMOVE_SECOND_FACTOR, RemoveSecondFactorInput(factor=factor_id))
    flash(_("It is removed."), "success")
    return redirect(url_for("own_account.factors"))


def pin_page() -> Any:
    """Set the PIN by which one allows on the spot what others ask for, or take it away."""
    _ensure_confirmed()
    if not access().does(Name.ALLOW):
        raise refuse(Forbidden, "own_account.pin")
    form, user = PinForm(), _oneself()
    if form.validate_on_submit():
        pin = form.pin.data or ""
        if pin != (form.again.data or ""):
            form.again.errors = [_("The two are not the same.")]
        elif pin and (weak := passwords.weakness_of_pin(pin)) is not None:
            form.pin.errors = [str(weak)]
        else:
            do(Name.SET_PIN, SetPinInput(pin_hash=passwords.hashed(pin) if pin else ""))
            flash(_("Your PIN is set.") if pin else _("Your PIN is removed."), "success")
            return redirect(url_for("own_account"))
    has_pin = user.pin_hash is not None
    return render_template("pin.html", form=form, has_pin=has_pin), 422 if form.is_submitted() else 200
