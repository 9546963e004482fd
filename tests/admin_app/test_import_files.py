"""What is read of a file: encodings, workbooks, headings, totals, hidden sheets, and cells that have no value."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from flask import Flask
from openpyxl import Workbook
from sqlalchemy import select

from admin_app.holdings import balances_of
from admin_app.importing import sheets
from admin_app.importing.doubts import with_certain_phones, with_names
from admin_app.importing.files import import_file
from admin_app.importing.tables import Table, UnreadableFileError, heading_key, read_tables
from admin_app.operations.kernel import business_day, now
from admin_app.values import NoValue, Unreadable, read_value
from models.actor import command_actor
from models.customers import Customer
from models.entity import db
from tests.admin_app.houses import opened
from tests.conftest import House

WORDS = ("会员号", "会员卡号", "姓名", "会员姓名", "手机", "手机号码", "余额", "生日", "备注", "name", "phone", "notes")
DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with opened(data_dir=tmp_path_factory.mktemp("files"), language="en") as made:
        yield made


pytestmark = pytest.mark.usefixtures("app")


def written(folder: Path, content: bytes, name: str = "in.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def table(folder: Path, content: bytes | str, name: str = "in.csv") -> Table:
    [only] = read_tables(written(folder, content.encode() if isinstance(content, str) else content, name), WORDS)
    return only


def cells(found: Table) -> list[tuple[Any, ...]]:
    return [row.cells for row in found.rows]


def workbook(folder: Path, rows: list[list[Any]], **options: Any) -> Path:
    path = folder / "in.xlsx"
    with xlsxwriter.Workbook(str(path), options) as book:
        page = book.add_worksheet("会员")
        for number, row in enumerate(rows):
            page.write_row(number, 0, row)
    return path


def xml_workbook(folder: Path, rows: str, doctype: str = "") -> Path:
    """A workbook whose cells are written by hand."""
    path = workbook(folder, [["会员号"]])
    other = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.infolist():
            content = source.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                head, _, rest = content.partition(b"<sheetData>")
                head = head.replace(b"<worksheet", doctype.encode() + b"<worksheet", 1)
                content = head + b"<sheetData>" + rows.encode() + b"</sheetData>" + rest.partition(b"</sheetData>")[2]
            target.writestr(part.filename, content)
    path.write_bytes(other.getvalue())
    return path


def head(*names: str) -> str:
    row = "".join(f'<c r="{"ABCDEF"[n]}1" t="inlineStr"><is><t>{name}</t></is></c>' for n, name in enumerate(names))
    return f'<row r="1">{row}</row>'


# -------------------------------------------------------------------------------------------------- text files

CHINESE = "会员号,姓名,手机\r\nK0001,申红梅,13810003737\r\nK0002,黎欢,13810003774\r\n"
TAIWAN = "會員號,姓名,手機\r\n1,陳曉紅,13900000001\r\n2,張麗華,13900000002\r\n"
GERMAN = "name,phone,notes\r\nMüller,+4915112345678,Renée\r\nStrauß,+4915112345679,für immer\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_chinese_file_is_read_in_whatever_encoding(tmp_path: Path, encoding: str) -> None:
    assert cells(table(tmp_path, CHINESE.encode(encoding))) == [
        ("K0001", "申红梅", "13810003737"),
        ("K0002", "黎欢", "13810003774"),
    ]


@pytest.mark.parametrize(
    ("text", "encoding", "name"),
    [(TAIWAN, "big5", "陳曉紅"), (GERMAN, "cp1252", "Müller"), (GERMAN, "utf-8", "Müller")],
)
def test_a_file_of_another_country_is_read_as_what_it_is(tmp_path: Path, text: str, encoding: str, name: str) -> None:
    assert any(name in row for row in cells(table(tmp_path, text.encode(encoding))))


@pytest.mark.parametrize(
    "content",
    [
        "会员号,姓名\n1,王芳\n".encode("gb18030") + "李娜陈晓红".encode(),
        b"name,phone\nM\x81\xfcller\x9d\xf0\xf1\xf2,1\n",
        "会员号,姓名".encode("utf-16-le")[:-1] + b"\0\0\0",
    ],
    ids=["two encodings", "none", "torn"],
)
def test_a_file_whose_encoding_is_not_certain_is_asked_about(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFileError, match=r"--encoding .*gb18030"):
        table(tmp_path, content)


UNCERTAIN = "会员号,姓名\n1,王芳\n".encode("gb18030") + b"2,\x81\x30\n"
"""Its last name is no text of any encoding."""


@pytest.mark.parametrize(
    ("content", "encoding", "name", "read_as"),
    [
        ("name,phone\nМария,1\n".encode("cp1251"), "Windows-1251", "Мария", "cp1251"),
        ("name,phone\n山田,1\n".encode("cp932"), "cp932", "山田", "cp932"),
        (CHINESE.encode("gb18030"), "GBK", "申红梅", "gb18030"),
        (TAIWAN.encode("cp950"), "big5", "陳曉紅", "cp950"),
        (CHINESE.encode("utf-8-sig"), "UTF8", "申红梅", "utf-8"),
        (CHINESE.encode("gb18030"), None, "申红梅", "gb18030"),
        (CHINESE.encode("utf-8-sig"), None, "申红梅", "utf-8"),
    ],
)
def test_a_file_is_read_in_the_encoding_that_is_named(
    tmp_path: Path, content: bytes, encoding: str | None, name: str, read_as: str
) -> None:
    [found] = read_tables(written(tmp_path, content), WORDS, encoding)
    assert (found.encoding, found.headings[0] in {"name", "会员号", "會員號"}) == (read_as, True)
    assert any(name in row.cells for row in found.rows)


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        (CHINESE.encode(), "martian", "no encoding called martian; usual ones are utf-8"),
        (CHINESE.encode(), "base64", "no encoding called base64"),
        (CHINESE.encode(), "idna", "no encoding called idna"),
        (CHINESE.encode("utf-8-sig"), "gbk", "by its first bytes that it is utf-8"),
        (CHINESE.encode("gb18030"), "utf-8", "line 1: this is not utf-8"),
        (UNCERTAIN, "gb18030", "line 3: this is not gb18030"),
        (b"PK\x03\x04", "utf-8", "leave --encoding out"),
    ],
)
def test_an_encoding_that_is_not_the_files_is_refused(tmp_path: Path, content: bytes, encoding: str, said: str) -> None:
    with pytest.raises(UnreadableFileError, match=said):
        read_tables(written(tmp_path, content), WORDS, encoding)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_makes_columns(tmp_path: Path, delimiter: str) -> None:
    rows = [["会员号", "姓名", "备注"], ["1", "王芳", '"干;怕,痛|很\t痛"'], ["2", "李娜", "好"]]
    text = "客户档案\n" + "\n".join(delimiter.join(row) for row in rows)
    assert cells(table(tmp_path, text)) == [("1", "王芳", "干;怕,痛|很\t痛"), ("2", "李娜", "好")]


def test_a_tab_file_may_be_called_txt_and_a_csv_file_xls(tmp_path: Path) -> None:
    for name in ("in.txt", "in.xls", "in"):
        assert cells(table(tmp_path, "会员号\t姓名\r\n0001\t王芳\r\n", name)) == [("0001", "王芳")]


def test_what_keeps_a_number_text_is_not_of_it(tmp_path: Path) -> None:
    text = '会员号,姓名,手机\n1,甲,"=""13900000002"""\n2,乙,\'+14155550132\n3,丙,\t13900000003\n4,丁,=1+1\n'
    assert [row[2] for row in cells(table(tmp_path, text))] == ["13900000002", "+14155550132", "13900000003", "=1+1"]


