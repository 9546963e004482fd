"""What can be typed: each trouble ends in one clear sentence, each command does what the README says."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import create_engine, text

import run
from admin_app import commands, create_app
from admin_app.settings import HOUSE
from models.entity import db, entities
from tests import engines
from tests.test_real_input import DATA, Done, Door

TRACE = re.compile(r"Traceback|File \"")


class Inside(Door):
    """The command line without a process of its own, which takes a second and more to start."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "")
        self.environment["PEONY_LANGUAGE"] = "en"

    def done(self, args: Sequence[str]) -> Done:
        opened: list[Flask] = []

        def note(*given: Any) -> Flask:
            opened.append(create_app(*given))
            return opened[-1]

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(commands, "create_app", note)
            told = CliRunner().invoke(run.main, args, env=self.environment)
        for app in opened:
            with app.app_context():
                db.session.remove()
                db.engine.dispose()
        if told.exception is not None and not isinstance(told.exception, SystemExit):
            raise told.exception
        return Done(told.exit_code, told.stdout, told.stderr)


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Inside(tmp_path / "data")


@pytest.fixture
def outside(tmp_path: Path) -> Door:
    """The command line as a process."""
    found = Door(tmp_path / "data", "")
    found.environment["PEONY_LANGUAGE"] = "en"
    return found


def refused(door: Door, *args: str, **environment: str) -> str:
    """Run a command that must fail: exit code 1, a sentence, no traceback."""
    door.environment |= environment
    done = door.done(args)
    assert done.code == 1, done.out + done.err
    assert not TRACE.search(done.err), done.err
    assert done.err.strip()
    return done.err


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ------------------------------------------------------------------------------------------ trouble


def test_a_taken_port(outside: Door) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"Port {port}" in refused(outside, "--port", port)


def test_a_data_folder_that_cannot_be_written(outside: Door, tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_text("x", encoding="ascii")
    assert "a file" in refused(outside, "evaluate", PEONY_DATA_DIR=str(file / "data"))


def test_a_broken_rule_file_at_the_first_start(door: Door, tmp_path: Path) -> None:
    import shutil

    rules = tmp_path / "rules"
    shutil.copytree(HOUSE / "rules", rules, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (rules / "tags.yaml").write_text("version: 1\ntags: [\n", encoding="utf-8")
    said = refused(door, "evaluate", PEONY_RULES_DIR=str(rules))
    assert re.search(r"rules/tags\.yaml line \d+, column \d+", said)


def test_a_database_that_cannot_be_reached(door: Door) -> None:
    address = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    assert "cannot be reached" in refused(door, "evaluate", PEONY_DATABASE_URL=address)


@pytest.mark.parametrize("address", ["mysql://x/y", "not an address", "sqlite:////no/such/folder/x.db"])
def test_a_database_address_that_cannot_be(door: Door, address: str) -> None:
    refused(door, "evaluate", PEONY_DATABASE_URL=address)


@pytest.mark.parametrize(("revision", "word"), [("0000", "newer release"), ("9999", "newer release")])
def test_a_database_of_another_version(door: Door, revision: str, word: str) -> None:
    door.run("evaluate")
    engine = create_engine(f"sqlite:///{door.folder / 'peony.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": revision})
    engine.dispose()
    assert word in refused(door, "evaluate")
    assert word in refused(door, "doctor")


def test_a_database_of_another_program(door: Door, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    engine = create_engine(f"sqlite:///{other}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
    engine.dispose()
    assert "another program" in refused(door, "evaluate", PEONY_DATABASE_URL=f"sqlite:///{other}")


@pytest.mark.parametrize(
    ("name", "value"),
    [("PEONY_PORT", "abc"), ("PEONY_PORT", "99999"), ("PEONY_TIMEZONE", "Mars/Olympus"), ("PEONY_LANGUAGE", "tlh")],
)
def test_a_setting_that_cannot_be(door: Door, name: str, value: str) -> None:
    assert name in refused(door, "check", **{name: value})


def test_a_key_file_that_is_none(door: Door) -> None:
    door.folder.mkdir(parents=True)
    (door.folder / "keys.json").write_text("{}", encoding="ascii")
    assert "key file" in refused(door, "evaluate")


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("import", "customers", "/no/such/file.xlsx"), "No such file"),
        (("import", "nonsense", "x.csv"), "cannot be imported"),
        (("export", "nonsense", "x.csv"), "no entity"),
        (("export", "customers", "x.pdf"), ".xlsx or .csv"),
        (("doctor",), "no salon here"),
        (("evaluate", "--rule", "nonsense"), "no rule"),
        (("restore", "/no/such/file", "--yes"), "no such file"),
        (("upgrade",), "empty"),
    ],
)
def test_a_command_that_cannot_be_done(door: Door, args: tuple[str, ...], word: str) -> None:
    assert word in refused(door, *args)


