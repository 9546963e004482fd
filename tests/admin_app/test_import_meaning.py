"""What imported rows mean: files as other programs and people write them, into a salon without anything in it.

Each file lies in ``tests/data/imports``. What it says is taken as meant, or refused or left out with a reason; nothing
becomes another value, and nobody is lost for one cell.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openpyxl import Workbook
from sqlalchemy import func, select

from admin_app.doctor import examine
from admin_app.importing.files import FileReport, import_file
from admin_app.start import open_house
from models.actor import command_actor
from models.cards import Card
from models.catalogue import Service, ServiceCategory
from models.customers import ConsentEvent, Contraindication, Customer
from models.entity import db
from models.log import Operation
from models.organisation import Staff, Store
from models.sales import Sale, SaleLine
from models.standing import Membership
from models.value import Account, AccountBalance, AccountKind, Lot
from tests.admin_app.houses import opened

DATA = Path(__file__).parents[1] / "data" / "imports"
ME = command_actor("tester")
K = AccountKind

COUNTED = ("created", "updated", "unchanged", "duplicates", "refused", "lost")


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a salon with nothing in it, to copy."""
    folder = tmp_path_factory.mktemp("nothing") / "data"
    with opened(data_dir=folder):
        open_house()
    return folder


@pytest.fixture
def empty(nothing: Path, tmp_path: Path) -> Iterator[Flask]:
    """A salon with nothing in it, on SQLite."""
    shutil.copytree(nothing, tmp_path / "data")
    with opened(data_dir=tmp_path / "data") as app:
        yield app


def bring(kind: str, name: str, dry_run: bool = False) -> FileReport:
    return import_file(kind, DATA / name, ME, dry_run)


def counted(report: FileReport) -> list[tuple[int, ...]]:
    return [tuple(sheet.counts()[name] for name in COUNTED) for sheet in report.sheets]


def tried(kind: str, name: str) -> FileReport:
    """The import, which comes to what its dry run said."""
    said, report = told(bring(kind, name, dry_run=True)), bring(kind, name)
    assert told(report) == said
    return report


def told(report: FileReport) -> dict[str, Any]:
    """What a report counts and names, of a dry run or not."""
    counts = report.counts()
    for sheet in counts["sheets"]:
        sheet.pop("operations", None)  # the entries that a dry run does not make
    return {name: counts[name] for name in ("sheets", "left", "hidden", "aside", "made_store")}


def person(number: str) -> Customer:
    return db.session.scalars(select(Customer).where(Customer.member_no == number)).one()


def allergies(number: str) -> list[str | None]:
    query = select(Contraindication).where(Contraindication.customer_id == person(number).id)
    return [row.substance for row in db.session.scalars(query)]


def balances(number: str) -> dict[AccountKind, int]:
    query = (
        select(Account.kind, func.sum(AccountBalance.balance))
        .join(AccountBalance, AccountBalance.account_id == Account.id)
        .where(Account.customer_id == person(number).id)
        .group_by(Account.kind)
    )
    return {kind: int(amount) for kind, amount in db.session.execute(query)}


def reasons(report: FileReport, sort: str = "refused") -> list[tuple[int, str]]:
    return [(fault.row.number, fault.column) for sheet in report.sheets for fault in getattr(sheet, sort)]