def test_quotation_marks_inside_a_cell_need_not_be_doubled(tmp_path: Path) -> None:
    text = '会员号,姓名,备注\n1,甲,"她说"好"的"\n2,"乙 ""小""",好\n3,"丙\n丁",\n'
    assert cells(table(tmp_path, text)) == [("1", "甲", '她说"好"的'), ("2", '乙 "小"', "好"), ("3", "丙\n丁")]


@pytest.mark.parametrize("text", ['会员号,姓名\n1,"甲\n2,乙\n', '会员号,姓名\n1,"甲\n2,"乙"x",3\n'])
def test_a_quotation_that_swallows_rows_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableFileError, match="line 2"):
        table(tmp_path, text)


@pytest.mark.parametrize(
    "text", ["<html><table><tr><td>姓名</td></tr></table></html>", '<?xml version="1.0"?><Workbook/>']
)
def test_a_web_page_saved_as_a_workbook_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableFileError, match="web page"):
        table(tmp_path, text, "in.xls")


def test_a_nul_in_a_text_does_not_change_its_encoding(tmp_path: Path) -> None:
    assert cells(table(tmp_path, "会员号,姓名\n1,王\0芳\n")) == [("1", "王\0芳")]


# ---------------------------------------------------------------------------------------------------- workbooks


