"""The house as it is deployed: through real sockets, and behind nginx with the configuration that the docs show."""

from __future__ import annotations

import http.client
import os
import re
import secrets
import socket
import ssl
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from sqlalchemy import create_engine, text
from waitress import wasyncore
from waitress.server import BaseWSGIServer

from admin_app import serving
from admin_app.ending import Sockets
from admin_app.operations.kernel import perform
from admin_app.settings import Settings
from models.actor import SYSTEM
from models.names import Name
from tests import nginx
from tests.admin_app.houses import faults
from tests.admin_app.test_serving import command, environment
from tests.admin_app.test_serving import serving as house_serving
from tests.conftest import House
from tests.limits import HANG_SECONDS
from views.proxies import TrustedProxies

LOOPBACK = "127.0.0.1"
CLIENT = "127.0.0.2"
"""Linux takes all of 127/8 for its own: a client that is not the proxy."""


@contextmanager
def answering(folder: Path, **settings: object) -> Iterator[int]:
    """The server as ``serve`` makes it, before a page that says address, scheme and host of its client; its port."""
    app = Flask("says whom it sees")
    app.config["PEONY"] = Settings(data_dir=folder, port=nginx.free_ports(1)[0], **settings)  # type: ignore[arg-type]
    app.wsgi_app = TrustedProxies(app.wsgi_app, app.config["PEONY"])  # type: ignore[method-assign]
    app.add_url_rule("/", "seen", lambda: f"{request.remote_addr} {request.scheme} {request.host}")
    sockets: Sockets = {}
    server, ended = serving.listen(app, sockets), threading.Event()
    assert isinstance(server, BaseWSGIServer)

    def work() -> None:
        while not ended.is_set():
            serving.turn(sockets)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield app.config["PEONY"].port
    finally:
        ended.set()
        server.pull_trigger()
        thread.join(timeout=HANG_SECONDS)
        server.task_dispatcher.shutdown()
        wasyncore.close_all(sockets, ignore_all=True)


def seen(port: int, *headers: tuple[str, str], client: str = LOOPBACK) -> str:
    """What the page says to a client with these headers, one that has the name of a header twice too."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=HANG_SECONDS, source_address=(client, 0))
    connection.putrequest("GET", "/", skip_host=True)
    for name, value in (("Host", "house.example"), *headers):
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    told = answer.read().decode()
    connection.close()
    assert answer.status == 200, told
    return told


FOR = "X-Forwarded-For"
SAID = ((FOR, "192.0.2.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "salon.example"))


def test_without_proxies_no_header_says_who_a_client_is(tmp_path: Path) -> None:
    with answering(tmp_path) as port:
        told = seen(port, *SAID, ("Forwarded", "for=192.0.2.7"), ("X-Real-IP", "192.0.2.7"))
    assert told == f"{LOOPBACK} http house.example"


def test_behind_one_proxy_its_word_counts_and_never_the_clients(tmp_path: Path) -> None:
    with answering(tmp_path, proxies=1) as port:
        assert seen(port, *SAID) == "192.0.2.7 https salon.example"
        assert seen(port, (FOR, "203.0.113.1, 192.0.2.7")).startswith("192.0.2.7 ")
        assert seen(port, (FOR, "203.0.113.1"), (FOR, "192.0.2.7")).startswith("192.0.2.7 ")
        assert seen(port, (FOR, "fe80::1%<script>")).startswith(f"{LOOPBACK} ")
        assert seen(port, (FOR, "somebody")).startswith(f"{LOOPBACK} ")
        assert seen(port) == f"{LOOPBACK} http house.example"


def test_who_goes_round_the_proxy_is_believed_nothing(tmp_path: Path) -> None:
    with answering(tmp_path, proxies=1) as port:
        assert seen(port, *SAID, client=CLIENT) == f"{CLIENT} http house.example"
    with answering(tmp_path, proxies=1, proxy_addresses="192.0.2.0/24, 127.0.0.2") as port:
        assert seen(port, *SAID, client=CLIENT) == "192.0.2.7 https salon.example"
        assert seen(port, *SAID) == f"{LOOPBACK} http house.example"


def test_behind_two_proxies_an_address_counts_that_two_have_passed_on(tmp_path: Path) -> None:
    with answering(tmp_path, proxies=2) as port:
        assert seen(port, (FOR, "203.0.113.1, 192.0.2.7, 198.51.100.1")).startswith("192.0.2.7 ")
        assert seen(port, (FOR, "192.0.2.7")).startswith(f"{LOOPBACK} ")


def test_half_open_connections_stop_nobody(tmp_path: Path) -> None:
    with answering(tmp_path) as port, ExitStack() as open_:
        for _ in range(150):
            half = open_.enter_context(socket.create_connection((LOOPBACK, port), timeout=HANG_SECONDS))
            half.sendall(b"POST / HTTP/1.1\r\nHost: house.example\r\n")
        assert seen(port).startswith(LOOPBACK)


def test_a_silent_connection_is_closed_soon(tmp_path: Path) -> None:
    """Waitress looks for them by its own clock; here its settings are read."""
    app, sockets = Flask("nobody asks"), dict[int, Any]()
    app.config["PEONY"] = Settings(data_dir=tmp_path, port=nginx.free_ports(1)[0])
    server = serving.listen(app, sockets)
    assert isinstance(server, BaseWSGIServer)
    assert server.adj.cleanup_interval < server.adj.channel_timeout == serving.SILENCE_SECONDS
    server.task_dispatcher.shutdown()
    wasyncore.close_all(sockets, ignore_all=True)


# ------------------------------------------------------------------------------------------- behind nginx


class Visitor:
    """A browser of another machine, with the cookies that it was given."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def ask(self, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            LOOPBACK, self.port, timeout=HANG_SECONDS, source_address=(CLIENT, 0), context=trusting
        )
        address = f"https://{nginx.NAME}:{self.port}"
        sent = {"Host": f"{nginx.NAME}:{self.port}", "Referer": f"{address}/sign-in", **headers}
        sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = urllib.parse.urlencode(form) if form is not None else None
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("POST" if body else "GET", path, body, sent)
        answer = connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            assert "Secure" in line
        page = answer.read().decode()
        connection.close()
        return answer.status, page

    def sign_in(self, login: str, password: str, **headers: str) -> int:
        word = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.ask("/sign-in")[1])
        assert word is not None
        form = {"csrf_token": word[1], "op_id": secrets.token_hex(16), "login": login, "password": password}
        return self.ask("/sign-in", form, **headers)[0]