def test_a_file_that_is_no_table(door: Door, tmp_path: Path) -> None:
    for name, content in (("x.xlsx", b"not a workbook"), ("x.csv", b"a,b\n1,2\n"), ("y.xlsx", b"PK\x03\x04rubbish")):
        (tmp_path / name).write_bytes(content)
        refused(door, "import", "customers", str(tmp_path / name))


# --------------------------------------------------------------------------------------------- work


def test_check_says_what_is_wrong_and_where(door: Door, tmp_path: Path) -> None:
    import shutil

    rules = tmp_path / "rules"
    shutil.copytree(HOUSE / "rules", rules, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    tags = (rules / "tags.yaml").read_text(encoding="utf-8")
    (rules / "tags.yaml").write_text(
        tags.replace("visits_90d: {at_least: 6}", "visits_90d: {at_least: 7}", 1), encoding="utf-8"
    )
    door.environment["PEONY_RULES_DIR"] = str(rules)
    found = json.loads(door.run("check", "--json", code=1))
    assert len(found["faults"]) == 1
    assert "active" in found["faults"][0]


def test_check_of_one_file(door: Door, tmp_path: Path) -> None:
    """Beside the other files, or the rules in force of a salon; by its name it is known which of them it is."""
    tiers = (HOUSE / "rules" / "tiers.yaml").read_text(encoding="utf-8")
    mine = tmp_path / "tiers (1).yaml"
    mine.write_text(tiers, encoding="utf-8")
    assert f"{mine} is sound beside the other rules" in door.run("check", str(mine))
    mine.write_text(tiers.replace("services: 85%", "services: 15%"), encoding="utf-8")
    found = json.loads(door.run("check", str(mine), "--json", code=1))
    assert found["files"] == [str(mine)]
    assert [fault.startswith(f"{mine} line 10, column 5:") for fault in found["faults"]] == [True]
    door.run("evaluate")
    found = json.loads(door.run("check", str(mine), "--json", code=1))
    assert "15%" in found["faults"][0], "beside the rules in force of a salon"
    mine.write_text(tiers, encoding="utf-8")
    assert "0 tests pass" in door.run("check", str(mine))
    assert "There is no file" in refused(door, "check", str(tmp_path / "tags.yaml"))
    other = tmp_path / "prices.yaml"
    other.write_text("", encoding="utf-8")
    assert "tiers.yaml" in refused(door, "check", str(other))


def test_an_encoding_is_named_and_told(door: Door, tmp_path: Path) -> None:
    sheet = tmp_path / "brands.csv"
    sheet.write_bytes("名称\n好牌\n".encode("gb18030"))
    found = door.json("import", "brands", str(sheet), "--encoding", "gbk", "--dry-run")
    assert (found["encoding"], found["sheets"][0]["created"]) == ("gb18030", 1)
    assert "martian" in refused(door, "import", "brands", str(sheet), "--encoding", "martian")
    assert "Read as gb18030." in door.run("import", "brands", str(sheet), "--encoding", "GBK", "--no-backup")


def test_export_and_import_are_each_others_mirror(door: Door, tmp_path: Path) -> None:
    """Services out of one salon and into another: the same rows come out again."""
    sheet = tmp_path / "services.csv"
    sheet.write_text("名称,价格,占用时长,空闲时长\n深层补水,298,45,15\n肩颈,198.50,45,\n", encoding="utf-8")
    counts = door.json("import", "services", str(sheet))
    assert counts["sheets"][0]["created"] == 2, counts
    out = tmp_path / "out.xlsx"
    door.run("export", "services", str(out))
    again = Inside(tmp_path / "second")
    assert again.json("import", "services", str(out))["sheets"][0]["created"] == 2
    second = tmp_path / "second.xlsx"
    again.run("export", "services", str(second))
    rows = [[cell.value for cell in row] for row in load_workbook(out).active.iter_rows()]
    assert rows == [[cell.value for cell in row] for row in load_workbook(second).active.iter_rows()]


def test_an_export_takes_the_filters_of_the_list(door: Door, tmp_path: Path) -> None:
    sheet = tmp_path / "services.csv"
    sheet.write_text("名称,价格,占用时长\n补水,298,45\n肩颈,198,45\n眼部,98,30\n", encoding="utf-8")
    door.run("import", "services", str(sheet))

    def names(file: str, *filters: str) -> list[str]:
        door.run("export", "service", str(tmp_path / file), *(part for one in filters for part in ("--filter", one)))
        rows = (tmp_path / file).read_text(encoding="utf-8-sig").splitlines()[1:]
        return [row.split(",")[0] for row in rows]

    assert names("all.csv") == ["补水", "肩颈", "眼部"]
    assert names("dear.csv", "price.from=150", "busy_minutes.to=45") == ["补水", "肩颈"]
    assert names("q.csv", "q=肩颈") == ["肩颈"]
    assert names("none.csv", "archived=yes") == []


def test_an_export_refuses_filters_that_it_does_not_understand(door: Door, tmp_path: Path) -> None:
    door.run("create-owner")
    file = tmp_path / "out.csv"
    for given, words in (("nonsense=1", "nonsense"), ("price.from=x", "price.from"), ("price", "NAME=VALUE")):
        assert words in refused(door, "export", "services", str(file), "--filter", given)
        assert not file.exists()


def test_the_number_of_rows_is_said_in_its_plural(door: Door, tmp_path: Path) -> None:
    sheet = tmp_path / "brands.csv"
    for names, words in (("甲", "1 row written"), ("甲\n乙", "2 rows written")):
        sheet.write_text(f"name\n{names}\n", encoding="utf-8")
        door.run("import", "brands", str(sheet))
        file = tmp_path / f"{len(names)}.csv"
        assert words in door.run("export", "brands", str(file))


def test_entities_have_a_proper_plural() -> None:
    plurals = {entity.named(): entity.named_plural() for entity in entities()}
    assert plurals["service_category"] == "service_categories"
    assert plurals["service_supply"] == "service_supplies"
    assert plurals["staff"] == "staff"
    assert plurals["rule_match"] == "rule_matches"
    assert plurals["customer"] == "customers"


def test_a_dry_run_changes_nothing(door: Door) -> None:
    found = door.json("import", "customers", str(DATA / "salon_workbook.xlsx"), "--dry-run")
    assert found["dry_run"] is True
    assert [sheet["created"] for sheet in found["sheets"]] == [601, 3000]
    assert door.json("evaluate")["customers"] == 0


def test_backup_and_restore(door: Door, tmp_path: Path) -> None:
    sheet = tmp_path / "brands.csv"
    sheet.write_text("name\n甲\n", encoding="utf-8")
    door.run("import", "brands", str(sheet))
    door.run("backup", str(tmp_path / "one.backup"))
    sheet.write_text("name\n乙\n", encoding="utf-8")
    door.run("import", "brands", str(sheet))
    door.run("restore", str(tmp_path / "one.backup"), "--yes")
    door.run("export", "brands", str(tmp_path / "out.csv"))
    content = (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    assert "甲" in content
    assert "乙" not in content
    assert door.json("doctor")["sound"] is True
    refused(door, "backup", str(tmp_path / "one.backup"))


def test_moving_to_postgresql_takes_everything_along(door: Door, tmp_path: Path) -> None:
    address = engines.fresh(engines.needed(), "moved")
    door.run("import", "customers", str(DATA / "salon_workbook.xlsx"))
    before = door.json("evaluate")
    door.run("move", "--to", address)
    refused(door, "move", "--to", address)
    door.environment["PEONY_DATABASE_URL"] = address
    assert door.json("doctor")["sound"] is True
    after = door.json("evaluate")
    assert (after["gained"], after["lost"], after["tags"], after["tiers"]) == ({}, {}, before["tags"], before["tiers"])
    sheet = tmp_path / "brands.csv"
    sheet.write_text("name\n甲\n", encoding="utf-8")
    door.run("import", "brands", str(sheet))


def test_seed_fills_an_empty_salon_once(door: Door) -> None:
    said = door.run("seed", "--customers", "300", "--sales", "900")
    assert re.search(r"customer\s+300\b", said)
    assert door.json("doctor")["sound"] is True
    assert door.json("evaluate")["customers"] == 300
    assert "empty salon" in refused(door, "seed", "--customers", "5", "--sales", "5")


def test_create_owner_prints_a_password_that_works(door: Door) -> None:
    login, password = door.run("create-owner", "boss").split()
    assert login == "boss"
    assert len(password) == 23


def test_reset_access_gives_another_password_to_somebody_who_is_there(door: Door) -> None:
    _login, first = door.run("create-owner", "boss").split()
    login, second = door.run("reset-access", " Boss ").split()
    assert (login, first == second) == ("boss", False)
    assert "nobody7" in refused(door, "reset-access", "nobody7")


def test_nothing_secret_is_in_the_repository() -> None:
    """No password, no key: they are born on the first start."""
    tracked = subprocess.check_output(["git", "ls-files"], cwd=HOUSE, text=True).split()
    assert not [name for name in tracked if name.startswith("instance/") or name.endswith((".db", "keys.json"))]
