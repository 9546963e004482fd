"""One's own account: password, language, sessions."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, flash, g, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import refresh
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import PasswordField

from admin_app.i18n import LANGUAGES
from admin_app.operations.accounts import ChangePasswordInput, EndSessionInput, LanguageInput
from admin_app.operations.kernel import prove
from admin_app.operations.refusals import Refused
from admin_app.security import passwords
from admin_app.security.password_gate import credential_of
from admin_app.security.sessions import fresh_token, token_hash
from models.accounts import Language, User, UserSession
from models.entity import db
from models.names import Name
from views.person import actor, do
from views.sign_in import ask_to_sign_in, begin_browser_session
from views.unsent import LONGEST, Unsent, open_draft, seal_draft

ONE_YEAR = 31_536_000


class PasswordForm(FlaskForm):
    """The old password and the new one."""

    old = PasswordField(render_kw={"autocomplete": "current-password", "required": True})
    new = PasswordField(render_kw={"autocomplete": "new-password", "required": True, "minlength": passwords.SHORTEST})


def register(app: Flask) -> None:
    app.add_url_rule("/account", "own_account", account_page)
    app.add_url_rule("/account/password", "own_account.password", password_page, methods=["GET", "POST"])
    app.add_url_rule("/account/language", "own_account.language", language, methods=["POST"])
    app.add_url_rule("/account/draft/seal", "own_account.seal_draft", seal, methods=["POST"])
    app.add_url_rule("/account/draft/open", "own_account.open_draft", unseal, methods=["POST"])
    app.add_url_rule("/account/sessions/<int:session_id>/end", "own_account.end", end, methods=["POST"])


def account_page() -> Any:
    """Who she is here, and where she is signed in."""
    mine = (UserSession.user_id == current_user.id, UserSession.ended_at.is_(None))
    sessions = db.session.scalars(select(UserSession).where(*mine).order_by(UserSession.last_seen_at.desc())).all()
    return render_template("account.html", sessions=sessions, form=FlaskForm())


def password_page() -> Any:
    """Change one's password; every other session of hers ends."""
    form = PasswordForm()
    if form.validate_on_submit():
        try:
            _change(form)
        except Refused as refusal:
            form.old.errors = [str(refusal)]
        else:
            if not form.new.errors:
                flash(_("Your password is changed."), "success")
                return redirect(url_for("dashboard.index"))
    return render_template("password.html", form=form), 422 if form.is_submitted() else 200


def _change(form: PasswordForm) -> None:
    """:raises Refused: the old password is wrong, or was tried too often; guessing is slowed down as at the door."""
    user = db.session.get(User, current_user.id)
    assert user is not None
    old, new, login = form.old.data or "", form.new.data or "", user.login
    prove(Name.CHANGE_PASSWORD, credential_of(user, login, old, field="old", initial_opens=True), actor=actor())
    words = [user.name, *passwords.words_of_salon(db.session())]
    weak = _("Choose another password than the one you have.") if new == old else passwords.weakness(new, login, words)
    if weak is not None:
        form.new.errors = [str(weak)]
    else:
        token = fresh_token()
        given = ChangePasswordInput(password_hash=passwords.hashed(new), token_hash=token_hash(token))
        do(Name.CHANGE_PASSWORD, given)
        begin_browser_session(user.id, token)


def language() -> Any:
    """Choose a language: kept with the user, or in a cookie before she signs in."""
    chosen, sealed = request.form.get("language", ""), request.form.get("sealed", "")
    if chosen in LANGUAGES and sealed:
        g.language = chosen
        refresh()
    back = request.referrer if _ours(request.referrer) else url_for("dashboard.index")
    answer = make_response(ask_to_sign_in(Unsent.unseal(sealed), sealed=sealed) if sealed else redirect(back))
    if chosen in LANGUAGES:
        if current_user.is_authenticated:
            do(Name.CHANGE_LANGUAGE, LanguageInput(language=Language(chosen)))
        answer.set_cookie("language", chosen, max_age=ONE_YEAR, httponly=True, samesite="Lax", secure=request.is_secure)
    return answer


def seal() -> Any:
    """Encrypt what is typed in a form, for the page's own history."""
    text = request.form.get("text", "")
    if len(text) > LONGEST:
        abort(413)
    return {"sealed": seal_draft(text)}


def unseal() -> Any:
    """Give a draft back to whoever typed it."""
    text = open_draft(request.form.get("draft", ""))
    if text is None:
        abort(404)
    return {"text": text}


def _ours(address: str | None) -> bool:
    return bool(address) and str(address).startswith(request.host_url)


def end(session_id: int) -> Any:
    """End one of one's sessions; ending this one signs out."""
    do(Name.END_SESSION, EndSessionInput(session=session_id))
    if session_id == actor().session_id:
        session.clear()
        return redirect(url_for("sign_in"))
    flash(_("That session is ended."), "success")
    return redirect(url_for("own_account"))
