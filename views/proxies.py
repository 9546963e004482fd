"""Whose word is taken for a client's address: that of as many proxies as the settings name, and of nobody else."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

from admin_app.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_FOR = "HTTP_X_FORWARDED_FOR"
_HEADERS = (
    _FOR,
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_FORWARDED_BY",
    "HTTP_X_REAL_IP",
)
"""Everything in which a proxy names a client; what is not trusted is taken away, so that nothing behind reads it."""


class TrustedProxies:
    """WSGI middleware: sets client address, scheme and host from the headers of trusted proxies.

    ``X-Forwarded-For`` counts from its end, an entry a proxy. Where it has fewer entries, or the one that counts is no
    address, the client is whoever the connection is from. Scheme and host are what the nearest proxy says.
    """

    def __init__(self, app: WSGIApplication, settings: Settings) -> None:
        self._app = app
        self._hops = settings.proxies
        self._networks = [ip_network(part.strip()) for part in settings.proxy_addresses.split(",")]
        self._behind = ProxyFix(app, x_for=settings.proxies, x_proto=1, x_host=1)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._hops or not self._is_proxy(environ.get("REMOTE_ADDR", "")):
            for name in _HEADERS:
                environ.pop(name, None)
            return self._app(environ, start_response)
        hops = environ.get(_FOR, "").split(",")
        if len(hops) < self._hops or not _is_address(hops[-self._hops].strip()):
            environ.pop(_FOR, None)
        return self._behind(environ, start_response)

    def _is_proxy(self, peer: str) -> bool:
        return _is_address(peer) and any(ip_address(peer) in network for network in self._networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # behind it IPv6 takes any word as the name of a network card
