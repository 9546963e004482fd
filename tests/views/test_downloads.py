"""Files that leave the house: what she sees and no more, as text, logged, written page by page."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tempfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select
from werkzeug.test import TestResponse

from admin_app.documents import export
from admin_app.documents.sheets import csv_text
from admin_app.operations import reading
from models.customers import Customer
from models.entity import db
from models.log import EntryKind, Operation
from models.names import Name
from models.sales import Payment
from models.value import Account, LedgerEntry
from tests.cast import ROLES, TODAY, create
from tests.conftest import House
from tests.factory import fill
from tests.views import oracle
from tests.views.pages import paid, sql_of
from views.computed import COMPUTED
from views.downloads import download

BOTH = pytest.mark.parametrize("kind", ["csv", "xlsx"])
Table = list[dict[str, Any]]


def answer_of(house: House, path: str, role: str = "owner") -> TestResponse:
    return house.browser(role).get(path)


def table_of(answer: TestResponse, kind: str) -> Table:
    """The rows of a file, by their headings."""
    assert answer.status_code == 200
    if kind == "csv":
        found: list[list[Any]] = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    else:
        sheet = load_workbook(io.BytesIO(answer.data)).active
        assert sheet is not None
        found = [[cell.value for cell in cells] for cells in sheet.iter_rows()]
    return [dict(zip(found[0], row, strict=True)) for row in found[1:]]


def column_of(answer: TestResponse, heading: str) -> list[Any]:
    """The cells of an xlsx file under a heading."""
    sheet = load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    [place] = [cell.column for cell in sheet[1] if cell.value == heading]
    return [sheet.cell(row, place) for row in range(2, sheet.max_row + 1)]


def exported(house: House, kind: str, query: str = "", role: str = "owner", entity: str = "customer") -> Table:
    return table_of(answer_of(house, f"/{entity}/export/{kind}/{query}", role), kind)


def names(rows: Table) -> list[str]:
    return [row["姓名"] for row in rows]


def entries() -> list[Operation]:
    db.session.rollback()
    return list(db.session.scalars(select(Operation).where(Operation.name == "export_rows").order_by(Operation.id)))


# -------------------------------------------------------------------------------------------------- files


@BOTH
def test_a_file_holds_every_row_as_the_page_says_it(house: House, kind: str) -> None:
    values = {"skin_type": "dry", "first_visit_on": TODAY, "goals": "补水、美白", "notes": '甲,"乙"\n丙'}
    create("customer", name="单晓明", store_id=house.ids["first"], phone="15011112222", **values)
    rows = exported(house, kind)
    assert names(rows) == ["安娜", "贝塔", "柯拉", "单晓明"]
    last = rows[-1]
    found = [last[label] for label in ("电话", "肤质", "首次到店", "美容需求", "备注", "所属门店")]
    day = str(TODAY) if kind == "csv" else datetime(TODAY.year, TODAY.month, TODAY.day)  # noqa: DTZ001 - as Excel has it
    assert found == ["150 1111 2222", "干性", day, "补水、美白", '甲,"乙"\n丙', "第一店"]


def test_money_is_a_number_with_two_decimals(house: House) -> None:
    paid(house, TODAY, 123_456)
    paid(house, TODAY, -50)
    answer = answer_of(house, "/payment/export/xlsx/")
    assert [row["金额"] for row in table_of(answer, "xlsx")] == [1234.56, -0.5]
    assert [cell.number_format for cell in column_of(answer, "金额")] == ["#,##0.00"] * 2
    assert [row["金额"] for row in exported(house, "csv", entity="payment")] == ["1234.56", "-0.50"]


def test_dates_and_moments_are_real_in_excel_and_on_the_salons_clock(house: House) -> None:
    """Payments of the factory are paid at noon in the store."""
    paid(house, TODAY, 100)
    at = db.session.scalars(select(Payment.paid_at)).one().astimezone(house.settings.zone).replace(microsecond=0)
    answer = answer_of(house, "/payment/export/xlsx/")
    for label, code, value in (("营业日", "yyyy-mm-dd", TODAY), ("付款时间", "yyyy-mm-dd hh:mm:ss", at)):
        [cell] = column_of(answer, label)
        assert cell.is_date, label
        assert cell.number_format == code
        found = cell.value.date() if label == "营业日" else cell.value.replace(tzinfo=house.settings.zone)
        assert found == value
    [row] = exported(house, "csv", entity="payment")
    assert (row["营业日"], row["付款时间"]) == (TODAY.isoformat(), f"{at:%Y-%m-%d %H:%M:%S}")


def test_an_entry_of_the_ledger_is_in_yuan_only_where_its_account_counts_money(house: House) -> None:
    fill(house)
    lines = select(LedgerEntry.id, LedgerEntry.amount, Account.commodity).join(Account).order_by(LedgerEntry.id)
    wanted = [f"{Decimal(fen) / 100:.2f}" if kind == "cny" else str(fen) for _, fen, kind in db.session.execute(lines)]
    assert [row["金额"] for row in exported(house, "csv", entity="ledger_entry")] == wanted


def test_the_headings_follow_the_readers_language(sqlite_house: House) -> None:
    answer = sqlite_house.browser("owner").get("/customer/export/csv/", headers={"Accept-Language": "en"})
    assert answer.data.decode("utf-8-sig").startswith("Full name,")


@BOTH
def test_an_empty_list_is_a_file_with_headings(sqlite_house: House, kind: str) -> None:
    answer = answer_of(sqlite_house, f"/brand/export/{kind}/")
    assert table_of(answer, kind) == []
    assert answer.data


@BOTH
def test_a_file_is_sent_to_be_kept_and_not_to_be_cached(sqlite_house: House, kind: str) -> None:
    headers = answer_of(sqlite_house, f"/customer/export/{kind}/").headers
    assert headers["Content-Disposition"] == f"attachment; filename=customer.{kind}"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("kind", ["pdf", "json", "html", "CSV", "../csv"])
def test_another_type_of_file_is_missing(sqlite_house: House, kind: str) -> None:
    assert answer_of(sqlite_house, f"/customer/export/{kind}/").status_code == 404
    assert entries() == []


@pytest.mark.parametrize(
    "name",
    [
        *("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1:A9)", "{=1+1}", '=HYPERLINK("http://x","y")', "＝1+1"),
        *("+8613900000001", "-1", "+1E5"),
    ],
)
def test_a_formula_stays_text(sqlite_house: House, name: str) -> None:
    create("customer", name=name, store_id=sqlite_house.ids["first"])
    [cell] = [text for text in names(exported(sqlite_house, "csv")) if name in text]
    assert cell[0] not in "=+-@"
    book = load_workbook(io.BytesIO(answer_of(sqlite_house, "/customer/export/xlsx/").data)).active
    assert book is not None
    [found] = [one for cells in book.iter_rows() for one in cells if one.value == name]
    assert found.data_type == "s"
    assert found.hyperlink is None
    assert found.quotePrefix or name[0] == "{"


@pytest.mark.parametrize("text", ["\t=1", "\r=1", "\n=1", "+1", "-0", "@a", "=a"])
def test_text_that_begins_like_a_formula_is_guarded_in_csv(text: str) -> None:
    assert csv_text(text) == f"'{text}"


def test_numbers_need_no_guard_in_csv() -> None:
    assert [csv_text(value) for value in (-5, Decimal("-0.5"), date(2026, 1, 2), "甲")] == [
        *(-5, "-0.50", date(2026, 1, 2), "甲")
    ]


# --------------------------------------------------------------------------------------- rights and privacy


@pytest.mark.parametrize("role", ROLES)
def test_only_roles_with_the_right_export(sqlite_house: House, role: str) -> None:
    for entity in ("customer", "payment", "user", "visit"):
        allowed = oracle.may(role, "export", entity)
        answer = answer_of(sqlite_house, f"/{entity}/export/csv/", role)
        assert answer.status_code == (200 if allowed else 403), entity
    assert len(entries()) == sum(oracle.may(role, "export", one) for one in ("customer", "payment", "user", "visit"))


@BOTH
def test_what_is_masked_on_the_page_is_masked_in_the_file(house: House, kind: str) -> None:
    assert exported(house, kind)[0]["电话"] == "139 0000 0001"
    rows = exported(house, kind, role="auditor")
    assert [row["电话"] for row in rows] == ["139••••0001", "139••••0002", "139••••0003"]
    assert "安娜的家" not in str(rows)


def test_a_secret_has_no_column(sqlite_house: House) -> None:
    answer = answer_of(sqlite_house, "/user/export/csv/")
    assert "password_hash" not in str(table_of(answer, "csv"))
    assert "argon2" not in answer.text
    [entry] = entries()
    assert entry.detail is not None
    assert "login" in entry.detail["columns"]
    assert "password_hash" not in entry.detail["columns"]


@BOTH
def test_a_file_holds_no_row_that_is_not_hers(house: House, kind: str) -> None:
    assert names(exported(house, kind, role="manager")) == ["安娜", "贝塔"]
    assert exported(house, kind, f"?store_id={house.ids['second']}", role="manager") == []


def test_a_customer_who_is_not_hers_is_masked_where_a_row_refers_to_her(house: House) -> None:
    """Whom a customer of hers was sent by is told by name only to those who see that one too."""
    create("customer", name="亲友", store_id=house.ids["first"], referrer_id=house.ids["cora"])
    assert [row["推荐人"] for row in exported(house, "csv", "?q=亲友")] == ["柯拉"]
    assert [row["推荐人"] for row in exported(house, "csv", "?q=亲友", role="manager")] == ["••••"]


# ------------------------------------------------------------------------------------------------- filter


@BOTH
def test_a_filter_is_obeyed(house: House, kind: str) -> None:
    assert names(exported(house, kind, f"?store_id={house.ids['second']}")) == ["柯拉"]
    assert names(exported(house, kind, "?q=beita")) == ["贝塔"]
    assert exported(house, kind, "?stage=member") == []


def test_archived_rows_are_left_out_until_asked_for(house: House) -> None:
    house.browser("owner").post("/customer/delete/", {"id": house.ids["berta"]})
    assert names(exported(house, "csv")) == ["安娜", "柯拉"]
    assert names(exported(house, "csv", "?archived=yes")) == ["贝塔"]


def test_the_list_and_its_files_show_the_same_rows(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    page = browser.get("/customer/?stage=lead&q=安娜&sort=name").text
    links = re.findall(r'href="(/customer/export/[^"]*)" download', page)
    assert len(links) == 2
    for link in links:
        address = unescape(link)
        assert names(table_of(browser.get(address), "xlsx" if "/xlsx/" in address else "csv")) == ["安娜"]


def test_after_a_search_by_number_no_link_exports_everybody(sqlite_house: House) -> None:
    """The page shows one customer; a file taken from it must not hold three."""
    browser = sqlite_house.browser("owner")
    page = browser.post("/customer/", {"q": "13900000001"}).text
    links = [unescape(one) for one in re.findall(r'href="(/customer/export/csv/[^"]*)" download', page)]
    assert [names(table_of(browser.get(link), "csv")) for link in links] in ([], [["安娜"]])


def test_a_filter_that_is_not_understood_exports_nothing(sqlite_house: House) -> None:
    """A slip in the address must not turn one customer into everybody."""
    answer = answer_of(sqlite_house, "/customer/export/csv/?nonsense=1&first_visit_on.from=2026-02-30")
    assert answer.status_code == 422
    [back] = re.findall(r'<a class="button primary" href="([^"]*)"', answer.text)
    assert unescape(back) == "/customer/?nonsense=1&first_visit_on.from=2026-02-30"


def test_a_masked_number_cannot_be_tried_through_exports(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search by number is logged and slowed down, whichever way it comes."""
    monkeypatch.setitem(reading.MOST_AN_HOUR, Name.SEARCH_NUMBER, 2)
    browser = sqlite_house.browser("auditor")
    codes = [browser.get(f"/customer/export/csv/?q=000{number}").status_code for number in range(1, 5)]
    assert codes != [200] * 4