def test_a_stray_cell_far_away_costs_no_memory(tmp_path: Path) -> None:
    rows = head("会员号", "姓名") + '<row r="2"><c r="A2"><v>1</v></c></row>'
    rows += '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t> </t></is></c></row>'
    path = xml_workbook(tmp_path, rows)
    tracemalloc.start()
    [found] = read_tables(path, WORDS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert cells(found) == [(1,)]
    assert peak < 20 * 1024 * 1024


def test_a_formula_without_a_value_and_an_error_are_no_empty_cells(tmp_path: Path) -> None:
    rows = head("会员号", "姓名", "余额") + (
        '<row r="2"><c r="A2" t="e"><f>NA()</f><v>#N/A</v></c><c r="B2"><f>C1</f><v/></c>'
        '<c r="C2"><f>1+1</f><v>2</v></c></row><row r="3"><c r="B3" t="str"><f>""</f><v></v></c>'
        '<c r="C3" t="inlineStr"><is><t>#REF!</t></is></c></row>'
    )
    [found] = read_tables(xml_workbook(tmp_path, rows), WORDS)
    first, second = cells(found)
    assert [str(cell) for cell in first] == ["#N/A", "=C1", "2"]
    assert second[:2] == (None, "") or second[:2] == (None, None)
    for cell in (first[0], first[1], second[2]):
        assert isinstance(cell, NoValue)
        with pytest.raises(Unreadable):
            read_value(Customer.fields()["notes"], cell, None)  # type: ignore[arg-type]


def test_a_zero_that_was_never_computed_is_no_zero(tmp_path: Path) -> None:
    """Who writes a workbook without computing leaves 0 and the wish that Excel shall compute it."""
    [found] = read_tables(workbook(tmp_path, [["会员号", "余额", "备注"], ["1", "=100+200", "=1"]]), WORDS)
    assert [type(cell) for cell in cells(found)[0]] == [str, NoValue, NoValue]


def test_openpyxl_writes_formulas_that_nobody_computed(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append(["会员号", "余额"])  # type: ignore[union-attr]
    book.active.append(["1", "=1+1"])  # type: ignore[union-attr]
    book.save(tmp_path / "in.xlsx")
    [found] = read_tables(tmp_path / "in.xlsx", WORDS)
    assert [str(cell) for cell in cells(found)[0]] == ["1", "=1+1"]


@pytest.mark.parametrize("from_1904", [False, True])
def test_days_are_those_of_the_workbooks_calendar(tmp_path: Path, from_1904: bool) -> None:
    path = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(str(path), {"date_1904": from_1904, "default_date_format": "yyyy-mm-dd"}) as book:
        page = book.add_worksheet()
        page.write_row(0, 0, ["姓名", "生日", "备注", "余额"])
        page.write_row(1, 0, ["甲", date(1990, 5, 6)])
        page.write_number(1, 2, 0.5, book.add_format({"num_format": "hh:mm"}))
        page.write_number(1, 3, 31536, book.add_format({"num_format": '#,##0.00"元/day"'}))
    [row] = cells(read_tables(path, WORDS)[0])
    assert row[1] == date(1990, 5, 6)
    assert row[3] == 31536
    assert row[2] == time(12) or from_1904


def test_a_number_with_lost_digits_is_refused(tmp_path: Path) -> None:
    path = workbook(
        tmp_path, [["会员号", "姓名", "手机"], [6222021234567890123, "甲", "1.39E+10"], ["1", "乙", 13900000001]]
    )
    first, second = cells(read_tables(path, WORDS)[0])
    assert [type(cell) for cell in first] == [NoValue, str, NoValue]
    assert second == ("1", "乙", 13900000001)
    assert isinstance(cells(table(tmp_path, "姓名,手机\n甲,1.39E+10\n"))[0][1], NoValue)


def test_a_hidden_sheet_is_named_and_taken_only_when_chosen(house: House, tmp_path: Path) -> None:
    path = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        for name, number in (("会员", "1"), ("旧档案", "2")):
            page = book.add_worksheet(name)
            page.write_row(0, 0, ["会员编号", "姓名", "手机"])
            page.write_row(1, 0, [number, "甲" + number, "1390000000" + number])
        page.hide()
    me = command_actor("tester")
    report = import_file("customers", path, me, dry_run=True)
    assert [sheet.table.name for sheet in report.sheets] == ["会员"]
    assert report.counts()["hidden"] == ["旧档案"]
    report = import_file("customers", path, me, dry_run=True, hidden=True)
    assert [sheet.table.name for sheet in report.sheets] == ["会员", "旧档案"]
    db.session.rollback()


ODS = """<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x" xmlns:style="s" xmlns:calcext="c">
<office:automatic-styles><style:style style:name="ta2"><style:table-properties table:display="false"/></style:style>
</office:automatic-styles><office:body><office:spreadsheet>
<table:table table:name="客户"><table:table-row>
<table:table-cell office:value-type="string"><text:p>会员号</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>姓名</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>生日</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell office:value-type="float" office:value="7"><text:p>7</text:p></table:table-cell>
<table:table-cell table:formula="of:=A1" office:value-type="string" calcext:value-type="error"><text:p>#N/A</text:p>
</table:table-cell><table:table-cell office:value-type="date" office:date-value="1957-12-06"><text:p>57</text:p>
</table:table-cell><table:table-cell table:number-columns-repeated="16381"/></table:table-row>
<table:table-row table:number-rows-repeated="1048574"><table:table-cell table:number-columns-repeated="16384"/>
</table:table-row></table:table>
<table:table table:name="旧" table:style-name="ta2"><table:table-row><table:table-cell table:formula="of:=1+1"/>
<table:table-cell office:value-type="string"><text:p>甲<text:s text:c="2"/>乙</text:p><text:p>丙</text:p>
</table:table-cell>
</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"""


def test_an_open_document_is_read_with_its_errors_and_hidden_sheets(tmp_path: Path) -> None:
    path = tmp_path / "in.ods"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("content.xml", ODS)
    shown, hidden = sheets_of(path)
    assert shown.rows[1].cells[0] == 7
    assert str(shown.rows[1].cells[1]) == "#N/A"
    assert shown.rows[1].cells[2] == date(1957, 12, 6)
    assert (shown.hidden, hidden.hidden) == (False, True)
    assert [str(cell) for cell in hidden.rows[0].cells] == ["=1+1", "甲  乙\n丙"]


def test_a_workbook_of_the_nineties_is_read(tmp_path: Path) -> None:
    [found] = read_tables(DATA / "members.xls", WORDS)
    assert found.headings == ("会员卡号", "姓名", "手机", "生日", "余额本金", "余额赠送", "备注")
    assert found.rows[0].cells[:6] == (10001, "金桂花", 13810000037, date(1980, 1, 1), 100, 20)
    assert len(found.rows) == 10


def sheets_of(path: Path) -> list[sheets.Sheet]:
    from admin_app.importing.tables import read_sheets

    return read_sheets(path)


def test_a_workbook_that_unpacks_to_more_than_may_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path, [["会员号"], *[["1"]] * 2000])
    monkeypatch.setattr("admin_app.importing.tables.MOST_UNPACKED", 10_000)
    with pytest.raises(UnreadableFileError, match="unpacked"):
        read_tables(path)


@pytest.mark.parametrize(("name", "most"), [("MOST_ROWS", 50), ("MOST_CELLS", 90)])
def test_a_file_of_too_many_rows_or_cells_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    monkeypatch.setattr(sheets, name, most)
    path = workbook(tmp_path, [["会员号", "姓名"], *[["1", "甲"]] * 60])
    with pytest.raises(UnreadableFileError, match="more than"):
        read_tables(path)


def test_a_file_that_takes_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_SECONDS", -1)
    with pytest.raises(UnreadableFileError, match="longer"):
        table(tmp_path, "姓名\n" + "甲\n" * 10_001)


def test_entities_in_the_xml_are_not_expanded(tmp_path: Path) -> None:
    rows = '<row r="1"><c r="A1" t="inlineStr"><is><t>&a;</t></is></c></row>'
    with pytest.raises(UnreadableFileError):
        read_tables(xml_workbook(tmp_path, rows, '<!DOCTYPE x [<!ENTITY a "aaaa">]>'))


@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04 torn", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 torn", b"\0\1\2\3" * 40, b"\x89PNG\r\n\x1a\n\1\2\3"],
    ids=["zip", "xls", "numbers", "picture"],
)
def test_a_torn_file_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFileError):
        read_tables(written(tmp_path, content, "in.xlsx"))


