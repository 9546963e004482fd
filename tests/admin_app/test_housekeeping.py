"""What is done overnight: a backup a day, of which fourteen are kept, and old bookkeeping swept out to the day."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text

from admin_app import housekeeping
from admin_app.backup import BackupError
from admin_app.doctor import examine
from admin_app.housekeeping import KEEP_BACKUPS, daily_backup, sweep
from admin_app.operations.house import SCHEDULES
from admin_app.restore import restore
from admin_app.scheduler import WORK
from models.accounts import SignInThrottle, UserSession
from models.clock import ClaimState, EvaluationRun, Schedule, ScheduleClaim
from models.connection import WRITES
from models.customers import Customer
from models.entity import db
from models.log import Operation, OperationKey
from models.rulebook import RunCustomer
from tests.cast import create, raw_operation
from tests.conftest import House

NIGHT = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)
"""Half past four in the morning of the 23rd, in the salon."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time that the house reads; its last entry holds."""
    at = [NIGHT]
    monkeypatch.setattr(housekeeping, "now", lambda: at[-1])
    return at


def backups(house: House) -> list[str]:
    return sorted(path.name for path in (house.folder / "backups").iterdir())


# ------------------------------------------------------------------------------------------ the backup


def test_a_backup_is_named_by_the_salons_own_day(house: House, clock: list[datetime]) -> None:
    assert daily_backup()["path"] == "peony-20261123-043000.backup"
    assert backups(house) == ["peony-20261123-043000.backup"]


