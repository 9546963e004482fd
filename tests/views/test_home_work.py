"""The first page begins with the work of each role; my day shows tomorrow, and what it counts it lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
import time_machine

from admin_app import rulebook
from tests.cast import create
from tests.conftest import House
from tests.views.pages import main_part, words
from tests.views.salon_day import MORNING, booked, card, done, redeemed, service, sold, treated


@pytest.fixture(autouse=True)
def _in_the_morning(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rulebook, "LOOK_EVERY", 1e9)  # whether the rules were looked at lately must not count
    with time_machine.travel(MORNING, tick=False):
        yield


def html(house: House, role: str, address: str = "/") -> str:
    answer = house.browser(role).get(address, headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    return main_part(answer.text)


def work(house: House, role: str) -> str:
    """What stands before the figures."""
    before = html(house, role).partition('class="figures"')[0]
    return words(before.partition("home-work")[2].partition(">")[2])


def test_the_desk_begins_with_who_comes_and_what_is_done_next(house: House) -> None:
    of = service(house)
    booked(house, of, 15)
    booked(house, of, 11, "berta")
    create("contraindication", customer_id=house.ids["anna"], kind="allergy", substance="青霉素")
    for role in ("reception", "manager"):
        found = work(house, role)
        assert found.startswith("Coming today 2 Sell Book Recharge Open a card 11:00 贝塔"), role
        assert "15:00 安娜 Take care 补水护理" in found, role
        assert "Has arrived" in found, role
    done(house, "cancel_booking", booking=booked(house, of, 17, "berta"))
    assert work(house, "reception").startswith("Coming today 2 "), "called off is not expected"


def test_others_begin_with_theirs(house: House) -> None:
    of = service(house)
    booked(house, of, 15)
    with time_machine.travel(MORNING - timedelta(days=5), tick=False):
        treated(house, of)
    done(house, "give_gift", customer=house.ids["anna"], store=house.ids["first"], service=of, why="道歉")
    assert work(house, "therapist").startswith("Who comes to me today 1 15:00 安娜")
    assert work(house, "consultant").startswith("Whom to call today")
    assert work(house, "auditor").startswith("Odd papers, last 30 days 1 Gifts")
    assert work(house, "finance").startswith("Day report of 2026-11-21")
    assert work(house, "owner") == "", "who looks at the whole begins with the figures"


def test_my_day_shows_tomorrow_and_counts_what_it_lists(house: House) -> None:
    of = service(house)
    booked(house, of, 15)
    booked(house, of, 11, "berta")
    with time_machine.travel(MORNING + timedelta(days=1), tick=False):
        starts = MORNING + timedelta(days=1, hours=3)
    asked = [{"service": of, "staff": house.ids["therapist_staff"]}]
    done(house, "book", customer=house.ids["anna"], store=house.ids["first"], starts_at=starts, services=asked)
    create("contraindication", customer_id=house.ids["anna"], kind="allergy", substance="青霉素")
    page = html(house, "therapist", "/my-day")
    assert "today 2, of whom 2 to come · tomorrow 1" in words(page)
    tomorrow = words(page.partition("card tomorrow")[2].partition("</section>")[0])
    assert "Tomorrow 1 13:00 安娜 补水护理 Take care" in tomorrow


def test_what_was_done_adds_up_and_a_line_taken_back_looks_so(house: House) -> None:
    of = service(house)
    sale = sold(house, of)
    redeemed(house, card(house, of), "anna")
    done(house, "reverse_sale", sale=sale.id, why="按错")
    page = html(house, "therapist", "/my-day")
    part = page[page.index("Done today") :].partition("</section>")[0]
    assert "<s>补水护理</s>" in part
    said = words(part)
    assert said.startswith("Done today 3 ")
    assert "Total used ¥200.00" in said, "298 − 298 + 200"
    figures = words(page[page.index('class="figures"') :].partition("</section>")[0])
    assert "Value used today ¥200.00" in figures


def test_the_count_of_follow_ups_opens_exactly_those(house: House) -> None:
    of = service(house, follow_up_days="1")
    with time_machine.travel(MORNING - timedelta(days=5), tick=False):
        treated(house, of)
        treated(house, of, "berta")
    page = html(house, "therapist", "/my-day")
    badge = re.search(r'<a class="badge" href="([^"]+)">(\d+)</a>', page)
    assert badge is not None
    assert badge[2] == "2"
    listed = html(house, "therapist", unescape(badge[1]))
    assert len(re.findall(r'class="row-link"', listed)) == 2