def test_a_password_is_named(tmp_path: Path) -> None:
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")
    with pytest.raises(UnreadableFileError, match="password"):
        read_tables(written(tmp_path, content, "in.xlsx"))


# ------------------------------------------------------------------------------------------ headings and footers


def test_titles_above_and_totals_below_are_no_data(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["丽人美容养生会所 会员资料表"],
        ["导出时间：2026-11-28 18:30   操作员：店长"],
        ["序号", "会员卡号", "会员姓名", "手机号码", "余额"],
        [1, "008801", "华桂珍", "13810000037", 4739.33],
        [2, "008802", "合计", "13810000074", 470.65],
        [None, "合计", None, None, 5209.98],
        [None, "制表人：王店长"],
        ["共2条"],
    ]
    [found] = read_tables(workbook(tmp_path, rows), WORDS)
    assert found.headings == ("序号", "会员卡号", "会员姓名", "手机号码", "余额")
    assert [row.number for row in found.rows] == [4, 5], "somebody may be called so"
    assert [row.number for row in found.aside] == [1, 2, 6, 7, 8]


def test_headings_over_two_rows_become_one(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["会员卡号", "姓名", "余额", None, "备注"],
        [None, None, "本金", "赠送", None],
        ["1", "甲", 100, 20, "好"],
    ]
    [found] = read_tables(workbook(tmp_path, rows), WORDS)
    assert found.headings == ("会员卡号", "姓名", "余额本金", "余额赠送", "备注")
    assert cells(found) == [("1", "甲", 100, 20, "好")]


