"""A therapist's day on her phone: who comes, what must be known of her, what was done, and what went wrong."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from models.care import FollowUp, Treatment
from models.standing import Alert
from tests.e2e.conftest import Street
from tests.e2e.pictures import picture
from tests.e2e.salon import Salon, pick

PHONE = 360
RED = "(one => getComputedStyle(one).color.match(/\\d+/g).slice(0, 3).map(Number))"


@pytest.fixture
def phone(street: Street, salon: Salon) -> Page:
    """Her phone, on a day on which Anna and Berta are booked with her."""
    salon.booked("anna", "facial", 11)
    salon.booked("berta", "neck", 14)
    page = street.window("therapist", width=PHONE, touch=True)
    page.goto("/my-day")
    return page


def test_what_is_dangerous_for_her_stands_in_red_on_the_day_and_on_her_page(phone: Page) -> None:
    guest = phone.locator(".guest", has_text="安娜")
    expect(guest.locator(".dangers")).to_contain_text("果酸")
    picture(phone, "my-day")
    guest.get_by_role("link", name="安娜").tap()
    expect(phone.locator("h1")).to_have_text("安娜")
    danger = phone.locator(".dangers")
    expect(danger).to_contain_text("果酸")
    red, green, blue = danger.evaluate(RED)
    assert red > 100 + max(green, blue)
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_from_her_arrival_to_an_adverse_reaction_that_the_manager_hears_of(
    phone: Page, street: Street, salon: Salon
) -> None:
    anna = phone.locator(".guest", has_text="安娜")
    anna.get_by_role("link", name="到店", exact=True).tap()
    phone.locator("main .sticky .primary").tap()
    phone.wait_for_url("**/my-day")
    anna.get_by_role("link", name="记录护理").tap()
    expect(phone.get_by_label("美容师").locator("option:checked")).to_contain_text(salon.names["therapist"])
    phone.get_by_label("效果").select_option(label="不良反应")
    phone.get_by_label("不良反应", exact=True).fill("两颊泛红发热，冷敷十五分钟后缓解")
    phone.get_by_label("护理建议").fill("三天内不用酸类产品")
    picture(phone, "treatment")
    phone.locator("main .sticky .primary").tap()
    phone.wait_for_url("**/my-day")
    assert [row.adverse_reaction for row in salon.rows(Treatment)] == ["两颊泛红发热，冷敷十五分钟后缓解"]
    assert [row.days_after for row in salon.rows(FollowUp)] == [3]
    assert [(row.to_role, row.severity.value) for row in salon.rows(Alert)] == [("manager", "urgent")]
    manager = street.window("manager", width=900)
    manager.goto("/")
    expect(manager.locator("main")).to_contain_text(re.compile("安娜 .+护理后出现不良反应"))
    picture(manager, "manager-today", whole=False)


def test_a_treatment_that_is_contraindicated_is_stopped_until_a_reason_is_given(phone: Page, salon: Salon) -> None:
    phone.goto(f"/do/record_treatment/?on={salon.ids['anna']}&staff={salon.ids['therapist_staff']}")
    pick(phone.get_by_label("项目"), "果酸焕肤")
    phone.locator("main .sticky .primary").tap()
    expect(phone.locator(".fault")).to_contain_text("果酸")
    reason = phone.get_by_label("仍要进行的理由")
    expect(reason).to_be_focused()
    assert salon.rows(Treatment) == []
    reason.fill("浓度减半，已做斑贴测试")
    phone.locator("main .sticky .primary").tap()
    expect(phone.locator(".toast").first).to_be_visible()
    assert len(salon.rows(Treatment)) == 1
