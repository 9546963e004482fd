"""Every kind of log entry and every entity's files open: for a row of each entity, and for a booking's whole life."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import time_machine
from openpyxl import load_workbook
from sqlalchemy import func, select, text

from admin_app.documents.export import Selection, export_to
from models.actor import SYSTEM
from models.entity import db, entities, table_of
from models.log import EntryKind, Operation, RowChange
from models.names import OPERATIONS
from models.organisation import Staff
from tests.cast import NOON, raw_operation
from tests.conftest import House
from tests.factory import fill
from tests.views import salon_day
from tests.views.pages import tables

READY_FROM_THE_START = {"rule_version", "rule_activation", "schedule", "tag"}
"""What ``fill`` finds in the house; ``load`` and the first start made it."""

EVERY_KIND = "SELECT entity, kind, max(operation_id) FROM row_change GROUP BY entity, kind"


def entries_of(house: House) -> dict[int, str]:
    """The pages of all entries in the log with every row they changed, by number."""
    browser = house.browser("owner")
    numbers = db.session.scalars(select(Operation.id).order_by(Operation.id)).all()
    pages = {number: browser.get(f"/log/{number}?all=1") for number in numbers}
    assert {number: page.status_code for number, page in pages.items() if page.status_code != 200} == {}
    return {number: page.text for number, page in pages.items()}


def log_file(house: House, kind: str) -> list[list[object]]:
    answer = house.browser("owner").get(f"/log/export.{kind}")
    assert answer.status_code == 200
    if kind == "csv":
        return [list(row) for row in csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline=""))]
    sheet = load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def test_an_entry_opens_for_a_change_of_each_kind_to_each_entity(house: House) -> None:
    rows = fill(house)
    with raw_operation():
        for entity in entities():
            if entity.logged() and "archived_at" in entity.fields():
                table = table_of(entity)
                where = table.c.id == rows[entity.named()]["own"]
                db.session.execute(table.update().where(where).values(version=99, archived_at=NOON))
    changed = {(entity, kind) for entity, kind, _ in db.session.execute(text(EVERY_KIND))}
    logged = {entity.named() for entity in entities() if entity.logged()}
    assert {entity for entity, kind in changed if kind == "insert"} >= logged - READY_FROM_THE_START
    assert {kind for _, kind in changed} >= {"insert", "update"}
    pages = entries_of(house)
    counts = select(RowChange.operation_id, func.count()).group_by(RowChange.operation_id)
    for number, count in db.session.execute(counts):
        assert pages[number].count('<table class="diff">') == min(count, 200)
    for kind in ("csv", "xlsx"):
        assert len(log_file(house, kind)) > len(pages)


def test_an_entry_opens_for_each_operation_and_each_kind_of_entry(sqlite_house: House) -> None:
    """Also for one whose subject is of no kind known here, as a later release might have left it."""
    with raw_operation() as number:
        for place, name in enumerate(sorted(OPERATIONS), 1):
            kind = list(EntryKind)[place % len(EntryKind)]
            subject = ("resource", "customer", "nothing", None)[place % 4]
            db.session.execute(
                Operation.__table__.insert(),
                {
                    "id": number + place,
                    "name": name,
                    "kind": kind,
                    "at": NOON,
                    "actor_kind": "system",
                    "actor_name": "t",
                    "actor_role": "system",
                    "subject_kind": subject,
                    "subject_id": 1,
                    "detail": {"a": [1, {"b": None}]},
                    "result": "done",
                },
            )
    entries_of(sqlite_house)
    assert len(log_file(sqlite_house, "csv")) > len(OPERATIONS)


def test_what_a_booking_took_is_called_by_its_name_in_the_log(house: House) -> None:
    """A claim refers to a resource, which is no entity: it is called what it stands for."""
    with time_machine.travel(salon_day.MORNING, tick=False):
        number = salon_day.booked(house, salon_day.service(house), 11)
        salon_day.done(house, "cancel_booking", booking=number, reason="病了")
    person = db.session.get_one(Staff, house.ids["therapist_staff"]).name
    booked = db.session.scalars(select(Operation).where(Operation.name == "book")).one()
    assert ["已占用", "–", person] in [row for table in tables(entries_of(house)[booked.id]) for row in table]
    for kind in ("csv", "xlsx"):
        [line] = [row for row in log_file(house, kind) if row and str(row[0]) == str(booked.id)]
        assert f"– → {person}" in str(line[-1])


def test_every_entity_leaves_as_a_file_of_each_type(house: House, tmp_path: Path) -> None:
    """Also those without a screen of their own, which leave by the command line."""
    fill(house)
    browser = house.browser("owner")
    for entity in entities():
        for kind in ("csv", "xlsx"):
            if entity.screen is not None:
                assert browser.get(f"/{entity.named()}/export/{kind}/").status_code == 200, entity
            path = tmp_path / f"{entity.named()}.{kind}"
            assert export_to(path, Selection(entity), SYSTEM) >= 1, entity
            assert path.stat().st_size > 0