TOKEN = "a long secret"


def test_behind_nginx_the_client_is_the_client_and_nobody_reads_metrics(tmp_path: Path) -> None:
    """Sign-in right and wrong, with a header made up; what the log and the counting of wrong tries then hold."""
    nginx.needed()
    folder = tmp_path / "data"
    settings = {"PEONY_PROXIES": "1", "PEONY_HTTPS": "true", "PEONY_METRICS_TOKEN": TOKEN, "PEONY_SCHEDULER": "false"}
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with house_serving(folder, "--empty", **settings) as served:
        inside = int(served.address.rpartition(":")[2])
        with nginx.in_front_of(inside, tmp_path / "nginx") as (plain, secure):
            visitor = Visitor(secure)
            assert visitor.sign_in("owner", "wrong", **{FOR: "203.0.113.1"}) == 401
            assert visitor.sign_in("owner", served.cards[0][2], **{FOR: "203.0.113.1"}) == 302
            assert [name for name in visitor.cookies if name.startswith("__Host-")]
            assert visitor.ask("/metrics")[0] == visitor.ask("/metrics", **bearer)[0] == 404
            assert visitor.ask("/sign-in", {"much": "x" * (21 << 20)})[0] == 413
            moved = http.client.HTTPConnection(LOOPBACK, plain, timeout=HANG_SECONDS)
            moved.request("GET", "/", headers={"Host": nginx.NAME})
            assert moved.getresponse().headers["Location"] == f"https://{nginx.NAME}/"
            moved.close()
        for headers, status in (({}, 404), (bearer, 200)):
            direct = http.client.HTTPConnection(LOOPBACK, inside, timeout=HANG_SECONDS)
            direct.request("GET", "/metrics", headers=headers)
            assert direct.getresponse().status == status
            direct.close()
    engine = create_engine(f"sqlite:///{folder / 'peony.db'}")
    with engine.connect() as connection:
        logged = set(connection.scalars(text("SELECT address FROM operation WHERE address != ''")))
        counted = connection.scalars(text("SELECT subject FROM sign_in_throttle WHERE subject LIKE 'address:%'")).all()
    engine.dispose()
    assert logged == {CLIENT}
    assert counted == [f"address:{CLIENT}"]


# -------------------------------------------------------------------------------------------- file modes


def modes(folder: Path) -> dict[str, str]:
    """What group and others may do anything with, folders too; the packages of the pages' charts are no secret."""
    found = [folder, *(path for path in folder.rglob("*") if "frontend" not in path.parts)]
    return {str(path): oct(path.stat().st_mode) for path in found if path.stat().st_mode & 0o077}


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*args),
        text=True,
        env=environment(folder),
        umask=0o022,
        capture_output=True,
        check=False,
        timeout=HANG_SECONDS,
    )


@pytest.mark.skipif(os.name != "posix", reason="Windows has lists of users instead of modes")
def test_files_of_a_salon_are_their_owners_alone(tmp_path: Path) -> None:
    """While it serves, with the WAL beside the database; after a backup and an export; and mended by the next start."""
    folder, exported = tmp_path / "data", tmp_path / "customers.csv"
    with house_serving(folder, "--empty", PEONY_SCHEDULER="false"):
        assert len([path for path in folder.iterdir() if path.name.startswith("peony.db")]) >= 2
        assert modes(folder) == {}
    backup = folder / "backups" / "one.backup"
    assert run(folder, "backup", str(backup)).returncode == 0
    assert run(folder, "export", "customer", str(exported)).returncode == 0
    assert modes(folder) == {}
    assert exported.stat().st_mode & 0o777 == 0o600
    folder.chmod(0o755)
    for name in ("peony.db", "keys.json", "backups/one.backup"):
        (folder / name).chmod(0o644)
    told = run(folder, "doctor")
    assert told.returncode == 1
    for name in ("", "/peony.db", "/keys.json", "/backups/one.backup"):
        assert f"chmod go= '{folder}{name}'" in told.stdout + told.stderr
    with house_serving(folder, PEONY_SCHEDULER="false") as served:
        assert modes(folder) == {}
    assert [line for line in served.complained if "keys.json was open to others (mode 644)" in line]


def test_anchors_are_their_owners_alone(sqlite_house: House) -> None:
    perform(Name.ANCHOR_LOG, actor=SYSTEM)
    assert (sqlite_house.folder / "anchors.txt").stat().st_mode & 0o777 == 0o600
    assert faults() == []
