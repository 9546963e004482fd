"""Search everywhere: by name, pinyin, initials and numbers; only what is hers; nothing of a query runs."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from admin_app.operations import reading
from models.entity import db
from models.log import EntryKind, Operation
from models.names import Name
from tests.cast import ROLES, create
from tests.conftest import House
from tests.factory import fill
from tests.views import oracle
from tests.views.pages import main_part


@pytest.fixture
def shan(house: House) -> int:
    """A customer of the first store with a reading of her surname of its own."""
    values = {"phone": "15011112222", "member_no": "VIP0387", "store_id": house.ids["first"]}
    return create("customer", name="单晓明", **values)


def found(house: House, query: str, role: str = "owner") -> list[str]:
    """Where the search leads: the one finding, or the findings of the page."""
    browser = house.browser(role)
    answer = browser.post("/search", {"q": query})
    if answer.status_code == 302 and answer.location.startswith("/search"):
        answer = browser.get(answer.location)
    if answer.status_code == 302:
        return [answer.location]
    assert answer.status_code == 200
    return [unescape(one) for one in re.findall(r'<li><a href="(/\w+/details/\?id=\d+)"', main_part(answer.text))]


def page(house: House, query: str, role: str = "owner") -> str:
    """The page on which several, or none, are shown."""
    return main_part(house.browser(role).get(f"/search?{urlencode({'q': query})}").text)


@pytest.mark.parametrize(
    "query",
    ["单晓明", "晓明", "明", "shanxiaoming", "xiaoming", "sxm", "xm", "SXM", " shan xiao ming ", "VIP0387", "vip0387"],
)
def test_she_is_found_by(house: House, shan: int, query: str) -> None:
    assert found(house, query) == [f"/customer/details/?id={shan}"]


@pytest.mark.parametrize("query", ["2222", "15011112222", "150 1111 2222", "+86 15011112222", "0387"])
def test_she_is_found_by_number(house: House, shan: int, query: str) -> None:
    assert found(house, query, "reception") == [f"/customer/details/?id={shan}"]


@pytest.mark.parametrize("query", ["1501", "111122", "150111122", "222", "150111122223"])
def test_a_part_of_a_number_finds_nobody(house: House, shan: int, query: str) -> None:
    assert found(house, query) == []


def test_several_findings_are_listed_customers_first(sqlite_house: House) -> None:
    for name in ("王芳", "王芳芳"):
        create("customer", name=name, store_id=sqlite_house.ids["first"])
    create("brand", name="王芳牌")
    places = found(sqlite_house, "王芳")
    assert [place.split("/")[1] for place in places] == ["customer", "customer", "brand"]


def test_a_customer_of_another_store_is_not_found(house: House) -> None:
    for query in ("柯拉", "kela", "kl", "V003", "0003", "13900000003"):
        assert found(house, query, "reception") == [], query
        assert found(house, query, "owner") == [f"/customer/details/?id={house.ids['cora']}"], query


def test_a_consultant_finds_her_own_customers_only(house: House) -> None:
    assert found(house, "安娜", "consultant") == [f"/customer/details/?id={house.ids['anna']}"]
    assert found(house, "贝塔", "consultant") == []


@pytest.mark.parametrize("role", ROLES)
def test_only_kinds_that_she_may_view_are_searched(sqlite_house: House, role: str) -> None:
    fill(sqlite_house)
    kinds = {place.split("/")[1] for query in ("name", "二店", "员工") for place in found(sqlite_house, query, role)}
    assert kinds
    assert {kind for kind in kinds if not oracle.may(role, "view", kind)} == set()


def test_nothing_found_offers_the_look_up_to_whom_it_is_permitted(sqlite_house: House) -> None:
    assert "/do/look_up_customer/" in page(sqlite_house, "没有这个人", "reception")
    assert "/do/look_up_customer/" not in page(sqlite_house, "没有这个人", "finance")


def test_the_whole_number_is_shown_to_nobody_who_sees_it_masked(house: House, shan: int) -> None:
    twin = {"phone": "15033332222", "store_id": house.ids["first"]}
    create("customer", name="另一位", **twin)
    answer = house.browser("reception").post("/search", {"q": "2222"})
    assert "单晓明" in answer.text
    assert "150••••2222" in answer.text
    assert "15011112222" not in answer.text
    assert "150 1111 2222" not in answer.text


def test_no_sensitive_value_is_told_beside_a_finding(sqlite_house: House) -> None:
    for name in ("李甲", "李乙"):
        number = create("customer", name=name, store_id=sqlite_house.ids["first"])
        create("contraindication", customer_id=number, kind="allergy", substance="青霉素")
    assert "李甲" in page(sqlite_house, "李")
    for query in ("李", "过敏", "青霉素"):
        assert "青霉素" not in page(sqlite_house, query).replace(f"“{query}”", "")


@pytest.mark.parametrize("query", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "'"])
def test_markup_in_a_query_is_shown_as_text(sqlite_house: House, query: str) -> None:
    answer = sqlite_house.browser("owner").get(f"/search?{urlencode({'q': query})}")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "<img" not in main_part(answer.text)
    assert ">49<" not in answer.text
    assert f"“{query}”" in unescape(answer.text)
    again = re.search(r'id="search"[^>]*value="([^"]*)"', answer.text)
    assert again is not None
    assert unescape(again[1]) == query


@pytest.mark.parametrize("query", ["%", "_", "\\", "' OR 1=1 --", "　", "🌸", "a" * 500, "²²²²", "٠١٢٣"])
def test_an_odd_query_finds_nothing_and_breaks_nothing(house: House, query: str) -> None:
    assert found(house, query) == []


def test_words_are_sent_on_and_numbers_are_not(house: House) -> None:
    browser = house.browser("reception")
    assert browser.post("/search", {"q": "安娜"}).location.startswith("/search?q=")
    answer = browser.post("/search", {"q": "13999999999"})
    assert answer.status_code == 200
    assert not re.search(r'(href|action)="[^"]*13999999999', answer.text)


def test_a_search_by_number_is_logged_without_the_number(house: House, shan: int) -> None:
    found(house, "15011112222", "reception")
    found(house, "2222", "reception")
    found(house, "单晓明", "reception")
    rows = db.session.scalars(select(Operation).where(Operation.name == "search_number").order_by(Operation.id)).all()
    assert [row.kind for row in rows] == [EntryKind.READ] * 2
    assert [row.detail for row in rows] == [
        {"entity": "customer", "whole": True, "found": 1},
        {"entity": "customer", "whole": False, "found": 1},
    ]


def test_trying_numbers_is_slowed_down(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reading.MOST_AN_HOUR, Name.SEARCH_NUMBER, 3)
    browser = house.browser("reception")
    assert [browser.post("/search", {"q": f"000{n}"}).status_code for n in range(4, 9)] == [200, 200, 200, 422, 422]


def test_words_are_not_slowed_down(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reading.MOST_AN_HOUR, Name.SEARCH_NUMBER, 0)
    assert found(sqlite_house, "安娜", "reception") == [f"/customer/details/?id={sqlite_house.ids['anna']}"]


def test_an_archived_customer_is_not_among_the_living(sqlite_house: House) -> None:
    """A list leaves her out until asked for her; a search finds nobody that the list does not."""
    sqlite_house.browser("owner").post("/customer/delete/", {"id": sqlite_house.ids["berta"]})
    assert "row-link" not in sqlite_house.browser("owner").get("/customer/?q=贝塔").text
    assert found(sqlite_house, "贝塔") == []


def test_an_empty_query_shows_the_empty_page(sqlite_house: House) -> None:
    answer = sqlite_house.browser("owner").post("/search", {"q": "   "})
    assert answer.status_code == 200
    assert 'class="empty"' not in answer.text
