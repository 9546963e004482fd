"""What goes wrong, said plainly: with a number to ask about, and nothing of the inside."""

from __future__ import annotations

import logging
import secrets
from typing import Any
from urllib.parse import urlencode

from flask import Flask, current_app, g, jsonify, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import AnonymousUserMixin
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from admin_app.operations.refusals import Refused, unavailable
from models.entity import db
from views.addresses import BadAddress
from views.person import note_forged

log = logging.getLogger("peony.pages")


def register(app: Flask) -> None:
    app.register_error_handler(Refused, refused)
    app.register_error_handler(CSRFError, forged)
    app.register_error_handler(HTTPException, plain)
    app.register_error_handler(OperationalError, unreachable)
    app.register_error_handler(Exception, broken)


def _page(status: int, title: str, text: str, field: str | None = None, back: tuple[str, str] | None = None) -> Any:
    """``back``: the address of the one way out, and what its button says."""
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(error=text, field=field), status
    return render_template("error.html", title=title, text=text, status=status, back=back), status


def refused(error: Refused) -> Any:
    """An operation or page said no."""
    titles = {403: _("Not allowed"), 404: _("Not found"), 409: _("Changed meanwhile"), 503: _("Busy now")}
    title = titles.get(error.status, _("Not done"))
    return _page(error.status, title, str(error), error.field, _way_back(error))


def _way_back(error: Refused) -> tuple[str, str] | None:
    """From a file that was refused to its list with the same filters, from a bad address to the page without it."""
    endpoint, args = request.endpoint or "", request.args.to_dict()
    if request.method != "GET":
        return None
    if endpoint.endswith(".export"):
        home = endpoint.removesuffix("export") + "index_view"
        home = home if home in current_app.view_functions else endpoint.removesuffix(".export")
        return f"{url_for(home)}?{urlencode(args)}".rstrip("?"), _("Back to the list")
    if isinstance(error, BadAddress):
        kept = {name: value for name, value in args.items() if name != error.field}
        address = url_for(endpoint, **(request.view_args or {}))
        return (f"{address}?{urlencode(kept)}" if kept else address), _("Show the page without it")
    return None


def forged(error: CSRFError) -> Any:
    """A form without its CSRF word, or with that of another session."""
    note_forged()
    text = _("This form is too old or came from somewhere else. Go back, load the page again and repeat.")
    return _page(400, _("Please repeat"), text)


def plain(error: HTTPException) -> Any:
    texts = {
        401: _("The session has ended. Sign in again in another tab; what you typed here stays."),
        404: _("There is nothing at this address."),
        405: _("This address does not take that."),
        413: _("That is too large."),
    }
    status = error.code or 500
    return _page(status, str(status), texts.get(status, _("The request could not be understood.")))


def unreachable(error: OperationalError) -> Any:
    db.session.rollback()
    log.error("the database could not be reached: %s", error.orig)
    try:
        return _page(503, *_trouble(error))
    except OperationalError:  # who looks and what she may see stands in the database too
        db.session.rollback()
        g._login_user = AnonymousUserMixin()  # noqa: SLF001 - where flask_login keeps whom it has loaded
        return _page(503, *_trouble(error))


def _trouble(error: OperationalError) -> tuple[str, str]:
    reason = unavailable(error) or _("The database cannot be reached. Nothing was changed; try again.")
    return _("Busy now"), str(reason)


def broken(error: Exception) -> Any:
    """Our own fault: the number stands in the program's output beside the trace."""
    db.session.rollback()
    number = secrets.token_hex(4)
    log.error("fault %s at %s", number, request.path, exc_info=error)
    return _page(
        500,
        _("Our fault"),
        _("Something went wrong; nothing was changed. Tell us the number %(number)s.", number=number),
    )
