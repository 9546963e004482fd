"""Moving house: every row, the log and its chain into another, empty database, from either engine to the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, QueuePool, create_engine, func, inspect, select, text
from sqlalchemy.exc import OperationalError

from admin_app import at_rest, move
from admin_app.at_rest import AtWorkError
from admin_app.doctor import examine
from admin_app.evaluation import evaluate, try_out
from admin_app.move import move_to
from admin_app.operations.entities import EditInput
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Refused
from admin_app.start import open_house
from admin_app.upgrade import SchemaError, check
from models.actor import SYSTEM
from models.connection import url_of
from models.customers import Customer
from models.entity import Base, db
from models.log import Operation
from models.names import Name
from tests import engines
from tests.admin_app.houses import faults, opened
from tests.cast import TODAY, create
from tests.conftest import House
from tests.factory import fill

Everything = dict[str, list[tuple[Any, ...]]]


pytestmark = pytest.mark.usefixtures("in_english")


@pytest.fixture(autouse=True)
def targets(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Engine]]:
    """The engines that a move opens; closed behind each test."""
    opened: list[Engine] = []
    target = move._target

    def kept(address: str) -> Engine:
        opened.append(target(address))
        return opened[-1]

    monkeypatch.setattr(move, "_target", kept)
    yield opened
    for engine in opened:
        engine.dispose()


@pytest.fixture
def other(house: House, tmp_path: Path) -> str:
    """An empty database on the other engine; a second file where there is no PostgreSQL."""
    server = engines.postgres() if house.engine == "sqlite" else None
    if server is None:
        return f"sqlite:///{tmp_path / 'moved.db'}"
    return engines.fresh(server, "moved")


@contextmanager
def housed(house: House, address: str) -> Iterator[Flask]:
    """The same house, keys and rules, on another database."""
    with opened(data_dir=house.folder, database_url=address, rules_dir=house.settings.rules_dir) as app:
        yield app


def everything() -> Everything:
    """Every table row by row, as the models read it; what is encrypted is read in clear."""
    db.session.remove()
    with db.engine.connect() as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns)).all()
            ]
            for table in Base.metadata.sorted_tables
        }


def tables_at(address: str) -> list[str]:
    engine = create_engine(url_of(address))
    try:
        return inspect(engine).get_table_names()
    finally:
        engine.dispose()


def furnish(house: House) -> None:
    """A row of every entity, rules that have run, and a log with every kind of change in it."""
    fill(house)
    evaluate(TODAY)
    edited = EditInput(entity="customer", id=house.ids["anna"], values={"notes": "搬家前", "phone": "13911112222"})
    perform(Name.EDIT_ENTITY, edited, actor=SYSTEM)
    with pytest.raises(Refused):
        perform(Name.EDIT_ENTITY, edited, actor=house.actor("auditor"))
    db.session.remove()


# --------------------------------------------------------------------------------------- what arrives


def test_a_move_leaves_no_connection_open(house: House, other: str, targets: list[Engine]) -> None:
    move_to(other)
    pool = targets[0].pool
    assert isinstance(pool, QueuePool)
    assert (pool.checkedin(), pool.checkedout()) == (0, 0)


def test_every_row_of_every_table_arrives_as_it_was(house: House, other: str) -> None:
    furnish(house)
    before = everything()
    assert move_to(other) == sum(len(rows) for rows in before.values())
    with housed(house, other):
        after = everything()
    assert {name for name in before if before[name] != after[name]} == set()
    assert everything() == before, "the old house stands as it stood"


def test_there_and_back_again_nothing_has_changed(house: House, other: str, tmp_path: Path) -> None:
    """SQLite to PostgreSQL to SQLite, and the other way round."""
    furnish(house)
    before, amiss = everything(), faults()  # the factory's rows make no sense together
    back = f"sqlite:///{tmp_path / 'back.db'}"
    if house.engine == "postgresql":
        back = engines.fresh(str(engines.postgres()), "back")
    move_to(other)
    with housed(house, other):
        move_to(back)
    with housed(house, back):
        assert check() is True
        assert {name for name, rows in everything().items() if before[name] != rows} == set()
        assert len(faults()) == len(amiss)


def test_the_doctor_proves_chain_references_and_schema_there(house: House, other: str) -> None:
    furnish(house)
    links, amiss = db.session.scalar(text("SELECT count(*) FROM log_link")) or 0, faults()
    perform(Name.ANCHOR_LOG, actor=SYSTEM)
    move_to(other)
    with housed(house, other):
        findings = {finding.name: finding for finding in examine()}
        assert sum(len(finding.faults) for finding in findings.values()) == len(amiss)
        assert findings["log chain"].looked_at > links > 10
        assert findings["log anchors"].looked_at == 1


def test_numbers_go_on_behind_the_last_one_and_the_chain_goes_on(house: House, other: str) -> None:
    furnish(house)
    amiss = faults()
    last = {
        name: db.session.scalar(text(f'SELECT max(id) FROM "{name}"')) or 0
        for name in ("customer", "store", "operation", "row_change")
    }
    move_to(other)
    with housed(house, other):
        open_house()
        assert create("customer", name="搬家后", store_id=house.ids["first"]) == last["customer"] + 1
        assert create("store", name="第三店") == last["store"] + 1
        db.session.rollback()
        assert db.session.scalar(select(func.max(Operation.id))) == last["operation"] + 2
        assert db.session.scalar(text("SELECT max(id) FROM row_change")) == last["row_change"] + 2
        assert len(faults()) == len(amiss)


def test_the_triggers_stand_in_the_new_house(house: House, other: str) -> None:
    move_to(other)
    with housed(house, other):
        with pytest.raises(Exception, match="append-only"), db.engine.begin() as connection:
            connection.execute(text("DELETE FROM operation"))
        with pytest.raises(Exception, match="without an actor"), db.engine.begin() as connection:
            connection.execute(text("UPDATE customer SET notes = 'x'"))


def test_the_rules_find_the_same_customers_there(house: House, other: str) -> None:
    furnish(house)
    before = try_out(TODAY, None)
    move_to(other)
    with housed(house, other):
        open_house()
        assert try_out(TODAY, None) == before
        report = evaluate(TODAY)
        assert (report.gained, report.lost, report.moved) == ({}, {}, {})


def test_more_rows_than_a_page_arrive_in_full(house: House, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that refer to later rows of their own table among them."""
    monkeypatch.setattr(move, "PAGE", 2)
    first, last = house.ids["anna"], house.ids["cora"]
    data = EditInput(entity="customer", id=first, values={"referrer_id": last})
    perform(Name.EDIT_ENTITY, data, actor=SYSTEM)
    before = everything()
    move_to(other)
    with housed(house, other):
        assert everything() == before
        assert db.session.get_one(Customer, first).referrer_id == last


