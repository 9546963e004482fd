"""Phone numbers, days and amounts as people write them come down to one form, or are not taken at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from models.numbers import count_of, day_of, day_of_moment, fen_of, phone_number, yuan_of

WORKBOOK = Path(__file__).parents[1] / "data" / "salon_workbook.xlsx"
E164 = re.compile(r"\+[1-9][0-9]{7,14}")

PHONES = {
    "13968049724": "+8613968049724",
    18063469421: "+8618063469421",
    18063469422.0: "+8618063469422",
    "182 5259 8759": "+8618252598759",
    "150-4412-9745": "+8615044129745",
    "+8613442177781": "+8613442177781",
    "+86 134-4217-7781": "+8613442177781",
    "8613442177781": "+8613442177781",
    "008613442177781": "+8613442177781",
    "（+86）13442177781": "+8613442177781",
    "010-12345678": "+861012345678",
    "(0755) 2345678": "+867552345678",
    "+86 010 12345678": "+861012345678",
    "+44 20 7946 0958": "+442079460958",
    "00442079460958": "+442079460958",
    "1380013": None,
    "12345678901": None,
    "139680497245": None,
    "": None,
    "无": None,
    "12345678": None,
    "+8612345": None,
    "1396804972a": None,
    "000-1234567": None,
    "１３９００００００９９": "+8613900000099",
    "１３９０００００９９９": "+8613900000999",
    "١٣٩٠٠٠٠٠٩٩٩": "+8613900000999",
    "139\u200b0000\u202a0999\ufeff": "+8613900000999",
    "1390000099⁹": None,
    "1390000099⑨": None,
}
DAYS = {
    "1995.11.24": date(1995, 11, 24),
    "1970-01-14": date(1970, 1, 14),
    "1992年4月26日": date(1992, 4, 26),
    "1998年12月23日": date(1998, 12, 23),
    "1988年7月5": date(1988, 7, 5),
    "1964/9/7": date(1964, 9, 7),
    "1974/11/3": date(1974, 11, 3),
    " 2024-02-29 ": date(2024, 2, 29),
    "1976-05-09 00:00:00": date(1976, 5, 9),
    "1976-05-09T00:00": date(1976, 5, 9),
    datetime(1976, 5, 9): date(1976, 5, 9),  # noqa: DTZ001 - as spreadsheets give it
    date(1976, 5, 9): date(1976, 5, 9),
    "2023-02-29": None,
    "1995.13.1": None,
    "0000-1-1": None,
    "1976-05-09 10:30": None,
    "２０２７年６月３０日": date(2027, 6, 30),
    "19900105": date(1990, 1, 5),
    20270630: date(2027, 6, 30),
    "19901305": None,
    "33000": None,
    "2027.6": None,
    "1990-05-010": None,
    "06/05/1990": None,
    "1990-05-0²": None,
    "05-09": None,
    "长期": None,
    "": None,
}
AMOUNTS = {
    "￥4,781": 478_100,
    "￥328": 32_800,
    "268元": 26_800,
    "¥1280.00": 128_000,
    "¥ 2.00": 200,
    "29.33": 2_933,
    29.33: 2_933,
    268: 26_800,
    Decimal("0.1"): 10,
    "1，280 元": 128_000,
    "-50": -5_000,
    "-￥50.5": -5_050,
    "￥-50.5": -5_050,
    "0": 0,
    "0.001": None,
    "1.00000000000000000000000000000001": None,
    "10000000000000": None,
    "nan": None,
    "inf": None,
    "1E1000000": None,
    "免费": None,
    "": None,
    "元": None,
    "1.2万": 1_200_000,
    "1.2 万元": 1_200_000,
    "3w": 3_000_000,
    "1.234567万": 1_234_567,
    "1.2345678万": None,
    "１２８０": 128_000,
    "١٢٨٠": 128_000,
    "800.5元整": 80_050,
    "1，280.50元": 128_050,
    "1 280": 128_000,
    "\u202a298\u200b": 29_800,
    "1 280,50": None,
    "1.280,50": None,
    "12,80": None,
    "1,28": None,
    "12 34": None,
    "(120)": None,
    "0.10.": None,
    "$1,204.50": None,
    "5²": None,
    "②": None,
}
COUNTS = {
    "3": 3,
    "３": 3,
    "3次": 3,
    "3 次": 3,
    "1,234": 1_234,
    3.0: 3,
    "-2": -2,
    3.5: None,
    "12/10": None,
    "补水10次剩3次": None,
    "3分": None,
    "1,5": None,
    "②": None,
    "²": None,
    "5²": None,
    "": None,
}


@pytest.mark.parametrize(("written", "meant"), PHONES.items())
def test_a_phone_number_as_people_write_it(written: str | float, meant: str | None) -> None:
    assert phone_number(written) == meant


@pytest.mark.parametrize(("written", "meant"), DAYS.items())
def test_a_day_as_people_write_it(written: str | date, meant: date | None) -> None:
    assert day_of(written) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    {
        "2027-06-30 23:59:59": date(2027, 6, 30),
        "1990/05/06 8:00:00": date(1990, 5, 6),
        "２０２７-０６-３０ １０：３０": date(2027, 6, 30),
        datetime(1976, 5, 9, 10): date(1976, 5, 9),  # noqa: DTZ001 - as spreadsheets give it
        "2027-06-30": date(2027, 6, 30),
        "2027-06-30 25:00": None,
        "2027-06-31 10:00": None,
        "10:30": None,
    }.items(),
)
def test_the_day_of_a_moment_where_only_the_day_counts(written: str | date, meant: date | None) -> None:
    assert day_of_moment(written) == meant


@pytest.mark.parametrize(("written", "meant"), AMOUNTS.items())
def test_an_amount_as_people_write_it(written: str | float | Decimal, meant: int | None) -> None:
    assert fen_of(written) == meant


@pytest.mark.parametrize(("written", "meant"), COUNTS.items())
def test_a_count_as_people_write_it(written: str | float, meant: int | None) -> None:
    assert count_of(written, "次") == meant


@pytest.mark.parametrize(
    ("fen", "plain"), {0: "0.00", 5: "0.05", -5: "-0.05", 123450: "1234.50", -100: "-1.00"}.items()
)
def test_an_amount_in_its_plain_form(fen: int, plain: str) -> None:
    assert yuan_of(fen) == plain


# --------------------------------------------------------------------------------------------- the salon's workbook


def cells(sheet: str, heading: str) -> Iterator[object]:
    with closing(load_workbook(WORKBOOK, read_only=True)) as book:
        head, *rows = book[sheet].iter_rows(values_only=True)
    place = head.index(heading)
    yield from (row[place] for row in rows if row[place] is not None)


def test_of_the_workbooks_phone_numbers_only_the_cut_off_ones_are_refused() -> None:
    refused = [cell for cell in cells("基本信息", "联系电话") if phone_number(cell) is None]  # type: ignore[arg-type]
    assert [len(str(cell)) for cell in refused] == [7, 7, 7, 7]


def test_of_the_workbooks_birthdays_only_those_that_never_were_are_refused() -> None:
    refused = {str(cell) for cell in cells("基本信息", "出生日期") if day_of(cell) is None}  # type: ignore[arg-type]
    assert refused == {"1999-02-30"}


@pytest.mark.parametrize(("sheet", "heading"), [("消费记录", "金额"), ("会员信息", "储值余额")])
def test_every_amount_of_the_workbook_is_read(sheet: str, heading: str) -> None:
    assert [cell for cell in cells(sheet, heading) if fen_of(cell) is None] == []  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------- for any text

mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
separators = st.text(st.sampled_from(" -().（）·"), max_size=2)
landlines = st.from_regex(r"0(10|2[0-9]|[3-9][0-9]{2})-?[2-8][0-9]{6,7}", fullmatch=True)
foreign = st.from_regex(r"\+(1|44|852|853|886)[1-9][0-9]{7,9}", fullmatch=True)
numbers = st.text(st.sampled_from("0123456789+-() "), max_size=20) | landlines | foreign


@given(mobile=mobiles, prefix=st.sampled_from(["", "+86", "86", "0086", "+86 ", "(+86)"]), data=st.data())
def test_a_mobile_is_the_same_however_it_is_written(mobile: str, prefix: str, data: st.DataObject) -> None:
    written = prefix + "".join(digit + data.draw(separators) for digit in mobile)
    assert phone_number(written) == f"+86{mobile}"


@given(written=st.text() | numbers | st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_what_comes_out_is_a_number_that_can_be_dialled(written: str | float) -> None:
    found = phone_number(written)
    assert found is None or E164.fullmatch(found)


@pytest.mark.parametrize("written", ["１３９６８０４９７２４", "139٣٣٣٣٣٣٣٣"])
def test_digits_of_other_scripts_do_not_stand_in_a_number(written: str) -> None:
    assert phone_number(written) in {None, "+8613968049724", "+8613933333333"}


@pytest.mark.parametrize("written", [float("nan"), float("inf")])
def test_what_a_spreadsheet_calls_no_number_is_none(written: float) -> None:
    assert phone_number(written) is None
    assert fen_of(written) is None


@pytest.mark.parametrize("written", ["1,5", "12,34", "1,2345", "19，9"])
def test_a_comma_that_divides_no_thousands_is_no_amount(written: str) -> None:
    """Who writes 1,5 may mean 1.5; she is asked."""
    assert fen_of(written) is None


@given(written=mobiles | landlines | foreign)
def test_a_number_that_was_kept_is_taken_again(written: str) -> None:
    kept = phone_number(written)
    assert kept is not None
    assert phone_number(kept) == kept


@given(
    day=st.dates(),
    form=st.sampled_from(["{0:04}-{1:02}-{2:02}", "{0:04}/{1}/{2}", "{0:04}.{1}.{2}", "{0:04}年{1}月{2}日"]),
)
def test_a_day_is_the_same_however_it_is_written(day: date, form: str) -> None:
    assert day_of(form.format(day.year, day.month, day.day)) == day


@given(written=st.text() | st.from_regex(r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}", fullmatch=True))
def test_any_text_is_a_day_or_is_none(written: str) -> None:
    assert day_of(written) is None or isinstance(day_of(written), date)


@given(fen=st.integers(1 - 10**15, 10**15 - 1))
def test_an_amount_comes_back_from_its_plain_form(fen: int) -> None:
    assert fen_of(yuan_of(fen)) == fen


@given(fen=st.integers(0, 10**12), form=st.sampled_from(["￥{}", "¥{}", "{}元", " {} ", "￥{}元"]))
def test_an_amount_is_the_same_however_it_is_written(fen: int, form: str) -> None:
    grouped = f"{fen // 100:,}.{fen % 100:02}"
    assert fen_of(form.format(grouped)) == fen


@given(
    written=st.text() | st.from_regex(r"[¥￥]?-?\d{1,9}(\.\d{1,4})?([eE]-?\d{1,9})?元?", fullmatch=True) | st.floats()
)
def test_any_text_is_an_amount_or_is_none(written: str | float) -> None:
    found = fen_of(written)
    assert found is None or abs(found) < 10**15


@given(amount=st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_an_amount_is_exact_or_it_is_none(amount: Decimal) -> None:
    found = fen_of(amount)
    assert (Decimal(found) / 100 == amount) if found is not None else amount * 100 % 1 != 0
