"""Lists: search, typed filters, order, pages, from an address that can be read."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from admin_app.rulebook import access_for
from models.booking import Appointment, AppointmentSource
from models.customers import Customer
from models.entity import db
from models.log import Operation
from models.names import Name
from models.sales import Payment, PaymentMethod, Sale, Visit
from rules.decisions.access import Access
from tests.cast import TODAY, create, raw_operation
from tests.conftest import House
from tests.views.pages import paid, rows_linked, visited

SHANGHAI = ZoneInfo("Asia/Shanghai")


def owner_access(house: House) -> Access:
    return access_for(house.actor("owner"))


def found(house: House, role: str = "owner", **args: object) -> list[int]:
    """The numbers of the customers a list shows, in its order."""
    page = house.browser(role).get(f"/customer/?{urlencode(args)}").text
    return [int(one) for one in re.findall(r'row-link" href="/customer/details/\?id=(\d+)"', page)]


def searched(house: House, words: str, role: str = "owner") -> list[int]:
    """What a search by the form finds: words are sent on to an address, numbers are not."""
    browser = house.browser(role)
    answer = browser.post("/customer/", {"q": words})
    page = browser.get(answer.location).text if answer.status_code == 302 else answer.text
    return [int(one) for one in re.findall(r'row-link" href="/customer/details/\?id=(\d+)"', page)]


@pytest.fixture
def wang(house: House) -> int:
    return create(
        "customer", name="单晓明", phone="15011112222", member_no="VIP0387", store_id=house.ids["first"], job="教师"
    )


@pytest.mark.parametrize(
    "words", ["单晓明", "晓明", "明", "shanxiaoming", "xiaoming", "sxm", "xm", "vip0387", "0387", "387"]
)
def test_she_is_found_by(house: House, wang: int, words: str) -> None:
    assert searched(house, words) == [wang]


@pytest.mark.parametrize("number", ["15011112222", "150 1111 2222", "+86 150-1111-2222", "2222"])
def test_she_is_found_by_number(house: House, wang: int, number: str) -> None:
    assert searched(house, number) == [wang]


def test_a_part_of_a_number_finds_nobody(house: House, wang: int) -> None:
    for part in ("1501111", "150", "11112222", "222"):
        assert wang not in searched(house, part, "reception")


def test_a_search_by_number_is_logged_without_the_number(house: House, wang: int) -> None:
    searched(house, "15011112222", "reception")
    [entry] = db.session.scalars(select(Operation).where(Operation.name == "search_number"))
    assert entry.detail == {"entity": "customer", "whole": True, "found": 1}


def test_a_search_by_number_stands_in_no_address(house: House, wang: int) -> None:
    answer = house.browser("reception").post("/customer/", {"q": "15011112222"})
    assert answer.status_code == 200
    assert not re.search(r'(href|action)="[^"]*15011112222', answer.text)


def test_searching_by_numbers_is_slowed_down(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from admin_app.operations import reading

    monkeypatch.setitem(reading.MOST_AN_HOUR, Name.SEARCH_NUMBER, 3)
    browser = house.browser("reception")
    answers = [browser.post("/customer/", {"q": f"000{n}"}).status_code for n in range(5)]
    assert answers == [200, 200, 200, 422, 422]


def test_filters_narrow_the_list(house: House, wang: int) -> None:
    anna, berta, cora = (house.ids[name] for name in ("anna", "berta", "cora"))
    assert found(house, stage="lead") == [wang, cora, berta, anna]
    assert found(house, stage="member,trial") == []
    assert found(house, store_id=house.ids["second"]) == [cora]
    assert found(house, **{"registered_on.from": "2020-01-01", "registered_on.to": "2020-12-31"}) == []
    assert found(house, **{"skin_type.empty": "yes", "store_id": house.ids["first"]}) == [wang, berta, anna]


@pytest.mark.parametrize("entity", ["payment", "sale", "visit", "appointment"])
def test_a_filter_by_a_moment_includes_its_last_day(sqlite_house: House, entity: str) -> None:
    """From 30 November to 30 November is that day, in the salon's time zone, on the page and in a file."""
    house, day = sqlite_house, date(2026, 11, 30)
    name = {"payment": "paid_at", "sale": "sold_at", "visit": "arrived_at", "appointment": "starts_at"}[entity]
    inside = [(0, 0), (12, 0), (23, 59)]
    moments = [datetime.combine(day, time(*at), SHANGHAI) for at in [*inside, (0, 0)]]
    moments = [*moments[:3], moments[3] + timedelta(1), moments[0] - timedelta(seconds=1)]
    with raw_operation():
        for number, at in enumerate(moments):
            _happened_at(house, entity, at, number + 1)
    browser = house.browser("owner")
    for asked in (
        f"{name}.from={day}&{name}.to={day}",
        f"{name}={day}",
        f"{name}.from={day} 00:00&{name}.to={day} 23:59",
    ):
        page = browser.get(f"/{entity}/?{asked}").text
        assert len(rows_linked(page, entity)) == 3, asked
        file = browser.get(f"/{entity}/export/csv/?{asked}").data.decode("utf-8-sig")
        assert len(file.strip().splitlines()) == 1 + 3, asked
    assert len(rows_linked(browser.get(f"/{entity}/?{name}.to={day}").text, entity)) == 4
    assert "notice warn" in browser.get(f"/{entity}/?{name}.to=9999-12-31").text


