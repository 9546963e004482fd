"""Reception at a busy hour, with a tablet: money in, sales, cards, sessions, bookings, and a mistake taken back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from models.booking import Appointment
from models.cards import Card
from models.sales import Confirmation, Payment, Sale, SaleLine
from models.till import Reversal
from tests.e2e.conftest import Street
from tests.e2e.keys import Keyboard
from tests.e2e.pictures import picture
from tests.e2e.salon import Salon, at, pick, row

TABLET = 820
TWENTY_SECONDS = 40
"""Presses: two a second, by somebody who does not hurry."""


@pytest.fixture
def tablet(street: Street, salon: Salon) -> Page:
    """Anna's page on the tablet of the front desk."""
    page = street.window("reception", width=TABLET, touch=True)
    page.goto(f"/customer/details/?id={salon.ids['anna']}")
    return page


def start(page: Page, label: str) -> None:
    """Press a button of her page."""
    page.locator(".actions").get_by_role("link", name=label, exact=True).tap()
    expect(page.locator("h1")).to_have_text(label)


def confirm(page: Page, total: str) -> None:
    """Have the total worked out, look at it, and do it."""
    page.get_by_role("button", name="计算金额").tap()
    expect(page.locator(".working tfoot")).to_contain_text(total)
    page.locator("main .sticky .primary").tap()
    expect(page.locator(".toast").first).to_contain_text(total)


def test_recharge(tablet: Page) -> None:
    start(tablet, "充值")
    tablet.get_by_label("金额").fill("1000")
    tablet.get_by_label("支付方式").select_option(label="微信支付")
    picture(tablet, "recharge-form")
    tablet.get_by_role("button", name="计算金额").tap()
    expect(tablet.locator(".working")).to_contain_text("50.00")
    picture(tablet, "recharge-working")
    tablet.locator("main .sticky .primary").tap()
    expect(tablet.locator(".slip-left")).to_contain_text("¥1,050.00")


def test_sell_two_lines_in_two_ways_of_paying(tablet: Page, salon: Salon) -> None:
    salon.recharged(1000)
    start(tablet, "收银")
    first = row(tablet, "lines", 1)
    pick(first.get_by_label("项目"), "补水护理")
    pick(first.get_by_label("美容师"), salon.names["therapist"])
    tablet.locator("button[name=more][value=lines]").tap()
    second = row(tablet, "lines", 2)
    expect(second.get_by_label("项目")).to_be_focused()
    pick(second.get_by_label("产品"), "保湿面霜")
    for place, (method, amount) in enumerate((("储值", "298"), ("现金", "200")), 1):
        tablet.locator("button[name=more][value=payments]").tap()
        paid = row(tablet, "payments", place)
        paid.get_by_label("支付方式").select_option(label=method)
        paid.get_by_label("金额").fill(amount)
    picture(tablet, "sell-form")
    confirm(tablet, "¥498.00")
    sale = salon.rows(Sale)[-1]
    assert [line.item for line in salon.rows(SaleLine, sale_id=sale.id)] == ["补水护理", "保湿面霜"]
    paid = {one.method.value: one.amount for one in salon.rows(Payment, sale_id=sale.id)}
    assert paid == {"stored_value": 29_800, "cash": 20_000}


def test_the_working_of_a_sale_is_seen_before_it_is_done(tablet: Page, salon: Salon) -> None:
    start(tablet, "收银")
    line = row(tablet, "lines", 1)
    pick(line.get_by_label("项目"), "肩颈按摩")
    line.get_by_label("数量").fill("2")
    pick(line.get_by_label("美容师"), salon.names["therapist"])
    tablet.get_by_label("整单支付方式").select_option(label="支付宝")
    tablet.get_by_role("button", name="计算金额").tap()
    expect(tablet.locator(".working tbody")).to_contain_text("肩颈按摩")
    expect(tablet.locator(".working tfoot")).to_contain_text("¥336.00")
    picture(tablet, "sell-working")
    assert salon.rows(Sale) == []


def test_open_a_card_and_redeem_a_session_with_her_signature(tablet: Page, salon: Salon) -> None:
    start(tablet, "开卡")
    pick(tablet.get_by_label("套餐"), "补水护理五次卡")
    tablet.get_by_label("整单支付方式").select_option(label="支付宝")
    confirm(tablet, "¥1,200.00")
    assert [card.name for card in salon.rows(Card)] == ["补水护理五次卡"]
    tablet.get_by_role("link", name="客户", exact=True).last.tap()
    start(tablet, "划卡")
    tablet.get_by_label("划卡项目").select_option(index=1)
    pick(tablet.get_by_label("美容师"), salon.names["therapist"])
    expect(tablet.get_by_label("确认方式").locator("option:checked")).to_have_text("小票签字")
    picture(tablet, "redeem-form")
    tablet.locator("main .sticky .primary").tap()
    expect(tablet.locator(".slip .signature")).to_be_visible()
    picture(tablet, "receipt")
    assert salon.rows(Sale)[-1].confirmed_by is Confirmation.SIGNATURE
    tablet.get_by_role("link", name="客户", exact=True).last.tap()
    held = tablet.locator(".cards-held progress")
    expect(held).to_have_attribute("value", "4")
    expect(held).to_have_attribute("max", "5")
    picture(tablet, "customer-after", whole=False)