# ---------------------------------------------------------------------------------------------------- log


@BOTH
def test_an_export_is_one_entry_with_filter_count_columns_and_digest(house: House, kind: str) -> None:
    answer = answer_of(house, f"/customer/export/{kind}/?store_id={house.ids['first']}&q=安", "auditor")
    [entry] = entries()
    assert (entry.kind, entry.actor_name, entry.result) == (EntryKind.EXPORT, "用户auditor", "done")
    assert entry.detail is not None
    said = {name: entry.detail[name] for name in ("entity", "format", "rows", "filter", "sha256")}
    assert said == {
        "entity": "customer",
        "format": kind,
        "rows": 1,
        "filter": {"store_id": str(house.ids["first"]), "q": "…"},
        "sha256": hashlib.sha256(answer.data).hexdigest(),
    }
    assert {"name", "phone", "address"} <= set(entry.detail["columns"])


def test_too_many_rows_leave_nothing_behind(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    small = sqlite_house.settings.model_copy(update={"export_rows": 2})
    monkeypatch.setitem(sqlite_house.app.config, "PEONY", small)
    answer = answer_of(sqlite_house, "/customer/export/csv/")
    assert answer.status_code == 422
    assert "安娜" not in answer.text
    assert entries() == []
    assert len(exported(sqlite_house, "csv", f"?store_id={sqlite_house.ids['first']}")) == 2


def test_no_file_stays_on_the_disk(sqlite_house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    written: list[Path] = []

    def write(path: Path) -> None:
        written.append(path)
        path.write_bytes(b"x" * 100)

    with sqlite_house.app.test_request_context():
        answer = download("a.csv", write)
        answer.direct_passthrough = False
        assert answer.get_data() == b"x" * 100
        answer.close()
    assert written[0].is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------- paging


def many(house: House, count: int = 8) -> list[str]:
    """More customers; everybody's names in the order of their numbers."""
    for number in range(count):
        create("customer", name=f"客{number}", store_id=house.ids["first"], referrer_id=house.ids["anna"])
    return list(db.session.scalars(select(Customer.name).order_by(Customer.id)))


@BOTH
@pytest.mark.parametrize("page", [1, 3, 11, 12])
def test_pages_follow_one_another_without_a_gap(
    sqlite_house: House, kind: str, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = many(sqlite_house)
    monkeypatch.setattr(export, "PAGE", page)
    assert names(exported(sqlite_house, kind)) == everybody


def test_every_page_costs_the_same(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    many(sqlite_house)
    monkeypatch.setattr(export, "PAGE", 11)
    one = len(sql_of(lambda: exported(sqlite_house, "csv")))
    monkeypatch.setattr(export, "PAGE", 6)
    each = 1 + len(COMPUTED["customer"])  # the rows, and each column that none of them stores
    assert len(sql_of(lambda: exported(sqlite_house, "csv"))) == one + each


def test_rows_are_written_while_they_are_read(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a page of rows is held at a time, however long the file becomes."""
    many(sqlite_house)
    monkeypatch.setattr(export, "PAGE", 3)
    held: list[int] = []
    plain = export.write_csv

    def watched(path: Path, headings: Sequence[str], body: Iterable[Sequence[Any]]) -> int:
        def rows() -> Iterable[Sequence[Any]]:
            for row in body:
                held.append(sum(isinstance(one, Customer) for one in db.session))
                yield row

        assert not isinstance(body, (list, tuple))
        return plain(path, headings, rows())

    monkeypatch.setattr(export, "write_csv", watched)
    exported(sqlite_house, "csv")
    assert len(held) == 11
    assert 0 < max(held) <= 3
