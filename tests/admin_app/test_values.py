"""What is typed into a field of numbers, days or text is read the same in every form and file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from admin_app.values import Unreadable, read_kind, read_value
from models.catalogue import Service
from models.customers import Customer
from models.field import Kind
from tests.admin_app.houses import opened

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with opened(data_dir=Path(tmp_path_factory.mktemp("values"))) as made:
        yield made


pytestmark = pytest.mark.usefixtures("app")

READ: list[tuple[Kind, Any, Any]] = [
    (Kind.NUMBER, "１２", 12),
    (Kind.NUMBER, "١٢", 12),
    (Kind.NUMBER, "1,200", 1200),
    (Kind.MONEY, "１２.５０", 1250),
    (Kind.MONEY, "1.2万", 1_200_000),
    (Kind.DAY, "２０２６-１１-２２", date(2026, 11, 22)),
    (Kind.DAY, "2027-06-30 23:59:59", date(2027, 6, 30)),
    (Kind.ITEMS, "１、７、每周", ["1", "7", "每周"]),
    (Kind.TIME, "０９：３０", time(9, 30)),
    (Kind.INSTANT, "２０２６-１１-２２ ０９:３０", datetime(2026, 11, 22, 1, 30, tzinfo=UTC)),
    (Kind.PHONE, "１３９００００００９９", "+8613900000099"),
    (Kind.TEXT, "\u202e王\u200b芳\ufeff ", "王芳"),
    (Kind.LONG_TEXT, "一\r\n\u200b二", "一\n二"),
]


@pytest.mark.parametrize(("kind", "written", "meant"), READ)
def test_every_field_takes_the_same_digits(kind: Kind, written: str, meant: object) -> None:
    assert read_kind(kind, written, ZONE) == meant


@pytest.mark.parametrize("kind", [Kind.NUMBER, Kind.MONEY, Kind.DAY, Kind.TIME, Kind.PHONE])
@pytest.mark.parametrize("written", ["5²", "②", "½", "五", "1390000000⑨"])
def test_what_only_looks_like_a_number_is_refused(kind: Kind, written: str) -> None:
    with pytest.raises(Unreadable):
        read_kind(kind, written, ZONE)


@pytest.mark.parametrize("written", ["60分钟", "60 分", "60 minutes", "60"])
def test_a_number_may_stand_with_its_own_unit(written: str) -> None:
    assert read_value(Service.fields()["busy_minutes"], written, ZONE) == 60


@pytest.mark.parametrize("written", ["60天", "60元", "60 hours"])
def test_a_number_with_another_unit_is_refused(written: str) -> None:
    with pytest.raises(Unreadable):
        read_value(Service.fields()["busy_minutes"], written, ZONE)


def test_a_name_of_nothing_visible_is_empty() -> None:
    with pytest.raises(Unreadable):
        read_value(Customer.fields()["name"], "\u200b\u202e", ZONE)
