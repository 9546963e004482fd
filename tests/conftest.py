"""Fixtures: a house on each engine, whole and fresh for every test, with the cast in it."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from flask import Flask, has_app_context
from sqlalchemy import func, select

from admin_app import create_app
from admin_app.file_modes import keep_private
from admin_app.rulebook import refresh
from admin_app.serving import stop_looking_through_what_is_there
from admin_app.settings import HOUSE, Settings
from admin_app.start import log_start, open_house
from models.accounts import UserSession
from models.actor import Actor, ActorKind
from models.cipher import KEY_FILE
from models.entity import db
from models.log import Operation
from tests import engines, nginx
from tests.cast import build_cast
from tests.web import Browser
from views import register_screens

T = TypeVar("T")
ENGINES = ("sqlite", "postgresql")
WIDE = bool(os.environ.get("PEONY_TEST_WIDE"))
"""Everything on both engines, and the long ones at their full length: on demand."""

ON_BOTH = pytest.mark.parametrize("house", ENGINES, indirect=True)
"""For the one test of a module, run on SQLite alone otherwise, that shows its statements hold on PostgreSQL too."""


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # until all is imported
    keep_private()  # as run.py does
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a run in the background: no house would end by it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["PEONY_LANGUAGE"] = "zh_Hans_CN"
    if (memory := engines.in_memory()) is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", memory)


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: a process often waits, for a browser, a command or a database."""
    cores = os.cpu_count() or 1
    return cores + cores // 2


SHARED = ("demos", "first", "members", "salons")
"""Fixtures that take long to make: whoever asks for one of them runs in one process, so that it is made once."""


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.collect()
    stop_looking_through_what_is_there()
    if hasattr(session.config, "workerinput"):
        apart = [
            item.nodeid for item in session.items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid
        ]
        assert not apart, f"these are not kept together by pytest-xdist: {apart}"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks who belongs together
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name in SHARED:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(name))


def pytest_sessionfinish(session: pytest.Session) -> None:
    engines.stop_postgres()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run here, and how to run it."""
    from tests.e2e.browser import HOW, chromium

    absent = dict(engines.missing)
    if engines._binaries() is None and not os.environ.get("PEONY_TEST_POSTGRES"):
        absent["PostgreSQL"] = engines.HOW
    if chromium() is None:
        absent["Chromium"] = HOW
    if nginx.program() is None:
        absent["nginx"] = nginx.HOW
    for what, how in absent.items():
        terminalreporter.write_line(f"NOT RUN: every test on {what}. To run them: {how}", yellow=True)


class House:
    """A running house: its application, its data folder, and the numbers of the cast."""

    def __init__(self, app: Flask, engine: str, ids: dict[str, int], template: Template | None = None) -> None:
        self.app = app
        self.engine = engine
        self.ids = ids
        self.settings: Settings = app.config["PEONY"]
        self.template = template

    @property
    def folder(self) -> Path:
        return self.settings.data_dir

    def actor(self, role: str, **changed: object) -> Actor:
        """A member of the cast, as an actor."""
        from admin_app.security.sessions import stores_of

        staff = self.ids.get(f"{role}_staff")
        stores = stores_of(db.session(), staff)
        values = {"name": f"用户{role}", "role": role, "id": self.ids.get(role), "staff_id": staff, "stores": stores}
        return Actor(ActorKind.USER, **{**values, **changed})  # type: ignore[arg-type]

    def kept(self, state: str, make: Callable[[], T]) -> T:
        """What ``make`` makes of the house; of an untouched one only once, and whoever asks again gets a copy."""
        if self.template is None or self._touched():
            return make()
        known = self.template.known
        if state in known:
            self.template.put_back(state)
        else:
            known[state] = make()
            self.template.keep(state)
        return deepcopy(known[state])  # type: ignore[no-any-return]

    def _touched(self) -> bool:
        """Whether anything has happened since the house was opened."""
        assert self.template is not None
        done = db.session.scalar(select(func.max(Operation.id)))
        return done != self.template.operations or db.session.scalar(select(UserSession.id).limit(1)) is not None

    def browser(self, role: str | None = None) -> Browser:
        """A browser without a window; signed in as a member of the cast, or a stranger's."""
        return Browser(self, role)


def copy_rules(folder: Path) -> None:
    """The shipped rules, but for second factors: whoever may pay out would have to add one before anything else."""
    for file in (HOUSE / "rules").glob("*.yaml"):
        shutil.copyfile(file, folder / file.name)
    security = (HOUSE / "rules" / "security.yaml").read_text(encoding="utf-8")
    offered = security.replace("second_factor: required", "second_factor: offered ")
    (folder / "security.yaml").write_text(offered, encoding="utf-8")


