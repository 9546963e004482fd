"""Forms in a browser: going back, another language, a session that ends. What was typed is there, and saved once."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from admin_app.operations.kernel import now
from models.accounts import UserSession
from models.connection import WRITES
from models.customers import Customer
from models.entity import db
from tests.cast import create, password_of
from tests.e2e.conftest import Street
from tests.limits import PAGE_SECONDS

PHONE = "15011112222"
DRAFT_KEPT = """([limit, earlier]) => new Promise((kept, late) => {
    setTimeout(() => late(new Error("no draft was kept")), limit);
    const look = () => {
        const draft = history.state?.drafts?.[0];
        return draft && draft !== earlier ? kept(draft) : requestAnimationFrame(look);
    };
    look();
})"""
"""Playwright's own ``wait_for_function`` asks a second time with eval, which the pages' CSP forbids."""


def sign_in(page: Page, role: str) -> None:
    page.fill("#login", role)
    page.fill("#password", password_of(role))
    page.click("main .sheet button")


def fill_in(page: Page) -> None:
    page.goto("/customer/new/")
    page.fill("#name", "单晓明")
    page.fill("#phone", PHONE)


def switch_language(page: Page) -> None:
    page.click(".bar-me summary")
    page.click('form[action="/account/language"] button')


def saved() -> list[str | None]:
    db.session.rollback()
    return list(db.session.scalars(select(Customer.phone).where(Customer.name == "单晓明")))


def test_save_back_and_save_again_is_one_customer(street: Street) -> None:
    page = street.window("reception")
    fill_in(page)
    page.click("main button.primary")
    page.wait_for_url("**/customer/details/**", wait_until="load")
    page.go_back(wait_until="load")
    expect(page.locator("#phone")).to_have_value(PHONE)
    expect(page.locator("#name")).to_have_value("单晓明")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/customer/details/**", wait_until="load")
    assert saved() == [f"+86{PHONE}"]


def test_a_browser_that_does_not_encrypt_on_plain_http_keeps_it_too(street: Street) -> None:
    page = street.window("reception")
    page.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })")
    fill_in(page)
    assert PHONE not in page.evaluate(DRAFT_KEPT, [PAGE_SECONDS * 1000, None])
    page.goto("/customer/")
    page.go_back(wait_until="load")
    expect(page.locator("#phone")).to_have_value(PHONE)


def test_what_one_user_typed_is_not_shown_to_the_next_who_goes_back(street: Street) -> None:
    page = street.window()
    page.goto("/customer/")
    sign_in(page, "reception")
    page.wait_for_url("**/customer/", wait_until="load")
    fill_in(page)
    page.click("main button.primary")
    page.wait_for_url("**/customer/details/**", wait_until="load")
    page.evaluate(
        "fetch('/sign-out', {method: 'POST', headers: {'X-CSRFToken': document.querySelector('[name=csrf]').content}})"
    )
    second = page.context.new_page()
    second.goto("/sign-in")
    sign_in(second, "owner")
    second.wait_for_url("**/", wait_until="load")
    page.go_back(wait_until="load")
    expect(page.locator("#phone")).to_have_value("")


def test_a_booking_that_was_gone_back_to_keeps_what_was_searched_for(street: Street) -> None:
    for number in range(25):
        create("service", name=f"护理{number}", price="100", busy_minutes=60)
    page = street.window("reception")
    page.goto("/do/book/")
    page.fill("#services-0-service-search", "护理24")
    typed = page.evaluate(DRAFT_KEPT, [PAGE_SECONDS * 1000, None])
    page.locator(".lookup-list [role=option]", has_text="护理24").click()
    page.evaluate(DRAFT_KEPT, [PAGE_SECONDS * 1000, typed])
    page.goto("/customer/")
    page.go_back(wait_until="load")
    expect(page.locator("#services-0-service-search")).to_have_value("护理24")


def test_enter_chooses_what_was_typed_and_not_what_was_listed_before(street: Street) -> None:
    for number in range(25):
        create("service", name=f"护理{number}", price="100", busy_minutes=60)
    page = street.window("reception")
    page.goto("/do/book/")
    search = page.locator("#services-0-service-search")
    search.focus()
    expect(page.locator(".lookup-list [role=option]").first).to_be_visible()
    search.fill("护理24")
    search.press("Enter")
    expect(page.locator("select[name='services-0-service'] option:checked")).to_have_text("护理24")
    expect(search).to_have_value("护理24")


def test_several_rows_of_a_long_list_are_chosen_and_let_go(street: Street) -> None:
    for number in range(25):
        create("staff", name=f"技师{number}", store_id=street.house.ids["first"])
    page = street.window("owner")
    page.goto("/do/plan_shift/")
    for name in ("技师24", "技师23", "技师22"):
        page.fill("#staff-search", name)
        page.locator(".lookup-list [role=option]", has_text=name).click()
        expect(page.locator(".lookup .chip").last).to_have_text(f"{name} ×")
    page.locator(".lookup .chip", has_text="技师23").click()
    page.click("main button.primary")
    expect(page.locator(".notice.bad")).to_be_visible()
    expect(page.locator(".subjects .chip")).to_have_text(["技师22", "技师24"])


def test_another_language_keeps_what_was_typed(street: Street) -> None:
    """A form that is fresh, one that was just shown again, and one that was refused; nothing is saved."""
    page = street.window("reception")
    fill_in(page)
    for said in ("Save", "保存", "Save"):
        switch_language(page)
        expect(page.locator("main button.primary")).to_have_text(said)
        expect(page.locator("#phone")).to_have_value(PHONE)
    page.fill("#phone", "12")
    page.click("main button.primary")
    expect(page.locator("#phone-fault")).to_be_visible()
    switch_language(page)
    expect(page.locator("main button.primary")).to_have_text("保存")
    expect(page.locator("#phone")).to_have_value("12")
    assert saved() == []
    page.fill("#phone", PHONE)
    page.click("main button.primary")
    page.wait_for_url("**/customer/details/**", wait_until="load")
    assert saved() == [f"+86{PHONE}"]


def test_a_session_that_ends_over_a_form(street: Street) -> None:
    page = street.window()
    page.goto("/customer/new/")
    sign_in(page, "reception")
    page.wait_for_url("**/customer/new/", wait_until="load")
    fill_in(page)
    session = db.session()
    session.rollback()
    session.connection(execution_options={WRITES: True})
    session.execute(update(UserSession).values(ended_at=now(), ended_why="idle"))
    session.commit()
    page.click("main button.primary")
    expect(page.locator("#login")).to_be_visible()
    assert PHONE not in page.content()
    sign_in(page, "reception")
    expect(page.locator("#phone")).to_have_value(PHONE)
    page.click("main button.primary")
    page.wait_for_url("**/customer/details/**", wait_until="load")
    assert saved() == [f"+86{PHONE}"]
