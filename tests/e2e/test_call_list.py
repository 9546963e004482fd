"""A consultant's calls of the day."""

from __future__ import annotations

from datetime import timedelta

import time_machine
from playwright.sync_api import expect

from tests.e2e.conftest import Street
from tests.e2e.pictures import picture
from tests.e2e.salon import MORNING, Salon


def test_whom_to_call_and_what_to_say(street: Street, salon: Salon) -> None:
    with time_machine.travel(MORNING - timedelta(days=350), tick=True):
        salon.card_opened()
    page = street.window("consultant", width=900)
    page.goto("/call-list")
    call = page.locator(".call", has_text="安娜")
    expect(call.locator(".call-text")).to_contain_text("补水护理五次卡")
    picture(page, "call-list")
    call.get_by_role("link", name="登记沟通").click()
    expect(page.locator(".strip")).to_contain_text("安娜")
