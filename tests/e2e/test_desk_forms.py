"""Forms at the desk in a browser: total and staff follow what is chosen, the strip whom, menus stay in sight."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.cast import create
from tests.e2e.conftest import Street
from tests.e2e.salon import Salon, pick, row


def test_total_staff_and_strip_follow_the_form(street: Street, salon: Salon) -> None:
    only_one = create("service", name="独门手法", price="100", busy_minutes="30")
    create("staff_skill", staff_id=salon.ids["second_staff"], service_id=only_one)
    page = street.window("reception")
    page.goto("/do/sell/")
    expect(page.locator(".strip")).to_have_count(0)
    pick(page.locator("#customer"), "安娜")
    expect(page.locator(".strip .dangers")).to_contain_text("果酸")
    line = row(page, "lines", 1)
    performer = line.locator("select[name$=performer]")
    offered = "select => [...select.options].filter((one) => one.value && !one.hidden).length"
    hidden = "select => [...select.options].filter((one) => one.hidden).length"
    assert performer.evaluate(hidden) == 0, "before a service is chosen everybody at work is offered"
    pick(line.get_by_label("项目"), "补水护理")
    expect(page.locator(".total-so-far")).to_contain_text("¥298.00")
    assert performer.evaluate(offered) == 2, "two have the skill"
    pick(line.get_by_label("项目"), "独门手法")
    expect(page.locator(".total-so-far")).to_contain_text("¥100.00")
    assert performer.evaluate(offered) == 1
    page.locator("main .sticky .primary").click()
    expect(page.locator(".working tfoot")).to_contain_text("¥100.00")
    expect(page.locator("#method")).to_be_focused()


def test_a_menu_opens_within_the_screen(street: Street, salon: Salon) -> None:
    for width in (360, 1280):
        page = street.window("manager", width=width)
        page.goto(f"/customer/details/?id={salon.ids['anna']}")
        page.locator(".actions details.drop > summary").click()
        box = page.locator(".actions .drop-body").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= 800
        current = page.locator(".side [aria-current]").bounding_box()
        assert width == 360 or (current is not None and current["y"] + current["height"] <= 800)
