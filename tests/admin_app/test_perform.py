"""The one door: idempotency, refusals, staleness, retries, whole or not at all; on both engines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from flask_babel import lazy_gettext as _l
from sqlalchemy import event, func, select, text
from sqlalchemy.orm.exc import StaleDataError

from admin_app.operations import kernel, patience
from admin_app.operations.entities import CreateInput, EditInput, RowInput
from admin_app.operations.kernel import NotAnOperationError, Operation, perform
from admin_app.operations.refusals import Busy, Forbidden, KeyReused, Missing, Refused, Stale
from admin_app.operations.registry import Answer, Ask, Input, Row, operation, unregister
from models.actor import SYSTEM
from models.customers import Customer
from models.entity import db
from models.log import EntryKind, LogLink, OperationKey, RowChange
from models.log import Operation as Entry
from models.names import Name
from tests.conftest import House
from tests.limits import HANG_SECONDS


class NoteInput(Input):
    customer: Annotated[int, Ask(_l("Customer"), to=Customer)]
    note: Annotated[str, Ask(_l("Notes"))]


@pytest.fixture
def noting() -> Iterator[list[int]]:
    """A ten-line operation, registered for one test; how often it ran."""
    ran: list[int] = []

    @operation("note_customer", label=_l("Notes"), on=Customer, permitted=lambda op, data: True)
    def note_customer(op: Operation, data: NoteInput) -> Answer:
        ran.append(op.number)
        op.subject.notes = data.note
        return {"id": op.subject.id, "count": len(ran)}

    yield ran
    unregister("note_customer")


def note(house: House, text_: str = "好", **options: Any) -> Answer:
    data = NoteInput(customer=house.ids["anna"], note=text_)
    return perform("note_customer", data, actor=house.actor("reception"), **options)


def notes_of(customer: int) -> str | None:
    db.session.rollback()
    return db.session.get_one(Customer, customer).notes


def entries(name: str, result: str = "done") -> list[Entry]:
    db.session.rollback()
    return list(db.session.scalars(select(Entry).where(Entry.name == name, Entry.result == result)))


def test_it_works_and_is_logged(house: House, noting: list[int]) -> None:
    answer = note(house)
    assert answer == {"id": house.ids["anna"], "count": 1}
    [entry] = entries("note_customer")
    assert (entry.actor_id, entry.actor_role) == (house.ids["reception"], "reception")
    assert (entry.subject_kind, entry.subject_id) == ("customer", house.ids["anna"])
    [change] = db.session.scalars(select(RowChange).where(RowChange.operation_id == entry.id))
    assert (change.entity, change.kind, change.columns) == ("customer", "update", "notes,version")
    assert db.session.scalar(select(LogLink.rows).where(LogLink.operation_id == entry.id)) == 1


def test_the_entry_names_address_browser_and_session(house: House, noting: list[int]) -> None:
    data = NoteInput(customer=house.ids["anna"], note="好")
    where = {"address": "192.0.2.7", "agent": "Tablet", "session_id": 41}
    perform("note_customer", data, actor=house.actor("reception", **where))
    [entry] = entries("note_customer")
    assert {name: getattr(entry, name) for name in where} == where
    with pytest.raises(Missing):
        perform("note_customer", data.model_copy(update={"customer": 999}), actor=house.actor("reception", **where))
    [refusal] = entries("note_customer", "missing")
    assert {name: getattr(refusal, name) for name in where} == where


def test_the_entry_holds_the_beginning_of_what_is_long(sqlite_house: House, noting: list[int]) -> None:
    data = NoteInput(customer=sqlite_house.ids["anna"], note="好")
    long = dict.fromkeys(("name", "address", "agent"), "x" * 999)
    perform("note_customer", data, actor=sqlite_house.actor("reception", **long), reason="y" * 9_999, run_id=5)
    [entry] = entries("note_customer")
    assert (len(entry.actor_name), len(entry.address), len(entry.agent)) == (60, 64, 200)
    assert entry.reason == "y" * kernel.LONGEST_REASON
    assert entry.run_id == 5


def test_a_rehearsal_leaves_nothing(sqlite_house: House, noting: list[int]) -> None:
    assert note(sqlite_house, rehearse=True) == {"id": sqlite_house.ids["anna"], "count": 1}
    assert notes_of(sqlite_house.ids["anna"]) is None
    with pytest.raises(Missing):
        data = NoteInput(customer=999, note="x")
        perform("note_customer", data, actor=sqlite_house.actor("reception"), rehearse=True)
    assert entries("note_customer") + entries("note_customer", "missing") == []


def test_the_same_key_gets_the_first_answer(house: House, noting: list[int]) -> None:
    note(house, "先", key="k0")
    first = note(house, key="k1")
    again = note(house, key="k1")
    assert again == {**first, "again": True}
    assert len(noting) == 2
    assert len(entries("note_customer")) == 2


def test_the_same_key_with_other_input_is_an_error(house: House, noting: list[int]) -> None:
    note(house, key="k1")
    with pytest.raises(KeyReused):
        note(house, "另一个", key="k1")
    assert notes_of(house.ids["anna"]) == "好"
    assert len(entries("note_customer", "key_reused")) == 1


def test_the_same_key_of_somebody_else_is_an_error(house: House, noting: list[int]) -> None:
    note(house, key="k1")
    data = NoteInput(customer=house.ids["anna"], note="好")
    with pytest.raises(KeyReused):
        perform("note_customer", data, actor=house.actor("owner"), key="k1")


def test_a_double_click_does_it_once(house: House, noting: list[int]) -> None:
    """Two requests at the same moment with one key: one runs, both get the same answer."""
    answers: list[Answer] = []
    faults: list[BaseException] = []
    start = threading.Barrier(2)

    def click() -> None:
        with house.app.app_context():
            try:
                start.wait()
                answers.append(note(house, key="double"))
            except BaseException as error:  # noqa: BLE001 - told below
                faults.append(error)
            finally:
                db.session.remove()

    clicks = [threading.Thread(target=click) for _ in range(2)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert faults == []
    assert len(entries("note_customer")) == 1
    assert sorted(answer.get("again", False) for answer in answers) == [False, True]


def test_a_lost_answer_can_be_asked_for_again(house: House, noting: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is committed, the answer never arrives: the retry finds it."""
    commit = kernel.db.session().commit

    def commit_and_die() -> None:
        commit()
        raise ConnectionError("the line went dead")

    monkeypatch.setattr(kernel.db.session(), "commit", commit_and_die)
    with pytest.raises(ConnectionError):
        note(house, key="lost")
    monkeypatch.undo()
    assert note(house, key="lost")["again"] is True
    assert len(entries("note_customer")) == 1


