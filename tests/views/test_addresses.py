"""Every number in an address has a maximum: beyond it there is no page, and never a fault of ours."""

from __future__ import annotations

import pytest
from werkzeug.routing import IntegerConverter, Rule

from admin_app.values import LARGEST_ID
from models.entity import entities
from models.field import Kind
from tests.conftest import House

HUGE = (2**63, 2**64, LARGEST_ID, 10**40)
WRITTEN = ("9223372036854775808", "9" * 40, "-1", "0", "²", "٣", "1e5", "9999-12-31", "0001-01-01")
NUMBERS = {Kind.NUMBER, Kind.MONEY, Kind.DAY, Kind.INSTANT, Kind.REFERENCE}


def with_a_number(house: House) -> list[tuple[Rule, str]]:
    """The routes with an integer in them, and its name."""
    return [
        (rule, name)
        for rule in house.app.url_map.iter_rules()
        for name, converter in rule._converters.items()
        if isinstance(converter, IntegerConverter)
    ]


def test_every_integer_of_a_route_has_a_maximum(sqlite_house: House) -> None:
    rules = with_a_number(sqlite_house)
    assert len(rules) >= 6
    for rule, name in rules:
        assert rule._converters[name].max == LARGEST_ID - 1, rule


def test_a_number_too_large_for_the_database_is_no_page(house: House) -> None:
    browser = house.browser("owner")
    for rule, name in with_a_number(house):
        assert rule.methods is not None
        for number in HUGE:
            address = rule.rule.replace(f"<int:{name}>", str(number))
            answer = browser.get(address) if "GET" in rule.methods else browser.post(address)
            assert answer.status_code == 404, address


@pytest.mark.parametrize("written", WRITTEN)
def test_a_list_answers_whatever_number_stands_in_its_address(house: House, written: str) -> None:
    browser = house.browser("owner")
    for address in ("/customer/?page={}", "/customer/?size={}", "/customer/details/?id={}", "/log?before={}&id={}"):
        assert browser.get(address.format(written, written)).status_code in {200, 302, 404, 422}, address
    for address in ("/bookings?day={}&store={}", "/fees?month={}", "/day-report?day={}", "/odd-papers?from={}&to={}"):
        assert browser.get(address.format(written, written)).status_code in {200, 404, 422}, address
    for entity in entities():
        if entity.screen is not None:
            said = [f"{one.name}.from={written}" for one in entity.fields().values() if one.kind in NUMBERS]
            assert browser.get(f"/{entity.named()}/?{'&'.join(said)}").status_code in {200, 422}, entity


@pytest.mark.parametrize(
    ("role", "address", "status"),
    [
        ("owner", "/bookings?day=0001-01-01", 422),
        ("owner", "/bookings?store=abc", 422),
        ("owner", "/fees?month=soon", 422),
        ("owner", "/call-list?why=abc", 422),
        ("owner", "/odd-papers/gifts?before=abc", 422),
        ("therapist", "/my-day?day=abc", 422),
        *[("reception", f"/do/sell/?on={said}", 404) for said in ("0", "-1", "abc", "1,abc", 10**30)],
    ],
)
def test_a_value_that_is_none_is_not_dropped(sqlite_house: House, role: str, address: str, status: int) -> None:
    assert sqlite_house.browser(role).get(address).status_code == status
