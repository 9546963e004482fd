"""An owner who has never seen YAML makes a tag, sees whom it finds, puts it in force, changes it, and takes it back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from admin_app.operations.house import StartInput
from admin_app.operations.kernel import perform
from models.actor import SYSTEM
from models.entity import db
from models.names import Name
from models.rulebook import RuleVersion
from models.sales import Visit
from models.standing import CustomerTag, Membership, Tag
from tests.cast import TODAY, raw_operation
from tests.conftest import House
from tests.e2e.conftest import Street
from tests.e2e.pictures import picture

NAME = "60 天没来的金卡客户"


def gold(house: House, away: dict[str, int]) -> None:
    """These customers hold gold and came last so many days ago."""
    with raw_operation():
        for customer, days in away.items():
            who = house.ids[customer]
            db.session.add(Membership(customer_id=who, tier="gold", since=TODAY - timedelta(days=200)))
            day = TODAY - timedelta(days=days)
            db.session.add(Visit(customer_id=who, store_id=house.ids["first"], business_day=day))


def tagged() -> set[str]:
    """Names of the customers who have the new tag now."""
    db.session.rollback()
    rows = select(CustomerTag.customer_id).join(Tag, Tag.id == CustomerTag.tag_id)
    found = db.session.scalars(rows.where(Tag.name == NAME, CustomerTag.until.is_(None)))
    return {str(one) for one in found}


@pytest.fixture
def owner(morning: None, street: Street) -> Page:
    perform(Name.START, StartInput(release="test"), actor=SYSTEM)
    gold(street.house, {"anna": 70, "berta": 50})
    page = street.window("owner")
    page.goto("/rules")
    return page


def in_force(page: Page) -> None:
    page.get_by_role("button", name="生效", exact=True).click()
    expect(page.locator(".toast").first).to_contain_text("生效")


def test_a_tag_without_a_line_of_yaml(owner: Page, street: Street) -> None:
    page, ids = owner, street.house.ids
    page.locator("a[data-new]").click()
    page.fill("#name", NAME)
    rows = page.locator(".rule-row")
    rows.nth(0).get_by_label("值", exact=True).fill("60")
    page.locator("button[value='add-row:when']").click()
    expect(page.locator(".rule-group .rule-row")).to_have_count(2)
    rows.nth(1).locator("select").first.select_option("tier")
    page.get_by_label("金卡", exact=True).check()
    page.get_by_role("button", name="试算").click()
    look = page.locator("#look")
    expect(look.locator(".said")).to_contain_text(f"打上标签「{NAME}」")
    expect(look.locator(".figure strong").first).to_have_text("1")
    expect(look).to_contain_text("安娜")
    expect(look).not_to_contain_text("贝塔")
    picture(page, "rule-trial")

    page.get_by_role("button", name="存为草稿").click()
    expect(page.locator("h1")).to_contain_text("版本 2")
    in_force(page)
    assert tagged() == {str(ids["anna"])}
    page.goto(f"/customer/details/?id={ids['anna']}")
    expect(page.locator("main")).to_contain_text(NAME)

    page.goto("/rules")
    page.get_by_role("link", name=NAME, exact=True).click()
    rows.nth(0).get_by_label("值", exact=True).fill("45")
    page.get_by_role("button", name="存为草稿").click()
    expect(page.locator(".figure strong").nth(1)).to_have_text("+1")
    expect(page.locator("pre.yaml .added", has_text="45")).to_have_count(1)
    in_force(page)
    assert tagged() == {str(ids["anna"]), str(ids["berta"])}

    page.locator("a[href='/rules/tags/versions']").first.click()
    page.get_by_role("link", name="版本 2").click()
    page.get_by_role("button", name="回退到此版本").click()
    expect(page.locator(".toast").first).to_contain_text("生效")
    assert tagged() == {str(ids["anna"])}
    assert db.session.scalars(select(RuleVersion.number).where(RuleVersion.document == "tags")).all() == [1, 2, 3]


def test_a_template_with_a_number_of_her_own(owner: Page, street: Street) -> None:
    """Sixty days away becomes forty-five, and nothing else is typed."""
    owner.get_by_role("link", name="规则模板").click()
    picture(owner, "rule-templates", whole=False)
    card = owner.locator(".template", has_text="沉睡的高级会员")
    card.locator("input[name='v0']").fill("45")
    card.get_by_role("button", name="用这个").click()
    expect(owner.locator("#name")).to_have_value("沉睡的高级会员")
    expect(owner.locator(".example").last).to_contain_text("天")
    owner.get_by_role("button", name="存为草稿").click()
    in_force(owner)
    db.session.rollback()
    held = select(CustomerTag.customer_id).join(Tag, Tag.id == CustomerTag.tag_id)
    ids = street.house.ids
    assert set(db.session.scalars(held.where(Tag.name == "沉睡的高级会员"))) == {ids["anna"], ids["berta"]}


def test_why_she_has_it_and_another_has_not(owner: Page, street: Street) -> None:
    owner.goto(f"/why/{street.house.ids['anna']}?rule=dormant")
    expect(owner.locator(".why li").first).to_contain_text("70 天")
    owner.goto(f"/why/{street.house.ids['berta']}?rule=dormant")
    expect(owner.locator(".why .chip.warn")).to_contain_text("10 天")


def test_yaml_is_checked_while_it_is_typed(owner: Page) -> None:
    owner.goto("/rules/tags/yaml")
    text = owner.locator("textarea.yaml")
    wrong = text.input_value().replace("visits_90d: {at_least: 6}", "visit_90d: {at_least: 6}")
    text.fill(wrong)
    line = wrong[: wrong.index("visit_90d: {at_least: 6}")].count("\n") + 1
    expect(owner.locator(".found li")).to_contain_text("visits_90d")
    expect(owner.locator(".lines .bad")).to_have_text(str(line))
    text.fill(wrong.replace("visit_90d", "visits_90d"))
    expect(owner.locator(".found li")).to_have_count(0)


def test_a_fault_stands_at_its_row(owner: Page) -> None:
    owner.goto("/rules/tags/rule?id=active")
    owner.get_by_label("值", exact=True).fill("viele")
    owner.get_by_role("button", name="存为草稿").click()
    expect(owner.locator(".rule-row .fault")).to_contain_text("viele")
    expect(owner.get_by_label("值", exact=True)).to_have_value("viele")
    owner.click(".bar-me summary")
    owner.click('form[action="/account/language"] button')
    expect(owner.get_by_label("Value", exact=True)).to_have_value("viele")


def test_who_is_quicker_than_the_script_is_heard(owner: Page) -> None:
    """What was written before the page could listen stands in the YAML beside it all the same."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    owner.route("**/house.js*", hold)
    with owner.expect_request("**/house.js*"):
        owner.goto("/rules/tiers/form", wait_until="commit")
    owner.get_by_label("等级有效期").fill("24")
    owner.get_by_label("等级有效期").press("Tab")
    for one in held:
        one.continue_()
    expect(owner.locator(".mirror .added")).to_contain_text("valid: 24mo")


def test_a_tier_and_a_tag_are_changed_in_forms(owner: Page) -> None:
    """The YAML beside the form follows at once; rows come and go without the page being loaded again."""
    owner.locator("a[href='/rules/tiers/form']").click()
    owner.get_by_label("等级有效期").fill("24")
    owner.get_by_label("等级有效期").press("Tab")
    expect(owner.locator(".mirror .added")).to_have_text(
        "valid: 24mo          # how long a tier is held before it is looked at again"
    )
    owner.goto("/rules/tags/form")
    owner.locator("button[value='add-item:tags']").click()
    fresh = owner.locator("[name='tags.17.name']")
    expect(fresh).to_be_focused()
    fresh.fill("爱聊天")
    owner.locator("button[value='drop:tags.11']").click()
    expect(owner.locator("[name='tags.16.name']")).to_have_value("爱聊天")
    owner.locator("button[value='save']").click()
    expect(owner.locator(".notice.bad")).to_contain_text("ambassador")
    expect(owner.locator("[name='tags.16.name']")).to_have_value("爱聊天")