def test_a_refusal_changes_nothing_but_is_logged(house: House) -> None:
    before = db.session.scalar(select(func.count()).select_from(Customer))
    values = {"name": "新客", "phone": "1380013", "store_id": str(house.ids["first"])}
    with pytest.raises(Refused) as refusal:
        perform(
            Name.CREATE_ENTITY, CreateInput(entity="customer", values=values), actor=house.actor("reception"), key="r"
        )
    assert refusal.value.field == "phone"
    assert db.session.scalar(select(func.count()).select_from(Customer)) == before
    [entry] = entries("create_entity", "unreadable")
    assert entry.kind is EntryKind.REFUSAL
    assert db.session.scalar(select(LogLink.rows).where(LogLink.operation_id == entry.id)) == 0
    assert db.session.scalar(select(func.count()).select_from(OperationKey).where(OperationKey.key == "r")) == 0


def test_a_refused_key_may_be_used_again(house: House) -> None:
    actor, values = house.actor("reception"), {"name": "新客", "phone": "1380013"}
    with pytest.raises(Refused):
        perform(Name.CREATE_ENTITY, CreateInput(entity="customer", values=values), actor=actor, key="r")
    values["phone"] = "13900009999"
    assert perform(Name.CREATE_ENTITY, CreateInput(entity="customer", values=values), actor=actor, key="r")["id"]


def test_what_her_role_does_not_allow_is_refused_and_logged(house: House) -> None:
    with pytest.raises(Forbidden):
        perform(
            Name.CREATE_ENTITY, CreateInput(entity="store", values={"name": "三店"}), actor=house.actor("reception")
        )
    assert len(entries("create_entity", "forbidden")) == 1


