"""Anchors of the log: signed, chained, kept in a second place."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from admin_app.anchors import AnchorError, anchor_lines, send_anchors
from admin_app.doctor.chain import check_anchors
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Refused
from admin_app.scheduler import anchor_log
from admin_app.settings import SettingsError, load_settings
from models.actor import SYSTEM
from models.entity import db
from models.names import Name
from tests.conftest import House

pytestmark = pytest.mark.usefixtures("in_english")


def set_up(house: House, monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    monkeypatch.setitem(house.app.config, "PEONY", house.settings.model_copy(update=values))


def anchor(times: int = 1) -> None:
    for _ in range(times):
        perform(Name.ANCHOR_LOG, actor=SYSTEM)
    db.session.remove()


def write(house: House, lines: list[str]) -> list[str]:
    (house.folder / "anchors.txt").write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return check_anchors()[1]


def test_anchors_are_signed_and_hold_the_one_before(sqlite_house: House) -> None:
    anchor(3)
    assert check_anchors() == (3, [])
    lines = anchor_lines()
    assert (sqlite_house.folder / "anchor.key").stat().st_mode & 0o777 == 0o600
    assert write(sqlite_house, [lines[0], lines[2]]) == ["anchor 2 does not hold the one before it"]
    assert write(sqlite_house, [lines[1], lines[2]]) == ["anchor 1 does not hold the one before it"]
    forged = lines[1].replace(lines[1][:4], "2031", 1)
    assert "anchor 2 is not signed with the salon's key" in write(sqlite_house, [lines[0], forged, lines[2]])
    plain = " ".join(lines[2].split()[:3])
    assert write(sqlite_house, [*lines[:2], plain]) == ["anchor 3 is not signed, though one before it is"]
    assert write(sqlite_house, [plain]) == ["the log says that its anchors are signed; none in the file is"]
    assert write(sqlite_house, [lines[0], "x"]) == ["anchor 2 cannot be read"]


def test_anchors_of_an_earlier_release_are_no_finding(sqlite_house: House) -> None:
    anchor()
    old = " ".join(anchor_lines()[0].split()[:3])
    write(sqlite_house, [old])
    anchor()
    assert check_anchors() == (2, [])


def test_the_key_may_live_elsewhere(
    sqlite_house: House, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path_factory.mktemp("stick") / "signing.pem"
    set_up(sqlite_house, monkeypatch, anchor_key=place)
    anchor()
    assert place.exists()
    assert not (sqlite_house.folder / "anchor.key").exists()
    place.unlink()
    anchor()  # a new key; what the lost one signed stays proved
    assert check_anchors() == (2, [])
    set_up(sqlite_house, monkeypatch, anchor_key=place.parent / "gone" / "signing.pem")
    with pytest.raises(Refused, match=r"signing\.pem: the key that signs anchors cannot be used"):
        anchor()
    assert len(anchor_lines()) == 2


def test_a_public_key_in_the_settings_is_the_only_one_that_counts(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor()
    own = (sqlite_house.folder / "anchors.pub").read_text().strip()
    set_up(sqlite_house, monkeypatch, anchor_public_key=own)
    assert check_anchors()[1] == []
    set_up(sqlite_house, monkeypatch, anchor_public_key="00" * 32)
    assert check_anchors()[1] == ["anchor 1 is not signed with the salon's key"]


def test_a_folder_gets_every_anchor_once_also_those_it_missed(
    sqlite_house: House, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path_factory.mktemp("second") / "place"
    set_up(sqlite_house, monkeypatch, anchor_copy=str(place))
    with pytest.raises(Refused, match="did not reach"):
        anchor_log()
    db.session.remove()
    assert check_anchors()[1] == ["anchors that have not reached the second place: 1"]
    place.mkdir()
    assert anchor_log() == {"sent": 2}
    assert send_anchors() == 0
    [copy] = place.iterdir()
    assert copy.read_text().splitlines() == anchor_lines()
    assert check_anchors() == (2, [])
    [told] = [fault for fault in write(sqlite_house, anchor_lines()[:1]) if "second place" in fault]
    assert "holds anchors that are not here" in told
    with pytest.raises(AnchorError):
        send_anchors()


@contextmanager
def receiver(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """The address of a server that takes anchors, and what it got."""
    got: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if status == 200:
                got.append(body.rstrip("\n"))
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/anchors", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_address_gets_every_anchor_once_also_those_it_missed(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for status in (500, 302):
        with receiver(status) as (address, _got):
            set_up(sqlite_house, monkeypatch, anchor_copy=address)
            with pytest.raises(Refused, match="did not reach"):
                anchor_log()
    with receiver() as (address, got):
        set_up(sqlite_house, monkeypatch, anchor_copy=address)
        assert anchor_log() == {"sent": 3}
        assert send_anchors() == 0
        assert got == anchor_lines()


def test_an_address_has_to_be_on_the_list(tmp_path: Path) -> None:
    given = {"data_dir": tmp_path, "anchor_copy": "https://elsewhere.example/in"}
    with pytest.raises(SettingsError, match="PEONY_ANCHOR_HOSTS"):
        load_settings(**given)
    with pytest.raises(SettingsError, match="PEONY_ANCHOR_HOSTS"):
        load_settings(**given, anchor_hosts="other.example")
    assert load_settings(**given, anchor_hosts="a.example, elsewhere.example").anchor_copy == given["anchor_copy"]
