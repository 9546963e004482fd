"""Serving, as who types ``python run.py`` meets it: the first start, every trouble in one sentence, the end."""

from __future__ import annotations

import http.cookiejar
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from admin_app.settings import HOUSE
from tests.admin_app.test_commands import free_port
from tests.limits import HANG_SECONDS

CARD = re.compile(r"  (\w+)\s+(\w+)\s+(\S{23})")
OPEN = re.compile(r"Peony is open at (https?://\S+) ")
ROLES = ["owner", "manager", "reception", "consultant", "therapist", "auditor", "finance"]


@dataclass
class Served:
    """A house that serves in a process of its own, and what it has said."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    complained: list[str] = field(default_factory=list)
    address: str = ""
    code: int | None = None

    @property
    def cards(self) -> list[tuple[str, ...]]:
        return [found.groups() for line in self.said if (found := CARD.fullmatch(line))]

    def end(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        self.code = self.process.wait(timeout=HANG_SECONDS)


def environment(folder: Path, **settings: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PEONY_")}
    return {**plain, "PEONY_DATA_DIR": str(folder), "PEONY_LANGUAGE": "en", "PYTHONUTF8": "1", **settings}


def command(*args: str) -> list[str]:
    return [sys.executable, str(HOUSE / "run.py"), *args]


@contextmanager
def serving(folder: Path, *args: str, **settings: str) -> Iterator[Served]:
    """A house that can be visited; afterwards it has ended, and everything that it said is there."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(
        command("--port", str(free_port()), *args), text=True, env=environment(folder, **settings), umask=0o022, **pipes
    )
    assert process.stdout is not None
    assert process.stderr is not None
    served, errors = Served(process), process.stderr
    guard = threading.Timer(HANG_SECONDS, process.kill)
    guard.start()
    listener = threading.Thread(target=lambda: served.complained.extend(line.rstrip("\n") for line in errors))
    listener.start()
    try:
        for line in process.stdout:
            served.said.append(line.rstrip("\n"))
            if found := OPEN.match(line):
                served.address = found[1]
                break
        assert served.address, served.complained
        yield served
        if served.code is None:
            served.end()
        served.said += process.stdout.read().splitlines()
    finally:
        guard.cancel()
        process.kill()
        process.wait(timeout=HANG_SECONDS)
        listener.join(timeout=HANG_SECONDS)
        process.stdout.close()
        errors.close()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Served, dict[str, str]]:
    """A first start, the sign-in of each card, and its end; then what is left: the data folder and what was said."""
    folder = tmp_path_factory.mktemp("first") / "data"
    with serving(folder, PEONY_SCHEDULER="false") as served:
        landed = {card[0]: sign_in(served.address, card[1], card[2]) for card in served.cards}
    return folder, served, landed


