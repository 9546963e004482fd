"""How the forms and pages of a salon's day look and are heard, with something on each of them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from models.names import Name
from tests.e2e.conftest import Street
from tests.e2e.salon import Salon
from tests.e2e.test_look import serious

PAGES = {
    "customer": "/customer/details/?id={anna}",
    "sell": "/do/sell/?on={anna}",
    "recharge": "/do/recharge/?on={anna}",
    "open a card": "/do/open_card/?on={anna}",
    "redeem": "/do/redeem_session/?on={anna}",
    "book": "/do/book/?on={anna}",
    "treatment": "/do/record_treatment/?on={anna}",
    "take back": "/do/reverse_sale/?on={sale}",
    "close the day": "/do/close_day/",
    "booking day": "/bookings",
    "call list": "/call-list",
    "day report": "/day-report",
    "odd papers": "/odd-papers",
    "taken back": "/odd-papers/reversals",
    "staff performance": "/fees",
    "sale": "/sale/details/?id={sale}",
}
LOOKS = [(False, "zh-CN"), (True, "en")]


@pytest.fixture
def day(street: Street, salon: Salon) -> Salon:
    """A recharge, a card, a sale, one taken back, and two bookings."""
    salon.recharged(1000)
    salon.card_opened()
    salon.ids["sale"] = salon.sold("neck", method="stored_value")
    salon.do(Name.REVERSE_SALE, sale=salon.sold("facial"), lines=[], why="项目选错了")
    salon.booked("anna", "facial", 11)
    salon.booked("berta", "neck", 14)
    return salon


def faults(page: Page) -> list[object]:
    """What axe finds serious, and what leaves the window sideways."""
    over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return [*serious(page), *([f"{over} px too wide"] if over > 0 else [])]


@pytest.mark.parametrize(
    ("width", "dark", "language"), [(820, False, "zh-CN"), (360, True, "en")], ids=["820-light-zh", "360-dark-en"]
)
def test_every_page_of_the_day(street: Street, day: Salon, width: int, dark: bool, language: str) -> None:
    page = street.window("owner", width=width, dark=dark, language=language)
    found = {}
    for name, address in PAGES.items():
        page.goto(address.format(**day.ids))
        if told := faults(page):
            found[name] = told
    assert found == {}


@pytest.mark.parametrize(("dark", "language"), LOOKS, ids=["light-zh", "dark-en"])
def test_a_working_and_a_refusal(street: Street, day: Salon, dark: bool, language: str) -> None:
    page = street.window("reception", width=360, dark=dark, language=language)
    page.goto(f"/do/recharge/?on={day.ids['anna']}")
    page.fill("#amount", "1000")
    page.select_option("#method", "wechat")
    page.click("main .sticky .primary")
    expect(page.locator(".working")).to_be_visible()
    assert faults(page) == []
    page.goto(f"/do/book/?on={day.ids['berta']}")
    page.fill("#starts_at", "2026-11-22T11:00")
    page.select_option("#services-0-service", str(day.ids["facial"]))
    page.select_option("#services-0-staff", str(day.ids["therapist_staff"]))
    page.click("main .sticky .primary")
    expect(page.locator("#starts_at-fault")).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize(("dark", "language"), LOOKS, ids=["light-zh", "dark-en"])
def test_a_therapists_day_on_her_phone(street: Street, day: Salon, dark: bool, language: str) -> None:
    page = street.window("therapist", width=360, dark=dark, language=language)
    page.goto("/my-day")
    expect(page.locator(".guest")).to_have_count(2)
    assert faults(page) == []
