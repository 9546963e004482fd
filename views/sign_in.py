"""Signing in and out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask, flash, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_user, logout_user
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from wtforms import PasswordField, StringField

from admin_app.new_salon import shows_demo
from admin_app.operations.accounts import SignInInput
from admin_app.operations.kernel import now, perform, prove
from admin_app.operations.refusals import Refused
from admin_app.operations.second_factors import FactorUse
from admin_app.rulebook import rulebook
from admin_app.security import passwords
from admin_app.security.password_gate import WRONG_PAIR, credential_of
from admin_app.security.second_factor import factors_of
from admin_app.security.sessions import fresh_token, signed_in, token_hash
from models.accounts import User
from models.actor import Actor, ActorKind
from models.entity import db
from models.names import Name
from views.known_device import known_device, remember_device
from views.navigation import is_ours
from views.person import NOBODY, actor
from views.second_step import Proved, SecondStepForm, proved, second_step_page, shown_factor
from views.unsent import Unsent, begin_session_of, resume_page


class SignInForm(FlaskForm):
    """Name and password."""

    login = StringField(render_kw={"autocomplete": "username", "autocapitalize": "none", "required": True})
    password = PasswordField(render_kw={"autocomplete": "current-password", "required": True})


def register(app: Flask) -> None:
    app.add_url_rule("/sign-in", "sign_in", sign_in_page, methods=["GET", "POST"])
    app.add_url_rule("/sign-in/code", "second_step", second_step, methods=["GET", "POST"])
    app.add_url_rule("/sign-out", "sign_out", sign_out, methods=["POST"])


def sign_in_page() -> Any:
    """Ask who comes, and let them in; say the same words whatever was wrong."""
    sealed = request.form.get("sealed", "")
    if current_user.is_authenticated and not sealed:
        return redirect(url_for("dashboard.index"))
    form = SignInForm()
    problem = ""
    if form.validate_on_submit():
        try:
            user, rehash = _prove_password(form.login.data or "", form.password.data or "")
            if factors_of(db.session(), user.id):
                Proved(user.id, rehash).keep()
                return _ask_for_code(user, SecondStepForm(formdata=None), "", sealed)
            _let_in(user, rehash, None)
        except Refused as refusal:
            problem = str(refusal)
        else:
            return _welcome(sealed)
    if sealed:
        return ask_to_sign_in(Unsent.unseal(sealed), problem, sealed=sealed)
    status = 200 if not problem else 401
    return render_template("sign_in.html", form=form, problem=problem), status


def second_step() -> Any:
    """Ask whoever has proved a password for the second factor, and let them in."""
    form, sealed, proof = SecondStepForm(), request.form.get("sealed", ""), proved()
    if proof is None:
        flash(_("That took too long. Sign in again."), "warning")
        return redirect(url_for("sign_in", next=request.args.get("next") or None))
    user = db.session.get_one(User, proof.user)
    if not form.is_submitted():
        return _ask_for_code(user, form, "", sealed)
    try:
        use = shown_factor(user, form, _somebody(user), Name.SIGN_IN, at_door=True)
        _let_in(user, proof.rehash, FactorUse.of(use))
    except Refused as refusal:
        return _ask_for_code(user, form, str(refusal), sealed), 401
    return _welcome(sealed)


def _ask_for_code(user: User, form: SecondStepForm, problem: str, sealed: str) -> str:
    action = url_for("second_step", next=request.args.get("next") or None)
    return second_step_page(user, form, problem, action=action, sealed=sealed, at_door=True)


def _welcome(sealed: str) -> Any:
    """The answer to whoever was let in: to where they wanted to go, from a device that is known from now on."""
    answer = make_response(_go_on(sealed))
    remember_device(answer, db.session.get_one(User, current_user.id))
    return answer


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


def _prove_password(login: str, password: str) -> tuple[User, str]:
    """The user whose sign-in name and password were typed, and a new hash where the stored one is outdated.

    :raises Refused: the pair is wrong, the password was handed out too long ago, or there were too many tries.
    """
    name = login.strip().lower()[:40]
    user = db.session.scalar(select(User).where(func.lower(User.login) == name))
    credential = credential_of(
        user,
        name,
        password,
        wrong=WRONG_PAIR,
        at_door=True,
        device=known_device(user),
        handed_out_until=None if shows_demo() else now() - timedelta(days=rulebook().security.initial_password),
    )
    prove(Name.SIGN_IN, credential, actor=_somebody(user))
    assert user is not None
    return user, passwords.hashed(password) if passwords.outdated(user.password_hash) else ""


def _let_in(user: User, rehash: str, use: FactorUse | None) -> None:
    """Open a session for whoever has proved who they are.

    :raises Refused: the account was closed meanwhile, or the second factor used.
    """
    if current_user.is_authenticated:  # somebody else goes on with a form of theirs: one session in one browser
        perform(Name.SIGN_OUT, actor=actor())
    somebody, token = _somebody(user), fresh_token()
    data = SignInInput(user=user.id, token_hash=token_hash(token), rehash=rehash, use=use)
    perform(Name.SIGN_IN, data, actor=somebody)
    begin_browser_session(user.id, token)


def begin_browser_session(user_id: int, token: str) -> None:
    """Let this browser carry a token: a new session and a new CSRF word, nothing of before survives."""
    session.clear()
    session.permanent = False
    login_user(signed_in(token))
    begin_session_of(user_id)


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
