"""Signing in and out."""

from __future__ import annotations

from typing import Any

from flask import Flask, make_response, redirect, render_template, request, session, url_for
from flask_login import current_user, login_user, logout_user
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from wtforms import PasswordField, StringField

from admin_app.operations.accounts import SignInInput
from admin_app.operations.kernel import perform, prove
from admin_app.operations.refusals import Refused
from admin_app.security import passwords
from admin_app.security.password_gate import WRONG_PAIR, credential_of
from admin_app.security.sessions import fresh_token, signed_in, token_hash
from models.accounts import User
from models.actor import Actor, ActorKind
from models.entity import db
from models.names import Name
from views.known_device import known_device, remember_device
from views.navigation import is_ours
from views.person import NOBODY, actor
from views.unsent import Unsent, begin_session_of, shows_again


class SignInForm(FlaskForm):
    """Name and password."""

    login = StringField(render_kw={"autocomplete": "username", "autocapitalize": "none", "required": True})
    password = PasswordField(render_kw={"autocomplete": "current-password", "required": True})


def register(app: Flask) -> None:
    app.add_url_rule("/sign-in", "sign_in", sign_in_page, methods=["GET", "POST"])
    app.add_url_rule("/sign-out", "sign_out", sign_out, methods=["POST"])


def sign_in_page() -> Any:
    """Ask who she is; let her in, or say the same words whatever was wrong."""
    sealed = request.form.get("sealed", "")
    if current_user.is_authenticated and not sealed:
        return redirect(url_for("dashboard.index"))
    form = SignInForm()
    problem = ""
    if form.validate_on_submit():
        try:
            _let_in(form.login.data or "", form.password.data or "")
        except Refused as refusal:
            problem = str(refusal)
        else:
            answer = make_response(_go_on(sealed))
            remember_device(answer, db.session.get_one(User, current_user.id))
            return answer
    if sealed:
        return ask_to_sign_in(Unsent.unseal(sealed), problem, sealed=sealed)
    status = 200 if not problem else 401
    return render_template("sign_in.html", form=form, problem=problem), status


def ask_to_sign_in(unsent: Unsent | None, problem: str = "", sealed: str = "") -> Any:
    """The sign-in page, with a form that could not be taken sealed in it for whoever filled it in."""
    if unsent is None:
        return render_template("sign_in.html", form=SignInForm(), problem=problem), 401
    writer = db.session.get(User, unsent.user)
    here = current_user.name if current_user.is_authenticated and current_user.id != unsent.user else ""
    page = render_template(
        "sign_in.html",
        form=SignInForm(formdata=request.form if request.endpoint == "sign_in" else None),
        problem=problem,
        address=unsent.address,
        sealed=sealed or unsent.seal(),
        writer=writer.name if writer is not None else "",
        here=here,
    )
    return page, 409 if here else 401


def _go_on(sealed: str) -> Any:
    """To where she wanted to go; where a form of hers is waiting, to that."""
    unsent = Unsent.unseal(sealed)
    if unsent is None:
        return redirect(_next())
    if unsent.user != current_user.id:
        return ask_to_sign_in(unsent, sealed=sealed)
    return resume_page(unsent, sealed)


def resume_page(unsent: Unsent, sealed: str = "") -> str:
    """A page that leads back to a form: at once where it can be shown again, else by a button that sends it."""
    at_once = shows_again(unsent.address)
    return render_template("resume.html", sealed=sealed or unsent.seal(), address=unsent.address, at_once=at_once)


def _let_in(login: str, password: str) -> None:
    """:raises Refused: the pair is wrong, or there were too many attempts; logged either way."""
    name = login.strip().lower()[:40]
    user = db.session.scalar(select(User).where(func.lower(User.login) == name))
    somebody = _somebody(user)
    credential = credential_of(user, name, password, wrong=WRONG_PAIR, at_door=True, device=known_device(user))
    prove(Name.SIGN_IN, credential, actor=somebody)
    assert user is not None
    rehash = passwords.hashed(password) if passwords.outdated(user.password_hash) else ""
    if current_user.is_authenticated:  # somebody else goes on with a form of hers: one session in one browser
        perform(Name.SIGN_OUT, actor=actor())
    token = fresh_token()
    perform(Name.SIGN_IN, SignInInput(user=user.id, token_hash=token_hash(token), rehash=rehash), actor=somebody)
    session.clear()  # a new session, a new CSRF token: nothing of before survives signing in
    session.permanent = False
    login_user(signed_in(token))
    begin_session_of(user.id)


def _somebody(user: User | None) -> Actor:
    return Actor(
        ActorKind.USER,
        name=user.name if user is not None else NOBODY,
        role=user.role if user is not None else NOBODY,
        id=user.id if user is not None else None,
        address=request.remote_addr or "",
        agent=request.user_agent.string[:200],
    )


def _next() -> str:
    """Where she wanted to go, if that is a place of ours."""
    said = request.args.get("next", "")
    return said if is_ours(said) else url_for("dashboard.index")


def sign_out() -> Any:
    """End the session, here and in the database."""
    if current_user.is_authenticated:
        perform(Name.SIGN_OUT, actor=actor())
        logout_user()
    session.clear()
    answer = redirect(url_for("sign_in"))
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer
