"""Clear the demo, open my salon: what stays, what goes, the log that begins anew, and who may not."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select

from admin_app import backup_file, new_salon
from admin_app.backup import BackupError
from admin_app.doctor import examine
from admin_app.evaluation import evaluate
from admin_app.importing.files import import_file
from admin_app.load import Loader, align_sequences, load
from admin_app.new_salon import DEMO, KEPT, NOT_A_DEMO, Opened, is_demo, open_salon
from admin_app.operations.entities import CreateInput
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Forbidden, Refused
from admin_app.real_work import real_work
from admin_app.rulebook import hashes, refresh
from admin_app.security import passwords
from models import search
from models.accounts import User
from models.actor import SYSTEM, Actor, ActorKind
from models.catalogue import Service
from models.connection import sqlite_driver
from models.customers import Customer
from models.entity import Base, db, entities, table_of
from models.log import LogLink, Operation
from models.names import Name
from models.organisation import Store
from seed.demo import CAST, demo_user
from seed.reference import reference_rows
from tests.cast import create
from tests.conftest import ENGINES, House
from tests.seed.conftest import DAY, Empty, Salons
from tests.views.pages import main_part
from tests.web import Browser
from views import register_screens

HOUSES = ("sqlite",)

NAME = "芙蓉美容院"
PASSWORD = "a long password of hers"
FRESH = {"store", "user", "operation", "row_change", "row_value", "log_link", "search_key"}
"""What has rows again after the first entry of the new log."""
Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def whole(request: pytest.FixtureRequest, demos: Salons, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Empty]:
    """A copy of the demo on an engine, to be cleared."""
    source = demos(request.param).house
    source.close()
    found = Empty(request.param, tmp_path_factory.mktemp("clear") / "data", source)
    with found.opened():
        yield found
    found.close()


@pytest.fixture
def demo(empty: Empty) -> Empty:
    """A demo of the menu, the staff, those who sign in and one customer: as good as a whole one, and made at once."""

    def work(loader: Loader) -> None:
        for entity, rows in reference_rows(Random(1), DAY):
            loader.add(table_of(entity), rows)
        loader.add(table_of(User), [demo_user(number, *one) for number, one in enumerate(CAST, 1)])
        for entity in entities():
            search.rebuild(loader.connection, entity)
        align_sequences(loader.connection)

    load(work, DEMO, SYSTEM)
    create("customer", name="演示客户", store_id=1)
    return empty


def everything() -> Rows:
    """Every table as it stands."""
    db.session.remove()
    with db.engine.connect() as connection:
        return {
            table.name: sorted(tuple(map(repr, row)) for row in connection.execute(select(table)))
            for table in Base.metadata.sorted_tables
        }


def faults() -> list[str]:
    db.session.remove()
    return [fault for finding in examine() for fault in finding.faults]


def owner() -> Actor:
    found = db.session.scalars(select(User).where(User.role == "owner")).one()
    return Actor(ActorKind.USER, name=found.name, role="owner", id=found.id)


def opened(login: str = "owner") -> Opened:
    return open_salon(NAME, login, owner())


# --------------------------------------------------------------------------------------- what stays, what goes


@pytest.mark.parametrize("whole", ENGINES, indirect=True)
def test_the_menu_and_the_rules_stay_and_everything_else_goes(whole: Empty) -> None:
    refresh()
    before, rules = everything(), hashes()
    opened()
    after, kept = everything(), {table_of(entity).name for entity in KEPT}
    assert all(before[name] for name in kept)
    assert [name for name in kept - {"schedule"} if after[name] != before[name]] == []
    assert len(after["schedule"]) == len(before["schedule"])
    assert {name for name, rows in after.items() if rows} == kept | FRESH
    assert hashes() == rules


def test_what_stays_refers_to_nothing_that_goes() -> None:
    kept = {table_of(entity).name for entity in KEPT}
    led = {key.column.table.name for entity in KEPT for key in table_of(entity).foreign_keys}
    assert led <= kept


def test_what_stays_is_still_found_by_its_words(demo: Empty) -> None:
    before = db.session.scalars(search.matching(Service, "补水")).all()
    assert before
    opened()
    assert db.session.scalars(search.matching(Service, "补水")).all() == before
    assert db.session.scalars(search.matching(Store, "湖滨")).all() == []
    assert len(db.session.scalars(search.matching(Store, "芙蓉")).all()) == 1


def test_there_is_one_store_and_one_owner(demo: Empty) -> None:
    made = opened("boss")
    assert db.session.scalars(select(Store.name)).all() == [NAME]
    rows = db.session.execute(select(User.login, User.role, User.staff_id, User.must_change_password)).all()
    assert [tuple(row) for row in rows] == [("boss", "owner", None, True)]
    assert made.login == "boss"


def test_the_new_owner_comes_in_by_the_password_that_was_shown(demo: Empty) -> None:
    register_screens(demo.app)
    made = opened()
    browser = Browser(demo, None)  # type: ignore[arg-type]
    wrong = browser.post("/sign-in", {"login": "owner", "password": made.password[:-1]})
    assert wrong.status_code == 401
    right = browser.post("/sign-in", {"login": "owner", "password": made.password})
    assert right.status_code == 302
    assert "password" in browser.get("/").location, "it must be changed first"


# ------------------------------------------------------------------------------------------------- the books


@pytest.mark.parametrize("empty", ENGINES, indirect=True)
def test_the_log_begins_anew_and_its_first_entry_names_the_backup(demo: Empty) -> None:
    made = opened()
    first = db.session.scalars(select(Operation).order_by(Operation.id)).all()
    links = db.session.execute(select(LogLink.seq, LogLink.operation_id)).all()
    assert [row.name for row in first] == [Name.OPEN_SALON]
    assert [tuple(link) for link in links] == [(1, first[0].id)]
    assert made.backup.name in (first[0].reason or "")
    digest = hashlib.sha256(made.backup.read_bytes()).hexdigest()
    kept = sum(db.session.scalar(select(func.count()).select_from(entity)) or 0 for entity in KEPT)
    size = made.backup.stat().st_size
    assert first[0].detail == {"backup": made.backup.name, "size": size, "sha256": digest, "kept": kept}
    assert made.password not in repr(everything())


def test_the_doctor_finds_nothing_though_the_old_log_had_been_anchored(demo: Empty) -> None:
    perform(Name.ANCHOR_LOG, actor=SYSTEM)
    made = opened()
    assert faults() == []
    perform(Name.ANCHOR_LOG, actor=SYSTEM)
    assert faults() == []
    assert made.backup.with_suffix(".anchors.txt").exists()


def test_the_backup_holds_the_demo(demo: Empty) -> None:
    made = opened()
    content = made.backup.with_name("content")
    backup_file.unpack(made.backup, backup_file.read_manifest(made.backup), content)
    if demo.engine == "sqlite":
        copy = sqlite_driver.connect(f"{content.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        assert copy.execute("SELECT name FROM customer").fetchall() == [("演示客户",)]
        copy.close()
    else:
        command = ["pg_restore", "--data-only", "-t", "customer", "-f", "-", str(content)]
        listed = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "演示客户" in listed.stdout


def test_the_salon_can_be_worked_in(demo: Empty) -> None:
    opened()
    store = db.session.scalars(select(Store.id)).one()
    customer = create("customer", name="第一位", store_id=store)
    evaluate(DAY + timedelta(days=1))
    perform(Name.RECHARGE, {"customer": customer, "amount": 100_000, "method": "cash"}, actor=SYSTEM)
    assert db.session.scalars(select(Customer.name)).all() == ["第一位"]
    assert faults() == []


# --------------------------------------------------------------------------------------- whole, or not at all


def fails(*_: object, **__: object) -> None:
    raise RuntimeError("the power went")


@pytest.mark.parametrize("empty", ENGINES, indirect=True)
@pytest.mark.parametrize("step", ["models.triggers.install", "admin_app.operations.chain.link"])
def test_what_fails_on_the_way_leaves_everything_as_it_was(
    demo: Empty, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    perform(Name.ANCHOR_LOG, actor=SYSTEM)
    before = everything()
    with monkeypatch.context() as patch:
        patch.setattr(step, fails)
        with pytest.raises(RuntimeError):
            opened()
    assert everything() == before
    assert faults() == []
    assert (demo.folder / "anchors.txt").exists()


def test_without_a_backup_nothing_is_cleared(demo: Empty, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path) -> tuple[int, str]:
        raise BackupError("disk full")

    monkeypatch.setattr(new_salon, "back_up", full)
    before = everything()
    with pytest.raises(BackupError):
        opened()
    assert everything() == before


# ------------------------------------------------------------------------------------------------ who may not


def test_a_real_salon_is_not_cleared(house: House) -> None:
    with pytest.raises(Refused) as refusal:
        open_salon(NAME, "owner", house.actor("owner"))
    assert refusal.value.code == "not_a_demo"
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 3
    assert not (house.folder / "backups").exists()


def test_nor_by_the_operation_itself(house: House) -> None:
    given = {"name": NAME, "login": "owner", "password_hash": "x", "backup": "x", "size": 1, "sha256": "x"}
    with pytest.raises(Refused) as refusal:
        perform(Name.OPEN_SALON, given, actor=house.actor("owner"))
    assert refusal.value.code == "not_a_demo"
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 3


def test_a_salon_that_was_opened_is_not_cleared_again(demo: Empty) -> None:
    opened()
    assert not is_demo()
    with pytest.raises(Refused):
        opened()


@pytest.mark.parametrize("role", ["manager", "auditor"])
def test_only_the_owner_may(demo: Empty, role: str) -> None:
    found = db.session.scalars(select(User).where(User.role == role)).one()
    with pytest.raises(Forbidden):
        open_salon(NAME, "owner", Actor(ActorKind.USER, name=found.name, role=role, id=found.id))
    assert is_demo()


# ---------------------------------------------------------------------------------------- real work, and trials


def refused_for(word: str) -> None:
    before = everything()
    with pytest.raises(Refused) as refusal:
        open_salon(NAME, "owner", owner())
    assert refusal.value.code == "real_work"
    assert word in str(refusal.value)
    db.session.remove()
    assert {name for name, rows in everything().items() if rows != before[name]} <= {"operation", "log_link"}


def test_once_real_work_stands_nothing_is_cleared(demo: Empty) -> None:
    """A customer of her own who has paid; until she is archived, if that was a trial."""
    values = {"name": "王小姐", "store_id": 1}
    made = perform(Name.CREATE_ENTITY, CreateInput(entity="customer", values=values), actor=owner())["id"]
    perform(Name.RECHARGE, {"customer": made, "amount": 100_000, "method": "cash", "store": 1}, actor=owner())
    refused_for("1 位")
    perform(Name.ARCHIVE_ENTITY, {"entity": "customer", "id": made}, actor=owner())
    assert opened().login == "owner"


def test_an_import_is_real_work(demo: Empty, tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    file.write_text("姓名,手机\n王小姐,13900000009\n", encoding="utf-8")
    import_file("customers", file, owner())
    refused_for("导入")


def test_takings_on_three_days_are_real_work(demo: Empty) -> None:
    customer = db.session.scalars(select(Customer.id)).one()
    recharge = {"customer": customer, "amount": 100_000, "method": "cash", "store": 1}
    for day in range(3):
        assert not real_work(db.session())
        db.session.rollback()
        with time_machine.travel(datetime(2026, 12, 1 + day, 4, tzinfo=UTC)):
            perform(Name.RECHARGE, recharge, actor=owner())
    refused_for("3 天")


def test_trying_things_out_is_no_real_work(demo: Empty) -> None:
    """With the demo's own people, or a customer who is only made."""
    customer = db.session.scalars(select(Customer.id)).one()
    values = {"name": "试一试", "store_id": 1}
    perform(Name.CREATE_ENTITY, CreateInput(entity="customer", values=values), actor=owner())
    perform(Name.RECHARGE, {"customer": customer, "amount": 100_000, "method": "cash", "store": 1}, actor=owner())
    assert opened().login == "owner"


