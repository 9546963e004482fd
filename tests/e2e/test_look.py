"""How pages look and are heard: axe finds nothing serious, nothing leaves a phone's width, nothing breaks the CSP."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from admin_app.operations.customers import TagInput
from admin_app.operations.kernel import perform
from models.customers import Contraindication, DangerKind
from models.entity import db
from models.names import Name
from models.standing import Tag
from tests.cast import raw_operation
from tests.e2e.conftest import Street

PAGES = {
    "today": "/",
    "list": "/customer/",
    "filtered": "/customer/?stage=lead&registered_on.from=2020-01-01",
    "empty list": "/product/",
    "details": "/customer/details/?id={anna}",
    "history": "/customer/history/?id={anna}",
    "new": "/customer/new/",
    "edit": "/customer/edit/?id={anna}",
    "operation": "/do/tag_customers/?on={anna}",
    "danger": "/do/erase_customer/?on={anna}",
    "log": "/log",
    "entry": "/log/8",
    "search": "/search?q=安",
    "nothing found": "/search?q=zzz",
    "schedules": "/schedules",
    "rules": "/rules",
    "a rule": "/rules/campaigns/rule?id=birthday-gift",
    "tiers as a form": "/rules/tiers/form",
    "tags as a form": "/rules/tags/form",
    "rules about goods as a form": "/rules/alerts/form",
    "templates": "/rules/templates",
    "rules as YAML": "/rules/tags/yaml",
    "versions": "/rules/tags/versions",
    "a version": "/rules/version/3",
    "why": "/why/{anna}",
    "day report": "/day-report",
    "month report": "/day-report?month=2026-11",
    "odd papers": "/odd-papers",
    "odd papers of a kind": "/odd-papers/reveals",
    "staff performance": "/fees",
    "filtered through": "/sale_line/?sale_id.business_day.from=2026-11-01&kind=service&card_item_id.empty=yes",
    "account": "/account",
    "password": "/account/password",
    "not found": "/nowhere",
}


@pytest.fixture
def lived_in(street: Street) -> Street:
    """A house with a danger, a tag and an archived row, so that every colour is on a page."""
    anna = street.house.ids["anna"]
    with raw_operation():
        db.session.add(Contraindication(customer_id=anna, kind=DangerKind.ALLERGY, substance="酒精"))
    tag = db.session.query(Tag.id).filter(Tag.slug == "high-value").scalar()
    perform(Name.TAG_CUSTOMERS, TagInput(customers=[anna], tag=tag), actor=street.house.actor("owner"))
    return street


def serious(page: Page, **options: Any) -> list[str]:
    """What axe finds serious or critical, in a line each; of all its rules, but for the options."""
    found: list[dict[str, Any]] = (
        Axe().run(page, options={"resultTypes": ["violations"], **options}).response["violations"]
    )
    told = []
    for one in found:
        if one["impact"] in {"serious", "critical"}:
            places = [
                str(node["target"]) + " " + str(node.get("failureSummary", ""))[:160] for node in one["nodes"][:3]
            ]
            told.append(f"{one['id']}: {places}")
    return told


def serious_by_day_and_night(page: Page) -> list[str]:
    """The same in light and then in the dark, where nothing but the colours is another."""
    found = serious(page)
    page.emulate_media(color_scheme="dark")
    found += [f"dark: {one}" for one in serious(page, runOnly=["color-contrast"])]
    page.emulate_media(color_scheme="light")
    return found


BY_WIDTH = ["color-contrast", "scrollable-region-focusable", "aria-hidden-focus", "link-in-text-block"]
"""The rules of axe that depend on the layout; what the others look at is the same at every width."""


@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_serious_and_nothing_runs_over(lived_in: Street, width: int) -> None:
    page = lived_in.window("owner", width=width)
    found: dict[str, object] = {}
    for name, address in PAGES.items():
        page.goto(address.format(**lived_in.house.ids))
        if faults := serious_by_day_and_night(page) if width == 1280 else serious(page, runOnly=BY_WIDTH):
            found[name] = faults
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            found[f"{name}, width"] = page.evaluate("document.documentElement.scrollWidth")
    assert found == {}


def test_the_door_can_be_heard(street: Street) -> None:
    for dark in (False, True):
        page = street.window(width=360, dark=dark)
        page.goto("/sign-in")
        assert serious(page) == []


def test_menus_and_filters_can_be_heard_when_open(lived_in: Street) -> None:
    page = lived_in.window("owner")
    page.goto("/customer/")
    page.click(".filters summary")
    page.click(".head-actions details summary")
    assert serious(page) == []
    phone = lived_in.window("owner", width=360)
    phone.goto("/")
    phone.click(".menu-button")
    assert phone.locator("#nav").is_visible()
    assert serious(phone) == []
    phone.click('#nav a[href="/store/"]')
    phone.wait_for_url("**/store/")


def test_every_page_can_be_reached_by_keyboard(lived_in: Street) -> None:
    """The first Tab reaches the link past the navigation, and every control shows where the focus is."""
    page = lived_in.window("owner")
    page.goto("/customer/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(12):
        page.keyboard.press("Tab")
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring != "none"


def test_a_page_prints_without_its_frame(lived_in: Street) -> None:
    page = lived_in.window("owner")
    page.goto("/customer/")
    page.emulate_media(media="print")
    for part in (".bar", ".side", ".tools"):
        assert not page.locator(part).first.is_visible()
    assert page.locator("table").is_visible()


@pytest.mark.parametrize("role", ["owner", "manager", "reception", "consultant", "therapist", "auditor", "finance"])
def test_everybody_has_a_first_page_and_her_own_navigation(lived_in: Street, role: str) -> None:
    page = lived_in.window(role)
    page.goto("/")
    links = page.eval_on_selector_all("#nav a[href]", "links => links.map(link => link.getAttribute('href'))")
    for link in links:
        answer = page.request.get(link) if link.startswith("/") else None
        assert answer is None or answer.status == 200, link
