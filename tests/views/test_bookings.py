"""The booking day: lanes by therapist, what stands in them and for whom, what a click leads to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from sqlalchemy import select

from admin_app import rulebook
from models.entity import db
from models.organisation import Shift
from tests.cast import ROLES, TODAY, create, raw_operation
from tests.conftest import House
from tests.views import oracle
from tests.views.pages import main_part, sent_as_shown, sql_of, words
from tests.views.salon_day import MORNING, at, booked, done, service
from tests.web import english
from views.bookings import gaps

HOUSES = ("sqlite",)


@pytest.fixture(autouse=True)
def _in_the_morning(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rulebook, "LOOK_EVERY", 1e9)  # whether the rules were looked at lately must not count
    with time_machine.travel(MORNING, tick=False):
        yield


def page(house: House, role: str = "reception", more: str = "") -> str:
    answer = house.browser(role).get(f"/bookings{more}", headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    return str(answer.text)


def lanes(house: House, role: str = "reception", more: str = "") -> dict[str, str]:
    """Each therapist's lane."""
    found = re.findall(r'<section class="lane".*?</section>', page(house, role, more), re.DOTALL)
    return {re.search(r"<h2[^>]*>([^<]*)", one)[1]: one for one in found}  # type: ignore[index]


def rows_of(page: str, name: str) -> str:
    """Where the style puts a place: «13 / 22»."""
    found = re.search(rf"\.{name} {{ grid-row: (\d+ / \d+); }}", page)
    assert found is not None
    return found[1]


def shift(house: House, staff: str, begins: int, ends: int) -> None:
    with raw_operation():
        told = {"staff_id": house.ids[f"{staff}_staff"], "store_id": house.ids["first"]}
        db.session.add(Shift(**told, starts_at=at(begins), ends_at=at(ends)))


def test_a_booking_stands_in_its_lane_at_its_time_with_its_idle_part_lighter(house: House) -> None:
    booked(house, service(house), 11)
    text = page(house)
    lane = lanes(house)["员工therapist"]
    block = re.search(r'<details class="drop block info (r\d+-\d+)', lane)
    idle = re.search(r'<span class="idle info (r\d+-\d+)', lane)
    assert block is not None
    assert idle is not None
    assert rows_of(text, block[1]) == "13 / 22", "an hour after opening, 45 minutes in rows of five"
    assert rows_of(text, idle[1]) == "22 / 25"
    assert "11:00–12:00 安娜 补水护理" in words(lane)


@pytest.mark.parametrize(
    ("operations", "tone"),
    [([], "info"), (["confirm_booking"], "good"), (["arrive"], "here"), (["arrive", "finish_visit"], "muted")],
)
def test_its_colour_says_how_far_it_has_come(house: House, operations: list[str], tone: str) -> None:
    number = booked(house, service(house), 11)
    for name in operations:
        done(house, name, booking=number)
    assert f"drop block {tone} " in lanes(house)["员工therapist"]


def acts(lane: str) -> list[str]:
    return re.findall(r'href="/do/(\w+)/', lane.split("</details>", maxsplit=1)[0])


def test_a_click_opens_what_can_be_done_with_it(house: House) -> None:
    number = booked(house, service(house), 11)
    assert acts(lanes(house)["员工therapist"]) == ["confirm_booking", "arrive", "move_booking", "cancel_booking"]
    with time_machine.travel(at(11, 30), tick=False):
        assert "no_show" in acts(lanes(house)["员工therapist"])
    done(house, "arrive", booking=number)
    assert acts(lanes(house)["员工therapist"]) == ["sell", "redeem_session", "finish_visit"]


def test_nobody_arrives_on_another_day(house: House) -> None:
    booked(house, service(house), 11, minute=24 * 60)
    tomorrow = f"?day={TODAY + timedelta(1)}"
    assert acts(lanes(house, more=tomorrow)["员工therapist"]) == ["confirm_booking", "move_booking", "cancel_booking"]
    assert "安娜" not in lanes(house)["员工therapist"]


def test_an_act_leads_back_to_this_day(house: House) -> None:
    booked(house, service(house), 11)
    address = re.search(r'href="(/do/confirm_booking/[^"]*)"', lanes(house)["员工therapist"])
    assert address is not None
    back = f"/bookings?day={TODAY}&store={house.ids['first']}"
    number = re.search(r"on=(\d+)", address[1])
    assert number is not None
    browser = house.browser("reception")
    answer = browser.post(unescape(address[1]), {"booking": number[1], "next": back})
    assert (answer.status_code, answer.location) == (302, back)
    assert "drop block good " in lanes(house)["员工therapist"]


