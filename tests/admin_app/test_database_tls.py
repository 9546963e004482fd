"""TLS to the database: what its address asks for is done, and clear text over a network is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from admin_app import database_tls
from models.connection import engine_options, prepare_engine, url_of, why_of
from tests import engines, nginx
from tests.conftest import House


def asked(address: str) -> bool:
    """Whether the house's own engine for an address speaks TLS."""
    url = url_of(address)
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    try:
        with engine.connect() as connection:
            return bool(connection.scalar(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")))
    finally:
        engine.dispose()


def test_the_address_decides_on_tls_and_whom_it_trusts(tmp_path: Path) -> None:
    binaries = engines._binaries()
    if binaries is None:
        engines.needed()
        pytest.skip("the server that was named is not to be set up anew")
    ours, other = nginx.certificate(tmp_path, "db.example"), nginx.certificate(tmp_path, "other.example")
    server = engines.Cluster(binaries, tls=ours)
    try:
        address = f"{server.address.replace('127.0.0.1', 'localhost')}/postgres"
        assert asked(f"{address}?sslmode=require")
        assert not asked(f"{address}?sslmode=disable")
        assert asked(f"{address}?sslmode=verify-full&sslrootcert={ours[0]}")
        with pytest.raises(OperationalError) as refused:
            asked(f"{address}?sslmode=verify-full&sslrootcert={other[0]}")
        assert "certificate verify failed" in why_of(refused.value)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("address", "elsewhere"),
    [
        ("sqlite:///peony.db", False),
        ("postgresql://localhost/peony", False),
        ("postgresql://127.0.0.1/peony", False),
        ("postgresql://[::1]/peony", False),
        ("postgresql:///peony", False),
        ("postgresql:///peony?host=/var/run/postgresql", False),
        ("postgresql://db.example/peony", True),
        ("postgresql://192.0.2.7/peony", True),
        ("postgresql:///peony?host=localhost:5432&host=db.example:5432", True),
        ("postgresql://localhost/peony?hostaddr=192.0.2.7", True),
    ],
)
def test_which_databases_are_asked_over_a_network(address: str, elsewhere: bool) -> None:
    assert database_tls.is_elsewhere(make_url(address)) is elsewhere


@pytest.mark.parametrize("secure", [False, True])
def test_clear_text_over_a_network_is_told(house: House, monkeypatch: pytest.MonkeyPatch, secure: bool) -> None:
    if house.engine == "sqlite":
        assert database_tls.check_tls() == (0, [])
        return
    assert database_tls.check_tls() == (0, [])
    monkeypatch.setattr(database_tls, "is_elsewhere", lambda url: True)
    if secure:
        monkeypatch.setattr(database_tls, "ASK", "SELECT true")
    assert len(database_tls.check_tls()[1]) == (0 if secure else 1)