def _happened_at(house: House, entity: str, at: datetime, number: int) -> None:
    place = {"customer_id": house.ids["anna"], "store_id": house.ids["first"], "business_day": TODAY}
    if entity == "visit":
        db.session.add(Visit(**place | {"business_day": TODAY - timedelta(number)}, arrived_at=at))
    elif entity == "appointment":
        span = {"starts_at": at, "ends_at": at + timedelta(hours=1)}
        db.session.add(Appointment(**place, **span, booked_on=TODAY, source=AppointmentSource.PHONE))
    else:
        sale = Sale(**place, number=number, sold_at=at, total=100)
        db.session.add(sale)
        db.session.flush()
        db.session.add(Payment(**place, sale_id=sale.id, paid_at=at, method=PaymentMethod.CASH, amount=100))


def test_a_name_is_found_in_traditional_and_in_simplified_characters(sqlite_house: House) -> None:
    """By the search and by the filter «contains»; the name itself stays as it was written."""
    zhang = create("customer", name="張麗華", store_id=sqlite_house.ids["first"])
    for said in ("张丽华", "張麗華", "丽华", "麗"):
        assert found(sqlite_house, q=said) == [zhang], said
        assert found(sqlite_house, **{"name.has": said}) == [zhang], said
    assert found(sqlite_house, **{"name.has": "丽张"}) == []
    assert db.session.get_one(Customer, zhang).name == "張麗華"


def test_a_filter_by_text_takes_percent_signs_as_they_are(house: House) -> None:
    odd = create("customer", name="百分", habits="每周 100% 到店", store_id=house.ids["first"])
    assert found(house, **{"habits.has": "100%"}) == [odd]
    assert found(house, **{"habits.has": "1%0"}) == []


@pytest.mark.parametrize(
    "args",
    [
        {"stage": "nonsense"},
        {"registered_on.from": "2026-02-30"},
        {"nonsense": "1"},
        {"birth_year.from": "abc"},
        {"stage.has": "x"},
        {"phone": "13900000001"},
        {"sort": "phone"},
        {"sort": "nonsense"},
        {"last_visit.from": "2026-13-40"},
        {"page": "-1"},
        {"page": "0"},
        {"page": "abc"},
        {"page": "9" * 40},
        {"size": "100000"},
        {"archived": "perhaps"},
    ],
    ids=str,
)
def test_what_cannot_be_understood_is_said_and_no_row_is_shown(sqlite_house: House, args: dict[str, str]) -> None:
    """A list without the filter that was asked for would pass for one with it."""
    answer = sqlite_house.browser("owner").get(f"/customer/?{urlencode(args)}")
    assert answer.status_code == 422
    assert 'class="notice warn"' in answer.text
    assert 'class="row-link"' not in answer.text
    [(name, said)] = args.items()
    for link in re.findall(r'href="(/customer/export/[^"]*)"', answer.text):
        assert name in {"page", "size", "sort"} or parse_qs(urlsplit(unescape(link)).query)[name] == [said]


def test_a_filter_that_is_none_stands_in_its_control_with_the_columns_name(sqlite_house: House) -> None:
    page = sqlite_house.browser("owner").get("/customer/?last_visit.from=2026-13-40").text
    control = re.search(r'<input id="([^"]*)" name="last_visit.from" type="text" value="2026-13-40"', page)
    assert control is not None
    assert f'id="{control[1]}-fault"' in page
    assert "last_visit.from" not in re.findall(r'<p class="notice warn"[^>]*><strong>([^<]*)', page)[0]


def test_a_page_beyond_the_last_is_not_there_and_says_so(sqlite_house: House) -> None:
    for page in ("2", "99999999"):
        answer = sqlite_house.browser("owner").get(f"/customer/?page={page}", headers={"Accept-Language": "en"})
        assert (answer.status_code, f"There is no page {page}." in answer.text) == (404, True)
    assert sqlite_house.browser("owner").get("/customer/?q=%2500").status_code == 200