def free(lane: str) -> list[str]:
    return re.findall(r'aria-label="Book (\d\d:\d\d) with', lane)


def test_free_time_leads_to_a_form_filled_in(house: House) -> None:
    shift(house, "therapist", 10, 18)
    booked(house, service(house), 11)
    lane = lanes(house)["员工therapist"]
    assert free(lane)[:4] == ["10:00", "10:30", "12:00", "12:30"]
    assert free(lane)[-1] == "17:30"
    told = unescape(re.findall(r'<a class="free[^"]*" href="([^"]*)"', lane)[0])
    assert told.startswith("/do/book/")
    for part in (f"starts_at={TODAY}T10:00", f"services-0-staff={house.ids['therapist_staff']}", "store=", "next="):
        assert part in told.replace("%3A", ":"), part


def test_time_gone_by_is_not_offered(house: House) -> None:
    shift(house, "therapist", 10, 18)
    with time_machine.travel(at(16, 10), tick=False):
        assert free(lanes(house)["员工therapist"]) == ["16:30", "17:00", "17:30"]


def test_leave_and_closed_times_are_shut_and_say_why_to_who_may_know(house: House) -> None:
    shift(house, "therapist", 10, 18)
    told = {"staff": house.ids["therapist_staff"], "kind": "personal"}
    done(house, "record_leave", starts_at=at(12), ends_at=at(13), **told)
    during = {"starts_at": "2026-11-22 14:00", "ends_at": "2026-11-22 15:00"}
    create("closed_period", store_id=house.ids["first"], reason="产品培训", **during)
    lane = lanes(house)["员工therapist"]
    assert "12:00–13:00 Personal leave" in words(lane)
    assert "14:00–15:00 产品培训" in words(lane)
    assert not {"12:00", "12:30", "14:00", "14:30"} & set(free(lane))
    other = words(lanes(house, "therapist")["员工therapist"])
    assert "12:00–13:00 Away" in other
    assert "产品培训" not in other


def test_only_therapists_on_shift_have_a_lane_once_shifts_are_planned(house: House) -> None:
    create("staff", name="另一位", position="therapist", store_id=house.ids["first"])
    assert set(lanes(house)) == {"员工therapist", "另一位"}
    shift(house, "therapist", 10, 18)
    shift(house, "reception", 10, 18)
    assert set(lanes(house)) == {"员工therapist"}


def test_a_booking_that_is_not_hers_to_see_is_taken_and_no_more(house: House) -> None:
    of = service(house)
    booked(house, of, 11, "berta")
    booked(house, of, 13)
    lane = lanes(house, "consultant")["员工therapist"]
    assert "11:00–11:45 Taken" in words(lane)
    assert "贝塔" not in lane
    assert "安娜" in lane
    assert "11:00" not in free(lane)


def test_the_waiting_list_of_the_day_stands_beneath(house: House) -> None:
    of = service(house)
    for customer, day in (("anna", TODAY), ("berta", TODAY + timedelta(1))):
        told = {"customer": house.ids[customer], "store": house.ids["first"], "wanted_on": day, "note": "下班后"}
        done(house, "wait_for_time", service=of, **told)
    found = page(house).split('class="columns beneath"')[1]
    assert "安娜 补水护理" in words(found)
    assert "贝塔" not in found
    booked(house, of, 11)
    assert "安娜" not in words(page(house).split('class="columns beneath"')[1]), "she has her time"


def test_what_was_called_off_is_told_beneath_and_its_time_is_free(house: House) -> None:
    shift(house, "therapist", 10, 18)
    done(house, "cancel_booking", booking=booked(house, service(house), 11), reason="改天")
    assert "11:00" in free(lanes(house)["员工therapist"])
    assert "11:00 安娜 Cancelled" in words(page(house).split('class="columns beneath"')[1])


def test_a_store_is_chosen_where_there_are_several(house: House) -> None:
    assert '<select name="store"' in page(house, "owner")
    assert '<select name="store"' not in page(house)
    second = f"?store={house.ids['second']}"
    assert "二店美容师" in lanes(house, "owner", second)
    assert house.browser("reception").get(f"/bookings{second}").status_code == 404


