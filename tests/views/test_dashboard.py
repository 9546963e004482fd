"""The first page: figures that agree with the rows behind them, what waits, birthdays, charts — by role."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape

import pytest
import time_machine
from sqlalchemy import select

from admin_app.operations.kernel import perform
from admin_app.operations.todo import CloseAlertInput, FinishTaskInput
from admin_app.values import money
from models.customers import Customer
from models.entity import db
from models.log import EntryKind, Operation
from models.names import Name
from models.standing import Alert, CustomerTag, Membership, Severeness, Tag, Task
from rules.decisions.access import Access
from tests.cast import NOON, ROLES, TODAY, create, raw_operation
from tests.conftest import House
from tests.views import oracle
from tests.views.pages import count_said, main_part, paid, tables, visited, words
from views import dashboard

Figures = dict[str, tuple[str, str]]
FEE, GIVEN = "今日实收", "本月实收"


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def page_of(house: House, role: str = "owner") -> str:
    return house.browser(role).get("/").text


def figures(page: str) -> Figures:
    """Label → (address, value)."""
    found = re.findall(r'<a class="figure" href="(.*?)"><span>(.*?)</span><strong>(.*?)</strong>', page)
    return {label: (unescape(address), value) for address, label, value in found}


def value_of(house: House, label: str, role: str = "owner") -> str:
    return figures(page_of(house, role))[label][1]


def some_money(house: House) -> None:
    """140.00 today (a refund off), 340.00 this month; the last month and what was no money in stand beside."""
    for day, fen, method in (
        (TODAY, 10_000, "cash"),
        (TODAY, 5_000, "wechat"),
        (TODAY, -1_000, "cash"),
        (TODAY, 99_900, "stored_value"),
        (TODAY, 88_800, "voucher"),
        (TODAY.replace(day=1), 20_000, "unknown"),
        (TODAY.replace(day=1) - timedelta(1), 70_000, "cash"),
    ):
        paid(house, day, fen, method)


def alert(house: House, text: str, role: str = "owner", minutes: int = 0) -> int:
    with raw_operation():
        row = Alert(source="test", occasion=text, text=text, to_role=role, raised_at=NOON - timedelta(minutes=minutes))
        db.session.add(row)
        db.session.flush()
        return row.id


def task(house: House, text: str, due: date = TODAY, role: str = "owner") -> int:
    with raw_operation():
        row = Task(source="test", occasion=text, text=text, to_role=role, due_on=due, customer_id=house.ids["anna"])
        db.session.add(row)
        db.session.flush()
        return row.id


# ----------------------------------------------------------------------------------------------- figures


def test_money_of_today_and_of_this_month_is_added_up(house: House) -> None:
    some_money(house)
    found = figures(page_of(house))
    assert (found[FEE][1], found[GIVEN][1]) == (money(14_000), money(34_000))


def test_the_rows_behind_the_money_add_up_to_it(house: House) -> None:
    some_money(house)
    for label, (address, value) in figures(page_of(house)).items():
        if label in {FEE, GIVEN}:
            *shown, total = [row[-1] for row in tables(house.browser("owner").get(address).text)[0][1:]]
            assert total == value, "and the list says so itself"
            fen = sum(int(re.sub(r"[¥,.]", "", text)) for text in shown)
            assert (money(fen), len(shown)) == (value, {FEE: 3, GIVEN: 4}[label])


def test_visits_of_today_are_counted(house: House) -> None:
    for day in (TODAY, TODAY, TODAY - timedelta(1), TODAY + timedelta(1)):
        visited(house, day)
    assert value_of(house, "今日到店") == "2"


def test_every_count_opens_a_list_of_so_many_rows(house: House) -> None:
    for day in (TODAY, TODAY, TODAY - timedelta(1)):
        visited(house, day)
    for number, first in enumerate((TODAY.replace(day=1), TODAY, TODAY - timedelta(40))):
        create("customer", name=f"客{number}", store_id=house.ids["first"], first_visit_on=first)
    for number in range(3):
        alert(house, f"预警{number}")
        task(house, f"待办{number}")
    close = CloseAlertInput(alert=alert(house, "关掉的"), outcome="好了")
    perform(Name.CLOSE_ALERT, close, actor=house.actor("owner"))
    found = figures(page_of(house))
    counted = {label: value for label, (_address, value) in found.items() if "¥" not in value}
    assert counted == {"今日到店": "2", "本月新客": "2", "未关闭预警": "3", "未完成待办": "3"}
    for label, value in counted.items():
        assert count_said(house.browser("owner").get(found[label][0]).text) == int(value), label


def test_an_archived_customer_is_no_new_customer(house: House) -> None:
    number = create("customer", name="走了", store_id=house.ids["first"], first_visit_on=TODAY)
    house.browser("owner").post("/customer/delete/", {"id": number})
    assert value_of(house, "本月新客") == "0"


def test_the_day_is_that_of_the_salon(house: House) -> None:
    """At one in the morning in Shanghai it is still yesterday in Greenwich."""
    visited(house, TODAY + timedelta(1))
    with time_machine.travel(NOON + timedelta(hours=13), tick=False):
        page = page_of(house)
        assert figures(page)["今日到店"][1] == "1"
        assert f"<p>{TODAY + timedelta(1)}" in page or f">{TODAY + timedelta(1)}</p>" in page


def test_another_stores_rows_are_not_counted(house: House) -> None:
    for store, customer in (("first", "anna"), ("second", "cora")):
        visited(house, TODAY, customer, store)
        paid(house, TODAY, 10_000, customer=customer, store=store)
    assert value_of(house, "今日到店", "manager") == "1"
    assert value_of(house, FEE, "manager") == money(10_000)
    assert value_of(house, FEE, "owner") == money(20_000)


def test_a_consultant_counts_her_own_customers_visits_only(house: House) -> None:
    visited(house, TODAY, "anna")
    visited(house, TODAY, "berta")
    assert value_of(house, "今日到店", "consultant") == "1"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_the_figures_of_what_it_may_view(sqlite_house: House, role: str) -> None:
    needs = {
        "今日到店": "visit",
        FEE: "payment",
        GIVEN: "payment",
        "本月新客": "customer",
        "未关闭预警": "alert",
        "未完成待办": "task",
    }
    expected = {label for label, entity in needs.items() if oracle.may(role, "view", entity)}
    assert set(figures(page_of(sqlite_house, role))) == expected


@pytest.mark.parametrize("role", ROLES)
def test_every_link_of_the_page_opens_for_her(sqlite_house: House, role: str) -> None:
    visited(sqlite_house, TODAY)
    paid(sqlite_house, TODAY, 10_000)
    alert(sqlite_house, "看一下", role)
    task(sqlite_house, "打电话", TODAY, role)
    browser = sqlite_house.browser(role)
    links = set(re.findall(r'href="(/[^"]*)"', main_part(browser.get("/").text)))
    assert {unescape(link): browser.get(unescape(link)).status_code for link in links} == {
        unescape(link): 200 for link in links
    }


def test_who_may_not_open_the_page_is_refused_and_logged(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Access, "opens", lambda self, page: page != "dashboard")
    assert sqlite_house.browser("reception").get("/").status_code == 403
    entry = db.session.scalars(select(Operation).order_by(Operation.id.desc())).first()
    assert entry is not None
    assert (entry.kind, entry.actor_name) == (EntryKind.REFUSAL, "用户reception")


def test_a_stranger_is_sent_to_the_door(sqlite_house: House) -> None:
    answer = sqlite_house.browser().get("/")
    assert (answer.status_code, answer.location) == (302, "/sign-in")


# -------------------------------------------------------------------------------------------- what waits


def todo(page: str, heading: str) -> list[str]:
    """The entries of a card, in its order."""
    card = page[page.index(f"{heading}</h2>") :].partition("</section>")[0]
    return [unescape(text) for text in re.findall(r"<li>(?:<span>)?<a [^>]*>(.*?)</a>", card)]


def test_an_urgent_alert_that_waits_comes_before_all_else(sqlite_house: House) -> None:
    """On the first page, in the list, and on the page of whoever it is about."""
    house = sqlite_house
    for minutes in (9, 8):
        house.ids["alert"] = alert(house, f"不良反应{minutes}", minutes=minutes)
        with raw_operation():
            row = db.session.get_one(Alert, house.ids["alert"])
            row.severity, row.customer_id = Severeness.URGENT, house.ids["anna"]
    perform(Name.CLOSE_ALERT, CloseAlertInput(alert=row.id, outcome="看过了"), actor=house.actor("owner"))
    alert(house, "旧的", minutes=60)
    new = alert(house, "新的", minutes=5)
    with raw_operation():
        db.session.get_one(Alert, new).customer_id = house.ids["anna"]
    page = page_of(house)
    assert page.index("不良反应9") < min(page.index("新的"), page.index("figures"))
    listed = house.browser("owner").get("/alert/").text
    places = [listed.index(one) for one in ("不良反应9", "新的", "不良反应8", "旧的")]
    assert places == sorted(places)
    hers = house.browser("owner").get(f"/customer/details/?id={house.ids['anna']}").text
    assert hers.index("不良反应9") < hers.index("新的")


def test_the_newest_alert_stands_first_and_a_closed_one_is_gone(house: House) -> None:
    old, new = alert(house, "旧的", minutes=60), alert(house, "新的", minutes=5)
    assert todo(page_of(house), "预警") == ["新的", "旧的"]
    perform(Name.CLOSE_ALERT, CloseAlertInput(alert=new, outcome="看过了"), actor=house.actor("owner"))
    assert todo(page_of(house), "预警") == ["旧的"]
    perform(Name.CLOSE_ALERT, CloseAlertInput(alert=old, outcome="看过了"), actor=house.actor("owner"))
    assert "一切正常。" in page_of(house)


def test_the_task_due_first_stands_first_and_a_finished_one_is_gone(house: House) -> None:
    late, soon = task(house, "过期了", TODAY - timedelta(1)), task(house, "明天", TODAY + timedelta(1))
    page = page_of(house)
    assert todo(page, "待办") == ["过期了", "明天"]
    assert re.findall(r'class="late">([\d-]+)', page) == [str(TODAY - timedelta(1))]
    for number in (late, soon):
        perform(Name.FINISH_TASK, FinishTaskInput(task=number, outcome="做了"), actor=house.actor("owner"))
    assert "暂无待办。" in page_of(house)


def test_no_card_grows_without_end(sqlite_house: House) -> None:
    for number in range(dashboard.MOST + 3):
        alert(sqlite_house, f"预警{number}")
    page = page_of(sqlite_house)
    assert len(todo(page, "预警")) == dashboard.MOST
    assert figures(page)["未关闭预警"][1] == str(dashboard.MOST + 3)


def test_what_waits_is_shown_to_the_role_it_is_for(sqlite_house: House) -> None:
    alert(sqlite_house, "给前台", "reception")
    task(sqlite_house, "给顾问", TODAY, "consultant")
    shown = {role: words(page_of(sqlite_house, role)) for role in ("owner", "manager", "reception", "consultant")}
    assert {role for role, text in shown.items() if "给前台" in text} == {"owner", "manager", "reception"}
    assert {role for role, text in shown.items() if "给顾问" in text} == {"owner", "manager", "consultant"}


def test_a_text_with_markup_stays_text(sqlite_house: House) -> None:
    alert(sqlite_house, "<script>alert(1)</script>")
    assert "<script>alert" not in page_of(sqlite_house)


# --------------------------------------------------------------------------------------------- birthdays


def born(house: House, name: str, month: int, day: int, calendar: str = "solar", store: str = "first") -> int:
    values = {"birth_month": month, "birth_day": day, "birth_calendar": calendar}
    return create("customer", name=name, store_id=house.ids[store], **values)


def test_birthdays_of_the_coming_week_stand_in_their_order(house: House) -> None:
    born(house, "七天后", 11, 29)
    born(house, "八天后", 11, 30)
    born(house, "昨天", 11, 21)
    born(house, "今天", 11, 22)
    born(house, "三天后", 11, 25)
    page = page_of(house)
    assert todo(page, "7 天内生日") == ["今天", "三天后", "七天后"]
    assert re.findall(r"</a> <small>([^<]*)</small></li>", page)[-3:] == ["今天", "3 天后", "7 天后"]


def test_a_lunar_birthday_comes_on_its_lunar_day(house: House) -> None:
    """22 November 2026 is the 14th of the tenth lunar month."""
    born(house, "农历今天", 10, 14, "lunar")
    born(house, "农历后天", 10, 16, "lunar")
    born(house, "阳历十月", 10, 14)
    assert todo(page_of(house), "7 天内生日") == ["农历今天", "农历后天"]


def test_a_birthday_after_the_turn_of_the_year_is_seen_before_it(house: House) -> None:
    born(house, "元旦", 1, 1)
    with time_machine.travel("2026-12-30 04:00:00+00:00", tick=False):
        assert todo(page_of(house), "7 天内生日") == ["元旦"]


def test_who_is_gone_or_not_hers_has_no_birthday_here(sqlite_house: House) -> None:
    away, merged = born(sqlite_house, "归档", 11, 23), born(sqlite_house, "合并", 11, 23)
    born(sqlite_house, "二店", 11, 23, store="second")
    sqlite_house.browser("owner").post("/customer/delete/", {"id": away})
    with raw_operation():
        db.session.get_one(Customer, merged).merged_into_id = sqlite_house.ids["anna"]
    assert todo(page_of(sqlite_house), "7 天内生日") == ["二店"]
    assert "二店" not in words(main_part(page_of(sqlite_house, "reception")))


def test_the_soonest_birthdays_are_shown_however_many_there_are(sqlite_house: House) -> None:
    for number in range(60):
        born(sqlite_house, f"后{number}", 11, 28)
    born(sqlite_house, "今天的", 11, 22)
    assert todo(page_of(sqlite_house), "7 天内生日")[0] == "今天的"


# ------------------------------------------------------------------------------------------------ charts


def charted(page: str) -> dict[str, tuple[list[str], list[float], list[str]]]:
    """Title → names and values as drawn, and values as said in the table."""
    found = {}
    for figure in re.findall(r'<figure class="card chart">.*?</figure>', page, re.DOTALL):
        drawn = re.search(r'data-chart="([^"]*)"', figure)
        data = json.loads(unescape(drawn[1])) if drawn else {"names": [], "values": []}
        title = re.search(r"<h2>(.*?)</h2>", figure)
        assert title is not None
        [table] = tables(figure)
        assert not drawn or data["names"] == [row[0] for row in table]
        found[title[1]] = (data["names"], data["values"], [row[1] for row in table])
    return found


@pytest.fixture
def drawn(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house in which charts are drawn."""
    monkeypatch.setitem(house.app.jinja_env.globals, "has_part", lambda name: True)
    return house


