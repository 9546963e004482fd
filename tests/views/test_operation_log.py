"""The operation log: found by who, what, whom and when; read field by field; taken away with its proof."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
import time_machine
from openpyxl import load_workbook
from sqlalchemy import func, select

from admin_app.operations import chain
from admin_app.operations.customers import EraseInput
from admin_app.operations.kernel import perform
from models.customers import Customer
from models.entity import db
from models.log import EntryKind, LogLink, Operation, RowChange
from models.names import Name
from tests.cast import ROLES, TODAY, create, raw_operation
from tests.conftest import House
from tests.views import oracle
from tests.views.pages import main_part, tables, words
from views import operation_log

OPENS = {role for role in ROLES if "log" in oracle.roles()[role].get("pages", [])}


def shown(house: House, role: str = "owner", **args: object) -> list[int]:
    """The numbers of the entries on the page, in its order."""
    page = house.browser(role).get(f"/log?{urlencode(args)}").text
    return [int(one) for one in re.findall(r'row-link" href="/log/(\d+)"', page)]


def entries(*conditions: object) -> list[int]:
    """What the table holds, newest first."""
    db.session.rollback()
    return list(db.session.scalars(select(Operation.id).where(*conditions).order_by(Operation.id.desc())))  # type: ignore[arg-type]


def newest() -> Operation:
    db.session.rollback()
    return db.session.scalars(select(Operation).order_by(Operation.id.desc())).all()[0]


def edited(house: House, role: str = "manager", customer: str = "anna", **values: object) -> int:
    """The entry of an edit."""
    data = {"entity": "customer", "id": house.ids[customer], "values": values}
    perform(Name.EDIT_ENTITY, data, actor=house.actor(role))
    return newest().id


# ----------------------------------------------------------------------------------------------- filters


def test_the_newest_entry_stands_first(house: House) -> None:
    first, second = edited(house, notes="一"), edited(house, notes="二")
    found = shown(house)
    assert found == sorted(found, reverse=True)
    assert found.index(second) < found.index(first)


def test_the_entries_of_one_employee(house: House) -> None:
    hers = [edited(house, "manager", notes="一"), edited(house, "manager", notes="二")]
    edited(house, "reception", notes="三")
    assert shown(house, who="用户manager") == hers[::-1]


def test_the_entries_of_one_operation(house: House) -> None:
    edited(house, notes="一")
    assert shown(house, what="create_user") == entries(Operation.name == "create_user")
    assert len(shown(house, what="create_user")) == len(ROLES)


def test_the_history_of_a_record_holds_what_named_it_and_what_touched_it(house: House) -> None:
    own, other = edited(house, notes="一"), edited(house, customer="berta", notes="二")
    found = shown(house, on="customer", id=house.ids["anna"])
    assert own in found
    assert other not in found
    assert found[-1] == min(entries(Operation.subject_kind == "customer", Operation.subject_id == house.ids["anna"]))


def test_a_change_on_the_way_belongs_to_the_rows_history(house: House) -> None:
    """An assignment made while assigning a customer: the entry speaks of the customer, the row changed is another."""
    assigned = entries(Operation.name == "assign_customers")
    changes = db.session.scalars(select(RowChange).where(RowChange.operation_id.in_(assigned))).all()
    assert {change.entity for change in changes} == {"customer_assignment"}
    for change in changes:
        assert change.operation_id in shown(house, on=change.entity, id=change.row_id)


def test_filters_hold_together(house: House) -> None:
    hers = edited(house, "manager", notes="一")
    edited(house, "manager", "berta", notes="二")
    edited(house, "reception", notes="三")
    assert shown(house, who="用户manager", on="customer", id=house.ids["anna"], what="edit_entity") == [hers]


def test_refusals_are_found_by_their_kind(house: House) -> None:
    house.browser("reception").get("/user/")
    found = shown(house, kind="refusal")
    assert found == entries(Operation.kind == EntryKind.REFUSAL)
    assert len(found) == 1


def test_days_are_whole_days_of_the_salon(house: House) -> None:
    """The 3rd of January 2027 in Shanghai is from 16:00 of the 2nd to 16:00 of the 3rd in Greenwich."""
    moments = [datetime(2027, 1, day, hour, tzinfo=UTC) for day, hour in ((2, 15), (2, 16), (3, 15), (3, 16))]
    made = []
    for place, moment in enumerate(moments):
        with time_machine.travel(moment, tick=False):
            made.append(edited(house, notes=str(place)))
    kept = {"what": "edit_entity"}
    assert shown(house, **kept, **{"from": "2027-01-03", "to": "2027-01-03"}) == [made[2], made[1]]
    assert shown(house, **kept, **{"from": "2027-01-04"}) == [made[3]]
    assert shown(house, **kept, to="2027-01-02") == [made[0]]


def test_older_entries_follow_on_the_next_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation_log, "PAGE", 5)
    browser, found, address = house.browser("owner"), [], "/log?what=create_user"
    while address:
        page = browser.get(address.replace("&amp;", "&")).text
        found += [int(one) for one in re.findall(r'row-link" href="/log/(\d+)"', page)]
        older = re.search(r'<div class="pager"><a class="button" href="([^"]*)"', page)
        address = older[1] if older else ""
    assert found == entries(Operation.name == "create_user")


@pytest.mark.parametrize(
    "args",
    [
        {"on": "nonsense", "id": "1"},
        {"who": "'; DROP TABLE operation; --"},
        {"what": "<script>"},
    ],
    ids=str,
)
def test_garbage_in_the_address_is_harmless(house: House, args: dict[str, str]) -> None:
    answer = house.browser("owner").get(f"/log?{urlencode(args)}")
    assert answer.status_code == 200
    assert "<script>" not in main_part(answer.text)


@pytest.mark.parametrize(
    "args",
    [
        {"id": "²"},
        {"id": "9" * 40},
        {"before": "²"},
        {"from": "2026-02-30"},
        {"to": "9999-12-31"},
        {"from": "0001-01-01"},
        {"kind": "nonsense"},
    ],
    ids=str,
)
def test_a_filter_that_is_none_never_passes_for_one_that_was_obeyed(sqlite_house: House, args: dict[str, str]) -> None:
    """Neither the page nor the file shows the whole log; the page leads back to the other filters."""
    browser, query = sqlite_house.browser("owner"), urlencode({"result": "done", **args})
    answer = browser.get(f"/log?{query}")
    assert answer.status_code == 422
    assert 'href="/log?result=done"' in answer.text
    assert browser.get(f"/log/export.csv?{query}").status_code == 422


# ------------------------------------------------------------------------------------------------ entries


def test_an_entry_says_who_what_whom_and_from_what_to_what(house: House) -> None:
    number = edited(house, "manager", job="教师", stage="trial")
    page = main_part(house.browser("owner").get(f"/log/{number}").text)
    rows = {row[0]: row[1:] for row in tables(page)[0][1:]}
    assert rows["职业"] == ["–", "教师"]
    assert rows["客户阶段"] == ["潜客", "体验"]
    assert "用户manager" in page
    assert "安娜" in page


def test_a_large_entry_shows_its_first_rows_and_the_rest_when_asked(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_operation():
        same = {"store_id": sqlite_house.ids["first"], "registered_on": TODAY}
        db.session.add_all(Customer(name=f"客{number}", **same) for number in range(5))
    number = entries()[0]
    monkeypatch.setattr(operation_log, "FIRST_CHANGES", 3)
    browser = sqlite_house.browser("owner")
    first, whole = (main_part(browser.get(f"/log/{number}{more}").text) for more in ("", "?all=1"))
    assert (first.count('class="diff"'), whole.count('class="diff"')) == (3, 5)
    assert f'href="/log/{number}?all=1"' in first
    assert "?all=1" not in whole


def test_a_money_of_before_and_after_is_read_as_money(house: House) -> None:
    number = create("service", name="补水", price="298", busy_minutes=60)
    data = {"entity": "service", "id": number, "values": {"price": "350.50"}}
    perform(Name.EDIT_ENTITY, data, actor=house.actor("owner"))
    page = house.browser("owner").get(f"/log/{newest().id}").text
    assert ["¥298.00", "¥350.50"] in [row[1:] for row in tables(page)[0]]


def test_an_entry_shows_its_link_of_the_chain(house: House) -> None:
    number = edited(house, notes="一")
    link = db.session.scalars(select(LogLink).where(LogLink.operation_id == number)).one()
    page = house.browser("owner").get(f"/log/{number}").text
    assert link.hash in page
    assert str(link.seq) in words(main_part(page))


def test_an_entry_that_is_not_there_is_missing(house: House) -> None:
    assert house.browser("owner").get("/log/99999999").status_code == 404


def test_reading_the_log_is_logged_with_its_filter(house: House) -> None:
    shown(house, "auditor", who="用户manager", what="edit_entity")
    entry = newest()
    assert (entry.name, entry.kind, entry.actor_name) == ("read_log", EntryKind.READ, "用户auditor")
    assert entry.detail is not None
    assert entry.detail["filter"] == {"who": "用户manager", "what": "edit_entity"}


# ------------------------------------------------------------------------------------------------- rights


@pytest.mark.parametrize("role", ROLES)
def test_only_roles_with_the_page_open_the_log(sqlite_house: House, role: str) -> None:
    browser = sqlite_house.browser(role)
    expected = 200 if role in OPENS else 403
    for address in ("/log", "/log/1", "/log/export.csv", "/log/export.xlsx"):
        assert browser.get(address).status_code == expected, address
    assert browser.post("/log/prove").status_code == expected
    assert ('href="/log"' in browser.get("/").text) == (role in OPENS)


def test_a_stranger_reads_nothing(sqlite_house: House) -> None:
    for address in ("/log", "/log/1", "/log/export.csv"):
        assert sqlite_house.browser().get(address).status_code in {302, 401}


def test_personal_and_sensitive_values_are_masked_for_the_auditor(house: House) -> None:
    number = edited(house, "owner", phone="13711112222", address="翠湖路九号", wechat="anna-wx")
    create("contraindication", customer_id=house.ids["anna"], kind="allergy", substance="青霉素")
    last = newest().id
    auditor, owner = house.browser("auditor"), house.browser("owner")
    seen = auditor.get(f"/log/{number}").text + auditor.get(f"/log/{last}").text
    for secret in ("13711112222", "137 1111 2222", "翠湖路九号", "anna-wx", "青霉素"):
        assert secret not in seen
    assert "137••••2222" in seen
    assert "青霉素" in owner.get(f"/log/{last}").text


def test_a_password_is_in_no_entry(house: House) -> None:
    new = "quite another sentence 7"
    house.browser("reception").post("/account/password", {"old": "a sentence that only reception knows", "new": new})
    number = entries(Operation.name == "change_password")[0]
    page = house.browser("owner").get(f"/log/{number}").text
    assert new not in page
    assert "$argon2" not in page
    assert "密码" in words(main_part(page))


def test_what_was_erased_shows_as_gone(house: House) -> None:
    number = edited(house, "owner", job="教师")
    data = EraseInput(customer=house.ids["anna"], confirm="V001", why="她要求")
    perform(Name.ERASE_CUSTOMER, data, actor=house.actor("owner"))
    page = main_part(house.browser("owner").get(f"/log/{number}").text)
    assert "教师" not in page
    assert "已清除" in page


# ------------------------------------------------------------------------------------- export and proof


def exported(house: House, role: str = "owner", **args: object) -> tuple[dict[str, str], list[list[str]]]:
    """The head of the file by its words, and the entries below the headings."""
    answer = house.browser(role).get(f"/log/export.csv?{urlencode(args)}")
    assert answer.status_code == 200
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    return {row[0]: row[1] for row in rows[1:4]}, rows[6:]


def test_an_export_obeys_the_filter_and_says_it(house: House) -> None:
    hers = edited(house, "manager", notes="一")
    edited(house, "reception", notes="二")
    head, rows = exported(house, who="用户manager")
    assert head["筛选"] == "who=用户manager"
    assert [int(row[0]) for row in rows] == [hers]
    assert "一" in rows[0][-1]


def test_an_export_carries_the_head_of_the_chain(house: House) -> None:
    edited(house, notes="一")
    seq, digest = chain.head(db.session.connection())
    head, _rows = exported(house)
    assert str(seq) in head.values()
    assert digest in head.values()
    entry = newest()
    assert entry.detail is not None
    assert entry.detail["head"] == digest
    assert entry.detail["format"] == "csv"


def test_an_export_in_excel_holds_the_same_rows(house: House) -> None:
    edited(house, notes="=1+1")
    _head, rows = exported(house, what="edit_entity")
    answer = house.browser("owner").get("/log/export.xlsx?what=edit_entity")
    sheet = load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    found = [[str(cell.value or "") for cell in cells] for cells in sheet.iter_rows(min_row=7)]
    assert [row[0] for row in found] == [row[0] for row in rows]
    assert all(cell.data_type != "f" for cells in sheet.iter_rows() for cell in cells)


def test_an_export_masks_what_the_page_masks(house: House) -> None:
    edited(house, "owner", phone="13711112222")
    _head, rows = exported(house, "auditor", what="edit_entity")
    assert "137••••2222" in rows[0][-1]
    assert "13711112222" not in str(rows)


def test_an_export_is_an_entry_of_kind_export(house: House) -> None:
    """Whoever looks for what left the house finds the log's own exports too."""
    exported(house)
    assert len(entries(Operation.kind == EntryKind.EXPORT)) == 1


