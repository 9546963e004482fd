"""The day report: each figure by hand, each agreeing with the rows it opens, by day, month, store and role."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape
from urllib.parse import parse_qs

import pytest
import time_machine
from sqlalchemy import select

from admin_app import rulebook
from models.entity import db
from models.field import Field
from models.log import EntryKind, Operation
from models.organisation import Store
from models.value import LedgerEntry
from rules.decisions.access import Access, Sight
from tests.cast import NOON, ROLES, TODAY, raw_operation
from tests.conftest import ON_BOTH, House
from tests.views import oracle
from tests.views.pages import count_said, main_part, sql_of, visited, words
from tests.views.till_day import a_day, a_till
from views.addresses import BadAddress
from views.spans import Span, read_span

HOUSES = ("sqlite",)

ENGLISH = {"Accept-Language": "en"}
Rows = dict[tuple[str, str], tuple[str, str, str]]
"""Sheet and label → address, now, before."""


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def page_of(house: House, role: str = "owner", query: str = "") -> str:
    answer = house.browser(role).get(f"/day-report{query}", headers=ENGLISH)
    assert answer.status_code == 200
    return answer.text


def report(page: str) -> Rows:
    found: Rows = {}
    for sheet in re.findall(r'<section class="card report">.*?</section>', page, re.DOTALL):
        title = re.search(r"</svg> (.*?)</h2>", sheet)
        assert title is not None
        for row in re.findall(r"<tr><th scope=\"row\".*?</tr>", sheet, re.DOTALL):
            label, *cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
            link = re.search(r'href="(.*?)"', row)
            now, before = (re.sub(r"<.*?>", "", cell).strip() for cell in cells) if len(cells) == 2 else (cells[0], "")
            found[title[1], label.partition("<small>")[0]] = (unescape(link[1]) if link else "", now, before)
    return found


def said(page: str, sheet: str) -> dict[str, str]:
    return {label: now for (title, label), (_address, now, _before) in report(page).items() if title == sheet}


@ON_BOTH
def test_each_figure_of_the_day_by_hand(house: House) -> None:
    a_day(house)
    page = page_of(house, "manager")
    assert said(page, "Paid") == {
        "Paid": "¥3,618.00",  # 298 + 100 + 1,000 + 1,980 + 40 + 200; taken back and refunded come to nothing
        "Cash": "¥1,538.00",
        "WeChat Pay": "¥2,080.00",
        "Alipay": "¥0.00",
        "Bank card": "¥0.00",
        "Not recorded": "¥0.00",
        "Paid from stored value": "¥298.00",
    }
    assert said(page, "Used") == {
        "Services given": "¥1,290.00",  # 298 + 100 + 298 + 198 of the card + 198 by voucher + 198 taken back
        "by card session": "¥198.00",
        "sold at the till": "¥1,092.00",
        "Services taken back": "-¥198.00",
        "Used": "¥1,092.00",
    }
    assert said(page, "Visitors") == {
        "Visitors": "2",
        "New customers": "2",
        "Receipts": "11",
        "Average ticket": "¥1,809.00",
        "Average used": "¥546.00",
    }
    assert said(page, "Cards and recharges") == {
        "Cards opened": "2",
        "sold for": "¥3,960.00",
        "Recharged": "¥1,000.00",
        "Bonus granted": "¥50.00",
        "Deposits taken": "¥200.00",
    }
    assert said(page, "Owed by customers") == {
        "New on account": "¥100.00",
        "Settled": "¥40.00",
        "Open in all": "¥60.00",
    }
    assert said(page, "Given back") == {
        "Lines taken back": "1",
        "worth": "¥198.00",
        "Cards refunded": "1",
        "paid back": "¥1,980.00",
        "Money given back": "-¥2,178.00",
    }
    assert said(page, "Vouchers, gifts, discounts") == {
        "Vouchers taken": "1",
        "stood for": "¥198.00",
        "platforms pay": "¥99.00",
        "Gifts given": "1",
        "worth": "¥100.00",
        "Discounts given": "¥98.00",
    }
    assert said(page, "Owed to customers") == {
        "Stored value, paid in": "¥716.19",  # 298 taken in proportion of 1,000 and 50
        "Stored value, bonus": "¥35.81",
        "Cards, sessions not given": "¥1,782.00",
        "Deposits": "¥300.00",
        "In all": "¥2,834.00",
    }


COLUMNS = {
    "payment": "Amount",
    "sale_line": "Amount",
    "reversal": "Amount",
    "ledger_entry": "Amount",
    "card_change": "Refunded",
    "voucher": "Stands for",
    "gift_issue": "Worth",
    "day_close": "Difference",
}
OTHERS = {"Discounts given": "Discount", "platforms pay": "Platform pays"}
TURNED = {"Services taken back", "Bonus granted", "Settled", "Open in all"}


def behind(house: House, address: str, label: str) -> int:
    """What the rows of a list add up to in fen, by the file in which they leave the house."""
    entity, _, query = address.strip("/").partition("/")
    file = house.browser("owner").get(f"/{entity}/export/csv/{query}", headers=ENGLISH)
    assert file.status_code == 200
    rows = list(csv.DictReader(io.StringIO(file.data.decode("utf-8-sig"))))
    column = OTHERS.get(label, COLUMNS[entity])
    parts = [round(float(row[column]) * 100) for row in rows if row[column]]
    return sum(parts) * (-1 if label in TURNED else 1)


@pytest.mark.parametrize("query", ["", "?month=2026-11", "?day=2026-11-21"])
def test_every_figure_is_what_the_rows_it_opens_come_to(house: House, query: str) -> None:
    a_day(house)
    found = report(page_of(house, query=query))
    linked = {key: (address, now) for key, (address, now, _before) in found.items() if address and key[0] != "Closed?"}
    assert len(linked) == 38
    for (_sheet, label), (address, now) in linked.items():
        if "¥" in now:
            fen = int(re.sub(r"[¥,.]", "", now))
            assert behind(house, address, label) == fen, label
        else:
            assert count_said(house.browser("owner").get(address).text) == int(now), label


def test_the_tiles_say_what_the_sheets_say(house: House) -> None:
    a_day(house)
    page = page_of(house)
    tiles = dict(re.findall(r'class="figure"[^>]*>\s*<span>(.*?)</span><strong>(.*?)</strong>', page))
    sheets = {label: now for (_sheet, label), (_address, now, _before) in report(page).items()}
    assert len(tiles) == 8
    assert tiles == {label: sheets[label] for label in tiles}


def test_the_day_before_stands_beside(house: House) -> None:
    a_day(house)
    found = report(page_of(house, "manager"))
    assert found["Paid", "Paid"][2] == "¥100.00"
    assert found["Owed to customers", "Deposits"][1:] == ("¥300.00", "¥100.00")
    assert found["Visitors", "Average ticket"][2] == "–"


def test_a_store_is_looked_at_alone(house: House) -> None:
    a_day(house)
    second = page_of(house, query=f"?store={house.ids['second']}")
    assert said(second, "Paid")["Paid"] == "¥500.00"
    assert said(second, "Owed to customers")["In all"] == "¥500.00"
    assert said(page_of(house), "Paid")["Paid"] == "¥4,118.00"


def test_another_store_is_not_there_for_a_manager(sqlite_house: House) -> None:
    a_day(sqlite_house)
    second = f"/day-report?store={sqlite_house.ids['second']}"
    assert sqlite_house.browser("manager").get(second).status_code == 404
    assert "第二店" not in words(main_part(page_of(sqlite_house, "manager")))
    assert said(page_of(sqlite_house, "reception"), "Paid")["Paid"] == "¥3,618.00"


def test_a_customer_of_another_store_who_is_out_of_sight_counts_in_the_books(house: House) -> None:
    """She recharged here, was never here for a treatment, and lives in the second store."""
    till = a_till(house)
    till.at("recharge", "cora", amount=50_000, method="cash")
    page = page_of(house, "manager")
    assert said(page, "Owed to customers")["Stored value, paid in"] == "¥500.00"
    address = report(page)["Owed to customers", "Stored value, paid in"][0]
    assert count_said(house.browser("manager").get(address).text) == 1


def test_a_month_that_is_not_over_is_beside_as_many_days(house: House) -> None:
    a_day(house)
    visited(house, date(2026, 10, 22))
    visited(house, date(2026, 10, 23))
    page = page_of(house, query="?month=2026-11")
    assert report(page)["Paid", "Paid"][1] == "¥4,218.00"
    assert report(page)["Visitors", "Visitors"][1:] == ("2", "1")


@pytest.mark.parametrize(
    ("said", "today", "span", "before"),
    [
        ({}, TODAY, (TODAY, TODAY), (TODAY - timedelta(1), TODAY - timedelta(1))),
        ({"day": "2026-03-01"}, TODAY, (date(2026, 3, 1), date(2026, 3, 1)), (date(2026, 2, 28), date(2026, 2, 28))),
        ({"month": "2026-10"}, TODAY, (date(2026, 10, 1), date(2026, 10, 31)), (date(2026, 9, 1), date(2026, 9, 30))),
        ({"month": "2026-11"}, TODAY, (date(2026, 11, 1), TODAY), (date(2026, 10, 1), date(2026, 10, 22))),
        (
            {"month": "2026-03"},
            date(2026, 3, 30),
            (date(2026, 3, 1), date(2026, 3, 30)),
            (date(2026, 2, 1), date(2026, 2, 28)),
        ),
    ],
)
def test_days_and_those_before(
    said: dict[str, str], today: date, span: tuple[date, date], before: tuple[date, date]
) -> None:
    found = read_span(said, today)
    assert (found.first, found.last) == span
    assert (found.before().first, found.before().last) == before
    assert found.before().after().first == found.first


@pytest.mark.parametrize("query", ["?day=2026-02-30", "?month=2026-13", "?month=soon", "?day=9999-12-31"])
def test_what_is_no_day_is_refused_and_never_taken_for_today(sqlite_house: House, query: str) -> None:
    args = parse_qs(query[1:])
    with pytest.raises(BadAddress) as refused:
        read_span({name: values[0] for name, values in args.items()}, TODAY)
    assert refused.value.field in args
    answer = sqlite_house.browser("owner").get(f"/day-report{query}")
    assert (answer.status_code, 'href="/day-report"' in answer.text) == (422, True)
    assert read_span({}, TODAY) == Span(TODAY, TODAY)


def test_whether_the_day_is_closed_and_with_what_difference(house: House) -> None:
    a_day(house)
    open_page = page_of(house, "manager")
    assert said(open_page, "Closed?") == {"第一店": '<span class="chip muted">not closed yet</span>'}
    closed = report(page_of(house, "manager", "?day=2026-11-21"))["Closed?", "第一店"]
    assert closed[1:] == ("¥90.00", "-¥10.00")
    assert house.browser("manager").get(closed[0]).status_code == 200


def test_a_month_says_what_was_not_closed(house: House) -> None:
    a_day(house)
    with time_machine.travel(NOON + timedelta(days=1), tick=False):
        page = page_of(house, query="?month=2026-11")
    chips = [unescape(one) for one in re.findall(r'<a class="chip" href="([^"]*)"', page)]
    assert chips == [f"/day-report?day=2026-11-22&store={house.ids[store]}" for store in ("first", "second")]
    assert said(page, "Closed?") == {"Days closed": "1", "cash over": "¥0.00", "cash short": "-¥10.00"}


def test_three_clicks_from_a_figure_to_the_entries_the_operation_and_the_person(house: House) -> None:
    """«Where did these 1,000 yuan come from?»"""
    a_day(house)
    browser = house.browser("owner")
    entries = browser.get(report(page_of(house, "owner"))["Owed to customers", "Stored value, paid in"][0]).text
    assert "¥1,000.00" in entries
    number = db.session.scalars(
        select(LedgerEntry.operation_id).where(LedgerEntry.amount == 100_000).order_by(LedgerEntry.id)
    ).first()
    assert f'href="/log/{number}"' in entries
    assert "用户owner" in browser.get(f"/log/{number}").text


def test_who_may_not_read_the_log_has_its_number_only(house: House) -> None:
    a_day(house)
    entry = db.session.scalars(select(LedgerEntry).order_by(LedgerEntry.id)).first()
    assert entry is not None
    page = house.browser("reception").get(f"/ledger_entry/details/?id={entry.id}").text
    assert str(entry.operation_id) in page
    assert "/log/" not in page


@pytest.mark.parametrize("role", ROLES)
def test_only_roles_with_the_page_open_it(sqlite_house: House, role: str) -> None:
    browser, opens = sqlite_house.browser(role), "day_report" in oracle.roles()[role]["pages"]
    assert browser.get("/day-report").status_code == (200 if opens else 403)
    assert ('href="/day-report"' in browser.get("/").text) == opens
    if not opens:
        entry = db.session.scalars(select(Operation).order_by(Operation.id.desc())).first()
        assert entry is not None
        assert (entry.kind, entry.actor_name) == (EntryKind.REFUSAL, f"用户{role}")


@pytest.mark.parametrize("role", ["owner", "manager", "reception", "auditor", "finance"])
def test_every_link_of_the_page_opens_for_her(sqlite_house: House, role: str) -> None:
    """One of each kind: what leads to the same list by the same filters differs in their values alone."""
    a_day(sqlite_house)
    browser = sqlite_house.browser(role)
    kinds: dict[str, str] = {}
    for query in ("", "?month=2026-11"):
        page = main_part(browser.get(f"/day-report{query}").text)
        links = {unescape(link) for link in re.findall(r'href="(/[^"]*)"', page)}
        assert len(links) > 30
        kinds |= {re.sub(r"=[^&#]*", "=", link): link for link in links}
    assert {link: browser.get(link).status_code for link in kinds.values()} == dict.fromkeys(kinds.values(), 200)


def test_figures_of_what_a_role_may_not_see_are_left_out(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    a_day(sqlite_house)
    page = page_of(sqlite_house, "auditor")
    assert ("Owed to customers", "In all") in report(page)
    sight = Access.sight

    def without(self: Access, field: Field) -> Sight:
        return Sight.HIDDEN if field.key == "ledger_entry.amount" else sight(self, field)

    monkeypatch.setattr(Access, "sight", without)
    page = page_of(sqlite_house, "auditor")
    assert {sheet for sheet, _label in report(page)} & {"Owed to customers"} == set()
    assert ("Paid", "Paid") in report(page)


def test_it_takes_no_more_statements_for_many_rows(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulebook, "LOOK_EVERY", 1e9)
    till, browser = a_day(sqlite_house), sqlite_house.browser("owner")

    def page() -> object:
        return browser.get("/day-report")

    page()
    before = len(sql_of(page))
    for _ in range(10):
        till.sell("anna", till.care())
        till.at("recharge", "berta", amount=1_000, method="cash")
    assert len(sql_of(page)) == before


def test_a_title_with_markup_stays_text(sqlite_house: House) -> None:
    with raw_operation():
        db.session.get_one(Store, sqlite_house.ids["first"]).name = "<b>店</b>"
    assert "<b>店" not in page_of(sqlite_house)