# -------------------------------------------------------------------------------------- what is refused


def refused(address: str, word: str) -> None:
    before = everything()
    with pytest.raises(SchemaError, match=word) as found:
        move_to(address)
    assert len(str(found.value).splitlines()) == 1
    assert everything() == before


def test_a_second_move_to_the_same_place_is_refused_and_the_first_one_stays(house: House, other: str) -> None:
    move_to(other)
    with housed(house, other):
        moved = everything()
    create("customer", name="新来的", store_id=house.ids["first"])
    refused(other, "not empty")
    with housed(house, other):
        assert everything() == moved


def test_a_database_with_somebody_elses_table_is_refused_and_left_alone(house: House, other: str) -> None:
    engine = create_engine(url_of(other))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
        connection.execute(text("INSERT INTO theirs VALUES (7)"))
    refused(other, "not empty")
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT id FROM theirs")).all() == [7]
    engine.dispose()
    assert tables_at(other) == ["theirs"]


def test_the_house_does_not_move_into_itself(house: House) -> None:
    address = house.settings.url.render_as_string(hide_password=False)
    refused(address, "not empty")


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("not an address", "not a database address"),
        ("sqlite:////no/such/folder/x.db", "cannot be reached"),
        ("postgresql://nobody@127.0.0.1:1/nothing", "cannot be reached"),
        ("mysql://somebody@localhost/x", "mysql"),
    ],
)
def test_an_address_that_cannot_be_is_refused_in_a_sentence(sqlite_house: House, address: str, word: str) -> None:
    refused(address, word)


