"""The clock: each due time runs once, whoever runs and whoever dies; on both engines, with real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from sqlalchemy import select

from admin_app import scheduler
from admin_app.applying import LEASE
from admin_app.evaluation import evaluate
from admin_app.operations.kernel import business_day
from admin_app.operations.refusals import Refused
from admin_app.scheduler import Due, due_runs, last_due, next_due, overdue, take_claim, tick
from models.clock import ClaimState, Missed, Schedule, ScheduleClaim, ScheduleRun
from models.customers import Customer
from models.entity import db
from models.log import Operation
from models.rulebook import RuleMatch
from models.standing import Alert, CustomerTag, Tag
from tests.cast import raw_operation
from tests.conftest import House
from tests.limits import HANG_SECONDS
from tests.properties.history import Salon, marked

START = datetime(2026, 11, 22, 2, tzinfo=UTC)


def schedule(name: str = "rules-changed", **values: object) -> int:
    """Only this schedule is left, counting from START."""
    with raw_operation():
        for other in db.session.scalars(select(Schedule)):
            other.paused = other.name != name
        row = db.session.scalars(select(Schedule).where(Schedule.name == name)).one()
        row.first_due_at = START
        for key, value in values.items():
            setattr(row, key, value)
        return row.id


@pytest.mark.parametrize(
    ("minutes", "after", "due"),
    [(5, 0, 0), (5, 4, 0), (5, 5, 5), (5, 61, 60), (60, 59, 0), (60, 125, 120)],
)
def test_every_so_many_minutes(house: House, minutes: int, after: int, due: int) -> None:
    row = Schedule(every_minutes=minutes, first_due_at=START)
    assert last_due(row, START + timedelta(minutes=after)) == START + timedelta(minutes=due)
    assert next_due(row, START + timedelta(minutes=after)) == START + timedelta(minutes=due + minutes)
    assert last_due(row, START - timedelta(seconds=1)) is None


def test_daily_at_the_stores_own_hour(house: House) -> None:
    """03:30 in Shanghai is 19:30 UTC of the day before."""
    row = Schedule(daily_at="03:30", first_due_at=START)
    assert last_due(row, START + timedelta(hours=1)) is None
    assert last_due(row, datetime(2026, 11, 22, 19, 29, tzinfo=UTC)) is None
    assert last_due(row, datetime(2026, 11, 22, 19, 30, tzinfo=UTC)) == datetime(2026, 11, 22, 19, 30, tzinfo=UTC)
    assert next_due(row, datetime(2026, 11, 22, 19, 30, tzinfo=UTC)) == datetime(2026, 11, 23, 19, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "changes"),
    [
        (datetime(2027, 3, 26, tzinfo=UTC), "an hour is left out"),
        (datetime(2027, 10, 29, tzinfo=UTC), "an hour comes twice"),
    ],
)
@pytest.mark.parametrize("daily_at", ["00:00", "01:59", "02:00", "02:30", "03:00", "23:59"])
def test_once_a_day_also_where_the_clocks_are_changed(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch, first: datetime, changes: str, daily_at: str
) -> None:
    """Every five minutes of four days in Berlin."""
    berlin = sqlite_house.settings.model_copy(update={"timezone": "Europe/Berlin"})
    monkeypatch.setitem(sqlite_house.app.config, "PEONY", berlin)
    row = Schedule(daily_at=daily_at, first_due_at=first - timedelta(days=9))
    moments = [first + timedelta(minutes=minutes) for minutes in range(0, 4 * 1440, 5)]
    due = [at for at in (last_due(row, moment) for moment in moments) if at is not None]
    assert due == sorted(due)
    assert Counter(business_day(at) for at in set(due)).most_common(1)[0][1] == 1, "once a day"
    assert len(set(due)) in {4, 5}
    for moment in moments:
        following = next_due(row, moment)
        assert moment < following <= moment + timedelta(hours=25)
        assert last_due(row, following) == following


def test_one_run_makes_up_for_all_that_were_missed(house: House) -> None:
    schedule(every_minutes=5)
    late = START + timedelta(hours=3)
    assert [due.at for due in due_runs(late)] == [late]
    assert len(tick(late)) == 1
    assert tick(late) == []


def test_missed_runs_are_skipped_where_that_is_wanted(house: House) -> None:
    schedule(every_minutes=60, missed=Missed.SKIP)
    assert due_runs(START + timedelta(minutes=40)) == []
    assert len(due_runs(START + timedelta(minutes=2))) == 1


def test_a_paused_schedule_is_not_due(house: House) -> None:
    schedule(every_minutes=5, paused=True)
    assert due_runs(START + timedelta(hours=1)) == []


def test_a_run_is_kept_with_its_counts(house: House) -> None:
    schedule(every_minutes=5)
    tick(START)
    run = db.session.scalars(select(ScheduleRun)).one()
    assert (run.state, run.counts is not None, run.error) == (ClaimState.DONE, True, None)


def test_a_claim_is_one_processs_until_its_lease_runs_out(house: House) -> None:
    due = Due(schedule(every_minutes=5), "rules-changed", START)
    first = take_claim(due, START)
    assert first is not None
    assert first.epoch == 1
    assert take_claim(due, START + LEASE - timedelta(seconds=1)) is None
    second = take_claim(due, START + LEASE)
    assert second is not None
    assert second.epoch == 2


def test_who_has_lost_the_claim_writes_nothing_more(house: House) -> None:
    """A process that was thought dead wakes up: its next write is refused, and nothing of it stays."""
    due = Due(schedule(every_minutes=5), "rules-changed", START)
    slept = take_claim(due, START)
    take_claim(due, START + LEASE)
    with pytest.raises(Refused) as refused:
        evaluate(START.date(), claim=slept)
    assert refused.value.code == "lost_claim"
    assert db.session.scalars(select(RuleMatch)).all() == []


def test_a_failing_schedule_is_told_and_the_next_run_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule(every_minutes=5)

    def broken(claim: object) -> dict[str, object]:
        raise RuntimeError("no luck")

    monkeypatch.setitem(scheduler.WORK, "rules-changed", broken)
    tick(START)
    run = db.session.scalars(select(ScheduleRun)).one()
    assert (run.state, run.error) == (ClaimState.FAILED, "RuntimeError: no luck")
    assert db.session.scalars(select(Alert.source)).all() == ["scheduler"]
    monkeypatch.undo()
    assert len(tick(START + timedelta(minutes=5))) == 1


def test_however_often_it_fails_it_is_tried_and_told_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing counts the failures and gives up, and no flag is left standing."""
    schedule(every_minutes=5)
    monkeypatch.setitem(scheduler.WORK, "rules-changed", Mock(side_effect=RuntimeError("no luck")))
    for step in range(6):
        assert len(tick(START + timedelta(minutes=5 * step))) == 1
    assert len(db.session.scalars(select(Alert.id).where(Alert.source == "scheduler")).all()) == 6
    monkeypatch.undo()
    tick(START + timedelta(minutes=30))
    assert db.session.scalars(select(ScheduleRun.state).order_by(ScheduleRun.id.desc())).first() is ClaimState.DONE


