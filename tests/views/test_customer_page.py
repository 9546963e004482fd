"""A customer's page: what she holds, what comes next, what was done last; the main acts first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine

from admin_app import rulebook
from models.entity import db
from models.standing import Membership
from tests.cast import ROLES, TODAY, create, raw_operation
from tests.conftest import House
from tests.views import oracle
from tests.views.pages import main_part, sql_of, words
from tests.views.salon_day import MORNING, booked, card, done, recharged, redeemed, service, sold, treated

HOUSES = ("sqlite",)


@pytest.fixture(autouse=True)
def _in_the_morning(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rulebook, "LOOK_EVERY", 1e9)  # whether the rules were looked at lately must not count
    with time_machine.travel(MORNING, tick=False):
        yield


def html(house: House, role: str = "owner", customer: str = "anna") -> str:
    address = f"/customer/details/?id={house.ids[customer]}"
    answer = house.browser(role).get(address, headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    return main_part(answer.text)


def said(house: House, role: str = "owner") -> str:
    return words(html(house, role).split('<dl class="facts">')[0])


def test_stored_value_tells_what_she_paid_from_what_she_was_given(house: House) -> None:
    recharged(house, 1000)
    assert "Stored value ¥1,050.00 paid in ¥1,000.00 + bonus ¥50.00" in said(house)


def test_a_bonus_that_has_ended_is_not_counted(house: House) -> None:
    with time_machine.travel(MORNING - timedelta(days=900), tick=False):
        recharged(house, 1000)
    assert "Stored value ¥1,000.00 paid in ¥1,000.00 + bonus ¥0.00" in said(house)


def test_points_say_how_many_cannot_be_used_yet(house: House) -> None:
    of = service(house)
    with time_machine.travel(MORNING - timedelta(days=30), tick=False):
        sold(house, of)
    assert "Points 298" in said(house)
    assert "not usable yet" not in said(house)
    sold(house, of)
    assert "Points 596 of which 298 not usable yet" in said(house)


def member(house: House, tier: str) -> None:
    with raw_operation():
        db.session.add(Membership(customer_id=house.ids["anna"], tier=tier, since=TODAY, valid_until=TODAY))


def test_the_way_to_the_next_tier_says_until_when_it_is_no_more(house: House) -> None:
    """What she paid 300 days ago counts for 365 days: until 64 days from now."""
    of = service(house)
    with time_machine.travel(MORNING - timedelta(days=300), tick=False):
        sold(house, of)
    member(house, "silver")
    shown = said(house)
    last = (TODAY + timedelta(64)).strftime("%b %d, %Y")
    assert f"To Gold: ¥7,702 more paid in 365 days (by {last})" in shown
    sold(house, of)
    assert f"To Gold: ¥7,418.90 more paid in 365 days (by {last})" in said(house)


def test_what_keeps_a_tier_that_ends_soon_is_told(house: House) -> None:
    member(house, "gold")  # until today
    assert "¥6,000 more paid in 365 days" in said(house).partition("To keep it beyond")[2]


def test_nothing_paid_yet_has_no_day_to_be_paid_by(house: House) -> None:
    member(house, "silver")
    assert "To Gold: ¥8,000 more paid in 365 days, or" in said(house)


def test_what_her_tier_gives_her_is_told(house: House) -> None:
    assert "Enjoys" not in said(house)
    member(house, "gold")
    gold = rulebook.rulebook().tiers.tier("gold")
    assert gold is not None
    shown = said(house)
    assert f"services {gold.services / 10:g}%" in shown
    assert gold.birthday in shown
    assert all(privilege in shown for privilege in gold.exclusive)


def test_what_she_owes_stands_in_red_with_the_way_to_pay_it(house: House) -> None:
    sold(house, service(house), method="on_account")
    found = re.search(r'<div class="figure owed">.*?</div>', html(house), re.DOTALL)
    assert found is not None
    assert "Owes ¥298.00" in words(found[0])
    assert "/do/pay_debt/" in found[0]


def test_a_deposit_is_said_when_there_is_one(house: House) -> None:
    assert "Deposit" not in said(house).split("Cards")[0].partition("Stored value")[2]
    told = {"customer": house.ids["anna"], "store": house.ids["first"]}
    done(house, "take_deposit", amount=20_000, method="cash", **told)
    assert "Deposit ¥200.00" in said(house)


@pytest.mark.parametrize(("days", "tone"), [(100, "chip"), (30, "chip warn"), (31, "chip")])
def test_a_card_says_its_sessions_left_and_its_end(house: House, days: int, tone: str) -> None:
    redeemed(house, card(house, service(house), sessions=9, days=days))
    end = (MORNING + timedelta(days=days)).date()
    assert "补水护理 8 of 9 left" in said(house)
    assert f'<span class="{tone}">until {end}' in html(house)


@pytest.mark.parametrize(("sessions", "few"), [(3, True), (4, False)])
def test_few_sessions_left_are_amber(house: House, sessions: int, few: bool) -> None:
    redeemed(house, card(house, service(house), sessions=sessions))
    assert ('class="sessions few"' in html(house)) == few


def test_a_card_used_up_or_refunded_is_not_shown_and_one_that_ended_says_so(house: House) -> None:
    of = service(house)
    redeemed(house, card(house, of, sessions=1, name="用完卡"))
    with time_machine.travel(MORNING - timedelta(days=9), tick=False):
        card(house, of, days=5, name="过期卡")
    found = re.search(r'<ul class="cards-held">.*?</ul>', html(house), re.DOTALL)
    assert found is not None
    assert "用完卡" not in found[0]
    assert "过期卡 ended on 2026-11-18" in words(found[0])


def test_the_next_bookings_come_in_their_order_with_service_and_person(house: House) -> None:
    of = service(house)
    booked(house, of, 15, minute=48 * 60)
    booked(house, of, 11, minute=24 * 60)
    done(house, "cancel_booking", booking=booked(house, of, 16))
    found = re.search(r"Next bookings</h2>(.*?)</section>", html(house), re.DOTALL)
    assert found is not None
    assert words(found[1]).startswith("2026-11-23 11:00 Booked 补水护理 员工therapist 2026-11-24 15:00")
    assert "2026-11-22" not in words(found[1])


def test_the_last_visits_say_what_was_done_by_whom_and_how_it_went(house: House) -> None:
    of = service(house)
    sold(house, of)
    treated(house, of, effect="good", advice="多喝水")
    found = re.search(r"Last visits</h2>(.*?)</section>", html(house), re.DOTALL)
    assert found is not None
    assert words(found[1]) == "2026-11-22 Receipt 001 补水护理 员工therapist Good 多喝水"


def test_who_gave_what_was_taken_back_has_not_served_them(sqlite_house: House) -> None:
    sale = sold(sqlite_house, service(sqlite_house), "berta")
    assert "Receipt" in html(sqlite_house, "therapist", "berta")
    done(sqlite_house, "reverse_sale", sale=sale.id, lines=[], why="按错了")
    address = f"/customer/details/?id={sqlite_house.ids['berta']}"
    assert sqlite_house.browser("therapist").get(address).status_code == 404


def test_dangers_stand_before_everything_she_holds(house: House) -> None:
    create("contraindication", customer_id=house.ids["anna"], kind="allergy", substance="酒精")
    recharged(house, 1000)
    shown = html(house)
    assert shown.index('class="dangers"') < shown.index('class="figures held"') < shown.index('class="facts"')


MAIN = ["sell", "recharge", "open_card", "redeem_session", "book", "record_treatment"]


@pytest.mark.parametrize("role", ROLES)
def test_the_main_acts_are_buttons_for_those_who_may_and_lead_back(sqlite_house: House, role: str) -> None:
    shown = html(sqlite_house, role)
    bar = shown.split('<div class="actions">')[1].split("<details")[0] if '<div class="actions">' in shown else ""
    assert re.findall(r'href="/do/(\w+)/', bar) == [name for name in MAIN if oracle.does(role, name)]
    anna = sqlite_house.ids["anna"]
    for address in re.findall(r'href="(/do/[^"]*)"', bar):
        assert f"on={anna}" in address
        assert "next=/customer/details/" in address


@pytest.mark.parametrize("role", ROLES)
def test_each_part_is_for_those_who_may_see_it(sqlite_house: House, role: str) -> None:
    recharged(sqlite_house, 1000)
    of = service(sqlite_house)
    card(sqlite_house, of)
    booked(sqlite_house, of, 15)
    shown = html(sqlite_house, role)
    for mark, entity in (
        ("Stored value", "account"),
        ("cards-held", "card"),
        ("Next bookings", "appointment"),
        ("Last visits", "visit"),
    ):
        assert (mark in shown.split('<dl class="facts">')[0]) == oracle.may(role, "view", entity), mark


def test_an_empty_page_says_so_in_words(sqlite_house: House) -> None:
    found = said(sqlite_house)
    for words_of_none in ("No card with sessions left.", "Nothing is booked.", "Has not been here yet."):
        assert words_of_none in found


def test_it_takes_as_many_statements_however_much_there_is(sqlite_house: House) -> None:
    of = service(sqlite_house)
    browser, address = sqlite_house.browser("owner"), f"/customer/details/?id={sqlite_house.ids['anna']}"
    held = card(sqlite_house, of, sessions=9)
    booked(sqlite_house, of, 15)
    recharged(sqlite_house, 5_000)  # her tier stays the same by what is paid below
    redeemed(sqlite_house, held)
    treated(sqlite_house, of)
    sold(sqlite_house, of, method="on_account")
    browser.get(address)
    few = len(sql_of(lambda: browser.get(address)))
    for number in range(3):
        other = service(sqlite_house, f"护理{number}")
        card(sqlite_house, other, name=f"卡{number}")
        booked(sqlite_house, of, 16 + number)
        sold(sqlite_house, other)
        treated(sqlite_house, other)
        recharged(sqlite_house, 500)
    assert len(sql_of(lambda: browser.get(address))) == few
