"""What every answer carries: a content security policy with a nonce, headers, cookies; CSRF on every unsafe method."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request
from flask_wtf.csrf import CSRFProtect

from admin_app.settings import Settings
from views.proxies import TrustedProxies

csrf = CSRFProtect()

POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; object-src 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
ONE_YEAR = 31_536_000


def nonce() -> str:
    """This answer's own word by which it may run its scripts."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def secure(app: Flask) -> None:
    """Attach all of it."""
    settings: Settings = app.config["PEONY"]
    app.config.update(
        SESSION_COOKIE_NAME="__Host-peony" if settings.https else "peony",
        SESSION_COOKIE_SECURE=settings.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_CHECK_DEFAULT=False,  # the gate checks it, for every address
        WTF_CSRF_SSL_STRICT=settings.https,
        MAX_CONTENT_LENGTH=20 * 1024 * 1024,
        MAX_FORM_PARTS=5_000,
    )
    csrf.init_app(app)
    app.after_request(_headers)
    app.wsgi_app = TrustedProxies(app.wsgi_app, settings)  # type: ignore[method-assign]  # Flask's documented way


def _headers(response: Response) -> Response:
    from flask import current_app

    response.headers["Content-Security-Policy"] = POLICY.format(nonce=nonce())
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if current_app.config["PEONY"].https:
        response.headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR}; includeSubDomains"
    if request.endpoint not in {"static_files", "vendor"}:
        response.headers["Cache-Control"] = "no-store"
    return response
