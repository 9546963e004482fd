"""The form of an operation: generated from its input, started from rows or from a list."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from pydantic import ValidationError
from sqlalchemy import select
from wtforms import SelectMultipleField

from admin_app.operations.accounts import ResetPasswordInput
from admin_app.operations.refusals import Forbidden, Refused
from admin_app.operations.registry import Answer, Spec, spec_named
from admin_app.security import passwords
from admin_app.start import new_password
from admin_app.values import whole_number
from models.entity import db
from models.names import Name
from views.forms import HouseForm, make_form, operation_blueprints, show_refusal, typed
from views.navigation import is_ours
from views.person import access, actor, do, refuse


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
    plans = operation_blueprints(spec)
    ids = _chosen(spec)
    subject = spec.subject_field()
    form = make_form(plans, access(), {subject.name: ids} if subject else {})()
    if form.validate_on_submit():
        try:
            values = typed(form, plans)
            return _done(spec, form, _perform(spec, values))
        except Refused as refusal:
            show_refusal(form, refusal)
        except ValidationError as error:
            _show_shape(form, error)
    if not form.is_submitted():
        form.fresh()
        _preset(form, spec, ids)
    page = render_template(
        "operation.html",
        spec=spec,
        form=form,
        subject=subject.name if subject else None,
        subjects=_subjects(spec, ids),
        back=_back(spec),
    )
    return page, 422 if form.is_submitted() else 200


def _chosen(spec: Spec) -> list[int]:
    subject = spec.subject_field()
    given = (
        request.form.getlist(subject.name)
        if subject and request.method == "POST"
        else request.args.get("on", "").split(",")
    )
    return [number for one in given if (number := whole_number(one)) is not None][:1_000]


def _preset(form: HouseForm, spec: Spec, ids: list[int]) -> None:
    subject = spec.subject_field()
    if subject is not None and ids:
        one = form[subject.name]
        one.data = [str(found) for found in ids] if isinstance(one, SelectMultipleField) else str(ids[0])
    form.version.data = str(whole_number(request.args.get("version")) or "")


def _subjects(spec: Spec, ids: list[int]) -> list[Any]:
    """The rows it will be done on, as far as they exist for her."""
    if spec.on is None or not ids:
        return []
    return list(
        db.session.scalars(select(spec.on).where(spec.on.id.in_(ids), access().rows(spec.on)).order_by(spec.on.id))
    )


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


def _done(spec: Spec, form: HouseForm, outcome: tuple[Answer, str]) -> Any:
    answer, password = outcome
    if password:
        return render_template("password_once.html", password=password, back=_back(spec))
    told = [str(count) for name, count in answer.items() if isinstance(count, int) and name not in {"id", "again"}]
    flash(f"{spec.label}: " + (", ".join(told) if told else _("done")), "success")
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
        name = str(detail["loc"][0]) if detail["loc"] else ""
        message = (
            _("This must not be empty.")
            if detail["type"] in {"missing", "string_too_short", "too_short"}
            else _shape(detail)
        )
        if name in form:
            form[name].errors = [*form[name].errors, message]
        else:
            form.form_errors = [*form.form_errors, message]
    form.fresh()


def _shape(detail: Any) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "string_too_long":
        return _("At most %(limit)s letters fit here.", limit=context.get("max_length"))
    if detail["type"] == "string_pattern_mismatch":
        return _("Only small letters, digits, dots, dashes and underscores.")
    return _("This value does not fit here.")
