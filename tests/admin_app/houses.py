"""Houses opened beside the one under test, and what the doctor finds in a house."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask

from admin_app import create_app
from admin_app.doctor import examine
from admin_app.settings import Settings
from models.entity import db


@contextmanager
def opened(**settings: Any) -> Iterator[Flask]:
    """A house with these settings, in its application context; its connections are closed behind it."""
    app = create_app(Settings(**settings, scheduler=False))
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()


def faults(*but: str) -> list[str]:
    """What the doctor finds, some checks left out: those are not made."""
    db.session.remove()
    return [fault for finding in examine(without=but) for fault in finding.faults]