def test_a_row_of_words_under_whole_headings_is_data(tmp_path: Path) -> None:
    assert cells(table(tmp_path, "姓名,手机,备注\n王芳,,好\n")) == [("王芳", None, "好")]


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("会员 号", "会员号"),
        ("＊会员号", "会员号"),
        ("生日(阳历)", "生日"),
        ("會員號", "会员号"),
        ("手機", "手机"),
        ("Mobile_Number", "mobile number"),
        (" Phone:", "phone"),
    ],
)
def test_a_heading_is_known_however_it_is_written(heading: str, name: str) -> None:
    assert Table("", ("x", heading), ()).column(name) == 1


def test_words_that_look_alike_are_not_the_same_heading() -> None:
    assert heading_key("Birthday") != heading_key("birth_day")
    assert Table("", ("生日(农历)", "生日"), ()).column("生日") == 1
    assert Table("", ("电话", "手机"), ()).column("手机", "电话") == 1, "the first of the names, not of the columns"


def test_a_heading_that_stands_twice_has_a_value_only_where_both_say_the_same(tmp_path: Path) -> None:
    text = "姓名,余额,余额\n甲,100,999\n乙,100,100\n丙,,5\n丁,7,\n"
    found = [row[1] for row in cells(table(tmp_path, text))]
    assert isinstance(found[0], NoValue)
    assert str(found[0]) == "100 / 999"
    assert found[1:] == ["100", "5", "7"]