CASES: dict[str, list[tuple[str, str, list[tuple[int, ...]]]]] = {
    "exports of other programs": [
        ("customers", "youzan.csv", [(10, 0, 0, 1, 0, 9)]),
        ("customers", "fresha.csv", [(10, 0, 0, 0, 0, 9)]),
        ("customers", "square_us.csv", [(1, 0, 0, 0, 0, 0)]),
    ],
    "two cards of one member": [
        ("customers", "two_cards_one_member.xlsx", [(3, 0, 0, 2, 0, 0)]),
        ("balances", "two_cards_one_member.xlsx", [(5, 0, 0, 0, 0, 0)]),
        ("balances", "two_cards_one_member.xlsx", [(0, 0, 5, 0, 0, 0)]),
    ],
    "a second card five hundred rows later": [
        ("customers", "second_card_in_row_501.xlsx", [(500, 0, 0, 1, 0, 0)]),
        ("balances", "second_card_in_row_501.xlsx", [(501, 0, 0, 0, 0, 0)]),
    ],
    "known people come again": [
        ("customers", "first_without_number.csv", [(2, 0, 0, 0, 0, 0)]),
        ("customers", "then_with_number.csv", [(0, 2, 0, 0, 0, 0)]),
        ("customers", "corrected.csv", [(0, 1, 0, 0, 0, 0)]),
        ("customers", "corrected.csv", [(0, 0, 1, 0, 0, 0)]),
    ],
    "a new allergy": [
        ("customers", "no_allergy.csv", [(2, 0, 0, 0, 0, 0)]),
        ("customers", "allergy_added.csv", [(0, 2, 0, 0, 0, 0)]),
        ("customers", "allergy_added.csv", [(0, 0, 2, 0, 0, 0)]),
    ],
    "a quantity that is none": [("sales", "sales_edge.csv", [(0, 0, 0, 0, 1, 0)])],
    "refunds, walk-ins and slips of the pen": [("sales", "refund_rows.csv", [(4, 0, 0, 0, 3, 0)])],
    "a birthday without a year": [
        ("customers", "refused_customer_with_sales.xlsx", [(2, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0)]),
        ("customers", "the_row_mended.xlsx", [(0, 1, 0, 0, 0, 0)]),
    ],
    "the mended row of somebody who came with sales": [
        ("sales", "refused_customer_with_sales.xlsx", [(1, 0, 0, 0, 0, 0)]),
        ("customers", "the_row_mended.xlsx", [(0, 1, 0, 0, 0, 0)]),
    ],
    "a referrer by name": [("customers", "referrer_name.csv", [(2, 0, 0, 0, 0, 0)])],
    "birthdays": [("customers", "birthdays.csv", [(11, 0, 0, 0, 0, 6)])],
    "columns that changed places": [("customers", "swapped.csv", [(0, 0, 0, 0, 1, 0)])],
    "one number for two": [("customers", "dup_numbers.csv", [(2, 0, 0, 0, 1, 0)])],
    "a store that is not there": [("customers", "stores.csv", [(1, 0, 0, 0, 1, 0)])],
    "a service with its category": [("services", "services.csv", [(1, 0, 0, 0, 0, 0)])],
    "minutes and yuan as people write them": [
        ("services", "services.csv", [(1, 0, 0, 0, 0, 0)]),
        ("services", "other_services.csv", [(1, 0, 1, 0, 0, 0)]),
    ],
    "staff of the only store": [
        ("staff", "staff_no_store.csv", [(1, 0, 0, 0, 0, 0)]),
        ("staff", "staff_no_store.csv", [(0, 0, 1, 0, 0, 0)]),
    ],
    "an allergy of nobody known": [
        ("customers", "member_numbers.csv", [(2, 0, 0, 0, 0, 0)]),
        ("contraindications", "contra.csv", [(0, 0, 0, 0, 1, 0)]),
    ],
    "an allergy by member number": [
        ("customers", "member_numbers.csv", [(2, 0, 0, 0, 0, 0)]),
        ("contraindications", "allergy_of_member_1.csv", [(1, 0, 0, 0, 0, 0)]),
        ("contraindications", "allergy_of_member_1.csv", [(0, 0, 1, 0, 0, 0)]),
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_each_row_is_taken_corrected_or_told(empty: Flask, case: str) -> None:
    """A dry run says the same, and doing it again does nothing."""
    for kind, name, expected in CASES[case]:
        assert counted(tried(kind, name)) == expected, name
    db.session.remove()
    assert [fault for finding in examine() for fault in finding.faults] == []


def test_what_another_program_calls_a_customer_is_her_number(empty: Flask) -> None:
    report = bring("customers", "youzan.csv")
    assert (person("yz002").phone, person("yz008").phone) == ("+8613900000002", "+8613900000099")
    assert (5, "手机号") in reasons(report, "lost")  # 1.39E+10: its digits are lost
    assert person("yz004").phone is None
    assert person("yz007").birth_calendar == "lunar"
    assert "标签" in report.sheets[0].unused
    bring("customers", "fresha.csv")
    georgia = person("10000")
    assert (georgia.name, georgia.registered_on) == ("Georgia Wells", date(2020, 1, 1))
    refusal = db.session.scalars(select(ConsentEvent).where(ConsentEvent.customer_id == georgia.id)).one()
    assert (refusal.purpose.value, refusal.given) == ("marketing", False)
    bring("customers", "square_us.csv")
    assert (person("SQ1").name, person("SQ1").phone) == ("Ann Lee", "+14155550132")


def test_a_card_that_has_ended_stays_ended(empty: Flask) -> None:
    bring("customers", "headings_made_fit.xlsx")
    report = bring("balances", "headings_made_fit.xlsx")
    assert report.sheets[0].created == 30
    assert balances("008805") == {K.PRINCIPAL: 50_250, K.BONUS: 16_000, K.POINTS: 50, K.SESSIONS: 5}
    ended = person("008805").id
    [card] = db.session.scalars(select(Card).where(Card.customer_id == ended))
    assert card.expires_on == date(2024, 1, 31)
    bonus = select(Lot.expires_on).join(Account, Account.id == Lot.account_id)
    assert db.session.scalar(bonus.where(Lot.customer_id == ended, Account.kind == K.BONUS)) == date(2024, 1, 31)
    assert db.session.scalar(select(Membership.id).where(Membership.customer_id == ended)) is None
    assert (6, "到期日") in reasons(report, "notes")
    assert "所属门店" in report.sheets[0].unused
    assert person("008805").registered_on == date(2019, 6, 6)


def test_each_card_keeps_its_name_and_its_bonus(empty: Flask) -> None:
    bring("customers", "boka_cards.xlsx")
    report = bring("balances", "boka_cards.xlsx")
    assert balances("B001") == {K.PRINCIPAL: 300_000, K.BONUS: 60_000, K.SESSIONS: 15}
    owned = select(Card.name).where(Card.customer_id == person("B001").id).order_by(Card.id)
    assert db.session.scalars(owned).all() == ["补水10次卡", "祛痘12次卡"]
    assert balances("B004") == {K.PRINCIPAL: 128_000, K.SESSIONS: 3}  # 补水10次剩3次
    assert balances("B003") == {K.RECEIVABLE: -12_000}  # -120
    assert reasons(report) == [(8, "剩余次数"), (11, "剩余次数")]  # 12/10, ②


def test_balances_that_say_otherwise_than_those_there_are_told(empty: Flask, tmp_path: Path) -> None:
    bring("customers", "two_cards_one_member.xlsx")
    bring("balances", "two_cards_one_member.xlsx")
    (tmp_path / "later.csv").write_text("会员号,储值余额\nB009,1500\n", encoding="utf-8")
    report = import_file("balances", tmp_path / "later.csv", ME)
    assert counted(report) == [(0, 0, 0, 0, 1, 0)]
    assert balances("B009") == {K.PRINCIPAL: 100_000, K.BONUS: 20_000}


def test_balances_go_to_nobody_of_another_name_or_phone(empty: Flask, tmp_path: Path) -> None:
    head = "会员号,姓名,手机"
    (tmp_path / "in.csv").write_text(f"{head}\n1011,陈十二,13900001011\n1012,李一,13900001012\n", encoding="utf-8")
    import_file("customers", tmp_path / "in.csv", ME)
    rows = ("1011,别人,13900002222,5500", "1011,陈十二女士,13900003333,100", "1012,,13900001011,300")
    (tmp_path / "in.csv").write_text("\n".join((f"{head},储值余额", *rows)) + "\n", encoding="utf-8")
    report = import_file("balances", tmp_path / "in.csv", ME)
    assert reasons(report) == [(2, "会员号"), (4, "会员号"), (3, "会员号")]
    assert (balances("1011"), balances("1012")) == ({}, {})
    (tmp_path / "in.csv").write_text(
        "\n".join((f"{head},储值余额", rows[1], "1012,,13900001012,300")), encoding="utf-8"
    )
    assert counted(import_file("balances", tmp_path / "in.csv", ME)) == [(2, 0, 0, 0, 0, 0)]


def test_a_member_with_a_bad_row_comes_in_whole_when_it_is_put_right(empty: Flask, tmp_path: Path) -> None:
    bring("customers", "two_cards_one_member.xlsx")
    head, money = "会员号,储值余额,剩余次数", "B001,3000,\nB009,100,"
    (tmp_path / "in.csv").write_text(f"{head}\n{money}\nB001,,12/10\n", encoding="utf-8")
    report = import_file("balances", tmp_path / "in.csv", ME)
    assert (counted(report), balances("B001")) == ([(1, 0, 0, 0, 2, 0)], {})
    assert reasons(report) == [(4, "剩余次数"), (2, "会员号")]
    (tmp_path / "in.csv").write_text(f"{head}\n{money}\nB001,,12\n", encoding="utf-8")
    assert counted(import_file("balances", tmp_path / "in.csv", ME)) == [(2, 0, 1, 0, 0, 0)]
    assert balances("B001") == {K.PRINCIPAL: 300_000, K.SESSIONS: 12}


def test_a_correction_is_shown_and_made(empty: Flask) -> None:
    bring("customers", "first_without_number.csv")
    bring("customers", "then_with_number.csv")
    report = bring("customers", "corrected.csv", dry_run=True)
    shown = [(change.column, change.before, change.after) for change in report.sheets[0].changes]
    assert shown == [
        ("手机", "138 0013 8000", "139 1111 2222"),
        ("备注", "改了电话备注", "换了手机"),
    ]
    bring("customers", "corrected.csv")
    assert (person("0001").phone, person("0001").notes) == ("+8613911112222", "换了手机")
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 2


def test_a_new_allergy_is_added_and_no_word_takes_one_away(empty: Flask) -> None:
    bring("customers", "no_allergy.csv")
    bring("customers", "allergy_added.csv")
    bring("customers", "no_allergy.csv")
    assert allergies("0001") == ["青霉素"]
    assert db.session.scalar(select(func.count()).select_from(Contraindication)) == 2


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        *((word, []) for word in ("无", "没有", "暂无", "无过敏史", "不详", "No", "N/A", "-")),
        ("有", [None]),
        ("青霉素；海鲜、无", ["青霉素", "海鲜"]),
        *((word, []) for word in ("无花粉过敏", "无药物过敏史", "暂未发现过敏史", "否认药物过敏")),
        ("过敏：青霉素", ["青霉素"]),
        ("无花粉过敏，海鲜", ["海鲜"]),
        ("没有别的，对海鲜过敏", ["没有别的", "对海鲜过敏"]),
    ],
)
def test_words_for_allergies(empty: Flask, tmp_path: Path, written: str, expected: list[str | None]) -> None:
    head = "会员号,姓名,手机,过敏史"
    (tmp_path / "in.csv").write_text(f"{head}\nA1,王芳,13911112222,{written}\n", encoding="utf-8")
    import_file("customers", tmp_path / "in.csv", ME)
    assert sorted(allergies("A1"), key=str) == sorted(expected, key=str)


