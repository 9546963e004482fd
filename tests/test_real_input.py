"""The closing proof: a salon's own workbook and real purchases, rules over them, every count computed a second time by
pandas from the files alone, and the books proved; then somebody works with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from openpyxl import load_workbook

from admin_app.settings import HOUSE
from tests import engines
from tests.conftest import ENGINES, WIDE

DATA = Path(__file__).parent / "data"
WORKBOOK, SALES = DATA / "salon_workbook.xlsx", DATA / "cdnow_sales.csv"
AS_OF = pd.Timestamp("1998-07-01")
pytestmark = pytest.mark.xdist_group("real input")  # what they share is made once

REFUSED = {17: "姓名", 90: "姓名", 423: "姓名", 630: "姓名"}
"""The rows that can only be refused, with the column that says why."""

LEFT_OUT = {
    25: "联系电话",
    48: "出生日期",
    77: "出生日期",
    169: "联系电话",
    401: "出生日期",
    422: "联系电话",
    492: "出生日期",
    588: "联系电话",
}
"""The rows with a cell that means nothing; each is a further row of somebody whose first row is good."""


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


class Door:
    """The command line of a salon of its own."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PEONY_DATA_DIR": str(folder),
            "PEONY_DATABASE_URL": database,
            "PEONY_LANGUAGE": "zh_Hans_CN",
            "PYTHONUTF8": "1",
        }

    def done(self, args: Sequence[str]) -> Done:
        command = [sys.executable, str(HOUSE / "run.py"), *args]
        told = subprocess.run(
            command, capture_output=True, text=True, env=self.environment, check=False, encoding="utf-8"
        )
        return Done(told.returncode, told.stdout, told.stderr)

    def run(self, *args: str, code: int = 0) -> str:
        done = self.done(args)
        assert done.code == code, done.err
        return done.out

    def json(self, *args: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*args, "--json").splitlines()[-1])
        return found


@pytest.fixture(scope="module", params=ENGINES if WIDE else ["sqlite"])
def salon(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Door, dict[str, Any]]:
    """An empty database, the two files brought in, the rules evaluated: and what each step said."""
    database = ""
    if request.param == "postgresql":
        database = engines.fresh(engines.needed(), "real")
    door = Door(tmp_path_factory.mktemp("real") / "data", database)
    said = {
        "customers": door.json("import", "customers", str(WORKBOOK)),
        "sales": door.json("import", "sales", str(SALES)),
        "evaluated": door.json("evaluate", "--as-of", "1998-07-01"),
    }
    return door, said


def sheet(counts: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in counts["sheets"] if one["sheet"] == name)


def test_the_sheet_of_customers_is_read_as_it_is(salon: tuple[Door, dict[str, Any]]) -> None:
    counts = sheet(salon[1]["customers"], "基本信息")
    assert counts["rows"] == 653
    assert (counts["created"], counts["duplicates"], counts["refused"], counts["lost"]) == (601, 48, 4, 8)
    assert salon[1]["customers"]["left"] == ["会员信息"]


def test_each_impossible_row_is_named_with_sheet_row_column_and_reason(salon: tuple[Door, dict[str, Any]]) -> None:
    workbook = load_workbook(salon[1]["customers"]["failed_file"], read_only=True)
    refused, doubled, cells = (list(page.iter_rows(min_row=2, values_only=True)) for page in workbook.worksheets)
    assert {int(str(row[1])): row[2] for row in refused} == REFUSED
    assert all(row[0] == "基本信息" and row[3] for row in refused)
    assert {int(str(row[1])): row[2] for row in cells} == LEFT_OUT
    assert len(doubled) == 48
    assert all("姓名" in str(row[3]) or "相同" in str(row[3]) for row in doubled)
    originals = pd.read_excel(WORKBOOK, sheet_name="基本信息", dtype=str, engine="openpyxl")
    assert [row[4] for row in refused] == [_text(originals.iloc[int(str(row[1])) - 2, 0]) for row in refused]


def _text(value: object) -> str | None:
    return None if pd.isna(value) else str(value)


def test_the_sheet_of_sales_becomes_history(salon: tuple[Door, dict[str, Any]]) -> None:
    counts = sheet(salon[1]["customers"], "消费记录")
    assert (counts["rows"], counts["created"], counts["refused"], counts["staff"]) == (3000, 3000, 0, 5)


def test_the_purchases_come_in_with_their_customers(salon: tuple[Door, dict[str, Any]]) -> None:
    counts = sheet(salon[1]["sales"], "cdnow_sales")
    assert (counts["created"], counts["customers"], counts["refused"]) == (6919, 2357, 0)


