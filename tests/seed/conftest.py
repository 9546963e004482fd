"""Houses without anybody in them, on each engine, for the first day to fill."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from admin_app import create_app
from admin_app.settings import Settings
from admin_app.start import open_house
from models.cipher import keyring, use_keyring
from models.entity import db
from tests import engines
from tests.conftest import ENGINES


class Empty:
    """A house of its own, with its own keys; ``ids`` as a Browser wants them."""

    def __init__(self, engine: str, folder: Path) -> None:
        url = ""
        if engine == "postgresql":
            server = engines.postgres()
            if server is None:
                assert not engines.IN_CI, engines.HOW
                pytest.skip("no PostgreSQL here")
            name = f"{folder.parent.name}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
            engines.sql(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"')
            url = f"{server}/{name}"
        self.engine = engine
        self.ids: dict[str, int] = {}
        self.app: Flask = create_app(Settings(data_dir=folder, database_url=url, scheduler=False))
        self.keys = keyring()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Within it, the house's own keys and its application context."""
        use_keyring(self.keys)
        with self.app.app_context():
            try:
                yield
            finally:
                db.session.remove()

    def close(self) -> None:
        with self.opened():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture(params=ENGINES)
def empty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Empty]:
    """An open house without a single customer."""
    found = Empty(request.param, tmp_path_factory.mktemp("empty") / "data")
    with found.opened():
        open_house()
        yield found
    found.close()