def test_the_headings_of_an_export_are_in_the_readers_language(sqlite_house: House) -> None:
    answer = sqlite_house.browser("owner").get("/log/export.csv")
    headings = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))[5]
    assert [heading for heading in headings if heading.isascii()] == []


def test_the_words_of_an_entry_are_in_the_readers_language(sqlite_house: House) -> None:
    number = edited(sqlite_house, notes="一")
    page = main_part(sqlite_house.browser("owner").get(f"/log/{number}").text)
    result = re.search(r"<dt>结果</dt><dd>(.*?)</dd>", page)
    assert result is not None
    assert not result[1].isascii()


def test_another_file_type_is_not_there(sqlite_house: House) -> None:
    assert sqlite_house.browser("owner").get("/log/export.pdf").status_code == 404


def test_proving_reads_every_link_and_finds_the_log_whole(house: House) -> None:
    page = house.browser("auditor").post("/log/prove").text
    assert 'class="notice good"' in page
    entry = newest()
    assert entry.detail is not None
    assert entry.detail["format"] == "proof"
    assert entry.detail["rows"] >= (db.session.scalar(select(func.count()).select_from(LogLink)) or 0) - 1


def test_proving_finds_what_was_tampered_with(sqlite_house: House) -> None:
    """Somebody with the file in hand takes the triggers off and rewrites who did it."""
    number = edited(sqlite_house, notes="一")
    db.session.rollback()
    raw = db.engine.raw_connection()
    try:
        cursor = raw.cursor()
        names = [row[0] for row in cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for name in names:
            cursor.execute(f'DROP TRIGGER "{name}"')
        cursor.execute("UPDATE operation SET actor_name = 'somebody else' WHERE id = ?", (number,))
        raw.commit()
    finally:
        raw.close()
    before = db.session.get_one(Operation, number).actor_name
    assert before == "somebody else"
    assert db.session.get_one(Customer, sqlite_house.ids["anna"]).notes == "一"
    from admin_app.doctor.chain import check_chain

    _rows, faults = check_chain()
    assert any(str(number) in fault for fault in faults)
