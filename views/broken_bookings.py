"""The warning that bookings can no longer be kept, with what has to be moved or cancelled."""

from __future__ import annotations

from flask import current_app, flash
from flask_babel import gettext as _
from sqlalchemy import select

from admin_app.i18n import join_clauses
from admin_app.operations.registry import Answer
from admin_app.titles import titles_by
from models.booking import Appointment
from models.entity import db
from views.person import access

MOST_LISTED = 8


def warn_of_broken(answer: Answer) -> None:
    """List the bookings that an operation has broken: when, where and whose; those not hers to see are counted."""
    ids = answer.get("broken_bookings", [])
    if not ids:
        return
    query = select(Appointment).where(Appointment.id.in_(ids), access().rows(Appointment))
    rows = list(db.session.scalars(query.order_by(Appointment.starts_at, Appointment.id).limit(MOST_LISTED)))
    wanted = {"customer": {row.customer_id for row in rows}, "store": {row.store_id for row in rows}}
    called, zone = titles_by(wanted, access()), current_app.config["PEONY"].zone
    listed = join_clauses(
        f"{row.starts_at.astimezone(zone):%Y-%m-%d %H:%M} {called['store', row.store_id]}"
        f" {called['customer', row.customer_id]}"
        for row in rows
    )
    rest = "；…" if len(ids) > len(rows) else ""
    message = _("%(count)s bookings cannot be kept like this; move or cancel them:", count=len(ids))
    flash(f"{message} {listed}{rest}", "warning")