class Template:
    """A whole database with the cast, made once a process and engine, and copied for each test."""

    def __init__(self, engine: str, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.folder.mkdir(parents=True)
        rules = self.folder / "rules"
        rules.mkdir()
        copy_rules(rules)
        self.known: dict[str, Any] = {}
        self.name = f"peony_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
        url = ""
        if engine == "postgresql":
            self.server = engines.postgres()
            assert self.server is not None
            engines.sql(self.server, f"DROP DATABASE IF EXISTS {self.name}", f"CREATE DATABASE {self.name}")
            url = f"{self.server}/{self.name}"
        self.app = create_app(
            Settings(data_dir=self.folder / "data", database_url=url, rules_dir=rules, scheduler=False)
        )
        register_screens(self.app)
        with self.app.app_context():
            open_house()
            log_start()
            self.ids = build_cast()
            self.operations = db.session.scalar(select(func.max(Operation.id))) or 0
            refresh()
            self.rules = self.app.extensions["peony_rules"]
            self.keep("first")

    def keep(self, state: str) -> None:
        """Keep the database as it stands now under a name."""
        self._closed()
        if self.engine == "sqlite":
            shutil.copyfile(self.folder / "data" / "peony.db", self.folder / f"{state}.db")
        else:
            assert self.server is not None
            engines.sql(self.server, f"CREATE DATABASE {self.name}_{state} TEMPLATE {self.name} STRATEGY FILE_COPY")

    def put_back(self, state: str) -> None:
        """Make the database what was kept under that name."""
        self._closed()
        if self.engine == "sqlite":
            shutil.copyfile(self.folder / f"{state}.db", self.folder / "data" / "peony.db")
        else:
            assert self.server is not None
            drop = f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)"
            copy = f"CREATE DATABASE {self.name} TEMPLATE {self.name}_{state} STRATEGY FILE_COPY"
            engines.sql(self.server, drop, copy)

    def _closed(self) -> None:
        """Let go of the database; what was written stands in it alone."""
        if has_app_context():
            db.session.remove()
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def fresh(self) -> None:
        """Put everything back to how it was."""
        self._closed()
        data = self.folder / "data"
        for left in data.iterdir():
            if left.name not in {KEY_FILE, "frontend"}:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        self.put_back("first")
        copy_rules(self.folder / "rules")
        self.app.extensions.pop("peony_rule_files", None)
        known = {"versions": dict(self.rules.versions), "hashes": dict(self.rules.hashes), "looked_at": 0.0}
        self.app.extensions["peony_rules"] = replace(self.rules, **known)


_templates: dict[str, Template] = {}


def _house(engine: str, factory: pytest.TempPathFactory) -> House:
    if engine == "postgresql":
        engines.needed()
    if engine not in _templates:
        _templates[engine] = Template(engine, factory.mktemp(f"house-{engine}") / "house")
    template = _templates[engine]
    template.fresh()
    from models.cipher import Keyring, use_keyring

    use_keyring(Keyring.parse((template.folder / "data" / KEY_FILE).read_text(encoding="ascii")))
    return House(template.app, engine, template.ids, template)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for ``house`` or ``empty`` on each engine, or on those that its module names in ``HOUSES``."""
    marked: set[str] = set()
    for mark in metafunc.definition.iter_markers("parametrize"):
        names = mark.args[0]
        marked |= {one.strip() for one in names.split(",")} if isinstance(names, str) else set(names)
    houses = getattr(metafunc.module, "HOUSES", ENGINES)
    for name in ("house", "empty"):
        if name in metafunc.fixturenames and name not in marked:
            metafunc.parametrize(name, ENGINES if WIDE and "sqlite" in houses else houses, indirect=True)


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A fresh house with the cast, on each engine in turn, in an application context."""
    yield from _opened(_house(request.param, tmp_path_factory))


@pytest.fixture
def sqlite_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A fresh house on SQLite alone, for what no engine can change."""
    yield from _opened(_house("sqlite", tmp_path_factory))


def _opened(found: House) -> Iterator[House]:
    with found.app.app_context():
        refresh()
        db.session.rollback()  # whoever hangs up in an inner context would leave the connection of this one open
        yield found
        db.session.remove()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Flask]:
    """An application without a database yet, in a folder of its own."""
    app = create_app(Settings(data_dir=tmp_path / "data", scheduler=False))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
