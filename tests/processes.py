"""Processes of the house beside the test's own: forked from one that has everything imported, driven by a pipe."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from math import inf
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from admin_app import OPERATION_MODULES, create_app
from admin_app.serving import stop_looking_through_what_is_there
from admin_app.settings import Settings
from models.entity import db
from tests.limits import HANG_SECONDS

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

Work = Callable[..., None]
"""What a process does, in its own application context: it is given its end of the pipe, and what it needs to know."""

_AT_WORK = [*OPERATION_MODULES, "tests.admin_app.at_work"]
_ways = multiprocessing.get_all_start_methods()
_context: Any = multiprocessing.get_context("forkserver" if "forkserver" in _ways else "spawn")
if "forkserver" in _ways:
    _context.set_forkserver_preload(_AT_WORK)


class Process:
    """One process of the house at work."""

    def __init__(self, settings: Settings, work: Work, *args: object) -> None:
        self.pipe, theirs = _context.Pipe()
        where = (settings.data_dir, settings.database_url, settings.rules_dir)
        self.process: BaseProcess = _context.Process(target=_run, args=(where, work, theirs, args), daemon=True)
        self.process.start()
        theirs.close()

    def said(self) -> Any:
        """What it says next.

        :raises EOFError: it has ended.
        """
        return self.pipe.recv()

    def everything(self, most: float = inf) -> list[Any]:
        """All that it still says until it ends, or so much of it."""
        found: list[Any] = []
        with suppress(EOFError, ConnectionResetError):
            while len(found) < most:
                found.append(self.said())
        return found

    def end(self) -> int | None:
        """Wait until it is gone; its exit code (minus the signal that ended it)."""
        self.process.join(timeout=HANG_SECONDS)
        code = self.process.exitcode
        self.process.close()
        self.pipe.close()
        return code


def _run(where: tuple[Any, str, Any], work: Work, pipe: Connection, args: tuple[object, ...]) -> None:
    folder, url, rules = where
    app = create_app(Settings(data_dir=folder, database_url=url, rules_dir=rules, scheduler=False))
    stop_looking_through_what_is_there()  # as whoever serves does
    with app.app_context():
        work(pipe, *args)
        db.session.remove()
        db.engine.dispose()
    pipe.close()


def barrier(parties: int) -> Any:
    """Where so many processes wait for one another."""
    return _context.Barrier(parties)