def test_walk_ins_stay_without_a_customer(empty: Flask) -> None:
    report = bring("sales", "refund_rows.csv")
    assert reasons(report) == [(3, "金额"), (4, "日期"), (5, "日期")]
    assert db.session.scalars(select(Customer.member_no)).all() == ["S1"]
    owners = db.session.scalars(select(Sale.customer_id).order_by(Sale.id)).all()
    assert [owner is None for owner in owners] == [False, True, True, True]


def sheet_of_sales(folder: Path, head: str, *rows: str) -> FileReport:
    (folder / "in.csv").write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    return import_file("sales", folder / "in.csv", ME)


def test_what_was_paid_is_taken_and_not_the_list_price(empty: Flask, tmp_path: Path) -> None:
    sheet_of_sales(tmp_path, "日期,会员号,项目,金额,实付金额", "2026-10-01,S1,补水,398,298")
    assert db.session.scalars(select(Sale.total)).all() == [29_800]


def test_a_recharge_is_no_service_and_a_card_sold_is_told(empty: Flask, tmp_path: Path) -> None:
    rows = ("2026-10-01,S1,会员充值,3000,微信", "2026-10-02,S1,办卡,1980,微信", "2026-10-03,S1,补水,298,余额")
    report = sheet_of_sales(tmp_path, "日期,会员号,项目,金额,支付方式", *rows)
    assert reasons(report) == [(3, "项目")]
    kinds = db.session.scalars(select(SaleLine.kind).order_by(SaleLine.id)).all()
    assert [kind.value for kind in kinds] == ["recharge", "service"]
    assert db.session.scalars(select(Sale.visit_id).order_by(Sale.id)).all()[0] is None
    assert person("S1").first_visit_on == date(2026, 10, 3)