def test_a_row_that_is_not_hers_looks_as_if_it_were_not_there(house: House, noting: list[int]) -> None:
    for customer in (house.ids["cora"], 999_999):
        with pytest.raises(Missing):
            perform("note_customer", NoteInput(customer=customer, note="x"), actor=house.actor("reception"))
    assert noting == []


def test_nothing_is_done_on_what_was_put_away(sqlite_house: House, noting: list[int]) -> None:
    perform(Name.ARCHIVE_ENTITY, RowInput(entity="customer", id=sqlite_house.ids["anna"]), actor=SYSTEM)
    with pytest.raises(Refused) as refusal:
        note(sqlite_house)
    assert (refusal.value.code, refusal.value.field, noting) == ("archived", "customer", [])


class NoteRow(Row):
    customer: Annotated[int, Ask(_l("Customer"), to=Customer)]


class NotesInput(Input):
    lines: Annotated[list[NoteRow], Ask(_l("Lines"))]


def test_what_a_line_names_must_be_there_too(sqlite_house: House) -> None:
    @operation("note_customers", label=_l("Notes"), permitted=lambda op, data: True)
    def note_customers(op: Operation, data: NotesInput) -> Answer:
        return {"many": len(data.lines)}

    def noted(*customers: str) -> Answer:
        data = NotesInput(lines=[NoteRow(customer=sqlite_house.ids[one]) for one in customers])
        return perform("note_customers", data, actor=sqlite_house.actor("reception"))

    try:
        assert noted("anna", "berta") == {"many": 2}
        with pytest.raises(Missing) as missing:
            noted("anna", "cora")
    finally:
        unregister("note_customers")
    assert missing.value.field == "lines-1-customer"


def test_two_tabs_do_not_overwrite_each_other(house: House) -> None:
    """Both tabs saw version 1; the second to save is told what stands now and what it wanted."""
    anna, actor = house.ids["anna"], house.actor("reception")
    seen = db.session.get_one(Customer, anna).version
    edit = {"entity": "customer", "id": anna, "version": seen}
    perform(Name.EDIT_ENTITY, EditInput(**edit, values={"job": "老师"}), actor=actor)
    with pytest.raises(Stale) as stale:
        perform(Name.EDIT_ENTITY, EditInput(**edit, values={"job": "医生"}), actor=actor)
    assert stale.value.differences == {"job": ("老••••", "医生")}, "as she may see it"
    db.session.rollback()
    assert db.session.get_one(Customer, anna).job == "老师"


def test_what_changed_since_the_form_was_opened_is_not_overwritten(sqlite_house: House, noting: list[int]) -> None:
    data = NoteInput(customer=sqlite_house.ids["anna"], note="好")
    seen = db.session.get_one(Customer, data.customer).version
    note(sqlite_house, "先")
    with pytest.raises(Stale) as stale:
        perform("note_customer", data.model_copy(update={"version": seen}), actor=sqlite_house.actor("reception"))
    assert (stale.value.version, len(noting)) == (seen + 1, 1)
    now = data.model_copy(update={"version": seen + 1})
    perform("note_customer", now, actor=sqlite_house.actor("reception"))
    assert notes_of(data.customer) == "好"


def test_a_serialisation_failure_is_tried_again(house: House, noting: list[int]) -> None:
    """The database gives up the first two attempts, as PostgreSQL does with 40001; the third goes through."""
    from psycopg.errors import SerializationFailure
    from sqlalchemy.exc import OperationalError

    failures = [OperationalError("", {}, SerializationFailure("could not serialize")) for _ in range(2)]

    @operation("note_twice", label=_l("Notes"), on=Customer, permitted=lambda op, data: True)
    def note_twice(op: Operation, data: NoteInput) -> Answer:
        op.subject.notes = data.note
        op.session.flush()
        if failures:
            raise failures.pop()
        return {}

    try:
        perform("note_twice", NoteInput(customer=house.ids["anna"], note="终于"), actor=house.actor("owner"))
    finally:
        unregister("note_twice")
    assert notes_of(house.ids["anna"]) == "终于"
    assert len(entries("note_twice")) == 1


