"""Requests for approvals: asked for from a form, answered on any screen of whoever may allow them."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from sqlalchemy import func, select

from admin_app.operations.approval_requests import AnswerInput, of_today
from admin_app.operations.kernel import begin_of_day, business_day, now
from admin_app.operations.refusals import Forbidden
from admin_app.operations.registry import spec_named
from admin_app.titles import titles_by
from models.accounts import User
from models.entity import db
from models.names import Name
from models.till import ApprovalRequest, RequestState
from views.person import access, actor, do, refuse

MOST = 50
ANSWERED = 10
IS_OPEN = ApprovalRequest.state == RequestState.OPEN


def register(app: Flask) -> None:
    app.add_url_rule("/approvals", "approvals", inbox)
    app.add_url_rule("/approvals/<int:request_id>", "approvals.answer", answer, methods=["POST"])
    app.add_url_rule("/approvals/<int:request_id>/state", "approvals.state", state)


def waiting_for_me() -> int:
    """How many requests whoever is signed in can answer now."""
    others = ApprovalRequest.asked_by != actor().id
    query = select(func.count()).select_from(ApprovalRequest)
    return db.session.scalar(query.where(IS_OPEN, of_today(), others, access().rows(ApprovalRequest))) or 0


def inbox() -> Any:
    """What waits for an answer, the oldest first, and what was answered today."""
    if not access().does(Name.ALLOW):
        raise refuse(Forbidden, "approvals")
    others = (ApprovalRequest.asked_by != actor().id, access().rows(ApprovalRequest))
    query = select(ApprovalRequest).where(*others)
    waits = db.session.scalars(query.where(IS_OPEN, of_today()).order_by(ApprovalRequest.at).limit(MOST)).all()
    today = ApprovalRequest.answered_at >= begin_of_day(business_day(now()))
    answered = db.session.scalars(query.where(today).order_by(ApprovalRequest.answered_at.desc()).limit(ANSWERED)).all()
    wanted: dict[str, set[int]] = {"customer": set(), "store": set()}
    for one in (*waits, *answered):
        wanted["store"].add(one.store_id)
        wanted["customer"] |= {one.customer_id} if one.customer_id is not None else set()
    people = {one.asked_by for one in (*waits, *answered)} | {one.answered_by for one in answered}
    named = select(User.id, User.name).where(User.id.in_(people))
    return render_template(
        "approvals.html",
        waits=waits,
        answered=answered,
        names=titles_by(wanted, access()),
        people={user.id: user.name for user in db.session.execute(named)},
        label_of=lambda name: spec_named(name).label,
        form=FlaskForm(),
    )


def answer(request_id: int) -> Any:
    """Allow or refuse what was asked for."""
    allow = request.form.get("allow") == "1"
    given = AnswerInput(request=request_id, allow=allow, answer=request.form.get("answer", "").strip()[:200])
    do(Name.ANSWER_REQUEST, given)
    flash(_("Allowed.") if allow else _("Refused."), "success")
    return redirect(url_for("approvals"))


def state(request_id: int) -> Any:
    """What became of one's own request, as JSON: ``state``, who answered, and what they wrote."""
    found = db.session.get(ApprovalRequest, request_id)
    if found is None or found.asked_by != actor().id:
        abort(404)
    return {"state": found.state.value, "answer": found.answer or ""}
