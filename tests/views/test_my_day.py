"""My day: her bookings with all that she must know, what she does next, whom she asks, what it came to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from admin_app import rulebook
from models.entity import db
from models.log import Operation
from tests.cast import ROLES, create
from tests.conftest import House
from tests.views import oracle
from tests.views.pages import main_part, sql_of, words
from tests.views.salon_day import MORNING, booked, done, service, sold, treated

HOUSES = ("sqlite",)


@pytest.fixture(autouse=True)
def _in_the_morning(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rulebook, "LOOK_EVERY", 1e9)  # whether the rules were looked at lately must not count
    with time_machine.travel(MORNING, tick=False):
        yield


def html(house: House, role: str = "therapist") -> str:
    answer = house.browser(role).get("/my-day", headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    return main_part(answer.text)


def guests(house: House) -> list[str]:
    """What is said of each of her guests, in order."""
    return [
        words(one)
        for one in re.findall(
            r'<li class="card guest.*?</p>\s*</li>|<li class="card guest.*?(?=<li class="card guest|</ol>)',
            html(house),
            re.DOTALL,
        )
    ]


def test_her_guests_come_in_order_with_time_service_and_state(house: House) -> None:
    of = service(house)
    booked(house, of, 15)
    booked(house, of, 11, "berta")
    first, second = guests(house)
    assert "11:00–12:00 贝塔 Booked" in first
    assert "15:00–16:00 安娜" in second
    assert "11:00 补水护理" in first
    assert "asked for you" in first


def test_the_bed_is_said(house: House) -> None:
    room = create("room", name="一号房", store_id=house.ids["first"], kind="facial")
    create("bed", name="靠窗床", room_id=room)
    booked(house, service(house, room_kind="facial"), 11)
    assert "靠窗床" in guests(house)[0]


def test_bookings_of_others_other_days_and_those_called_off_are_not_hers(house: House) -> None:
    of = service(house, skilled=("therapist_staff", "manager_staff"))
    booked(house, of, 11, staff="manager_staff")
    booked(house, of, 11, "berta", minute=24 * 60)
    done(house, "cancel_booking", booking=booked(house, of, 13, "berta"))
    assert guests(house) == []
    assert "Nobody is booked with you today." in words(html(house))


def test_dangers_stand_in_red_and_that_they_were_read_is_logged_once(house: House) -> None:
    create("contraindication", customer_id=house.ids["anna"], kind="allergy", substance="酒精")
    booked(house, service(house), 11)
    found = re.search(r'<p class="dangers".*?</p>', html(house), re.DOTALL)
    assert found is not None
    assert "Allergy: 酒精" in words(found[0])
    db.session.rollback()
    [entry] = db.session.scalars(select(Operation).where(Operation.name == "read_record"))
    assert (entry.subject_kind, entry.actor_name) == ("contraindication", "用户therapist")


def test_what_was_advised_last_time_is_said(house: House) -> None:
    of = service(house)
    with time_machine.travel(MORNING - timedelta(days=30), tick=False):
        treated(house, of, advice="少晒太阳")
    with time_machine.travel(MORNING - timedelta(days=9), tick=False):
        treated(house, of, advice="多喝水", effect="good")
    booked(house, of, 11)
    [found] = guests(house)
    assert "多喝水" in found
    assert "2026-11-13" in found
    assert "少晒太阳" not in found


def acts(house: House, role: str = "therapist") -> list[str]:
    return re.findall(r'href="/do/(\w+)/', html(house, role).split('class="aside"')[0])


def test_what_is_next_follows_how_far_it_has_come(house: House) -> None:
    of = service(house)
    number = booked(house, of, 11)
    assert acts(house) == ["arrive"]
    done(house, "arrive", booking=number)
    assert acts(house) == ["record_treatment", "finish_visit"]
    treated(house, of)
    assert acts(house) == ["finish_visit"], "a treatment recorded today is not asked for again"
    done(house, "finish_visit", booking=number)
    assert acts(house) == []


def test_an_act_leads_to_its_form_filled_in_and_back(sqlite_house: House) -> None:
    of = service(sqlite_house)
    done(sqlite_house, "arrive", booking=booked(sqlite_house, of, 11))
    address = re.search(r'href="(/do/record_treatment/[^"]*)"', html(sqlite_house))
    assert address is not None
    told = address[1].replace("&amp;", "&")
    assert f"service={of}" in told
    assert f"staff={sqlite_house.ids['therapist_staff']}" in told
    assert "next=/my-day" in told.replace("%2F", "/")
    assert sqlite_house.browser("therapist").get(told).status_code == 200


def test_she_can_let_arrive_whom_she_has_never_served(house: House) -> None:
    number = booked(house, service(house), 11, "berta")
    browser = house.browser("therapist")
    assert browser.post("/do/arrive/?next=/my-day", {"booking": number}).status_code == 302
    assert "贝塔 Has come" in guests(house)[0]


def test_whom_she_has_to_ask_is_said_the_longest_overdue_first(house: House) -> None:
    of = service(house, follow_up_days="1、30")
    with time_machine.travel(MORNING - timedelta(days=5), tick=False):
        treated(house, of)
    with time_machine.travel(MORNING - timedelta(days=1), tick=False):
        sold(house, of, "berta")
        treated(house, of, "berta")
    rows = re.search(r"Ask how it went.*?</h2>(.*?)</section>", html(house), re.DOTALL)
    assert rows is not None
    found = words(rows[1])
    assert found.index("安娜") < found.index("贝塔")
    assert found.count("Asked after") == 2, "those of thirty days are not due"
    assert "since 2026-11-18" in found


def test_what_she_did_today_counts_with_the_reason_of_its_fee(house: House) -> None:
    of = service(house)
    with time_machine.travel(MORNING - timedelta(days=3), tick=False):
        sold(house, of)
    sold(house, of, manner="named")
    sold(house, of, performer=house.ids["manager_staff"])
    found = words(html(house))
    assert "Value used today ¥298.00" in found
    assert "Manual fees today ¥27.50" in found
    assert "Value used this month ¥596.00" in found
    assert "Manual fees this month ¥52.50" in found
    assert "manual fee ¥25.00 × asked for by name 110%" in found


def test_what_was_taken_back_no_longer_counts(house: House) -> None:
    sale = sold(house, service(house))
    done(house, "reverse_sale", sale=sale.id, why="按错")
    assert "Value used today ¥0.00" in words(html(house))


@pytest.mark.parametrize("role", ROLES)
def test_only_roles_with_the_page_open_it(sqlite_house: House, role: str) -> None:
    browser, opens = sqlite_house.browser(role), "my_day" in oracle.roles()[role]["pages"]
    assert browser.get("/my-day").status_code == (200 if opens else 403)
    assert ('href="/my-day"' in browser.get("/").text) == opens


def test_an_account_without_a_person_is_told_so(sqlite_house: House) -> None:
    assert "Your account is not that of a staff member" in words(html(sqlite_house, "owner"))


def test_it_takes_as_many_statements_however_many_come(sqlite_house: House) -> None:
    of = service(sqlite_house, follow_up_days="1")
    browser = sqlite_house.browser("therapist")
    with time_machine.travel(MORNING - timedelta(days=5), tick=False):
        treated(sqlite_house, of)
        sold(sqlite_house, of)
    create("contraindication", customer_id=sqlite_house.ids["anna"], kind="allergy", substance="酒精")
    booked(sqlite_house, of, 10)
    browser.get("/my-day")
    few = len(sql_of(lambda: browser.get("/my-day")))
    for number in range(6):
        name = create("customer", name=f"客{number}", store_id=sqlite_house.ids["first"])
        create("contraindication", customer_id=name, kind="allergy", substance="花粉")
        sqlite_house.ids["new"] = name
        booked(sqlite_house, of, 11 + number, "new")
        treated(sqlite_house, of, "new")
        sold(sqlite_house, of, "new")
    assert len(sql_of(lambda: browser.get("/my-day"))) == few