def test_a_real_deadlock_is_solved_by_trying_again(house: House) -> None:
    """Two operations that take two customers in opposite order: on PostgreSQL one is shot and tried again."""
    order = threading.Barrier(2, timeout=HANG_SECONDS)
    first_time = threading.local()

    @operation("swap_notes", label=_l("Notes"), permitted=lambda op, data: True)
    def swap_notes(op: Operation, data: NoteInput) -> Answer:
        both = [house.ids["anna"], house.ids["berta"]]
        for place, customer in enumerate(both if data.note == "forward" else both[::-1]):
            statement = text("UPDATE customer SET notes = :note WHERE id = :id")
            op.session.execute(statement, {"note": data.note, "id": customer})
            if place == 0 and not getattr(first_time, "gone", False) and house.engine == "postgresql":
                first_time.gone = True
                order.wait()
        return {}

    def run(note_: str) -> None:
        with house.app.app_context():
            perform("swap_notes", NoteInput(customer=house.ids["anna"], note=note_), actor=house.actor("owner"))
            db.session.remove()

    try:
        threads = [threading.Thread(target=run, args=(one,)) for one in ("forward", "backward")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        unregister("swap_notes")
    assert len(entries("swap_notes")) == 2
    assert notes_of(house.ids["anna"]) == notes_of(house.ids["berta"])


def test_a_database_that_stays_busy_is_said_so(
    house: House, noting: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlite3 import OperationalError as Locked

    from sqlalchemy.exc import OperationalError

    def locked(*_: object) -> None:
        raise OperationalError("", {}, Locked("database is locked"))

    monkeypatch.setattr(kernel, "_begin", locked)
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)
    with pytest.raises(Busy):
        note(house)
    assert noting == []


def test_a_row_that_others_change_each_time_is_said_to_be_stale(
    sqlite_house: House, noting: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []

    def changed(*_: object) -> None:
        begun.append(1)
        raise StaleDataError

    monkeypatch.setattr(kernel, "_begin", changed)
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)
    with pytest.raises(Stale) as stale:
        note(sqlite_house)
    assert (stale.value.version, len(begun)) == (0, patience.TRIES)


def test_an_error_inside_leaves_nothing(house: House) -> None:
    @operation("half_done", label=_l("Notes"), on=Customer, permitted=lambda op, data: True)
    def half_done(op: Operation, data: NoteInput) -> Answer:
        op.subject.notes = data.note
        op.session.flush()
        raise ZeroDivisionError

    try:
        with pytest.raises(ZeroDivisionError):
            perform("half_done", NoteInput(customer=house.ids["anna"], note="半"), actor=house.actor("owner"))
    finally:
        unregister("half_done")
    assert notes_of(house.ids["anna"]) is None
    assert entries("half_done") == []


def test_nothing_but_an_operation_writes(house: House) -> None:
    customer = db.session.get_one(Customer, house.ids["anna"])
    customer.notes = "偷偷"
    with pytest.raises(NotAnOperationError):
        db.session.commit()
    db.session.rollback()


def test_an_operation_writes_only_what_it_is_named_for(house: House) -> None:
    from models.standing import Alert

    @operation("sneak", label=_l("Notes"), on=Customer, permitted=lambda op, data: True)
    def sneak(op: Operation, data: NoteInput) -> Answer:
        op.session.add(Alert(source="x", occasion="x", text="x", to_role="owner", raised_at=op.at))
        op.session.flush()
        return {}

    try:
        with pytest.raises(NotAnOperationError):
            perform("sneak", NoteInput(customer=house.ids["anna"], note="x"), actor=house.actor("owner"))
    finally:
        unregister("sneak")


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_what_an_operation_is_done_on_is_locked_until_it_ends(house: House, noting: list[int]) -> None:
    """Two at once on one customer come one after the other; SQLite lets one alone write anyhow."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(" ".join(statement.split()))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        perform("note_customer", {"customer": house.ids["anna"], "note": "x"}, actor=house.actor("owner"))
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    subject = [one for one in statements if one.startswith("SELECT") and " FROM customer WHERE customer.id IN" in one]
    assert subject
    assert all(one.endswith("FOR UPDATE") for one in subject)