def test_whoever_crosses_an_edge_is_found_though_nothing_happened_to_her(house: House) -> None:
    """Sixty days after her last visit, by the daily run alone; nobody touched her record."""
    schedule("rules-daily", daily_at="03:30")
    due = datetime(2026, 11, 22, 19, 30, tzinfo=UTC)
    Salon(house).visit(house.ids["anna"], business_day(due) - timedelta(59))
    tags = select(Tag.slug).join(CustomerTag, CustomerTag.tag_id == Tag.id)
    held = tags.where(CustomerTag.customer_id == house.ids["anna"], CustomerTag.until.is_(None))
    for days, expected in ((0, False), (1, True)):
        assert len(tick(due + timedelta(days=days))) == 1
        assert ("dormant" in db.session.scalars(held).all()) is expected
        assert marked() == set()


def test_what_is_overdue_is_seen(house: House) -> None:
    schedule(every_minutes=1440)
    assert overdue(START + timedelta(minutes=29)) == []
    assert overdue(START + timedelta(minutes=31)) == ["rules-changed"]
    tick(START + timedelta(minutes=31))
    assert overdue(START + timedelta(minutes=32)) == []


# -------------------------------------------------------------------------------------- real processes

WORKER = """
import sys
from datetime import datetime
from pathlib import Path
from admin_app import create_app, scheduler
from admin_app.settings import Settings

folder, url, rules, ticks = sys.argv[1:5]
app = create_app(Settings(data_dir=Path(folder), database_url=url, rules_dir=Path(rules), scheduler=False))
with app.app_context():
    print("ready", flush=True)
    for line in sys.stdin:
        at = datetime.fromisoformat(line.strip())
        for due in scheduler.tick(at):
            print("ran", due.name, due.at.isoformat(), flush=True)
        print("ticked", flush=True)
"""