def test_what_was_cancelled_is_no_sale_and_what_was_given_no_money(empty: Flask, tmp_path: Path) -> None:
    rows = [f"2026-10-01,S1,补水,298,{word},已完成" for word in ("作废", "撤单", "撤销", "退单", "消费")]
    rows += [f"2026-10-02,S1,补水,298,消费,{word}" for word in ("已作废", "已退款", "已取消")]
    rows += [
        f"2026-10-03,S1,{item},300,消费,已完成" for item in ("预存", "充值卡", "充值赠送", "储值1000送100", "赠送金")
    ]
    report = sheet_of_sales(tmp_path, "日期,会员号,项目,金额,类型,状态", *rows)
    assert [row for row, _ in reasons(report)] == [2, 3, 4, 5, 7, 8, 9, 12, 14]
    kinds = db.session.scalars(select(SaleLine.kind).order_by(SaleLine.id)).all()
    assert [kind.value for kind in kinds] == ["service", *["recharge"] * 3]
    assert report.sheets[0].unused == []


def test_a_sale_is_hers_by_name_where_only_one_has_it(empty: Flask, tmp_path: Path) -> None:
    bring("customers", "member_numbers.csv")
    rows = ("2026-10-01,,王芳,补水,298", "2026-10-01,,没有人,补水,298", "2026-10-01,2,李娜,补水,298")
    report = sheet_of_sales(tmp_path, "日期,会员号,姓名,项目,金额", *rows)
    assert reasons(report) == [(3, "姓名"), (4, "会员号")]
    assert db.session.scalars(select(Sale.customer_id)).all() == [person("2").id]


