"""Databases for tests: SQLite files, and a throw-away PostgreSQL that each test process starts for itself."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text

from models.connection import WRITES
from models.entity import db

IN_CI = os.environ.get("CI", "").lower() == "true"
HOW = "apt-get install postgresql (15 or later), or set PEONY_TEST_POSTGRES to a server that may make databases"
missing: dict[str, str] = {}
"""What could not be run here, and how it would be: told in pytest's summary."""


ROOMY = 3 * 2**30
"""Bytes: what the databases of a whole run of the tests take at most, on two cores."""


@cache
def in_memory() -> str | None:
    """A folder in memory, where databases are copied far sooner; None where there is none, or no room."""
    folder = Path("/dev/shm")  # noqa: S108 - what is made there has a name nobody else can guess
    usable = folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > ROOMY
    return str(folder) if usable else None


CARELESS = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c wal_level=minimal -c max_wal_senders=0"
"""A server whose data nobody misses after the tests."""


class Cluster:
    """A PostgreSQL server of this process alone; its files go with it."""

    def __init__(self, binaries: Path, tls: tuple[Path, Path] | None = None) -> None:
        """``tls``: certificate and key, which it then offers."""
        self.binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="peony-pg-", dir=in_memory()))
        self.port = _free_port()
        self.as_postgres = ["runuser", "-u", "postgres", "--"] if _is_root() else []
        if self.as_postgres:
            shutil.chown(self.folder, "postgres")
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8")
        secure = "".join(f" -c {setting}" for setting in self._tls(tls)) if tls is not None else ""
        options = (
            f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c max_connections=120 {CARELESS}{secure}"
        )
        self._run("pg_ctl", "-D", data, "-o", options, "-w", "-l", str(self.folder / "log"), "start")

    def _tls(self, files: tuple[Path, Path]) -> list[str]:
        """Settings with which it offers TLS; the server reads only files of its own user."""
        for file in files:
            copy = self.folder / file.name
            shutil.copyfile(file, copy)
            copy.chmod(0o600)
            if self.as_postgres:
                shutil.chown(copy, "postgres")
        certificate, key = (self.folder / file.name for file in files)
        return ["ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={key}"]

    @property
    def address(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}"

    def _run(self, program: str, *args: str) -> None:
        subprocess.run([*self.as_postgres, str(self.binaries / program), *args], check=True, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _binaries() -> Path | None:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).parent if found else None


_cluster: list[Cluster] = []


@cache
def postgres() -> str | None:
    """The address of a server that may make databases, or None (and the reason in ``missing``)."""
    given = os.environ.get("PEONY_TEST_POSTGRES")
    if given:
        return given.rstrip("/")
    binaries = _binaries()
    if binaries is None:
        missing["PostgreSQL"] = HOW
        return None
    _cluster.append(Cluster(binaries))
    return _cluster[0].address


def needed() -> str:
    """The address of the server for a test that cannot do without: told as not run, or failed with CI=true."""
    found = postgres()
    if found is None:
        if IN_CI:
            pytest.fail("CI=true, and there is no PostgreSQL: " + HOW)
        pytest.skip("no PostgreSQL here")
    return found


def sent_by(work: Callable[[], object]) -> list[str]:
    """Every statement that a piece of work sends to the house's database."""
    sent: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return sent


@contextmanager
def somebody_writing() -> Iterator[None]:
    """Another connection that has begun to write, and has the only lock that SQLite gives for it."""
    with db.engine.connect().execution_options(**{WRITES: True}) as other:
        other.exec_driver_sql("SELECT 1")
        yield


def fresh(server: str, word: str) -> str:
    """The address of an empty database of this process, made anew."""
    name = f"{word}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    sql(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    return f"{server}/{name}"


def stop_postgres() -> None:
    for server in _servers.values():
        server.dispose()
    for cluster in _cluster:
        cluster.stop()


def sql(address: str, *statements: str) -> None:
    """Run statements outside a transaction, as CREATE DATABASE asks for; the line to the server is held."""
    if address not in _servers:
        url = address.replace("postgresql://", "postgresql+psycopg://")
        _servers[address] = create_engine(f"{url}/postgres", isolation_level="AUTOCOMMIT")
    with _servers[address].connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


_servers: dict[str, Engine] = {}
