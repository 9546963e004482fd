"""Why a rule holds for a customer, and why not."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template, request
from sqlalchemy import select

from admin_app.operations.kernel import business_day, now
from admin_app.operations.refusals import Missing
from admin_app.rule_trials import explain
from admin_app.rulebook import rulebook, words_of
from models.customers import Customer
from models.entity import db
from models.rulebook import RuleMatch, RuleVersion
from views.person import access, refuse
from views.rule_studio import ensure_opened


def register(app: Flask) -> None:
    app.add_url_rule("/why/<int:customer>", "why", why_page)


def why_page(customer: int) -> Any:
    """Which rules hold for a customer and which do not, each comparison with her value and how far it is off."""
    ensure_opened()
    row = db.session.scalar(select(Customer).where(Customer.id == customer, access().rows(Customer)))
    if row is None:
        raise refuse(Missing, "why", "customer", customer)
    today = business_day(now())
    wanted = request.args.get("rule", "")
    book = rulebook()
    among = [rule for rule in book.rules() if not wanted or rule.id == wanted]
    past = select(RuleMatch, RuleVersion.document, RuleVersion.number).join(
        RuleVersion, RuleVersion.id == RuleMatch.rule_version_id
    )
    mine = (RuleMatch.customer_id == customer, RuleMatch.rule.in_([rule.id for rule in among]))
    history = db.session.execute(past.where(*mine).order_by(RuleMatch.id.desc()).limit(60)).all()
    return render_template(
        "why.html",
        customer=row,
        wanted=wanted,
        explained=sorted(explain(db.session(), customer, today, among), key=lambda one: not one.holds),
        history=history,
        names=dict(words_of("rules")),
        documents=dict(words_of("documents")),
    )