def test_a_refused_booking_says_what_is_taken_and_when_there_is_room(tablet: Page, salon: Salon) -> None:
    salon.booked("berta", "facial", 11)
    start(tablet, "预约")
    tablet.get_by_label("时间").fill("2026-11-22T11:00")
    wanted = row(tablet, "services", 1)
    pick(wanted.get_by_label("项目"), "补水护理")
    pick(wanted.get_by_label("美容师"), salon.names["therapist"])
    tablet.locator("main .sticky .primary").tap()
    fault = tablet.locator("#starts_at-fault")
    expect(fault).to_contain_text(salon.names["therapist"])
    expect(fault).to_contain_text("12:00")
    expect(tablet.get_by_label("时间")).to_be_focused()
    picture(tablet, "book-refused")
    tablet.get_by_label("时间").fill("2026-11-22T12:00")
    tablet.locator("main .sticky .primary").tap()
    expect(tablet.locator(".columns.held")).to_contain_text("12:00")
    assert [one.starts_at for one in salon.rows(Appointment, customer_id=salon.ids["anna"])] == [at(12)]
    tablet.goto("/bookings")
    expect(tablet.locator(".board")).to_contain_text("安娜")
    picture(tablet, "bookings")


def test_a_mistake_is_taken_back_from_her_page(tablet: Page, salon: Salon) -> None:
    salon.recharged(500)
    number = salon.sold("neck", method="stored_value")
    tablet.reload()
    tablet.locator(f'a[href="/sale/details/?id={number}"]').first.tap()
    tablet.locator(".actions").get_by_role("link", name="撤单").tap()
    tablet.get_by_label("原因").fill("项目选错了")
    tablet.get_by_role("button", name="计算金额").tap()
    expect(tablet.locator(".working tfoot")).to_contain_text("¥168.00")
    picture(tablet, "take-back")
    tablet.locator("main .sticky .danger").tap()
    expect(tablet.locator(".toast").first).to_contain_text("撤单")
    assert [one.reason for one in salon.rows(Reversal)] == ["项目选错了"]
    tablet.goto(f"/customer/details/?id={salon.ids['anna']}")
    expect(tablet.locator(".figures.held")).to_contain_text("¥500.00")


def test_the_day_is_closed_with_the_cash_that_was_counted(tablet: Page, salon: Salon) -> None:
    salon.sold("facial")
    tablet.goto("/day_close/")
    tablet.get_by_role("link", name="日结", exact=True).tap()
    tablet.get_by_label("清点现金").fill("298")
    picture(tablet, "close-day")
    tablet.locator("main .sticky .primary").tap()
    expect(tablet.locator(".toast").first).to_be_visible()


# -------------------------------------------------------------------------------------------- by keyboard alone


def test_recharge_by_keyboard(tablet: Page) -> None:
    keys = Keyboard(tablet)
    keys.start("充值")
    keys.type("1000")
    keys.to("支付方式")
    keys.choose("支付方式", "微信支付")
    keys.press("Control+Enter")
    keys.confirm("¥1,000.00")
    expect(tablet.locator(".slip-left")).to_contain_text("¥1,050.00")
    assert keys.presses <= TWENTY_SECONDS


def test_sell_by_keyboard(tablet: Page, salon: Salon) -> None:
    keys = Keyboard(tablet)
    keys.start("收银")
    keys.choose("项目", "肩颈按摩")
    keys.to("美容师")
    keys.choose("美容师", salon.names["therapist"])
    keys.to("整单支付方式")
    keys.choose("整单支付方式", "现金")
    keys.press("Control+Enter")
    keys.confirm("¥168.00")
    expect(tablet.locator(".toast").first).to_contain_text("¥168.00")
    assert keys.presses <= TWENTY_SECONDS


def test_redeem_by_keyboard(tablet: Page, salon: Salon) -> None:
    salon.card_opened()
    tablet.reload()
    keys = Keyboard(tablet)
    keys.start("划卡")
    keys.press("ArrowDown")
    keys.to("美容师")
    keys.choose("美容师", salon.names["therapist"])
    keys.press("Control+Enter")
    expect(tablet.locator(".slip .signature")).to_be_visible()
    assert keys.presses <= TWENTY_SECONDS


def test_book_by_keyboard(tablet: Page, salon: Salon) -> None:
    keys = Keyboard(tablet)
    keys.start("预约")
    keys.type("112220261100A")
    keys.to("项目")
    keys.choose("项目", "补水护理")
    keys.to("美容师")
    keys.choose("美容师", salon.names["therapist"])
    keys.press("Control+Enter")
    expect(tablet.locator(".columns.held")).to_contain_text("11:00")
    assert keys.presses <= TWENTY_SECONDS
