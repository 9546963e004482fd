"""The form of an operation: generated from its input, started from rows or from a list.

One that takes money is done in two steps: first its working and total are shown, then it is confirmed; what was shown
is worked out again inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import ValidationError
from sqlalchemy import select
from wtforms import SelectMultipleField

from admin_app.operations.accounts import ResetPasswordInput
from admin_app.operations.approval_requests import ask_for_approval, request_of
from admin_app.operations.approvals import SIGNS, Approvable, signed
from admin_app.operations.confirmation import Unconfirmed, is_confirmed
from admin_app.operations.in_use import refusal_of
from admin_app.operations.kernel import ask_first, now, quote
from admin_app.operations.refusals import AnotherTotal, Busy, Forbidden, Missing, Refused
from admin_app.operations.registry import Answer, Spec, spec_named
from admin_app.security import passwords
from admin_app.staffing import skills_of
from admin_app.start import new_password
from admin_app.values import Unreadable, money, whole_number, write_value
from models.customers import Customer
from models.entity import db
from models.field import Kind
from models.names import Name
from models.sales import PaymentMethod, Sale
from models.till import ApprovalRequest
from rules.documents.roles import Action
from views.broken_bookings import warn_of_broken
from views.customer_strip import customer_of, strip_of
from views.form_rows import RowsField, tell
from views.forms import Blueprint, HouseForm, make_form, operation_blueprints, show_refusal, typed
from views.navigation import is_ours
from views.person import access, actor, do, refuse
from views.unsent import is_redisplay


def register(app: Flask) -> None:
    app.add_url_rule("/do/<name>/", "operation", operation_page, methods=["GET", "POST"])


def operation_page(name: str) -> Any:
    """Ask what the operation needs, and do it."""
    try:
        spec = spec_named(name)
    except KeyError:
        abort(404)
    if not spec.form or not access().does(spec.name):
        raise refuse(Forbidden, f"do.{name}")
    if spec.confirmed is True and request.method == "GET" and not is_confirmed(actor(), now()):
        raise Unconfirmed(spec.name)
    ids = _chosen(spec)
    plans = operation_blueprints(spec, ids)
    subject = spec.subject_field()
    made = make_form(plans, access(), {subject.name: ids} if subject else {})
    if request.method != "POST" and ids and spec.on is not None and not _subjects(spec, ids):
        raise refuse(Missing, f"do.{name}", spec.on.named(), ids[0])
    form = made() if request.method == "POST" else made(formdata=request.args)
    if not form.is_submitted():
        form.fresh()
        _preset(form, spec, ids)
        return _page(spec, form, ids, None)
    if _grown(form):
        return _page(spec, form, ids, None)
    if "total_so_far" in request.form:
        return _total_so_far(spec, form, plans)
    if not form.validate_on_submit():
        return _page(spec, form, ids, _shown_before(spec, form, plans)), 422
    return _attempt(spec, form, plans, ids)


def _attempt(spec: Spec, form: HouseForm, plans: list[Blueprint], ids: list[int]) -> Any:
    """Do it, show what it would come to, or say why not; nothing that was typed is lost."""
    shown = whole_number(request.form.get("shown_total"))
    values: dict[str, Any] = {}
    try:
        values = typed(form, plans)
        if shown is None and _unpaid(spec, values):
            return _page(spec, form, ids, _working(spec, values))
        if (working := _voucher_row(spec, form, values)) is not None:
            return _page(spec, form, ids, working), 422
        if "ask_approval" in request.form and issubclass(spec.input, Approvable):
            ask_for_approval(spec, values, actor())
            return _page(spec, form, ids, None, request_of(spec, values, actor()))
        values = _signed(spec, values)
        if shown is not None:
            return _confirmed(spec, form, ids, {**values, "shown_total": shown})
        if _two_steps(spec):
            return _page(spec, form, ids, _working(spec, values))
        return _done(spec, _perform(spec, values))
    except Refused as refusal:
        show_refusal(form, refusal)
        working = _quote(spec, values) if shown is not None and values else None
        asked = request_of(spec, values, actor()) if values else None
        page = _page(spec, form, ids, working, asked, may_ask=refusal.code == "needs_approval")
        return page, refusal.status if isinstance(refusal, Busy) else 422
    except ValidationError as error:
        _show_shape(form, error)
        return _page(spec, form, ids, None), 422


def _confirmed(spec: Spec, form: HouseForm, ids: list[int], values: dict[str, Any]) -> Any:
    """Do what she was shown; where it comes to something else by now, show that."""
    try:
        return _done(spec, _perform(spec, values))
    except AnotherTotal:
        return _page(spec, form, ids, {**_working(spec, values | {"shown_total": None}), "changed": True})


def _unpaid(spec: Spec, values: dict[str, Any]) -> bool:
    """Whether a bill names no way of paying yet: its total is shown first."""
    may_wait = {"method", "payments", "shown_total"} <= spec.input.model_fields.keys()
    return may_wait and not values.get("method") and not values.get("payments")


def _voucher_row(spec: Spec, form: HouseForm, values: dict[str, Any]) -> Answer | None:
    """Where all is said to be paid by one voucher, a row of payments for its platform and code, and the working."""
    if values.get("method") != PaymentMethod.VOUCHER or values.get("payments") or "payments" not in form:
        return None
    working = _quote(spec, values)
    if working is None:
        return None
    rows = form["payments"]
    row = next((one for one in rows.row_forms if one.blank), None) or rows.append_entry().form
    row["method"].data, form["method"].data = str(PaymentMethod.VOUCHER), ""
    row["amount"].data = write_value(Kind.MONEY, working["total"], current_app.config["PEONY"].zone)
    for name in ("platform", "code"):
        message = _("A voucher has a platform and a code; write them here.")
        tell(form, f"payments-{rows.row_forms.index(row)}-{name}", message)
    return {**working, "unpaid": False}


def _quote(spec: Spec, values: dict[str, Any]) -> Answer | None:
    """What it comes to whatever way it is paid; None while that cannot be said."""
    if not _two_steps(spec):
        return None
    left_out = {"shown_total", "method", "payments", *SIGNS}
    plain = {name: value for name, value in values.items() if name not in left_out}
    if spec.input.model_fields.get("method") and spec.input.model_fields["method"].is_required():
        plain["method"] = PaymentMethod.CASH  # the total is the same by every way
    try:
        return {**quote(spec.name, plain, actor=actor()), "approval": values.get("approval", "")}
    except (Refused, ValidationError):
        return None


def _shown_before(spec: Spec, form: HouseForm, plans: list[Blueprint]) -> Answer | None:
    """The working that a form had under it and is shown again with; None where there was none, or it was refused."""
    if not is_redisplay() or whole_number(request.form.get("shown_total")) is None:
        return None
    try:
        values = typed(form, plans)
    except Unreadable:
        return None
    working = _quote(spec, values)
    return working and {
        **working,
        "unpaid": _unpaid(spec, values),
        "approval": request.form.get("approval", ""),
    }


def _total_so_far(spec: Spec, form: HouseForm, plans: list[Blueprint]) -> Any:
    """The total of what stands in the form by now, for the foot of the page; nothing while it cannot be said."""
    try:
        working = _quote(spec, typed(form, plans))
    except Unreadable:
        working = None
    return render_template("total_so_far.html", working=working) if working else ("", 204)


def _page(
    spec: Spec,
    form: HouseForm,
    ids: list[int],
    working: Answer | None,
    asked: ApprovalRequest | None = None,
    *,
    may_ask: bool = False,
) -> str:
    """The form; ``asked`` is the request for an approval of what stands in it, ``may_ask`` offers to make one."""
    subject = spec.subject_field()
    subjects = _subjects(spec, ids)
    if not form.is_submitted():
        refused = next(filter(None, (refusal_of(spec, row) for row in subjects)), None)
        form.form_errors = [] if refused is None else [str(refused)]
    strip = strip_of(_customer(spec, form, ids), access())
    return render_template(
        "operation.html",
        strip=strip,
        spec=spec,
        form=form,
        working=working,
        two_steps=_two_steps(spec),
        approval=request.form.get("approval", "") if working is None else working["approval"],
        subject=subject.name if subject else None,
        subjects=subjects,
        back=_back(spec),
        asked=asked,
        may_ask=may_ask,
    )


def _customer(spec: Spec, form: HouseForm, ids: list[int]) -> int | None:
    """The one customer that the operation is about: its subject, whose the subject is, or whom the form names."""
    if len(ids) == 1 and spec.on is Customer:
        return ids[0]
    subjects = _subjects(spec, ids) if len(ids) == 1 else []
    named = form["customer"].data if "customer" in form else None
    return customer_of(subjects[0]) if subjects else whole_number(named if isinstance(named, str) else None)


def _chosen(spec: Spec) -> list[int]:
    subject = spec.subject_field()
    given = (
        request.form.getlist(subject.name)
        if subject and request.method == "POST"
        else request.args.get("on", "").split(",")
    )
    numbers = [whole_number(one) for one in given if one]
    if request.method != "POST" and None in numbers:
        raise refuse(Missing, f"do.{spec.name}")
    return [number for number in numbers if number is not None][:1_000]


def _preset(form: HouseForm, spec: Spec, ids: list[int]) -> None:
    subject = spec.subject_field()
    if subject is not None and ids:
        one = form[subject.name]
        one.data = [str(found) for found in ids] if isinstance(one, SelectMultipleField) else str(ids[0])
    if "store" in form and not form.store.data and actor().stores:
        form.store.data = str(min(actor().stores))
    me = actor().staff_id
    for asked in spec.asked():
        if asked.ask.own and me is not None and not form[asked.name].data and skills_of(db.session(), [me]):
            offered = {str(choice.value) for choice in form[asked.name].choices}
            form[asked.name].data = str(me) if str(me) in offered else ""
    form.version.data = str(whole_number(request.args.get("version")) or "")


def _grown(form: HouseForm) -> bool:
    """Whether she asked for one more row, and nothing else."""
    name = request.form.get("more", "")
    if not name or name not in form or not isinstance(form[name], RowsField):
        return False
    form[name].grow()
    return True


def _subjects(spec: Spec, ids: list[int]) -> list[Any]:
    """The rows it will be done on, as far as they exist for her."""
    if spec.on is None or not ids:
        return []
    return list(
        db.session.scalars(select(spec.on).where(spec.on.id.in_(ids), access().rows(spec.on)).order_by(spec.on.id))
    )


def _two_steps(spec: Spec) -> bool:
    return "shown_total" in spec.input.model_fields


def _signed(spec: Spec, values: dict[str, Any]) -> dict[str, Any]:
    """The values with the approval given for them: now, by a PIN; when they were worked out; or from elsewhere."""
    if not issubclass(spec.input, Approvable):
        return values
    values = signed(spec, values, actor())
    asked = request_of(spec, values, actor())
    earlier = whole_number(request.form.get("approval")) or (asked.approval_id if asked is not None else None)
    return values if "approval" in values or earlier is None else {**values, "approval": earlier}


def _working(spec: Spec, values: dict[str, Any]) -> Answer:
    """What the operation would come to, with what falls with it; nothing of it stays."""
    answer = ask_first(spec.name, values, actor=actor(), rehearse=spec.consequences)
    return {**answer, "approval": values.get("approval", "")}


def _perform(spec: Spec, values: dict[str, Any]) -> tuple[Answer, str]:
    """Do it; the second part is a password that is shown once, where one was made."""
    data = {**values, "version": whole_number(request.form.get("version"))}
    if spec.name == Name.RESET_PASSWORD:
        password = passwords.invented()
        made = ResetPasswordInput(user=values["user"], password_hash=passwords.hashed(password))
        return do(spec.name, made), password
    answer = do(spec.name, data)
    fresh = spec.name == Name.CREATE_USER and "again" not in answer
    password = new_password(answer["id"], actor()) if fresh else ""
    return answer, password


COUNTS: dict[str, Callable[[int], str]] = {
    "assigned": lambda count: _("customers: %(count)s", count=count),
    "customers": lambda count: _("customers: %(count)s", count=count),
    "tasks": lambda count: _("tasks: %(count)s", count=count),
    "tagged": lambda count: _("customers: %(count)s", count=count),
    "untagged": lambda count: _("customers: %(count)s", count=count),
    "settled": lambda count: _("settled: %(count)s", count=count),
    "shifts": lambda count: _("shifts: %(count)s", count=count),
    "cards": lambda count: _("cards: %(count)s", count=count),
    "ended": lambda count: _("sessions ended: %(count)s", count=count),
}
"""Parts of an answer that say how many, and how that is said: of what, and never a bare number."""
AMOUNTS = {"total": "", "expected": _l("Should be there"), "difference": _l("Difference")}
"""Parts of an answer that are money, and what they are called."""


def _done(spec: Spec, outcome: tuple[Answer, str]) -> Any:
    answer, password = outcome
    if password:
        return render_template("password_once.html", password=password, back=_back(spec))
    told = [said(answer[name]) for name, said in COUNTS.items() if name in answer]
    told += [f"{label} {money(answer[name])}".strip() for name, label in AMOUNTS.items() if name in answer]
    flash(f"{spec.label}: " + (", ".join(told) if told else _("done")), "success")
    if "warning" in answer:
        flash(answer["warning"], "warning")
    warn_of_broken(answer)
    if "sale" in answer and access().may(Action.VIEW, Sale):
        sale = db.session.get_one(Sale, answer["sale"])
        return redirect(url_for("receipt", number=sale.public_id))
    if spec.name == Name.LOOK_UP_CUSTOMER:
        return redirect(url_for("customer.details_view", id=answer["id"]))
    return redirect(_back(spec))


def _back(spec: Spec) -> str:
    """Where she came from, if that is a place of ours; else the list."""
    said = request.values.get("next", "")
    if is_ours(said):
        return said
    home = spec.on or spec.page
    return url_for(f"{home.named()}.index_view") if home is not None and home.screen else url_for("dashboard.index")


def _show_shape(form: HouseForm, error: ValidationError) -> None:
    """What the input's type refuses, at its field."""
    for detail in error.errors():
        message = (
            _("This must not be empty.")
            if detail["type"] in {"missing", "string_too_short", "too_short"}
            else _shape(detail)
        )
        if not tell(form, "-".join(map(str, detail["loc"])), message):
            form.form_errors = [*form.form_errors, message]
    form.fresh()


def _shape(detail: Any) -> str:
    context = detail.get("ctx", {})
    if "message" in context:
        return str(context["message"])
    if detail["type"] == "string_too_long":
        return _("At most %(limit)s letters fit here.", limit=context.get("max_length"))
    if detail["type"] in {"greater_than_equal", "greater_than"}:
        return _("At least %(least)s is needed here.", least=context.get("ge", context.get("gt", 0) + 1))
    if detail["type"] in {"less_than_equal", "less_than"}:
        return _("At most %(most)s fits here.", most=context.get("le", context.get("lt", 0) - 1))
    if detail["type"] == "too_long":
        return _("At most %(most)s fit here.", most=context.get("max_length"))
    if detail["type"] == "string_pattern_mismatch":
        return _("Only small letters, digits, dots, dashes and underscores.")
    return _("This value does not fit here.")