def test_a_member_number_is_never_the_number_of_a_row(empty: Flask) -> None:
    """The customer with member number 1 was written second: her row has another number."""
    bring("customers", "member_numbers.csv")
    assert person("1").id != 1
    bring("contraindications", "allergy_of_member_1.csv")
    assert (allergies("1"), allergies("2")) == (["青霉素"], [])
    report = bring("contraindications", "contra.csv")
    assert reasons(report) == [(2, "客户")]


def test_who_referred_whom(empty: Flask) -> None:
    bring("customers", "referrer_name.csv")
    assert person("8802").referrer_id == person("8801").id


@pytest.mark.parametrize(
    ("referrer", "told"),
    [("13700000002", []), ("B1", ["推荐人不能是客户本人。"]), ("13700000003", ["2"]), ("没有的人", ["没有的人"])],
)
def test_a_dry_run_knows_who_refers_whom(empty: Flask, tmp_path: Path, referrer: str, told: list[str]) -> None:
    people = ("B2,二姐,13700000002,", "B3,三姐,13700000003,", "B4,四姐,13700000003,")
    (tmp_path / "in.csv").write_text(
        "\n".join(("会员号,姓名,手机,推荐人", f"B1,大姐,13700000001,{referrer}", *people)) + "\n", encoding="utf-8"
    )
    runs = [import_file("customers", tmp_path / "in.csv", ME, dry_run=dry_run) for dry_run in (True, False)]
    lost = [[fault.reason for fault in report.sheets[0].lost] for report in runs]
    assert lost[0] == lost[1]
    assert len(lost[0]) == len(told)
    assert all(word in reason for word, reason in zip(told, lost[0], strict=True))
    assert (person("B1").referrer_id is None) is bool(told)


