"""The call list: who is on it and why, what is said to her, for whom; each customer once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from admin_app import rulebook
from admin_app.operations.kernel import perform
from admin_app.operations.rules import ActivateInput
from models.actor import SYSTEM
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.standing import Task
from tests.cast import ROLES, TODAY, create, raw_operation
from tests.conftest import ON_BOTH, House
from tests.rules.texts import SHIPPED
from tests.views import oracle
from tests.views.pages import main_part, sql_of, visited, words
from tests.views.salon_day import MORNING, card, done, recharged, redeemed, service, sold, treated

HOUSES = ("sqlite",)


@pytest.fixture(autouse=True)
def _in_the_morning(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rulebook, "LOOK_EVERY", 1e9)  # whether the rules were looked at lately must not count
    with time_machine.travel(MORNING, tick=False):
        yield


def html(house: House, role: str = "reception", more: str = "", language: str = "en") -> str:
    answer = house.browser(role).get(f"/call-list{more}", headers={"Accept-Language": language})
    assert answer.status_code == 200
    return main_part(answer.text)


def entries(house: House, role: str = "reception", more: str = "", language: str = "en") -> dict[str, str]:
    """What is said of each customer, in order."""
    cards = re.findall(r'<li class="card call.*?</p>\s*</li>', html(house, role, more, language), re.DOTALL)
    names = [re.search(r'call-name"><a[^>]*>([^<]*)', one) for one in cards]
    return {name[1]: words(one) for name, one in zip(names, cards, strict=True) if name is not None}


def born(house: House, customer: str, days: int, **values: object) -> None:
    day = TODAY + timedelta(days=days)
    with raw_operation():
        row = db.session.get_one(Customer, house.ids[customer])
        row.birth_month, row.birth_day = day.month, day.day
        for name, value in values.items():
            setattr(row, name, value)


@pytest.mark.parametrize(("days", "said"), [(0, "today"), (1, "tomorrow"), (7, "in 7 days"), (8, None), (-1, None)])
def test_birthdays_within_a_week(house: House, days: int, said: str | None) -> None:
    born(house, "anna", days)
    found = entries(house)
    assert (f"Birthday {said}" in found.get("安娜", "")) == (said is not None)
    assert list(found) == (["安娜"] if said else [])


@pytest.mark.parametrize(("days", "there"), [(7, True), (30, True), (31, False)])
def test_cards_about_to_end_say_how_many_sessions_are_left(house: House, days: int, there: bool) -> None:
    card(house, service(house), sessions=5, days=days)
    found = entries(house)
    assert (f"三次卡 · 5 sessions left, ends in {days} days" in found.get("安娜", "")) == there


@pytest.mark.parametrize(("sessions", "there"), [(4, False), (3, True), (2, True)])
def test_cards_almost_used_are_said(house: House, sessions: int, there: bool) -> None:
    redeemed(house, card(house, service(house), sessions=sessions))
    assert ("Card almost used" in entries(house).get("安娜", "")) == there


def test_a_card_used_up_or_ended_is_nothing_to_call_about(house: House) -> None:
    of = service(house)
    redeemed(house, card(house, of, sessions=1))
    with time_machine.travel(MORNING - timedelta(days=9), tick=False):
        card(house, of, days=5, name="过期卡", customer="berta")
    assert entries(house) == {}


@pytest.mark.parametrize(("days", "there"), [(59, False), (60, True), (119, True), (120, False)])
def test_whoever_has_not_come_for_sixty_days_is_dormant(house: House, days: int, there: bool) -> None:
    visited(house, TODAY - timedelta(days=days))
    assert (f"not here for {days} days" in entries(house).get("安娜", "")) == there


def test_whoever_holds_value_is_called_however_long_it_is_and_first(house: House) -> None:
    visited(house, TODAY - timedelta(days=70), "berta")
    visited(house, TODAY - timedelta(days=300))
    recharged(house, 500)
    found = entries(house)
    assert list(found) == ["安娜", "贝塔"]
    assert "not here for 300 days, with value left" in found["安娜"]


def test_what_has_expired_is_no_value_left(house: House) -> None:
    """Sessions on a card that has ended call nobody, however many there are."""
    with time_machine.travel(MORNING - timedelta(days=300), tick=False):
        card(house, service(house), sessions=9, days=20)
    assert entries(house) == {}


def test_the_owner_says_from_when_somebody_is_called(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """calls.yaml alone holds the numbers."""
    usual = {
        "birthdays: 7d": "birthdays: 2d",
        "card_ends: 30d": "card_ends: 40d",
        "sessions_left: 2": "sessions_left: 4",
    }
    usual |= {"dormant: 60d": "dormant: 20d"}
    text = SHIPPED["calls"]
    for before, now in usual.items():
        assert before in text
        text = text.replace(before, now)
    perform(Name.ACTIVATE_RULES, ActivateInput(texts={"calls": text}), actor=SYSTEM)
    monkeypatch.setattr(rulebook, "LOOK_EVERY", 0.0)
    rulebook.refresh()
    born(house, "anna", 3)
    of = service(house)
    card(house, of, sessions=9, days=40, customer="berta", name="年卡")
    redeemed(house, card(house, of, sessions=5))
    found = entries(house)
    assert "Card ends soon" in found["贝塔"]
    assert "Card almost used" in found["安娜"]
    assert "Birthday" not in found["安娜"]
    visited(house, TODAY - timedelta(days=20), "cora")
    assert "not here for 20 days" in entries(house, "owner")[db.session.get_one(Customer, house.ids["cora"]).name]


def test_whoever_came_again_is_not_dormant(house: House) -> None:
    visited(house, TODAY - timedelta(days=90))
    visited(house, TODAY - timedelta(days=3))
    assert entries(house) == {}


@ON_BOTH
def test_follow_ups_due_are_said_and_done_from_here(house: House) -> None:
    with time_machine.travel(MORNING - timedelta(days=4), tick=False):
        treated(house, service(house, follow_up_days="1、30"))
    assert "Follow-up 补水护理 · 3 days late" in entries(house)["安娜"]
    address = re.search(r'href="(/do/finish_follow_up/[^"]*)"', html(house))
    assert address is not None
    browser = house.browser("reception")
    number = re.search(r"on=(\d+)", address[1])
    assert number is not None
    answer = browser.post(address[1].replace("&amp;", "&"), {"follow_up": number[1], "outcome": "很好"})
    assert answer.status_code == 302
    assert entries(house) == {}


def test_a_bill_left_open_is_said(house: House) -> None:
    sold(house, service(house), method="on_account")
    assert "Owes ¥298.00" in entries(house)["安娜"]


def test_tasks_of_her_role_are_said_and_those_of_others_are_not(house: House) -> None:
    with raw_operation():
        for role, customer in (("reception", "anna"), ("consultant", "berta")):
            told = {"source": "test", "occasion": role, "customer_id": house.ids[customer]}
            db.session.add(Task(**told, to_role=role, text="寄样品", due_on=TODAY))
            told["occasion"] += "-later"
            db.session.add(Task(**told, to_role=role, text="以后", due_on=TODAY + timedelta(days=1)))
    found = entries(house)
    assert list(found) == ["安娜"]
    assert "Task 寄样品" in found["安娜"]
    assert "以后" not in found["安娜"]


def test_each_stands_there_once_with_all_her_reasons_the_most_urgent_first(house: House) -> None:
    born(house, "anna", 3)
    born(house, "berta", 0)
    sold(house, service(house), method="on_account")
    found = entries(house)
    assert list(found) == ["贝塔", "安娜"]
    assert found["安娜"].index("Birthday in 3 days") < found["安娜"].index("Owes")


def test_one_reason_can_be_kept(house: House) -> None:
    born(house, "anna", 3)
    sold(house, service(house), customer="berta", method="on_account")
    assert list(entries(house, more="?why=owes")) == ["贝塔"]
    assert house.browser("reception").get("/call-list?why=nonsense").status_code == 422


def test_the_text_speaks_to_her_by_name_of_at_most_two_things(house: House) -> None:
    born(house, "anna", 3)
    card(house, service(house), days=20)
    sold(house, service(house, "另一个"), method="on_account")
    text = re.search(r'id="text-\d+">([^<]*)', html(house))
    assert text is not None
    assert text[1].startswith("Hello 安娜, this is 第一店. Your birthday is near")
    assert "三次卡" in text[1]
    assert "¥298.00" not in text[1]


def test_whoever_wants_no_advertising_is_left_alone(house: House) -> None:
    born(house, "anna", 3)
    told = {"customer": house.ids["anna"], "purpose": "marketing", "text_version": "1"}
    done(house, "record_consent", given=True, **told)
    assert "Hello 安娜" in entries(house)["安娜"]
    done(house, "record_consent", given=False, **told)
    found = entries(house)["安娜"]
    assert "wants no advertising" in found
    assert "Hello 安娜" not in found


def test_the_phone_is_masked_and_can_be_revealed_where_the_role_may(sqlite_house: House) -> None:
    born(sqlite_house, "anna", 3)
    for role, shown, button in (("reception", "139••••0001", True), ("consultant", "139 0000 0001", False)):
        page = html(sqlite_house, role)
        assert shown in page, role
        assert ("data-reveal" in page) == button, role


def test_whoever_was_spoken_to_today_goes_to_the_end(house: House) -> None:
    born(house, "anna", 0)
    born(house, "berta", 3)
    assert list(entries(house)) == ["安娜", "贝塔"]
    browser = house.browser("reception")
    values = {"customer": house.ids["anna"], "channel": "phone", "digest": "祝她生日快乐"}
    assert browser.post("/do/record_interaction/?next=/call-list", values).status_code == 302
    found = entries(house)
    assert list(found) == ["贝塔", "安娜"]
    assert "spoken to today" in found["安娜"]


def test_only_customers_of_hers_are_on_it(house: House) -> None:
    for customer in ("anna", "berta", "cora"):
        born(house, customer, 3)
    assert set(entries(house, "owner")) == {"安娜", "贝塔", "柯拉"}
    assert set(entries(house, "reception")) == {"安娜", "贝塔"}
    assert set(entries(house, "consultant")) == {"安娜"}


@pytest.mark.parametrize("role", ROLES)
def test_only_roles_with_the_page_open_it(sqlite_house: House, role: str) -> None:
    browser, opens = sqlite_house.browser(role), "call_list" in oracle.roles()[role]["pages"]
    assert browser.get("/call-list").status_code == (200 if opens else 403)
    assert ('href="/call-list"' in browser.get("/").text) == opens


def test_it_is_bounded_and_takes_as_many_statements_however_many_there_are(sqlite_house: House) -> None:
    browser = sqlite_house.browser("reception")
    born(sqlite_house, "anna", 3)
    visited(sqlite_house, TODAY - timedelta(days=70), "berta")
    browser.get("/call-list")
    few = len(sql_of(lambda: browser.get("/call-list")))
    same = {"store_id": sqlite_house.ids["first"], "registered_on": TODAY, "birth_month": 11, "birth_day": 24}
    with raw_operation():
        db.session.add_all(Customer(name=f"客{n}", **same) for n in range(80))
    for number in db.session.scalars(select(Customer.id).where(Customer.name.startswith("客"))).all()[:3]:
        create("preference", customer_id=number, kind="drink", value="茶")
    assert len(sql_of(lambda: browser.get("/call-list"))) == few
    pages = [html(sqlite_house, more=f"?page={page}") for page in range(1, 5)]
    assert [page.count('class="card call') for page in pages] == [20, 20, 20, 1]
    assert len({name for page in pages for name in re.findall(r'call-name"><a href="([^"]*)"', page)}) == 61
    assert browser.get("/call-list?page=5").status_code == 404


def test_without_anybody_to_call_it_says_so(sqlite_house: House) -> None:
    assert "Nobody needs a call today." in words(html(sqlite_house))
