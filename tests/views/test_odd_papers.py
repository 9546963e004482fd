"""Odd papers: every kind found, counted, added up by person, and opened; numbers without gaps; for whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, text

from admin_app import rulebook
from admin_app.operations.approvals import signed
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Forbidden
from admin_app.operations.registry import spec_named
from models.entity import db
from models.log import Operation
from models.names import Name
from models.sales import Sale
from models.standing import Membership
from rules.decisions.access import Access
from tests.cast import NOON, ROLES, TODAY, create, password_of, raw_operation
from tests.conftest import House
from tests.views import oracle
from tests.views.pages import count_said, main_part, paid, rows_linked, sql_of, tables, words
from tests.views.till_day import Till, a_day, a_till
from views import odd_papers

HOUSES = ("sqlite",)

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def page_of(house: House, address: str = "/odd-papers", role: str = "owner") -> str:
    answer = house.browser(role).get(address, headers=ENGLISH)
    assert answer.status_code == 200
    return main_part(answer.text)


def papers(page: str) -> dict[str, tuple[str, str, dict[str, str]]]:
    """Kind → count, sum, and who how many."""
    found = {}
    for row in re.findall(r"<tr><th scope=\"row\">.*?</tr>", page, re.DOTALL):
        cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        who = dict(re.findall(r'who=[^>]*">(\S+) <strong>(\d+)</strong>', row))
        found[cells[0]] = (cells[1], cells[2], who)
    return found


def an_odd_day(house: House) -> Till:
    """What ``a_day`` does, and beside it an approval, a danger passed over, balances, a value shown, an export."""
    till = a_day(house)
    asked = till.clean(price=5_000, why="投诉补偿")
    values: dict[str, Any] = {"lines": [asked], "method": "cash", "approver": "manager"}
    values["approver_password"] = password_of("manager")
    place = {"customer": house.ids["berta"], "store": house.ids["first"]}
    reception = house.actor("reception")
    allowed = signed(spec_named(Name.SELL), {**place, **values}, reception)
    perform(Name.SELL, allowed, actor=reception)
    danger(house, till)
    rows = [{"row": 1, "member_no": "V003", "principal": 5_000}]
    till.do("open_balances", store=house.ids["second"], rows=rows)
    perform(
        Name.REVEAL_FIELD,
        {"entity": "customer", "id": house.ids["anna"], "field": "phone"},
        actor=house.actor("auditor"),
    )
    assert house.browser("auditor").get("/visit/export/csv/").status_code == 200
    return till


def danger(house: House, till: Till) -> None:
    """A service sold though it is contraindicated, for a reason."""
    hot = create("service", name="热石", price="100", busy_minutes=30, contraindicated_by=["怀孕"])
    create("contraindication", customer_id=house.ids["berta"], kind="pregnancy", substance="孕期")
    line = {"service": hot, "performer": house.ids["therapist_staff"]}
    till.sell("berta", line, override="医生同意")


def test_every_kind_is_counted_and_added_up_by_person(house: House) -> None:
    an_odd_day(house)
    assert papers(page_of(house)) == {
        "Gifts": ("1", "¥100.00", {"用户owner": "1"}),
        "Prices changed by hand": ("2", "¥246.00", {"用户owner": "1", "用户reception": "1"}),
        "Approvals on the spot": ("1", "", {"用户manager": "1"}),
        "Sales taken back": ("1", "¥198.00", {"用户owner": "1"}),
        "Cards refunded": ("1", "¥1,980.00", {"用户owner": "1"}),
        "Money given back": ("2", "-¥2,178.00", {"用户owner": "2"}),
        "Days closed with a difference": ("1", "-¥10.00", {"用户owner": "1"}),
        "Done although contraindicated": ("1", "", {"用户owner": "1"}),
        "Balances brought over": ("1", "", {"用户owner": "1"}),
        "Hidden values revealed": ("1", "", {"用户auditor": "1"}),
        "Exports": ("1", "", {"用户auditor": "1"}),
    }


def test_every_count_opens_so_many_rows(house: House) -> None:
    an_odd_day(house)
    page, browser = page_of(house), house.browser("owner")
    shown = [unescape(one) for one in re.findall(r'href="(/odd-papers/[^"]*)"', page)]
    assert len(shown) == 11 + 12  # each kind, and each person of it
    for address in shown:
        kind = main_part(browser.get(address, headers=ENGLISH).text)
        said = re.search(r'<p class="count">(\d+)', kind)
        rows = re.findall(r'class="row-link"', kind)
        assert said is not None
        assert len(rows) == int(said[1]) > 0, address
        listed = re.search(r'<a class="button" href="([^"]*)"><svg', kind)
        if listed and "who=" not in address:
            assert count_said(browser.get(unescape(listed[1])).text) == len(rows), address


def test_kinds_with_a_list_of_their_own_offer_it(house: House) -> None:
    an_odd_day(house)
    offered = {paper.key for paper in odd_papers.PAPERS if "As a list" in page_of(house, f"/odd-papers/{paper.key}")}
    assert offered == {"gifts", "approvals", "reversals", "refunds", "paid_back"}


def test_a_row_leads_to_its_page_and_to_its_entry_in_the_log(house: House) -> None:
    an_odd_day(house)
    page = page_of(house, "/odd-papers/prices")
    entry = db.session.scalars(
        select(Operation.id).where(Operation.name == "sell", Operation.actor_name == "用户reception")
    ).one()
    assert f'href="/log/{entry}"' in page
    table = tables(page)[0]
    assert [row[6] for row in table[1:]] == ["投诉补偿", "老客"]
    assert len(rows_linked(page, "sale_line")) == 2


def test_one_person_is_looked_at_alone(house: House) -> None:
    an_odd_day(house)
    page = page_of(house, "/odd-papers/prices?who=用户reception")
    assert [row[6] for row in tables(page)[0][1:]] == ["投诉补偿"]
    assert papers(page_of(house, "/odd-papers?who=用户auditor"))["Gifts"][0] == "none"


def test_a_tiers_price_is_no_price_changed_by_hand(house: House) -> None:
    till = a_till(house)
    with raw_operation():
        db.session.add(Membership(customer_id=house.ids["anna"], tier="gold", since=TODAY))
    till.sell("anna", till.care())
    assert papers(page_of(house))["Prices changed by hand"][0] == "none"
    till.sell("anna", till.care(price=20_000, why="金卡再减"))
    assert papers(page_of(house))["Prices changed by hand"][0] == "1"


def test_only_the_days_asked_for_are_looked_at(house: House) -> None:
    an_odd_day(house)
    day = (TODAY - timedelta(1)).isoformat()
    found = papers(page_of(house, f"/odd-papers?from={day}&to={day}"))
    assert {kind for kind, (count, _sum, _who) in found.items() if count != "none"} == {"Days closed with a difference"}
    with time_machine.travel(NOON + timedelta(days=29), tick=False):
        assert papers(page_of(house))["Gifts"][0] == "1"
    with time_machine.travel(NOON + timedelta(days=30), tick=False):
        assert papers(page_of(house))["Gifts"][0] == "none"


@pytest.mark.parametrize("asked", ["from=soon", "to=9999-12-31", "from=0001-01-01"])
def test_a_day_that_is_none_is_said(sqlite_house: House, asked: str) -> None:
    answer = sqlite_house.browser("owner").get(f"/odd-papers?{asked}", headers=ENGLISH)
    assert (answer.status_code, "There is no such day" in answer.text) == (422, True)


def test_a_refused_try_is_no_paper(house: House) -> None:
    data = {"entity": "customer", "id": house.ids["anna"], "field": "name"}
    with pytest.raises(Forbidden):
        perform(Name.REVEAL_FIELD, data, actor=house.actor("auditor"))
    assert papers(page_of(house))["Hidden values revealed"][0] == "none"


def test_numbers_without_a_gap_are_counted(house: House) -> None:
    a_day(house)
    assert "13 receipts, numbered without a gap." in words(page_of(house))


def test_a_missing_number_is_told(sqlite_house: House) -> None:
    paid(sqlite_house, TODAY, 10_000)
    with raw_operation():
        db.session.execute(text("DROP TRIGGER no_gaps_sale_insert"))  # the database itself would never take it
        db.session.add(Sale(store_id=sqlite_house.ids["second"], business_day=TODAY, number=2, sold_at=NOON, total=0))
    page = page_of(sqlite_house)
    assert f"{TODAY} 第二店: 1 receipts, numbered up to 2" in words(page)
    assert "without a gap" not in words(page)


def test_the_newest_come_first_and_more_can_be_had(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    till = a_till(sqlite_house)
    for number in range(5):
        till.at("give_gift", "anna", product=till.menu["lotion"], why=f"第{number}件")
    monkeypatch.setattr(odd_papers, "PAGE", 2)
    address, seen = "/odd-papers/gifts", list[int]()
    while address:
        page = page_of(sqlite_house, address)
        seen += rows_linked(page, "gift_issue")
        more = re.search(r'<div class="pager"><a class="button" href="([^"]*)"', page)
        address = unescape(more[1]) if more else ""
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 5


def test_a_look_at_the_log_stands_in_the_log(house: House) -> None:
    for address in ("/odd-papers", "/odd-papers/reveals"):
        page_of(house, address, "auditor")
        entry = db.session.scalars(select(Operation).order_by(Operation.id.desc())).first()
        assert entry is not None
        assert (entry.name, entry.actor_name) == ("read_log", "用户auditor")


def test_a_kind_that_is_none_is_not_there(sqlite_house: House) -> None:
    assert sqlite_house.browser("owner").get("/odd-papers/spells").status_code == 404


@pytest.mark.parametrize("role", ROLES)
def test_only_roles_with_the_page_open_it(sqlite_house: House, role: str) -> None:
    browser, opens = sqlite_house.browser(role), "odd_papers" in oracle.roles()[role]["pages"]
    for address in ("/odd-papers", "/odd-papers/gifts"):
        assert browser.get(address).status_code == (200 if opens else 403)
    assert ('href="/odd-papers"' in browser.get("/").text) == opens


def test_a_manager_with_the_page_sees_her_stores_papers_and_no_log(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_odd_day(sqlite_house)
    other = Till(sqlite_house, {"cream": create("product", name="面霜", price="50")}, store="second")
    other.at("give_gift", "cora", product=other.menu["cream"], why="开业")
    opens = Access.opens
    monkeypatch.setattr(
        Access, "opens", lambda self, page: page == "odd_papers" or (page != "log" and opens(self, page))
    )
    found = papers(page_of(sqlite_house, role="manager"))
    assert found["Gifts"][0] == "1"
    assert {"Exports", "Hidden values revealed", "Balances brought over"} & set(found) == set()
    assert sqlite_house.browser("manager").get("/odd-papers/exports").status_code == 404
    assert "/log/" not in page_of(sqlite_house, "/odd-papers/gifts", "manager")


@pytest.mark.parametrize("role", ["owner", "auditor"])
def test_every_link_opens_for_her(sqlite_house: House, role: str) -> None:
    an_odd_day(sqlite_house)
    browser = sqlite_house.browser(role)
    for address in ("/odd-papers", *(f"/odd-papers/{paper.key}" for paper in odd_papers.PAPERS)):
        found = {unescape(one) for one in re.findall(r'href="(/[^"]*)"', page_of(sqlite_house, address, role))}
        assert {link: browser.get(link).status_code for link in found} == dict.fromkeys(found, 200)


def test_they_take_no_more_statements_for_many_rows(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulebook, "LOOK_EVERY", 1e9)
    till, browser = an_odd_day(sqlite_house), sqlite_house.browser("owner")
    pages = ("/odd-papers", "/odd-papers/gifts", "/odd-papers/reveals")

    def sent() -> list[int]:
        return [len(sql_of(lambda page=page: browser.get(page))) for page in pages]  # type: ignore[misc]

    sent()
    before = sent()
    for number in range(8):
        till.at("give_gift", "berta", product=till.menu["lotion"], why=f"第{number}件")
        data = {"entity": "customer", "id": sqlite_house.ids["berta"], "field": "phone"}
        perform(Name.REVEAL_FIELD, data, actor=sqlite_house.actor("reception"))
    assert sent() == before
