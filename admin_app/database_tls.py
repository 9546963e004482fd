"""Whether anybody on the way to the database can read along."""

from __future__ import annotations

from ipaddress import ip_address

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.engine import URL

from models.entity import db

ASK = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
"""Whether the connection that asks is encrypted."""


def is_elsewhere(url: URL) -> bool:
    """Whether the database is asked over a network: not SQLite, no socket file, no address of this machine."""
    named = url.query.get("hostaddr") or url.query.get("host") or url.host or ""
    hosts = [host for part in ([named] if isinstance(named, str) else named) for host in part.split(",")]
    return url.get_backend_name() == "postgresql" and not all(map(_is_here, hosts))


def _is_here(host: str) -> bool:
    host = host.rpartition(":")[0] if host.count(":") == 1 else host
    if host in {"", "localhost"} or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_tls() -> tuple[int, list[str]]:
    """For ``doctor``: a connection to a database on another machine, and whether it is in clear."""
    if not is_elsewhere(db.engine.url):
        return 0, []
    with db.engine.connect() as connection:
        secure = connection.scalar(text(ASK))
    return 1, [] if secure else [
        _("The database on %(host)s is asked without TLS; add ?sslmode=verify-full to its address.", host=_host())
    ]


def _host() -> str:
    return str(db.engine.url.host or db.engine.url.query.get("host") or "")
