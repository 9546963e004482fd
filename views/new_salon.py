"""Clear the demo, open my salon: said in plain words, asked twice, done once."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template, session
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField

from admin_app.backup import BackupError
from admin_app.new_salon import check_may_be_cleared, open_salon
from admin_app.operations.kernel import prove
from admin_app.operations.refusals import Forbidden, Refused
from admin_app.security.password_gate import credential_of
from models.accounts import User
from models.entity import db
from models.names import Name
from views.person import access, actor, refuse

OWNER_LOGIN = "owner"
LONGEST = 60


class NewSalonForm(FlaskForm):
    """The salon's name, the same once more, and the password of whoever asks."""

    name = StringField(render_kw={"required": True, "maxlength": LONGEST, "autocomplete": "off"})
    again = StringField(render_kw={"required": True, "maxlength": LONGEST, "autocomplete": "off"})
    password = PasswordField(render_kw={"required": True, "autocomplete": "current-password"})


def register(app: Flask) -> None:
    app.add_url_rule("/open-salon", "open_salon", new_salon_page, methods=["GET", "POST"])


def new_salon_page() -> Any:
    """Ask, and ask again; then the new owner's password is shown, this once."""
    if not access().opens("open_salon"):
        raise refuse(Forbidden, "open_salon")
    form = NewSalonForm()
    try:
        check_may_be_cleared(db.session())
    except Refused as refusal:
        return render_template("new_salon.html", form=form, fault=str(refusal), demo=False)
    fault = _fault(form) if form.is_submitted() else None
    if form.is_submitted() and fault is None:
        try:
            _prove_password(form)
            opened = open_salon(_said(form.name), OWNER_LOGIN, actor())
        except (Refused, BackupError) as refusal:
            fault = str(refusal)
        else:
            session.clear()
            return render_template("salon_opened.html", opened=opened, name=_said(form.name), me=None)
    return render_template("new_salon.html", form=form, fault=fault, demo=True), 422 if fault else 200


def _prove_password(form: NewSalonForm) -> None:
    """:raises Refused: it is wrong, or was tried too often; guessing is slowed down as at the door."""
    user = db.session.get(User, current_user.id)
    assert user is not None
    credential = credential_of(user, user.login, form.password.data or "", field="password")
    prove(Name.OPEN_SALON, credential, actor=actor())


def _said(field: StringField) -> str:
    return (field.data or "").strip()


def _fault(form: NewSalonForm) -> str | None:
    """What is wrong with what she typed."""
    name = _said(form.name)
    if not form.validate() or not 1 <= len(name) <= LONGEST:
        return _("Your salon needs a name of at most %(most)s letters.", most=LONGEST)
    if name != _said(form.again):
        return _("The names are not the same; nothing was changed.")
    return None