def test_the_table_says_what_the_chart_of_money_draws(drawn: House) -> None:
    some_money(drawn)
    names, values, said = charted(page_of(drawn))["近 30 天实收"]
    assert len(names) == dashboard.DAYS
    assert (names[-1], values[-1], said[-1]) == ("11-22", 140.0, money(14_000))
    assert dict(zip(names, values, strict=True))["11-01"] == 200.0
    assert [money(round(value * 100)) for value in values] == said


def test_who_sees_no_money_sees_visits_by_day(drawn: House) -> None:
    visited(drawn, TODAY)
    visited(drawn, TODAY - timedelta(3))
    charts = charted(page_of(drawn, "therapist"))
    names, values, said = charts["近 30 天到店"]
    assert {name: value for name, value in zip(names, values, strict=True) if value} == {"11-19": 1.0, "11-22": 1.0}
    assert said[-1] == "1"
    assert "近 30 天实收" not in charts


def chart_links(page: str, title: str) -> dict[str, tuple[str, int]]:
    """Name → (address, number said)."""
    figure = next(one for one in page.split('<figure class="card chart">') if f"<h2>{title}</h2>" in one)
    rows = re.findall(r'<a href="([^"]*)">(.*?)</a></th><td class="number">([\d,]+)</td>', figure)
    return {name: (unescape(address), int(said)) for address, name, said in rows}


