"""OPERATIONS: what people do. ``create_app()`` is a whole application without screens: commands, scheduler and most
tests need no more.
"""

from __future__ import annotations

from importlib import import_module

from flask import Flask

import models
from admin_app.i18n import init_languages
from admin_app.operations import kernel
from admin_app.settings import Settings, load_settings
from models import search
from models.cipher import KEY_FILE, Keyring, use_keyring
from models.connection import engine_options, prepare_engine

OPERATION_MODULES = (
    "admin_app.operations.entities",
    "admin_app.operations.reading",
    "admin_app.operations.customers",
    "admin_app.operations.approvals",
    "admin_app.operations.approval_requests",
    "admin_app.operations.booking",
    "admin_app.operations.cards",
    "admin_app.operations.care",
    "admin_app.operations.giving",
    "admin_app.operations.day",
    "admin_app.operations.merging",
    "admin_app.operations.opening",
    "admin_app.operations.reversing",
    "admin_app.operations.staff",
    "admin_app.operations.till",
    "admin_app.operations.todo",
    "admin_app.operations.accounts",
    "admin_app.operations.second_factors",
    "admin_app.operations.house",
    "admin_app.load",
    "admin_app.new_salon",
    "admin_app.clock_jump",
    "admin_app.operations.rules",
    "admin_app.evaluation",
    "admin_app.importing.customers",
    "admin_app.importing.sales",
    "admin_app.importing.files",
)
"""Every module that registers operations."""


class DataFolderError(Exception):
    """The data folder cannot be used."""


def create_app(settings: Settings | None = None) -> Flask:
    """The application: settings, keys, database, languages, operations. It opens no connection yet.

    :raises admin_app.settings.SettingsError: a setting cannot be used.
    :raises DataFolderError: the data folder cannot be written.
    :raises models.entity.DeclarationError: an entity contradicts itself.
    """
    settings = settings or load_settings()
    models.check_declarations()
    ring = _keys(settings)
    use_keyring(ring)
    app = Flask("admin_app", static_folder=None, template_folder=None, instance_path=str(settings.data_dir.resolve()))
    app.config.update(
        PEONY=settings,
        SECRET_KEY=ring.cookie_key,
        SQLALCHEMY_DATABASE_URI=settings.url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.url),
    )
    models.db.init_app(app)
    with app.app_context():
        prepare_engine(models.db.engine)
    _attach_once()
    init_languages(app)
    for module in OPERATION_MODULES:
        import_module(module)
    return app


def _keys(settings: Settings) -> Keyring:
    """Those of the data folder; new ones, which are saved when the database is made, where there are none."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Keyring.load(settings.data_dir / KEY_FILE) or Keyring.fresh()
    except (OSError, ValueError) as error:
        raise DataFolderError(f"{settings.data_dir}: {error}") from error


_attached = False


def _attach_once() -> None:
    """The session class is one for the process, however many applications the tests make."""
    global _attached
    if not _attached:
        kernel.guard_writes(models.db.session)
        search.attach(models.db.session)
        _attached = True


__all__ = ["OPERATION_MODULES", "DataFolderError", "create_app"]