def independent() -> dict[str, dict[str, int]]:
    """Tags and tiers as of the day, from the two files, by pandas: no line of the product is used."""
    sales = pd.read_csv(SALES, parse_dates=["sold_on"])
    sales["fen"] = (sales["amount"] * 100).round().astype("int64")
    assert sales["sold_on"].max() <= AS_OF
    visits = sales.drop_duplicates(["customer_no", "sold_on"])
    age = (AS_OF - visits["sold_on"]).dt.days
    by_customer = visits.assign(age=age).groupby("customer_no")
    facts = pd.DataFrame(
        {
            "away": by_customer["age"].min(),
            "since_first": by_customer["age"].max(),
            "visits": by_customer.size(),
            "visits_90": by_customer["age"].agg(lambda ages: int((ages < 90).sum())),
            "visits_365": by_customer["age"].agg(lambda ages: int((ages < 365).sum())),
        }
    )
    bought = sales.assign(age=(AS_OF - sales["sold_on"]).dt.days)
    last_year = bought[bought["age"] < 365]
    facts["paid_365"] = last_year.groupby("customer_no")["fen"].sum().reindex(facts.index).fillna(0)
    facts["largest_365"] = last_year.groupby("customer_no")["fen"].max().reindex(facts.index).fillna(0)
    span = facts["since_first"] - facts["away"]
    own = (facts["visits"] >= 2) & (span > 0)
    facts["away_percent"] = (facts["away"] * 100 * (facts["visits"] - 1) / span.where(span > 0, 1)).where(own)
    people = len(facts) + 601
    sensitive = _sensitive()
    tags = {
        "new": (facts["since_first"] <= 30).sum(),
        "active": (facts["visits_90"] >= 6).sum(),
        "high-value": ((facts["paid_365"] >= 2_000_000) | (facts["largest_365"] >= 500_000)).sum(),
        "slipping": ((facts["visits"] >= 4) & facts["away"].between(21, 59) & (facts["away_percent"] >= 150)).sum(),
        "dormant": facts["away"].between(60, 179).sum(),
        "lost": (facts["away"] >= 180).sum(),
        "sensitive-skin": sensitive,
    }
    away = facts["away"] >= 60
    layer_a = ~away & (facts["paid_365"] >= 2_000_000) & (facts["visits_90"] >= 4)
    layer_b = ~away & ~layer_a & ((facts["paid_365"] >= 500_000) | (facts["visits_90"] >= 3))
    tags |= {"layer-a": layer_a.sum(), "layer-b": layer_b.sum(), "layer-d": away.sum()}
    tags["layer-c"] = people - tags["layer-a"] - tags["layer-b"] - tags["layer-d"]
    tiers: dict[str, int] = {}
    left = pd.Series(True, index=facts.index)
    for tier, paid, visited in (
        ("diamond", 50_000, None),
        ("platinum", 20_000, None),
        ("gold", 8_000, None),
        ("silver", 3_000, 12),
    ):
        reached = facts["paid_365"] >= paid * 100
        if visited is not None:
            reached |= facts["visits_365"] >= visited
        tiers[tier] = int((left & reached).sum())
        left &= ~reached
    tiers["basic"] = people - sum(tiers.values())
    return {
        "tags": {name: int(count) for name, count in tags.items() if count},
        "tiers": {name: count for name, count in tiers.items() if count},
    }


def _sensitive() -> int:
    """Of the people taken from the workbook, those with sensitive skin or an allergy."""
    people = pd.read_excel(WORKBOOK, sheet_name="基本信息", dtype=str, engine="openpyxl")
    people["row"] = people.index + 2
    taken = people[~people["row"].isin({*REFUSED, *LEFT_OUT}) & people["会员编号"].notna()]
    allergic = taken["过敏史"].notna() & (taken["过敏史"] != "无")
    return int(((taken["肤质"] == "敏感肌") | allergic).sum())


def test_every_count_equals_an_independent_computation(salon: tuple[Door, dict[str, Any]]) -> None:
    evaluated = salon[1]["evaluated"]
    expected = independent()
    assert evaluated["customers"] == 2958
    assert evaluated["tags"] == expected["tags"]
    assert evaluated["tiers"] == expected["tiers"]


def test_doing_it_all_again_changes_nothing(salon: tuple[Door, dict[str, Any]]) -> None:
    door, said = salon
    again = door.json("import", "customers", str(WORKBOOK))
    assert {one["sheet"]: one["created"] for one in again["sheets"]} == {"基本信息": 0, "消费记录": 0}
    assert sheet(door.json("import", "sales", str(SALES)), "cdnow_sales")["created"] == 0
    evaluated = door.json("evaluate", "--as-of", "1998-07-01")
    assert (evaluated["gained"], evaluated["lost"], evaluated["moved"], evaluated["asked"]) == ({}, {}, {}, 0)
    assert (evaluated["tags"], evaluated["tiers"]) == (said["evaluated"]["tags"], said["evaluated"]["tiers"])


def test_an_earlier_day_can_only_be_tried_out(salon: tuple[Door, dict[str, Any]]) -> None:
    door, _said = salon
    door.run("evaluate", "--as-of", "1998-06-30", code=1)
    tried = door.json("evaluate", "--as-of", "1998-06-30", "--dry-run")
    assert tried["dry_run"] is True
    assert tried["matching"]["lost"] > 0


def test_the_books_are_sound(salon: tuple[Door, dict[str, Any]]) -> None:
    found = salon[0].json("doctor")
    assert found["sound"] is True
    assert found["checks"]["log chain"]["looked_at"] > 20_000


def test_the_rule_files_are_sound() -> None:
    found = json.loads(subprocess.check_output([sys.executable, str(HOUSE / "run.py"), "check", "--json"], text=True))
    assert found["faults"] == []
    assert found["tests"] >= 30