def sign_in(address: str, login: str, password: str) -> str:
    """The page on which somebody lands who signs in."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    page = opener.open(f"{address}/sign-in", timeout=HANG_SECONDS).read().decode()
    word = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert word is not None, page
    form = {"csrf_token": word[1], "op_id": secrets.token_hex(16), "login": login, "password": password}
    sent = urllib.parse.urlencode(form).encode()
    return str(opener.open(f"{address}/sign-in", sent, timeout=HANG_SECONDS).geturl())


def visit(address: str) -> int:
    """The status of the sign-in page."""
    return int(urllib.request.build_opener().open(f"{address}/sign-in", timeout=HANG_SECONDS).status)


# ----------------------------------------------------------------------------------- the first start


Started = tuple[Path, Served, dict[str, str]]


def test_the_first_start_prints_one_card_for_each_role(first: Started) -> None:
    assert [card[0] for card in first[1].cards] == ROLES
    assert len({card[2] for card in first[1].cards}) == len(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_with_a_printed_card_one_signs_in_and_is_asked_for_a_new_password(first: Started, role: str) -> None:
    assert "password" in first[2][role]


def test_a_printed_password_is_kept_nowhere(first: Started) -> None:
    """Not in the database, not in the log, not in any other file of the data folder."""
    folder, served, _ = first
    files = [file.read_bytes() for file in folder.rglob("*") if file.is_file() and "frontend" not in file.parts]
    assert len(files) >= 2
    for _, _, password in served.cards:
        assert not any(password.encode() in content for content in files)


def test_ctrl_c_ends_it_cleanly(first: Started) -> None:
    served = first[1]
    assert served.code in {0, 130}
    assert "Traceback" not in "\n".join([*served.said, *served.complained])


def test_after_the_end_the_port_is_free_again(first: Started) -> None:
    host, _, port = first[1].address.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, int(port)))


def test_the_second_start_prints_no_card_and_the_first_ones_still_open(first: Started) -> None:
    """With the clock running this time."""
    folder, before, _ = first
    with serving(folder) as served:
        landed = sign_in(served.address, before.cards[0][1], before.cards[0][2])
    assert served.cards == []
    assert "password" in landed
    assert served.code in {0, 130}
    assert "Traceback" not in "\n".join([*served.said, *served.complained])


def test_a_house_that_begins_empty_prints_the_owners_card_alone(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--empty", PEONY_SCHEDULER="false") as served:
        pass
    assert [card[:2] for card in served.cards] == [("owner", "owner")]


# -------------------------------------------------------------------------------------------- trouble


def refused(folder: Path, *args: str, **settings: str) -> str:
    """The one sentence with which it does not start."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    port = [] if "--port" in args else ["--port", str(free_port())]
    with subprocess.Popen(command(*port, *args), text=True, env=environment(folder, **settings), **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        guard = threading.Timer(HANG_SECONDS, process.kill)
        guard.start()
        said = process.stdout.readline()
        if said:
            process.kill()
        complained = process.stderr.read()
        code = process.wait(timeout=HANG_SECONDS)
        guard.cancel()
    assert said == "", "it started"
    assert "Traceback" not in complained
    assert len(complained.strip().splitlines()) == 1, complained
    assert code == 1
    return complained.strip()


def rules_in(folder: Path) -> Path:
    shutil.copytree(HOUSE / "rules", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return folder


def test_a_taken_port_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert port in refused(tmp_path / "data", "--port", port)
    assert not (tmp_path / "data" / "peony.db").exists()


def test_a_host_that_is_not_this_machine_is_told(tmp_path: Path) -> None:
    assert "203.0.113.7" in refused(tmp_path / "data", "--host", "203.0.113.7")


def test_a_data_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("x", encoding="ascii")
    assert "a file" in refused(tmp_path / "a file" / "data")


def test_a_database_file_that_is_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "data" / "peony.db").mkdir(parents=True)
    assert "cannot be reached" in refused(tmp_path / "data")


def test_a_database_file_that_is_none_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "peony.db").write_bytes(b"the shopping list\n" * 100)
    refused(tmp_path / "data")
    assert (tmp_path / "data" / "peony.db").read_bytes() == b"the shopping list\n" * 100


def test_a_database_that_cannot_be_reached_is_told_without_its_password(tmp_path: Path) -> None:
    address = f"postgresql://nobody:open-sesame@127.0.0.1:{free_port()}/nothing"
    said = refused(tmp_path / "data", "--database", address)
    assert "cannot be reached" in said
    assert "open-sesame" not in said


def test_a_database_of_another_version_is_told_and_left_alone(first: Started, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(first[0], folder)
    engine = create_engine(f"sqlite:///{folder / 'peony.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "newer release" in refused(folder)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
    engine.dispose()


def test_a_broken_rule_file_is_told_and_after_mending_the_first_start_is_a_first_start(tmp_path: Path) -> None:
    """Nothing is half made: the salon and its card come with the start that succeeds."""
    rules = rules_in(tmp_path / "rules")
    whole = (rules / "tags.yaml").read_text(encoding="utf-8")
    (rules / "tags.yaml").write_text("version: 1\ntags: [\n", encoding="utf-8")
    said = refused(tmp_path / "data", PEONY_RULES_DIR=str(rules))
    assert re.search(r"tags\.yaml line \d+, column \d+", said)
    (rules / "tags.yaml").write_text(whole, encoding="utf-8")
    with serving(tmp_path / "data", "--empty", PEONY_RULES_DIR=str(rules), PEONY_SCHEDULER="false") as served:
        pass
    assert [card[0] for card in served.cards] == ["owner"]


def test_a_rule_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    rules = rules_in(tmp_path / "rules")
    (rules / "tiers.yaml").unlink()
    assert "tiers.yaml" in refused(tmp_path / "data", PEONY_RULES_DIR=str(rules))


def test_a_rule_file_broken_later_stops_nothing(first: Started, tmp_path: Path) -> None:
    """The rules in force stand in the database; the salon opens with them."""
    shutil.copytree(first[0], tmp_path / "data")
    rules = rules_in(tmp_path / "rules")
    (rules / "tags.yaml").write_text("version: 1\ntags: [\n", encoding="utf-8")
    with serving(tmp_path / "data", PEONY_RULES_DIR=str(rules)) as served:
        assert visit(served.address) == 200
    assert served.code in {0, 130}


def test_keys_that_are_not_the_databases_own_are_told(first: Started, tmp_path: Path) -> None:
    """A database whose key file was lost: it must not serve names and numbers that nobody can read."""
    shutil.copytree(first[0], tmp_path / "data")
    (tmp_path / "data" / "keys.json").unlink()
    assert "key" in refused(tmp_path / "data")
