"""The front desk's usual way: find a customer, change her, see that it is written down."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from sqlalchemy import select

from models.customers import Customer
from models.entity import db
from models.log import Operation
from models.standing import CustomerTag
from tests.cast import create, password_of, raw_operation
from tests.e2e.conftest import Street


def test_find_edit_and_see_it_in_the_log(street: Street) -> None:
    page = street.window()
    page.goto("/customer/")
    page.fill("#login", "reception")
    page.fill("#password", password_of("reception"))
    page.click("main .sheet button")
    page.wait_for_url("**/customer/", wait_until="load")
    page.keyboard.press("/")
    page.keyboard.type("安")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("安娜")
    page.click("text=编辑")
    page.fill("#job", "小学老师")
    page.fill("#notes", "周末来")
    page.click("main button.primary")
    expect(page.locator(".toast")).to_contain_text("已保存")
    expect(page.locator(".facts")).to_contain_text("周末来")
    page.click("text=历史")
    expect(page.locator(".timeline li").first).to_contain_text("用户reception")
    auditor = street.window("auditor")
    auditor.goto("/log?what=edit_entity")
    auditor.locator("a.row-link").first.click()
    expect(auditor.locator("table.diff")).to_contain_text("周末来")
    auditor.goto("/log")
    auditor.click('form[action="/log/prove"] button')
    expect(auditor.locator(".notice.good")).to_be_visible()


def test_she_is_found_by_the_last_four_digits_without_a_trace_in_the_address(street: Street) -> None:
    page = street.window("reception")
    page.goto("/")
    page.fill("#search", "0001")
    page.press("#search", "Enter")
    expect(page.locator("h1")).to_have_text("安娜")
    assert "0001" not in page.url
    expect(page.locator(".masked").first).to_have_text("139••••0001")


def test_a_masked_number_is_revealed_by_a_press_and_written_down(street: Street) -> None:
    page = street.window("reception")
    page.goto(f"/customer/details/?id={street.house.ids['anna']}")
    page.click('[data-field="phone"]')
    expect(page.locator(".masked").first).to_have_text("139 0000 0001")
    db.session.rollback()
    assert db.session.scalars(select(Operation.subject_id).where(Operation.name == "reveal_field")).all() == [
        street.house.ids["anna"]
    ]


def test_editing_in_the_list(street: Street) -> None:
    page = street.window("reception")
    page.goto("/customer/")
    spot = page.locator(f'[data-inline][data-id="{street.house.ids["anna"]}"]').first
    spot.locator("button").click()
    spot.locator("select").select_option("member")
    spot.locator("text=保存").click()
    expect(spot.locator(".chip")).to_have_text("会员")
    db.session.rollback()
    assert db.session.get_one(Customer, street.house.ids["anna"]).stage.value == "member"


def test_a_stale_inline_edit_says_so(street: Street) -> None:
    page = street.window("reception")
    page.goto("/customer/")
    with raw_operation():
        db.session.get_one(Customer, street.house.ids["anna"]).notes = "别人改的"
    spot = page.locator(f'[data-inline][data-id="{street.house.ids["anna"]}"]').first
    spot.locator("button").click()
    spot.locator("select").select_option("member")
    spot.locator("text=保存").click()
    expect(page.locator(".toast.error")).to_be_visible()


def test_tagging_several_at_once(street: Street) -> None:
    page = street.window("reception")
    page.goto("/customer/")
    page.check("[data-all]")
    page.select_option("#bulk-action", "tag_customers")
    page.locator(".bulk button").click()
    expect(page.locator(".subjects .chip")).to_have_count(2)
    page.fill("#tag-search", "请勿") if page.locator("#tag-search").count() else page.select_option(
        "#tag", label="请勿联系"
    )
    page.click("main button.primary")
    expect(page.locator(".toast")).to_contain_text("2")
    db.session.rollback()
    assert len(db.session.scalars(select(CustomerTag)).all()) == 2


def test_a_relation_is_searched_on_the_server(street: Street) -> None:
    for number in range(25):
        create("customer", name=f"王客{number}", store_id=street.house.ids["first"])
    page = street.window("reception")
    page.goto(f"/customer/edit/?id={street.house.ids['anna']}")
    page.fill("#referrer_id-search", "beita")
    expect(page.locator('[role="option"]')).to_contain_text(["贝塔"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.click("main button.primary")
    expect(page.locator(".facts")).to_contain_text("贝塔")


def test_two_windows_do_not_overwrite_each_other(street: Street) -> None:
    first, second = street.window("reception"), street.window("manager")
    address = f"/customer/edit/?id={street.house.ids['anna']}"
    for page in (first, second):
        page.goto(address)
    first.fill("#job", "老师")
    first.click("main button.primary")
    second.fill("#job", "医生")
    second.click("main button.primary")
    conflict = second.locator(".notice.warn table")
    expect(conflict).to_contain_text("老师")
    expect(conflict).to_contain_text("医生")
    expect(second.locator("#job")).to_have_value("医生")
    second.click("main .sheet button.primary")
    expect(second.locator(".facts")).to_contain_text("医生")


def test_a_double_click_saves_once(street: Street) -> None:
    page = street.window("reception")
    page.goto("/customer/new/")
    page.fill("#name", "双击客")
    page.locator("main button.primary").dblclick()
    expect(page.locator("h1")).to_have_text("双击客")
    db.session.rollback()
    assert len(db.session.scalars(select(Customer.id).where(Customer.name == "双击客")).all()) == 1


def test_a_fault_stands_at_its_field_and_nothing_typed_is_lost(street: Street) -> None:
    page = street.window("reception")
    page.goto("/customer/new/")
    page.fill("#name", "新客")
    page.fill("#phone", "1380013")
    page.click("summary:has-text('更多信息')")
    page.fill("#birth_month", "2")
    page.fill("#birth_day", "30")
    page.click("main button.primary")
    expect(page.locator("#phone-fault")).to_be_visible()
    expect(page.locator("#name")).to_have_value("新客")
    page.fill("#phone", "13800138000")
    page.click("main button.primary")
    expect(page.locator("#birth_day-fault")).to_contain_text("没有")
    page.fill("#birth_day", "28")
    page.click("main button.primary")
    expect(page.locator("h1")).to_have_text("新客")


def test_archiving_asks_first_and_can_be_undone(street: Street) -> None:
    page = street.window("manager")
    page.goto(f"/customer/details/?id={street.house.ids['berta']}")
    page.click(".actions details summary")
    page.click("text=归档")
    page.click('#ask button[value="no"]')
    expect(page.locator(".head .chip")).to_have_count(0)
    page.click(".actions details summary") if not page.locator(".actions details[open]").count() else None
    page.click(".actions button:has-text('归档')")
    page.click('#ask button[value="yes"]')
    expect(page.locator(".head .chip")).to_have_text("已归档")
    page.click(".toast button")
    expect(page.locator(".head .chip")).to_have_count(0)


def test_unsaved_words_are_not_left_without_asking(street: Street) -> None:
    page = street.window("reception")
    page.goto("/customer/new/")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.fill("#name", "没有保存")
    page.evaluate("location.href = '/'")
    expect(page.locator("#name")).to_have_value("没有保存")
    assert asked == ["beforeunload"]


def test_the_keys_take_her_everywhere(street: Street) -> None:
    page = street.window("reception")
    page.goto("/")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    button = page.locator("#keys button")  # where the focus may still be
    button.dispatch_event("keydown", {"key": "g", "bubbles": True})
    page.keyboard.press("c")
    page.wait_for_url("**/customer/")
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url(f"{street.address}/")
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/customer/")
    page.keyboard.press("n")
    page.wait_for_url("**/customer/new/")


def test_language_and_light_are_kept(street: Street) -> None:
    page = street.window("reception")
    page.goto("/")
    page.click(".bar-me details summary")
    page.click("text=English")
    expect(page.locator("h1")).to_have_text("Today")
    assert page.locator("html").get_attribute("lang") == "en"
    page.wait_for_load_state()
    page.click("[data-theme-button]")
    page.goto("/customer/")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    expect(page.locator("h1")).to_have_text("Customers")


def test_filters_are_chosen_and_taken_out(street: Street) -> None:
    page = street.window("owner")
    page.goto("/customer/")
    page.click(".filters summary")
    page.select_option('select[name="store_id"]', str(street.house.ids["second"]))
    page.click(".filter-form button.primary")
    assert re.search(r"\?store_id=\d+$", page.url)
    expect(page.locator("tbody tr")).to_have_count(1)
    page.click(".chip.remove")
    expect(page.locator("tbody tr")).to_have_count(3)
