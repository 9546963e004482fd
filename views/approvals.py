"""Requests for approvals: asked for from a form, answered on any screen of whoever may allow them."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from pydantic import ValidationError
from sqlalchemy import func, select

from admin_app.operations.approval_requests import AnswerInput, AskInput, request_for, waiting
from admin_app.operations.approvals import Approvable, content_of
from admin_app.operations.kernel import begin_of_day, business_day, now, quote
from admin_app.operations.refusals import Forbidden, Refused
from admin_app.operations.registry import Answer, Spec, spec_named
from admin_app.titles import titles_by
from models.actor import SYSTEM
from models.catalogue import Product, Service
from models.entity import db
from models.names import Name
from models.till import ApprovalRequest, RequestState
from views.person import access, actor, do, refuse

MOST = 50
ANSWERED = 10


def register(app: Flask) -> None:
    app.add_url_rule("/approvals", "approvals", inbox)
    app.add_url_rule("/approvals/<int:request_id>", "approvals.answer", answer, methods=["POST"])
    app.add_url_rule("/approvals/<int:request_id>/state", "approvals.state", state)


def waiting_for_me() -> int:
    """How many requests whoever is signed in can answer now."""
    others = ApprovalRequest.asked_by != actor().id
    query = select(func.count()).select_from(ApprovalRequest)
    return db.session.scalar(query.where(*_open(), others, access().rows(ApprovalRequest))) or 0


def _open() -> tuple[Any, ...]:
    return waiting(begin_of_day(business_day(now())))


def inbox() -> Any:
    """What waits for an answer, the oldest first, and what was answered today."""
    if not access().does(Name.ALLOW):
        raise refuse(Forbidden, "approvals")
    others = (ApprovalRequest.asked_by != actor().id, access().rows(ApprovalRequest))
    query = select(ApprovalRequest).where(*others)
    waits = db.session.scalars(query.where(*_open()).order_by(ApprovalRequest.at).limit(MOST)).all()
    today = ApprovalRequest.answered_at >= begin_of_day(business_day(now()))
    answered = db.session.scalars(query.where(today).order_by(ApprovalRequest.answered_at.desc()).limit(ANSWERED)).all()
    wanted: dict[str, set[int]] = {"user": set(), "customer": set(), "store": set()}
    for one in (*waits, *answered):
        wanted["user"] |= {one.asked_by, one.answered_by or one.asked_by}
        wanted["store"].add(one.store_id)
        wanted["customer"] |= {one.customer_id} if one.customer_id is not None else set()
    return render_template(
        "approvals.html",
        waits=waits,
        answered=answered,
        names=titles_by(wanted, access()),
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


# ------------------------------------------------------------------------------------------ from the form that asks


def ask_for_approval(spec: Spec, values: dict[str, Any]) -> None:
    """Ask for an approval of just these values.

    :raises Refused: they are refused for another reason, or none is needed.
    """
    data = spec.input.model_validate(values)
    assert isinstance(data, Approvable)
    working: Answer = {}
    if "shown_total" in spec.input.model_fields:
        try:
            quote(spec.name, values, actor=actor())
        except Refused as refusal:
            if refusal.code != "needs_approval":
                raise
        working = quote(spec.name, values, actor=SYSTEM)
    why = "；".join(filter(None, [values.get("why"), *(row.get("why") for row in values.get("lines", ()))]))
    if not why:
        raise Refused(_("Write the reason: whoever allows it reads nothing else."), "why")
    given = AskInput(
        operation=spec.name,
        content=content_of(spec.name, data),
        store=values.get("store") or min(actor().stores, default=0),
        customer=values.get("customer"),
        total=working.get("total"),
        working=working.get("working") or _given_away(values),
        why=why[:200],
    )
    do(Name.ASK_APPROVAL, given)


def _given_away(values: dict[str, Any]) -> list[list[Any]]:
    """The one line of a gift, as a bill would have it."""
    session = db.session()
    thing = session.get(Service, values.get("service") or 0) or session.get(Product, values.get("product") or 0)
    quantity = values.get("quantity") or 1
    return [] if thing is None else [[thing.name, quantity, thing.price, 0, "", thing.price * quantity]]


def asked_for(spec: Spec, values: dict[str, Any]) -> ApprovalRequest | None:
    """The request that was made for just these values; None where nobody asked, or they cannot be read."""
    me = actor().id
    if me is None or not issubclass(spec.input, Approvable):
        return None
    try:
        data = spec.input.model_validate(values)
    except ValidationError:
        return None
    assert isinstance(data, Approvable)
    found = request_for(db.session(), me, spec.name, data)
    return found if found is None or found.at >= begin_of_day(business_day(now())) else None


def approval_given(spec: Spec, values: dict[str, Any]) -> int | None:
    """The approval that was given from elsewhere for just these values."""
    found = asked_for(spec, values)
    return found.approval_id if found is not None and found.state is RequestState.ALLOWED else None