def test_a_backup_is_for_the_houses_eyes_only(house: House, clock: list[datetime]) -> None:
    path = house.folder / "backups" / daily_backup()["path"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_backup_is_logged_with_its_size_and_digest(house: House, clock: list[datetime]) -> None:
    said = daily_backup()
    content = (house.folder / "backups" / said["path"]).read_bytes()
    db.session.rollback()
    entry = db.session.scalars(select(Operation).where(Operation.name == "back_up")).one()
    assert entry.actor_kind == "system"
    assert entry.detail == {
        "path": said["path"],
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert said["size"] == len(content)


def test_a_daily_backup_can_be_restored(house: House, clock: list[datetime]) -> None:
    said = daily_backup()
    create("customer", name="后来者", store_id=house.ids["first"])
    db.session.remove()
    restore(house.folder / "backups" / said["path"])
    names = db.session.scalars(select(Customer.name).order_by(Customer.id)).all()
    assert names == ["安娜", "贝塔", "柯拉"]
    assert [fault for finding in examine() for fault in finding.faults] == []


def test_the_oldest_beyond_fourteen_go(house: House, clock: list[datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = house.folder / "backups"
    folder.mkdir()
    old = [f"peony-202610{day:02d}-043000.backup" for day in range(1, 20)]
    for name in old:
        (folder / name).write_bytes(b"old")
    daily_backup()
    assert backups(house) == [*old[-(KEEP_BACKUPS - 1) :], "peony-20261123-043000.backup"]


def test_backups_that_people_made_are_left_alone(house: House, clock: list[datetime]) -> None:
    folder = house.folder / "backups"
    folder.mkdir()
    others = ["before-0002-20260101-000000.backup", "mine.backup", "peony.txt"]
    for name in [*others, *(f"peony-202610{day:02d}-043000.backup" for day in range(1, 20))]:
        (folder / name).write_bytes(b"old")
    daily_backup()
    assert set(others) <= set(backups(house))
    assert len(backups(house)) == KEEP_BACKUPS + len(others)


def test_a_backup_that_cannot_be_made_costs_no_older_one(
    house: House, clock: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = house.folder / "backups"
    folder.mkdir()
    old = [f"peony-202610{day:02d}-043000.backup" for day in range(1, 20)]
    for name in old:
        (folder / name).write_bytes(b"old")

    def broken(path: object) -> tuple[int, str]:
        raise BackupError("the disk is full")

    monkeypatch.setattr(housekeeping, "back_up", broken)
    with pytest.raises(BackupError):
        daily_backup()
    assert backups(house) == old
    db.session.rollback()
    assert db.session.scalar(select(func.count()).where(Operation.name == "back_up")) == 0


# ------------------------------------------------------------------------------------------- the sweep

AN_INSTANT = timedelta(seconds=1)


def put(*rows: Any) -> None:
    session = db.session()
    session.rollback()
    session.connection(execution_options={WRITES: True})
    session.add_all(rows)
    session.commit()


def aged(house: House, kind: str, age: timedelta) -> Any:
    """A piece of bookkeeping of this age."""
    at, name = NIGHT - age, str(age)
    if kind == "keys":
        return OperationKey(key=name, actor="user:1", input_digest="x", operation_id=1, claimed_at=at, answer={})
    if kind == "sessions":
        values = {"token_hash": name, "user_id": house.ids["owner"], "address": "127.0.0.1", "agent": "test"}
        return UserSession(**values, started_at=at, last_seen_at=at)
    if kind == "claims":
        schedule = db.session.scalars(select(Schedule.id).limit(1)).one()
        state = {"state": ClaimState.DONE, "epoch": 1, "owner": "somebody", "lease_until": at}
        return ScheduleClaim(schedule_id=schedule, due_at=at, **state)
    if kind == "runs":
        return EvaluationRun(as_of=at.date(), full=False, whole=True, started_at=at, ended_at=at)
    return SignInThrottle(subject=f"account:{name}", failures=9, last_failed_at=at, blocked_until=at)


KEPT = {
    "keys": (OperationKey, timedelta(days=7)),
    "sessions": (UserSession, timedelta(days=180)),
    "claims": (ScheduleClaim, timedelta(days=180)),
    "runs": (EvaluationRun, timedelta(days=180)),
    "failures": (SignInThrottle, timedelta(days=1)),
}


@pytest.mark.parametrize("kind", KEPT)
def test_what_is_old_enough_goes_and_nothing_younger(house: House, clock: list[datetime], kind: str) -> None:
    """One a second too old, one on the edge, one fresh: the first goes."""
    entity, keep = KEPT[kind]
    before = db.session.scalar(select(func.count()).select_from(entity)) or 0
    put(*(aged(house, kind, age) for age in (keep + AN_INSTANT, keep, timedelta(minutes=5))))
    assert sweep()[kind] == 1
    assert db.session.scalar(select(func.count()).select_from(entity)) == before + 2
    assert sweep()[kind] == 0


def test_the_sweep_says_how_much_went(house: House, clock: list[datetime]) -> None:
    old = timedelta(days=400)
    put(*(aged(house, kind, old) for kind in KEPT), aged(house, "keys", old * 2))
    put(aged(house, "runs", AN_INSTANT))
    assert sweep() == {"keys": 2, "sessions": 1, "claims": 1, "runs": 1, "failures": 1}


@pytest.mark.parametrize("left", ["the last whole one", "one that has customers to settle"])
def test_a_run_that_is_still_asked_for_is_not_swept_however_old(house: House, clock: list[datetime], left: str) -> None:
    run = aged(house, "runs", timedelta(days=400))
    put(run)
    if left == "one that has customers to settle":
        put(RunCustomer(run_id=run.id, customer_id=house.ids["anna"]), aged(house, "runs", AN_INSTANT))
    else:
        after = aged(house, "runs", timedelta(days=390))
        after.whole = False
        put(after)
    assert sweep()["runs"] == 0


def test_the_sweep_leaves_the_salon_and_its_log_alone(house: House, clock: list[datetime]) -> None:
    clock.append(NIGHT + timedelta(days=4_000))
    before = {table.name: rows_of(table) for table in db.metadata.sorted_tables}
    put(aged(house, "keys", timedelta(days=30)))
    sweep()
    after = {table.name: rows_of(table) for table in db.metadata.sorted_tables}
    swept = {"operation_key", "user_session", "schedule_claim", "evaluation_run", "sign_in_throttle"}
    assert {name for name in before if before[name] != after[name]} <= swept
    assert [fault for finding in examine() for fault in finding.faults] == []


def rows_of(table: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def test_both_are_on_the_houses_own_timetable(house: House) -> None:
    assert set(SCHEDULES) == set(WORK)
    assert {"back-up", "housekeeping"} <= set(db.session.scalars(select(Schedule.name)))


def test_the_timetables_backup_is_a_backup(house: House, clock: list[datetime]) -> None:
    counts = WORK["back-up"](None)
    assert counts is not None
    assert backups(house) == [counts["path"]]


def test_the_sweep_lets_sqlite_count_its_tables(sqlite_house: House) -> None:
    """Without counts it takes any index for as good as another, and with a table's first ones for ever too few."""
    counted = text("SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl = 'customer'")
    sweep()
    few = rows_of(db.metadata.tables["customer"])
    assert db.session.scalar(counted) == few
    with raw_operation():
        alike = {"store_id": sqlite_house.ids["first"], "registered_on": NIGHT.date()}
        many = [{"name": f"客{n}", "public_id": f"p{n}", **alike} for n in range(few * 20)]
        db.session.execute(insert(Customer), many)
    sweep()
    assert db.session.scalar(counted) == few * 21
