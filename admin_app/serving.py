"""Serving the pages: one process, eight threads, the clock beside them, and a clean end."""

from __future__ import annotations

import gc
import logging
import platform
import socket
import sys
from collections.abc import Callable

import click
from flask import Flask
from flask_babel import gettext as _
from waitress import wasyncore
from waitress.server import BaseWSGIServer, MultiSocketServer, create_server

from admin_app.commands import fail
from admin_app.ending import LOOP_SECONDS, Sockets, finish_requests, until_told_to_end
from admin_app.restore import leftover
from admin_app.scheduler import start_clock
from models.connection import sqlite_driver, wal_is_safe

try:
    import resource
except ImportError:  # pragma: no cover - Windows, which has no such limit
    resource = None  # type: ignore[assignment]

log = logging.getLogger("peony.serving")

THREADS = 8
CONNECTIONS = 800
"""Connections at once. Waitress's own 100 were used up by a hundred that send half a request and wait."""
FILES = 2 * CONNECTIONS
"""Files and sockets that the process may have open, where the system lets it."""
SILENCE_SECONDS = 30
"""A connection without a request in progress is closed after so long without a byte."""
RUBBISH = (25_000, 20, 20)
"""After so many new objects Python looks for rubbish that holds itself among them, after so many such looks among older
ones, and after so many of those among all. Usually after each 700, and a page makes thousands.
"""


def stop_looking_through_what_is_there() -> None:
    """What has been made by now stays, so Python need not look for rubbish in it: to look through all takes 0.2 s, and
    whoever waits for the one who looks waits as long.
    """
    gc.freeze()
    gc.set_threshold(*RUBBISH)
    gc.enable()


def say_hello(app: Flask) -> None:
    """What the house runs on, where that is worth a word; and what a restore has left."""
    with app.app_context():
        unpacked = leftover()
    if unpacked is not None:
        click.echo(
            _(
                "A restore was cut short before it replaced anything; the database is as it was. Delete %(file)s.",
                file=unpacked,
            ),
            err=True,
        )
    if app.config["PEONY"].url.get_backend_name() == "sqlite" and not wal_is_safe():
        version = sqlite_driver.sqlite_version
        click.echo(
            _(
                "SQLite %(version)s has the WAL-reset fault, so a rollback journal is used: safe, a little slower. "
                "The package pysqlite3 brings a newer one where it has a wheel (%(system)s has none installed).",
                version=version,
                system=f"{platform.system()} {platform.machine()}",
            ),
            err=True,
        )


def check_port(host: str, port: int) -> None:
    """End with a sentence when the port is another's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            fail(
                _(
                    "Port %(port)s on %(host)s cannot be used: %(why)s. Choose another with --port.",
                    port=port,
                    host=host,
                    why=error.strerror or error,
                )
            )


def allow_files() -> None:
    """Let this process open as many files as ``CONNECTIONS`` need; macOS begins with 256."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def listen(app: Flask, sockets: Sockets) -> BaseWSGIServer | MultiSocketServer:
    """A server that listens; ``turn`` makes it answer. Headers about the client are judged by ``views.proxies``."""
    settings = app.config["PEONY"]
    return create_server(
        app,
        map=sockets,
        host=settings.host,
        port=settings.port,
        threads=THREADS,
        ident=None,
        connection_limit=CONNECTIONS,
        channel_timeout=SILENCE_SECONDS,
        cleanup_interval=SILENCE_SECONDS // 3,
        clear_untrusted_proxy_headers=not settings.proxies,
    )


def turn(sockets: Sockets) -> None:
    """Take in and send what there is, once; with poll(), for select() ends at the 1024th file."""
    wasyncore.loop(timeout=LOOP_SECONDS, use_poll=True, map=sockets, count=1)


def serve(app: Flask, ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; ``ready`` is called when the first page can be asked for."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("waitress", "apscheduler"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    settings = app.config["PEONY"]
    sockets: Sockets = {}
    allow_files()
    server = listen(app, sockets)
    clock = start_clock(app) if settings.scheduler else None
    stop_looking_through_what_is_there()
    try:
        with until_told_to_end() as end:
            ready()
            while not end.is_set():
                turn(sockets)
            finish_requests(sockets)
    except KeyboardInterrupt:
        log.warning("ended at once; requests in progress were cut off")
    finally:
        server.task_dispatcher.shutdown()
        wasyncore.close_all(sockets, ignore_all=True)
        if clock is not None:
            clock.shutdown(wait=True)
