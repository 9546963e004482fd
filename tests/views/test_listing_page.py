"""The filter panel of a list, and addresses that nobody meant."""

from __future__ import annotations

import re

import pytest

from models.customers import Stage
from models.entity import db
from models.organisation import Store
from tests.cast import ROLES, raw_operation
from tests.conftest import House
from tests.views import oracle
from tests.views.pages import main_part
from views.forms import SHORT_LIST


def panel(house: House, address: str = "/customer/", role: str = "owner") -> str:
    page = main_part(house.browser(role).get(address).text)
    return page[page.index('class="filter-form"') :].partition("</form>")[0]


def options(panel_text: str, name: str) -> list[str]:
    found = re.search(rf'<select[^>]*name="{name}"[^>]*>(.*?)</select>', panel_text, re.DOTALL)
    assert found is not None
    return re.findall(r"<option[^>]*>([^<]+)</option>", found[1])


def test_a_choice_offers_its_values_and_shows_the_chosen(sqlite_house: House) -> None:
    text = panel(sqlite_house, "/customer/?stage=lead,member")
    assert re.findall(r'name="stage" value="(\w+)"', text) == [stage.value for stage in Stage]
    assert re.findall(r'name="stage" value="(\w+)" checked', text) == ["lead", "member"]


def test_a_short_reference_is_chosen_and_a_long_one_is_searched(sqlite_house: House) -> None:
    assert options(panel(sqlite_house), "store_id") == ["第一店", "第二店"]
    with raw_operation():
        db.session.add_all(Store(name=f"分店{number}") for number in range(SHORT_LIST))
    first = sqlite_house.ids["first"]
    text = panel(sqlite_house, f"/customer/?store_id={first}")
    assert 'data-lookup="store"' in text
    assert options(text, "store_id") == ["第一店"]


def test_a_reference_offers_only_rows_that_exist_for_her(sqlite_house: House) -> None:
    assert options(panel(sqlite_house, role="manager"), "store_id") == ["第一店"]


@pytest.mark.parametrize("role", ROLES)
def test_nothing_that_is_masked_or_hidden_can_be_filtered_by(sqlite_house: House, role: str) -> None:
    names = set(re.findall(r'name="(\w+)[."]', panel(sqlite_house, role=role)))
    privacy = {"job": "personal", "phone": "personal", "wechat": "personal", "address": "personal"}
    clear = {name for name, one in privacy.items() if oracle.sight(role, f"customer.{name}", one) == "clear"}
    encrypted = {"phone", "wechat", "address"}
    assert names & set(privacy) == clear - encrypted


@pytest.mark.parametrize(
    "address",
    [
        "/customer/?q=%00",
        "/customer/?notes.has=%00",
        "/customer/?store_id=²",
        "/customer/?store_id=9007199254740993",
        "/customer/?birth_year.from=9007199254740992",
        "/customer/?page=²",
        "/customer/ajax/lookup/?q=%00",
        "/customer/export/csv/?q=%00",
        "/customer/details/?id=²",
        "/customer/details/?id=99999999999999999999",
        "/payment/?paid_at.from=0001-01-01",
        "/payment/?paid_at.to=9999-12-31",
    ],
)
def test_no_address_breaks_a_page(house: House, address: str) -> None:
    assert house.browser("owner").get(address, follow_redirects=True).status_code in {200, 400, 404, 422}
