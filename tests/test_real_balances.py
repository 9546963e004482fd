"""The members' sheet of a salon's own workbook: tiers, balances, points and sessions become opening entries, the rules
run on them, and all of it can be taken back. Every sum is computed a second time by pandas from the file alone.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import func, select

from admin_app.doctor import examine
from admin_app.operations.kernel import perform
from models.actor import SYSTEM
from models.entity import db
from models.names import Name
from models.standing import TierChange
from models.value import Account, AccountBalance, AccountKind
from tests import engines
from tests.admin_app.houses import opened
from tests.test_real_input import WORKBOOK, Door

TIERS = {"普通": "basic", "银卡": "silver", "金卡": "gold", "钻石卡": "diamond"}


@pytest.fixture(scope="module", params=["sqlite"])
def members(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Door, dict[str, Any]]:
    """The workbook brought in with its members' sheet, twice, and the rules evaluated today."""
    database = engines.fresh(engines.needed(), "members") if request.param == "postgresql" else ""
    door = Door(tmp_path_factory.mktemp("members") / "data", database)
    door.json("import", "customers", str(WORKBOOK))
    said = {name: door.json("import", "balances", str(WORKBOOK)) for name in ("first", "again")}
    return door, said | {"evaluated": door.json("evaluate")}


def in_the_file() -> pd.DataFrame:
    """The members' sheet: fen, points, sessions, tier, by member number."""
    sheet = pd.read_excel(WORKBOOK, sheet_name="会员信息", dtype=str, engine="openpyxl").set_index("会员编号")
    yuan = sheet["储值余额"].str.replace(r"[¥￥,元\s]", "", regex=True).astype(float)
    numbers = sheet[["积分", "剩余次数"]].astype(int)
    return pd.DataFrame(
        {
            "fen": (yuan * 100).round().astype("int64"),
            "points": numbers["积分"],
            "sessions": numbers["剩余次数"],
            "tier": sheet["等级"].map(TIERS),
        }
    )


def stands(kind: AccountKind) -> int:
    query = select(func.sum(AccountBalance.balance)).join(Account, Account.id == AccountBalance.account_id)
    return int(db.session.scalar(query.where(Account.kind == kind)) or 0)


def test_each_member_is_brought_over_once(members: tuple[Door, dict[str, Any]]) -> None:
    [first], [again] = (members[1][name]["sheets"] for name in ("first", "again"))
    assert (first["sheet"], first["rows"], first["created"], first["refused"]) == ("会员信息", 300, 300, 0)
    assert (again["created"], again["unchanged"]) == (0, 300)


def test_the_rules_run_on_the_balances(members: tuple[Door, dict[str, Any]]) -> None:
    sales = pd.read_excel(WORKBOOK, sheet_name="消费记录", dtype=str, engine="openpyxl")
    day = next(column for column in sales.columns if "日期" in column)
    number = next(column for column in sales.columns if "编号" in column)
    plain = sales[day].str.replace(r"[年月./]", "-", regex=True).str.replace("日", "")
    last = pd.to_datetime(plain, format="mixed").groupby(sales[number])
    away = (pd.Timestamp(members[1]["evaluated"]["as_of"]) - last.max()).dt.days
    held = in_the_file()
    idle = held.index[held["fen"] >= 500_000]
    assert members[1]["evaluated"]["tags"].get("idle-balance", 0) == int((away.reindex(idle) >= 45).sum())
    almost = held["sessions"].between(1, 2).sum()
    assert members[1]["evaluated"]["tags"].get("card-almost-used", 0) == int(almost)


def test_every_sum_equals_the_files_and_all_of_it_can_be_taken_back(members: tuple[Door, dict[str, Any]]) -> None:
    door, said = members
    held = in_the_file()
    with opened(data_dir=door.folder, database_url=door.environment["PEONY_DATABASE_URL"]):
        assert stands(AccountKind.PRINCIPAL) == held["fen"].sum()
        assert stands(AccountKind.POINTS) == held["points"].sum()
        assert stands(AccountKind.SESSIONS) == held["sessions"].sum()
        changes = list(db.session.scalars(select(TierChange)))
        brought = Counter(change.to_tier for change in changes if "brought_over" in change.evidence)
        assert brought == Counter(held["tier"])
        undo = {"operation": said["first"]["sheets"][0]["operations"][0], "why": "试导入"}
        assert perform(Name.UNDO_BALANCES, undo, actor=SYSTEM) == {"customers": 300}
        assert [stands(kind) for kind in (AccountKind.PRINCIPAL, AccountKind.POINTS, AccountKind.SESSIONS)] == [0, 0, 0]
        db.session.remove()
        assert [fault for finding in examine() for fault in finding.faults] == []