def test_pages_follow_one_another_without_a_gap(house: House) -> None:
    for number in range(25):
        create("customer", name=f"客{number}", store_id=house.ids["first"])
    pages = [found(house, page=page, sort="name") for page in (1, 2)]
    everybody = set(db.session.scalars(select(Customer.id)))
    assert len(pages[0]) == 20
    assert set(pages[0]) | set(pages[1]) == everybody
    assert not set(pages[0]) & set(pages[1])


def test_the_order_can_be_turned(house: House) -> None:
    assert found(house, sort="name") == found(house, sort="-name")[::-1]


def test_empty_controls_leave_the_address_clean(house: House) -> None:
    answer = house.browser("owner").get("/customer/?stage=&skin_type=dry&skin_type=oily&archived=")
    assert answer.status_code == 302
    assert answer.location == "/customer/?skin_type=dry,oily"


def test_archived_rows_are_left_out_until_asked_for(house: House) -> None:
    house.browser("owner").post("/customer/delete/", {"id": house.ids["berta"]})
    assert house.ids["berta"] not in found(house)
    assert found(house, archived="yes") == [house.ids["berta"]]
    assert house.ids["berta"] in found(house, archived="all")


def test_what_was_filtered_can_be_taken_out_again(house: House) -> None:
    page = house.browser("owner").get("/customer/?stage=lead&skin_type.empty=yes").text
    assert 'href="/customer/?skin_type.empty=yes"' in page
    assert 'href="/customer/?stage=lead"' in page


# ------------------------------------------------------------------- what a row refers to


def shown(house: House, address: str, role: str = "owner") -> tuple[list[int], bool]:
    """The numbers of the rows that a list shows, and whether it says that it could not understand a filter."""
    page = house.browser(role).get(address).text
    entity = address.split("/")[1]
    return rows_linked(page, entity), '<p class="notice warn"><strong>' in page


def test_a_filter_may_ask_what_a_row_refers_to(house: House) -> None:
    visited(house, TODAY, "anna")
    visited(house, TODAY - timedelta(1), "berta")
    lead, _ = shown(house, "/visit/?customer_id.member_no.has=V001")
    both, _ = shown(house, "/visit/?customer_id.store_id.name.has=第一")
    assert (len(lead), len(both)) == (1, 2)
    assert shown(house, "/visit/?customer_id.store_id.name.has=第二") == ([], False)
    assert shown(house, f"/visit/?customer_id.first_visit_on.from={TODAY}")[0] == []


def test_a_row_may_refer_to_its_like(house: House) -> None:
    first = create("customer", name="介绍人", store_id=house.ids["first"], member_no="R1")
    second = create("customer", name="来的人", store_id=house.ids["first"], referrer_id=first)
    assert shown(house, "/customer/?referrer_id.member_no.has=R1")[0] == [second]


def test_it_finds_nothing_by_what_she_does_not_see(house: House) -> None:
    """The payment is in her store; whose it is, is none of her business."""
    paid(house, TODAY, 10_000, customer="cora")
    assert len(shown(house, "/payment/?customer_id.member_no.has=V003")[0]) == 1
    assert len(shown(house, "/payment/", "manager")[0]) == 1
    assert shown(house, "/payment/?customer_id.member_no.has=V003", "manager") == ([], False)


@pytest.mark.parametrize(
    ("role", "address"),
    [
        ("finance", "/visit/?customer_id.address.has=x"),  # hidden from her
        ("owner", "/visit/?customer_id.phone.has=1"),  # encrypted
        ("finance", "/sale/?approval_id.asked_by.login.has=x"),  # users are not hers to see
        ("owner", "/visit/?customer_id.store_id.nothing=1"),
        ("owner", "/visit/?business_day.store_id=1"),
    ],
)
def test_it_asks_nothing_that_she_could_not_ask_there(sqlite_house: House, role: str, address: str) -> None:
    assert shown(sqlite_house, address, role)[1]


def test_it_is_said_and_kept_by_the_filter_form(house: House) -> None:
    address = "/visit/?customer_id.stage=member&left_at.empty=yes"
    page = house.browser("owner").get(address, headers={"Accept-Language": "en"}).text
    assert "Customer · Stage: Member" in page
    assert re.search(r'name="customer_id.stage" value="member" checked', page)
    assert re.search(r'name="left_at.empty".*?<option value="yes" selected>', page, re.DOTALL)
