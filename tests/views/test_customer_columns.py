"""Tier, stored value, last visit and tags as columns of the customers' list: shown, filtered, sorted, by role."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from openpyxl import load_workbook
from sqlalchemy import select

from admin_app.importing.files import import_file
from admin_app.operations.kernel import perform
from admin_app.operations.rules import ActivateInput
from admin_app.rulebook import refresh
from models.actor import SYSTEM
from models.cards import CardItem
from models.customers import Customer, CustomerAssignment
from models.entity import db
from models.log import Operation
from models.names import Name
from models.standing import CustomerTag, Membership, Tag
from tests.cast import NOON, TODAY, create, raw_operation
from tests.conftest import House
from tests.rules.texts import SHIPPED
from tests.views.pages import tables, visited, words
from tests.views.salon_day import card, done, recharged, service, sold

COLUMNS = ["Tier", "Stored value", "Last visit", "Tags"]


@pytest.fixture
def standing(house: House) -> House:
    """Anna: gold, 1,050 stored, here yesterday, tagged. Berta: silver, 100 stored, here a month ago. Others nothing."""
    recharged(house, 1000)
    recharged(house, 100, "berta")
    visited(house, TODAY - timedelta(1))
    visited(house, TODAY - timedelta(30), "berta")
    with raw_operation():
        for customer, tier in (("anna", "gold"), ("berta", "silver")):
            db.session.add(Membership(customer_id=house.ids[customer], tier=tier, since=TODAY))
        tag = Tag(slug="quiet", name="喜欢安静", name_en="Likes it quiet")
        db.session.add(tag)
        db.session.flush()
        db.session.add(CustomerTag(customer_id=house.ids["anna"], tag_id=tag.id, since=NOON))
    house.ids["tag"] = tag.id
    return house


def rows(house: House, address: str = "/customer/", role: str = "owner") -> list[dict[str, str]]:
    answer = house.browser(role).get(address, headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    head, *body = tables(answer.text)[0]
    return [dict(zip(head, row, strict=True)) for row in body if len(row) == len(head)]


def names(house: House, address: str) -> list[str]:
    return [row["Full name"] for row in rows(house, address)]


def name(house: House, who: str) -> str:
    return db.session.get_one(Customer, house.ids[who]).name


def test_each_is_shown(standing: House) -> None:
    found = {row["Full name"]: [" ".join(row[one].split()) for one in COLUMNS] for row in rows(standing)}
    assert found[name(standing, "anna")] == ["Gold", "¥1,050.00", "2026-11-21", "Likes it quiet"]
    assert found[name(standing, "berta")][:3] == ["Silver", "¥100.00", "2026-10-23"]


def test_each_filters_and_the_filters_agree_with_what_is_shown(standing: House) -> None:
    anna, berta = (name(standing, who) for who in ("anna", "berta"))
    every = set(names(standing, "/customer/"))
    for address, expected in {
        "tier=gold": {anna},
        "tier=gold,silver": {anna, berta},
        "tier.empty=yes": every - {anna, berta},
        "balance.from=1000": {anna},
        "balance.from=0.01": {anna, berta},
        "balance.to=100": every - {anna},
        "balance.from=0": every,
        "last_visit.from=2026-11-01": {anna},
        "last_visit.to=2026-11-01": {berta},
        "last_visit.empty=yes": every - {anna, berta},
        f"tags={standing.ids['tag']}": {anna},
        "tags.empty=yes": every - {anna},
    }.items():
        assert set(names(standing, f"/customer/?{address}")) == expected, address


def test_balance_and_last_visit_sort(standing: House) -> None:
    anna, berta = (name(standing, who) for who in ("anna", "berta"))
    for column in ("balance", "last_visit"):
        assert names(standing, f"/customer/?sort=-{column}")[:2] == [anna, berta], column
        assert names(standing, f"/customer/?sort={column}")[-2:] == [berta, anna], column


def test_a_filter_that_does_not_fit_says_so(standing: House) -> None:
    page = standing.browser("owner").get("/customer/?balance.from=viel", headers={"Accept-Language": "en"}).text
    notice = page.partition('class="notice warn"')[2].partition("</")[0]
    assert "Stored value" in notice
    assert "balance.from" not in notice


def test_who_may_not_see_money_neither_sees_nor_filters_by_it(standing: House) -> None:
    browser = standing.browser("therapist")
    page = browser.get("/customer/?balance.from=1", headers={"Accept-Language": "en"}).text
    assert "This list cannot be filtered by that." in page
    page = browser.get("/customer/", headers={"Accept-Language": "en"}).text
    assert "Stored value" not in page
    assert "Last visit" in page


def test_a_merged_record_counts_for_the_one_that_is_kept(standing: House) -> None:
    lost = create("customer", name="安娜", store_id=standing.ids["first"])
    with raw_operation():
        db.session.get_one(Customer, lost).merged_into_id = standing.ids["anna"]
        db.session.flush()
    standing.ids["lost"] = lost
    visited(standing, TODAY, "lost")
    found = {row["Member number"] or row["Full name"]: row["Last visit"] for row in rows(standing)}
    assert TODAY.isoformat() in found.values()
    assert name(standing, "anna") in names(standing, f"/customer/?last_visit.from={TODAY.isoformat()}")


def in_file(house: House, role: str = "owner", kind: str = "xlsx") -> list[dict[str, Any]]:
    """The rows of the list as a file, by their headings."""
    answer = house.browser(role).get(f"/customer/export/{kind}/", headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    sheet = load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    head, *body = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, head), row, strict=True)) for row in body]


def test_a_file_holds_each_as_what_it_is(standing: House) -> None:
    found = {row["Full name"]: [row[one] for one in COLUMNS] for row in in_file(standing)}
    day = datetime(2026, 11, 21)  # noqa: DTZ001 - as Excel has it
    assert found[name(standing, "anna")] == ["Gold", 1050, day, "Likes it quiet"]
    assert found[name(standing, "cora")] == [None] * 4
    assert list(in_file(standing)[0])[2:7] == ["Phone", *COLUMNS]
    berta = next(row for row in in_file(standing, kind="csv") if row["Full name"] == name(standing, "berta"))
    assert [berta[one] for one in COLUMNS] == ["Silver", "100.00", "2026-10-23", ""]


def test_a_file_holds_none_that_its_reader_may_not_see(standing: House) -> None:
    everything = 'may: {"*": [view, export, reveal, history]'
    text = SHIPPED["roles"].replace(everything, f"{everything}, account: []")
    perform(Name.ACTIVATE_RULES, ActivateInput(texts={"roles": text}), actor=SYSTEM)
    refresh()
    assert {*COLUMNS} & {*in_file(standing, "auditor")[0]} == {"Tier", "Last visit", "Tags"}


def test_the_log_knows_of_them_and_an_import_passes_over_them(standing: House, tmp_path: Path) -> None:
    answer = standing.browser("owner").get("/customer/export/xlsx/")
    db.session.rollback()
    [entry] = db.session.scalars(select(Operation).where(Operation.name == "export_rows"))
    assert entry.detail is not None
    assert {"tier", "balance", "last_visit", "tags"} <= {*entry.detail["columns"]}
    path = tmp_path / "customer.xlsx"
    path.write_bytes(answer.data)
    report = import_file("customers", path, SYSTEM)
    assert [(one.created, one.updated, one.unchanged) for one in report.sheets] == [(0, 0, 3)]


def test_the_state_of_a_sale_is_in_the_file_too(standing: House) -> None:
    taken = sold(standing, service(standing))
    done(standing, Name.REVERSE_SALE, sale=taken.id, lines=[], why="按错了")
    answer = standing.browser("owner").get("/sale/export/csv/", headers={"Accept-Language": "en"})
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [row["State"] for row in rows][-1] == "Taken back"
    assert {row["State"] for row in rows[:-1]} == {""}


@time_machine.travel(NOON, tick=False)
def test_a_visit_that_fell_with_its_sale_counts_nowhere(house: House) -> None:
    before = TODAY - timedelta(100)
    visited(house, before)
    made = sold(house, service(house))
    done(house, "reverse_sale", sale=made.id, lines=[], why="按错了")
    browser = house.browser("owner")
    pages = {
        address: browser.get(address, headers={"Accept-Language": "en"}).text
        for address in ("/", "/day-report", "/call-list", "/visit/?state=taken_back")
    }
    assert {row["Last visit"] for row in rows(house) if row["Full name"] == name(house, "anna")} == {before.isoformat()}
    for figure, page in (("Visits today", "/"), ("Visitors", "/day-report")):
        assert re.search(rf"{figure} 0\b", words(pages[page])), page
    assert "not here for 100 days" in pages["/call-list"]
    assert re.search(r"2026-11-22 \S+ \S+ Walk-in Taken back", words(pages["/visit/?state=taken_back"]))


@pytest.fixture
def returned(house: House) -> House:
    """Two sales of 298 yuan, one taken back; a card for 600, refunded."""
    of = service(house)
    sold(house, of)
    done(house, "reverse_sale", sale=sold(house, of).id, lines=[], why="按错了")
    item = db.session.get_one(CardItem, card(house, of))
    done(house, "refund_card", card=item.card_id, method="cash", why="不要了", store=house.ids["first"])
    return house


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("/sale/?total.from=1", "¥1,196.00 of it taken back or refunded: ¥898.00; stands: ¥298.00"),
        ("/sale_line/?amount.from=1", "¥1,196.00 of it taken back or refunded: ¥898.00; stands: ¥298.00"),
        ("/card/?sold_for.from=1", "¥600.00 of it taken back or refunded: ¥600.00; stands: ¥0.00"),
        ("/sale/?state=stands&total.to=300", "¥298.00"),
    ],
)
def test_a_total_names_what_stands_no_longer(returned: House, address: str, told: str) -> None:
    page = returned.browser("owner").get(address, headers={"Accept-Language": "en"}).text
    assert words(page.partition("<tfoot>")[2].partition("</tfoot>")[0]).endswith(told)


def filed(house: House, address: str, role: str = "owner") -> list[dict[str, str]]:
    answer = house.browser(role).get(f"{address}export/csv/", headers={"Accept-Language": "en"})
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


@time_machine.travel(NOON, tick=False)
def test_an_expired_card_says_so_in_lists_filters_pages_and_files(house: House) -> None:
    of = service(house)
    ended = db.session.get_one(CardItem, card(house, of, days=5)).card_id
    card(house, of, days=50, name="长卡")
    with time_machine.travel(NOON + timedelta(days=9), tick=False):
        found = {address: rows(house, address) for address in ("/card/", "/card/?status=live", "/card/?status=expired")}
        page = house.browser("owner").get(f"/card/details/?id={ended}").text
        exported = filed(house, "/card/")
    told = {row["Name"]: row["Status"] for row in found["/card/"]}
    assert told == {"三次卡": "Expired", "长卡": "Live"}
    some = [[row["Name"] for row in found[f"/card/?status={one}"] if row["Status"]] for one in ("live", "expired")]
    assert some == [["长卡"], ["三次卡"]]
    assert "已到期" in words(page)
    assert {row["Name"]: row["Status"] for row in exported} == told


def test_a_last_visit_that_is_not_hers_to_see_is_masked(house: House) -> None:
    """As the store beside it; who has never come has none."""
    visited(house, TODAY, "cora", "second")
    hers = {"customer_id": house.ids["cora"], "staff_id": house.ids["therapist_staff"]}
    with raw_operation():
        db.session.add(CustomerAssignment(since=NOON, **hers))
    told = {row["Full name"]: row["Last visit"] for row in rows(house, role="reception")}
    assert (told[name(house, "cora")], told[name(house, "anna")]) == ("••••", "–")
    empty = {row["Full name"] for row in rows(house, "/customer/?last_visit.empty=yes", "reception")}
    assert (name(house, "cora") in empty, name(house, "anna") in empty) == (False, True)
    exported = {row["Full name"]: row["Last visit"] for row in filed(house, "/customer/", "manager")}
    assert exported[name(house, "cora")] == "••••"
