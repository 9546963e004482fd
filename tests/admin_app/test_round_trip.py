"""What the product exports it imports again: every entity, in both languages, references by name."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from flask_babel import force_locale
from openpyxl import load_workbook
from sqlalchemy import select

from admin_app.documents.export import Selection, export_to
from admin_app.importing.files import import_file, importable
from admin_app.operations.kernel import perform
from admin_app.start import open_house
from models.actor import SYSTEM, command_actor
from models.catalogue import Service
from models.entity import Entity, db
from models.field import Field, Kind
from tests.admin_app.houses import opened
from tests.cast import create

ME = command_actor("tester")
LANGUAGES = ("zh_Hans_CN", "en")
VALUES: dict[str, tuple[Any, Any]] = {
    "room.name": ("1号房", "1号房"),
    "room.store_id": (1, 2),
    "bed.name": ("甲", "甲"),
    "bed.room_id": (1, 2),
    "store.phone": ("0571 8888", ""),
    "customer.name": ("王芳", "王芳"),
    "customer.member_no": ("0001", "1"),
    "customer.phone": ("13800138000", "+14155550132"),
    "customer.birth_month": (5, 12),
    "customer.birth_day": (6, 30),
    "customer.birth_year": (1990, 2001),
    "customer.referrer_id": (None, 1),
    "customer.notes": ("=1+1", "一行\n又一行"),
    "customer.contact_every_days": (30, 0),
    "package_item.product_id": (None, 2),
    "package_item.service_id": (1, None),
    "relation.other_id": (2, 1),
    "staff.name": ("小李", "小李"),
    "staff.store_id": (1, 2),
    "service.name": ("补水", "1"),
    "product.barcode": ("6901", "2"),
    "tag.slug": ("first-one", "second-one"),
    "closed_period.staff_id": (None, None),
    "room.turnover_minutes": (10, 20),
}
"""Where a value made from the kind of the field would not do, for the two rows of each entity."""

LATER = {"closes_at", "ends_at", "until", "left_on", "resolved_on", "maximum", "maximum_level"}
"""Fields that come after another of the same row."""


def value_of(field: Field, number: int) -> Any:
    """What row 0 or 1 of an entity has in a field."""
    if field.key in VALUES:
        return VALUES[field.key][number]
    day = f"2026-0{number + 1}-{'20' if field.name in LATER else '10'}"
    hour = 20 if field.name in LATER else 9
    made: dict[Kind, Any] = {
        Kind.TEXT: f"{field.name[:6]}{'甲乙'[number]}",
        Kind.LONG_TEXT: f"{field.name}，「{'甲乙'[number]}」\n-2",
        Kind.ITEMS: f"{field.name}、{number}",
        Kind.NUMBER: (10 if field.name in LATER else 3) + number,
        Kind.MONEY: f"{1280 + number}.5",
        Kind.DAY: day,
        Kind.TIME: f"{hour + number:02}:30",
        Kind.INSTANT: f"{day} {hour:02}:30",
        Kind.FLAG: "yes" if number else "no",
        Kind.PHONE: f"1390000000{number}",
        Kind.REFERENCE: number + 1,
    }
    if field.info.each is not None:
        return f"{number + 1}、{number + 7}"
    return list(field.choices)[number].value if field.kind is Kind.CHOICE else made[field.kind]


def in_order() -> list[tuple[str, type[Entity]]]:
    """The kinds that can be imported; those that others refer to come first."""
    left = dict(importable())
    names = {entity.named() for entity in left.values()}
    found: list[tuple[str, type[Entity]]] = []
    done: set[str] = set()
    while left:
        for kind, entity in list(left.items()):
            targets = {f.target for f in entity.fields().values() if f.kind is Kind.REFERENCE} & names
            if targets - {entity.named()} <= done:
                found.append((kind, left.pop(kind)))
                done.add(entity.named())
    return found


def fill() -> None:
    """Two rows of each entity."""
    for _kind, entity in in_order():
        for number in (0, 1):
            fields = [field for field in entity.fields().values() if not field.info.generated]
            values = {field.name: value_of(field, number) for field in fields}
            create(entity.named(), **{name: value for name, value in values.items() if value not in (None, "")})


def export_all(folder: Path, language: str, ending: str) -> dict[str, Path]:
    folder.mkdir()
    with force_locale(language):
        files = {kind: folder / f"{kind}.{ending}" for kind, _ in in_order()}
        for kind, entity in in_order():
            export_to(files[kind], Selection(entity), ME)
    return files


def content(path: Path) -> list[tuple[Any, ...]]:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [tuple(row) for row in csv.reader(file)]
    sheet = load_workbook(path).worksheets[0]
    return [tuple(row) for row in sheet.iter_rows(values_only=True)]


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_every_entity_comes_back_as_it_went(tmp_path: Path, ending: str) -> None:
    """Exported in both languages, imported in one and exported again: equal files. The other one changes nothing."""
    with opened(data_dir=tmp_path / "old"):
        open_house()
        fill()
        files = {language: export_all(tmp_path / f"from-{language}", language, ending) for language in LANGUAGES}
    with opened(data_dir=tmp_path / "new"):
        open_house()
        for kind, _ in in_order():
            report = import_file(kind, files["en"][kind], ME).sheets[0]
            told = [fault.reason for fault in (*report.refused, *report.lost, *report.duplicates)]
            assert (report.created, told) == (2, []), kind
        again = {language: export_all(tmp_path / f"again-{language}", language, ending) for language in LANGUAGES}
        for language in LANGUAGES:
            for kind, _ in in_order():
                assert content(again[language][kind]) == content(files[language][kind]), (language, kind)
        for kind, _ in in_order():
            report = import_file(kind, files["zh_Hans_CN"][kind], ME).sheets[0]
            rows = len(content(files["zh_Hans_CN"][kind])) - 1
            assert (report.created, report.updated, report.unchanged) == (0, 0, rows), kind


def test_what_was_put_away_does_not_come_back(tmp_path: Path) -> None:
    """An archived row of an export is told, and not made anew as a living one."""
    with opened(data_dir=tmp_path / "old"):
        open_house()
        for name in ("补水", "祛痘"):
            create("service", name=name, price="1", busy_minutes="60")
        perform("archive_entity", {"entity": "service", "id": 1}, actor=SYSTEM)
        export_to(tmp_path / "services.xlsx", Selection(Service), ME)
    with opened(data_dir=tmp_path / "new"):
        open_house()
        report = import_file("services", tmp_path / "services.xlsx", ME).sheets[0]
        assert (report.created, len(report.duplicates)) == (1, 1)
        assert db.session.scalars(select(Service.name)).all() == ["祛痘"]