def test_birthdays_as_people_write_them(empty: Flask) -> None:
    report = bring("customers", "birthdays.csv")
    said = {
        number: (c.birth_year, c.birth_month, c.birth_day, c.birth_calendar.value)
        for number in map(str, range(1, 12))
        if (c := person(number)).birth_month is not None
    }
    assert said == {
        "1": (None, 5, 6, "solar"),
        "2": (1990, 5, 6, "lunar"),
        "3": (1990, 5, 30, "lunar"),
        "4": (1990, 2, 30, "lunar"),
        "10": (1990, 5, 6, "solar"),
    }
    assert [row for row, _ in reasons(report, "lost")] == [6, 7, 8, 9, 10, 12]


def test_what_a_service_needs_is_made_or_asked(empty: Flask) -> None:
    report = bring("services", "services.csv")
    assert report.sheets[0].also["made"] == {"service_category": ["面部"]}
    [service] = db.session.scalars(select(Service))
    assert db.session.get_one(ServiceCategory, service.category_id).name == "面部"
    bring("services", "other_services.csv")
    assert sorted(db.session.scalars(select(Service.busy_minutes))) == [60, 75]
    bring("staff", "staff_no_store.csv")
    [staff] = db.session.scalars(select(Staff))
    assert (staff.position.value, db.session.get_one(Store, staff.store_id).name) == ("therapist", "总店")


