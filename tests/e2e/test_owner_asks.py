"""The owner asks where money went: from a sum to the entries, the operation and the person."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from models.names import Name
from tests.e2e.conftest import Street
from tests.e2e.pictures import picture
from tests.e2e.salon import Salon


class Clicks:
    """Counts what is clicked on."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    def on(self, selector: str) -> None:
        self.page.locator(selector).first.click()
        self.page.wait_for_load_state()
        self.count += 1


def test_where_did_these_300_yuan_go(street: Street, salon: Salon) -> None:
    salon.recharged(300)
    sale = salon.sold("neck", method="stored_value")
    recharge = sale - 1
    salon.do(Name.REVERSE_SALE, sale=sale, lines=[], why="项目选错了")
    salon.do(Name.REVERSE_SALE, role="manager", sale=recharge, lines=[], why="顾客当天退款")
    page = street.window("owner", width=900)
    page.goto("/payment/?amount.to=-300&amount.from=-300")
    expect(page.locator("tbody tr")).to_have_count(1)
    clicks = Clicks(page)
    clicks.on("tbody .row-link")
    expect(page.locator("h1")).to_contain_text("¥300.00")
    clicks.on("main a:text('变更历史')")
    expect(page.locator(".timeline li").first).to_contain_text(salon.names["manager"])
    picture(page, "owner-history")
    clicks.on(".timeline a[href^='/log/']")
    expect(page.locator("h1")).to_have_text("冲销")
    expect(page.locator(".facts")).to_contain_text(salon.names["manager"])
    expect(page.locator(".facts")).to_contain_text("顾客当天退款")
    entries = page.locator("section.related", has_text="账目流水")
    assert {"-30000", "30000"} <= set(entries.locator("td.new").all_text_contents())
    picture(page, "owner-entry", whole=False)
    assert clicks.count <= 3


def test_from_a_customers_balance_to_whoever_changed_it(street: Street, salon: Salon) -> None:
    salon.recharged(300)
    page = street.window("owner")
    page.goto(f"/customer/details/?id={salon.ids['anna']}")
    clicks = Clicks(page)
    clicks.on("section.related:has(h2:text('账目流水')) tbody tr:has-text('储值本金') td:last-child a")
    clicks.on("main a:text('变更历史')")
    clicks.on(".timeline a[href^='/log/']")
    expect(page.locator("h1")).to_have_text("充值")
    expect(page.locator(".facts")).to_contain_text(salon.names["reception"])
    assert clicks.count <= 3
