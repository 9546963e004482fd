"""Staff performance: sums that agree with the lines behind them, by person, day, store and role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
import time_machine

from admin_app import rulebook
from tests.cast import NOON, ROLES, create
from tests.conftest import House
from tests.views import oracle
from tests.views.pages import main_part, sql_of, tables, words
from tests.views.till_day import Till, a_day
from views import fees

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def page_of(house: House, role: str = "owner", address: str = "/fees") -> str:
    answer = house.browser(role).get(address, headers=ENGLISH)
    assert answer.status_code == 200
    return main_part(answer.text)


def people(page: str) -> dict[str, list[str]]:
    """Name → money in, value used, fees, lines."""
    return {row[0]: row[1:] for row in tables(page)[0][1:]} if "<table" in page else {}


def test_everybody_has_a_line_with_her_sums(house: House) -> None:
    a_day(house)
    page = page_of(house)
    assert people(page) == {
        "员工consultant": ["¥1,980.00", "¥0.00", "¥99.00", "3"],
        "员工reception": ["¥1,100.00", "¥0.00", "¥38.00", "2"],
        "员工therapist": ["¥0.00", "¥1,092.00", "¥113.50", "7"],
    }
    tiles = dict(re.findall(r'class="figure"><span>(.*?)</span><strong>(.*?)</strong>', page))
    assert tiles == {"Money in": "¥3,080.00", "Value used": "¥1,092.00", "Fees and commissions": "¥250.50"}


def links(page: str) -> dict[str, str]:
    return {name: unescape(link) for link, name in re.findall(r'row-link" href="(/fees/[^"]*)">(.*?)</a>', page)}


def fen(text: str) -> int:
    return 0 if text == "–" else int(re.sub(r"[¥,.]", "", text))


@pytest.mark.parametrize("query", ["", "?month=2026-11", "?store={first}"])
def test_the_lines_of_a_person_come_to_her_sums(house: House, query: str) -> None:
    a_day(house)
    page = page_of(house, address=f"/fees{query.format(**house.ids)}")
    assert set(links(page)) == {"员工consultant", "员工reception", "员工therapist"}
    for name, address in links(page).items():
        rows = tables(page_of(house, address=address))[0][1:]
        sums = [sum(fen(row[place]) for row in rows) for place in (3, 4, 5)]
        assert [*sums, len(rows)] == [*map(fen, people(page)[name][:3]), int(people(page)[name][3])]


def test_each_line_says_why_and_opens_its_sale_line(house: House) -> None:
    a_day(house)
    page = page_of(house, address=links(page_of(house))["员工therapist"])
    assert "manual fee ¥25.00 × asked for by name 110%" in words(page)
    assert "Taken back: manual fee ¥18.00" in words(page)
    shown = re.findall(r'row-link" href="(/sale_line/details/[^"]*)"', page)
    assert len(shown) == 7
    assert {house.browser("owner").get(one).status_code for one in shown} == {200}


def test_a_manager_sees_her_stores_work_only(house: House) -> None:
    till = a_day(house)
    other = Till(house, till.menu, store="second")
    other.sell("cora", {**till.care(), "performer": house.ids["other_staff"]})
    assert "二店美容师" in people(page_of(house))
    assert set(people(page_of(house, "manager"))) == {"员工consultant", "员工reception", "员工therapist"}
    browser = house.browser("manager")
    assert browser.get(f"/fees/{house.ids['other_staff']}").status_code == 404
    assert browser.get(f"/fees?store={house.ids['second']}").status_code == 404


def test_a_store_is_looked_at_alone(house: House) -> None:
    till = a_day(house)
    other = Till(house, till.menu, store="second")
    other.sell("cora", till.care())
    second = page_of(house, address=f"/fees?store={house.ids['second']}")
    assert people(second) == {"员工therapist": ["¥0.00", "¥298.00", "¥25.00", "1"]}
    assert people(page_of(house))["员工therapist"][1] == "¥1,390.00"
    assert tables(page_of(house, address=links(second)["员工therapist"]))[0][1][2] == "第二店"


def test_nobody_did_anything(sqlite_house: House) -> None:
    assert "Nobody sold or gave anything" in page_of(sqlite_house)
    page = page_of(sqlite_house, address=f"/fees/{sqlite_house.ids['therapist_staff']}")
    assert "Nothing was sold or given in these days." in page
    assert sqlite_house.browser("owner").get("/fees/987654").status_code == 404


def test_more_lines_than_a_page_holds_are_counted(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    a_day(sqlite_house)
    monkeypatch.setattr(fees, "MOST", 2)
    page = page_of(sqlite_house, address=f"/fees/{sqlite_house.ids['therapist_staff']}")
    assert len(tables(page)[0]) == 3
    assert "5 more lines are in the sums above" in page
    assert "¥1,092.00" in page


@pytest.mark.parametrize("role", ROLES)
def test_only_roles_with_the_page_open_it(sqlite_house: House, role: str) -> None:
    browser, opens = sqlite_house.browser(role), "fees" in oracle.roles()[role]["pages"]
    for address in ("/fees", f"/fees/{sqlite_house.ids['therapist_staff']}"):
        assert browser.get(address).status_code == (200 if opens else 403)
    assert ('href="/fees"' in browser.get("/").text) == opens


@pytest.mark.parametrize("role", ["owner", "manager", "auditor", "finance"])
def test_every_link_of_the_pages_opens_for_her(sqlite_house: House, role: str) -> None:
    a_day(sqlite_house)
    browser = sqlite_house.browser(role)
    for address in ("/fees", f"/fees/{sqlite_house.ids['therapist_staff']}"):
        found = {unescape(one) for one in re.findall(r'href="(/[^"]*)"', main_part(browser.get(address).text))}
        assert len(found) >= 7
        assert {link: browser.get(link).status_code for link in found} == dict.fromkeys(found, 200)


def test_they_take_no_more_statements_for_many_rows(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulebook, "LOOK_EVERY", 1e9)
    till, browser = a_day(sqlite_house), sqlite_house.browser("owner")
    pages = ("/fees", f"/fees/{sqlite_house.ids['therapist_staff']}")

    def sent() -> list[int]:
        return [len(sql_of(lambda page=page: browser.get(page))) for page in pages]  # type: ignore[misc]

    sent()
    before = sent()
    for number in range(8):
        staff = create("staff", name=f"新人{number}", store_id=sqlite_house.ids["first"])
        till.sell("anna", {**till.care(), "performer": staff})
        till.sell("anna", till.care())
    assert sent() == before
