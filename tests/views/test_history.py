"""The history of a row: who changed which field when, from what to what — as far as the reader may see the field."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from admin_app.operations.customers import EraseInput
from admin_app.operations.kernel import perform
from models.entity import db
from models.log import Operation
from models.names import Name
from tests.cast import NOON, create, raw_operation
from tests.conftest import House
from tests.views.pages import main_part, sql_of, tables
from views import history


def edited(
    house: House, role: str = "owner", entity: str = "customer", row: int | None = None, **values: object
) -> None:
    data = {"entity": entity, "id": row or house.ids["anna"], "values": values}
    perform(Name.EDIT_ENTITY, data, actor=house.actor(role))


def page(house: House, role: str = "owner", entity: str = "customer", row: int | None = None) -> str:
    answer = house.browser(role).get(f"/{entity}/history/?id={row or house.ids['anna']}")
    assert answer.status_code == 200
    return main_part(answer.text)


def newest(house: House, role: str = "owner", **options: object) -> dict[str, list[str]]:
    """The newest entry: label → before and after."""
    found = tables(page(house, role, **options))  # type: ignore[arg-type]
    return {row[0]: row[1:] for row in found[0][1:]}


def test_the_newest_change_stands_first_with_who_and_when(house: House) -> None:
    with time_machine.travel(NOON + timedelta(days=9), tick=False):
        edited(house, "reception", notes="甲")
        edited(house, "manager", notes="乙")
        text = page(house)
    assert text.index("用户manager") < text.index("用户reception")
    assert "2026-12-01 12:00" in text
    assert [row[1:] for table in tables(text)[:2] for row in table[1:]] == [["甲", "乙"], ["–", "甲"]]


def test_the_reason_is_said(house: House) -> None:
    data = {"entity": "customer", "id": house.ids["anna"], "values": {"notes": "甲"}}
    perform(Name.EDIT_ENTITY, data, actor=house.actor("owner"), reason="她来电要求")
    assert "她来电要求" in page(house)


def test_only_what_changed_is_said(house: House) -> None:
    edited(house, notes="甲", stage="lead")
    assert newest(house) == {"备注": ["–", "甲"]}


@pytest.mark.parametrize(
    ("values", "label", "said"),
    [
        ({"skin_type": "dry"}, "肤质", "干性"),
        ({"first_visit_on": "2026-11-01"}, "首次到店", "2026-11-01"),
        ({"goals": "补水、美白"}, "美容需求", "补水、美白"),
        ({"birth_year": "1990"}, "出生年份", "1990"),
        ({"phone": "13711112222"}, "电话", "137 1111 2222"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_value_is_said_as_people_say_it(house: House, values: dict[str, object], label: str, said: str) -> None:
    edited(house, **values)
    [(found, (_before, after))] = newest(house).items()
    assert (found, after) == (label, said)


def test_flags_times_and_money_are_said_as_people_say_them(house: House) -> None:
    number = create("service", name="补水", price="298", busy_minutes=60)
    edited(house, entity="service", row=number, on_sale=False, price="350.50")
    found = newest(house, entity="service", row=number)
    assert ["¥298.00", "¥350.50"] in found.values()
    assert ["是", "否"] in found.values()


def test_what_a_row_refers_to_is_said_by_its_name(house: House) -> None:
    """«#1 → #2» tells nobody which store it was."""
    edited(house, store_id=house.ids["second"])
    assert ["第一店", "第二店"] in newest(house).values()


def test_another_rows_changes_are_not_here(house: House) -> None:
    edited(house, row=house.ids["berta"], notes="贝塔的")
    create("brand", name="同号的牌子")
    assert "贝塔的" not in page(house)
    assert "同号的牌子" not in page(house)


def test_the_making_of_a_row_is_its_first_entry(house: House) -> None:
    number = create("brand", name="牡丹")
    [table] = tables(page(house, entity="brand", row=number))
    assert ["–", "牡丹"] in [row[1:] for row in table]


@pytest.mark.parametrize("role", ["reception", "auditor"])
def test_a_value_that_is_masked_on_the_page_is_masked_in_its_history(house: House, role: str) -> None:
    edited(house, phone="13711112222", wechat="anna-wx", address="翠湖路九号")
    edited(house, phone="13733334444")
    text = page(house, role)
    assert "137••••2222" in text
    assert "137••••4444" in text
    for secret in ("13711112222", "137 1111 2222", "13733334444", "anna-wx", "翠湖路九号", "13900000001"):
        assert secret not in text, secret


def test_a_hidden_field_is_not_even_named(house: House) -> None:
    number = house.ids["therapist_staff"]
    edited(house, entity="staff", row=number, monthly_pay="8000", name="员工新名")
    owner, manager = (page(house, role, "staff", number) for role in ("owner", "manager"))
    assert "¥8,000.00" in owner
    assert "8,000" not in manager
    assert "员工新名" in manager
    assert "月底薪" in owner
    assert "月底薪" not in manager


def test_sensitive_values_in_a_history_are_logged_as_read(house: House) -> None:
    """A substance shown in clear stands in the log, whichever page showed it."""
    number = create("contraindication", customer_id=house.ids["anna"], kind="allergy", substance="青霉素")
    assert "青霉素" in page(house, "manager", "contraindication", number)
    reads = db.session.scalars(select(Operation).where(Operation.name == "read_record")).all()
    assert [(row.subject_kind, row.subject_id) for row in reads] == [("contraindication", number)]


def test_erased_values_show_as_gone(house: House) -> None:
    edited(house, job="教师", notes="喜欢安静")
    data = EraseInput(customer=house.ids["anna"], confirm="V001", why="她要求")
    perform(Name.ERASE_CUSTOMER, data, actor=house.actor("owner"))
    text = page(house)
    for gone in ("教师", "喜欢安静", "安娜的家"):
        assert gone not in text
    assert "已清除" in text


def test_markup_in_a_value_stays_text(sqlite_house: House) -> None:
    edited(sqlite_house, notes="<script>x</script>")
    assert "<script>x" not in page(sqlite_house)


def test_only_who_opens_the_log_is_led_to_its_entries(sqlite_house: House) -> None:
    edited(sqlite_house, notes="甲")
    number = db.session.scalars(select(Operation.id).where(Operation.name == "edit_entity")).one()
    assert f'href="/log/{number}"' in page(sqlite_house, "owner")
    assert 'href="/log/' not in page(sqlite_house, "manager")


def test_a_change_without_an_operation_of_its_own_says_by_whom(sqlite_house: House) -> None:
    from models.customers import Customer

    with raw_operation():
        db.session.get_one(Customer, sqlite_house.ids["anna"]).notes = "批量"
    assert newest(sqlite_house) == {"备注": ["–", "批量"]}


def test_a_long_history_shows_its_newest_part_in_as_many_statements(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "NEWEST", 12)
    edited(sqlite_house, notes="0")
    few = sql_of(lambda: page(sqlite_house))
    for number in range(1, 15):
        edited(sqlite_house, notes=str(number))
    lots = sql_of(lambda: page(sqlite_house))
    text = page(sqlite_house)
    assert len(re.findall(r"<li>\s*<p><strong>", text)) == 12
    assert '<td class="new">14</td>' in text
    assert len(lots) <= len(few)