# ------------------------------------------------------------------------------------- what is cut short


@pytest.mark.parametrize(
    ("table", "trouble"), [("customer", KeyboardInterrupt()), ("log_link", RuntimeError("the line is cut"))], ids=str
)
def test_what_is_cut_short_leaves_the_new_place_empty(
    house: House, other: str, monkeypatch: pytest.MonkeyPatch, trouble: BaseException, table: str
) -> None:
    """Early, midway or at the end; the move can simply be begun again."""
    before = everything()
    copy = move._copy

    def cut(source: Any, sink: Any, name: str) -> int:
        if name == table:
            raise trouble
        return copy(source, sink, name)

    monkeypatch.setattr(move, "_copy", cut)
    with pytest.raises(type(trouble)):
        move_to(other)
    assert tables_at(other) == []
    monkeypatch.setattr(move, "_copy", copy)
    assert everything() == before
    move_to(other)
    with housed(house, other):
        assert everything() == before


def test_a_row_lost_on_the_way_is_noticed_and_the_new_place_left_empty(
    house: House, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = move._copy

    def lose(source: Any, sink: Any, name: str) -> int:
        if name == "customer":
            monkeypatch.setattr(move, "insert", lambda table: text("DELETE FROM store WHERE id < 0"))
        return copy(source, sink, name)

    monkeypatch.setattr(move, "_copy", lose)
    with pytest.raises(SchemaError, match="not every row"):
        move_to(other)
    assert tables_at(other) == []


def test_who_wants_to_write_during_a_move_is_kept_out(
    house: House, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What somebody wrote into the old house behind the move's back would be lost with it."""
    before = everything()
    copy = move._copy
    kept_out = []

    def meanwhile(source: Any, sink: Any, name: str) -> int:
        if name == "customer":
            with housed(house, house.settings.database_url), pytest.raises(OperationalError):
                write_at_once(house)
            kept_out.append(name)
        return copy(source, sink, name)

    monkeypatch.setattr(move, "_copy", meanwhile)
    move_to(other)
    assert kept_out == ["customer"]
    assert everything() == before
    with housed(house, other):
        assert everything() == before
        assert faults() == []


def write_at_once(house: House) -> None:
    """Or fail: without waiting until it may."""
    with db.engine.connect() as connection:
        if house.engine == "sqlite":
            connection.exec_driver_sql("PRAGMA busy_timeout=0")
        else:
            connection.execute(text("SET lock_timeout = '10ms'"))
        connection.execute(text("DELETE FROM search_key WHERE row_id < 0"))
        connection.execute(text("DELETE FROM operation WHERE id < 0"))


def test_a_house_in_which_somebody_is_at_work_does_not_move(house: House, other: str) -> None:
    """Whoever has it open would go on writing into the old one."""
    with housed(house, house.settings.database_url), db.engine.connect() as theirs:
        theirs.execute(text("SELECT count(*) FROM customer"))
        with house.app.app_context(), pytest.raises(AtWorkError):
            move_to(other)
    assert tables_at(other) == []


def test_a_house_that_serves_does_not_move_though_nobody_asks_it_anything(sqlite_house: House, tmp_path: Path) -> None:
    """With a rollback journal an idle connection holds no lock."""
    other = f"sqlite:///{tmp_path / 'moved.db'}"
    with at_rest.serving(), pytest.raises(AtWorkError, match="at work"):
        move_to(other)
    assert tables_at(other) == []
    move_to(other)