@pytest.mark.parametrize("day", ["", "2026-11-22"])
def test_without_a_day_it_is_today(sqlite_house: House, day: str) -> None:
    text = main_part(page(sqlite_house, more=f"?day={day}"))
    assert f'name="day" value="{TODAY}"' in text
    for other in (TODAY - timedelta(1), TODAY + timedelta(1)):
        assert f"day={other}" in text


def test_a_day_on_which_the_store_is_closed_offers_nothing(house: House) -> None:
    told = {"entity": "store", "id": house.ids["first"]}
    done(house, "edit_entity", **told, values={"holidays": "2026-11-22"})
    assert "The store is closed on this day." in words(page(house))
    assert free(page(house)) == []


@pytest.mark.parametrize("role", ROLES)
def test_only_roles_with_the_page_open_it(sqlite_house: House, role: str) -> None:
    browser, opens = sqlite_house.browser(role), "bookings" in oracle.roles()[role]["pages"]
    assert browser.get("/bookings").status_code == (200 if opens else 403)
    assert ('href="/bookings"' in browser.get("/").text) == opens


@pytest.mark.parametrize("role", ["owner", "manager", "reception", "consultant", "therapist"])
def test_every_link_of_the_page_opens_for_whoever_sees_it(sqlite_house: House, role: str) -> None:
    shift(sqlite_house, "therapist", 10, 12)
    of = service(sqlite_house)
    done(sqlite_house, "arrive", booking=booked(sqlite_house, of, 11))
    booked(sqlite_house, of, 10, "berta")
    told = {"customer": sqlite_house.ids["anna"], "store": sqlite_house.ids["first"], "wanted_on": TODAY}
    done(sqlite_house, "wait_for_time", service=of, **told)
    browser = sqlite_house.browser(role)
    links = {unescape(link) for link in re.findall(r'href="(/[^"]*)"', main_part(browser.get("/bookings").text))}
    assert len(links) > 5
    assert {link: browser.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_its_style_carries_the_word_of_the_policy(sqlite_house: House) -> None:
    answer = sqlite_house.browser("owner").get("/bookings")
    nonce = re.search(r"style-src 'self' 'nonce-([^']+)'", answer.headers["Content-Security-Policy"])
    assert nonce is not None
    assert f'<style nonce="{nonce[1]}">' in answer.text
    assert " style=" not in answer.text


def test_it_takes_as_many_statements_however_full_the_day_is(sqlite_house: House) -> None:
    of = service(sqlite_house)
    browser = sqlite_house.browser("reception")
    booked(sqlite_house, of, 10)
    browser.get("/bookings")
    few = len(sql_of(lambda: browser.get("/bookings")))
    for hour in range(11, 19):
        booked(sqlite_house, of, hour)
    assert len(sql_of(lambda: browser.get("/bookings"))) == few


def test_gaps_are_what_no_part_covers() -> None:
    whole = (at(10), at(20))
    assert gaps(whole, []) == [whole]
    assert gaps(whole, [(at(9), at(21))]) == []
    assert gaps(whole, [(at(15), at(16)), (at(9), at(11)), (at(12), at(13))]) == [
        (at(11), at(12)),
        (at(13), at(15)),
        (at(16), at(20)),
    ]
    assert gaps(whole, [(at(12), at(17)), (at(13), at(14))]) == [(at(10), at(12)), (at(17), at(20))]


def test_a_shift_is_changed_and_archived_and_the_page_lists_what_that_breaks(sqlite_house: House) -> None:
    house = sqlite_house
    booked(house, service(house), 12)
    shift(house, "therapist", 10, 18)
    shift(house, "reception", 10, 18)
    mine = db.session.scalars(select(Shift).order_by(Shift.id)).first()
    assert mine is not None
    manager, address = english(house, "manager"), f"/shift/edit/?id={mine.id}"
    form = sent_as_shown(manager.get(address).text)
    assert {"staff_id", "store_id"}.isdisjoint(form)
    saved = manager.post(address, {**form, "starts_at": f"{at(13):%Y-%m-%d} 13:00"}, follow_redirects=True).text
    assert "1 bookings cannot be kept like this" in words(saved)
    assert "12:00 第一店 安娜" in words(saved)
    version = sent_as_shown(manager.get(address).text)["version"]
    gone = manager.post("/shift/delete/", {"id": mine.id, "version": version}, follow_redirects=True).text
    assert "1 bookings cannot be kept like this" in words(gone)
    assert english(house, "reception").get(address).status_code == 403
