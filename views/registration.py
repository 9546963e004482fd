"""Putting the pages on: security, languages, sign-in, hand-made pages, and a screen for every entity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask, Response, request, send_from_directory
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme
from flask_babel import get_locale
from flask_login import current_user

from admin_app.i18n import language_tag
from models.entity import entities
from views import (
    account,
    approvals,
    bookings,
    call_list,
    customer_strip,
    dashboard,
    day_report,
    document_form,
    errors,
    fees,
    frontend,
    health,
    my_day,
    new_salon,
    odd_papers,
    operation_log,
    operations,
    receipt,
    rule_studio,
    rule_templates,
    rule_versions,
    schedules,
    search_page,
    second_factors,
    second_step,
    sign_in,
    why,
)
from views.addresses import bound_numbers
from views.gate import guard
from views.generated import EntityScreen
from views.helpers import HELPERS
from views.icons import icon
from views.navigation import navigation
from views.person import access, actor
from views.security import nonce, secure
from views.unsent import draft_key, shows_again

HERE = Path(__file__).parent
HOUSE_PAGES = (
    sign_in,
    second_step,
    second_factors,
    account,
    operations,
    operation_log,
    search_page,
    schedules,
    new_salon,
    frontend,
    health,
    errors,
)
HAND_MADE = (
    approvals,
    customer_strip,
    my_day,
    bookings,
    call_list,
    receipt,
    day_report,
    fees,
    odd_papers,
    rule_studio,
    rule_templates,
    document_form,
    rule_versions,
    why,
)
"""Modules that register pages of their own."""


def register_screens(app: Flask) -> None:
    """Dress an application with every page."""
    app.template_folder = str(HERE / "templates")
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    bound_numbers(app)
    secure(app)
    guard(app)
    _static(app)
    admin = Admin(
        app,
        name="Peony",
        theme=Bootstrap4Theme(base_template="base.html"),
        index_view=dashboard.Dashboard(url="/", endpoint="dashboard"),
        csp_nonce_generator=nonce,
    )
    for entity in entities():
        if entity.screen is not None:
            admin.add_view(EntityScreen(entity))
    for module in (*HOUSE_PAGES, *HAND_MADE):
        module.register(app)
    app.context_processor(_everywhere)


def _static(app: Flask) -> None:
    def static_files(path: str) -> Response:
        return send_from_directory(HERE / "static", path, max_age=3600)

    app.add_url_rule("/assets/<path:path>", "static_files", static_files)


def _everywhere() -> dict[str, Any]:
    """What every template may use."""
    signed = current_user.is_authenticated
    return {
        "nonce": nonce,
        "icon": icon,
        "language": language_tag(),
        "chinese": getattr(get_locale(), "language", "zh") == "zh",
        "shade": request.cookies.get("theme", ""),
        "me": current_user if signed else None,
        "navigation": navigation() if signed else [],
        "can": access() if signed else None,
        "actor": actor,
        "draft_key": draft_key,
        "shows_again": shows_again,
        **HELPERS,
    }