# ------------------------------------------------------------------------------------------------- the page


@pytest.fixture
def come(demo: Empty) -> Callable[[str], Browser]:
    """Somebody of the demo at her browser, her password changed."""
    register_screens(demo.app)
    new_salon.note_demo()

    def made(role: str) -> Browser:
        from tests.cast import raw_operation

        with raw_operation():
            user = db.session.scalars(select(User).where(User.role == role)).one()
            user.must_change_password, user.password_hash = False, passwords.hashed(PASSWORD)
            demo.ids[role] = user.id
        return Browser(demo, role)  # type: ignore[arg-type]

    return made


def test_the_page_asks_for_the_name_twice_and_the_password(come: Callable[[str], Browser]) -> None:
    browser = come("owner")
    assert 'href="/open-salon"' in browser.get("/").text
    for name, again in ((NAME, "别的店"), ("", ""), ("长" * 61, "长" * 61)):
        sent = {"name": name, "again": again, "password": PASSWORD}
        assert browser.post("/open-salon", sent).status_code == 422
    for wrong in ("", PASSWORD + "x"):
        assert browser.post("/open-salon", {"name": NAME, "again": NAME, "password": wrong}).status_code == 422
    assert is_demo()
    refusals = select(Operation.result).where(Operation.name == Name.OPEN_SALON)
    assert set(db.session.scalars(refusals)) == {"wrong_password"}, "and it is in the log"
    db.session.rollback()  # what reads would keep the tables from being emptied
    done = browser.post("/open-salon", {"name": NAME, "again": f" {NAME} ", "password": PASSWORD})
    assert done.status_code == 200
    assert "before-opening-" in done.text, "it names the backup"
    assert re.search(r'class="secret">(\w{5}-){3}\w{5}<', done.text)
    assert not is_demo()
    assert "/sign-in" in browser.get("/").location, "the old sessions are over"


def test_the_page_needs_the_word_against_forged_forms(come: Callable[[str], Browser]) -> None:
    browser = come("owner")
    sent = browser.client.post("/open-salon", data={"name": NAME, "again": NAME})
    assert sent.status_code in {400, 422}
    assert is_demo()


@pytest.mark.parametrize("role", ["manager", "reception", "auditor"])
def test_nobody_else_opens_the_page(come: Callable[[str], Browser], role: str) -> None:
    browser = come(role)
    assert 'href="/open-salon"' not in browser.get("/").text
    assert browser.get("/open-salon").status_code == 403
    assert browser.post("/open-salon", {"name": NAME, "again": NAME}).status_code == 403
    assert is_demo()


def test_in_a_real_salon_the_page_offers_nothing(house: House) -> None:
    browser = house.browser("owner")
    assert 'href="/open-salon"' not in browser.get("/").text
    page = main_part(browser.get("/open-salon").text)
    assert str(NOT_A_DEMO) in page
    assert 'name="again"' not in page
    assert browser.post("/open-salon", {"name": NAME, "again": NAME}).status_code == 200
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 3