# ----------------------------------------------------------------------------------------- names and numbers


def test_names_are_written_without_what_nobody_sees(house: House, tmp_path: Path) -> None:
    names = {
        "\u202e王芳": "王芳",
        "王\u200b芳\ufeff": "王芳",
        "\u3000王芳\u00a0": "王芳",
        "王 芳": "王 芳",
        "\U0001f469\u200d\U0001f467𠮷": "\U0001f469\u200d\U0001f467𠮷",
        "阿\u200d依": "阿依",
        "=cmd|' /C calc'!A0": "=cmd|' /C calc'!A0",
        "<script>alert(1)</script>": "<script>alert(1)</script>",
    }
    rows = [["会员编号", "姓名", "手机"], *[[f"H{n}", name, f"1381000{n:04}"] for n, name in enumerate(names)]]
    import_file("customers", workbook(tmp_path, rows, strings_to_formulas=False), command_actor("tester"))
    query = select(Customer.name).where(Customer.member_no.like("H%")).order_by(Customer.id)
    assert list(db.session.scalars(query)) == list(names.values())


def test_the_members_of_a_common_program_come_with_all_they_have(house: House, tmp_path: Path) -> None:
    """Titles above, other headings than ours, totals below: one file, taken as customers and as balances."""
    rows: list[list[Any]] = [
        ["丽人美容养生会所 会员资料表"],
        [
            "序号",
            "会员卡号",
            "会员姓名",
            "手机号码",
            "会员等级",
            "储值余额",
            "赠送余额",
            "积分",
            "到期日",
            "生日(阳历)",
        ],
        [1, "008801", "华桂珍", "13810000037", "银卡", "1.2万", 50, "２６６６", "2027-06-30 23:59:59", "1961-02-02"],
        [2, "008802", "王帆", "13810000074", "普通会员", "800.5元整", 0, 0, "长期有效", "19620303"],
        [None, "合计", None, None, None, 12800.5, 50],
        ["制表人：王店长"],
    ]
    path, me = workbook(tmp_path, rows), command_actor("tester")
    [people] = import_file("customers", path, me).sheets
    assert (people.created, people.refused, people.unused[:1]) == (2, [], ["序号"])
    [balances] = import_file("balances", path, me).sheets
    assert (balances.created, balances.refused) == (2, [])
    owner = db.session.scalars(select(Customer).where(Customer.member_no == "008801")).one()
    stored = balances_of(db.session(), owner.id, business_day(now())).stored
    assert stored == 1_205_000


# ------------------------------------------------------------------------------------------------------ doubts


def test_a_landline_of_another_country_is_not_taken_for_one_of_this(tmp_path: Path) -> None:
    london = ["+441144960948", "02074960351", "(0141)4960018", "+862012345678"]
    found = table(tmp_path, "姓名,手机\n" + "".join(f"甲,{number}\n" for number in london))
    assert [isinstance(row[1], NoValue) for row in cells(with_certain_phones(found, 1))] == [False, True, False, False]
    here = table(tmp_path, "姓名,手机\n甲,02074960351\n乙,13900000001\n丙,+441144960948\n")
    assert with_certain_phones(here, 1) is here


def test_a_name_of_digits_is_in_the_wrong_column(tmp_path: Path) -> None:
    found = with_names(table(tmp_path, "会员号,姓名\n甲,1\n2,王2\n3,１２\n"), 1)
    assert [isinstance(row[1], NoValue) for row in cells(found)] == [True, False, True]