def test_customers_by_tier_open_as_many_memberships(house: House) -> None:
    with raw_operation():
        for key, tier, ended in (("anna", "gold", None), ("berta", "gold", None), ("cora", "diamond", TODAY)):
            held = Membership(customer_id=house.ids[key], tier=tier, since=TODAY, ended_on=ended)
            db.session.add(held)
    browser = house.browser("owner")
    links = chart_links(browser.get("/").text, "会员等级分布")
    assert {name: count for name, (_address, count) in links.items()} == {"金卡": 2}
    assert count_said(browser.get(links["金卡"][0]).text) == 2


def layered(house: House) -> str:
    """Two customers of the first layer, and one who by hand shall not be in it; the layer's name."""
    tag = db.session.scalars(select(Tag).where(Tag.exclusive).order_by(Tag.slug)).first()
    assert tag is not None
    name, number = tag.name, tag.id
    with raw_operation():
        for key, held in (("anna", True), ("berta", True), ("cora", False)):
            db.session.add(
                CustomerTag(customer_id=house.ids[key], tag_id=number, held=held, by_hand=not held, since=NOON)
            )
    return name


def test_customers_by_layer_open_as_many_rows(house: House) -> None:
    name = layered(house)
    browser = house.browser("owner")
    address, count = chart_links(browser.get("/").text, "客户分层分布")[name]
    assert count == 2
    assert count_said(browser.get(address).text) == count


def test_a_layer_is_named_in_the_readers_language(sqlite_house: House) -> None:
    layered(sqlite_house)
    page = sqlite_house.browser("owner").get("/", headers={"Accept-Language": "en"}).text
    assert set(chart_links(page, "Customers by layer")) == {"Layer A"}


def test_a_chart_with_nothing_in_it_is_left_out(sqlite_house: House) -> None:
    assert "<h2>会员等级分布</h2>" not in page_of(sqlite_house)
