"""The auditor looks at what was given away, priced by hand and taken back; she can change none of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from models.log import Operation
from models.names import Name
from models.sales import Sale
from tests.cast import password_of
from tests.e2e.conftest import Street
from tests.e2e.pictures import picture
from tests.e2e.salon import Salon, pick, row


@pytest.fixture
def odd_day(street: Street, salon: Salon) -> Salon:
    """A gift, a price that the manager allowed at the till, and a sale taken back."""
    told = {"customer": salon.ids["anna"], "store": salon.ids["first"]}
    salon.do(Name.GIVE_GIFT, product=salon.ids["cream"], why="生日小礼", **told)
    number = salon.sold("neck")
    salon.do(Name.REVERSE_SALE, sale=number, lines=[], why="项目选错了")
    _sold_for_less(street.window("reception", width=820), salon)
    return salon


def _sold_for_less(page: Page, salon: Salon) -> None:
    page.goto(f"/do/sell/?on={salon.ids['anna']}")
    line = row(page, "lines", 1)
    pick(line.get_by_label("项目"), "补水护理")
    pick(line.get_by_label("美容师"), salon.names["therapist"])
    line.locator("summary").click()
    line.get_by_label("改价", exact=True).fill("200")
    line.get_by_label("改价原因").fill("老顾客补偿")
    page.get_by_label("整单支付方式").select_option(label="现金")
    page.locator("form > .more-fields summary").click()
    page.get_by_label("审批人", exact=True).fill("manager")
    page.get_by_label("审批人的 PIN 或密码").fill(password_of("manager"))
    picture(page, "approval")
    page.get_by_role("button", name="计算金额").click()
    page.locator("main .sticky .primary").click()
    expect(page.locator(".toast").first).to_contain_text("¥200.00")


@pytest.fixture
def auditor(street: Street, odd_day: Salon) -> Page:
    return street.window("auditor", width=900)


def papers(page: Page, kind: str) -> Page:
    """The papers of a kind, from the page of all of them."""
    page.goto("/odd-papers")
    page.locator("table.papers").get_by_role("link", name=kind, exact=True).click()
    expect(page.locator("h1")).to_have_text(kind)
    return page


def test_she_sees_a_gift_and_who_gave_it(auditor: Page, odd_day: Salon) -> None:
    seen = papers(auditor, "礼品").locator("tbody tr")
    for told in ("保湿面霜", "生日小礼", odd_day.names["reception"]):
        expect(seen).to_contain_text(told)
    seen.locator("a[href^='/log/']").click()
    expect(auditor.locator("h1")).to_have_text("赠送")
    expect(auditor.locator(".facts")).to_contain_text(odd_day.names["reception"])


def test_she_sees_a_changed_price_who_took_it_and_who_allowed_it(auditor: Page, odd_day: Salon) -> None:
    picture(papers(auditor, "手工改价"), "auditor-prices")
    seen = auditor.locator("tbody tr")
    for told in ("补水护理", "¥98.00", "老顾客补偿", odd_day.names["reception"]):
        expect(seen).to_contain_text(told)
    allowed = papers(auditor, "现场审批").locator("tbody tr")
    expect(allowed).to_contain_text(odd_day.names["manager"])


def test_she_sees_what_was_taken_back_by_whom_and_why(auditor: Page, odd_day: Salon) -> None:
    seen = papers(auditor, "撤单").locator("tbody tr")
    for told in ("¥168.00", "项目选错了", odd_day.names["reception"]):
        expect(seen).to_contain_text(told)
    auditor.goto("/odd-papers")
    expect(auditor.locator(".notice.good")).to_be_visible()
    picture(auditor, "odd-papers")


def test_nothing_that_she_can_press_changes_anything(auditor: Page, odd_day: Salon) -> None:
    anna, sale = odd_day.ids["anna"], odd_day.rows(Sale)[-1].id
    for address in (
        f"/customer/details/?id={anna}",
        f"/sale/details/?id={sale}",
        "/odd-papers",
        "/gift_issue/",
        "/customer/",
        "/",
    ):
        auditor.goto(address)
        expect(auditor.locator("main h1")).to_be_visible()
        assert auditor.locator("main :is(a[href*='/do/'], a[href*='/new/'], a[href*='/edit/'])").count() == 0
        assert auditor.locator("main form[method=post] button:not([type=button])").count() == 0


@pytest.mark.parametrize("name", ["sell", "recharge", "give_gift", "reverse_sale", "book", "close_day"])
def test_what_she_sends_all_the_same_is_refused_and_written_down(auditor: Page, odd_day: Salon, name: str) -> None:
    auditor.goto("/")
    csrf = auditor.locator('meta[name="csrf"]').get_attribute("content") or ""
    before = len(odd_day.rows(Sale))
    told = {"csrf_token": csrf, "customer": odd_day.ids["anna"], "amount": "100", "method": "cash"}
    answer = auditor.request.post(f"/do/{name}/?on={odd_day.ids['anna']}", form={**told, "why": "试一试"})
    assert answer.status == 403
    assert len(odd_day.rows(Sale)) == before
    last = odd_day.rows(Operation)[-1]
    assert (last.kind.value, last.actor_name) == ("refusal", odd_day.names["auditor"])