class Worker:
    """A process of the house that does what is due when it is told the time."""

    def __init__(self, house: House, code: str = WORKER) -> None:
        url = str(house.settings.database_url)
        arguments = [str(house.folder), url, str(house.settings.rules_dir), "0"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self.said() == "ready"

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, at: datetime) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(at.isoformat() + "\n")
        self.process.stdin.flush()

    def ran(self) -> list[str]:
        found = []
        while (line := self.said()) != "ticked":
            assert line, "the process ended"
            found.append(line)
        return found

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=HANG_SECONDS)
        self.process.stdout.close()


def test_four_processes_run_each_due_time_once(house: House) -> None:
    schedule(every_minutes=5)
    db.session.remove()
    workers = [Worker(house) for _ in range(4)]
    ran: Counter[str] = Counter()
    for step in range(12):
        at = START + timedelta(minutes=5 * step)
        for worker in workers:
            worker.tell(at)
        for worker in workers:
            ran.update(worker.ran())
    for worker in workers:
        worker.end()
    assert len(ran) == 12
    assert set(ran.values()) == {1}
    states = db.session.scalars(select(ScheduleClaim.state)).all()
    assert states == [ClaimState.DONE] * 12


DYING = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
import time_machine
from admin_app import create_app, scheduler, evaluation
from admin_app.operations import kernel
from admin_app.settings import Settings

folder, url, rules, _ = sys.argv[1:5]
app = create_app(Settings(data_dir=Path(folder), database_url=url, rules_dir=Path(rules), scheduler=False))
evaluation.CHUNK = dict.fromkeys(evaluation.CHUNK, 10)
done = []
once = kernel._once

def dying(call):
    answer = once(call)
    if call.spec.name == "apply_rules":
        done.append(1)
        if len(done) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
    return answer

kernel._once = dying
with app.app_context():
    print("ready", flush=True)
    at = datetime.fromisoformat(sys.stdin.readline().strip())
    with time_machine.travel(at):  # its lease is counted from now
        scheduler.tick(at)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_run_that_is_killed_is_taken_over_and_nothing_is_lost_or_doubled(house: House) -> None:
    """Killed after the second of several parts; whoever comes next goes on where it stopped."""
    schedule("rules-daily", daily_at="03:30")
    with raw_operation():
        day = START.date()
        store = house.ids["first"]
        db.session.add_all(Customer(name=f"客{n}", store_id=store, registered_on=day) for n in range(37))
    db.session.remove()
    due = datetime(2026, 11, 22, 19, 30, tzinfo=UTC)
    dying = Worker(house, DYING)
    dying.tell(due)
    assert dying.process.wait(timeout=HANG_SECONDS) == -signal.SIGKILL
    for pipe in (dying.process.stdin, dying.process.stdout):
        assert pipe is not None
        pipe.close()
    claim = db.session.scalars(select(ScheduleClaim)).one()
    assert (claim.state, claim.epoch) == (ClaimState.CLAIMED, 1)
    with raw_operation():  # its writes renewed the lease by the wall clock, which may be later than this test's day
        db.session.scalars(select(ScheduleClaim)).one().lease_until = due + LEASE
    partly = len(db.session.scalars(select(RuleMatch)).all())
    assert 0 < partly < 40
    assert [one.name for one in tick(due + timedelta(hours=1))] == ["rules-daily"]
    db.session.expire_all()
    assert db.session.scalars(select(ScheduleClaim.state)).one() is ClaimState.DONE
    layers = db.session.scalars(select(RuleMatch.customer_id).where(RuleMatch.rule == "layer:layer-c")).all()
    assert len(layers) == len(set(layers)) == 40
    parts = db.session.scalars(select(Operation.detail).where(Operation.name == "apply_rules")).all()
    assert sum(part["gained"].get("layer:layer-c", 0) for part in parts if part) == 40, "nothing was done twice"
    assert [part["first"] for part in parts if part][2] > 11, "it went on where it stopped"


def test_a_runs_own_writes_renew_its_lease(house: House) -> None:
    due = Due(schedule(every_minutes=5), "rules-changed", START)
    evaluate(START.date(), claim=take_claim(due, START))
    assert db.session.scalars(select(ScheduleClaim)).one().lease_until > START + LEASE
