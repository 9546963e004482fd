"""Words that are none of a column's choices: the report names each once, and says what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from admin_app.importing.files import import_file
from admin_app.importing.report import SheetReport
from admin_app.values import NoChoice
from models.actor import command_actor
from models.customers import Customer
from models.entity import db
from tests.admin_app.test_commands import Inside
from tests.conftest import House

RULES = Path(__file__).parents[2] / "rules"
ME = command_actor("tester")


def brought(folder: Path, kind: str, *lines: str) -> SheetReport:
    path = folder / "in.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return import_file(kind, path, ME).sheets[0]


def test_a_word_outside_the_choices_is_told_once_with_the_nearest_and_the_people_are_kept(
    sqlite_house: House, tmp_path: Path
) -> None:
    rows = (
        "A1,王芳,13911112221,小红薯",
        "A2,李娜,13911112222,小红薯",
        "A3,赵敏,13911112223,外星",
        "A4,孙丽,13911112224,小红书",
    )
    report = brought(tmp_path, "customers", "会员号,姓名,手机,来源", *rows)
    told = [(word["column"], word["word"], word["rows"], word["nearest"]) for word in report.counts()["outside"]]
    assert told == [("来源", "小红薯", 2, "小红书"), ("来源", "外星", 1, None)]
    first, second = report.lines()
    assert ("小红薯" in first, "小红书" in first) == (True, True)
    assert "外星" in second
    assert (report.created, len(report.lost)) == (4, 3)
    assert brought(tmp_path, "customers", "会员号,姓名,手机,来源", "A1,王芳,13911112221,小红书").updated == 1
    assert db.session.scalar(select(Customer.source_channel).where(Customer.member_no == "A1")) == "xiaohongshu"


def test_a_required_choice_refuses_the_row(sqlite_house: House, tmp_path: Path) -> None:
    report = brought(tmp_path, "contraindications", "customer_id,kind,substance", "V001,过敏史,花粉")
    assert (report.created, len(report.refused)) == (0, 1)
    assert [(word["word"], word["nearest"]) for word in report.counts()["outside"]] == [("过敏史", "过敏")]


def test_a_way_of_paying_that_is_not_known_is_proposed(sqlite_house: House, tmp_path: Path) -> None:
    head = "消费日期,会员号,姓名,项目,实付,支付方式"
    report = brought(
        tmp_path, "sales", head, "2026-01-02,A1,王芳,补水,100,微信付", "2026-01-02,A1,王芳,补水,100,微信付"
    )
    assert [(w["word"], w["rows"], w["nearest"]) for w in report.counts()["outside"]] == [("微信付", 2, "微信支付")]


def test_a_tier_of_the_owners_can_be_added_where_the_report_says(tmp_path: Path) -> None:
    rules, file = tmp_path / "rules", tmp_path / "in.csv"
    shutil.copytree(RULES, rules)
    file.write_text("会员号,姓名,手机,等级,余额\nA1,王芳,13911112222,白金,100\n", encoding="utf-8")
    door = Inside(tmp_path / "data")
    door.environment["PEONY_RULES_DIR"] = str(rules)
    door.run("import", "customers", str(file), "--no-backup")
    [word] = door.json("import", "balances", str(file), "--no-backup")["sheets"][0]["outside"]
    assert (word["word"], word["rows"], str(rules / "tiers.yaml") in word["todo"]) == ("白金", 1, True)
    text = (rules / "tiers.yaml").read_text(encoding="utf-8")
    added = "tiers:\n  - {id: white, name: 白金, enter: {paid_365d: {at_least: 90000}}}\n"
    (rules / "tiers.yaml").write_text(text.replace("tiers:\n", added, 1), encoding="utf-8")
    assert door.json("import", "balances", str(file), "--no-backup")["sheets"][0]["created"] == 1


@pytest.mark.parametrize(
    ("word", "nearest"),
    [("金咭", "金卡"), ("Gold card", "金卡"), ("glod", "金卡"), ("白金", None), ("咭", None), ("x卡", None)],
)
def test_the_nearest_is_named_only_where_one_is_near(word: str, nearest: str | None) -> None:
    spellings = {"金卡": ("gold", "金卡"), "银卡": ("silver", "银卡")}
    assert NoChoice(word, "", spellings).nearest == nearest  # type: ignore[arg-type]  # its message is not asked for
