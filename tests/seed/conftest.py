"""Houses on each engine for the first day to fill: empty ones, and the demo salon, made once a session."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from flask import Flask

from admin_app import create_app
from admin_app.settings import Settings
from admin_app.start import SignInCard, log_start, open_house
from models.cipher import keyring, use_keyring
from models.entity import db, table_of
from seed import demo
from tests import engines
from tests.conftest import ENGINES
from views import register_screens

MORNING = datetime(2026, 7, 15, 2, 30, tzinfo=UTC)
"""Half past ten in the salon: the day has hardly begun."""
DAY = date(2026, 7, 15)
Rows = dict[str, list[dict[str, Any]]]


class Empty:
    """A house of its own, with its own keys, or a copy of another; ``ids`` as a Browser wants them."""

    def __init__(self, engine: str, folder: Path, like: Empty | None = None) -> None:
        self.engine = engine
        self.folder = folder
        self.ids: dict[str, int] = {}
        self.database = f"{folder.parent.name}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
        if like is not None:
            shutil.copytree(like.folder, folder)
        url = self._postgres(like) if engine == "postgresql" else ""
        self.app: Flask = create_app(Settings(data_dir=folder, database_url=url, scheduler=False))
        self.keys = keyring()

    def _postgres(self, like: Empty | None) -> str:
        server = engines.needed()
        template = f' TEMPLATE "{like.database}"' if like is not None else ""
        drop = f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)'
        engines.sql(server, drop, f'CREATE DATABASE "{self.database}"{template}')
        return f"{server}/{self.database}"

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


@pytest.fixture(scope="session")
def opened_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Empty]:
    """An open house on an engine, closed again: what every empty house is copied from."""

    @cache
    def made(engine: str) -> Empty:
        found = Empty(engine, tmp_path_factory.mktemp("first") / "data")
        with found.opened():
            open_house()
        found.close()
        return found

    return made


@pytest.fixture
def empty(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, opened_once: Callable[[str], Empty]
) -> Iterator[Empty]:
    """An open house without a single customer."""
    found = Empty(request.param, tmp_path_factory.mktemp("empty") / "data", opened_once(request.param))
    with found.opened():
        open_house()
        yield found
    found.close()


@dataclass
class Salon:
    """A demo, with the cards that were printed."""

    house: Empty
    cards: list[SignInCard]


Salons = Callable[[str], Salon]


@pytest.fixture(scope="session")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Salons]:
    """The demo on an engine, made at half past ten as it is first asked for."""
    houses: list[Empty] = []

    @cache
    def made(engine: str) -> Salon:
        house = Empty(engine, tmp_path_factory.mktemp("demo") / "data")
        houses.append(house)
        with house.opened(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(demo, "now", lambda: MORNING)
            open_house()
            cards = demo.make_demo()
            log_start()
            register_screens(house.app)
        return Salon(house, cards)

    yield made
    for house in houses:
        house.close()


@pytest.fixture(params=ENGINES)
def salon(request: pytest.FixtureRequest, demos: Salons) -> Iterator[Salon]:
    """The demo on each engine."""
    found = demos(request.param)
    with found.house.opened():
        yield found


@pytest.fixture
def one(demos: Salons) -> Iterator[Salon]:
    """The demo on SQLite, for what no engine can change."""
    found = demos("sqlite")
    with found.house.opened():
        yield found


def made_afresh(seed: int = demo.SEED, today: date = DAY, moment: datetime | None = None) -> Rows:
    return {table_of(entity).name: rows for entity, rows in demo.rows_of(Random(seed), today, moment)}


@cache
def generated(seed: int = demo.SEED, today: date = DAY, moment: datetime | None = None) -> Rows:
    """The rows as they are loaded; made once for the tests that only read them."""
    return made_afresh(seed, today, moment)