def test_a_row_that_is_refused_leaves_nothing_behind(empty: Flask, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("名称,分类,价格,占用时长\n补水,面部,很贵,60\n眼护,眼部,168,60\n", encoding="utf-8")
    for dry_run in (True, False):
        report = import_file("services", tmp_path / "in.csv", ME, dry_run=dry_run)
        assert report.sheets[0].also["made"] == {"service_category": ["眼部"]}
    assert db.session.scalars(select(ServiceCategory.name)).all() == ["眼部"]


def test_a_dry_run_leaves_an_empty_salon_empty(empty: Flask) -> None:
    before = db.session.scalar(select(func.max(Operation.id)))
    bring("customers", "headings_made_fit.xlsx", dry_run=True)
    bring("balances", "headings_made_fit.xlsx", dry_run=True)
    bring("staff", "staff_no_store.csv", dry_run=True)
    assert db.session.scalar(select(func.max(Operation.id))) == before
    assert db.session.scalar(select(func.count()).select_from(Store)) == 0


@pytest.mark.parametrize(
    ("kind", "content", "store"),
    [
        ("customers", "会员号,姓名,手机\nA1,王芳,13911112222\n", "总店"),
        ("customers", "会员号,姓名,手机\nA1,,13911112222\n", None),
        ("sales", "消费日期,会员号,姓名,项目,实付\n2026-01-02,A1,王芳,补水,100\n", "总店"),
        ("sales", "消费日期,会员号,姓名,项目,实付\n2026-01-02,A1,王芳,补水,x\n", None),
        ("balances", "会员号,余额\nA1,100\n", None),
        ("staff", "姓名,岗位\n小美,美容师\n", "总店"),
        ("brands", "名称\n好牌\n", None),
    ],
)
def test_a_dry_run_names_the_store_that_the_import_makes(
    empty: Flask, tmp_path: Path, kind: str, content: str, store: str | None
) -> None:
    (tmp_path / "in.csv").write_text(content, encoding="utf-8")
    report = tried(kind, str(tmp_path / "in.csv"))
    assert report.made_store == store
    assert db.session.scalar(select(Store.name)) == store


def test_a_dry_run_knows_the_customers_of_the_sheet_before(empty: Flask, tmp_path: Path) -> None:
    book = Workbook()
    book.active.title = "客户"
    for row in (["会员号", "姓名", "手机"], ["A1", "王芳", "13911112222"], ["A2", "李娜", "13911112223"]):
        book.active.append(row)
    for name in ("一月", "二月"):
        sheet = book.create_sheet(name)
        sheet.append(["消费日期", "会员号", "姓名", "项目", "实付", "美容师"])
        for number, person in (("A1", "王芳"), ("A2", "赵敏"), ("", "李娜"), ("A3", "赵敏")):
            sheet.append(["2026-01-02", number, person, name, "100", "小美"])
    book.save(tmp_path / "in.xlsx")
    _, january, february = tried("customers", str(tmp_path / "in.xlsx")).sheets
    assert [(s.created, len(s.refused), s.also["customers"], s.also["staff"]) for s in (january, february)] == [
        (3, 1, 1, 1),
        (3, 1, 0, 0),
    ]


def test_a_bad_cell_is_left_out_and_comes_with_the_mended_row(empty: Flask, tmp_path: Path) -> None:
    """Without a member number, a row with a telephone that cannot be is refused: nobody could know her again."""
    head = "会员号,姓名,手机,性别,生日\n"
    rows = "A1,王芳,1380013,外星,1999-02-30\n,李娜,1380014,女,\n"
    (tmp_path / "in.csv").write_text(head + rows, encoding="utf-8")
    report = import_file("customers", tmp_path / "in.csv", ME)
    assert counted(report) == [(1, 0, 0, 0, 1, 3)]
    assert reasons(report, "lost") == [(2, "手机"), (2, "性别"), (2, "生日")]
    assert report.failed_file is not None
    mended = "A1,王芳,13800138000,女,1999-02-28\n,李娜,13800138001,女,\n"
    (tmp_path / "in.csv").write_text(head + mended, encoding="utf-8")
    assert counted(import_file("customers", tmp_path / "in.csv", ME)) == [(1, 1, 0, 0, 0, 0)]
    assert (person("A1").phone, person("A1").birth_day) == ("+8613800138000", 28)


def test_a_cell_without_a_value_is_nobodys_number_allergy_or_balance(empty: Flask, tmp_path: Path) -> None:
    head = "会员号,姓名,手机,过敏史,储值余额\n"
    rows = "#N/A,王芳,13911112222,,100\nA2,李娜,13911112223,#REF!,#N/A\n"
    (tmp_path / "in.csv").write_text(head + rows, encoding="utf-8")
    report = import_file("customers", tmp_path / "in.csv", ME)
    assert (counted(report), reasons(report, "lost")) == ([(2, 0, 0, 0, 0, 2)], [(2, "会员号"), (3, "过敏史")])
    assert allergies("A2") == []
    assert reasons(import_file("balances", tmp_path / "in.csv", ME)) == [(2, "会员号"), (3, "储值余额")]


def test_a_further_row_of_a_person_fills_what_the_first_leaves_open(empty: Flask, tmp_path: Path) -> None:
    head = "会员号,姓名,手机,备注,过敏史\n"
    rows = "A1,王芳,13911112222,,\n,王芳女士,13911112222,怕痛,花粉\nA1,王芳,13911113333,,\n"
    (tmp_path / "in.csv").write_text(head + rows, encoding="utf-8")
    report = import_file("customers", tmp_path / "in.csv", ME)
    assert counted(report) == [(1, 0, 0, 2, 0, 0)]
    assert (person("A1").phone, person("A1").notes, allergies("A1")) == ("+8613911112222", "怕痛", ["花粉"])
    assert "手机" in next(f.reason for f in report.sheets[0].duplicates if f.row.number == 4)


def test_a_name_that_several_have_is_asked(empty: Flask, tmp_path: Path) -> None:
    head = "会员号,姓名,手机,推荐人\n"
    rows = "A1,王芳,13911112222,\nA2,王芳,13911112223,\nA3,李娜,13911112224,王芳\nA4,赵敏,13911112225,王芳（A2）\n"
    (tmp_path / "in.csv").write_text(head + rows, encoding="utf-8")
    report = import_file("customers", tmp_path / "in.csv", ME)
    assert reasons(report, "lost") == [(4, "推荐人")]
    query: Any = select(Customer.member_no, Customer.referrer_id).where(Customer.referrer_id.is_not(None))
    assert db.session.execute(query).all() == [("A4", person("A2").id)]
