"""The owner asks where money went: from a sum to the entries, the operation and the person."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from models.names import Name
from models.sales import Sale
from tests.e2e.conftest import Street
from tests.e2e.pictures import picture
from tests.e2e.salon import Salon

MOST = 3
"""Clicks from a figure to whatever is behind it."""


class Clicks:
    """Counts what is clicked on."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    def on(self, selector: str) -> None:
        self.page.locator(selector).first.click()
        self.page.wait_for_load_state()
        self.count += 1


def figure(label: str) -> str:
    """A figure of the day report, by its label."""
    return f".report tr:has(th:text('{label}')) td a"


@pytest.fixture
def owner(street: Street, salon: Salon) -> Page:
    """The day report, after somebody has paid in 300 yuan, used some of it, and been given all of it back."""
    salon.recharged(300)
    used = salon.sold("neck", method="stored_value")
    salon.do(Name.REVERSE_SALE, sale=used, lines=[], why="项目选错了")
    salon.do(Name.REVERSE_SALE, role="manager", sale=salon.rows(Sale)[0].id, lines=[], why="顾客当天退款")
    page = street.window("owner", width=900)
    page.goto("/day-report")
    return page


def test_where_did_these_300_yuan_go(owner: Page, salon: Salon) -> None:
    picture(owner, "day-report", whole=False)
    clicks = Clicks(owner)
    expect(owner.locator(figure("退出金额"))).to_have_text("-¥300.00")
    clicks.on(figure("退出金额"))
    expect(owner.locator("tbody tr")).to_have_count(1)
    clicks.on("tbody .row-link")
    clicks.on("main a:text('变更历史')")
    entry = owner.locator(".timeline li").first
    for told in ("撤单", salon.names["manager"], "顾客当天退款"):
        expect(entry).to_contain_text(told)
    assert clicks.count <= MOST


def test_from_what_is_owed_to_customers_to_the_entries_the_operation_and_the_person(owner: Page, salon: Salon) -> None:
    clicks = Clicks(owner)
    clicks.on(figure("储值本金"))
    rows = owner.locator("tbody tr")
    expect(rows.filter(has_text="-¥300.00")).to_have_count(1)
    expect(rows.filter(has_text="¥168.00")).to_have_count(2)
    picture(owner, "owner-entries")
    clicks.on("tbody tr:has-text('-¥300.00') a[href^='/log/']")
    expect(owner.locator("h1")).to_have_text("撤单")
    expect(owner.locator(".facts")).to_contain_text(salon.names["manager"])
    expect(owner.locator(".facts")).to_contain_text("顾客当天退款")
    expect(owner.locator("section.related", has_text="账目流水").first).to_be_visible()
    picture(owner, "owner-operation", whole=False)
    assert clicks.count <= MOST


def test_what_belongs_to_a_customer_is_read_when_it_is_opened(owner: Page, salon: Salon) -> None:
    """By the script, without another page; what was read once is not read again."""
    owner.goto(f"/customer/details/?id={salon.ids['anna']}")
    visits = owner.locator("[id='visit.customer_id']")
    expect(visits.locator("table")).to_have_count(0)
    asked: list[str] = []
    owner.on("request", lambda request: asked.append(request.url))
    heading = visits.locator("summary")
    for visible in (True, False, True):
        heading.click()
        expect(visits.locator("tbody tr")).to_have_count(1)
        expect(visits.locator("tbody")).to_be_visible(visible=visible)
    assert sum("/customer/related/" in one for one in asked) == 1
    assert owner.url.endswith(f"/customer/details/?id={salon.ids['anna']}")
