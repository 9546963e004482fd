"""Bringing in a sheet: who is known, who stands in it twice, what cannot be, and that nothing is half done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from openpyxl import load_workbook
from sqlalchemy import func, select

from admin_app.backup import BackupError
from admin_app.importing.files import FileReport, import_file, save_before_import
from admin_app.importing.tables import UnreadableFileError, read_tables
from admin_app.operations.refusals import Refused
from admin_app.restore import restore
from models.actor import command_actor
from models.catalogue import Product
from models.clock import ImportRun
from models.customers import Contraindication, Customer
from models.entity import db
from models.log import Operation
from models.organisation import Staff
from models.sales import Payment, Sale, SaleLine, StaffShare, Visit
from tests.admin_app.houses import faults
from tests.conftest import House

ME = command_actor("tester")


def sheet(folder: Path, *rows: list[Any], name: str = "客户", file: str = "in.xlsx") -> Path:
    path = folder / file
    with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False}) as workbook:
        page = workbook.add_worksheet(name)
        for number, row in enumerate(rows):
            page.write_row(number, 0, row)
    return path


def customers(folder: Path, *rows: list[Any], **options: Any) -> FileReport:
    head = ["会员编号", "姓名", "联系电话", "出生日期", "过敏史", "备注"]
    return import_file("customers", sheet(folder, head, *rows), ME, **options)


def counts(report: FileReport) -> tuple[int, int, int, int]:
    found = report.sheets[0].counts()
    return found["created"], found["unchanged"], found["duplicates"], found["refused"]


def test_a_customer_comes_with_birthday_and_allergies(house: House, tmp_path: Path) -> None:
    assert counts(customers(tmp_path, ["A1", "王芳", "139-1111-2222", "1990.5.6", "花粉、海鲜", None])) == (1, 0, 0, 0)
    row = db.session.scalars(select(Customer).where(Customer.member_no == "A1")).one()
    assert (row.phone, row.birth_year, row.birth_month, row.birth_day) == ("+8613911112222", 1990, 5, 6)
    dangers = db.session.scalars(select(Contraindication).where(Contraindication.customer_id == row.id))
    assert sorted(str(one.substance) for one in dangers) == ["海鲜", "花粉"]


def test_no_allergy_is_no_row(house: House, tmp_path: Path) -> None:
    customers(tmp_path, ["A1", "王芳", "13911112222", None, "无", None])
    assert db.session.scalar(select(func.count()).select_from(Contraindication)) == 0


def test_what_the_same_person_is_called_does_not_matter(house: House, tmp_path: Path) -> None:
    """A row without a number, wherever it stands, is the person of the same phone and plain name."""
    report = customers(
        tmp_path,
        [None, "王芳女士", "139 1111 2222", None, None, "重复登记?"],
        ["A1", "王芳", "13911112222", None, None, None],
        [None, " 王芳 ", "+8613911112222", None, None, None],
    )
    assert counts(report) == (1, 0, 2, 0)
    assert "A1" in report.sheets[0].duplicates[0].reason


def test_a_daughter_with_her_mothers_phone_is_somebody_else(house: House, tmp_path: Path) -> None:
    report = customers(
        tmp_path, ["A1", "王芳", "13911112222", None, None, None], [None, "王小芳", "13911112222", None, None, None]
    )
    assert counts(report) == (2, 0, 0, 0)
    assert report.sheets[0].also == {"shared_phone": 2}


def test_a_number_that_is_somebody_elses_is_refused(house: House, tmp_path: Path) -> None:
    report = customers(tmp_path, ["V001", "别人", "13911112222", None, None, None])
    assert counts(report) == (0, 0, 0, 1)
    assert "安娜" in report.sheets[0].refused[0].reason


def test_who_is_known_gets_what_the_sheet_says_of_her(house: House, tmp_path: Path) -> None:
    """A cell left empty takes nothing away."""
    row = ["V001", "安娜", None, "1990-01-01", None, "新备注"]
    assert customers(tmp_path, row, dry_run=True).sheets[0].updated == 1
    assert counts(customers(tmp_path, row)) == (0, 0, 0, 0)
    anna = db.session.get_one(Customer, house.ids["anna"])
    assert (anna.notes, anna.birth_year, anna.phone) == ("新备注", 1990, "+8613900000001")
    assert counts(customers(tmp_path, row)) == (0, 1, 0, 0)


def test_every_fault_of_a_row_is_told(house: House, tmp_path: Path) -> None:
    report = customers(tmp_path, ["A1", None, "1380013", "1999-02-30", None, None])
    [fault] = report.sheets[0].refused
    assert fault.row.number == 2
    assert set(fault.column.split("、")) == {"姓名", "联系电话", "出生日期"}


def test_an_import_is_undone_whole_by_its_backup(house: House, tmp_path: Path) -> None:
    before = db.session.scalar(select(func.max(Operation.id))) or 0
    report = customers(tmp_path, ["A1", "王芳", "13911112222", None, "花粉", None], save=lambda: save_before_import(ME))
    assert report.backup is not None
    assert db.session.scalar(select(func.count()).select_from(Contraindication)) == 1
    db.session.remove()
    restore(report.backup)
    assert db.session.scalar(select(func.count()).select_from(Contraindication)) == 0
    last = db.session.scalars(select(Operation).order_by(Operation.id.desc())).first()
    assert last is not None
    assert (last.id, last.name) == (before + 1, "restore_backup")
    assert faults() == []


def test_nothing_is_imported_without_the_backup_that_undoes_it(house: House, tmp_path: Path) -> None:
    (house.folder / "backups").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(BackupError):
        customers(tmp_path, ["A1", "王芳", "13911112222", None, None, None], save=lambda: save_before_import(ME))
    assert db.session.scalar(select(Customer.id).where(Customer.member_no == "A1")) is None


def test_what_was_not_taken_is_written_out_as_it_was(house: House, tmp_path: Path) -> None:
    rows = [[None, "王芳", "1380013", None, None, "=1+1"], ["A1", "李霞", "1380013", None, None, None]]
    report = customers(tmp_path, *rows)
    assert report.failed_file is not None
    refused, cells = load_workbook(report.failed_file).worksheets
    row = [cell.value for cell in refused[2]]
    assert row[:3] == ["客户", 2, "联系电话"]
    assert row[4:] == [None, "王芳", "1380013", None, None, "=1+1"]
    assert refused["J2"].data_type == "s"
    assert [cell.value for cell in cells[2]][:6] == ["客户", 3, "联系电话", cells["D2"].value, "A1", "李霞"]


def test_a_text_too_long_is_refused_at_its_column(house: House, tmp_path: Path) -> None:
    report = customers(tmp_path, ["A1", "王" * 61, "13911112222", None, None, None])
    assert report.sheets[0].refused[0].column == "姓名"


def test_a_row_the_database_refuses_stays_out_alone(house: House, tmp_path: Path) -> None:
    """Levels that only the database compares, and good ones around them: the part is taken row by row."""
    head = ["name", "price", "reorder_level", "maximum_level"]
    rows = [["甲", "1", "1", "2"], ["乙", "2", "2", "1"], ["丙", "3", "3", "3"]]
    tried = import_file("products", sheet(tmp_path, head, *rows), ME, dry_run=True)
    assert counts(tried) == (2, 0, 0, 1)
    assert db.session.scalar(select(func.count()).select_from(Product)) == 0
    report = import_file("products", sheet(tmp_path, head, *rows), ME)
    assert counts(report) == (2, 0, 0, 1)
    assert report.sheets[0].refused[0].column == "maximum_level"


def test_a_number_or_day_outside_its_range_is_never_taken(house: House, tmp_path: Path) -> None:
    head = ["name", "price", "valid_days"]
    rows = [["甲", "1980", "365"], ["乙", "1980", "3000000"], ["丙", "-1", "90"], ["丁", "1980", "0"]]
    report = import_file("packages", sheet(tmp_path, head, *rows), ME)
    assert counts(report) == (3, 0, 0, 1)
    assert [fault.column for fault in report.sheets[0].refused] == ["price"]
    assert [(fault.row.number, fault.column) for fault in report.sheets[0].lost] == [
        (3, "valid_days"),
        (5, "valid_days"),
    ]


def test_a_birthday_in_the_future_is_left_out_and_the_person_is_taken(house: House, tmp_path: Path) -> None:
    report = customers(
        tmp_path,
        ["A1", "王芳", "13911112222", "1990-02-03", None, None],
        ["A2", "李芳", "13911113333", "2099-02-03", None, None],
    )
    assert counts(report) == (2, 0, 0, 0)
    assert [(fault.row.number, fault.column) for fault in report.sheets[0].lost] == [(3, "出生日期")]


def test_of_two_rows_of_one_number_the_first_is_taken(house: House, tmp_path: Path) -> None:
    rows = [["甲", "690", "1"], ["乙", "690", "2"], ["丙", "691", "3"]]
    for dry_run in (True, False):
        report = import_file("products", sheet(tmp_path, ["name", "barcode", "price"], *rows), ME, dry_run)
        assert counts(report) == (2, 0, 1, 0)
    assert report.sheets[0].duplicates[0].row.number == 3


def test_columns_that_nothing_is_made_of_are_named(house: House, tmp_path: Path) -> None:
    report = import_file("products", sheet(tmp_path, ["name", "price", "鞋码", "name"], ["甲", "1", "37", "乙"]), ME)
    assert report.sheets[0].unused == ["鞋码", "name"]


def test_a_customer_comes_to_the_store_her_row_names(house: House, tmp_path: Path) -> None:
    head = ["姓名", "电话", "所属门店"]
    rows = [["王芳", "13911112222", "第二店"], ["李霞", "13911112223", "火星店"]]
    report = import_file("customers", sheet(tmp_path, head, *rows), ME)
    assert counts(report) == (1, 0, 0, 1)
    assert report.sheets[0].refused[0].column == "所属门店"
    assert db.session.scalars(select(Customer.store_id).where(Customer.name == "王芳")).one() == house.ids["second"]


@pytest.mark.parametrize(
    "content",
    ["name;price\n甲;1\n", "name\tprice\n甲\t1\n", "name,price\n甲,1\n"],
    ids=["semicolons", "tabs", "commas"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_csv_file_as_spreadsheets_write_it(house: House, tmp_path: Path, content: str, encoding: str) -> None:
    (tmp_path / "in.csv").write_bytes(content.encode(encoding))
    assert counts(import_file("products", tmp_path / "in.csv", ME)) == (1, 0, 0, 0)


def test_a_quote_that_is_never_closed_is_refused(house: House, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('name,price\n"甲,1\n乙,2\n', encoding="utf-8")
    with pytest.raises(UnreadableFileError):
        import_file("products", tmp_path / "in.csv", ME)


def test_a_dry_run_says_the_same_and_writes_nothing(house: House, tmp_path: Path) -> None:
    before = db.session.scalar(select(func.count()).select_from(Operation))
    rows = [["A1", "王芳", "13911112222", None, None, None], ["A2", None, "13911112223", None, None, None]]
    assert counts(customers(tmp_path, *rows, dry_run=True)) == (1, 0, 0, 1)
    assert db.session.scalar(select(func.count()).select_from(Operation)) == before


def test_an_import_is_kept_with_its_counts(house: House, tmp_path: Path) -> None:
    customers(tmp_path, ["A1", "王芳", "13911112222", None, None, None], ["A2", None, "1", None, None, None])
    run = db.session.scalars(select(ImportRun)).one()
    assert (run.file_name, run.sheet, run.created, run.refused) == ("in.xlsx", "客户", 1, 1)


def test_who_may_not_import_is_refused(house: House, tmp_path: Path) -> None:
    path = sheet(tmp_path, ["姓名", "电话"], ["王芳", "13911112222"])
    with pytest.raises(Refused):
        import_file("customers", path, house.actor("therapist"))


def sales(folder: Path, *rows: list[Any]) -> FileReport:
    head = ["日期", "会员编号", "姓名", "项目", "金额", "支付方式", "美容师"]
    return import_file("sales", sheet(folder, head, *rows, name="消费"), ME)


def test_a_past_sale_has_visit_line_payment_and_share(house: House, tmp_path: Path) -> None:
    assert counts(sales(tmp_path, ["2025-04-23", "V001", "安娜", "肩颈舒缓", "¥198.00", "微信", "王娜"])) == (
        1,
        0,
        0,
        0,
    )
    sale, line, payment, share = (
        db.session.scalars(select(entity)).one() for entity in (Sale, SaleLine, Payment, StaffShare)
    )
    assert (sale.total, sale.number, sale.customer_id, sale.imported) == (19_800, 1, house.ids["anna"], True)
    assert (line.item, line.kind.value, line.amount) == ("肩颈舒缓", "service", 19_800)
    assert (payment.method.value, payment.amount) == ("wechat", 19_800)
    assert db.session.get_one(Staff, share.staff_id).name == "王娜"
    assert db.session.get_one(Customer, house.ids["anna"]).first_visit_on == sale.business_day


def test_two_sales_of_a_day_are_one_visit(house: House, tmp_path: Path) -> None:
    rows = [["2025-04-23", "V001", "安娜", item, 100, "现金", None] for item in ("肩颈", "补水")]
    sales(tmp_path, *rows)
    assert db.session.scalar(select(func.count()).select_from(Visit)) == 1
    assert db.session.scalars(select(Sale.number).order_by(Sale.number)).all() == [1, 2]


def test_equal_rows_are_as_many_sales_and_a_longer_file_brings_only_what_is_new(house: House, tmp_path: Path) -> None:
    row = ["2025-04-23", "V001", "安娜", "肩颈", 100, "现金", None]
    assert counts(sales(tmp_path, row, row)) == (2, 0, 0, 0)
    assert counts(sales(tmp_path, row, row, row)) == (1, 2, 0, 0)


@pytest.mark.parametrize(
    ("cell", "value", "column"),
    [
        (0, "2025-02-30", "日期"),
        (0, "0202-03-01", "日期"),
        (0, "2999-03-01", "日期"),
        (1, "V002", "会员编号"),
        (3, "退款", "金额"),
        (4, "很多", "金额"),
        (4, "1.234", "金额"),
        (5, "贝壳", "支付方式"),
    ],
)
def test_a_sale_that_cannot_be_is_refused_at_its_column(
    house: House, tmp_path: Path, cell: int, value: object, column: str
) -> None:
    row: list[Any] = ["2025-04-23", "V001", "安娜", "肩颈", 100, "现金", None]
    row[cell] = value
    report = sales(tmp_path, row)
    assert counts(report) == (0, 0, 0, 1)
    assert report.sheets[0].refused[0].column == column


def test_csv_of_excel_on_a_chinese_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "客户.csv"
    path.write_bytes("姓名,电话\n王芳,13911112222\n".encode("gb18030"))
    [table] = read_tables(path)
    assert table.headings == ("姓名", "电话")
    assert table.rows[0].cells == ("王芳", "13911112222")


def test_a_sheet_that_nobody_understands_is_named(house: House, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError):
        import_file("customers", sheet(tmp_path, ["a", "b"], ["1", "2"]), ME)


# ------------------------------------------------------------------------------------------------ balances


@pytest.mark.parametrize(
    ("column", "written"),
    [("储值余额", "99999999999"), ("积分", "9" * 12), ("到期日", "2999-01-01"), ("到期日", "0202-01-01")],
)
def test_a_balance_outside_its_range_is_refused_at_its_column(
    sqlite_house: House, tmp_path: Path, column: str, written: str
) -> None:
    head = ["会员编号", "储值余额", "积分", "到期日"]
    values = dict.fromkeys(head) | {"会员编号": "V001", "储值余额": "100", column: written}
    good = dict.fromkeys(head) | {"会员编号": "V002", "储值余额": "100"}
    path = sheet(tmp_path, head, [values[name] for name in head], [good[name] for name in head])
    report = import_file("balances", path, ME)
    assert [fault.column for fault in report.sheets[0].refused] == [column]
    assert report.sheets[0].created == 1


@pytest.mark.parametrize(
    ("values", "debt", "refused"),
    [
        ({"欠款": "300"}, 30_000, []),
        ({"余额": "-300"}, 30_000, []),
        ({"余额": "-300", "欠款": "300"}, 30_000, []),
        ({"余额": "-300", "欠款": "200"}, 0, ["欠款"]),
        ({"欠款": "-300"}, 0, ["欠款"]),
        ({"余额": "-99999999999"}, 0, ["余额"]),
    ],
)
def test_a_debt_stands_in_its_column_or_below_zero(
    sqlite_house: House, tmp_path: Path, values: dict[str, str], debt: int, refused: list[str]
) -> None:
    head = ["会员编号", *values]
    report = import_file("balances", sheet(tmp_path, head, ["V001", *values.values()]), ME)
    assert [fault.column for fault in report.sheets[0].refused] == refused
    assert sum(db.session.scalars(select(Payment.amount).where(Payment.method == "on_account"))) == debt
